//! One physical server as the site file describes it.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::cards::{Bond, Link, Nic, NicNetwork, Vlan};
use super::{Container, DiskRule, DiskSlot, Layout, LoaderChoice, Mac, NodeName, OS_SLOT, Place, Power, Release, Tang};

/// How a node boots: which firmware it has, and therefore which network boot program, disk label and local-disk method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// PC BIOS: MBR disk label.
    #[default]
    Bios,
    /// UEFI x86-64: GPT disk label and an EFI system partition.
    Uefi,
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        })
    }
}

/// One server, validated: its role exists, its address is in the subnet, its layout is resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// Short host name.
    pub name: NodeName,
    /// Name of its role in the blueprint.
    pub role: String,
    /// MAC of the NIC on the provisioning network, the key of the node.
    pub mac: Mac,
    /// The reserved address.
    pub address: Ipv4Addr,
    /// BIOS or UEFI.
    pub firmware: Firmware,
    /// Which loader its firmware gets.
    pub loader: LoaderChoice,
    /// The number of the disk with the operating system in the order of its BIOS; 0 is the first.
    pub boot_disk: u8,
    /// The disks it may use, beginning with that of the operating system. Never empty; each slot occurs once.
    pub disks: Vec<DiskSlot>,
    /// All its NICs, in the order of the site file. Exactly one of them, or one bond, is on the LAN. A card in a bond
    /// has the network of the bond.
    pub nics: Vec<Nic>,
    /// Its bonds.
    pub bonds: Vec<Bond>,
    /// Its VLANs.
    pub vlans: Vec<Vlan>,
    /// The wanted disk layout.
    pub layout: Layout,
    /// Volume groups that a keeping reimage leaves as they are.
    pub keep: Vec<String>,
    /// Name of the install tree.
    pub install_tree: String,
    /// Release in that tree.
    pub release: Release,
    /// Extra kernel arguments for installer and installed system, for example `console=ttyS0`.
    pub kernel_args: String,
    /// The container that it is made of in image mode; none when it is made of packages.
    pub container: Option<Container>,
    /// Who opens its encrypted disks besides the passphrase.
    pub tang: Option<Tang>,
    /// Where it is in the racks, for people.
    pub place: Option<Place>,
    /// Its BMC.
    pub power: Option<Power>,
}

impl Node {
    /// The rule for the disk with the operating system.
    pub fn os_disk(&self) -> &DiskRule {
        &self.disks[0].rule
    }

    /// Mutable access, for tests.
    pub fn os_disk_mut(&mut self) -> &mut DiskRule {
        &mut self.disks[0].rule
    }

    /// The rule for the disk in a slot; none when the node has no such slot.
    pub fn disk(&self, slot: &str) -> Option<&DiskRule> {
        self.disks.iter().find(|disk| disk.slot == slot).map(|disk| &disk.rule)
    }

    /// The slot of the disk that a partition of the layout is on.
    pub(crate) fn slot_of<'a>(&'a self, partition: &'a super::PartitionSpec) -> &'a str {
        partition.disk.as_deref().unwrap_or(self.disks.first().map_or(OS_SLOT, |disk| disk.slot.as_str()))
    }

    /// The NIC on the provisioning network; of a bond, its first card.
    pub(crate) fn lan_nic(&self) -> Option<&Nic> {
        let mut lan = self.nics.iter().filter(|nic| nic.network == NicNetwork::Lan);
        lan.clone().find(|nic| nic.mac == self.mac).or_else(|| lan.next())
    }

    /// The NIC that faces the outside, if there is one; of a bond or below a VLAN, the first card.
    pub(crate) fn public_nic(&self) -> Option<&Nic> {
        match self.link(NicNetwork::Public)? {
            Link::Card(nic) => Some(nic),
            Link::Bond(bond) => self.first_card(bond),
            Link::Vlan(vlan) => match self.bonds.iter().find(|bond| bond.name == vlan.over) {
                Some(bond) => self.first_card(bond),
                None => self.nics.iter().find(|nic| nic.name == vlan.over),
            },
        }
    }

    fn first_card(&self, bond: &Bond) -> Option<&Nic> {
        self.nics.iter().find(|nic| bond.cards.first() == Some(&nic.name))
    }

    /// The interface by which the installed system reaches a network: a card that is in no bond, a bond, or a VLAN.
    pub(crate) fn link(&self, network: NicNetwork) -> Option<Link<'_>> {
        let card = self.nics.iter().find(|nic| nic.network == network && self.bond_of(nic).is_none());
        let bond = || self.bonds.iter().find(|bond| bond.network == network).map(Link::Bond);
        let vlan = || self.vlans.iter().find(|vlan| vlan.network == network).map(Link::Vlan);
        card.map(Link::Card).or_else(bond).or_else(vlan)
    }

    /// The bond that a card is in.
    pub(crate) fn bond_of(&self, nic: &Nic) -> Option<&Bond> {
        self.bonds.iter().find(|bond| bond.cards.contains(&nic.name))
    }
}
