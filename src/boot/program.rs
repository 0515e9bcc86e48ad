//! Which program the firmware of a machine loads first, and under which name.

use super::{BootDecision, BootRequest, IgnoreReason};
use crate::site::{LoaderChoice, Node, Platform, SignedChain, Site};

/// The network boot programs that rackstart serves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkBootProgram {
    /// `undionly.kpxe`: iPXE over the BIOS card's own driver.
    UndionlyKpxe,
    /// `snponly.efi`: iPXE over the UEFI firmware's own driver.
    SnponlyEfi,
    /// `ipxe.efi`: iPXE with its own drivers, for UEFI HTTP boot.
    IpxeEfi,
}

impl NetworkBootProgram {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::UndionlyKpxe, Self::SnponlyEfi, Self::IpxeEfi];

    /// The published file name, the same in TFTP, under `/firmware/` and in the firmware folder.
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::UndionlyKpxe => "undionly.kpxe",
            Self::SnponlyEfi => "snponly.efi",
            Self::IpxeEfi => "ipxe.efi",
        }
    }
}

/// The published name of a program, the same below the root of TFTP and below `/firmware/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFile(String);

impl BootFile {
    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    pub(crate) fn built_in(program: NetworkBootProgram) -> Self {
        Self(program.file_name().into())
    }

    fn signed(tree: &str, chain: &SignedChain) -> Self {
        Self(format!("signed/{tree}/{}", chain.shim.name))
    }
}

/// Whether a name is that of a program that firmware, or shim, starts.
pub(crate) fn is_program(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(ending.as_str(), "efi" | "kpxe" | "0" | "pxe")
}

/// Whether a name is that of GRUB's configuration. GRUB of EL asks for it with the MAC, the UUID and the address of the
/// machine appended, in its own folder and in a built-in one.
pub(crate) fn is_grub_start(name: &str) -> bool {
    name == "grub.cfg" || name.starts_with("grub.cfg-")
}

/// The UUID in the name of GRUB's boot script, unless GRUB could not read one.
pub(crate) fn known_uuid(uuid: &str) -> Option<&str> {
    Some(uuid).filter(|uuid| *uuid != "unknown")
}

/// Chooses the program for the firmware of a node, or of a machine that is in no site file.
pub(super) fn choose(site: &Site, node: Option<&Node>, request: &BootRequest) -> BootDecision {
    let Some(platform) = request.arch.platform() else {
        return BootDecision::Ignore(IgnoreReason::UnsupportedArch(request.arch));
    };
    let http = request.arch == super::ClientArch::on(platform, true);
    let signed = node.and_then(|node| {
        let tree = site.install_tree(&node.install_tree)?;
        // A GRUB without HTTP would stop at its prompt and never give the machine back.
        let chain = tree.signed_chain(platform).filter(|chain| chain.speaks_http || !http)?;
        Some(BootFile::signed(&tree.name, chain))
    });
    let unsigned = unsigned(site, platform, http);
    let file = match (node.map(|node| node.loader).unwrap_or_default(), request.refuses_unsigned) {
        (LoaderChoice::Signed, _) => signed,
        (LoaderChoice::Ipxe, _) => unsigned,
        (LoaderChoice::Auto, true) => signed.or(unsigned),
        (LoaderChoice::Auto, false) => unsigned.or(signed),
    };
    match (file, http) {
        (Some(file), false) => BootDecision::ChainloadTftp(file),
        (Some(file), true) => {
            let url = format!("{}/firmware/{}", site.server.url(), file.name());
            BootDecision::ChainloadHttp(file, url)
        }
        (None, _) if node.is_some_and(|node| node.loader == LoaderChoice::Signed) => {
            BootDecision::Ignore(IgnoreReason::NoSignedChain(request.arch))
        }
        (None, _) => BootDecision::Ignore(IgnoreReason::NoProgram { arch: request.arch }),
    }
}

/// The operator's own loader, or else the iPXE in the binary.
fn unsigned(site: &Site, platform: Platform, http: bool) -> Option<BootFile> {
    if let Some(own) = site.own_loader(platform) {
        return own.programs.first().map(|program| BootFile(format!("{platform}/{}", program.name)));
    }
    match (platform, http) {
        (Platform::Bios, false) => Some(NetworkBootProgram::UndionlyKpxe),
        (Platform::EfiX64, false) => Some(NetworkBootProgram::SnponlyEfi),
        (Platform::EfiX64, true) => Some(NetworkBootProgram::IpxeEfi),
        _ => None,
    }
    .map(BootFile::built_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_programs_configurations_and_machines_are_told_apart() {
        for name in ["undionly.kpxe", "EFI/BOOT/BOOTX64.EFI", "pxelinux.0", "own.pxe"] {
            assert!(is_program(name), "{name}");
        }
        assert!(!is_program("grub.cfg") && !is_program("vmlinuz"));
        assert!(is_grub_start("grub.cfg") && is_grub_start("grub.cfg-01-52-54-00-00-00-01"));
        assert!(!is_grub_start("grub.cfgs") && !is_grub_start("x/grub.cfg"));
        assert_eq!((known_uuid("unknown"), known_uuid("4c4c")), (None, Some("4c4c")));
    }
}
