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

/// What reads a boot script, and how it loads files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptFor {
    /// iPXE.
    Ipxe,
    /// GRUB, over HTTP or TFTP.
    Grub {
        /// Whether it loads files over HTTP.
        http: bool,
    },
    /// pxelinux over TFTP, or lpxelinux over HTTP.
    Pxelinux {
        /// Whether it loads files over HTTP.
        http: bool,
    },
}

impl ScriptFor {
    /// One of each that reads other scripts than the others.
    pub(crate) const ALL: [Self; 5] = [
        Self::Ipxe,
        Self::Grub { http: true },
        Self::Grub { http: false },
        Self::Pxelinux { http: true },
        Self::Pxelinux { http: false },
    ];

    /// The folder below `templates/` and the ending of its templates.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ipxe => "ipxe",
            Self::Grub { .. } => "grub",
            Self::Pxelinux { .. } => "pxelinux",
        }
    }

    /// What stands before the path of a file in its scripts.
    pub(crate) fn root(self, site: &Site) -> String {
        let server = &site.server;
        match self {
            Self::Ipxe | Self::Pxelinux { http: true } => server.url(),
            Self::Grub { http: true } if server.http_port == 80 => format!("(http,{})", server.address),
            Self::Grub { http: true } => format!("(http,{}:{})", server.address, server.http_port),
            Self::Grub { http: false } => format!("(tftp,{})", server.address),
            // Two colons: not below the folder of pxelinux.
            Self::Pxelinux { http: false } => "::".into(),
        }
    }
}

/// Values of the templates `install`.
#[derive(Debug, Serialize)]
pub(crate) struct InstallValues<'a> {
    node: &'a str,
    release: String,
    distribution: String,
    tree_url: String,
    /// What stands before `tree_path`.
    root: String,
    tree_path: String,
    /// GRUB's command for a kernel, and for an initial RAM disk.
    linux: &'static str,
    initrd: &'static str,
    /// The kernel command line.
    pub arguments: String,
    /// The kernel command line as words, without the one that only iPXE needs.
    words: Vec<String>,
}

impl<'a> InstallValues<'a> {
    /// Collects the values for one boot.
    pub(crate) fn new(site: &Site, node: &'a Node, token: &BootToken, reader: ScriptFor) -> Self {
        let arguments = arguments(site, node, token);
        // A kernel on UEFI would look for that file on the device that it came from.
        let words = arguments.split(' ').filter(|word| !word.starts_with("initrd=")).map(str::to_string).collect();
        // GRUB of EL7 starts kernels on UEFI, and checks their signatures, by commands of their own only.
        let (linux, initrd) = if node.release.major == 7 { ("linuxefi", "initrdefi") } else { ("linux", "initrd") };
        Self {
            node: node.name.as_str(),
            release: node.release.number(),
            distribution: site.distribution_of(node),
            tree_url: tree_url(site, node),
            root: reader.root(site),
            tree_path: tree_path(node),
            linux,
            initrd,
            arguments,
            words,
        }
    }
}

/// The path of the node's install tree below the root of every protocol.
fn tree_path(node: &Node) -> String {
    format!("/tree/{}", node.install_tree)
}

/// Values of the templates `local-disk` and `refused`.
#[derive(Debug, Serialize)]
pub(crate) struct LocalDiskValues<'a> {
    node: &'a str,
    reason: String,
    esp_label: &'static str,
    efi_loaders: &'static [&'static str],
    /// The disk with the operating system in the order of the BIOS, counted from 0, and as the BIOS calls it.
    boot_disk: u8,
    drive: String,
}

impl<'a> LocalDiskValues<'a> {
    /// Collects the values. The reason may contain a machine's own words, so it is sanitised first.
    pub(crate) fn new(node: &'a Node, reason: &str) -> Self {
        Self {
            node: node.name.as_str(),
            reason: ipxe_message(reason),
            esp_label: super::ESP_LABEL,
            efi_loaders: &EFI_LOADERS,
            boot_disk: node.boot_disk,
            drive: format!("{:#x}", 0x80 + u16::from(node.boot_disk)),
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
