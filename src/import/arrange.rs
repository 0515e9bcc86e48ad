//! From the lines of a kickstart to the order, the disks and the sizes of a layout.

use std::collections::BTreeMap;

use crate::site::{Layout, Mib, OS_SLOT, PartitionSpec, PartitionUse, Release, SizeSpec, VolumeGroupSpec};

use super::autopart;
use super::sizes::{self, EXTENT};
use super::storage::Said;

/// A volume group being built: its volumes with the limits of their growth, and the line of each.
pub(super) struct Group {
    pub(super) spec: VolumeGroupSpec,
    pub(super) members: Vec<String>,
    pub(super) volumes: Vec<(usize, Option<Mib>, Option<u64>)>,
}

/// A partition that the kickstart refers to by name: `pv.01`, `raid.01`.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) index: usize,
    pub(super) size: SizeSpec,
    pub(super) disk: Option<String>,
    pub(super) encrypted: bool,
}

pub(super) struct Builder {
    pub(super) release: Release,
    pub(super) layout: Layout,
    /// Partitions of the layout being built, with the line of each and the limit of its growth.
    pub(super) partitions: Vec<(usize, PartitionSpec, Option<Mib>)>,
    pub(super) members: BTreeMap<String, Member>,
    pub(super) groups: Vec<Group>,
    /// The two mirrored disks by their names in the kickstart.
    pub(super) mirrored: Option<(String, String)>,
    /// Partitions that are not members of an array: line, disk, and whether it is `/` or `/boot`.
    pub(super) beside: Vec<(usize, Option<String>, bool)>,
}

impl Builder {
    /// MiB that the header of an encrypted physical volume takes: LUKS 1, and LUKS 2 from EL8 on.
    fn header(&self) -> u64 {
        if self.release.major >= 8 { 16 } else { 2 }
    }

    /// Applies limits of growth, and converts shares of groups into sizes.
    pub(super) fn limits(&mut self, said: &mut [Said]) {
        let mut sizes: Vec<_> = self.partitions.iter().map(|(_, spec, most)| (spec.size, *most)).collect();
        for (at, note) in sizes::limit(&mut sizes, true) {
            said[self.partitions[at].0].notes.push(note);
        }
        for ((_, spec, _), (size, _)) in self.partitions.iter_mut().zip(sizes) {
            spec.size = size;
        }
        let header = self.header();
        for group in &mut self.groups {
            let taken = if group.spec.encrypted { header + 1 } else { 1 };
            let members = group.members.iter().filter_map(|member| self.members.get(member));
            let exact: Option<Vec<u64>> = members
                .map(|member| match member.size {
                    SizeSpec::Exact(size) => Some(size.0.saturating_sub(taken) / EXTENT * EXTENT),
                    SizeSpec::Grow(_) => None,
                })
                .collect();
            for (volume, (index, _, percent)) in group.spec.logical_volumes.iter_mut().zip(&group.volumes) {
                let Some(percent) = percent else { continue };
                volume.size = match &exact {
                    Some(sizes) => {
                        let part = sizes.iter().sum::<u64>() * percent / 100 / EXTENT * EXTENT;
                        said[*index].notes.push(format!("{percent} % of the group is {part} MiB"));
                        SizeSpec::Exact(Mib(part.max(EXTENT)))
                    }
                    None => {
                        said[*index].notes.push("its group grows: volumes with `--percent` share what remains".into());
                        SizeSpec::Grow(Mib((percent * 10).max(1) * EXTENT))
                    }
                };
            }
            let mut sizes: Vec<_> = group
                .spec
                .logical_volumes
                .iter()
                .zip(&group.volumes)
                .map(|(v, (_, most, _))| (v.size, *most))
                .collect();
            for (at, note) in sizes::limit(&mut sizes, exact.is_none()) {
                said[group.volumes[at].0].notes.push(note);
            }
            for (volume, (size, _)) in group.spec.logical_volumes.iter_mut().zip(sizes) {
                volume.size = sizes::in_extents(size);
            }
        }
    }

    /// Assigns each physical volume to its group.
    pub(super) fn join(&mut self) {
        for group in &self.groups {
            let of_group: Vec<usize> =
                group.members.iter().filter_map(|member| Some(self.members.get(member)?.index)).collect();
            for (index, spec, _) in &mut self.partitions {
                if let PartitionUse::PhysicalVolume { volume_group } = &mut spec.purpose
                    && volume_group.is_empty()
                    && of_group.contains(index)
                {
                    volume_group.clone_from(&group.spec.name);
                }
            }
        }
    }

    /// Makes a physical volume as large as its volumes need, where the installer would shrink them.
    pub(super) fn enlarge(&mut self, said: &mut [Said]) {
        let header = self.header();
        for group in &self.groups {
            let volumes = &group.spec.logical_volumes;
            let needed: u64 =
                volumes.iter().map(|v| v.size.minimum().0.div_ceil(EXTENT) * EXTENT).sum::<u64>().max(EXTENT);
            let is_ours = |spec: &PartitionSpec| matches!(&spec.purpose, PartitionUse::PhysicalVolume { volume_group } if *volume_group == group.spec.name);
            let (mut yields, mut last) = (0, None);
            for (at, (_, spec, _)) in self.partitions.iter().enumerate().filter(|(_, (_, spec, _))| is_ours(spec)) {
                let taken = if group.spec.encrypted { header + 1 } else { 1 };
                yields += spec.size.minimum().0.saturating_sub(taken) / EXTENT * EXTENT;
                last = Some(at);
            }
            let Some(at) = last.filter(|_| yields < needed) else { continue };
            let (index, spec, _) = &mut self.partitions[at];
            // On a mirror, md keeps part of a member for itself.
            let spare = if self.mirrored.is_some() { 136 } else { 0 };
            let spare = if group.spec.encrypted { spare + header } else { spare };
            let size = Mib((spec.size.minimum().0 + needed - yields + EXTENT + spare).max(8));
            if !spec.size.grows() {
                said[*index].notes.push(format!("{size} in all, which its volumes need in whole extents"));
            }
            spec.size = if spec.size.grows() { SizeSpec::Grow(size) } else { SizeSpec::Exact(size) };
        }
    }

    /// Gives the disks of the kickstart the slots of a node: the disk with `/boot` or `/` is that of the system.
    pub(super) fn slots(&mut self) {
        let on = |mount: &str| {
            self.partitions.iter().find_map(|(_, spec, _)| match &spec.purpose {
                PartitionUse::Mount { path, .. } if path == mount => Some(spec.disk.clone()),
                _ => None,
            })
        };
        let first = || self.partitions.first().map(|(_, spec, _)| spec.disk.clone());
        let system = on("/boot").or_else(|| on("/")).or_else(first).flatten();
        let mut slots: Vec<String> = system.into_iter().collect();
        if let Some((one, other)) = &self.mirrored {
            slots = vec![one.clone(), other.clone()];
            self.layout.mirror = Some((OS_SLOT.into(), "disk2".into()));
        }
        for (_, spec, _) in &mut self.partitions {
            let Some(disk) = spec.disk.take() else { continue };
            let at = slots.iter().position(|slot| *slot == disk).unwrap_or_else(|| {
                slots.push(disk);
                slots.len() - 1
            });
            spec.disk = (at > 0).then(|| format!("disk{}", at + 1));
        }
    }

    /// Sorts as the installer does, so that the layout asks for no order that costs flags; adds a `/boot` where volumes
    /// need one.
    pub(super) fn order(&mut self, said: &mut [Said]) {
        let mut partitions: Vec<_> = std::mem::take(&mut self.partitions);
        let mounts = |wanted: &str, spec: &PartitionSpec| matches!(&spec.purpose, PartitionUse::Mount { path, .. } if path == wanted);
        let root_is_volume = self
            .groups
            .iter()
            .flat_map(|group| &group.spec.logical_volumes)
            .any(|volume| volume.mount.as_deref() == Some("/"));
        if root_is_volume && !partitions.iter().any(|(_, spec, _)| mounts("/boot", spec)) {
            partitions.push((0, autopart::boot(self.release), None));
            said[0]
                .notes
                .push("`/boot` is added, because no boot loader of these releases starts from a volume".into());
        }
        let rank = |spec: &PartitionSpec| match &spec.purpose {
            PartitionUse::EfiSystem => 0,
            PartitionUse::Mount { path, .. } if path == "/boot" => 1,
            PartitionUse::Mount { path, .. } if path == "/" && self.release.is_el6() => 2,
            _ if !spec.size.grows() => 3,
            _ => 4,
        };
        partitions.sort_by_key(|(_, spec, _)| (rank(spec), std::cmp::Reverse(spec.size.minimum())));
        self.layout.partitions = partitions.into_iter().map(|(_, spec, _)| spec).collect();
        self.layout.volume_groups = self.groups.drain(..).map(|group| group.spec).collect();
    }
}
