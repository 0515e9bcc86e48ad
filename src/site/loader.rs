//! What firmware loads first: iPXE, a signed chain of shim and GRUB, or a loader of the operator's own.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{InstallTree, Site};
use crate::packages::Checksum;

/// Machines that run the same boot programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// PC BIOS.
    Bios,
    /// UEFI, 32-bit x86.
    EfiIa32,
    /// UEFI, x86-64.
    EfiX64,
    /// UEFI, 32-bit ARM.
    EfiArm32,
    /// UEFI, 64-bit ARM.
    EfiArm64,
    /// UEFI, 64-bit RISC-V.
    EfiRiscv64,
    /// UEFI, 64-bit LoongArch.
    EfiLoong64,
}

impl Platform {
    /// Each with its word in the site file, and with the ending of its UEFI programs (UEFI 2.10 section 3.5.1.1): shim
    /// loads `grub` with this ending from its own folder.
    pub(crate) const ALL: [(Self, &str, &str); 7] = [
        (Self::Bios, "bios", ""),
        (Self::EfiIa32, "efi-ia32", "ia32.efi"),
        (Self::EfiX64, "efi-x64", "x64.efi"),
        (Self::EfiArm32, "efi-arm32", "arm.efi"),
        (Self::EfiArm64, "efi-arm64", "aa64.efi"),
        (Self::EfiRiscv64, "efi-riscv64", "riscv64.efi"),
        (Self::EfiLoong64, "efi-loong64", "loongarch64.efi"),
    ];

    /// Its word in the site file.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(platform, ..)| *platform == self).map_or("", |(_, word, _)| word)
    }

    /// The ending of the names of its UEFI programs; empty for BIOS.
    pub(crate) fn ending(self) -> &'static str {
        Self::ALL.iter().find(|(platform, ..)| *platform == self).map_or("", |(.., ending)| ending)
    }

    /// The reverse of [`Platform::word`].
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(platform, ..)| *platform)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Which loader the firmware of a node gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LoaderChoice {
    /// iPXE, or the operator's own loader; the signed chain of the node's install tree once its firmware has shown that
    /// it does not start that.
    #[default]
    Auto,
    /// iPXE, or the operator's own loader, and nothing else.
    Ipxe,
    /// The signed chain of the node's install tree at once.
    Signed,
}

impl LoaderChoice {
    /// Each with its word in the site file.
    pub(crate) const WORDS: [(&str, Self); 3] = [("auto", Self::Auto), ("ipxe", Self::Ipxe), ("signed", Self::Signed)];
}

/// A program that is kept in memory, so that no packet waits for a disk.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// The name by which it is published within its folder.
    pub name: String,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// A file of the operator's own that firmware may load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoaderFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The checksum that it must have.
    pub checksum: Checksum,
}

/// The operator's own loader for a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnLoader {
    /// Whose firmware gets it.
    pub platform: Platform,
    /// The loader itself, and then the files that it asks for beside itself.
    pub files: Vec<LoaderFile>,
    /// Their contents in the same order, once they were read.
    pub programs: Vec<Program>,
}

/// Shim and GRUB of an install tree, unmodified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedChain {
    /// Whose firmware can start it.
    pub platform: Platform,
    /// Shim, which the firmware loads.
    pub shim: Program,
    /// GRUB, which shim loads from its own folder.
    pub grub: Program,
    /// Whether that GRUB can load files over HTTP. Debian's cannot.
    pub speaks_http: bool,
}

impl InstallTree {
    /// The signed chain for a platform, if the tree has one.
    pub(crate) fn signed_chain(&self, platform: Platform) -> Option<&SignedChain> {
        self.signed.iter().find(|chain| chain.platform == platform)
    }
}

impl Site {
    /// The operator's own loader for a platform.
    pub(crate) fn own_loader(&self, platform: Platform) -> Option<&OwnLoader> {
        self.loaders.iter().find(|loader| loader.platform == platform)
    }

    /// Finds a program of the operator's or of an install tree by its published name: `efi-x64/NAME` or
    /// `signed/TREE/NAME`. Shim asks with doubled slashes over HTTP, and firmware may put a slash of either kind before
    /// the name; letters may have any case, as on the FAT file systems that these programs come from.
    pub(crate) fn program(&self, name: &str) -> Option<Arc<[u8]>> {
        let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
        let named = |program: &&Program, name: &str| program.name.eq_ignore_ascii_case(name);
        match parts.as_slice() {
            ["signed", tree, file] => {
                let chains = self.install_tree(tree)?.signed.iter();
                let mut programs = chains.flat_map(|chain| [&chain.shim, &chain.grub]);
                programs.find(|program| named(program, file)).map(|program| program.bytes.clone())
            }
            [platform, file] => {
                let own = self.own_loader(Platform::from_word(platform)?)?;
                own.programs.iter().find(|program| named(program, file)).map(|program| program.bytes.clone())
            }
            _ => None,
        }
    }
}
