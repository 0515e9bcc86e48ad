//! Whether the daemon has more privileges than it needs: it then says so once, and works all the same.

/// CAP_NET_BIND_SERVICE and CAP_NET_RAW, as bits of `/proc/self/status`.
const NEEDED: u64 = 1 << 10 | 1 << 13;
/// The only line of `/proc/self/uid_map` outside user namespaces.
const WHOLE_MAP: [&str; 3] = ["0", "0", "4294967295"];

/// One line of advice for a start as root; `None` when all is well, or in a user namespace, where root is an ordinary
/// user.
pub(crate) fn advice() -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    advice_for(&read("status"), &read("uid_map"))
}

fn advice_for(status: &str, uid_map: &str) -> Option<String> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let effective = u64::from_str_radix(field("CapEff:").trim(), 16).unwrap_or(0);
    let is_root = field("Uid:").split_whitespace().nth(1) == Some("0");
    let is_namespace = uid_map.split_whitespace().ne(WHOLE_MAP);
    if is_namespace || !is_root || effective & !NEEDED == 0 {
        return None;
    }
    let service = "the systemd service runs it as its own user with CAP_NET_BIND_SERVICE and CAP_NET_RAW only";
    Some(format!(
        "running as root with all capabilities, although two are enough: {service}; docs/operation.md says how"
    ))
}

#[cfg(test)]
mod tests {
    use super::advice_for;

    const MAP: &str = "         0          0 4294967295\n";

    fn status(uid: u32, capabilities: &str) -> String {
        format!("Name:\trackstart\nUid:\t1000\t{uid}\t0\t0\nCapEff:\t{capabilities}\n")
    }

    #[test]
    fn only_real_root_with_more_than_it_needs_is_told() {
        assert!(advice_for(&status(0, "000001ffffffffff"), MAP).unwrap().contains("its own user"));
        assert_eq!(advice_for(&status(0, "000001ffffffffff"), "0 1000 1\n"), None, "root of a user namespace");
        assert_eq!(advice_for(&status(0, "0000000000002400"), MAP), None, "root without privileges");
        assert_eq!(advice_for(&status(998, "0000000000002400"), MAP), None);
        assert_eq!(advice_for("", ""), None, "no /proc");
    }
}
