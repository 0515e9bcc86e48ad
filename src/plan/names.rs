//! Which names and mount points survive LVM, every installer and a shell unchanged.

use std::collections::BTreeSet;

use crate::site::{FileSystem, Node, PartitionUse, Release};

use super::PlanError;

/// Longest name of a group or volume; device-mapper joins both, with doubled dashes, in 127 bytes.
const LONGEST: usize = 50;

/// The name that the installer gives a volume group instead of `name`, if it cannot keep it: EL6.4 and later drop
/// everything but letters, digits, `.` and `_` (anaconda 13.21.191).
pub fn installer_name(release: Release, name: &str) -> Option<String> {
    if !release.is_el6() || release.minor < 4 {
        return None;
    }
    let kept: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')).collect();
    (kept != name).then_some(kept)
}

/// Checks every name and mount point of the node's layout.
pub fn check(node: &Node) -> Result<(), PlanError> {
    let layout = &node.layout;
    let (mut mounts, mut groups) = (BTreeSet::new(), BTreeSet::new());
    let once = |set: &mut BTreeSet<String>, what, name: &str| match set.insert(name.to_string()) {
        true => Ok(()),
        false => Err(PlanError::Duplicate { node: node.name.clone(), what, name: name.into() }),
    };
    for partition in &layout.partitions {
        if let PartitionUse::Mount { path, .. } = &partition.purpose {
            mount_point(node, path)?;
            once(&mut mounts, "mount point", path)?;
        }
    }
    for group in &layout.volume_groups {
        name(node, "volume group", &group.name)?;
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

fn mount_point(node: &Node, path: &str) -> Result<(), PlanError> {
    let part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    let good = path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part));
    if good { Ok(()) } else { Err(PlanError::MountPoint { node: node.name.clone(), path: path.into() }) }
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
}
