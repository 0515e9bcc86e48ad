//! The question in our own terms: no packet type reaches the decision.

use std::fmt;

use crate::site::{Firmware, Mac};

/// DHCP option 93 (RFC 4578 section 2.1), as far as it changes an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientArch {
    /// 0: PC BIOS. Also assumed when the option is missing, as old BIOS ROMs do not send it.
    Bios,
    /// 7 (and 9, which some x86-64 firmware sends): UEFI x86-64.
    EfiX64,
    /// 16: UEFI x86-64 HTTP boot.
    EfiX64Http,
    /// Anything else.
    Other(u16),
}

impl ClientArch {
    /// Whether a machine with that firmware asks as this architecture.
    pub(crate) fn runs_on(self, firmware: Firmware) -> bool {
        (self == Self::Bios) == (firmware == Firmware::Bios)
    }

    /// The architecture to assume for a machine with that firmware when nothing else is known.
    pub(crate) fn of(firmware: Firmware) -> Self {
        match firmware {
            Firmware::Bios => Self::Bios,
            Firmware::Uefi => Self::EfiX64,
        }
    }
}

impl From<u16> for ClientArch {
    fn from(number: u16) -> Self {
        match number {
            0 => Self::Bios,
            7 | 9 => Self::EfiX64,
            16 => Self::EfiX64Http,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for ClientArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bios => f.write_str("bios"),
            Self::EfiX64 => f.write_str("efi-x64"),
            Self::EfiX64Http => f.write_str("efi-x64-http"),
            Self::Other(number) => write!(f, "arch-{number}"),
        }
    }
}

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
}
