//! The cards of a node, its bonds and its VLANs: as written, whether they can work together, and as resolved.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::fixed::{self, FixedKeys};
use super::node::NodeKeys;
use super::reader::{Collector, Section};
use super::text;
use crate::site::{Bond, Mac, Nic, NicNetwork, Vlan};
use crate::words::{quote, suggest};

pub(super) const NICS: &str = "nics = [{ name = \"eth0\", mac = \"52:54:00:a8:01:01\", network = \"lan\" }]";
const BONDS: &str = "bonds = [{ name = \"bond0\", cards = [\"eth0\", \"eth1\"], network = \"lan\" }]";
const VLANS: &str = "vlans = [{ id = 100, over = \"eth0\", network = \"public\" }]";
const NETWORKS: [(&str, NicNetwork); 3] =
    [("lan", NicNetwork::Lan), ("public", NicNetwork::Public), ("none", NicNetwork::None)];
/// The modes of the bonding driver (Documentation/networking/bonding in the kernel's sources).
const MODES: [&str; 7] =
    ["active-backup", "802.3ad", "balance-rr", "balance-xor", "broadcast", "balance-tlb", "balance-alb"];
/// Linux reserves 16 bytes for the name of an interface, including the final zero.
const LONGEST_NAME: usize = 15;

pub(super) struct NicKeys<'a> {
    pub at: Range<usize>,
    pub place: String,
    pub name: Option<Spanned<&'a str>>,
    pub mac: Option<Spanned<Mac>>,
    pub network: Option<Spanned<NicNetwork>>,
    pub fixed: FixedKeys,
}

pub(super) struct BondKeys<'a> {
    at: Range<usize>,
    pub place: String,
    name: Option<Spanned<&'a str>>,
    cards: Vec<Spanned<&'a str>>,
    mode: Option<Spanned<&'static str>>,
    pub network: Option<Spanned<NicNetwork>>,
    pub fixed: FixedKeys,
}

pub(super) struct VlanKeys<'a> {
    at: Range<usize>,
    pub place: String,
    id: Option<Spanned<u64>>,
    over: Option<Spanned<&'a str>>,
    pub network: Option<Spanned<NicNetwork>>,
    pub fixed: FixedKeys,
}

/// Reads `nics`; a card that a bond names needs no network of its own.
pub(super) fn read_nics<'a>(node: &Section<'a>, bonds: &[BondKeys<'a>]) -> Vec<NicKeys<'a>> {
    let tables = node.tables("nics", &format!("`{NICS}`"));
    tables.into_iter().map(|(at, table)| read_nic(node, at, table, bonds)).collect()
}

fn read_nic<'a>(node: &Section<'a>, at: Range<usize>, table: &'a DeTable<'a>, bonds: &[BondKeys<'a>]) -> NicKeys<'a> {
    let written = table.get("name").and_then(|name| name.get_ref().as_str());
    let place = match written {
        Some(name) => format!("card {} of {}", quote(name), node.place),
        None => format!("a card of {}", node.place),
    };
    let nic = Section::open(place, at, table, &["name", "mac", "network", "address", "gateway"], node.found);
    nic.need("name", "name = \"eth0\"");
    nic.need("mac", "mac = \"52:54:00:a8:01:01\"");
    if !bonds.iter().any(|bond| written.is_some_and(|name| bond.has(name))) {
        nic.need("network", "network = \"lan\"");
    }
    let mac = text::mac(&nic);
    if let Some(mac) = &mac
        && (mac.get_ref().is_multicast() || mac.get_ref().is_zero())
    {
        let message = format!("{}: no card can own the MAC `{}`", nic.place, mac.get_ref());
        nic.found.report(mac.span(), message, "copy the MAC from the card's label or from the firmware's screen");
    }
    NicKeys {
        name: text::node_interface(&nic, "name"),
        mac,
        network: nic.word("network", &NETWORKS),
        fixed: fixed::read(&nic),
        at: nic.at,
        place: nic.place,
    }
}

/// Reads `bonds`.
pub(super) fn read_bonds<'a>(node: &Section<'a>) -> Vec<BondKeys<'a>> {
    let read = |(at, table): (Range<usize>, &'a DeTable<'a>)| {
        let place = match table.get("name").and_then(|name| name.get_ref().as_str()) {
            Some(name) => format!("bond {} of {}", quote(name), node.place),
            None => format!("a bond of {}", node.place),
        };
        let bond =
            Section::open(place, at, table, &["name", "cards", "mode", "network", "address", "gateway"], node.found);
        bond.need("name", "name = \"bond0\"");
        bond.need("cards", "cards = [\"eth0\", \"eth1\"]");
        bond.need("network", "network = \"lan\"");
        BondKeys {
            name: text::node_interface(&bond, "name"),
            cards: bond.texts("cards"),
            mode: bond.word("mode", &MODES.map(|mode| (mode, mode))),
            network: bond.word("network", &NETWORKS),
            fixed: fixed::read(&bond),
            at: bond.at,
            place: bond.place,
        }
    };
    node.tables("bonds", &format!("`{BONDS}`")).into_iter().map(read).collect()
}

/// Reads `vlans`.
pub(super) fn read_vlans<'a>(node: &Section<'a>) -> Vec<VlanKeys<'a>> {
    let read = |(at, table): (Range<usize>, &'a DeTable<'a>)| {
        let vlan = Section::open(
            format!("a VLAN of {}", node.place),
            at,
            table,
            &["id", "over", "network", "address", "gateway"],
            node.found,
        );
        vlan.need("id", "id = 100");
        vlan.need("over", "over = \"eth0\"");
        // A VLAN with its own address is more likely a storage network than the way to the outside.
        vlan.need("network", if vlan.has("address") { "network = \"none\"" } else { "network = \"public\"" });
        VlanKeys {
            id: vlan.number("id", 1..=4094),
            over: vlan.text("over"),
            network: vlan.word("network", &NETWORKS),
            fixed: fixed::read(&vlan),
            at: vlan.at,
            place: vlan.place,
        }
    };
    node.tables("vlans", &format!("`{VLANS}`")).into_iter().map(read).collect()
}

impl BondKeys<'_> {
    pub(crate) fn has(&self, card: &str) -> bool {
        self.cards.iter().any(|name| *name.get_ref() == card)
    }
}

/// Reports a node whose cards cannot work together.
pub(super) fn check(node: &NodeKeys<'_>, found: &Collector) {
    check_networks(node, found);
    check_bonds(node, found);
    check_vlans(node, found);
}

/// Checks that there is one way to the provisioning network, and at most one to the outside.
fn check_networks(node: &NodeKeys<'_>, found: &Collector) {
    let words = || {
        let cards = node.nics.iter().filter_map(|nic| nic.network.as_ref());
        let bonds = node.bonds.iter().filter_map(|bond| bond.network.as_ref());
        // A VLAN cannot be the provisioning network; that is reported separately.
        let vlans = node.vlans.iter().filter_map(|vlan| vlan.network.as_ref());
        cards.chain(bonds).chain(vlans.filter(|word| *word.get_ref() != NicNetwork::Lan))
    };
    let on = |network: NicNetwork| words().filter(|word| *word.get_ref() == network).collect::<Vec<_>>();
    let (lan, public) = (on(NicNetwork::Lan), on(NicNetwork::Public));
    // A card whose `network` could not be read may be the missing one; then that is the mistake to fix.
    let in_bond =
        |nic: &NicKeys<'_>| node.bonds.iter().any(|bond| nic.name.as_ref().is_some_and(|n| bond.has(n.get_ref())));
    let all_read = node.nics.iter().all(|nic| nic.network.is_some() || in_bond(nic))
        && node.bonds.iter().all(|bond| bond.network.is_some());
    if lan.is_empty() && all_read && node.has_nics {
        let message = format!("{} has no card on the provisioning network", node.place);
        let at = node.nics.first().map_or(node.at.clone(), |nic| nic.at.clone());
        found.report(at, message, "set `network = \"lan\"` on the card that the server boots from");
    }
    for (cards, word) in [(lan, "lan"), (public, "public")] {
        if let [first, second, ..] = &cards[..] {
            let message = format!("{} has {} cards with `network = \"{word}\"`", node.place, cards.len());
            let help = "keep it on one card and set `network = \"none\"` on the others";
            found.add(super::Problem::new(second.span(), message, help).also(first.span(), "the first one"));
        }
    }
}

fn check_bonds(node: &NodeKeys<'_>, found: &Collector) {
    let names: Vec<&str> = node.nics.iter().filter_map(|nic| Some(*nic.name.as_ref()?.get_ref())).collect();
    let all_named = node.nics.iter().all(|nic| nic.name.is_some());
    for (index, bond) in node.bonds.iter().enumerate() {
        if let Some(name) = &bond.name {
            let earlier = node.bonds[..index].iter().filter_map(|bond| bond.name.as_ref());
            if names.contains(name.get_ref()) || earlier.clone().any(|other| other.get_ref() == name.get_ref()) {
                let message = format!("{} has the name of something else there", bond.place);
                found.report(name.span(), message, "give it a name of its own, such as `bond0`");
            }
        }
        if let [.., last] = &bond.cards[..]
            && bond.cards.len() < 2
        {
            let message = format!("{} has one card", bond.place);
            found.report(last.span(), message, "name two cards or more, or leave the bond out");
        } else if bond.cards.is_empty() && bond.name.is_some() {
            found.report(
                bond.at.clone(),
                format!("{} has no cards", bond.place),
                "write `cards = [\"eth0\", \"eth1\"]`",
            );
        }
        for (place, card) in bond.cards.iter().enumerate() {
            let name = *card.get_ref();
            let nic = node.nics.iter().find(|nic| nic.name.as_ref().is_some_and(|known| *known.get_ref() == name));
            let before = node.bonds[..index].iter().flat_map(|other| &other.cards).chain(&bond.cards[..place]);
            if nic.is_none() && all_named {
                let message = format!("{} has unknown card {}", bond.place, quote(name));
                found.report(card.span(), message, suggest(name, "cards of the node", names.iter().copied()));
            }
            if let Some(first) = before.clone().find(|other| *other.get_ref() == name) {
                let message = format!("{} has card {} a second time", bond.place, quote(name));
                let problem = super::Problem::new(card.span(), message, "a card is in one bond, once");
                found.add(problem.also(first.span(), "first used here"));
            } else if let Some(network) = nic.and_then(|nic| nic.network.as_ref()) {
                let message = format!("card {} of {} has a network and is in a bond", quote(name), node.place);
                let problem = super::Problem::new(network.span(), message, "remove it; the network of the bond counts");
                found.add(problem.also(card.span(), "the bond"));
            }
        }
    }
}

fn check_vlans(node: &NodeKeys<'_>, found: &Collector) {
    let cards = node.nics.iter().filter_map(|nic| nic.name.as_ref());
    let names: Vec<&str> =
        cards.chain(node.bonds.iter().filter_map(|bond| bond.name.as_ref())).map(|name| *name.get_ref()).collect();
    let all_named = node.nics.iter().all(|nic| nic.name.is_some()) && node.bonds.iter().all(|bond| bond.name.is_some());
    for (index, vlan) in node.vlans.iter().enumerate() {
        if let Some(network) = vlan.network.as_ref().filter(|word| *word.get_ref() == NicNetwork::Lan) {
            let message = format!("{} is the provisioning network, and firmware boots untagged", vlan.place);
            let help =
                "make it the untagged (native) VLAN of that switch port, and set `network = \"lan\"` on the card";
            found.report(network.span(), message, help);
        }
        let (Some(over), Some(id)) = (&vlan.over, &vlan.id) else { continue };
        let name = *over.get_ref();
        if let Some(bond) = node.bonds.iter().find(|bond| bond.has(name)) {
            let message = format!("{} is over card {}, which is in a bond", vlan.place, quote(name));
            let bond = bond.name.as_ref().map_or("the bond", |name| name.get_ref());
            found.report(over.span(), message, format!("write `over = \"{bond}\"`"));
        } else if !names.contains(&name) && all_named {
            let message = format!("{} is over unknown card {}", vlan.place, quote(name));
            found.report(over.span(), message, suggest(name, "cards and bonds of the node", names.iter().copied()));
        }
        let own = |other: &&VlanKeys<'_>| {
            let same = |over: &Spanned<&str>| *over.get_ref() == name;
            other.over.as_ref().is_some_and(same) && other.id.as_ref().is_some_and(|n| n.get_ref() == id.get_ref())
        };
        if let Some(first) = node.vlans[..index].iter().find(own) {
            let message = format!("{} has VLAN {} over {} twice", node.place, id.get_ref(), quote(name));
            found.add(super::Problem::new(id.span(), message, "remove one").also(first.at.clone(), "the first one"));
        }
        if name.len() + 1 + id.get_ref().to_string().len() > LONGEST_NAME {
            let message = format!(
                "{}: `{name}.{}` is longer than the {LONGEST_NAME} letters of an interface",
                vlan.place,
                id.get_ref()
            );
            found.report(over.span(), message, "give the card or bond a shorter name");
        }
    }
}

/// The MAC that the firmware boots from: that of the LAN card, or of the first card of the LAN's bond.
pub(super) fn boot_mac(node: &NodeKeys<'_>) -> Option<Mac> {
    let is_lan = |word: &Spanned<NicNetwork>| *word.get_ref() == NicNetwork::Lan;
    let plain = node.nics.iter().find(|nic| nic.network.as_ref().is_some_and(is_lan));
    let nic = plain.or_else(|| {
        let bond = node.bonds.iter().find(|bond| bond.network.as_ref().is_some_and(is_lan))?;
        let first = *bond.cards.first()?.get_ref();
        node.nics.iter().find(|nic| nic.name.as_ref().is_some_and(|name| *name.get_ref() == first))
    })?;
    Some(*nic.mac.as_ref()?.get_ref())
}

/// Resolves the cards; none when one of them could not be read.
pub(super) fn resolve(node: &NodeKeys<'_>) -> Option<(Vec<Nic>, Vec<Bond>, Vec<Vlan>)> {
    let bond = |bond: &BondKeys<'_>| {
        Some(Bond {
            name: bond.name.as_ref()?.get_ref().to_string(),
            cards: bond.cards.iter().map(|card| card.get_ref().to_string()).collect(),
            mode: bond.mode.as_ref().map_or(MODES[0], |mode| mode.get_ref()).to_string(),
            network: *bond.network.as_ref()?.get_ref(),
            fixed: bond.fixed.value(),
        })
    };
    let bonds: Vec<Bond> = node.bonds.iter().map(bond).collect::<Option<_>>()?;
    let nic = |nic: &NicKeys<'_>| {
        let name = nic.name.as_ref()?.get_ref().to_string();
        let of_bond = bonds.iter().find(|bond| bond.cards.contains(&name)).map(|bond| bond.network);
        let network = of_bond.or(nic.network.as_ref().map(|word| *word.get_ref()))?;
        Some(Nic { name, mac: *nic.mac.as_ref()?.get_ref(), network, fixed: nic.fixed.value() })
    };
    let vlan = |vlan: &VlanKeys<'_>| {
        Some(Vlan {
            id: u16::try_from(*vlan.id.as_ref()?.get_ref()).ok()?,
            over: vlan.over.as_ref()?.get_ref().to_string(),
            network: *vlan.network.as_ref()?.get_ref(),
            fixed: vlan.fixed.value(),
        })
    };
    let nics = node.nics.iter().map(nic).collect::<Option<_>>()?;
    Some((nics, bonds.clone(), node.vlans.iter().map(vlan).collect::<Option<_>>()?))
}

/// Whether a card, a bond or a VLAN of the node faces the outside.
pub(super) fn face_outside(node: &NodeKeys<'_>) -> bool {
    let cards = node.nics.iter().filter_map(|nic| nic.network.as_ref());
    let bonds = node.bonds.iter().filter_map(|bond| bond.network.as_ref());
    let mut all = cards.chain(bonds).chain(node.vlans.iter().filter_map(|vlan| vlan.network.as_ref()));
    all.any(|word| *word.get_ref() == NicNetwork::Public)
}
