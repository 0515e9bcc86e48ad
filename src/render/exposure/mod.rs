//! What a node exposes in its security mode, from the same table of ports that its firewall rules are written from.

mod row;

use serde::Serialize;

use self::row::{Row, WAYS};

use crate::secrets::of_targets;
use crate::site::{Blueprint, NicNetwork, Node, Security, Site};

use super::engine::Engine;
use super::payload;
use super::{RenderError, RenderProblem, Renderer};

/// The table, in the payload of every node.
const PORTS: &str = "ports";

/// The rule of the one port that the packet filter of every release lets in by itself.
const SSH: &str = "ssh";

/// What a node exposes, and which secrets it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Exposure {
    /// Name of the node.
    pub node: String,
    /// Its role.
    pub role: String,
    /// The mode of the site.
    pub security: Security,
    /// Ports that services listen on and other machines can reach.
    pub open: Vec<Opening>,
    /// Ports that services listen on but the packet filter closes.
    pub closed: Vec<Opening>,
    /// Names of the secrets that the node holds.
    pub secrets: Vec<String>,
    /// Everything else that bears on access, in sentences: a subject and what is true of it.
    pub facts: Vec<Fact>,
}

/// One line of the table for one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Opening {
    /// The name of its rule.
    pub name: String,
    /// `tcp`, `udp` or `icmp`.
    pub protocol: String,
    /// Ports and ranges `A:B`; for ICMP the type.
    pub ports: String,
    /// Networks, addresses, `anywhere`, or `on BRIDGE`; empty when it is closed.
    pub from: Vec<String>,
    /// Whether a caller needs a password, a key, or a token obtained with a password.
    pub password: bool,
    /// What a caller needs: `nothing`, `password`, `key`, or `key or password`.
    pub asks: String,
    /// The service.
    pub service: String,
}

/// A sentence about the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fact {
    /// What it is about.
    pub about: String,
    /// What is true of it.
    pub is: String,
}

impl Renderer {
    /// What the node exposes, in the security mode of its site.
    pub(crate) fn exposure(&self, site: &Site, node: &Node) -> Result<Exposure, RenderError> {
        let targets = site.blueprint.targets(&node.role);
        let rows = rows(&self.engine, &site.blueprint)?;
        let opens = |row: &&Row| !WAYS.contains(&row.protocol.as_str()) && row.is_of(site, &targets);
        let mine = rows.iter().filter(opens).map(|row| row.opening(site));
        let (open, closed): (Vec<Opening>, _) = mine.partition(|opening: &Opening| !opening.from.is_empty());
        let facts = facts(site, node, open.iter().any(|opening| opening.name != SSH));
        Ok(Exposure {
            node: node.name.to_string(),
            role: node.role.clone(),
            security: site.security,
            open,
            closed,
            secrets: of_targets(&site.blueprint, &targets).map(|(name, _)| name.clone()).collect(),
            facts,
        })
    }
}

/// The name of the table, and each of its lines as it was read, with the line's number.
type Table = (String, Vec<(usize, String, Result<Row, String>)>);

/// Reads the table; none when the payload has none.
fn table(engine: &Engine, blueprint: &Blueprint) -> Option<Table> {
    let name = payload::of(engine, blueprint).remove(PORTS)?;
    let text = String::from_utf8_lossy(&engine.file(&name)?).into_owned();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let lines = lines.map(|(index, line)| (index + 1, line.to_string(), Row::read(line, blueprint))).collect();
    Some((name, lines))
}

/// What is wrong with the lines of the table: its name, the line's number, and why.
pub(super) fn wrong_lines(engine: &Engine, blueprint: &Blueprint) -> Vec<(String, usize, String)> {
    let Some((name, lines)) = table(engine, blueprint) else { return Vec::new() };
    lines.into_iter().filter_map(|(number, _, row)| Some((name.clone(), number, row.err()?))).collect()
}

fn rows(engine: &Engine, blueprint: &Blueprint) -> Result<Vec<Row>, RenderError> {
    let Some((name, lines)) = table(engine, blueprint) else { return Ok(Vec::new()) };
    let wrong = |line: &str, why| RenderProblem::Template(format!("`{line}` is not a line of ports: {why}"));
    let row = |(_, line, row): (usize, String, Result<Row, String>)| {
        row.map_err(|why: String| RenderError::new(&name, wrong(&line, why)))
    };
    lines.into_iter().map(row).collect()
}

impl Row {
    fn opening(&self, site: &Site) -> Opening {
        let from = match (site.security, self.from.as_str()) {
            (Security::Paper, _) | (_, "anywhere") => vec!["anywhere".into()],
            (_, "lan" | "ssh") => site.subnets().map(|subnet| subnet.to_string()).collect(),
            (_, word) => callers(site, word),
        };
        let password = if site.security == Security::Paper { self.password.1 } else { self.password.0 };
        let asks = match (password, self.name.as_str()) {
            (false, _) => "nothing",
            (true, SSH) => what_ssh_asks_for(site),
            (true, _) => "password",
        };
        Opening {
            name: self.name.clone(),
            protocol: self.protocol.clone(),
            ports: self.ports.clone(),
            from,
            password,
            asks: asks.into(),
            service: self.service.clone(),
        }
    }
}

/// The callers that a word of the blueprint admits: nodes, a network, a bridge. Any other word admits nobody.
fn callers(site: &Site, word: &str) -> Vec<String> {
    let blueprint = &site.blueprint;
    let named = |value: String| if value.contains('/') { value } else { format!("on {value}") };
    match (blueprint.callers.get(word), blueprint.nodes.get(&word.to_uppercase())) {
        (Some(caller), _) => {
            let values = caller.values(|name| blueprint.variable(name).unwrap_or_default());
            values.into_iter().map(named).collect()
        }
        (None, Some(list)) => {
            let most = if list.first { 1 } else { usize::MAX };
            site.nodes_with(&list.provide).take(most).map(|node| node.address.to_string()).collect()
        }
        (None, None) => Vec::new(),
    }
}

/// Password login gives access only where an account has a password.
fn what_ssh_asks_for(site: &Site) -> &'static str {
    let users = &site.users;
    let by_key = !site.access.ssh_keys.is_empty() || users.iter().any(|user| !user.ssh_keys.is_empty());
    let by_password = site.access.root_password_hash.is_some() || users.iter().any(|user| user.password_hash.is_some());
    match (by_key, by_password) {
        (true, true) => "key or password",
        (false, true) => "password",
        (_, false) => "key",
    }
}

/// `has_services`: whether the table opens more than ssh.
fn facts(site: &Site, node: &Node, has_services: bool) -> Vec<Fact> {
    let hardened = site.security == Security::Hardened;
    let mut facts = Vec::new();
    let mut add = |about: &str, text: String| facts.push(Fact { about: about.into(), is: text });
    add(
        "packet filter",
        match hardened {
            true if site.blueprint.firewall_by_steps => {
                "drops everything else that comes in, also over IPv6 (except ICMPv6)".into()
            }
            true => {
                let rest = "refuses everything else that comes in, also over IPv6 (except ICMPv6)";
                match has_services {
                    true => format!(
                        "that of the release: lets in ssh, and the other ports once a step has opened them; {rest}"
                    ),
                    false => format!("that of the release: {rest}"),
                }
            }
            false => "none: every listening service is reachable on every card".into(),
        },
    );
    if site.is_routed(node.address) {
        let router = site.network_of(node).router;
        let text = "its card is not seen here. What it gets goes by its reserved address, its relay agent, its token and \
                    one boot: whoever takes its address on its own network is taken for it (docs/authority.md)";
        add("behind the router", format!("{router}: {text}"));
    }
    if let Some(link) = node.link(NicNetwork::Public) {
        let text = match hardened {
            true => format!("{link} faces the outside: `anywhere` is also the Internet"),
            false => format!("{link} faces the outside, and every port is open there too"),
        };
        add("public card", text);
    }
    if node.layout.is_encrypted() {
        let text = match &node.tang {
            Some(tang) => {
                let who = tang.who();
                format!(
                    "Tang ({who}) opens the encrypted ones, for anybody who has them and can reach it; so \
                     does the passphrase"
                )
            }
            None => "only the passphrase opens the encrypted ones".into(),
        };
        add("disks", text);
    }
    let access = &site.access;
    let root = match (access.ssh_keys.len(), access.root_password_hash.is_some()) {
        (0, false) => "nobody: no key, and the password is locked".into(),
        (keys, has_password) => {
            let password = if has_password { "by password" } else { "never by password" };
            format!("by {keys} key{}, {password}", if keys == 1 { "" } else { "s" })
        }
    };
    add("root login", root);
    for user in &site.users {
        let password = if user.password_hash.is_some() { "a password" } else { "no password" };
        add("login", format!("{}: {} keys, {password}", user.name, user.ssh_keys.len()));
    }
    let capabilities = site.blueprint.capabilities_of(&node.role);
    for sentence in &site.blueprint.sentences {
        let has = |name: &Option<String>| name.as_deref().map(|name| capabilities.contains(name));
        let is_there = sentence.when.is_empty() || site.says(&sentence.when);
        if is_there && has(&sentence.of).unwrap_or(true) && !has(&sentence.not_of).unwrap_or(false) {
            add(&sentence.about, if hardened { sentence.hardened.clone() } else { sentence.paper.clone() });
        }
    }
    if site.blueprint.secrets.is_empty() {
        return facts;
    }
    let text = match hardened {
        true => "made at random for this site",
        false => "those that the paper prints, where it prints any: everybody knows them",
    };
    add("passwords of the site", text.into());
    facts
}

#[cfg(test)]
mod tests;
