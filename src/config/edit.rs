//! Edits of a site file as text: comments, order and spelling of everything else stay as they are. Pure; whoever writes
//! the result proves it first.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::site::{Firmware, Mac, Place};

/// A node to be added, by what an operator must decide and what the machine showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewNode {
    /// Its host name.
    pub name: String,
    /// Its role; none where the blueprint has a default one.
    pub role: Option<String>,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its firmware; none when that of its role or of the site holds.
    pub firmware: Option<Firmware>,
    /// Its disk rule as TOML, such as `{ name = "sda", size = "250 GB" }`.
    pub disk: String,
    /// The name of the card that it boots from.
    pub card: String,
    /// The MAC of that card.
    pub mac: Mac,
    /// Where it is in the racks.
    pub place: Option<Place>,
}

/// Why a file was not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CannotEdit {
    /// The text is no TOML.
    #[error("the site file is not TOML")]
    NotToml,
    /// `node = [...]` in brackets.
    #[error("the site file has `{0}` as one list in brackets, of which no block can be told apart")]
    OneList(&'static str),
    /// What was to be added is not one node as it was meant.
    #[error("the new block does not read as it was meant: look at the disk rule")]
    NotOneNode,
    /// What was to be added or removed is not one block.
    #[error("the edited file does not read as it was meant")]
    NotOneBlock,
}

impl NewNode {
    /// The block as it stands in the file.
    pub(crate) fn block(&self) -> String {
        let mut block = format!("[[node]]\nname = {}\n", text(&self.name));
        // Writing into a String cannot fail.
        if let Some(role) = &self.role {
            let _ = writeln!(block, "role = {}", text(role));
        }
        let _ = writeln!(block, "address = \"{}\"", self.address);
        if let Some(firmware) = self.firmware {
            let _ = writeln!(block, "firmware = \"{firmware}\"");
        }
        if let Some(place) = self.place {
            let _ = writeln!(block, "place = \"{place}\"");
        }
        let _ = writeln!(block, "disk = {}", self.disk.trim());
        let _ = writeln!(block, "nics = [");
        let _ = writeln!(block, "  {{ name = {}, mac = \"{}\", network = \"lan\" }},", text(&self.card), self.mac);
        block.push_str("]\n");
        block
    }
}

/// A disk rule as TOML: the key that finds the disk, its value, and the size as the drive's label says it, unless it is
/// empty.
pub(crate) fn disk_rule(key: &str, value: &str, size: &str) -> String {
    let size = if size.is_empty() { String::new() } else { format!(", size = {}", text(size)) };
    format!("{{ {key} = {}{size} }}", text(value))
}

/// A TOML string.
pub(super) fn text(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

/// The keys of a new node.
const NODE: [&str; 7] = ["name", "role", "address", "firmware", "place", "disk", "nics"];

/// The text of a site file with one more `[[node]]` behind the last one, or at the end when there is none.
pub(crate) fn with_node(text: &str, node: &NewNode) -> Result<String, CannotEdit> {
    with_block(text, "node", &node.block(), &NODE)?.ok_or(CannotEdit::NotOneNode)
}

/// The text with one more block behind the last one of its kind, or at the end when there is none. None when the block,
/// as it is read there, is not one with some of these keys.
pub(super) fn with_block(
    text: &str,
    kind: &'static str,
    block: &str,
    keys: &[&str],
) -> Result<Option<String>, CannotEdit> {
    let before = DeTable::parse(text).map_err(|_| CannotEdit::NotToml)?;
    let at = blocks(text, before.get_ref(), kind)?.last().map_or(text.len(), |last| last.end);
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (head, tail) = text.split_at(at);
    let mut edited = head.to_string();
    if !head.is_empty() && !head.ends_with('\n') {
        edited.push_str(newline);
    }
    edited.push_str(newline);
    edited.push_str(&block.replace('\n', newline));
    edited.push_str(tail);
    Ok(is_one_more(text, &edited, kind, keys).then_some(edited))
}

/// Where each block of a kind stands: from its header to the end of its last line, the comments included that follow
/// without an empty line.
pub(super) fn blocks(text: &str, document: &DeTable<'_>, kind: &'static str) -> Result<Vec<Range<usize>>, CannotEdit> {
    let Some(blocks) = document.get(kind) else { return Ok(Vec::new()) };
    let list = blocks.get_ref().as_array().filter(|list| !list.is_empty()).ok_or(CannotEdit::OneList(kind))?;
    let place = |block: &Spanned<DeValue<'_>>| {
        let start = block.span().start;
        if !text[start..].starts_with("[[") {
            return Err(CannotEdit::OneList(kind));
        }
        let from = end(block.get_ref()).unwrap_or(block.span().end).max(block.span().end);
        let rest = &text[from..];
        let line = |rest: &str| rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        let mut length = line(rest);
        while rest[length..].trim_start_matches([' ', '\t']).starts_with('#') {
            length += line(&rest[length..]);
        }
        Ok(start..from + length)
    };
    list.iter().map(place).collect()
}

/// Where the last value in it ends.
fn end(value: &DeValue<'_>) -> Option<usize> {
    match value {
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| key.span().end.max(value.span().end).max(end(value.get_ref()).unwrap_or(0)))
            .max(),
        DeValue::Array(list) => list.iter().map(|value| value.span().end.max(end(value.get_ref()).unwrap_or(0))).max(),
        _ => None,
    }
}

/// The blocks of a kind in both texts, if nothing else in them differs.
pub(super) fn only_blocks_differ(
    before: &str,
    after: &str,
    kind: &str,
) -> Option<(Vec<toml::Value>, Vec<toml::Value>)> {
    let (mut before, mut after) = (before.parse::<toml::Table>().ok()?, after.parse::<toml::Table>().ok()?);
    let blocks = |table: &mut toml::Table| match table.remove(kind) {
        Some(toml::Value::Array(blocks)) => blocks,
        _ => Vec::new(),
    };
    let both = (blocks(&mut before), blocks(&mut after));
    (before == after).then_some(both)
}

/// Whether the second text says what the first one says and one block of a kind more, and nothing else.
fn is_one_more(before: &str, after: &str, kind: &str, keys: &[&str]) -> bool {
    let Some((old, mut new)) = only_blocks_differ(before, after, kind) else { return false };
    let added = new.pop();
    let is_plain = |block: &toml::Value| {
        block.as_table().is_some_and(|block| block.keys().all(|key| keys.contains(&key.as_str())))
    };
    old == new && added.as_ref().is_some_and(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EXAMPLE, EXAMPLE_PLAIN, parse};

    fn node() -> NewNode {
        NewNode {
            name: "compute5".into(),
            role: Some("compute".into()),
            address: [192, 168, 0, 17].into(),
            firmware: None,
            disk: "{ name = \"sda\", size = \"250 GB\" }".into(),
            card: "eth0".into(),
            mac: Mac([2, 0, 0, 0, 0, 5]),
            place: None,
        }
    }

    #[test]
    fn a_node_is_read_again_with_all_that_was_said_of_it() {
        let added = NewNode { place: Some("r1u9".parse().unwrap()), firmware: Some(Firmware::Bios), ..node() };
        let site = parse(&with_node(EXAMPLE, &added).unwrap(), "x").unwrap();
        let read = site.node_by_name("compute5").unwrap();
        let told = (read.mac, read.address, read.place.unwrap().to_string(), read.role.as_str());
        assert_eq!(told, (added.mac, added.address, "r1u9".into(), "compute"));
    }

    #[test]
    fn no_value_ends_its_string_and_adds_a_key() {
        let hostile = "x\" }\n[server]\nstate = \"/\u{1b}\\";
        let node = NewNode { role: Some(hostile.into()), disk: disk_rule("serial", hostile, ""), ..node() };
        let value: toml::Table = node.block().parse().unwrap();
        let tables = value["node"].as_array().unwrap();
        assert_eq!((value.len(), tables.len(), tables[0]["role"].as_str()), (1, 1, Some(hostile)));
        assert_eq!(tables[0]["disk"]["serial"].as_str(), Some(hostile));
    }

    #[test]
    fn a_node_is_added_behind_the_last_one_and_not_a_letter_of_the_rest_changes() {
        let edited = with_node(EXAMPLE, &node()).unwrap();
        let block = format!("\n{}", node().block());
        let at = edited.find(&block).unwrap();
        assert_eq!(format!("{}{}", &edited[..at], &edited[at + block.len()..]), EXAMPLE);
        assert!(edited[..at].trim_end().ends_with(']'), "behind the last node, not behind the layouts");
        assert!(edited[at + block.len()..].starts_with("\n# Layouts and roles of your own"));
        let site = parse(&edited, "site.toml").unwrap();
        assert_eq!(site.nodes.last().unwrap().name.as_str(), "compute5");
        assert_eq!(site.nodes.len(), parse(EXAMPLE, "site.toml").unwrap().nodes.len() + 1);
    }

    #[test]
    fn comments_of_the_last_node_stay_with_it_and_files_of_windows_keep_their_lines() {
        let head = "[site]\r\nname = \"a\"\r\n[[node]]\r\nname = \"x\"\r\nnics = [\r\n  { mac = \"1\" },\r\n] # its cards\r\n# loader = 1\r\n";
        let tail = "\r\n# about roles\r\n[role.x]\r\n";
        let edited = with_node(&format!("{head}{tail}"), &node()).unwrap();
        assert_eq!(edited, format!("{head}\r\n{}{tail}", node().block().replace('\n', "\r\n")));
        let unended = "[[node]]\nname = \"x\"";
        assert_eq!(with_node(unended, &node()).unwrap(), format!("{unended}\n\n{}", node().block()));
        assert_eq!(with_node("", &node()).unwrap(), format!("\n{}", node().block()));
        let nested = "[[node]]\nname = \"x\"\n[node.disk]\nname = \"sda\"\n[other]\n";
        assert!(with_node(nested, &node()).unwrap().ends_with("]\n[other]\n"));
    }

    #[test]
    fn the_short_example_takes_a_node_too() {
        let plain = NewNode { role: None, firmware: Some(Firmware::Uefi), ..node() };
        let edited = with_node(EXAMPLE_PLAIN, &plain).unwrap();
        let site = parse(&edited, "site.toml").unwrap();
        assert_eq!(site.nodes.iter().filter(|node| node.name.as_str() == "compute5").count(), 1);
    }

    #[test]
    fn what_would_not_be_one_node_is_refused() {
        for disk in ["{ name = \"sda\" }\n[access]\nssh_keys = []", "{", "1\nkeep = []", "1\n[[node]]\nname = \"z\""] {
            let wrong = NewNode { disk: disk.into(), ..node() };
            assert_eq!(with_node("[[node]]\nname = \"x\"\n", &wrong), Err(CannotEdit::NotOneNode), "{disk}");
        }
        assert_eq!(with_node("node = [{ name = \"x\" }]\n", &node()), Err(CannotEdit::OneList("node")));
        assert_eq!(with_node("node = 3\n", &node()), Err(CannotEdit::OneList("node")));
        assert_eq!(with_node("[", &node()), Err(CannotEdit::NotToml));
        let odd = NewNode { name: "a\"\nb".into(), ..node() };
        let edited = with_node("", &odd).unwrap();
        assert_eq!(edited.parse::<toml::Table>().unwrap()["node"][0]["name"].as_str(), Some("a\"\nb"));
    }
}
