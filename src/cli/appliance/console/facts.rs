//! What the console shows, read anew for each picture.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use serde::Deserialize;

use super::dialogue::Card;
use super::view::Screen;
use super::{Args, Failure, disks};
use crate::cli::client::Daemon;
use crate::server::operate::StatusReport;
use crate::site::Mac;

/// A line of the event log.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    pub at: u64,
    pub mac: Mac,
    pub text: String,
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Event>,
}

#[derive(Debug, Default)]
pub(super) struct Facts {
    /// What the first program waits for.
    pub status: String,
    /// Whether it waits for a disk.
    pub wants_state: bool,
    /// The word that it waits for.
    pub asks: Option<String>,
    /// Where the state is: `/dev/sda3`.
    pub state: String,
    /// The site file in use.
    pub site_file: Option<String>,
    /// Whether the partition's site file exists.
    pub has_site: bool,
    /// `eno1 192.168.0.254/24`.
    pub addresses: Vec<String>,
    pub cards: Vec<Card>,
    /// The disks, where one is asked for.
    pub disks: Vec<String>,
    pub report: Option<StatusReport>,
    /// Why there is no report.
    pub unreachable: Option<String>,
    pub strangers: BTreeSet<Mac>,
    pub events: Vec<Event>,
    pub log: Vec<String>,
    /// Why the site file is refused.
    pub problem: String,
    /// `memory 143 of 984 MiB`.
    pub memory: String,
    /// Whether something keeps this machine's clock right.
    pub has_time: bool,
}

impl Facts {
    pub(super) fn gather(args: &Args, screen: Screen) -> Self {
        let (run, place, medium) = (&args.run, &args.place, &args.medium);
        let text = |name: &str| fs::read_to_string(run.join(name)).unwrap_or_default().trim_end().to_string();
        let site = run.join("site");
        let mut facts = Self {
            status: text("status"),
            wants_state: run.join("wants-state").exists(),
            asks: Some(text("asks")).filter(|word| !word.is_empty()),
            state: text("state"),
            site_file: fs::read_link(&site).ok().map(|path| path.display().to_string()),
            has_site: place.join("rackstart.toml").exists() || medium.join("rackstart/site/rackstart.toml").exists(),
            addresses: addresses(),
            cards: cards(&args.cards),
            problem: text("problem").lines().map(plain).collect::<Vec<_>>().join("\n"),
            memory: memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()).unwrap_or_default(),
            has_time: !run.join("no-time").exists(),
            ..Self::default()
        };
        if facts.wants_state {
            facts.disks = disks::list().map_or_else(
                |failure: Failure| vec![failure.to_string()],
                |disks| std::iter::once(disks::heading()).chain(disks.iter().map(disks::Device::line)).collect(),
            );
        }
        if screen == Screen::Log || facts.site_file.is_some() {
            facts.log = text("log").lines().map(plain).collect();
        }
        if facts.site_file.is_some() {
            let client = Daemon::default().client(Some(&site));
            match client.get::<StatusReport>("/api/v1/status") {
                Ok(report) => facts.report = Some(report),
                Err(failure) => facts.unreachable = Some(failure.error),
            }
            if screen == Screen::Events && facts.report.is_some() {
                facts.events =
                    client.get::<Events>("/api/v1/timeline?limit=200").map_or_else(|_| Vec::new(), |page| page.events);
            }
            facts.strangers = strangers(&facts.log, facts.report.as_ref());
        }
        facts
    }

    /// Whether the questions of a first start are due.
    pub(super) fn wants_site(&self) -> bool {
        !self.has_site && !self.state.is_empty() && !self.wants_state && self.asks.is_none()
    }
}

/// A line without colours and control characters, which the network may have sent.
pub(super) fn plain(line: &str) -> String {
    line.chars().filter(|letter| !letter.is_control()).collect()
}

/// The MACs that the log names and that no node has.
fn strangers(log: &[String], report: Option<&StatusReport>) -> BTreeSet<Mac> {
    let named = |line: &String| line.split("mac=").nth(1)?.get(..17)?.parse::<Mac>().ok();
    let mut found: BTreeSet<Mac> = log.iter().filter_map(named).collect();
    for node in report.into_iter().flat_map(|report| &report.nodes) {
        found.remove(&node.mac);
    }
    found
}

/// What cannot be had back from the kernel, of what there is.
fn memory(meminfo: &str) -> Option<String> {
    let mib = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
    };
    let all = mib("MemTotal")?;
    Some(format!("memory {} of {all} MiB", all.checked_sub(mib("MemAvailable")?)?))
}

fn addresses() -> Vec<String> {
    let found = getifaddrs().into_iter().flatten().filter_map(|interface| {
        let address = interface.address?.as_sockaddr_in()?.ip();
        (!address.is_loopback()).then(|| format!("{} {address}", interface.interface_name))
    });
    found.collect()
}

/// The Ethernet cards in the kernel's folder of them, by name. It calls bridges and the like Ethernet, too.
fn cards(folder: &Path) -> Vec<Card> {
    let read = |name: &str, file: &str| {
        fs::read_to_string(folder.join(name).join(file)).unwrap_or_default().trim().to_string()
    };
    let names =
        fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name != "lo" && read(name, "type") == "1").collect();
    names.sort();
    names
        .into_iter()
        .map(|name| Card { mac: read(&name, "address"), has_carrier: read(&name, "carrier") == "1", name })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_in_use_is_what_the_kernel_cannot_give_back() {
        let text = "MemTotal:        1009000 kB\nMemFree:  1 kB\nMemAvailable:     862000 kB\n";
        assert_eq!(memory(text).unwrap(), "memory 144 of 985 MiB");
        assert_eq!(memory("nothing"), None);
    }

    #[test]
    fn strangers_are_the_macs_of_the_log_that_no_node_has() {
        let log = vec![
            "2026 WARN no answer to DHCPDISCOVER: no node has this MAC mac=52:54:00:99:00:01 arch=bios".to_string(),
            "2026 WARN mac=short".to_string(),
            "nothing".to_string(),
            "again mac=52:54:00:99:00:01".to_string(),
        ];
        let found: Vec<String> = strangers(&log, None).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["52:54:00:99:00:01"]);
    }
}
