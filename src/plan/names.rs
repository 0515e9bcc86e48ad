//! Which names and mount points survive LVM, every installer and a shell unchanged.

use std::collections::BTreeSet;
use std::path::Path;

use crate::site::{FileSystem, Node, PartitionUse, Release};

use super::PlanError;

/// The longest name of a group or volume, in bytes.
const LONGEST: usize = 50;

/// The longest name of a mapped device (DM_NAME_LEN without its last byte). LVM joins group and volume with a dash
/// there, and doubles the dashes inside them. Sixteen bytes are reserved for what it appends to hidden volumes of its
/// own, such as `-cow`.
const LONGEST_MAPPED: usize = 127 - 16;

/// The name that the installer gives a volume group instead of `name`, if it cannot keep it: EL6.4 and later drop
/// everything but letters, digits, `.` and `_` (anaconda 13.21.191).
pub(crate) fn installer_name(release: Release, name: &str) -> Option<String> {
    if !release.is_el6() || release.minor < 4 {
        return None;
    }
    let kept: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')).collect();
    (kept != name).then_some(kept)
}

/// Checks every name and mount point of the node's layout.
pub(crate) fn check(node: &Node) -> Result<(), PlanError> {
    let layout = &node.layout;
    let (mut mounts, mut groups) = (BTreeSet::new(), BTreeSet::new());
    let once = |set: &mut BTreeSet<String>, what, name: &str| match set.insert(name.to_string()) {
        true => Ok(()),
        false => Err(PlanError::Duplicate { node: node.name.clone(), what, name: name.into() }),
    };
    for partition in &layout.partitions {
        if let PartitionUse::Mount { path, file_system } = &partition.purpose {
            mount_point(node, path)?;
            if *file_system == FileSystem::Swap {
                return Err(PlanError::SwapPartition { node: node.name.clone(), path: path.clone() });
            }
            once(&mut mounts, "mount point", path)?;
        }
    }
    for group in &layout.volume_groups {
        name(node, "volume group", &group.name)?;
        reserved(node, "volume group", &group.name, is_device, "/dev has already")?;
        once(&mut groups, "volume group", &group.name)?;
        if let Some(kept) = installer_name(node.release, &group.name) {
            once(&mut groups, "volume group", &kept)?;
            if !group.logical_volumes.is_empty() {
                let (node, release) = (node.name.clone(), node.release);
                return Err(PlanError::Dash { node, group: group.name.clone(), release });
            }
        }
        let mut volumes = BTreeSet::new();
        for volume in &group.logical_volumes {
            name(node, "logical volume", &volume.name)?;
            mapped(node, &group.name, &volume.name)?;
            reserved(node, "logical volume", &volume.name, is_lvm_word, "LVM keeps for itself")?;
            if installer_name(node.release, &volume.name).is_some() {
                let (node, name) = (node.name.clone(), volume.name.clone());
                return Err(PlanError::Name { node, what: "logical volume", name });
            }
            once(&mut volumes, "logical volume", &volume.name)?;
            let problem = match (&volume.mount, volume.file_system) {
                (Some(_), FileSystem::Swap) => Some("a mount point although it is swap"),
                (None, FileSystem::Ext4 | FileSystem::Xfs) => Some("no mount point"),
                _ => None,
            };
            if let Some(problem) = problem {
                return Err(PlanError::Swap { node: node.name.clone(), volume: volume.name.clone(), problem });
            }
            if let Some(path) = &volume.mount {
                mount_point(node, path)?;
                once(&mut mounts, "mount point", path)?;
            }
        }
    }
    Ok(())
}

fn name(node: &Node, what: &'static str, name: &str) -> Result<(), PlanError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let good = (1..=LONGEST).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with(['-', '.'])
        && !name.ends_with('-');
    if good { Ok(()) } else { Err(PlanError::Name { node: node.name.clone(), what, name: name.into() }) }
}

fn mapped(node: &Node, group: &str, volume: &str) -> Result<(), PlanError> {
    let length = |name: &str| name.len() + name.matches('-').count();
    match length(group) + 1 + length(volume) <= LONGEST_MAPPED {
        true => Ok(()),
        false => {
            let name = format!("{group}/{volume}");
            Err(PlanError::Name { node: node.name.clone(), what: "logical volume", name })
        }
    }
}

fn mount_point(node: &Node, path: &str) -> Result<(), PlanError> {
    let part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    let good = path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part));
    if !good {
        return Err(PlanError::MountPoint { node: node.name.clone(), path: path.into() });
    }
    let below = |folders: &[&str]| folders.iter().any(|folder| Path::new(path).starts_with(folder));
    let why = if KERNEL.contains(&path) || below(&KERNEL) {
        "the kernel mounts its own there"
    } else if ROOTS_OWN.contains(&path) {
        "the system needs it before anything is mounted"
    } else if below(&["/boot/efi"]) {
        "the EFI system partition is mounted there, which rackstart adds by itself"
    } else {
        return Ok(());
    };
    Err(PlanError::MountReserved { node: node.name.clone(), path: path.into(), why })
}

/// Directories on which the kernel mounts its own file systems.
const KERNEL: [&str; 4] = ["/dev", "/proc", "/sys", "/run"];

/// Directories that Anaconda refuses to separate from `/` (its `must_be_on_root`, in every release of EL).
const ROOTS_OWN: [&str; 8] = ["/bin", "/etc", "/lib", "/lib64", "/mnt", "/root", "/sbin", "/lost+found"];

fn reserved(
    node: &Node,
    what: &'static str,
    name: &str,
    is_reserved: impl Fn(&str) -> bool,
    why: &'static str,
) -> Result<(), PlanError> {
    match is_reserved(name) {
        true => Err(PlanError::Reserved { node: node.name.clone(), what, name: name.into(), why }),
        false => Ok(()),
    }
}

/// Names of logical volumes that lvm(8) reserves.
fn is_lvm_word(name: &str) -> bool {
    const WITHIN: [&str; 12] = [
        "_cdata", "_cmeta", "_corig", "_mlog", "_mimage", "_pmspare", "_rimage", "_rmeta", "_tdata", "_tmeta",
        "_vdata", "_vorigin",
    ];
    name.starts_with("snapshot") || name.starts_with("pvmove") || WITHIN.iter().any(|word| name.contains(word))
}

/// Names that exist in /dev on every Linux, which vgcreate(8) refuses because a volume group is a directory there.
fn is_device(name: &str) -> bool {
    const ALONE: [&str; 24] = [
        "block", "bsg", "bus", "char", "console", "core", "cpu", "disk", "fd", "full", "input", "kmsg", "log",
        "mapper", "mem", "net", "null", "ptmx", "pts", "random", "shm", "stderr", "urandom", "zero",
    ];
    const NUMBERED: [&str; 8] = ["dm-", "loop", "md", "nvme", "ram", "sg", "sr", "tty"];
    const LETTERED: [&str; 4] = ["hd", "sd", "vd", "xvd"];
    let rest_is = |prefixes: &[&str], good: fn(u8) -> bool| {
        prefixes
            .iter()
            .any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.bytes().next().is_some_and(good)))
    };
    // One or two letters after `sd`, with or without a number, are reserved; any other word (`sdn_data`) is free.
    let lettered = LETTERED.iter().filter_map(|prefix| name.strip_prefix(prefix)).any(|rest| {
        let letters = rest.trim_end_matches(|c: char| c.is_ascii_digit());
        (1..=2).contains(&letters.len()) && letters.bytes().all(|b| b.is_ascii_lowercase())
    });
    ALONE.contains(&name) || name == "tty" || rest_is(&NUMBERED, |b| b.is_ascii_digit()) || lettered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_late_el6_drops_the_dash() {
        let lost = |release: &str| installer_name(release.parse().unwrap(), "nova-volumes");
        assert_eq!((lost("6.3"), lost("9")), (None, None));
        assert_eq!(lost("6.4").as_deref(), Some("novavolumes"));
        assert_eq!(lost("6.10").as_deref(), Some("novavolumes"));
        assert_eq!(installer_name("6.10".parse().unwrap(), "vg_base"), None);
    }

    #[test]
    fn names_that_lvm_or_dev_have_are_told_from_free_ones() {
        for name in ["snapshot1", "pvmove0", "lv_tmeta", "x_mlog", "a_rimage_0"] {
            assert!(is_lvm_word(name), "{name}");
        }
        for name in ["lv_root", "tmeta", "lv_snapshot", "brick_meta"] {
            assert!(!is_lvm_word(name), "{name}");
        }
        for name in ["mapper", "shm", "sda", "sdb1", "md0", "nvme0n1", "dm-3", "tty", "tty1", "vda", "loop7"] {
            assert!(is_device(name), "{name}");
        }
        for name in ["vg_base", "nova-volumes", "sdn_data", "mddata", "vdata", "hdd_pool", "disks"] {
            assert!(!is_device(name), "{name}");
        }
    }
}
