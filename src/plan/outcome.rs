//! What the planner predicts: every partition, volume group and logical volume, in numbers.

use serde::Serialize;

use crate::site::{FileSystem, Firmware, Mib, NodeName, Release};

/// A disk label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskLabel {
    /// The MBR, in parted's word.
    Msdos,
    /// The GUID partition table.
    Gpt,
}

impl std::fmt::Display for DiskLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Msdos => "msdos",
            Self::Gpt => "gpt",
        })
    }
}

/// The slot that a partition takes in its table. GPT partitions are all primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Slot {
    Primary,
    Extended,
    Logical,
}

/// What a planned partition holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// The shell around the logical partitions. Anaconda makes it by itself, over all that is left.
    Extended,
}

/// The flags of a `part` command that force its place in Anaconda's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Placement {
    /// `--asprimary`.
    pub as_primary: bool,
    /// `--grow --maxsize=N` with N equal to the size: sorts later and grows by nothing.
    pub grow_to_own_size: bool,
}

/// One predicted partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// How the kickstart gets it there.
    pub placement: Placement,
}

impl PartitionPlan {
    /// Where it ends, in MiB.
    pub fn end(&self) -> Mib {
        self.start + self.size
    }
}

/// The predicted disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskPlan {
    /// Kind of partition table.
    pub label: DiskLabel,
    /// Size in sectors of `sector_size` bytes.
    pub sectors: u64,
    /// Logical sector size in bytes.
    pub sector_size: u32,
    /// Where the last partition may end, in MiB.
    pub usable_end: Mib,
    /// What no partition uses, before `usable_end`.
    pub free: Mib,
    /// The partitions in the order on the disk; an extended one stands before its logical ones.
    pub partitions: Vec<PartitionPlan>,
}

/// One predicted logical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogicalVolumePlan {
    /// Name.
    pub name: String,
    /// Size in MiB.
    pub size: Mib,
    /// The same in extents.
    pub extents: u64,
    /// File system.
    pub file_system: FileSystem,
    /// Absolute mount point; none for swap.
    pub mount: Option<String>,
}

/// One predicted volume group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeGroupPlan {
    /// Name in the installed system.
    pub name: String,
    /// The name that the installer gives it when it cannot keep the real one; `%post` renames it.
    pub installer_name: Option<String>,
    /// Number of the partition that is its only physical volume.
    pub partition: u32,
    /// Extent size in MiB.
    pub extent_size: Mib,
    /// Number of extents.
    pub extents: u64,
    /// Size in MiB.
    pub size: Mib,
    /// What no logical volume uses.
    pub free: Mib,
    /// Its logical volumes, in order.
    pub logical_volumes: Vec<LogicalVolumePlan>,
}

/// Everything about the storage of one node after the installer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodePlan {
    /// The node.
    pub node: NodeName,
    /// Name of its layout.
    pub layout: String,
    /// The release whose installer was predicted.
    pub release: Release,
    /// BIOS or UEFI.
    pub firmware: Firmware,
    /// The disk.
    pub disk: DiskPlan,
    /// The volume groups, in the order of the layout.
    pub volume_groups: Vec<VolumeGroupPlan>,
    /// What differs from the layout as written, and why; for people.
    pub notes: Vec<String>,
}

impl NodePlan {
    /// Every name a volume group may have on the way, in the installer or after it.
    pub fn volume_group_names(&self) -> Vec<&str> {
        self.volume_groups
            .iter()
            .flat_map(|group| std::iter::once(group.name.as_str()).chain(group.installer_name.as_deref()))
            .collect()
    }

    /// The partition with this number.
    pub fn partition(&self, number: u32) -> Option<&PartitionPlan> {
        self.disk.partitions.iter().find(|partition| partition.number == number)
    }
}
