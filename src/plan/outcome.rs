//! What the planner predicts: every partition, volume group and logical volume, in numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::site::{DiskLabel, FileSystem, FileSystemOptions, Firmware, Mib, NodeName, Release};

/// The kind of slot that a partition takes in its table. GPT partitions are all primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Slot {
    Primary,
    Extended,
    Logical,
}

/// What a planned partition holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "use", rename_all = "kebab-case")]
pub enum Content {
    /// A file system that is mounted directly.
    Mount {
        /// Absolute mount point.
        mount: String,
        /// File system.
        file_system: FileSystem,
    },
    /// The EFI system partition, mounted at `/boot/efi`.
    EfiSystem,
    /// GRUB 2's own MiB on a GPT disk of a BIOS machine.
    BiosBoot,
    /// The physical volume of a volume group.
    PhysicalVolume {
        /// Its volume group.
        volume_group: String,
    },
    /// One half of a mirror; [`ArrayPlan`] says what the mirror holds.
    RaidMember {
        /// Device of the array, such as `md0`.
        array: String,
    },
    /// The container of the logical partitions. Anaconda makes it by itself, over all the space that is left.
    Extended,
}

/// How a partition gets its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// By flags of its `part` command that force its place in Anaconda's order.
    Flags {
        /// `--asprimary`.
        as_primary: bool,
        /// `--grow --maxsize=N` with N equal to the size: it sorts later and grows by nothing.
        grow_to_own_size: bool,
    },
    /// `%pre` makes the partition table as planned, and the `part` command uses `--onpart`. This holds for all
    /// partitions of a disk or for none.
    Prepared,
}

impl Placement {
    /// The placement without any flags.
    pub(crate) const PLAIN: Self = Self::Flags { as_primary: false, grow_to_own_size: false };

    /// Whether the placement has `--asprimary`.
    pub fn as_primary(self) -> bool {
        matches!(self, Self::Flags { as_primary: true, .. })
    }

    /// Whether the placement has `--grow --maxsize` with the partition's own size.
    pub fn grow_to_own_size(self) -> bool {
        matches!(self, Self::Flags { grow_to_own_size: true, .. })
    }
}

/// One predicted partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionPlan {
    /// Number in the kernel's device name: 2 in `sda2`, 5 for the first logical one.
    pub number: u32,
    /// Offset from the start of the disk, in MiB.
    pub start: Mib,
    /// Size in MiB.
    pub size: Mib,
    /// Primary, extended or logical.
    pub slot: Slot,
    /// What it holds.
    #[serde(flatten)]
    pub content: Content,
    /// How the kickstart puts it there.
    pub placement: Placement,
}

impl PartitionPlan {
    /// Where it ends, in MiB.
    pub fn end(&self) -> Mib {
        self.start + self.size
    }
}

/// One predicted disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskPlan {
    /// The slot of the node that contains the disk: `os`, `data`.
    pub slot: String,
    /// The kind of partition table.
    pub label: DiskLabel,
    /// Whether the installer of the release chooses this label by itself. If it is false for one disk of a plan, all
    /// disks of the plan have the same label, so one `clearpart --disklabel` is right for all.
    pub label_is_default: bool,
    /// Size in sectors of `sector_size` bytes.
    pub sectors: u64,
    /// Logical sector size in bytes.
    pub sector_size: u32,
    /// Where the last partition may end, in MiB.
    pub usable_end: Mib,
    /// The space that no partition uses, before `usable_end`.
    pub free: Mib,
    /// The partitions in the order on the disk; an extended one comes before its logical ones.
    pub partitions: Vec<PartitionPlan>,
}

impl DiskPlan {
    /// Whether `%pre` has to make the partition table, because no flags would produce it.
    pub fn is_prepared(&self) -> bool {
        self.partitions.iter().any(|partition| partition.placement == Placement::Prepared)
    }

    /// The partition with this number.
    pub fn partition(&self, number: u32) -> Option<&PartitionPlan> {
        self.partitions.iter().find(|partition| partition.number == number)
    }
}

/// A partition of a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRef {
    /// Slot of the disk.
    pub disk: String,
    /// Number of the partition.
    pub partition: u32,
}

/// One predicted mirror (md RAID1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayPlan {
    /// Device without `/dev/`, such as `md0`.
    pub device: String,
    /// Its two halves; the one on the first disk of the mirror comes first.
    pub members: Vec<PartitionRef>,
    /// What it holds: a file system or a physical volume.
    #[serde(flatten)]
    pub content: Content,
    /// Its guaranteed size in MiB. What md keeps for itself differs between releases, by up to 130 MiB.
    pub at_least: Mib,
}

/// One physical volume of a volume group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhysicalVolumePlan {
    /// Its partition; for a mirror, the first half.
    #[serde(flatten)]
    pub partition: PartitionRef,
    /// The mirror that serves as this physical volume, if any.
    pub array: Option<String>,
    /// Size in MiB; for a mirror, the guaranteed size.
    pub size: Mib,
}

/// One predicted logical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogicalVolumePlan {
    /// Name.
    pub name: String,
    /// Size in MiB.
    pub size: Mib,
    /// Size in extents of its volume group.
    pub extents: u64,
    /// File system.
    pub file_system: FileSystem,
    /// Absolute mount point; none for swap.
    pub mount: Option<String>,
}

/// One predicted volume group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeGroupPlan {
    /// Name in the installed system.
    pub name: String,
    /// The name that the installer gives it when the installer cannot keep the real one; `%post` renames it.
    pub installer_name: Option<String>,
    /// Its physical volumes: one, unless the layout lets the group span several.
    pub physical_volumes: Vec<PhysicalVolumePlan>,
    /// Whether its physical volumes are encrypted (LUKS).
    #[serde(default)]
    pub encrypted: bool,
    /// URLs of the Tang servers that its physical volumes are bound to; empty: a person types the passphrase.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tang: Vec<String>,
    /// Whether the sizes are exact. If not, `size`, `extents` and `free` are minimums.
    pub exact: bool,
    /// Extent size in MiB.
    pub extent_size: Mib,
    /// Number of extents.
    pub extents: u64,
    /// Size in MiB.
    pub size: Mib,
    /// The space that no logical volume uses.
    pub free: Mib,
    /// Its logical volumes, in order.
    pub logical_volumes: Vec<LogicalVolumePlan>,
}

/// Everything about the storage of one node after the installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePlan {
    /// The node.
    pub node: NodeName,
    /// Name of its layout.
    pub layout: String,
    /// The release whose installer was predicted.
    pub release: Release,
    /// BIOS or UEFI.
    pub firmware: Firmware,
    /// The disks that the layout uses, beginning with that of the operating system.
    pub disks: Vec<DiskPlan>,
    /// The mirrors.
    pub arrays: Vec<ArrayPlan>,
    /// The volume groups, in the order of the layout.
    pub volume_groups: Vec<VolumeGroupPlan>,
    /// How file systems are made and mounted, by mount point, where that differs from the installer's defaults.
    #[serde(default)]
    pub options: BTreeMap<String, FileSystemOptions>,
    /// What differs from the layout as written, and why; meant for people.
    pub notes: Vec<String>,
}

impl NodePlan {
    /// Every name that a volume group may have, in the installer or after it.
    pub(crate) fn volume_group_names(&self) -> Vec<&str> {
        self.volume_groups
            .iter()
            .flat_map(|group| std::iter::once(group.name.as_str()).chain(group.installer_name.as_deref()))
            .collect()
    }

    /// The disk that contains the operating system.
    pub fn os_disk(&self) -> &DiskPlan {
        &self.disks[0]
    }

    /// The disk in a slot.
    pub(crate) fn disk(&self, slot: &str) -> Option<&DiskPlan> {
        self.disks.iter().find(|disk| disk.slot == slot)
    }

    /// The partition that a reference points to.
    pub fn partition(&self, which: &PartitionRef) -> Option<&PartitionPlan> {
        self.disk(&which.disk)?.partition(which.partition)
    }
}

impl VolumeGroupPlan {
    /// Whether this partition is one of the group's physical volumes, or the first half of one.
    pub(crate) fn is_on(&self, disk: &str, partition: u32) -> bool {
        let on = |volume: &PhysicalVolumePlan| volume.partition.disk == disk && volume.partition.partition == partition;
        self.physical_volumes.iter().any(on)
    }
}
