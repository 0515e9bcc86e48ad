//! One physical server as the site file describes it.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{Layout, Mac, NodeName, Release};

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

/// Which disk of a node may be used: every given property must match, on exactly one disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskRule {
    /// Exact size in sectors of `sector_size` bytes; the storage plan is computed from it.
    pub sectors: u64,
    /// Logical sector size in bytes: 512, or 4096 on 4Kn disks.
    pub sector_size: u32,
    /// Kernel name such as `sda`; unstable on machines with several controllers.
    pub name: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// World wide name, with or without its `0x`.
    pub wwn: Option<String>,
}

impl DiskRule {
    /// Size of the disk in bytes.
    pub fn bytes(&self) -> u64 {
        self.sectors.saturating_mul(u64::from(self.sector_size))
    }
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
    /// The disk to install on.
    pub disk: DiskRule,
    /// All its NICs, in the order of the site file; exactly one is on the LAN.
    pub nics: Vec<Nic>,
    /// The wanted disk layout.
    pub layout: Layout,
    /// Name of the install tree.
    pub install_tree: String,
    /// CentOS release in that tree.
    pub release: Release,
    /// Extra kernel arguments for installer and installed system, for example `console=ttyS0`.
    pub kernel_args: String,
}

impl Node {
    /// The NIC on the provisioning network.
    pub fn lan_nic(&self) -> Option<&Nic> {
        self.nics.iter().find(|nic| nic.network == NicNetwork::Lan)
    }

    /// The NIC that faces the outside, if any.
    pub fn public_nic(&self) -> Option<&Nic> {
        self.nics.iter().find(|nic| nic.network == NicNetwork::Public)
    }
}
