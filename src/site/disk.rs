//! Which disks of a node may be used, and how large the plan assumes them to be.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The slot of the disk with the operating system, unless the site file names its slots otherwise.
pub const OS_SLOT: &str = "os";

/// A disk label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskLabel {
    /// The MBR, by parted's name for it.
    Msdos,
    /// The GUID partition table.
    Gpt,
}

impl fmt::Display for DiskLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Msdos => "msdos",
            Self::Gpt => "gpt",
        })
    }
}

/// How a disk is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum DiskBus {
    Sata,
    Sas,
    Scsi,
    Nvme,
    Virtio,
    Mmc,
    Usb,
    Fc,
    Iscsi,
}

impl DiskBus {
    /// Every bus with its word in the site file.
    pub(crate) const WORDS: [(&'static str, Self); 9] = [
        ("sata", Self::Sata),
        ("sas", Self::Sas),
        ("scsi", Self::Scsi),
        ("nvme", Self::Nvme),
        ("virtio", Self::Virtio),
        ("mmc", Self::Mmc),
        ("usb", Self::Usb),
        ("fc", Self::Fc),
        ("iscsi", Self::Iscsi),
    ];
}

impl fmt::Display for DiskBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, bus)| bus == self).map_or("", |(word, _)| word);
        f.write_str(word)
    }
}

/// Which disk of a node may be used: exactly one disk must match every given property.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DiskRule {
    /// The planned size in sectors of `sector_size` bytes. Without a range the disk has exactly this size. With one it
    /// has at least this size, and the excess stays unused.
    pub sectors: u64,
    /// Logical sector size in bytes: 512, or 4096 on 4Kn disks.
    pub sector_size: u32,
    /// Kernel name such as `sda`; unstable on machines with several controllers.
    pub name: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// World wide name, with or without its `0x`.
    pub wwn: Option<String>,
    /// Name of a link in `/dev/disk/by-id`, without the directory.
    pub by_id: Option<String>,
    /// Model, as in `/sys/block/sda/device/model`.
    pub model: Option<String>,
    /// How it is attached.
    pub bus: Option<DiskBus>,
    /// Whether it must be the only suitable disk of the machine: a second one, whatever its size, leads to a refusal.
    pub only: bool,
    /// Smallest size in bytes that the disk may have.
    pub min_bytes: Option<u64>,
    /// Largest size in bytes that the disk may have.
    pub max_bytes: Option<u64>,
}

impl DiskRule {
    /// A rule for any disk of exactly this size.
    pub fn of(sectors: u64, sector_size: u32) -> Self {
        Self {
            sectors,
            sector_size,
            name: None,
            serial: None,
            wwn: None,
            by_id: None,
            model: None,
            bus: None,
            only: false,
            min_bytes: None,
            max_bytes: None,
        }
    }

    /// Planned size of the disk in bytes.
    pub fn bytes(&self) -> u64 {
        self.sectors.saturating_mul(u64::from(self.sector_size))
    }

    /// Whether the disk may be larger or smaller than the planned size.
    pub fn has_range(&self) -> bool {
        self.min_bytes.is_some() || self.max_bytes.is_some()
    }

    /// The smallest and largest size in bytes that the disk may have; they are equal when the rule gives one size.
    pub(crate) fn size_range(&self) -> (u64, u64) {
        if !self.has_range() {
            return (self.bytes(), self.bytes());
        }
        // The plan must fit, whatever the range allows.
        (self.min_bytes.unwrap_or(0).max(self.bytes()), self.max_bytes.unwrap_or(u64::MAX))
    }
}

impl fmt::Display for DiskRule {
    /// The text for people: `name sda, 488397168 sectors of 512 bytes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = [
            ("name", &self.name),
            ("serial number", &self.serial),
            ("world wide name", &self.wwn),
            ("id", &self.by_id),
            ("model", &self.model),
        ];
        for (what, value) in given {
            if let Some(value) = value {
                write!(f, "{what} {value}, ")?;
            }
        }
        if let Some(bus) = self.bus {
            write!(f, "on {bus}, ")?;
        }
        if self.only {
            f.write_str("the only disk, ")?;
        }
        match (self.has_range(), self.size_range()) {
            (false, _) => write!(f, "{} sectors of {} bytes", self.sectors, self.sector_size),
            (true, (least, u64::MAX)) => write!(f, "at least {} MiB", least.div_ceil(1 << 20)),
            (true, (least, most)) => write!(f, "{} to {} MiB", least.div_ceil(1 << 20), most >> 20),
        }
    }
}

/// A disk by its purpose: `os`, `data`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DiskSlot {
    /// The name of the slot that layouts use.
    pub slot: String,
    /// The rule that selects the disk.
    pub rule: DiskRule,
}

impl DiskSlot {
    /// The disk of the operating system.
    pub fn os(rule: DiskRule) -> Self {
        Self { slot: OS_SLOT.into(), rule }
    }
}

/// Normalises a world wide name: `0x5000C500A1` and `naa.5000c500a1` are the same. The rule in `%pre`, the report of
/// `%pre` and the server's own comparison all use this form.
pub fn plain_wwn(wwn: &str) -> String {
    let lower = wwn.trim().to_ascii_lowercase();
    let prefixes = ["0x", "naa.", "eui.", "uuid."];
    prefixes.iter().find_map(|prefix| lower.strip_prefix(prefix)).unwrap_or(&lower).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_world_wide_name_is_the_same() {
        for spelling in ["0x5000C500A1B2C3D4", "naa.5000c500a1b2c3d4", " 5000c500a1b2c3d4 "] {
            assert_eq!(plain_wwn(spelling), "5000c500a1b2c3d4");
        }
    }

    #[test]
    fn a_rule_without_a_range_means_one_size_and_with_one_at_least_the_planned() {
        let mut rule = DiskRule::of(1000, 512);
        assert_eq!(rule.size_range(), (512_000, 512_000));
        rule.min_bytes = Some(100);
        assert_eq!(rule.size_range(), (512_000, u64::MAX));
        rule.max_bytes = Some(600_000);
        assert_eq!(rule.size_range(), (512_000, 600_000));
    }

    #[test]
    fn every_bus_has_its_word() {
        for (word, bus) in DiskBus::WORDS {
            assert_eq!(bus.to_string(), word);
        }
    }
}
