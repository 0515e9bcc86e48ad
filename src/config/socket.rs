//! The daemon's socket out of a site file that may otherwise be wrong: `status`, `watch` and `explain` ask a daemon that
//! runs, and a slip made in the file since then must not stand between.

use std::path::PathBuf;

use toml::de::DeTable;

/// Where the daemon listens when the file does not say.
pub(super) const DEFAULT: &str = "/run/rackstart/rackstart.sock";

/// Reads `server.socket` and nothing else; what is no absolute path counts as missing.
pub(super) fn path(text: &str) -> PathBuf {
    let (document, _) = DeTable::parse_recoverable(text);
    let server = document.get_ref().get("server").and_then(|server| server.get_ref().as_table());
    let socket = server.and_then(socket_of).or_else(|| by_line(text));
    socket.unwrap_or_else(|| DEFAULT.into())
}

fn socket_of(server: &DeTable<'_>) -> Option<PathBuf> {
    let socket = server.get("socket")?.get_ref().as_str()?;
    socket.starts_with('/').then(|| socket.into())
}

/// A parser that stumbled over a broken line may have lost its neighbours too; line by line they are still there.
fn by_line(text: &str) -> Option<PathBuf> {
    let lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with("[server")).skip(1);
    let mut section = lines.take_while(|line| !line.starts_with('['));
    section.find_map(|line| socket_of(DeTable::parse(line).ok()?.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_read_from_a_file_with_any_other_mistake() {
        let good = super::super::EXAMPLE.replace(DEFAULT, "/tmp/mine");
        assert_eq!(path(&good), PathBuf::from("/tmp/mine"));
        for (right, slip) in [
            ("blueprint = ", "blueprnt = "),
            ("role = \"compute\"", "role = \"comptue\""),
            ("[site]", "[site"),
            ("name = \"", "name = "),
            ("name = \"testbed\"", "name = \"testbed"),
            ("[server]", "[server"),
            ("[network]", "= 7\n[network]"),
            ("interface = ", "interface "),
            ("address = \"", "address = \"\"\""),
            ("[[node]]", "[node]"),
            ("mac = \"", "mac = [\""),
        ] {
            assert!(good.contains(right), "{right}");
            assert_eq!(path(&good.replacen(right, slip, 1)), PathBuf::from("/tmp/mine"), "{slip}");
            assert_eq!(path(&good.replace(right, slip)), PathBuf::from("/tmp/mine"), "{slip} everywhere");
        }
    }

    #[test]
    fn what_names_no_socket_means_the_usual_one() {
        for text in ["", "\0", "server = 3", "[server]\nsocket = 7", "[server]\nsocket = \"mine\"", "[[server]]"] {
            assert_eq!(path(text), PathBuf::from(DEFAULT), "{text}");
        }
    }
}
