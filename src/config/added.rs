//! A node that is added to a site file: its block as text, and the file with it. The file stays as it is otherwise, with
//! its comments and its order.

use std::net::Ipv4Addr;

use crate::site::{Firmware, Mac, NodeName, Place};

/// What a new node needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewNode {
    /// Host name.
    pub name: NodeName,
    /// Role of the blueprint or of the file.
    pub role: String,
    /// The reserved address.
    pub address: Ipv4Addr,
    /// How it boots.
    pub firmware: Firmware,
    /// The property that finds its disk, such as `name` or `serial`, and its value.
    pub disk: (DiskBy, String),
    /// The size of the disk as the drive's label says it, such as `480 GB`; empty when the file need not say it.
    pub size: String,
    /// Name of its boot card in the installed system.
    pub card: String,
    /// The MAC of that card.
    pub mac: Mac,
    /// Where it is in the racks.
    pub place: Option<Place>,
}

/// What finds a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskBy {
    /// The kernel's name.
    Name,
    /// The serial number.
    Serial,
    /// The World Wide Name.
    Wwn,
}

impl DiskBy {
    /// Each with its key in the site file.
    pub(crate) const WORDS: [(&str, Self); 3] = [("name", Self::Name), ("serial", Self::Serial), ("wwn", Self::Wwn)];

    fn key(self) -> &'static str {
        Self::WORDS.iter().find(|(_, by)| *by == self).map_or("name", |(key, _)| key)
    }
}

impl NewNode {
    /// The block as a person would write it.
    pub(crate) fn block(&self) -> String {
        let (by, value) = &self.disk;
        let size = if self.size.is_empty() { String::new() } else { format!(", size = {}", string(&self.size)) };
        let place = self.place.map_or_else(String::new, |place| format!("place = \"{place}\"\n"));
        format!(
            "[[node]]\nname = \"{}\"\nrole = {}\naddress = \"{}\"\nfirmware = \"{}\"\n{place}disk = {{ {} = {}{size} }}\n\
             nics = [{{ name = {}, mac = \"{}\", network = \"lan\" }}]\n",
            self.name,
            string(&self.role),
            self.address,
            self.firmware,
            by.key(),
            string(value),
            string(&self.card),
            self.mac
        )
    }
}

/// The text of a site file with a block at its end.
pub(crate) fn with_block(file: &str, block: &str) -> String {
    let gap = match file {
        "" => "",
        text if text.ends_with("\n\n") => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    format!("{file}{gap}{block}")
}

/// A TOML basic string (TOML 1.0, "String").
fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NewNode {
        NewNode {
            name: "compute9".parse().unwrap(),
            role: "compute".into(),
            address: Ipv4Addr::new(192, 168, 0, 99),
            firmware: Firmware::Bios,
            disk: (DiskBy::Name, "sda".into()),
            size: "250 GB".into(),
            card: "eth0".into(),
            mac: "52:54:00:a8:09:01".parse().unwrap(),
            place: Some("r1u9".parse().unwrap()),
        }
    }

    #[test]
    fn an_added_node_is_read_again_and_every_comment_stays() {
        let file = with_block(crate::config::EXAMPLE, &node().block());
        assert!(file.starts_with(crate::config::EXAMPLE), "what was there is untouched");
        let site = crate::config::parse(&file, "x").unwrap();
        let read = site.node_by_name("compute9").unwrap();
        let told = (read.mac, read.address, read.place.unwrap().to_string(), read.role.as_str());
        assert_eq!(told, (node().mac, node().address, "r1u9".into(), "compute"));
    }

    #[test]
    fn no_value_ends_its_string_and_adds_a_key() {
        let hostile = "x\" }\n[server]\nstate = \"/\u{1b}\\";
        let node = NewNode { role: hostile.into(), disk: (DiskBy::Serial, hostile.into()), ..node() };
        let block = node.block();
        let value: toml::Table = block.parse().unwrap();
        let tables = value["node"].as_array().unwrap();
        assert_eq!((value.len(), tables.len(), tables[0]["role"].as_str()), (1, 1, Some(hostile)));
        assert_eq!(tables[0]["disk"]["serial"].as_str(), Some(hostile));
    }
}
