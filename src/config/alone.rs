//! Reads single keys of a site file whose rest may be wrong, so that a running daemon can be reached and an existing
//! store can be read, whatever mistake was made in the file since.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::site::KeySource;

/// Where the daemon listens when the file does not say so.
pub(super) const SOCKET: &str = "/run/rackstart/rackstart.sock";
/// Where the store is when the file does not say so.
pub(super) const STATE: &str = "/var/lib/rackstart";

/// The keys that can be read on their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alone {
    /// `server.socket`.
    pub socket: PathBuf,
    /// `server.state`.
    pub state: PathBuf,
    /// Where the key for the secrets is.
    pub key: KeySource,
    /// `site.blueprint`, if it is a string.
    pub blueprint: Option<String>,
    /// `site.templates`, if it is a string.
    pub templates: Option<String>,
}

/// Reads these keys and nothing else; a path that is not absolute counts as missing.
pub(super) fn read(text: &str) -> Alone {
    let without_nodes = without_nodes(text);
    let text = without_nodes.as_deref().unwrap_or(text);
    let (document, _) = DeTable::parse_recoverable(text);
    let value = |section: &str, key: &str| {
        let table = document.get_ref().get(section).and_then(|table| table.get_ref().as_table());
        table.and_then(|table| text_of(table, key)).or_else(|| by_line(text, section, key))
    };
    let path = |section, key| value(section, key).filter(|text| Path::new(text).is_absolute()).map(PathBuf::from);
    let key = match (path("secrets", "key_file"), value("secrets", "credential")) {
        (Some(file), _) => KeySource::File(file),
        (None, Some(name)) => KeySource::Credential(name),
        (None, None) => KeySource::None,
    };
    Alone {
        socket: path("server", "socket").unwrap_or_else(|| SOCKET.into()),
        state: path("server", "state").unwrap_or_else(|| STATE.into()),
        key,
        blueprint: value("site", "blueprint"),
        templates: value("site", "templates"),
    }
}

/// The text without its nodes, which are nearly all of a large file; `None` when that needs more than a look at the
/// beginnings of lines.
fn without_nodes(text: &str) -> Option<String> {
    let (mut rest, mut is_node) = (String::new(), false);
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        if start.starts_with('[') {
            match heading(start) {
                Some(table) => is_node = table == "node",
                // It may as well be a line of an array.
                None if is_node => return None,
                None => {}
            }
        }
        // What looks like a heading may be a line of such a text.
        if line.contains("\"\"\"") || line.contains("'''") {
            return None;
        }
        if !is_node {
            rest.push_str(line);
        }
    }
    Some(rest)
}

/// The first name in a line that can only be the heading of a table.
fn heading(line: &str) -> Option<&str> {
    let line = line.split('#').next().unwrap_or_default().trim_end();
    let inner = match line.strip_prefix("[[") {
        Some(inner) => inner.strip_suffix("]]")?,
        None => line.strip_prefix('[')?.strip_suffix(']')?,
    };
    let is_bare = |name: &str| {
        let mut letters = name.bytes();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-'))
            // These are also values, of which a line of an array may consist.
            && !["true", "false", "inf", "nan"].contains(&name)
    };
    let mut names = inner.split('.').map(str::trim);
    let first = names.next().filter(|name| is_bare(name))?;
    names.all(is_bare).then_some(first)
}

fn text_of(table: &DeTable<'_>, key: &str) -> Option<String> {
    table.get(key)?.get_ref().as_str().map(String::from)
}

/// A parser that trips over a broken line may also lose its neighbours; read line by line, they are still there.
fn by_line(text: &str, section: &str, key: &str) -> Option<String> {
    let heading = format!("[{section}");
    let lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with(&heading)).skip(1);
    let mut lines = lines.take_while(|line| !line.starts_with('['));
    lines.find_map(|line| text_of(DeTable::parse(line).ok()?.get_ref(), key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_keys_are_read_from_a_file_with_any_other_mistake() {
        let good = super::super::EXAMPLE.replace(SOCKET, "/tmp/mine").replace(STATE, "/tmp/store");
        let good = good + "\n[secrets]\nkey_file = \"/tmp/key\"\n";
        let mine = || Alone {
            socket: "/tmp/mine".into(),
            state: "/tmp/store".into(),
            key: KeySource::File("/tmp/key".into()),
            blueprint: None,
            templates: None,
        };
        let path = |text: &str| Alone { blueprint: None, ..read(text) };
        assert_eq!(read(&good).blueprint.as_deref(), Some("essex"));
        assert_eq!(path(&good), mine());
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
            assert_eq!(path(&good.replacen(right, slip, 1)), mine(), "{slip}");
            assert_eq!(path(&good.replace(right, slip)), mine(), "{slip} everywhere");
        }
    }

    #[test]
    fn the_nodes_of_a_file_are_left_out_only_where_a_line_says_what_it_is() {
        let head = "[server]\nsocket = \"/a\"\n";
        let node = "[[node]]\nname = \"n\"\n[[node.nic]]\nmac = \"\"\n[node.x]\ny = [\n  1,\n]\n";
        let all = format!("{}{head}{node} [ site ] # here\nblueprint = \"b\"\n", node);
        assert_eq!(without_nodes(&all).unwrap(), format!("{head} [ site ] # here\nblueprint = \"b\"\n"));
        assert_eq!((read(&all).socket, read(&all).blueprint.as_deref()), ("/a".into(), Some("b")));
        for odd in [
            "[[node]]\nx = [\n[\"server\"]\n]\n",
            "[[node]]\nx = [\n  [true]\n]\n",
            "[[node]]\nx = \"\"\"\n[server]\nsocket = \"/wrong\"\n\"\"\"\n",
            "[[node]]\nx = '''\n[server]\nsocket = \"/wrong\"\n'''\n",
            "[[node]]\nx = 1\n[\"site\"]\n",
        ] {
            assert_eq!(without_nodes(odd), None, "{odd}");
            assert_eq!(read(&format!("{odd}{head}")).socket, PathBuf::from("/a"), "{odd}");
        }
    }

    #[test]
    fn what_names_no_socket_means_the_usual_one() {
        for text in ["", "\0", "server = 3", "[server]\nsocket = 7", "[server]\nsocket = \"mine\"", "[[server]]"] {
            let Alone { socket, state, key, .. } = read(text);
            assert_eq!((socket, state, key), (SOCKET.into(), STATE.into(), KeySource::None), "{text}");
        }
    }
}
