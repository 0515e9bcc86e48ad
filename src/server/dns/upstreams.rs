//! The servers to ask: those of the site file, or those of this machine's `/etc/resolv.conf`, but never ourselves.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// How often that file is read, because a machine may learn of other servers at any time.
const LOOK: Duration = Duration::from_secs(5);
/// As many servers as resolv.conf(5) may name.
const MAX_SERVERS: usize = 3;

/// The current list.
pub(super) struct Upstreams {
    own: Ipv4Addr,
    written: Option<Vec<IpAddr>>,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    at: Option<Instant>,
    changed: Option<SystemTime>,
    servers: Vec<IpAddr>,
}

impl Upstreams {
    /// `written` is what the site file says, if anything; `own` is the address that we answer on.
    pub(super) fn new(own: Ipv4Addr, written: Option<Vec<IpAddr>>) -> Self {
        Self { own, written, read: Mutex::default() }
    }

    /// The servers, in order of preference.
    pub(super) fn now(&self) -> Vec<IpAddr> {
        match &self.written {
            Some(written) => written.clone(),
            None => self.of_this_machine(Path::new(RESOLV_CONF)),
        }
    }

    fn of_this_machine(&self, file: &Path) -> Vec<IpAddr> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if read.at.is_some_and(|at| now.duration_since(at) < LOOK) {
            return read.servers.clone();
        }
        read.at = Some(now);
        let changed = std::fs::metadata(file).and_then(|found| found.modified()).ok();
        if changed.is_none() || changed != read.changed {
            read.changed = changed;
            read.servers = servers(&std::fs::read_to_string(file).unwrap_or_default(), self.own);
        }
        read.servers.clone()
    }
}

/// The name servers of a resolv.conf(5), without our own address. A link-local address needs its link and is left out.
fn servers(text: &str, own: Ipv4Addr) -> Vec<IpAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        let address: IpAddr = address.parse().ok()?;
        // libc's resolver also takes the unspecified address to mean this machine.
        let address = if address.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address };
        (address != own).then_some(address)
    };
    text.lines().filter_map(address).take(MAX_SERVERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 254);

    #[test]
    fn the_machines_own_servers_are_asked_but_never_ourselves() {
        let text = "# nameserver 9.9.9.9\nsearch example.org\nnameserver 192.168.0.254\nnameserver 10.0.0.53\n\
            nameserver\t2001:db8::53 # comment\nnameserver fe80::1%eth0\nnameserver nonsense\nnameserver 0.0.0.0\n\
            nameserver 10.0.0.54\n";
        let expected = ["10.0.0.53", "2001:db8::53", "127.0.0.1"].map(|address| address.parse::<IpAddr>().unwrap());
        assert_eq!(servers(text, OWN), expected);
        assert!(servers("", OWN).is_empty());
    }

    #[test]
    fn the_site_file_overrules_the_machine_also_with_nothing() {
        assert!(Upstreams::new(OWN, Some(vec![])).now().is_empty());
        let written = vec![IpAddr::from([10, 9, 9, 1])];
        assert_eq!(Upstreams::new(OWN, Some(written.clone())).now(), written);
        let missing = Upstreams::new(OWN, None).of_this_machine(Path::new("/nonexistent/resolv.conf"));
        assert!(missing.is_empty());
    }
}
