//! The cards of a node, its bonds, its VLANs, and the addresses on them.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::Mac;

/// What a NIC is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NicNetwork {
    /// The provisioning and cluster network: PXE boots here, static address afterwards.
    Lan,
    /// The outside: owns the default route (the paper's gateway). By DHCP, unless it has an address of its own.
    Public,
    /// Not connected, and disabled in the installed system; or, with an address of its own, any other network.
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
    /// Its address outside the provisioning network, if it is a fixed one.
    pub fixed: Option<FixedAddress>,
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
    /// Its address outside the provisioning network, if it is a fixed one.
    pub fixed: Option<FixedAddress>,
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
    /// Its address, if it is a fixed one.
    pub fixed: Option<FixedAddress>,
}

/// An address that somebody else gave out, not on the provisioning network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedAddress {
    /// The address, with the length of its network's prefix.
    pub net: Ipv4Net,
    /// The router there: the default route. Only the way to the outside has one.
    pub gateway: Option<Ipv4Addr>,
}

/// What the installed system sees as one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link<'a> {
    /// A card by itself.
    Card(&'a Nic),
    /// Several cards that are one.
    Bond(&'a Bond),
    /// A VLAN over either.
    Vlan(&'a Vlan),
}

impl std::fmt::Display for Link<'_> {
    /// The name that the site file gives: `eth0`, `bond0`, `bond0.100`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Card(nic) => f.write_str(&nic.name),
            Self::Bond(bond) => f.write_str(&bond.name),
            Self::Vlan(vlan) => write!(f, "{}.{}", vlan.over, vlan.id),
        }
    }
}
