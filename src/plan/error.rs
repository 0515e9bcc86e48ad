//! Why a layout cannot be met exactly, by how many MiB, and one thing to change.

use crate::site::{DiskLabel, Mib, NodeName, Release};

/// A refusal. `Display` gives the error line, and [`PlanError::help`] the one thing to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum PlanError {
    #[error(
        "layout `{layout}` does not fit on {}{node}: it needs {needed}, the disk gives {usable}, {shortfall} are missing",
        disk.as_ref().map(|disk| format!("disk `{disk}` of ")).unwrap_or_default()
    )]
    DiskTooSmall {
        node: NodeName,
        /// The slot of the disk; none when the node has only one disk.
        disk: Option<Box<str>>,
        layout: String,
        needed: Mib,
        usable: Mib,
        shortfall: Mib,
        /// The partition to shrink, and its new size; none when even an empty one would not fit.
        shrink: Option<(String, Mib)>,
    },
    #[error(
        "volume group `{group}` on {node} is too small: a partition of {partition} gives {size}, \
         its volumes need {needed}, {shortfall} are missing"
    )]
    GroupTooSmall {
        node: NodeName,
        group: String,
        partition: Mib,
        size: Mib,
        needed: Mib,
        shortfall: Mib,
        least: Option<Mib>,
    },
    #[error("logical volume `{volume}` on {node} cannot be {size}: sizes are multiples of 4 MiB")]
    NotWholeExtents { node: NodeName, volume: String, size: Mib },
    #[error("{what} on {node} is 0 MiB")]
    Empty { node: NodeName, what: String },
    #[error("{what} on {node} would be {size}, and the installer of release {release} makes none smaller than {least}")]
    TooSmall { node: NodeName, what: String, size: Mib, least: Mib, release: Release },
    #[error("{what} on {node} would be {size}, which release {release} does not make larger than {most}")]
    TooLarge { node: NodeName, what: String, size: Mib, most: Mib, release: Release },
    #[error(
        "the extended partition of {node} is too small: {extended} where its logical partitions need {needed}, \
         {shortfall} are missing"
    )]
    ExtendedTooSmall { node: NodeName, needed: Mib, extended: Mib, shortfall: Mib },
    #[error("the layout of {node} has both a mirror and an extended partition of a size of its own")]
    ExtendedMirror { node: NodeName },
    #[error("layout `{layout}` wants a disk `{disk}`, which {node} does not have")]
    NoSlot { node: NodeName, layout: String, disk: String, slots: Vec<String> },
    #[error("{what} of {node} is on disk `{disk}`, from which the machine does not start")]
    BootElsewhere { node: NodeName, what: String, disk: String },
    #[error("{what} of {node} is on disk `{disk}`, which only mirrors another one")]
    OnMirror { node: NodeName, what: String, disk: String },
    #[error("`/boot` of {node} would be a logical partition, from which not every boot loader starts")]
    BootIsLogical { node: NodeName },
    #[error("disk `{disk}` of {node} cannot have the label {label}: {problem}")]
    Label { node: NodeName, disk: String, label: DiskLabel, problem: &'static str },
    #[error("{node} would get {count} partitions; no more than 15 have device names everywhere")]
    TooManyPartitions { node: NodeName, count: usize },
    #[error("volume group `{group}` on {node} is the use of {count} partitions, but does not span them")]
    PhysicalVolumes { node: NodeName, group: String, count: usize },
    #[error("a partition on {node} belongs to the volume group `{group}`, which the layout does not describe")]
    UnknownGroup { node: NodeName, group: String },
    #[error("{what} `{name}` is used twice on {node}")]
    Duplicate { node: NodeName, what: &'static str, name: String },
    #[error("{what} `{name}` on {node} is not a name that LVM, the installer and a shell all keep as it is")]
    Name { node: NodeName, what: &'static str, name: String },
    #[error("`{path}` on {node} is not a mount point")]
    MountPoint { node: NodeName, path: String },
    #[error("`{path}` on {node} cannot be a file system of its own: {why}")]
    MountReserved { node: NodeName, path: String, why: &'static str },
    #[error("{what} `{name}` on {node} is a name that {why}")]
    Reserved { node: NodeName, what: &'static str, name: String, why: &'static str },
    #[error("the partition for `{path}` on {node} is swap, which is mounted nowhere")]
    SwapPartition { node: NodeName, path: String },
    #[error("`/boot` of {node} would be a logical volume, from which no boot loader starts")]
    BootOnVolume { node: NodeName },
    #[error("volume `{volume}` on {node} has {problem}")]
    Swap { node: NodeName, volume: String, problem: &'static str },
    #[error("layout `{layout}` of {node} has no `{path}`")]
    Missing { node: NodeName, layout: String, path: &'static str },
    #[error("`{path}` on {node} is xfs, which the installer of release {release} refuses")]
    Xfs { node: NodeName, path: String, release: Release },
    #[error("the volume group `{group}` on {node} has a dash and logical volumes: release {release} drops the dash")]
    Dash { node: NodeName, group: String, release: Release },
    #[error("disk `{disk}` of {node} may have less or more than 2^32 sectors, and so one or the other disk label")]
    RangeOfLabels { node: NodeName, disk: String },
    #[error("{node} cannot be reimaged around what it keeps: {problem}")]
    Keep { node: NodeName, problem: String },
    #[error("{node} cannot be reimaged around what it keeps: its disks are encrypted")]
    KeepEncrypted { node: NodeName },
    #[error("{node} cannot be reimaged around what it keeps: its disks mirror each other")]
    KeepMirror { node: NodeName, groups: String },
    #[error(
        "`{path}` of {node} would end at {end}, and the installer of EL7 wants it within the first 2 TiB of the disk"
    )]
    BootTooFar { node: NodeName, path: &'static str, end: Mib },
    #[error("`{path}` on {node} has `mkfs_options`, which a kickstart of release {release} cannot express")]
    MkfsOptions { node: NodeName, path: String, release: Release },
    #[error(
        "the disk of {node} has 2^32 - 1 sectors or more, which release {release} cannot boot from with BIOS firmware"
    )]
    TooLargeForBios { node: NodeName, release: Release },
    #[error("the disk of {node} has sectors of {sector_size} bytes, which {problem}")]
    SectorSize { node: NodeName, sector_size: u32, problem: &'static str },
}

impl PlanError {
    /// Whether the layout is impossible on any disk.
    pub(crate) fn blames_layout(&self) -> bool {
        !matches!(
            self,
            Self::DiskTooSmall { .. }
                | Self::TooLargeForBios { .. }
                | Self::SectorSize { .. }
                | Self::NoSlot { .. }
                | Self::Label { .. }
                | Self::RangeOfLabels { .. }
                | Self::TooLarge { .. }
        )
    }

    /// One thing to change, as a sentence without a full stop.
    pub fn help(&self) -> String {
        match self {
            Self::DiskTooSmall { shrink: Some((what, size)), .. } => {
                format!("shrink {what} to {size} or less, or use a layout that grows")
            }
            Self::DiskTooSmall { shortfall, .. } => {
                format!("give the node a disk that is {shortfall} larger, or a smaller layout")
            }
            Self::GroupTooSmall { group, least: Some(least), .. } => {
                format!(
                    "make the partition of `{group}` {least}: its volumes in extents of 4 MiB, and 1 MiB for metadata"
                )
            }
            Self::GroupTooSmall { group, shortfall, .. } => {
                format!("shrink a volume of `{group}` by {shortfall}, or make its partitions that much larger")
            }
            Self::NotWholeExtents { size, .. } => {
                format!("write {} or {}", size.0 / 4 * 4, size.0.div_ceil(4) * 4)
            }
            Self::Empty { what, .. } => format!("give {what} a size"),
            Self::TooSmall { least, .. } => format!("give it {least} or more"),
            Self::TooLarge { most, .. } => format!("give it {most} or less, or use a newer release"),
            Self::ExtendedTooSmall { needed, .. } => format!("set `extended = {}`, or leave it out", needed.0),
            Self::ExtendedMirror { .. } => "leave out `extended`: only the installer's own size can be mirrored".into(),
            Self::NoSlot { disk, slots, .. } => {
                let slots = slots.join("`, `");
                format!("add `{disk}` to the `disks` of the node, or use one that it has: `{slots}`")
            }
            Self::BootElsewhere { .. } => "leave out its `disk`: it belongs on the first one".into(),
            Self::OnMirror { .. } => "leave out its `disk`: what is on the first disk of a mirror is on both".into(),
            Self::BootIsLogical { .. } => "list it among the first three partitions".into(),
            Self::Label { .. } => "leave out `label`: the installer chooses one that works".into(),
            Self::TooManyPartitions { .. } => "put several logical volumes into one volume group".into(),
            Self::PhysicalVolumes { group, .. } => {
                format!("give `{group}` exactly one partition, or set `spans = true` on it")
            }
            Self::UnknownGroup { group, .. } => format!("describe `{group}` among the volume groups of the layout"),
            Self::Duplicate { what, .. } => format!("give each {what} its own name"),
            Self::Name { .. } => {
                "use letters, digits, `_`, `.` and inner `-`, at most 50 of them, and few dashes in long names".into()
            }
            Self::MountPoint { .. } => {
                "write an absolute path of letters, digits, `_`, `.` and `-`, without `/` at its end".into()
            }
            Self::MountReserved { .. } => "leave it in `/`".into(),
            Self::Reserved { what, .. } => format!("give the {what} another name"),
            Self::SwapPartition { .. } => {
                "write `file_system = \"ext4\"` or \"xfs\"; swap is a logical volume without `mount`".into()
            }
            Self::BootOnVolume { .. } => "give `/boot` a partition of its own".into(),
            Self::Swap { .. } => "give swap no mount point and everything else one".into(),
            Self::Missing { path: "/boot", .. } => "add a partition for `/boot`: no boot loader of these releases \
                                                    starts from a logical volume"
                .into(),
            Self::Missing { path, .. } => format!("add a volume or a partition with the mount point `{path}`"),
            Self::Xfs { .. } => "use ext4 there".into(),
            Self::BootTooFar { .. } => "list it before the large partitions".into(),
            Self::MkfsOptions { .. } => "remove them, or install EL7 or later".into(),
            Self::Dash { group, .. } => format!("call it `{}`", group.replace('-', "_")),
            Self::RangeOfLabels { .. } => "set `max_size = \"2047 GiB\"`, or a `min_size` above 2 TiB".into(),
            Self::Keep { node, .. } => {
                format!(
                    "restore the layout that {node} was installed by, or run `rackstart reimage {node}`, which wipes it"
                )
            }
            Self::KeepEncrypted { node } => {
                format!("copy what is to stay to another machine, and run `rackstart reimage {node}`, which wipes it")
            }
            Self::KeepMirror { node, groups } => {
                format!(
                    "copy what is on `{groups}` to another machine, or rely on its other replica, and then run \
                     `rackstart reimage {node}`, which wipes it"
                )
            }
            Self::TooLargeForBios { .. } => "set `firmware = \"uefi\"` or use a smaller disk".into(),
            Self::SectorSize { .. } => "set `sector_size` to 512, or `firmware = \"uefi\"` for a 4096 byte disk".into(),
        }
    }
}
