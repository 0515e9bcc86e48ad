//! What an operator wants on a disk: partitions, volume groups and logical volumes, before any arithmetic.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use super::DiskLabel;

/// A size in mebibytes (1,048,576 bytes), the unit of Anaconda and of the paper's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mib(pub u64);

impl fmt::Display for Mib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.0)
    }
}

impl Add for Mib {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Mib {
    type Output = Self;
    /// Panics on underflow in debug builds; callers compare first.
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

/// A wanted size: exactly this many MiB, or whatever is left but never below a minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SizeSpec {
    /// Exactly this size.
    Exact(Mib),
    /// All that remains; at least this much.
    Grow(Mib),
}

impl SizeSpec {
    /// The exact size, or the minimum of a growing one.
    pub fn minimum(self) -> Mib {
        match self {
            Self::Exact(size) | Self::Grow(size) => size,
        }
    }

    /// Whether the size takes what remains.
    pub fn grows(self) -> bool {
        matches!(self, Self::Grow(_))
    }
}

/// A file system that a layout may ask for, by its kickstart `--fstype` name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum FileSystem {
    Ext4,
    Xfs,
    Swap,
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Swap => "swap",
        })
    }
}

/// What a partition is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PartitionUse {
    /// A file system mounted directly, such as `/boot`.
    Mount {
        /// Absolute mount point.
        path: String,
        /// File system.
        file_system: FileSystem,
    },
    /// The EFI system partition, mounted at `/boot/efi`. Only present when the node's firmware is UEFI.
    EfiSystem,
    /// The physical volume of the named volume group.
    PhysicalVolume {
        /// Name of the volume group.
        volume_group: String,
    },
}

/// One wanted partition. The order in `Layout::partitions` is the order wanted on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionSpec {
    /// Size of the partition.
    pub size: SizeSpec,
    /// What it is for.
    pub purpose: PartitionUse,
    /// The slot of the disk it is on; none means the disk of the operating system.
    pub disk: Option<String>,
}

/// One wanted logical volume.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogicalVolumeSpec {
    /// Name, for example `lv_root`.
    pub name: String,
    /// Size; at most one volume of a group may grow.
    pub size: SizeSpec,
    /// File system (or swap).
    pub file_system: FileSystem,
    /// Absolute mount point; none for swap.
    pub mount: Option<String>,
}

/// One wanted volume group, on exactly one physical volume unless it spans several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VolumeGroupSpec {
    /// Name, for example `vg_base` or `vg_data`.
    pub name: String,
    /// Its logical volumes, in order; may be empty (the software on the node then makes its own).
    pub logical_volumes: Vec<LogicalVolumeSpec>,
    /// Whether it may span several physical volumes, one after the other. If one disk is lost, all of it is lost.
    pub spans: bool,
    /// Whether its physical volumes are encrypted (LUKS).
    pub encrypted: bool,
}

/// All disks of a node as wanted. Defined by the blueprint or by the site file, for example as `paper` or `grow`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Layout {
    /// The name in the blueprint or the site file.
    pub name: String,
    /// Partitions in the order wanted on the disk.
    pub partitions: Vec<PartitionSpec>,
    /// Volume groups. Each is the use of exactly one partition, or of several if it may span them.
    pub volume_groups: Vec<VolumeGroupSpec>,
    /// Two slots whose disks mirror each other (md RAID1); the first of them is that of the operating system.
    pub mirror: Option<(String, String)>,
    /// The disk label; none leaves the choice to the installer of the release.
    pub label: Option<DiskLabel>,
    /// The exact size of the extended partition of an MBR; none gives it all the space that is left, as the installer
    /// does.
    pub extended: Option<Mib>,
    /// Whether `%pre` makes every partition table, even where the installer would make the same one. This is for disks
    /// on which the installer would not, because they report another alignment.
    pub prepared: bool,
    /// How file systems are made and mounted, by mount point, where that differs from the installer's defaults.
    pub options: BTreeMap<String, FileSystemOptions>,
}

/// How a file system is made and mounted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FileSystemOptions {
    /// Options for mount(8), as in `/etc/fstab`: `noatime,nodev`.
    pub mount: Option<String>,
    /// Options for the program that makes it: `-i size=512`.
    pub mkfs: Option<String>,
}

impl FileSystemOptions {
    /// Why these cannot be the mount options of a file system; none when they can. They are written into a kickstart
    /// and into `/etc/fstab`, so only certain characters are allowed, and some options would keep the installer from
    /// writing or the system from running.
    pub(crate) fn objection(mount: &str, options: &str) -> Option<String> {
        if !Self::is_mount(options) {
            return Some("they hold letters that do not belong into `/etc/fstab`".into());
        }
        let unusable = Self::unusable(mount, options)?;
        Some(format!("`{unusable}` keeps the system from being installed or started"))
    }

    /// The option that keeps the installer from writing there or the installed system from running.
    pub(crate) fn unusable<'a>(mount: &str, options: &'a str) -> Option<&'a str> {
        let never: &[&str] = match mount {
            "/" => &["ro", "noauto", "bind", "noexec", "nodev", "nosuid", "_netdev"],
            "/usr" => &["ro", "noauto", "bind", "noexec", "nosuid", "_netdev"],
            _ => &["ro", "bind"],
        };
        options.split(',').find(|option| never.contains(option))
    }

    /// Whether the text can be options for mkfs.
    pub(crate) fn is_mkfs(options: &str) -> bool {
        is_list(options, "=,_.:/^- ")
    }

    /// Whether the text can be options for mount, judging only by its characters.
    pub(crate) fn is_mount(options: &str) -> bool {
        is_list(options, "=,_.:/-")
    }
}

/// Whether these are comma-separated options of letters, digits and `more`, with at most 200 characters.
fn is_list(value: &str, more: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || more.contains(letter);
    let each = value.split(',').all(|option| !option.is_empty());
    each && value.len() <= 200 && value.trim() == value && value.chars().all(letters)
}

impl Layout {
    /// Whether a passphrase is needed to boot.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.volume_groups.iter().any(|group| group.encrypted)
    }

    /// Whether a partition or a logical volume is mounted there.
    pub(crate) fn mounts(&self, path: &str) -> bool {
        self.mount_points().any(|mount| mount == path)
    }

    /// Where partitions and logical volumes are mounted, in no particular order.
    pub(crate) fn mount_points(&self) -> impl Iterator<Item = &str> {
        let volumes = self.volume_groups.iter().flat_map(|group| &group.logical_volumes);
        let partitions = self.partitions.iter().filter_map(|partition| match &partition.purpose {
            PartitionUse::Mount { path, .. } => Some(path),
            PartitionUse::PhysicalVolume { .. } | PartitionUse::EfiSystem => None,
        });
        volumes.filter_map(|volume| volume.mount.as_ref()).chain(partitions).map(String::as_str)
    }

    /// Every slot that the layout names, each once, in no particular order. The default slot of the operating system is
    /// not included.
    pub(crate) fn slots(&self) -> BTreeSet<&str> {
        let named = self.partitions.iter().filter_map(|partition| partition.disk.as_deref());
        let mirrored = self.mirror.iter().flat_map(|(first, second)| [first.as_str(), second.as_str()]);
        named.chain(mirrored).collect()
    }
}
