//! Turns the file of another installer, sections with keys and values, into a site file. Which key becomes what is a
//! table (`templates/import/*.toml`), because it is about clouds, and the program knows none.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;

use super::write::{comment, one_line, quote};
use super::{Fate, Line};
use crate::words;

/// How files of one kind become a site file; `templates/import/deploy.toml` explains the keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What such a file is, in prose.
    pub kind: String,
    known_by: String,
    /// The embedded site file that the result begins with.
    pub site: String,
    #[serde(rename = "role")]
    roles: Vec<Combined>,
    #[serde(rename = "key")]
    keys: Vec<Key>,
}

/// Several roles of one node as one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Combined {
    has: Vec<String>,
    name: String,
    /// What is then different, unless the node was to have this role anyway.
    note: Option<String>,
    unless: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Key {
    name: String,
    hosts: Option<String>,
    with: Option<String>,
    variable: Option<String>,
    values: BTreeMap<String, String>,
    card: bool,
    only: Option<String>,
    around: Option<String>,
    within: Option<String>,
    why: String,
    todo: String,
    secret: bool,
}

/// What the file becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// A whole site file, in which MACs, addresses and disks are to be replaced.
    pub site: String,
    /// Every line of the file, in order.
    pub lines: Vec<Line>,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    ///
    /// When it is no such table, in the words of the parser.
    pub fn read(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// Whether the text is a file of this kind.
    pub fn knows(&self, text: &str) -> bool {
        settings(text).iter().any(|setting| setting.name == self.known_by)
    }
}

/// A line `KEY = VALUE` below a `[SECTION]`.
struct Setting<'a> {
    /// The index of its line.
    line: usize,
    /// SECTION.KEY in small letters.
    name: String,
    value: &'a str,
}

/// The settings of a file, as Python's ConfigParser finds them.
fn settings(text: &str) -> Vec<Setting<'_>> {
    let (mut section, mut found) = (String::new(), Vec::new());
    for (line, text) in text.lines().enumerate() {
        let text = text.trim();
        if text.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim().to_lowercase();
        } else if let Some((key, value)) = text.split_once(['=', ':']) {
            found.push(Setting { line, name: format!("{section}.{}", key.trim().to_lowercase()), value: value.trim() });
        }
    }
    found
}

/// What is collected while the keys are read.
#[derive(Default)]
struct Found {
    /// Hosts in the order of the file, each with its roles.
    hosts: Vec<(String, Vec<String>)>,
    variables: Vec<(String, String)>,
    card: Option<String>,
}

impl Found {
    fn add(&mut self, host: &str, role: &str) {
        match self.hosts.iter_mut().find(|(name, _)| name == host) {
            Some((_, roles)) if roles.iter().any(|known| known == role) => {}
            Some((_, roles)) => roles.push(role.into()),
            None => self.hosts.push((host.into(), vec![role.into()])),
        }
    }
}

/// Makes a site file of the text. `file` is its name for comments, `start` the text that the site file begins with.
pub fn import(table: &Table, file: &str, text: &str, start: &str) -> Answers {
    let (settings, mut found) = (settings(text), Found::default());
    let mut fates = vec![Fate::Silent; text.lines().count()];
    let mut hidden = vec![false; fates.len()];
    let value = |name: &str| settings.iter().rev().find(|setting| setting.name == name).map(|setting| setting.value);
    for setting in &settings {
        let key = table.keys.iter().find(|key| key.name == setting.name);
        fates[setting.line] = match key {
            None => unknown(table, &setting.name),
            Some(_) if setting.value.is_empty() => Fate::left("it has no value", "nothing"),
            Some(key) => {
                hidden[setting.line] = key.secret;
                fate(key, setting.value, &value, &mut found)
            }
        };
    }
    let heads = text.lines().map(|line| line.trim().starts_with('['));
    let lines: Vec<Line> = (text.lines().zip(fates).zip(heads).zip(hidden).enumerate())
        .map(|(index, (((text, fate), is_head), is_hidden))| Line {
            number: index + 1,
            text: if is_hidden { masked(text) } else { text.into() },
            fate: if fate == Fate::Silent && !is_head && !is_comment(text) {
                Fate::left("it is neither a section nor a key with a value", "correct the line, or remove it")
            } else {
                fate
            },
        })
        .collect();
    Answers { site: site(table, file, start, &found, &lines), lines }
}

fn is_comment(line: &str) -> bool {
    line.trim().is_empty() || line.trim().starts_with(['#', ';'])
}

/// The line without what comes after its first sign.
fn masked(line: &str) -> String {
    let end = line.find(['=', ':']).map_or(line.len(), |at| at + 1);
    format!("{}***", &line[..end])
}

fn unknown(table: &Table, name: &str) -> Fate {
    let names = table.keys.iter().map(|key| key.name.as_str());
    let meant = words::did_you_mean(name, names);
    Fate::left(format!("{} has no such key", table.kind), meant.unwrap_or_else(|| "remove it".into()))
}

/// The names in a list with commas between, without a domain: the names of nodes have none.
fn hosts(value: &str) -> Vec<String> {
    let names = value.split(',').map(|name| name.trim().split('.').next().unwrap_or_default().to_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

fn fate<'a>(key: &Key, value: &str, other: &impl Fn(&str) -> Option<&'a str>, found: &mut Found) -> Fate {
    if let Some(role) = &key.hosts {
        let names = hosts(value);
        names.iter().for_each(|host| found.add(host, role));
        return match value.split(',').map(str::trim).eq(names.iter().map(String::as_str)) {
            true => Fate::carried(),
            false => Fate::differs(format!("as {}", names.join(", "))),
        };
    }
    if let Some(with) = &key.with {
        let there = other(with).map(hosts).unwrap_or_default();
        let key = with.split('.').next_back().unwrap_or(with);
        return match hosts(value).iter().all(|host| there.contains(host)) {
            true => Fate::carried(),
            false => Fate::left(
                format!("it runs where `{key}` does, on {}", there.join(", ")),
                "leave that server out, unless another key names it".to_string(),
            ),
        };
    }
    if key.card {
        found.card = Some(value.into());
        return Fate::differs("it is the name of the card of the LAN, which carries the machines too");
    }
    if let Some(only) = &key.only {
        return if value == only { Fate::carried() } else { Fate::left(&key.why, &key.todo) };
    }
    if let Some(inner) = &key.around {
        return match (network(value), other(inner).and_then(network)) {
            (Some(outer), Some(inner)) if outer == inner => Fate::carried(),
            (Some(outer), Some(inner)) if outer.0 <= inner.0 && inner.1 <= outer.1 => {
                Fate::differs("as the smaller network, which is the one that machines get")
            }
            _ => Fate::left(&key.why, &key.todo),
        };
    }
    let Some(variable) = &key.variable else { return Fate::left(&key.why, &key.todo) };
    if let Some(within) = &key.within {
        return size(value, other(within).and_then(network), variable, found);
    }
    let wanted = if key.values.is_empty() { Some(value) } else { key.values.get(value).map(String::as_str) };
    match wanted {
        Some(wanted) => {
            found.variables.push((variable.clone(), wanted.into()));
            Fate::carried()
        }
        None => Fate::left(&key.why, &key.todo),
    }
}

/// A number of addresses, as a power of two that the network has.
fn size(value: &str, network: Option<(u32, u32)>, variable: &str, found: &mut Found) -> Fate {
    let Ok(wanted) = value.parse::<u32>() else {
        return Fate::left("it is not a number", format!("write `{variable}`, a power of two"));
    };
    let room = network.map_or(256, |(first, last)| (last - first).saturating_add(1));
    // The largest power of two that is neither more than was asked for nor more than there is.
    let most = wanted.min(room).clamp(8, 65536);
    let size = 1_u32 << (31 - most.leading_zeros());
    found.variables.push((variable.into(), size.to_string()));
    match size == wanted {
        true => Fate::carried(),
        false => Fate::differs(format!("as {size}, a power of two and no more than its network has")),
    }
}

/// First and last address of a network.
fn network(value: &str) -> Option<(u32, u32)> {
    let (address, prefix) = value.split_once('/')?;
    let (address, prefix): (Ipv4Addr, u32) = (address.trim().parse().ok()?, prefix.trim().parse().ok()?);
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix)?).unwrap_or(0);
    Some((u32::from(address) & mask, u32::from(address) | !mask))
}

/// The whole site file: the beginning of `start`, then variables and nodes, then what was left behind.
fn site(table: &Table, file: &str, start: &str, found: &Found, lines: &[Line]) -> String {
    let head = start.find("# Values that differ").unwrap_or(start.len());
    let mut text = format!("# From {}. Replace MACs, addresses and disks by yours.\n", one_line(file));
    text.push_str(&start[..head]);
    text.push_str("[variables]\n");
    for (name, value) in &found.variables {
        text.push_str(&format!("{name} = {}\n", quote(value)));
    }
    let card = found.card.as_deref().unwrap_or("eth0");
    let network = Ipv4Addr::from([192, 168, 0, 10]);
    for (index, (host, roles)) in found.hosts.iter().enumerate() {
        let (role, note) = role(table, roles);
        let number = u32::try_from(index).unwrap_or(0) + 1;
        if let Some(note) = note {
            text.push_str(&format!("\n# {note}"));
        }
        text.push_str(&format!(
            "\n[[node]]\nname = {}\nrole = {}\naddress = \"{}\"\ndisk = {{ name = \"sda\", size = \"250 GB\" }}\n\
             nics = [{{ name = {}, mac = \"52:54:00:a8:00:{number:02x}\", network = \"lan\" }}]\n",
            quote(host),
            quote(&role),
            Ipv4Addr::from(u32::from(network) + number),
            quote(card),
        ));
    }
    let left: Vec<String> = lines.iter().filter_map(comment).collect();
    if !left.is_empty() {
        text.push_str("\n# These lines were left behind:\n");
        text.push_str(&left.concat());
    }
    text
}

/// The one role that stands for these, by combinations in their order, and what is different then.
fn role(table: &Table, roles: &[String]) -> (String, Option<String>) {
    let (mut left, mut note) = (roles.to_vec(), None);
    for combined in &table.roles {
        if combined.has.iter().all(|role| left.contains(role)) {
            left.retain(|role| !combined.has.contains(role));
            left.insert(0, combined.name.clone());
            let is_so = combined.unless.as_ref().is_some_and(|role| roles.contains(role));
            note = note.or(combined.note.clone().filter(|_| !is_so));
        }
    }
    (left.swap_remove(0), note)
}
