//! The question in our own terms: no packet type reaches the decision.

use std::fmt;

use super::ClientArch;
use crate::site::Mac;

/// The kind of client that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// PXE or UEFI HTTP boot firmware that asks by DHCP.
    Firmware,
    /// iPXE that asks by DHCP.
    Ipxe,
    /// iPXE that asks by HTTP for its boot script.
    Script,
    /// An installer or an installed system that only wants an address.
    System,
}

impl fmt::Display for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Firmware => "firmware",
            Self::Ipxe => "ipxe",
            Self::Script => "script",
            Self::System => "system",
        })
    }
}

/// One question of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootRequest {
    /// The MAC that asks.
    pub mac: Mac,
    /// The architecture it asks as.
    pub arch: ClientArch,
    /// The kind of client, which tells how far its boot is.
    pub asking: Asking,
    /// Whether its firmware came back although it had loaded a program without a signature that it accepts.
    pub refuses_unsigned: bool,
}

impl BootRequest {
    /// A request of a machine of which nothing else is known.
    pub fn new(mac: Mac, arch: ClientArch, asking: Asking) -> Self {
        Self { mac, arch, asking, refuses_unsigned: false }
    }
}
