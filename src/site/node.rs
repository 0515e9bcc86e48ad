//! One physical server as the site file describes it.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{DiskRule, DiskSlot, Layout, Mac, NodeName, OS_SLOT, Release};

/// How a node starts: which firmware, hence which network boot program, disk label and local-disk method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
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

/// What a NIC is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NicNetwork {
    /// The provisioning and cluster network: PXE boots here, static address afterwards.
    Lan,
    /// The outside: DHCP, owns the default route (the paper's gateway).
    Public,
    /// Not connected; disabled in the installed system.
    None,
}

/// One network interface card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// What the installed system calls it, for example `eth0`.
    pub name: String,
    /// Its MAC.
    pub mac: Mac,
    /// What it is connected to.
    pub network: NicNetwork,
}

/// Several cards that are one: the installed system sees the bond, the firmware boots from its first card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bond {
    /// What the installed system calls it, for example `bond0`.
    pub name: String,
    /// Names of its cards, the boot card first if it is one of them. At least two.
    pub cards: Vec<String>,
    /// The bonding driver's word, for example `active-backup`.
    pub mode: String,
    /// What it is connected to.
    pub network: NicNetwork,
}

/// A VLAN (IEEE 802.1Q) over a card or a bond. Never the provisioning network: firmware boots untagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vlan {
    /// Its number, 1 to 4094.
    pub id: u16,
    /// Name of the card or bond that carries it.
    pub over: String,
    /// What it is connected to: the outside, or nothing yet.
    pub network: NicNetwork,
}

/// One server, validated: its role exists, its address is in the subnet, its layout is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The disks it may use, the first of them for the operating system. Never empty; each slot once.
    pub disks: Vec<DiskSlot>,
    /// All its NICs, in the order of the site file; exactly one, or one bond, is on the LAN. A card in a bond has the
    /// network of the bond.
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
    /// CentOS release in that tree.
    pub release: Release,
    /// Extra kernel arguments for installer and installed system, for example `console=ttyS0`.
    pub kernel_args: String,
}

impl Node {
    /// The rule of the disk that the operating system is on.
    pub fn os_disk(&self) -> &DiskRule {
        &self.disks[0].rule
    }

    /// The same for changing it, as tests do.
    pub fn os_disk_mut(&mut self) -> &mut DiskRule {
        &mut self.disks[0].rule
    }

    /// The rule of a slot; none when the node has no such slot.
    pub fn disk(&self, slot: &str) -> Option<&DiskRule> {
        self.disks.iter().find(|disk| disk.slot == slot).map(|disk| &disk.rule)
    }

    /// The slot that a partition of the layout is on.
    pub fn slot_of<'a>(&'a self, partition: &'a super::PartitionSpec) -> &'a str {
        partition.disk.as_deref().unwrap_or(self.disks.first().map_or(OS_SLOT, |disk| disk.slot.as_str()))
    }

    /// The NIC on the provisioning network; of a bond, its first card.
    pub fn lan_nic(&self) -> Option<&Nic> {
        let mut lan = self.nics.iter().filter(|nic| nic.network == NicNetwork::Lan);
        lan.clone().find(|nic| nic.mac == self.mac).or_else(|| lan.next())
    }

    /// The NIC that faces the outside, if any; of a bond or below a VLAN, the first card.
    pub fn public_nic(&self) -> Option<&Nic> {
        let plain = self.nics.iter().find(|nic| nic.network == NicNetwork::Public);
        plain.or_else(|| {
            let over = &self.vlans.iter().find(|vlan| vlan.network == NicNetwork::Public)?.over;
            let bond = self.bonds.iter().find(|bond| bond.name == *over);
            let card = bond.and_then(|bond| bond.cards.first()).unwrap_or(over);
            self.nics.iter().find(|nic| nic.name == *card)
        })
    }

    /// The bond that a card is in.
    pub fn bond_of(&self, nic: &Nic) -> Option<&Bond> {
        self.bonds.iter().find(|bond| bond.cards.contains(&nic.name))
    }
}
