//! A reimage that keeps data: the operating system is recreated in the existing partitions and volumes, and named
//! volume groups stay as they are.
//!
//! Nothing moves, so nothing is planned: the sizes are those of the plan by which the node was installed. A wanted
//! layout that differs from it is refused, because the installer would silently keep the old sizes.

use crate::site::Node;

use super::wanted::in_words;
use super::{NodePlan, PartitionPlan, PlanError, plan};

/// Plans a reimage of a node that was installed by `recorded` and keeps the groups in `keep`: partitions and groups all
/// stay where they are, and what is not kept gets new file systems.
///
/// Refused are: nothing to keep, an unknown group, a group that contains `/`, a mirror, and every difference between
/// the recorded disks and those that the site file describes now.
pub(crate) fn keep(node: &Node, recorded: &NodePlan, keep: &[String]) -> Result<NodePlan, PlanError> {
    let refuse = |problem: String| PlanError::Keep { node: node.name.clone(), problem };
    if keep.is_empty() {
        return Err(refuse("no volume group is named".into()));
    }
    for name in keep {
        let group = recorded.volume_groups.iter().find(|group| group.name == *name);
        let group = group.ok_or_else(|| refuse(format!("the node was installed without a volume group `{name}`")))?;
        if group.logical_volumes.iter().any(|volume| volume.mount.as_deref() == Some("/")) {
            return Err(refuse(format!("`{name}` holds `/`, which is always recreated")));
        }
    }
    if recorded.volume_groups.iter().any(|group| group.encrypted) || node.layout.is_encrypted() {
        return Err(PlanError::KeepEncrypted { node: node.name.clone() });
    }
    if !recorded.arrays.is_empty() {
        return Err(PlanError::KeepMirror { node: node.name.clone(), groups: keep.join("`, `") });
    }
    if recorded.release.major > 6 && node.release.is_el6() {
        let made = recorded.release;
        return Err(refuse(format!("its file systems were made by release {made}, and EL6 cannot mount them")));
    }
    if let Some(difference) = difference(recorded, &plan(&as_labelled(node, recorded))?) {
        return Err(refuse(difference));
    }
    let mut plan = recorded.clone();
    (plan.release, plan.notes) = (node.release, Vec::new());
    for group in &mut plan.volume_groups {
        // The installer renames only groups that it makes; existing ones have their real name.
        group.installer_name = None;
    }
    Ok(plan)
}

/// The node with the label that its disk has: another release would choose another label, but no disk is relabelled.
fn as_labelled(node: &Node, recorded: &NodePlan) -> Node {
    let mut node = node.clone();
    let label = recorded.os_disk().label;
    if node.layout.label.is_none() && !node.release.is_el6() && recorded.disks.iter().all(|disk| disk.label == label) {
        node.layout.label = Some(label);
    }
    node
}

/// The first difference between what exists and what is wanted, in prose; how it came about does not matter.
fn difference(recorded: &NodePlan, wanted: &NodePlan) -> Option<String> {
    for there in &recorded.disks {
        let Some(disk) = wanted.disk(&there.slot) else {
            return Some(format!("disk `{}` is no longer in its layout", there.slot));
        };
        if (there.sectors, there.sector_size, there.label) != (disk.sectors, disk.sector_size, disk.label) {
            return Some(format!(
                "disk `{}` was installed with {} sectors of {} bytes and the label {}, and the site file now means {} \
                 of {} and {}",
                there.slot, there.sectors, there.sector_size, there.label, disk.sectors, disk.sector_size, disk.label
            ));
        }
        let rows = there.partitions.len().max(disk.partitions.len());
        for (old, new) in (0..rows).map(|index| (there.partitions.get(index), disk.partitions.get(index))) {
            let same = |a: &PartitionPlan, b: &PartitionPlan| {
                (a.number, a.start, a.size, &a.content) == (b.number, b.start, b.size, &b.content)
            };
            if !old.zip(new).is_some_and(|(old, new)| same(old, new)) {
                let words = |partition: Option<&PartitionPlan>| {
                    partition.map_or("nothing".into(), |p| format!("{} of {}", in_words(&p.content), p.size))
                };
                let number = old.or(new).map_or(0, |partition| partition.number);
                let (was, is) = (words(old), words(new));
                return Some(format!(
                    "partition {number} of disk `{}` is {was}, the layout now wants {is}",
                    there.slot
                ));
            }
        }
    }
    if let Some(disk) = wanted.disks.iter().find(|disk| recorded.disk(&disk.slot).is_none()) {
        return Some(format!("disk `{}` is new in its layout", disk.slot));
    }
    groups_differ(recorded, wanted)
}

fn groups_differ(recorded: &NodePlan, wanted: &NodePlan) -> Option<String> {
    let find = |plan: &NodePlan, name: &str| plan.volume_groups.iter().find(|group| group.name == name).cloned();
    for there in &recorded.volume_groups {
        let Some(group) = find(wanted, &there.name) else {
            return Some(format!("the volume group `{}` is no longer in its layout", there.name));
        };
        let rows = there.logical_volumes.len().max(group.logical_volumes.len());
        for index in 0..rows {
            let (old, new) = (there.logical_volumes.get(index), group.logical_volumes.get(index));
            if old != new {
                let name = new.or(old).map_or("", |volume| volume.name.as_str());
                let words = |volume: Option<&super::LogicalVolumePlan>| match volume {
                    Some(volume) => {
                        let mount = volume.mount.as_deref().unwrap_or("no mount point");
                        format!("`{}` of {}, {}, {mount}", volume.name, volume.size, volume.file_system)
                    }
                    None => "missing".into(),
                };
                let (was, is) = (words(old), words(new));
                return Some(format!("logical volume `{name}` of `{}` was {was}, and now is {is}", there.name));
            }
        }
    }
    let new = wanted.volume_groups.iter().find(|group| find(recorded, &group.name).is_none());
    new.map(|group| format!("the volume group `{}` is new in its layout", group.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;
    use crate::site::{Mib, SizeSpec};

    fn installed() -> (Node, NodePlan) {
        let node = paper_site().node_by_name("compute2").unwrap().clone();
        let plan = plan(&node).unwrap();
        (node, plan)
    }

    fn brick() -> Vec<String> {
        vec!["vg_gluster".into()]
    }

    fn refusal(node: &Node, recorded: &NodePlan, groups: &[&str]) -> String {
        let groups: Vec<String> = groups.iter().map(|group| group.to_string()).collect();
        let error = keep(node, recorded, &groups).unwrap_err();
        assert!(error.help().contains("rackstart reimage"), "{}", error.help());
        error.to_string()
    }

    #[test]
    fn everything_is_where_and_as_large_as_it_was_recorded() {
        let (mut node, recorded) = installed();
        node.release = "6.3".parse().unwrap();
        let kept = keep(&node, &recorded, &brick()).unwrap();
        assert_eq!((&kept.disks, &kept.volume_groups), (&recorded.disks, &recorded.volume_groups));
        assert_eq!(kept.release.minor, 3);
    }

    #[test]
    fn a_group_that_was_renamed_after_the_installation_has_its_real_name() {
        let node = paper_site().node_by_name("controller").unwrap().clone();
        let recorded = plan(&node).unwrap();
        assert!(recorded.volume_groups[1].installer_name.is_some());
        let kept = keep(&node, &recorded, &["nova-volumes".into()]).unwrap();
        assert_eq!(kept.volume_groups[1].installer_name, None);
    }

    #[test]
    fn a_newer_release_keeps_the_label_that_is_there_and_an_older_one_is_refused() {
        let (mut node, recorded) = installed();
        node.release = "10".parse().unwrap();
        assert_eq!(keep(&node, &recorded, &brick()).unwrap().os_disk(), recorded.os_disk());
        let (old, mut recorded) = installed();
        recorded.release = node.release;
        assert!(refusal(&old, &recorded, &["vg_gluster"]).contains("EL6 cannot mount them"));
    }

    #[test]
    fn every_change_of_the_layout_is_refused_in_words() {
        let (node, recorded) = installed();
        let changed = |change: fn(&mut Node)| {
            let mut node = node.clone();
            change(&mut node);
            refusal(&node, &recorded, &["vg_gluster"])
        };
        let text = changed(|node| node.layout.partitions[0].size = SizeSpec::Exact(Mib(496)));
        assert!(text.contains("partition 1 of disk `os` is the partition of `/boot` of 500 MiB"), "{text}");
        let text = changed(|node| node.os_disk_mut().sectors += 4096);
        assert!(text.contains("was installed with 488397168 sectors"), "{text}");
        let text = changed(|node| {
            let volumes = &mut node.layout.volume_groups[0].logical_volumes;
            volumes[0].size = SizeSpec::Exact(Mib(9996));
        });
        assert!(text.contains("`lv_root` of `vg_base` was `lv_root` of 10000 MiB"), "{text}");
        let text = changed(|node| {
            node.layout.volume_groups[0].name = "vg_os".into();
            let volume_group = "vg_os".into();
            node.layout.partitions[1].purpose = crate::site::PartitionUse::PhysicalVolume { volume_group };
        });
        assert!(text.contains("the layout now wants the partition of `vg_os` of 21000 MiB"), "{text}");
    }

    #[test]
    fn a_mirrored_system_is_refused_with_what_to_do() {
        let (node, mut recorded) = installed();
        let content = recorded.disks[0].partitions[0].content.clone();
        let array = super::super::ArrayPlan { device: "md0".into(), members: Vec::new(), content, at_least: Mib(1) };
        recorded.arrays.push(array);
        let error = keep(&node, &recorded, &brick()).unwrap_err();
        assert!(error.to_string().contains("mirror each other"), "{error}");
        assert!(error.help().starts_with("copy what is on `vg_gluster` to another machine"), "{}", error.help());
    }

    #[test]
    fn encrypted_disks_are_refused_whether_they_were_or_shall_be() {
        let (node, recorded) = installed();
        let (mut shall, mut was) = (node.clone(), recorded.clone());
        shall.layout.volume_groups[1].encrypted = true;
        was.volume_groups[1].encrypted = true;
        for (node, recorded) in [(&shall, &recorded), (&node, &was)] {
            let error = keep(node, recorded, &brick()).unwrap_err();
            assert!(matches!(error, PlanError::KeepEncrypted { .. }), "{error}");
        }
    }

    #[test]
    fn a_label_that_the_layout_asks_for_is_no_label_that_the_disk_has() {
        let (mut node, _) = installed();
        node.release = "9".parse().unwrap();
        let recorded = plan(&node).unwrap();
        node.layout.label = Some(crate::site::DiskLabel::Gpt);
        let text = refusal(&node, &recorded, &["vg_gluster"]);
        assert!(text.contains("and the label msdos, and the site file now means") && text.contains("gpt"), "{text}");
    }

    #[test]
    fn disks_with_different_labels_keep_them() {
        let (mut node, _) = installed();
        node.release = "7".parse().unwrap();
        node.layout.partitions[2].disk = Some("brick".into());
        let rule = crate::site::DiskRule::of(7_814_037_168, 512);
        node.disks.push(crate::site::DiskSlot { slot: "brick".into(), rule });
        let recorded = plan(&node).unwrap();
        node.release = "9".parse().unwrap();
        assert_eq!(keep(&node, &recorded, &brick()).unwrap().disks, recorded.disks);
    }

    #[test]
    fn only_groups_of_data_that_are_there_can_be_kept() {
        let (node, recorded) = installed();
        assert!(refusal(&node, &recorded, &[]).contains("no volume group is named"));
        assert!(refusal(&node, &recorded, &["vg_base"]).contains("`vg_base` holds `/`"));
        assert!(refusal(&node, &recorded, &["vg_data"]).contains("without a volume group `vg_data`"));
    }
}
