//! The cards of a node, its bonds, its VLANs, and the addresses on them.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::Mac;

/// What a NIC is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NicNetwork {
    /// The provisioning and cluster network: PXE boots here, and the installed system has a static address.
    Lan,
    /// The outside, with the default route (the paper's gateway). Configured by DHCP, unless it has a fixed address.
    Public,
    /// Not connected, and disabled in the installed system; or any other network, if it has a fixed address.
    None,
}

/// One network interface card.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nic {
    /// Its name in the installed system, for example `eth0`.
    pub name: String,
    /// Its MAC.
    pub mac: Mac,
    /// What it is connected to.
    pub network: NicNetwork,
    /// Its fixed address outside the provisioning network, if it has one.
    pub fixed: Option<FixedAddress>,
}

/// Several cards that act as one: the installed system sees the bond, and the firmware boots from the bond's first
/// card.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bond {
    /// Its name in the installed system, for example `bond0`.
    pub name: String,
    /// Names of its cards, the boot card first if it is one of them. At least two.
    pub cards: Vec<String>,
    /// The mode in the bonding driver's words, for example `active-backup`.
    pub mode: String,
    /// What it is connected to.
    pub network: NicNetwork,
    /// Its fixed address outside the provisioning network, if it has one.
    pub fixed: Option<FixedAddress>,
}

/// A VLAN (IEEE 802.1Q) on a card or a bond. It is never the provisioning network, because firmware boots untagged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Vlan {
    /// Its number, 1 to 4094.
    pub id: u16,
    /// Name of the card or bond that carries it.
    pub over: String,
    /// What it is connected to: the outside, or a network without a role.
    pub network: NicNetwork,
    /// Its fixed address, if it has one.
    pub fixed: Option<FixedAddress>,
}

/// An address that is assigned outside rackstart, not on the provisioning network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FixedAddress {
    /// The address, with the length of its network's prefix.
    pub net: Ipv4Net,
    /// The router there, which becomes the default route. Only the way to the outside has one.
    pub gateway: Option<Ipv4Addr>,
}

/// What the installed system sees as one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link<'a> {
    /// A card by itself.
    Card(&'a Nic),
    /// Several cards that act as one.
    Bond(&'a Bond),
    /// A VLAN on either.
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
