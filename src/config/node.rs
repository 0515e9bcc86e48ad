//! One `[[node]]` of the site file as written, with the place of each value.

use std::net::Ipv4Addr;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::cards::{self, BondKeys, NICS, NicKeys, VlanKeys};
use super::defaults::Defaults;
use super::disk::{self, DiskKeys};
use super::power::{self, PowerKeys};
use super::reader::Section;
use crate::site::{NodeName, Place};
use crate::words::quote;

pub(super) struct NodeKeys<'a> {
    /// The node's name in messages: "node `srv1`", or its number when it has no name.
    pub place: String,
    /// The place of the name, or else of the whole table.
    pub at: Range<usize>,
    pub name: Option<Spanned<NodeName>>,
    pub role: Option<Spanned<&'a str>>,
    /// Whether it names no role, not even with a misspelt key.
    pub lacks_role: bool,
    pub address: Option<Spanned<Ipv4Addr>>,
    pub disks: Option<DiskKeys>,
    pub nics: Vec<NicKeys<'a>>,
    pub bonds: Vec<BondKeys<'a>>,
    pub vlans: Vec<VlanKeys<'a>>,
    pub layout: Option<Spanned<&'a str>>,
    pub keep: Vec<Spanned<&'a str>>,
    /// Where it is in the racks.
    pub rack_place: Option<Spanned<Place>>,
    pub power: Option<PowerKeys>,
    /// Its own values for what a role or `[site]` may set for it.
    pub own: Defaults<'a>,
    /// Whether `nics` is present at all.
    pub has_nics: bool,
}

const KEYS: [&str; 18] = [
    "name",
    "role",
    "address",
    "firmware",
    "disk",
    "disks",
    "nics",
    "bonds",
    "vlans",
    "layout",
    "keep",
    "release",
    "install_tree",
    "kernel_args",
    "loader",
    "boot_disk",
    "place",
    "power",
];
const PLACE_HELP: &str = "write rack and unit, such as \"r3u12\"; of several nodes in one unit: \"r3u12-2\"";
const NAME_HELP: &str = "use 1 to 63 lower-case letters, digits and inner hyphens, no number, not `localhost`";

impl<'a> NodeKeys<'a> {
    /// Reads every `[[node]]`.
    pub(crate) fn read_all(top: &Section<'a>) -> Vec<Self> {
        let tables = top.tables("node", "`[[node]]` with two brackets");
        tables.into_iter().enumerate().map(|(index, (at, table))| Self::read(top, index, at, table)).collect()
    }

    fn read(top: &Section<'a>, index: usize, at: Range<usize>, table: &'a DeTable<'a>) -> Self {
        let written = table.get("name");
        let place = match written.and_then(|name| name.get_ref().as_str()) {
            Some(name) => format!("node {}", quote(name)),
            None => format!("node number {}", index + 1),
        };
        let section = Section::open(place, at, table, &KEYS, top.found);
        section.need("name", "name = \"srv1\"");
        section.need("address", "address = \"192.168.0.1\"");
        section.need("nics", NICS);
        let bonds = cards::read_bonds(&section);
        Self {
            at: written.map_or(section.at.clone(), Spanned::span),
            name: section.parse("name", "a host name", NAME_HELP),
            role: section.text("role"),
            lacks_role: !section.has("role") && !section.is_misspelt("role"),
            address: section.parse("address", "an IPv4 address", "write four numbers from 0 to 255"),
            disks: disk::read_disks(&section),
            nics: cards::read_nics(&section, &bonds),
            bonds,
            vlans: cards::read_vlans(&section),
            layout: section.text("layout"),
            keep: section.texts("keep"),
            rack_place: section.parse("place", "a place in a rack", PLACE_HELP),
            power: power::read(&section),
            own: Defaults::read(&section),
            has_nics: section.has("nics"),
            place: section.place,
        }
    }
}
