//! The smallest and the largest allowed sizes. The installer silently enlarges what is too small, and everything after
//! it then lies elsewhere than planned; so it is refused.

use crate::site::{FileSystem, Mib, Node};

use super::luks;
use super::wanted::in_words;
use super::{Content, NodePlan, PlanError};

/// blivet enlarges a smaller EFI system partition to this size.
const MIN_EFI_SYSTEM: Mib = Mib(50);
/// One extent for the metadata and one for data: blivet enlarges a smaller physical volume to this size.
pub(crate) const MIN_PHYSICAL_VOLUME: Mib = Mib(8);
/// The size that the installers of EL8 (its last ones, as of Stream 8), EL9 and EL10 recommend for `/boot`.
const ADVISED_BOOT: Mib = Mib(512);
const TIB: u64 = 1 << 20;

/// Checks every partition, mirror and volume of a plan.
pub(crate) fn check(node: &Node, plan: &NodePlan) -> Result<(), PlanError> {
    for (content, size) in contents(plan) {
        check_size(node, || in_words(content), size, range(node, content))?;
    }
    check_boot_end(node, plan)?;
    check_mkfs_options(node)?;
    for volume in plan.volume_groups.iter().flat_map(|group| &group.logical_volumes) {
        let what = || format!("the logical volume `{}`", volume.name);
        check_size(node, what, volume.size, of_file_system(node, volume.file_system))?;
    }
    Ok(())
}

/// Checks that the file system of `/boot` (or `/` without one) ends within the first 2 TiB of its disk, as EL7's
/// installer demands.
fn check_boot_end(node: &Node, plan: &NodePlan) -> Result<(), PlanError> {
    let boots = if node.layout.mounts("/boot") { "/boot" } else { "/" };
    let is_boot = |content: &Content| matches!(content, Content::Mount { mount, .. } if mount == boots);
    let of_mirror = |array: &str| plan.arrays.iter().any(|known| known.device == array && is_boot(&known.content));
    let holds = |content: &Content| match content {
        Content::RaidMember { array } => of_mirror(array),
        content => is_boot(content),
    };
    let mut all = plan.disks.iter().flat_map(|disk| &disk.partitions).filter(|partition| holds(&partition.content));
    match all.find(|partition| node.release.major == 7 && partition.end() > Mib(2 * TIB)) {
        Some(partition) => Err(PlanError::BootTooFar { node: node.name.clone(), path: boots, end: partition.end() }),
        None => Ok(()),
    }
}

/// Checks that EL6 needs no options for mkfs, for which its kickstart has no syntax.
fn check_mkfs_options(node: &Node) -> Result<(), PlanError> {
    let mut with = node.layout.options.iter().filter(|(_, options)| options.mkfs.is_some());
    match with.next().filter(|_| node.release.is_el6()) {
        Some((path, _)) => {
            Err(PlanError::MkfsOptions { node: node.name.clone(), path: path.clone(), release: node.release })
        }
        None => Ok(()),
    }
}

/// The content of every partition and mirror, with its size.
fn contents(plan: &NodePlan) -> impl Iterator<Item = (&Content, Mib)> {
    let partitions = plan.disks.iter().flat_map(|disk| &disk.partitions).map(|one| (&one.content, one.size));
    partitions.chain(plan.arrays.iter().map(|array| (&array.content, array.at_least)))
}

fn check_size(
    node: &Node,
    what: impl FnOnce() -> String,
    size: Mib,
    (least, most): (Mib, Option<Mib>),
) -> Result<(), PlanError> {
    let release = node.release;
    if size < least {
        return Err(PlanError::TooSmall { node: node.name.clone(), what: what(), size, least, release });
    }
    match most.filter(|most| size > *most) {
        Some(most) => Err(PlanError::TooLarge { node: node.name.clone(), what: what(), size, most, release }),
        None => Ok(()),
    }
}

fn range(node: &Node, content: &Content) -> (Mib, Option<Mib>) {
    match content {
        Content::Mount { file_system, .. } => of_file_system(node, *file_system),
        Content::EfiSystem => (MIN_EFI_SYSTEM, None),
        Content::PhysicalVolume { volume_group } => (MIN_PHYSICAL_VOLUME + luks::of_group(node, volume_group), None),
        Content::BiosBoot | Content::RaidMember { .. } | Content::Extended => (Mib(1), None),
    }
}

/// EL6 makes ext4 of at most 16 TiB, and XFS of at most 16 TiB until July 2013, that is up to 6.4. XFS below 300 MiB is
/// no longer supported by its authors, and the blivet of EL8 and later enlarges it; before that, XFS needed its
/// smallest allocation group. Swap of more than 128 GiB is refused by the installers of EL6 and EL7 (blivet's
/// `_maxSize`).
fn of_file_system(node: &Node, file_system: FileSystem) -> (Mib, Option<Mib>) {
    let (el6, minor, early) = (node.release.is_el6(), node.release.minor, node.release.major < 8);
    match file_system {
        FileSystem::Ext4 => (Mib(2), el6.then_some(Mib(16 * TIB))),
        FileSystem::Xfs => {
            let least = Mib(if early { 16 } else { 300 });
            (least, el6.then_some(Mib(if minor < 5 { 16 * TIB } else { 100 * TIB })))
        }
        FileSystem::Swap => (Mib(1), early.then_some(Mib(128 << 10))),
    }
}

/// What is possible but hardly intended: no system fits into it, or the installer warns about it.
pub(crate) fn doubts(node: &Node, plan: &NodePlan) -> Vec<String> {
    let plain = contents(plan).filter_map(|(content, size)| match content {
        Content::Mount { mount, .. } => Some((mount.as_str(), size)),
        _ => None,
    });
    let volumes = plan.volume_groups.iter().flat_map(|group| &group.logical_volumes);
    let mounted = volumes.filter_map(|volume| Some((volume.mount.as_deref()?, volume.size)));
    plain.chain(mounted).filter_map(|(mount, size)| doubt(node, mount, size)).collect()
}

/// A doubt about the smallest size in which a system of @core can be installed, and in which `/boot` has room for a
/// second kernel.
fn doubt(node: &Node, mount: &str, size: Mib) -> Option<String> {
    let (major, debian) = (node.release.major, node.release.is_debian());
    let system = if debian { node.release.system() } else { format!("EL{major}") };
    let needed = match (mount, major) {
        ("/boot", 6) => 100,
        ("/boot", _) => 200,
        ("/", 6) => 1000,
        ("/", _) => 2000,
        _ => return None,
    };
    if size < Mib(needed) {
        return Some(format!("`{mount}` is {size}: a system of {system} needs {needed} MiB or more there"));
    }
    let warns =
        mount == "/boot" && !debian && (major >= 9 || (major == 8 && node.release.minor >= 6)) && size < ADVISED_BOOT;
    warns.then(|| format!("`/boot` is {size}: the installer of {system} warns below {ADVISED_BOOT}, and goes on"))
}

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::*;
    use crate::site::SizeSpec;
    use crate::site::testing::paper_site;

    fn refusal(release: &str, change: fn(&mut Node)) -> String {
        let mut node = paper_site().node_by_name("compute2").unwrap().clone();
        node.release = release.parse().unwrap();
        change(&mut node);
        plan(&node).map_or_else(|error| format!("{error}; {}", error.help()), |_| String::new())
    }

    #[test]
    fn what_the_installer_would_make_larger_is_refused() {
        let physical_volume = |node: &mut Node| {
            node.layout.partitions[2].size = SizeSpec::Exact(Mib(7));
            node.layout.volume_groups[1].logical_volumes.clear();
        };
        let text = refusal("9", physical_volume);
        assert!(text.contains("`vg_gluster` on compute2 would be 7 MiB") && text.contains("8 MiB or more"), "{text}");
        let small_xfs = |node: &mut Node| {
            node.layout.volume_groups[1].logical_volumes[0].size = SizeSpec::Exact(Mib(296));
        };
        assert!(refusal("9", small_xfs).contains("`lv_gluster` on compute2 would be 296 MiB"));
        assert!(refusal("8", small_xfs).contains("makes none smaller than 300 MiB"));
        assert_eq!((refusal("6.10", small_xfs), refusal("7", small_xfs)), (String::new(), String::new()));
        let text = refusal("9", |node| {
            node.firmware = crate::site::Firmware::Uefi;
            let purpose = crate::site::PartitionUse::EfiSystem;
            node.layout
                .partitions
                .insert(0, crate::site::PartitionSpec { size: SizeSpec::Exact(Mib(20)), purpose, disk: None });
            node.layout.partitions[3].size = SizeSpec::Grow(Mib(8000));
            node.layout.volume_groups[1].logical_volumes[0].size = SizeSpec::Grow(Mib(4000));
        });
        assert!(text.contains("EFI system partition on compute2 would be 20 MiB"), "{text}");
    }

    #[test]
    fn what_no_system_fits_into_is_doubted_and_planned() {
        let doubts = |release: &str, boot: u64, root: u64| {
            let mut node = paper_site().node_by_name("compute2").unwrap().clone();
            node.release = release.parse().unwrap();
            node.layout.partitions[0].size = SizeSpec::Exact(Mib(boot));
            node.layout.volume_groups[0].logical_volumes[0].size = SizeSpec::Exact(Mib(root));
            node.disks[0].rule.sectors *= 2;
            plan(&node).unwrap().notes
        };
        assert_eq!(doubts("6.3", 500, 10_000), Vec::<String>::new());
        assert_eq!(doubts("8.5", 500, 10_000), Vec::<String>::new());
        assert_eq!(doubts("6.3", 100, 1000), Vec::<String>::new());
        assert_eq!(doubts("9", 512, 2000), Vec::<String>::new());
        assert!(doubts("8", 500, 10_000)[0].contains("EL8 warns below 512 MiB"));
        let warned = doubts("9", 500, 10_000);
        assert!(warned[0].contains("warns below 512 MiB"), "{warned:?}");
        let few = doubts("10", 60, 400);
        assert!(few.iter().any(|note| note.starts_with("`/boot` is 60 MiB: a system of EL10 needs 200")), "{few:?}");
        assert!(few.iter().any(|note| note.starts_with("`/` is 400 MiB")), "{few:?}");
    }

    #[test]
    fn boot_that_ends_behind_two_tebibytes_is_refused_on_el7_only() {
        let far = |node: &mut Node| {
            node.firmware = crate::site::Firmware::Uefi;
            node.disks[0].rule.sectors = 6_000_000_000;
            node.layout.prepared = true;
            node.layout.partitions.rotate_left(1);
            let brick = &mut node.layout.partitions[1];
            brick.size = SizeSpec::Exact(Mib(2_200_000));
        };
        let text = refusal("7", far);
        assert!(text.contains("`/boot` of compute2 would end at 2222") && text.contains("list it before"), "{text}");
        assert_eq!((refusal("8", far), refusal("9", far)), (String::new(), String::new()));
    }

    #[test]
    fn options_of_mkfs_are_refused_where_a_kickstart_has_no_word_for_them() {
        let options = |node: &mut Node| {
            let options = crate::site::FileSystemOptions { mkfs: Some("-i size=512".into()), mount: None };
            node.layout.options.insert("/export/gluster".into(), options);
        };
        assert!(refusal("6.10", options).contains("`/export/gluster` on compute2 has `mkfs_options`"));
        assert_eq!(refusal("7", options), "");
    }

    #[test]
    fn what_the_release_cannot_make_is_refused() {
        let much_swap = |node: &mut Node| {
            node.disks[0].rule.sectors *= 2;
            node.layout.partitions[1].size = SizeSpec::Grow(Mib(21_000));
            node.layout.volume_groups[0].logical_volumes[1].size = SizeSpec::Exact(Mib(132 << 10));
        };
        assert!(refusal("7", much_swap).contains("does not make larger than 131072 MiB"));
        assert_eq!(refusal("8", much_swap), "");
        let huge = |node: &mut Node| {
            node.layout.partitions[2].size = SizeSpec::Grow(Mib(8000));
            node.layout.volume_groups[1].logical_volumes[0].size = SizeSpec::Grow(Mib(4000));
            node.layout.partitions[2].disk = Some("brick".into());
            let mut brick = node.disks[0].clone();
            (brick.slot, brick.rule.sectors) = ("brick".into(), 40_000_000_000);
            node.disks.push(brick);
        };
        let text = refusal("6.3", huge);
        assert!(text.contains("which release 6.3 does not make larger than 16777216 MiB"), "{text}");
        assert_eq!((refusal("6.10", huge), refusal("9", huge)), (String::new(), String::new()));
    }
}
