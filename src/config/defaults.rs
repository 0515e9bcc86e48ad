//! Values for the nodes that set none themselves: those of `[role.NAME]`, or else of `[site]`.

use toml::Spanned;

use super::kernel_args;
use super::reader::Section;
use super::text;
use crate::site::{Firmware, LoaderChoice, Release};

/// The keys, in `[site]` and in every `[role.NAME]` of the site file.
pub(super) const KEYS: [&str; 6] = ["firmware", "release", "install_tree", "kernel_args", "loader", "boot_disk"];

/// The largest number of a disk in the order of the BIOS: it calls its disks 0x80 to 0xff.
const MOST_BOOT_DISK: u64 = 127;

/// The values of these keys, as written.
#[derive(Debug, Clone, Default)]
pub(super) struct Defaults<'a> {
    pub firmware: Option<Spanned<Firmware>>,
    pub release: Option<Spanned<Release>>,
    pub install_tree: Option<Spanned<&'a str>>,
    pub kernel_args: Option<Spanned<&'a str>>,
    pub loader: Option<Spanned<LoaderChoice>>,
    pub boot_disk: Option<Spanned<u64>>,
}

impl<'a> Defaults<'a> {
    /// Reads the values from a section, and reports mistakes.
    pub(crate) fn read(section: &Section<'a>) -> Self {
        Self {
            firmware: section.word("firmware", &[("bios", Firmware::Bios), ("uefi", Firmware::Uefi)]),
            release: text::release(section),
            install_tree: section.text("install_tree"),
            kernel_args: kernel_args::read(section),
            loader: section.word("loader", &LoaderChoice::WORDS),
            boot_disk: section.number("boot_disk", 0..=MOST_BOOT_DISK),
        }
    }

    /// These values, with those of `other` where one is missing.
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self {
            firmware: self.firmware.clone().or_else(|| other.firmware.clone()),
            release: self.release.clone().or_else(|| other.release.clone()),
            install_tree: self.install_tree.clone().or_else(|| other.install_tree.clone()),
            kernel_args: self.kernel_args.clone().or_else(|| other.kernel_args.clone()),
            loader: self.loader.clone().or_else(|| other.loader.clone()),
            boot_disk: self.boot_disk.clone().or_else(|| other.boot_disk.clone()),
        }
    }
}
