//! Which changes of a site file a running installation forbids. Pure: the reload asks before it swaps the sites.

use std::fmt;

use super::State;
use crate::site::{CopySets, InstallTree, Mac, Node, NodeName, Server, Site, TimeService};

/// One reason why a site cannot replace the running one now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hindrance {
    /// A key of the site file that is read once, when the daemon starts.
    NeedsRestart {
        /// The key as the site file spells it.
        key: &'static str,
        /// The running value.
        from: String,
        /// The wanted value.
        to: String,
    },
    /// The number of copies of a volume that exists already.
    Copies {
        /// The number of copies with which it was made.
        from: usize,
        /// The number that the new file implies.
        to: usize,
    },
    /// A node on which an installer or firstboot is running.
    AtWork {
        /// Its name in the running site.
        node: NodeName,
        /// Its state.
        state: &'static str,
        /// What would change, in prose.
        what: String,
    },
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsRestart { key, from, to } => {
                write!(f, "`{key}` changes from {from} to {to}, which needs a restart: `rackstart serve` reads it once")
            }
            Self::AtWork { node, state, what } => write!(f, "{node} is {state}, and {what}"),
            Self::Copies { from, to } => {
                write!(f, "the volume was made with {from} copies, and with these nodes the site file implies {to}")
            }
        }
    }
}

impl Hindrance {
    /// One thing that the operator can do.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::Copies { from, .. } => {
                format!("write `replica = \"{from}\"` under `[variables]`: an existing volume keeps its number")
            }
            Self::NeedsRestart { .. } => "restart the daemon; no node loses its state".into(),
            Self::AtWork { node, state: "armed", .. } => {
                format!("wait for its installation, or disarm it first: `rackstart disarm {node}`")
            }
            Self::AtWork { node, state: "ready", .. } => {
                format!(
                    "undo that change; to move it, take {node} out of the file, reload, add it again and reimage it"
                )
            }
            Self::AtWork { .. } => "undo that change, or wait until the node is ready or failed".into(),
        }
    }
}

/// Everything that prevents swapping `old` for `new`; empty when nothing does.
///
/// A node whose installer is running keeps its whole entry, because its plan is fixed and its kickstart was handed out.
/// One that is armed to wipe stays what its operator was shown, because the permit is for those disks; but it may leave
/// the file, see [`withdrawn`]. A node in firstboot keeps its MAC and its address, or its reports would be refused; the
/// rest of its entry takes effect with its next installation.
pub(crate) fn hindrances<'s>(old: &Site, new: &Site, state: impl Fn(Mac) -> Option<&'s State>) -> Vec<Hindrance> {
    let mut all = restarts(old, new);
    all.extend(copies(old, new, &state));
    for node in &old.nodes {
        let Some(state) = state(node.mac) else { continue };
        let what = match state {
            State::Armed { attempt, .. } if attempt.boots > 0 => entry(old, new, node),
            State::Installing { .. } => entry(old, new, node),
            State::Armed { attempt, .. } if attempt.scope.wipes() => shown(new, node),
            State::Firstboot { .. } => identity(new, node).err(),
            // The others would look for it there as soon as they have their newer payloads.
            State::Ready { .. } => new.node_by_mac(node.mac).and_then(|_| identity(new, node).err()),
            _ => None,
        };
        all.extend(what.map(|what| Hindrance::AtWork { node: node.name.clone(), state: state.word(), what }));
    }
    all
}

/// The armings to wipe that end when `old` is swapped for `new`, and why: the entry that an operator armed is no longer
/// there. A change of the node itself is among [`hindrances`]; it is also here for an order that came between the two.
pub(crate) fn withdrawn(old: &Site, new: &Site, state: impl Fn(Mac) -> Option<State>) -> Vec<(Mac, String)> {
    let why = |node: &Node| match new.node_by_mac(node.mac) {
        Some(_) => shown(new, node).map(|what| format!("the site file was edited: {what}")),
        None => Some(NOT_IN_THE_FILE.to_string()),
    };
    let ends =
        |node: &Node| Some((node.mac, why(node).filter(|_| state(node.mac).is_some_and(|state| is_to_wipe(&state)))?));
    old.nodes.iter().filter_map(ends).collect()
}

/// Why an arming ends when its node has left the site file.
pub(crate) const NOT_IN_THE_FILE: &str = "no node of the site file has its MAC any more";

/// Whether the next boot may cost data.
pub(crate) fn is_to_wipe(state: &State) -> bool {
    matches!(state, State::Armed { attempt, .. } if attempt.scope.wipes())
}

/// Unless the site file names the number of copies, it follows from the number of holders; but an existing volume has
/// the number with which it was made, also when the line that named it is taken out. Nodes that leave are no
/// hindrance: the operator who removes a holder says how many copies remain.
fn copies<'s>(old: &Site, new: &Site, state: impl Fn(Mac) -> Option<&'s State>) -> Option<Hindrance> {
    let (before, after) = (CopySets::of(old), CopySets::of(new));
    let made = before.members().any(|node| state(node.mac).is_some_and(|state| state.system().is_some()));
    let holders = |sets: &CopySets<'_>| sets.members().count() + sets.spare.len();
    let changes = before.copies != after.copies && !after.named && holders(&after) >= holders(&before);
    (made && changes).then_some(Hindrance::Copies { from: before.copies, to: after.copies })
}

/// The keys of the site file that are read once, when the daemon starts, with their values in prose.
pub(crate) fn read_once(site: &Site) -> Vec<(&'static str, String)> {
    // They are named one by one, so that a new key cannot be added without a decision. Keys that are left out are read
    // at each use.
    let Server {
        interface,
        address,
        http_port,
        token_seconds: _,
        state,
        socket,
        socket_group,
        syslog,
        ntp,
        dns,
        dns_forwarders: _,
        dhcp,
        allows_rivals: _,
        wipes_per_minute: _,
        arming_seconds: _,
    } = &site.server;
    let or_nothing = |value: Option<String>| value.unwrap_or_else(|| "nothing".into());
    vec![
        ("server.interface", interface.clone()),
        ("server.address", address.to_string()),
        ("server.http_port", http_port.to_string()),
        ("server.state", state.display().to_string()),
        ("server.socket", socket.display().to_string()),
        ("server.socket_group", or_nothing(socket_group.clone())),
        ("api.listen", or_nothing(site.api.as_ref().map(|api| api.listen.to_string()))),
        ("server.syslog", syslog.to_string()),
        ("server.dhcp", dhcp.as_str().to_string()),
        ("server.ntp", (*ntp != TimeService::Off).to_string()),
        ("server.dns", dns.to_string()),
        ("secrets", site.key.to_string()),
        ("network.subnet", site.subnets().map(|subnet| subnet.to_string()).collect::<Vec<_>>().join(", ")),
        ("network.router_advertisement", site.network.router_advertisement.to_string()),
    ]
}

fn restarts(old: &Site, new: &Site) -> Vec<Hindrance> {
    let pairs = read_once(old).into_iter().zip(read_once(new));
    let changed = pairs.filter(|((_, from), (_, to))| from != to);
    changed.map(|((key, from), (_, to))| Hindrance::NeedsRestart { key, from, to }).collect()
}

/// This node in the new site, if it can still be recognised by its MAC and its address.
fn identity<'a>(new: &'a Site, node: &Node) -> Result<&'a Node, String> {
    let Some(found) = new.node_by_mac(node.mac) else {
        return Err(match new.node_by_name(node.name.as_str()) {
            Some(other) => format!("its MAC would change from {} to {}", node.mac, other.mac),
            None => "it would be removed".into(),
        });
    };
    match found.address == node.address {
        true => Ok(found),
        false => Err(format!("its address would change from {} to {}", node.address, found.address)),
    }
}

/// What would change of the properties that an operator is shown, and names, when a node is armed to be wiped.
fn shown(new: &Site, node: &Node) -> Option<String> {
    let found = new.node_by_mac(node.mac)?;
    let changes = [
        ("name", found.name != node.name),
        ("disk rule", found.disks != node.disks),
        ("layout", found.layout != node.layout),
        ("`keep`", found.keep != node.keep),
    ];
    let changed: Vec<&str> = changes.iter().filter(|(_, changed)| *changed).map(|(what, _)| *what).collect();
    (!changed.is_empty())
        .then(|| format!("its {} would change, and its permit to wipe is not for that", changed.join(", ")))
}

/// What would change for a node whose installer is running.
fn entry(old: &Site, new: &Site, node: &Node) -> Option<String> {
    let found = match identity(new, node) {
        Ok(found) => found,
        Err(what) => return Some(what),
    };
    let path = |tree: Option<&InstallTree>| tree.map(|tree| tree.path.clone());
    let tree = |site: &Site| path(site.install_tree(&node.install_tree));
    let changes = [
        ("name", found.name != node.name),
        ("role", found.role != node.role),
        ("firmware", found.firmware != node.firmware),
        ("disk rule", found.disks != node.disks),
        ("cards", found.nics != node.nics),
        ("layout", found.layout != node.layout),
        ("`keep`", found.keep != node.keep),
        ("release", found.release != node.release),
        ("install tree", found.install_tree != node.install_tree || tree(old) != tree(new)),
        ("kernel arguments", found.kernel_args != node.kernel_args),
    ];
    let changed: Vec<&str> = changes.iter().filter(|(_, changed)| *changed).map(|(what, _)| *what).collect();
    match changed.is_empty() {
        false => Some(format!("its {} would change", changed.join(", "))),
        true => (found != node).then(|| "its entry in the site file would change".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Attempt, AttemptId, WipeScope};
    use crate::site::testing::paper_site;

    fn attempt(boots: u8) -> Attempt {
        Attempt { boots, ..Attempt::new(AttemptId::from_random([1; 4]), WipeScope::BlankDiskOnly) }
    }

    fn armed(boots: u8) -> State {
        State::Armed { attempt: attempt(boots), previous: None }
    }

    /// The objections when compute2 is in `state` and the site is edited.
    fn said(state: State, edit: impl FnOnce(&mut Site)) -> Vec<String> {
        let old = paper_site();
        let mac = old.node_by_name("compute2").unwrap().mac;
        let mut new = old.clone();
        edit(&mut new);
        hindrances(&old, &new, |asked| (asked == mac).then_some(&state)).iter().map(ToString::to_string).collect()
    }

    fn compute2(site: &mut Site) -> &mut Node {
        site.nodes.iter_mut().find(|node| node.name.as_str() == "compute2").unwrap()
    }

    #[test]
    fn entry_of_a_node_whose_installer_is_at_work_stays_as_it_is() {
        type Edit = (&'static str, fn(&mut Site));
        let edits: [Edit; 7] = [
            ("role", |site| compute2(site).role = "controller".into()),
            ("disk rule", |site| compute2(site).os_disk_mut().name = Some("sdb".into())),
            ("release", |site| compute2(site).release = "6.3".parse().unwrap()),
            ("install tree", |site| site.install_trees[0].path = "/elsewhere".into()),
            ("removed", |site| site.nodes.retain(|node| node.name.as_str() != "compute2")),
            ("MAC", |site| compute2(site).mac = Mac([2; 6])),
            ("address", |site| compute2(site).address = [192, 168, 0, 77].into()),
        ];
        for (word, edit) in edits {
            for state in [armed(1), State::Installing { attempt: attempt(1) }] {
                let told = said(state.clone(), edit);
                assert_eq!(told.len(), 1, "{word}");
                assert!(told[0].starts_with(&format!("compute2 is {}, and it", state.word())), "{told:?}");
                assert!(told[0].contains(word), "{told:?}");
            }
            assert_eq!(said(armed(0), edit), Vec::<String>::new(), "{word}: it has not booted into it");
            // The others look for it at the address where its system is.
            let moved = usize::from(word == "address");
            assert_eq!(said(State::Ready { attempt: attempt(1) }, edit).len(), moved, "{word}");
        }
    }

    fn to_wipe() -> State {
        let attempt = Attempt::new(AttemptId::from_random([1; 4]), WipeScope::DestroyData);
        State::Armed { attempt, previous: Some(Box::new(State::Ready { attempt: self::attempt(1) })) }
    }

    #[test]
    fn a_node_that_is_armed_to_wipe_stays_what_its_operator_was_shown_or_leaves() {
        type Edit = (&'static str, fn(&mut Site));
        let edits: [Edit; 4] = [
            ("its name would", |site| compute2(site).name = "compute9".parse().unwrap()),
            ("its disk rule would", |site| compute2(site).os_disk_mut().name = Some("sdb".into())),
            ("its layout would", |site| {
                compute2(site).layout = site.node_by_name("controller").unwrap().layout.clone()
            }),
            ("its `keep` would", |site| compute2(site).keep = vec!["vg_other".into()]),
        ];
        for (word, edit) in edits {
            let told = said(to_wipe(), edit);
            assert_eq!(told.len(), 1, "{word}: {told:?}");
            assert!(told[0].starts_with("compute2 is armed, and its") && told[0].contains(word), "{told:?}");
            assert_eq!(said(armed(0), edit), Vec::<String>::new(), "{word}: a blank disk has nothing to lose");
            let (old, mut new) = (paper_site(), paper_site());
            edit(&mut new);
            let ended = withdrawn(&old, &new, |_| Some(to_wipe()));
            assert!(matches!(&ended[..], [(_, why)] if why.contains(word)), "{ended:?}");
        }
        let calm: [Edit; 3] = [
            ("kernel arguments", |site| compute2(site).kernel_args = "quiet".into()),
            ("removed", |site| site.nodes.retain(|node| node.name.as_str() != "compute2")),
            ("MAC", |site| compute2(site).mac = Mac([2; 6])),
        ];
        for (word, edit) in calm {
            assert_eq!(said(to_wipe(), edit), Vec::<String>::new(), "{word}");
            let (old, mut new) = (paper_site(), paper_site());
            edit(&mut new);
            let gone = new.node_by_mac(old.node_by_name("compute2").unwrap().mac).is_none();
            assert_eq!(withdrawn(&old, &new, |_| Some(to_wipe())).len(), usize::from(gone), "{word}");
            for state in [armed(0), State::Ready { attempt: attempt(1) }, State::Installing { attempt: attempt(1) }] {
                assert_eq!(withdrawn(&old, &new, |_| Some(state.clone())), vec![], "{word}");
            }
        }
    }

    #[test]
    fn firstboot_needs_its_mac_and_address_and_nothing_else() {
        let firstboot = || State::Firstboot { attempt: attempt(1) };
        assert!(said(firstboot(), |site| compute2(site).role = "controller".into()).is_empty());
        let told = said(firstboot(), |site| compute2(site).address = [192, 168, 0, 77].into());
        assert_eq!(told, ["compute2 is firstboot, and its address would change from 192.168.0.2 to 192.168.0.77"]);
        assert_eq!(said(firstboot(), |site| site.nodes.clear()), ["compute2 is firstboot, and it would be removed"]);
    }

    #[test]
    fn a_ready_node_stays_where_the_others_find_it_and_may_leave() {
        let ready = || State::Ready { attempt: attempt(1) };
        let told = said(ready(), |site| compute2(site).address = [192, 168, 0, 77].into());
        assert_eq!(told, ["compute2 is ready, and its address would change from 192.168.0.2 to 192.168.0.77"]);
        assert!(said(ready(), |site| site.nodes.clear()).is_empty());
        assert!(said(ready(), |site| compute2(site).role = "controller".into()).is_empty());
    }

    /// The objections when so many holders of copies become so many, and the site file names these numbers of copies.
    fn copies_said(before: (usize, &str), after: (usize, &str)) -> Vec<String> {
        let with = |(holders, named): (usize, &str)| {
            let mut site = paper_site();
            let holder = compute2(&mut site).clone();
            let mut nodes = vec![site.node_by_name("controller").unwrap().clone()];
            for number in 0..holders as u8 {
                let (name, address) = (format!("holder{number}").parse().unwrap(), [192, 168, 0, 10 + number].into());
                nodes.push(Node { name, address, mac: Mac([2, 0, 0, 0, 0, number]), ..holder.clone() });
            }
            site.nodes = nodes.into();
            site.blueprint.variables.insert("replica".into(), named.into());
            site
        };
        let ready = State::Ready { attempt: attempt(1) };
        hindrances(&with(before), &with(after), |_| Some(&ready)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_volume_keeps_its_number_of_copies_when_a_node_is_added() {
        let line = |from, to| {
            [format!("the volume was made with {from} copies, and with these nodes the site file implies {to}")]
        };
        assert_eq!(copies_said((4, ""), (5, "")), line(4, 3));
        assert_eq!(copies_said((3, ""), (4, "")), line(3, 4));
        assert_eq!(copies_said((6, "2"), (6, "")), line(2, 3), "the line was taken out, and the sets would be others");
        let allowed: [(usize, &str, usize, &str); 5] = [
            (4, "", 5, "4"),  // the file names the number
            (5, "", 6, ""),   // three before and after
            (4, "2", 6, "3"), // whoever writes another number says so
            (5, "", 4, ""),   // whoever takes a holder out says what remains
            (0, "", 3, ""),   // there is no volume yet
        ];
        for (holders, named, then, then_named) in allowed {
            assert_eq!(copies_said((holders, named), (then, then_named)), [""; 0], "{holders} to {then}");
        }
    }

    #[test]
    fn other_nodes_may_come_go_and_change_while_one_installs() {
        let told = said(State::Installing { attempt: attempt(1) }, |site| {
            site.nodes.retain(|node| node.name.as_str() != "compute4");
            site.nodes[0].kernel_args = "quiet".into();
            let mut more = site.nodes[1].clone();
            (more.name, more.mac, more.address) = ("compute9".parse().unwrap(), Mac([2; 6]), [192, 168, 0, 9].into());
            site.nodes.push(more);
        });
        assert!(told.is_empty(), "{told:?}");
    }

    #[test]
    fn what_is_read_once_needs_a_restart_and_says_so() {
        let told = said(State::New, |site| {
            site.server.http_port = 8080;
            site.server.interface = "eth7".into();
        });
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("`server.interface` changes from lo to eth7, which needs a restart"), "{told:?}");
        let told = said(State::New, |site| site.key = crate::site::KeySource::File("/etc/rackstart/key".into()));
        assert!(told[0].starts_with("`secrets` changes from no key to the file /etc/rackstart/key, which"), "{told:?}");
        let told = said(State::New, |site| {
            (site.server.wipes_per_minute, site.server.token_seconds, site.server.arming_seconds) = (1, 60, 60);
        });
        assert_eq!(told, Vec::<String>::new(), "these are read at each use");
        let help = Hindrance::NeedsRestart { key: "x", from: String::new(), to: String::new() }.help();
        assert!(help.starts_with("restart the daemon"), "{help}");
    }
}
