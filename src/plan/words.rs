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
