//! What `rackstart doctor` sees of this machine. It decides nothing.

use std::collections::HashMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

use ipnet::Ipv4Net;
use nix::ifaddrs::getifaddrs;

use super::super::Failure;
use super::super::client::Client;
use crate::clock::{BUILT, unix_now};
use crate::doctor::{Filter, Interface, Listener, Rival, Survey, Way};
use crate::server::dhcp::lookout::others_on;
use crate::server::operate::StatusReport;
use crate::site::Site;

/// Looks at everything that `doctor::judge` asks for.
pub(crate) fn of(site: &Site, client: &Client) -> Result<Survey, Failure> {
    let status = client.get::<StatusReport>("/api/v1/status").ok();
    let mut survey = Survey {
        serves: status.is_some(),
        interfaces: names(),
        interface: interface(&site.server.interface),
        ways: site.routed.iter().map(|network| way(network.subnet, &network.relays)).collect(),
        clock_is_kept: crate::server::ntp::is_kept(),
        clock_is_behind: unix_now() < BUILT,
        room: room(&site.server.state),
        bmcs: super::bmcs::ask(site, status.is_some().then_some(client)),
        ..Survey::default()
    };
    match listeners() {
        Ok(all) => survey.listeners = all,
        Err(error) => survey.unseen.push(("ports".into(), error.to_string())),
    }
    match filter(&site.server.interface) {
        Ok(filter) => survey.filter = Some(filter),
        Err(why) => survey.unseen.push(("packet filter".into(), why)),
    }
    if let Some(status) = status {
        // The daemon looks all the time, and would take our packet for that of a rival.
        let rivals = status.alarms.into_iter().filter(|alarm| alarm.kind == "rival");
        survey.rivals = Some(rivals.map(|alarm| Rival(alarm.subject)).collect());
    } else if survey.interface.as_ref().is_some_and(|seen| seen.is_up) {
        let runtime = super::super::client::runtime()?;
        match runtime.block_on(others_on(&site.server.interface)) {
            Ok(servers) => survey.rivals = Some(servers.into_iter().map(Rival).collect()),
            Err(error) => survey.unseen.push(("DHCP servers".into(), error.to_string())),
        }
    }
    Ok(survey)
}

fn names() -> Vec<String> {
    let entries = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "lo");
    names.sort();
    names
}

/// From the kernel of this network namespace; /sys may show those of another one.
fn interface(name: &str) -> Option<Interface> {
    let mut seen: Option<Interface> = None;
    for found in getifaddrs().ok()?.filter(|found| found.interface_name == name) {
        use nix::net::if_::InterfaceFlags as Flags;
        let (is_up, carries) = (found.flags.contains(Flags::IFF_UP), found.flags.contains(Flags::IFF_RUNNING));
        let new = || Interface { is_up, carries: is_up.then_some(carries), mtu: mtu(name), addresses: Vec::new() };
        let seen = seen.get_or_insert_with(new);
        let address = found.address.as_ref().and_then(|address| Some(address.as_sockaddr_in()?.ip()));
        let mask = found.netmask.as_ref().and_then(|mask| Some(mask.as_sockaddr_in()?.ip()));
        if let (Some(address), Some(mask)) = (address, mask) {
            seen.addresses.push((address, mask.to_bits().count_ones() as u8));
        }
    }
    seen
}

/// 1500 where it cannot be read.
fn mtu(name: &str) -> u32 {
    let text = fs::read_to_string(format!("/sys/class/net/{name}/mtu")).unwrap_or_default();
    text.trim().parse().unwrap_or(1500)
}

/// Sockets of this network namespace (proc(5)): those of UDP, and those of TCP that listen.
fn listeners() -> std::io::Result<Vec<Listener>> {
    let mut all = Vec::new();
    let mut inodes: HashMap<String, Vec<usize>> = HashMap::new();
    for (protocol, file, six) in [
        ("udp", "/proc/net/udp", false),
        ("tcp", "/proc/net/tcp", false),
        ("udp", "/proc/net/udp6", true),
        ("tcp", "/proc/net/tcp6", true),
    ] {
        let text = match fs::read_to_string(file) {
            // Without IPv6 there is no such file.
            Err(_) if six => continue,
            text => text?,
        };
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(state), Some(inode)) = (words.get(1), words.get(3), words.get(9)) else { continue };
            let Some((address, port)) = local.split_once(':') else { continue };
            let Ok(port) = u16::from_str_radix(port, 16) else { continue };
            // A socket of IPv6 on every address takes IPv4 too; others are not about us.
            let address = match six {
                true if address.bytes().all(|digit| digit == b'0') => Ipv4Addr::UNSPECIFIED,
                true => continue,
                false => match u32::from_str_radix(address, 16) {
                    Ok(bits) => Ipv4Addr::from(bits.to_ne_bytes()),
                    Err(_) => continue,
                },
            };
            if protocol == "tcp" && *state != "0A" {
                continue;
            }
            inodes.entry(format!("socket:[{inode}]")).or_default().push(all.len());
            all.push(Listener { protocol, address, port, program: None });
        }
    }
    for process in fs::read_dir("/proc")?.flatten() {
        let path = process.path();
        let Ok(files) = fs::read_dir(path.join("fd")) else { continue };
        for file in files.flatten() {
            let target = fs::read_link(file.path()).unwrap_or_default();
            for index in inodes.get(&*target.to_string_lossy()).into_iter().flatten() {
                all[*index].program = fs::read_to_string(path.join("comm")).ok().map(|name| name.trim().to_string());
            }
        }
    }
    Ok(all)
}

/// The rules of both programs; an error when one of them is there and may not look.
fn filter(interface: &str) -> Result<Filter, String> {
    let rules = |program: &str, arguments: &[&str]| match output(program, arguments) {
        None => Ok(String::new()),
        Some(Ok(text)) => Ok(text),
        Some(Err(why)) => Err(format!("{program}: {why}")),
    };
    let nft = rules("nft", &["list", "ruleset"])?;
    // With nft's own variant of iptables the same rules stand in both, and are read twice.
    let iptables = rules("iptables-save", &["-t", "filter"])?;
    Ok(Filter { iptables, nft, interface: interface.into() })
}

/// What a program prints, or what it complains about; none when it is not installed.
fn output(program: &str, arguments: &[&str]) -> Option<Result<String, String>> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut command = Command::new(program);
    let output = command.args(arguments).env("PATH", path).env("LC_ALL", "C").stdin(Stdio::null()).output();
    let output = output.ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Some(Ok(text(&output.stdout))),
        false => Some(Err(text(&output.stderr).lines().next().unwrap_or("it failed").to_string())),
    }
}

/// The best route of the kernel's main table (proc(5)), and who answers on it.
fn way(subnet: Ipv4Net, relays: &[Ipv4Addr]) -> Way {
    let table = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let route = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let bits = |at: usize| Some(u32::from_be(u32::from_str_radix(words.get(at)?, 16).ok()?));
        let (destination, mask) = (bits(1)?, bits(7)?);
        (subnet.network().to_bits() & mask == destination).then(|| (mask, words[0].to_string()))
    };
    let best = table.lines().skip(1).filter_map(route).max_by_key(|(mask, _)| *mask);
    let interface = best.map(|(_, interface)| interface);
    let answers = |relay: &Ipv4Addr| match &interface {
        Some(_) => output("ping", &["-n", "-c", "2", "-W", "2", &relay.to_string()]).map(|ping| ping.is_ok()),
        None => None,
    };
    Way { subnet, relays: relays.iter().map(|relay| (*relay, answers(relay))).collect(), interface }
}

/// Free bytes of the nearest folder of the path that exists.
fn room(state: &Path) -> Option<u64> {
    let place = state.ancestors().find(|place| place.exists())?;
    rustix::fs::statvfs(place).ok().map(|found| found.f_bavail.saturating_mul(found.f_frsize))
}
