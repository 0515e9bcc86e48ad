//! What is wrong with a machine that is to serve a rack, before the first power-on: findings, each with its fix. Pure:
//! `cli::doctor` looks at the machine, and this says what it means.

mod bmcs;
mod filter;

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::site::{DhcpMode, Site, TimeService};

pub(crate) use bmcs::BmcAnswer;
pub(crate) use filter::Filter;

/// Bytes that the state directory should have free: the store of a large site, its logs and its backups.
const ROOM: u64 = 1 << 30;
/// What Ethernet carries without jumbo frames.
const MTU: u32 = 1500;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// As it should be.
    Ok,
    /// It could not be found out, or it is worth a look.
    Warning,
    /// No node will be installed like this.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub grade: Grade,
    /// What was looked at, in a word or two.
    pub about: String,
    /// What is true of it.
    pub says: String,
    /// One thing to do; none when it is well.
    pub help: Option<String>,
}

/// The provisioning interface, as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub is_up: bool,
    /// Whether its cable carries; none when the kernel does not say, as for an interface that is down.
    pub carries: Option<bool>,
    pub mtu: u32,
    /// Its addresses with the lengths of their prefixes.
    pub addresses: Vec<(Ipv4Addr, u8)>,
}

/// A socket that something listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listener {
    pub protocol: &'static str,
    /// Unspecified: on every address.
    pub address: Ipv4Addr,
    pub port: u16,
    /// Its program, if it could be found.
    pub program: Option<String>,
}

/// What is on the way to a network behind a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    pub subnet: ipnet::Ipv4Net,
    /// The interface of the best route; none without a route.
    pub interface: Option<String>,
    /// Each relay agent, and whether it answers a ping; none when that was not tried.
    pub relays: Vec<(Ipv4Addr, Option<bool>)>,
}

/// Another DHCP server that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rival(pub String);

/// Everything that was seen. What is `None` could not be found out; why is in `unseen`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Survey {
    /// Whether a daemon of this site runs; then the ports are its own.
    pub serves: bool,
    /// The interface of the site file; none when there is no such interface.
    pub interface: Option<Interface>,
    /// The names of all interfaces but `lo`.
    pub interfaces: Vec<String>,
    pub listeners: Vec<Listener>,
    pub filter: Option<Filter>,
    /// The other DHCP servers that answered.
    pub rivals: Option<Vec<Rival>>,
    pub ways: Vec<Way>,
    /// Whether the kernel calls its clock synchronised.
    pub clock_is_kept: bool,
    /// Whether the clock is before the day on which this program was built.
    pub clock_is_behind: bool,
    /// Free bytes where the state is kept.
    pub room: Option<u64>,
    /// What each BMC said, by the name of its node.
    pub bmcs: Vec<(String, BmcAnswer)>,
    /// What could not be looked at: the subject, and why.
    pub unseen: Vec<(String, String)>,
}

/// What the survey means for this site; the worst first, otherwise in the order of a boot.
pub(crate) fn judge(site: &Site, survey: &Survey) -> Vec<Finding> {
    let mut all = Findings(Vec::new());
    interface(site, survey, &mut all);
    ports(site, survey, &mut all);
    packet_filter(site, survey, &mut all);
    rivals(site, survey, &mut all);
    ways(site, survey, &mut all);
    clock(site, survey, &mut all);
    room(site, survey, &mut all);
    memory(site, &mut all);
    bmcs::bmcs(survey, &mut all);
    for (about, why) in &survey.unseen {
        all.add(Grade::Warning, about, format!("not looked at: {why}"), Some("run it as root".into()));
    }
    all.0.sort_by_key(|finding| std::cmp::Reverse(finding.grade));
    all.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, grade: Grade, about: &str, says: String, help: Option<String>) {
        self.0.push(Finding { grade, about: about.into(), says, help });
    }

    fn ok(&mut self, about: &str, says: String) {
        self.add(Grade::Ok, about, says, None);
    }

    fn warn(&mut self, about: &str, says: String, help: String) {
        self.add(Grade::Warning, about, says, Some(help));
    }

    fn error(&mut self, about: &str, says: String, help: String) {
        self.add(Grade::Error, about, says, Some(help));
    }
}

fn interface(site: &Site, survey: &Survey, all: &mut Findings) {
    let (name, address) = (&site.server.interface, site.server.address);
    let about = "interface";
    let Some(seen) = &survey.interface else {
        let known = if survey.interfaces.is_empty() { "none".into() } else { survey.interfaces.join(", ") };
        let help = format!("write one of those of this machine to `interface` in `[server]`: {known}");
        return all.error(about, format!("there is no interface `{name}`"), help);
    };
    if !seen.is_up {
        all.error(about, format!("`{name}` is down"), format!("ip link set {name} up"));
    } else if seen.carries == Some(false) {
        let help = "plug it in, or switch on what is at the other end".to_string();
        all.error(about, format!("the cable of `{name}` does not carry"), help);
    } else {
        all.ok(about, format!("`{name}` is up"));
    }
    let length = site.network.subnet.prefix_len();
    match seen.addresses.iter().find(|(found, _)| *found == address) {
        None => {
            let help = format!("ip address add {address}/{length} dev {name}, and in the network settings for good");
            all.error("address", format!("`{name}` has not the address {address}"), help);
        }
        Some((_, found)) if *found != length => {
            let help =
                format!("ip address del {address}/{found} dev {name}; ip address add {address}/{length} dev {name}");
            let says = format!("`{name}` has {address}/{found}, and `subnet` says /{length}");
            all.error("address", says, help);
        }
        Some(_) => all.ok("address", format!("`{name}` has {address}/{length}")),
    }
    if seen.mtu < MTU {
        let help = format!("ip link set {name} mtu {MTU}; smaller ones lose what firmware sends in one piece");
        all.error("MTU", format!("`{name}` carries packets of {} bytes", seen.mtu), help);
    } else if seen.mtu > MTU {
        let help =
            format!("ip link set {name} mtu {MTU}, unless the switch and every card of the nodes carry that too");
        all.warn(
            "MTU",
            format!("`{name}` carries packets of {} bytes; firmware sends and takes {MTU}", seen.mtu),
            help,
        );
    } else {
        all.ok("MTU", format!("{MTU} bytes"));
    }
}

/// Every port that this site needs on the provisioning interface.
pub(crate) fn needed(site: &Site) -> Vec<(&'static str, u16, &'static str)> {
    let server = &site.server;
    let mut all = Vec::new();
    if server.dhcp != DhcpMode::Off {
        all.push(("udp", 67, "DHCP"));
    }
    if server.dhcp == DhcpMode::Proxy {
        all.push(("udp", 4011, "the boot server of PXE"));
    }
    all.extend([("udp", 69, "TFTP"), ("tcp", server.http_port, "HTTP")]);
    if server.dns {
        all.extend([("udp", 53, "names"), ("tcp", 53, "names")]);
    }
    if server.ntp != TimeService::Off {
        all.push(("udp", 123, "time"));
    }
    if server.syslog {
        all.extend([("udp", 514, "the installers' logs"), ("tcp", 514, "the installers' logs")]);
    }
    all
}

fn ports(site: &Site, survey: &Survey, all: &mut Findings) {
    if survey.serves {
        return all.ok("ports", "a daemon of this site serves on them".into());
    }
    let mut free = Vec::new();
    for (protocol, port, what) in needed(site) {
        let meets = |listener: &&Listener| {
            let is_here = listener.address.is_unspecified() || listener.address == site.server.address;
            listener.protocol == protocol && listener.port == port && is_here
        };
        match survey.listeners.iter().find(meets) {
            None => free.push(format!("{protocol} {port}")),
            Some(taken) => {
                let program = taken.program.as_deref().unwrap_or("another program");
                let help = match port {
                    53 => "stop it, let it listen on other addresses, or set `dns = false` in `[server]`".to_string(),
                    123 => "stop it, let it listen on other addresses, or set `ntp = \"off\"` in `[server]`".into(),
                    _ => format!("stop {program}, or let it listen on other addresses only"),
                };
                let says = format!("{protocol} {port} ({what}) is in use by {program} on {}", taken.address);
                all.error("ports", says, help);
            }
        }
    }
    if !free.is_empty() {
        all.ok("ports", format!("free: {}", free.join(", ")));
    }
}

fn packet_filter(site: &Site, survey: &Survey, all: &mut Findings) {
    let Some(filter) = &survey.filter else { return };
    let shut: Vec<_> = needed(site).into_iter().filter(|(protocol, port, _)| filter.drops(protocol, *port)).collect();
    if shut.is_empty() {
        return all.ok("packet filter", "lets in what nodes send".into());
    }
    let list = shut.iter().map(|(protocol, port, _)| format!("{protocol} {port}")).collect::<Vec<_>>().join(", ");
    let name = &site.server.interface;
    let help = match filter.is_firewalld() {
        true => format!("firewall-cmd --permanent --zone=trusted --add-interface={name}; firewall-cmd --reload"),
        false => {
            format!("let it in on `{name}`: iptables -I INPUT -i {name} -j ACCEPT, or the same in nft's input chain")
        }
    };
    all.error("packet filter", format!("drops what no rule names, and no rule names {list}"), help);
}

fn rivals(site: &Site, survey: &Survey, all: &mut Findings) {
    let Some(rivals) = &survey.rivals else { return };
    let list = rivals.iter().map(|rival| rival.0.clone()).collect::<Vec<_>>().join("; ");
    match (site.server.dhcp, rivals.is_empty()) {
        (DhcpMode::Authoritative, true) => all.ok("DHCP servers", "no other one answers".into()),
        (DhcpMode::Authoritative, false) if site.server.allows_rivals => {
            all.ok("DHCP servers", format!("allowed: {list}"))
        }
        (DhcpMode::Authoritative, false) => {
            let help = "switch it off on this network, or set `dhcp = \"proxy\"` in `[server]` and reserve the nodes' \
                        addresses there (docs/networks.md)";
            all.error("DHCP servers", format!("another one answers: {list}"), help.into());
        }
        (mode, true) => {
            let help = "start the other server; `rackstart dhcp-config` prints what it needs".into();
            all.error("DHCP servers", format!("`dhcp` is \"{}\", and no other server answers", mode.as_str()), help);
        }
        (_, false) => all.ok("DHCP servers", list),
    }
}

fn ways(site: &Site, survey: &Survey, all: &mut Findings) {
    let own = &site.server.interface;
    for way in &survey.ways {
        let (about, subnet) = ("networks", way.subnet);
        match &way.interface {
            None => {
                let help = format!("ip route add {subnet} via ROUTER dev {own}, and in the network settings for good");
                all.error(about, format!("there is no route to {subnet}"), help);
            }
            Some(interface) if interface != own => {
                let help = format!("route it by `{own}`: answers leave by the provisioning interface only");
                all.error(about, format!("{subnet} is reached by `{interface}`"), help);
            }
            Some(_) => all.ok(about, format!("{subnet} is reached by `{own}`")),
        }
        for (relay, answers) in &way.relays {
            match answers {
                Some(true) => all.ok("relay agents", format!("{relay} answers")),
                Some(false) => {
                    let help = "look whether it is switched on, and whether it knows the way back; some answer no ping";
                    all.warn("relay agents", format!("{relay} does not answer a ping"), help.into());
                }
                None => {}
            }
        }
    }
}

fn clock(site: &Site, survey: &Survey, all: &mut Findings) {
    if survey.clock_is_behind {
        let help = "set it: `date -s`, or `chronyc makestep`; nothing is armed before".into();
        return all.error("clock", "it is before the day on which this program was built".into(), help);
    }
    match (survey.clock_is_kept, site.server.ntp) {
        (true, _) => all.ok("clock", "synchronised".into()),
        (false, TimeService::Synchronised) => {
            let help = "start chronyd or systemd-timesyncd, or set `ntp = \"always\"` in `[server]`".into();
            all.warn("clock", "not synchronised: nodes are told not to trust it".into(), help);
        }
        (false, _) => {
            let help = "start chronyd or systemd-timesyncd, unless the rack has no time of its own".into();
            all.warn("clock", "not synchronised: nodes agree with each other, not with the world".into(), help);
        }
    }
}

fn room(site: &Site, survey: &Survey, all: &mut Findings) {
    let Some(free) = survey.room else { return };
    let (place, mib) = (site.server.state.display(), free >> 20);
    match free < ROOM {
        true => {
            let help = "make room, or move `state` of `[server]` to a larger disk".into();
            all.warn("room", format!("{mib} MiB are free for {place}, and 1024 MiB is what a rack should have"), help);
        }
        false => all.ok("room", format!("{mib} MiB are free for {place}")),
    }
}

/// What the installers ask for (docs/operation.md, "What the machines need"). How much a node has, nobody knows before
/// it boots.
fn memory(site: &Site, all: &mut Findings) {
    let mut releases: Vec<(u8, &str)> = Vec::new();
    for node in &site.nodes {
        let needs = match node.release.major {
            _ if node.release.is_debian() => continue,
            6 => "384 MiB",
            7..=9 => "3 GiB",
            _ => "3 GiB, and x86-64-v3",
        };
        if !releases.iter().any(|(major, _)| *major == node.release.major) {
            releases.push((node.release.major, needs));
        }
    }
    for (major, needs) in releases {
        all.ok("memory", format!("nodes of release {major} need {needs}; with less, their installer waits for a key"));
    }
}

#[cfg(test)]
mod tests;
