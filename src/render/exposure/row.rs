//! One line of the table of ports, and what is wrong with one.

use crate::site::{Blueprint, Site};

/// Words in place of a protocol, in rows about what a node forwards. Sentences describe such rows.
pub(super) const WAYS: [&str; 3] = ["forward", "translate", "redirect"];

/// Callers that every blueprint knows.
const CALLERS: [&str; 4] = ["anywhere", "lan", "ssh", "nobody"];
/// Where forwarded packets come from or go to.
const ENDS: [&str; 4] = ["anywhere", "lan", "outside", "answers"];

/// One line of the table.
pub(super) struct Row {
    pub name: String,
    pub target: String,
    /// A condition on variables of the site; empty for a line that applies to every site.
    pub condition: String,
    pub from: String,
    pub protocol: String,
    pub ports: String,
    /// Whether a password is needed in hardened and in paper mode.
    pub password: (bool, bool),
    pub service: String,
}

impl Row {
    /// Reads a line; an error says which column is wrong.
    pub(super) fn read(line: &str, blueprint: &Blueprint) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let columns: Vec<&str> = words.by_ref().take(6).collect();
        let [name, target, from, protocol, ports, asks] = columns[..] else {
            return Err("it has fewer than six columns: name, target, from, protocol, ports, asks".into());
        };
        let (target, condition) = target.split_once('?').unwrap_or((target, ""));
        let is_target = |word: &str| word == "all" || blueprint.roles.contains_key(word);
        if let Some(word) = target.split('!').find(|word| !is_target(word)) {
            return Err(format!("`{word}` is not a role of the blueprint"));
        }
        let names =
            condition.split('&').filter(|word| !word.is_empty()).map(|word| word.split('=').next().unwrap_or(word));
        if let Some(name) = names.into_iter().find(|name| !blueprint.variables.contains_key(*name)) {
            return Err(format!("`{name}` is not a variable of the blueprint"));
        }
        let is_known = |word: &str, fixed: &[&str]| {
            fixed.contains(&word)
                || blueprint.callers.contains_key(word)
                || blueprint.nodes.contains_key(&word.to_uppercase())
        };
        let caller = |word: &str, fixed: &[&str]| match is_known(word, fixed) {
            true => Ok(()),
            false => Err(format!(
                "`{word}` is not a caller: {}, a list of `[nodes]`, a word of `[callers]`",
                fixed.join(", ")
            )),
        };
        match protocol {
            "tcp" | "udp" | "icmp" => {
                caller(from, &CALLERS)?;
                if !are_ports(ports) {
                    return Err(format!("`{ports}` are not ports"));
                }
            }
            "forward" | "translate" => {
                caller(from, &ENDS)?;
                caller(ports, &ENDS[..3])?;
            }
            "redirect" => {
                caller(from, &["lan"])?;
                if !is_redirection(ports, blueprint) {
                    return Err(format!("`{ports}` is not written as ADDRESS:PORT>LIST:PORT"));
                }
            }
            _ => return Err(format!("`{protocol}` is not a protocol: tcp, udp, icmp, {}", WAYS.join(", "))),
        }
        let asked = |word: &str| match word {
            "password" => Ok(true),
            "nothing" => Ok(false),
            _ => Err(format!("`{word}` is neither `password` nor `nothing`")),
        };
        let (hardened, paper) = asks.split_once('/').unwrap_or((asks, asks));
        Ok(Self {
            name: name.into(),
            target: target.into(),
            condition: condition.into(),
            from: from.into(),
            protocol: protocol.into(),
            ports: ports.into(),
            password: (asked(hardened)?, asked(paper)?),
            service: words.collect::<Vec<_>>().join(" "),
        })
    }

    /// Whether the row applies to nodes with these targets in this site.
    pub(super) fn is_of(&self, site: &Site, targets: &[String]) -> bool {
        let is = |target: &str| targets.iter().any(|known| known == target);
        let (of, not_of) = self.target.split_once('!').unwrap_or((&self.target, ""));
        is(of) && !is(not_of) && (self.condition.is_empty() || site.says(&self.condition))
    }
}

/// Ports and ranges `A:B`, with commas between; `FROM>TO` where the sender's port counts too.
fn are_ports(text: &str) -> bool {
    let is_port = |word: &str| word.parse::<u16>().is_ok();
    let are = |side: &str| {
        side.split(',').all(|range| range.split_once(':').map_or(is_port(range), |(a, b)| is_port(a) && is_port(b)))
    };
    text.split_once('>').map_or_else(|| are(text), |(from, to)| are(from) && are(to))
}

/// `ADDRESS:PORT>LIST:PORT`, of a list of nodes.
fn is_redirection(text: &str, blueprint: &Blueprint) -> bool {
    let ends = text.split_once('>').and_then(|(asked, given)| Some((asked.split_once(':')?, given.split_once(':')?)));
    ends.is_some_and(|((address, asked), (list, given))| {
        let ports = [asked, given].iter().all(|port| port.parse::<u16>().is_ok());
        ports && address.parse::<std::net::Ipv4Addr>().is_ok() && blueprint.nodes.contains_key(&list.to_uppercase())
    })
}
