//! The only place that words why a machine gets no answer, or its own disk.

use super::ClientArch;
use crate::site::{Firmware, Mac, NodeName, Platform};

/// Why a machine gets no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreReason {
    /// The MAC is not in the site file.
    #[error("no node has the MAC {0}: add it to the site file to answer it")]
    UnknownMac(Mac),
    /// A card of a node, but not the one it boots from: a wrong cable or a wrong boot order.
    #[error("{mac} is `{nic}` of {node}, which boots from {boot_mac}: check its cables and boot order")]
    NotTheBootNic {
        /// The MAC that asks.
        mac: Mac,
        /// The node that has it.
        node: NodeName,
        /// The name of the card in the site file.
        nic: String,
        /// The MAC of the card it boots from.
        boot_mac: Mac,
    },
    /// rackstart knows at most the name of this architecture.
    #[error("the client architecture {0} is not supported: docs/firmware.md lists those that are")]
    UnsupportedArch(ClientArch),
    /// The architecture is known, but nothing was given to load.
    #[error("there is no boot program for {arch}: name one in `[firmware.{0}]` of the site file", platform_of(*arch))]
    NoProgram {
        /// The architecture.
        arch: ClientArch,
    },
    /// `loader = "signed"`, and the tree has nothing that this firmware can use.
    #[error(
        "its `loader` is `signed`, and its install tree has no signed loader that works for {0}: let it boot by PXE \
         instead of HTTP, or set `loader = \"auto\"`"
    )]
    NoSignedChain(ClientArch),
}

fn platform_of(arch: ClientArch) -> &'static str {
    arch.platform().map_or("PLATFORM", Platform::word)
}

/// Why a machine is told to boot its own disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalDiskReason {
    /// The disk would get the label and the boot loader for the wrong firmware.
    #[error("it started as {0}, and its `firmware` in the site file is {1}: correct the file or the server's setup")]
    WrongFirmware(ClientArch, Firmware),
    /// No operator and no rule armed the node.
    #[error("it was never armed")]
    NeverArmed,
    /// The node booted the installer too often without redeeming its permit.
    #[error("it booted the installer {} times and never asked for its wipe permit", crate::lifecycle::MAX_BOOTS)]
    TooManyBoots,
    /// The permit of the attempt is spent; nothing retries by itself.
    #[error("its wipe permit is spent: the installer had its one chance")]
    PermitSpent,
    /// The system is installed and firstboot is running.
    #[error("it is installed and runs firstboot")]
    Installed,
    /// The node is ready.
    #[error("it is ready")]
    Ready,
    /// The node is not trusted any more; only an operator clears that.
    #[error("it is suspect: {0}")]
    Suspect(String),
    /// The attempt failed; only an operator can arm the node again.
    #[error("it failed: {0}")]
    Failed(String),
}
