//! The layout that `autopart` and `reqpart --add-boot` become: what the installer of the release would make, as far as
//! a plan can know that without the machine.

use crate::site::{
    FileSystem, Layout, LogicalVolumeSpec, Mib, PartitionSpec, PartitionUse, Release, SizeSpec, VolumeGroupSpec,
};

/// The size of swap, in MiB, where the installer would derive it from the machine's memory.
pub(crate) const SWAP: u64 = 4096;
/// The smallest size that is left for `/`, in MiB.
const ROOT: u64 = 10240;

/// The default file system of the release.
pub(crate) fn file_system(release: Release) -> FileSystem {
    if release.is_el6() { FileSystem::Ext4 } else { FileSystem::Xfs }
}

/// `/boot` in Anaconda's size: 500 MiB in EL6, 1 GiB later.
pub(crate) fn boot(release: Release) -> PartitionSpec {
    let size = Mib(if release.is_el6() { 500 } else { 1024 });
    let purpose = PartitionUse::Mount { path: "/boot".into(), file_system: file_system(release) };
    PartitionSpec { size: SizeSpec::Exact(size), purpose, disk: None }
}

/// The default layout; `options` are those of `autopart`, as `--name` or `--name=value`.
pub(crate) fn layout(release: Release, options: &[String]) -> Layout {
    let has = |option: &str| options.iter().any(|given| given == option);
    let is_plain = has("--nolvm") || has("--type=plain") || has("--type=partition");
    let fstype = options.iter().find_map(|option| option.strip_prefix("--fstype="));
    let main = match fstype {
        Some("ext4" | "ext3" | "ext2") => FileSystem::Ext4,
        Some("xfs") => FileSystem::Xfs,
        _ => file_system(release),
    };
    let volume = |name: &str, size, file_system, mount: Option<&str>| LogicalVolumeSpec {
        name: name.into(),
        size,
        file_system,
        mount: mount.map(Into::into),
    };
    let encrypted = has("--encrypted") && !is_plain;
    let (mut partitions, mut groups) = (vec![boot(release)], Vec::new());
    let mut part = |size, purpose| partitions.push(PartitionSpec { size, purpose, disk: None });
    let of_group = |name: &str| PartitionUse::PhysicalVolume { volume_group: name.into() };
    let swap = volume("swap", SizeSpec::Exact(Mib(SWAP)), FileSystem::Swap, None);
    let root = SizeSpec::Grow(Mib(ROOT));
    if is_plain {
        if !has("--noswap") {
            part(SizeSpec::Exact(Mib(SWAP + 4)), of_group("vg_swap"));
            groups.push(VolumeGroupSpec {
                name: "vg_swap".into(),
                logical_volumes: vec![swap],
                spans: false,
                encrypted: false,
            });
        }
        part(root, PartitionUse::Mount { path: "/".into(), file_system: main });
    } else {
        let least = ROOT + SWAP + 4;
        part(SizeSpec::Grow(Mib(least)), of_group("vg_system"));
        let swap = (!has("--noswap")).then_some(swap);
        let volumes = swap.into_iter().chain([volume("root", root, main, Some("/"))]);
        let name = "vg_system".into();
        groups.push(VolumeGroupSpec { name, logical_volumes: volumes.collect(), spans: false, encrypted });
    }
    Layout { partitions, volume_groups: groups, ..Layout::default() }
}
