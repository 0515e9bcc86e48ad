//! Which disk label each disk gets: what the installer of the release chooses by itself, or what the layout says.

use crate::site::{DiskLabel, DiskRule, Firmware, Node};

use super::PlanError;
use super::size::MBR_SECTORS;

/// Decides the label of the disk in a slot. Also returns whether the installer chooses that label by itself.
pub(crate) fn of(node: &Node, slot: &str, rule: &DiskRule) -> Result<(DiskLabel, bool), PlanError> {
    check_sectors(node, slot, rule)?;
    let default = default(node, rule);
    let release = node.release;
    let name = || node.name.clone();
    if default == DiskLabel::Gpt && node.firmware == Firmware::Bios && release.is_el6() && starts(node, slot) {
        return Err(PlanError::TooLargeForBios { node: name(), release });
    }
    let Some(wanted) = node.layout.label else {
        let largest = rule.size_range().1 / u64::from(rule.sector_size);
        let of_largest = self::default(node, &DiskRule { sectors: largest, ..rule.clone() });
        if of_largest != default {
            return Err(PlanError::RangeOfLabels { node: name(), disk: slot.into() });
        }
        return Ok((default, true));
    };
    let problem = match (wanted, node.firmware) {
        (DiskLabel::Msdos, Firmware::Uefi) => Some("UEFI firmware needs gpt"),
        (DiskLabel::Msdos, _) if rule.sectors >= MBR_SECTORS => Some("it cannot address the whole disk"),
        _ if wanted != default && release.is_el6() => Some("the installer of release 6 cannot be told a label"),
        _ => None,
    };
    match problem {
        Some(problem) => Err(PlanError::Label { node: name(), disk: slot.into(), label: wanted, problem }),
        None => Ok((wanted, wanted == default)),
    }
}

/// Whether the firmware boots from the disk: it is that of the operating system, or mirrors it.
pub(crate) fn starts(node: &Node, slot: &str) -> bool {
    let os = node.disks[0].slot.as_str();
    let mirrors = |(first, second): &(String, String)| first == os && second == slot;
    slot == os || node.layout.mirror.as_ref().is_some_and(mirrors)
}

/// blivet of EL10 prefers gpt; earlier releases use it only where the firmware or the size of the disk leaves no
/// choice.
fn default(node: &Node, rule: &DiskRule) -> DiskLabel {
    let gpt = node.firmware == Firmware::Uefi || node.release.major >= 10 || rule.sectors >= MBR_SECTORS;
    if gpt { DiskLabel::Gpt } else { DiskLabel::Msdos }
}

fn check_sectors(node: &Node, slot: &str, rule: &DiskRule) -> Result<(), PlanError> {
    let problem = match (rule.sector_size, node.firmware) {
        (512, _) | (4096, Firmware::Uefi) => return Ok(()),
        (4096, _) if !starts(node, slot) => return Ok(()),
        (4096, _) => "BIOS firmware cannot boot from",
        _ => "is neither 512 nor 4096",
    };
    Err(PlanError::SectorSize { node: node.name.clone(), sector_size: rule.sector_size, problem })
}
