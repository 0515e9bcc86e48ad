//! Values for the boot script templates.

use serde::Serialize;

use crate::lifecycle::BootToken;
use crate::site::{Node, Site};

use super::escape::ipxe_message;
use super::kickstart::tree_url;

/// EL6's kernel keeps 2048 bytes of its command line; iPXE and the loader add some of their own.
pub(crate) const LONGEST_ARGUMENTS: usize = 1800;

/// Boot loaders that the installed releases put on an EFI system partition, the distribution's own before the fallback,
/// because the fallback may rewrite the firmware's boot order.
const EFI_LOADERS: [&str; 6] = [
    "/EFI/redhat/grub.efi",
    "/EFI/centos/shimx64.efi",
    "/EFI/redhat/shimx64.efi",
    "/EFI/rocky/shimx64.efi",
    "/EFI/almalinux/shimx64.efi",
    "/EFI/BOOT/BOOTX64.EFI",
];

/// Values of `templates/ipxe/install.ipxe.j2`.
#[derive(Debug, Serialize)]
pub(crate) struct InstallValues<'a> {
    node: &'a str,
    release: String,
    distribution: String,
    tree_url: String,
    /// The kernel command line.
    pub arguments: String,
}

impl<'a> InstallValues<'a> {
    /// Collects the values for one boot.
    pub(crate) fn new(site: &Site, node: &'a Node, token: &BootToken) -> Self {
        Self {
            node: node.name.as_str(),
            release: node.release.number(),
            distribution: site.distribution_of(node),
            tree_url: tree_url(site, node),
            arguments: arguments(site, node, token),
        }
    }
}

/// Values of `templates/ipxe/local-disk.ipxe.j2`.
#[derive(Debug, Serialize)]
pub(crate) struct LocalDiskValues<'a> {
    node: &'a str,
    reason: String,
    esp_label: &'static str,
    efi_loaders: &'static [&'static str],
}

impl<'a> LocalDiskValues<'a> {
    /// Collects the values. The reason may contain a machine's own words, so it is sanitised first.
    pub(crate) fn new(node: &'a Node, reason: &str) -> Self {
        Self {
            node: node.name.as_str(),
            reason: ipxe_message(reason),
            esp_label: super::ESP_LABEL,
            efi_loaders: &EFI_LOADERS,
        }
    }
}

/// The kernel command line of the installer. `BOOTIF` comes from the site, not from iPXE, because the site file names
/// the card.
fn arguments(site: &Site, node: &Node, token: &BootToken) -> String {
    let kickstart = format!("{}/kickstart/{}", site.server.url(), token.reveal());
    let tree = tree_url(site, node);
    let card = node.mac.hyphenated();
    // It must come first: EL6's init looks for it only in the first kilobyte. Both names mean rsyslog over TCP.
    let syslog = match (site.server.syslog, node.release.is_el6()) {
        (false, _) => String::new(),
        (true, true) => format!(" syslog={}:514", site.server.address),
        (true, false) => format!(" inst.syslog={}:514", site.server.address),
    };
    // Up to 6.5 the loader puts the whole output of dmidecode into one header, with comments and line ends, and such a
    // request can only be refused; the loader asks once, and then waits in a dialog for ever.
    let serial = if node.release.minor >= 6 { " kssendsn" } else { "" };
    let arguments = if node.release.is_el6() {
        format!(
            "initrd=initrd.img{syslog} ks={kickstart} ksdevice=bootif BOOTIF=01-{card} kssendmac{serial} method={tree} \
             ip=dhcp noipv6 cmdline {}",
            node.kernel_args
        )
    } else {
        format!(
            "initrd=initrd.img{syslog} inst.ks={kickstart} BOOTIF=01-{card} inst.ks.sendmac inst.ks.sendsn inst.repo={tree} \
             inst.nosave=all_ks ip=dhcp inst.cmdline {}",
            node.kernel_args
        )
    };
    arguments.trim_end().to_string()
}
