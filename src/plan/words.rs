//! What a planned partition holds, in words: the same on the terminal and on pages.

use super::{Content, NodePlan, PartitionPlan};

/// What a partition holds, in words.
pub(crate) fn content_words(plan: &NodePlan, partition: &PartitionPlan) -> String {
    match &partition.content {
        Content::Mount { mount, file_system } => format!("{mount}  {file_system}{}", options_words(plan, mount)),
        Content::EfiSystem => "/boot/efi  EFI system partition".into(),
        Content::BiosBoot => "biosboot".into(),
        Content::RaidMember { array } => {
            let mirror = plan.arrays.iter().find(|mirror| mirror.device == *array);
            let on_it = mirror.map_or_else(String::new, |mirror| match &mirror.content {
                Content::Mount { mount, file_system } => {
                    format!(": {mount}  {file_system}{}", options_words(plan, mount))
                }
                Content::PhysicalVolume { volume_group } => {
                    format!(": physical volume of {volume_group}{}", encrypted(plan, volume_group))
                }
                Content::EfiSystem => ": /boot/efi  EFI system partition".into(),
                _ => String::new(),
            });
            format!("half of the mirror {array}{on_it}")
        }
        Content::Extended => "extended, around the logical partitions".into(),
        Content::PhysicalVolume { volume_group } => {
            format!("physical volume of {volume_group}{}", encrypted(plan, volume_group))
        }
    }
}

/// Whether the group is encrypted, in words.
fn encrypted(plan: &NodePlan, group: &str) -> &'static str {
    let encrypted = plan.volume_groups.iter().any(|known| known.name == group && known.encrypted);
    if encrypted { ", encrypted (LUKS)" } else { "" }
}

/// Mount and mkfs options, where they differ from the installer's defaults.
pub(crate) fn options_words(plan: &NodePlan, mount: &str) -> String {
    let Some(options) = plan.options.get(mount) else { return String::new() };
    let word = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("  {name} {value}"));
    [word("mount", &options.mount), word("mkfs", &options.mkfs)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::*;
    use crate::site::testing::paper_site;
    use crate::site::{DiskRule, DiskSlot, FileSystemOptions, Firmware, Mib, Node, SizeSpec};

    fn node(name: &str, release: &str, firmware: Firmware) -> Node {
        let mut node = paper_site().node_by_name(name).unwrap().clone();
        (node.release, node.firmware) = (release.parse().unwrap(), firmware);
        node.layout.partitions.last_mut().unwrap().size = SizeSpec::Grow(Mib(8000));
        for volume in node.layout.volume_groups.iter_mut().flat_map(|group| &mut group.logical_volumes) {
            volume.size = SizeSpec::Grow(Mib(4000));
        }
        let options = |mount: &str| FileSystemOptions { mount: Some(mount.into()), mkfs: Some("-m 1".into()) };
        node.layout.options.insert("/boot".into(), options("noatime,nodev"));
        node
    }

    fn words(node: &Node) -> Vec<String> {
        let plan = plan(node).unwrap();
        plan.os_disk().partitions.iter().map(|partition| content_words(&plan, partition)).collect()
    }

    #[test]
    fn each_partition_is_described_by_what_it_holds() {
        let mut bios = node("controller", "9", Firmware::Bios);
        bios.layout.volume_groups[2].encrypted = true;
        let expected = [
            "/boot  ext4  mount noatime,nodev  mkfs -m 1",
            "physical volume of vg_base",
            "physical volume of nova-volumes",
            "extended, around the logical partitions",
            "physical volume of vg_images, encrypted (LUKS)",
        ];
        assert_eq!(words(&bios), expected);
        let uefi = words(&node("compute2", "9", Firmware::Uefi));
        assert_eq!(uefi[0], "/boot/efi  EFI system partition");
        assert_eq!(words(&node("compute2", "10", Firmware::Bios))[0], "biosboot");
    }

    #[test]
    fn half_of_a_mirror_is_described_by_what_the_mirror_holds() {
        let mut node = node("compute2", "9", Firmware::Uefi);
        node.disks.push(DiskSlot { slot: "os2".into(), rule: DiskRule::of(488_397_168, 512) });
        node.layout.mirror = Some(("os".into(), "os2".into()));
        node.layout.volume_groups[1].encrypted = true;
        let expected = [
            "half of the mirror md0: /boot/efi  EFI system partition",
            "half of the mirror md1: /boot  ext4  mount noatime,nodev  mkfs -m 1",
            "half of the mirror md2: physical volume of vg_base",
            "half of the mirror md3: physical volume of vg_gluster, encrypted (LUKS)",
        ];
        assert_eq!(words(&node), expected);
    }
}
