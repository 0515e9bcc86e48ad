//! The one decision about booting: what to answer a machine. DHCP, TFTP, HTTP and `explain` all ask here.

mod arch;
mod authority;
mod program;
mod reason;
mod request;

pub use arch::ClientArch;
pub(crate) use authority::{
    Asked, Denial, Evidence, NOTHING_HERE, Neighbour, Owner, Plane, Token, authorize, authorize_script, is_card_of,
};
pub(crate) use program::{BootFile, NetworkBootProgram, is_grub_start, is_program, known_uuid};
pub(crate) use reason::IgnoreReason;
pub use reason::LocalDiskReason;
pub(crate) use request::{Asking, BootRequest};

use crate::lifecycle::{MAX_BOOTS, State};
use crate::site::{Mac, Site};

/// How a machine is answered, with the reason where one is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootDecision {
    /// No answer at all.
    Ignore(IgnoreReason),
    /// An address and nothing to boot, for an installer or an installed system.
    AddressOnly,
    /// For firmware: load this program by TFTP.
    ChainloadTftp(BootFile),
    /// For UEFI HTTP boot: load this program from this URL.
    ChainloadHttp(BootFile, String),
    /// For iPXE that asks by DHCP: fetch the boot script from this URL.
    Script(String),
    /// For iPXE that asks for its script: start the installer.
    Install,
    /// For iPXE that asks for its script: start what is on the disk.
    LocalDisk(LocalDiskReason),
    /// For the iPXE of a machine that is not in the site file and asks for its script: show its MAC and what to do,
    /// then let the firmware go on with its next boot device.
    Unknown,
}

/// Decides what to answer. This never fails, waits or remembers anything: the same question always has the same answer.
/// `state` is only needed (and only read) when iPXE asks for its script.
pub(crate) fn decide(site: &Site, state: Option<&State>, request: &BootRequest) -> BootDecision {
    let Some(node) = site.node_by_mac(request.mac) else {
        return stranger(site, request);
    };
    match request.asking {
        Asking::System => BootDecision::AddressOnly,
        Asking::Firmware => program::choose(site, Some(node), request),
        // iPXE reports the firmware it runs on only in its DHCP request, so the URL carries it when it differs from the
        // plan.
        Asking::Ipxe => {
            let arch = match request.arch.runs_on(node.firmware) {
                true => String::new(),
                false => format!("&arch={}", request.arch),
            };
            BootDecision::Script(format!("{}?{WHICH_MACHINE}{arch}", script_url(site, node.mac)))
        }
        Asking::Script => match script(state) {
            BootDecision::Install if !request.arch.runs_on(node.firmware) => {
                BootDecision::LocalDisk(LocalDiskReason::WrongFirmware(request.arch, node.firmware))
            }
            decision => decision,
        },
    }
}

/// Answers a MAC that no node boots from. With a discovery range the machine gets as far as its own screen, but never
/// to an installer.
fn stranger(site: &Site, request: &BootRequest) -> BootDecision {
    let mac = request.mac;
    if let Some((node, nic)) = site.nodes.by_card(mac) {
        let (node, nic, boot_mac) = (node.name.clone(), nic.name.clone(), node.mac);
        return BootDecision::Ignore(IgnoreReason::NotTheBootNic { mac, node, nic, boot_mac });
    }
    if site.networks().all(|network| network.discovery.is_none()) {
        return BootDecision::Ignore(IgnoreReason::UnknownMac(mac));
    }
    match request.asking {
        Asking::System => BootDecision::AddressOnly,
        Asking::Firmware => program::choose(site, None, request),
        Asking::Ipxe => BootDecision::Script(format!("{}?{WHICH_MACHINE}&{ITS_MAKER}", script_url(site, mac))),
        Asking::Script => BootDecision::Unknown,
    }
}

/// iPXE fills in what the firmware says about the machine (ipxe.org/cfg/uuid, ipxe.org/cfg/serial).
const WHICH_MACHINE: &str = "uuid=${uuid}&serial=${serial:uristring}";

/// The same for its maker (ipxe.org/cfg/manufacturer), which helps a person to find a stranger. With it the URL is
/// still as long as the field `file` of DHCP can hold.
const ITS_MAKER: &str = "maker=${manufacturer:uristring}";

fn script_url(site: &Site, mac: Mac) -> String {
    format!("{}/boot/{}", site.server.url(), mac.hyphenated())
}

fn script(state: Option<&State>) -> BootDecision {
    use LocalDiskReason as Why;
    match state {
        None | Some(State::New) => BootDecision::LocalDisk(Why::NeverArmed),
        Some(State::Armed { attempt, .. }) if attempt.boots >= MAX_BOOTS => BootDecision::LocalDisk(Why::TooManyBoots),
        Some(State::Armed { .. }) => BootDecision::Install,
        Some(State::Installing { .. }) => BootDecision::LocalDisk(Why::PermitSpent),
        Some(State::Firstboot { .. }) => BootDecision::LocalDisk(Why::Installed),
        Some(State::Ready { .. }) => BootDecision::LocalDisk(Why::Ready),
        Some(State::Suspect { why, .. }) => BootDecision::LocalDisk(Why::Suspect(why.clone())),
        Some(State::Failed { reason, .. }) => BootDecision::LocalDisk(Why::Failed(reason.clone())),
    }
}

#[cfg(test)]
mod tests;
