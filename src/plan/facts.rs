//! What the installer found on the disks when it was done: lines of words, parsed into values. Never trusted, always
//! limited.

use serde::{Deserialize, Serialize};

/// The largest number of lines that are read; a node with many disks and volumes has some hundred.
const MAX_LINES: usize = 2000;
/// The longest word that is kept, in bytes.
const LONGEST_WORD: usize = 400;

/// A partition as the kernel sees it. Sectors have 512 bytes here, whatever the disk's sector size is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PartitionFact {
    pub disk: String,
    pub number: u32,
    pub start: u64,
    /// For an extended partition the kernel shows only two sectors.
    pub sectors: u64,
}

/// A physical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PhysicalVolumeFact {
    pub device: String,
    pub group: String,
    pub uuid: String,
}

/// A volume group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct GroupFact {
    pub name: String,
    pub uuid: String,
    /// Size of an extent in sectors of 512 bytes.
    pub extent_sectors: u64,
    pub extents: u64,
    pub free: u64,
}

/// A logical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct VolumeFact {
    pub group: String,
    pub name: String,
    pub uuid: String,
    /// Sectors of 512 bytes.
    pub sectors: u64,
}

/// A mounted file system, as the installed system will see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct MountFact {
    pub device: String,
    pub target: String,
    pub file_system: String,
}

/// An md array and the kernel names of what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ArrayFact {
    pub device: String,
    /// The level in the kernel's spelling: `raid1`.
    pub level: String,
    pub members: Vec<String>,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Facts {
    /// The kernel name of each disk, with `msdos`, `gpt` or `none`.
    pub labels: Vec<(String, String)>,
    pub partitions: Vec<PartitionFact>,
    pub physical_volumes: Vec<PhysicalVolumeFact>,
    pub groups: Vec<GroupFact>,
    pub volumes: Vec<VolumeFact>,
    pub mounts: Vec<MountFact>,
    /// Names of opened LUKS devices, with the kernel name of the device below each. None when this was not collected at
    /// the time.
    #[serde(default)]
    pub crypts: Option<Vec<(String, String)>>,
    /// Kernel names of encrypted devices, each with the URL of a Tang server that it is bound to.
    #[serde(default)]
    pub bindings: Vec<(String, String)>,
    /// Where the firmware finds a boot loader: a disk with `mbr`, or a partition with `entry` for one that the
    /// firmware's own list of boot entries names. None when this was not collected at the time.
    #[serde(default)]
    pub loaders: Option<Vec<(String, String)>>,
    /// Mount points in the installed system's `/etc/fstab`, with their options. None when this was not collected at the
    /// time.
    #[serde(default)]
    pub fstab: Option<Vec<(String, String)>>,
    /// Group and name of each logical volume that is swap space. None when this was not collected at the time.
    #[serde(default)]
    pub swaps: Option<Vec<(String, String)>>,
    /// The md arrays. None when this was not collected at the time.
    #[serde(default)]
    pub arrays: Option<Vec<ArrayFact>>,
}

/// Why facts are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// The line has none of the known forms.
    #[error("line {0} of the facts cannot be read")]
    Line(usize),
    /// There are more lines than any node has.
    #[error("the facts have more than {MAX_LINES} lines")]
    TooMany,
    /// The last line is not `end`, so something is missing.
    #[error("the facts did not arrive whole")]
    Cut,
}

impl Facts {
    /// Reads lines such as `partition sda 1 2048 1024000`; the last one is `end`.
    pub fn parse(text: &str) -> Result<Self, FactsError> {
        let mut facts = Self { swaps: Some(Vec::new()), arrays: Some(Vec::new()), ..Self::default() };
        let mut ended = false;
        for (index, line) in text.lines().enumerate() {
            if index >= MAX_LINES {
                return Err(FactsError::TooMany);
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let wrong = words.iter().any(|word| word.len() > LONGEST_WORD || word.contains(|c: char| c.is_control()));
            if wrong || ended && !words.is_empty() {
                return Err(FactsError::Line(index + 1));
            }
            ended |= words == ["end"];
            facts.read(&words).ok_or(FactsError::Line(index + 1))?;
        }
        if ended { Ok(facts) } else { Err(FactsError::Cut) }
    }

    fn read(&mut self, words: &[&str]) -> Option<()> {
        let number = |text: &str| text.parse::<u64>().ok();
        match *words {
            [] | ["end"] => {}
            ["label", disk, label] => self.labels.push((disk.into(), label.into())),
            ["partition", disk, index, start, sectors] => self.partitions.push(PartitionFact {
                disk: disk.into(),
                number: index.parse().ok()?,
                start: number(start)?,
                sectors: number(sectors)?,
            }),
            ["pv", device, group, uuid] => self.physical_volumes.push(PhysicalVolumeFact {
                device: device.into(),
                group: group.into(),
                uuid: uuid.into(),
            }),
            ["vg", name, uuid, extent_sectors, extents, free] => self.groups.push(GroupFact {
                name: name.into(),
                uuid: uuid.into(),
                extent_sectors: number(extent_sectors)?,
                extents: number(extents)?,
                free: number(free)?,
            }),
            ["lv", group, name, uuid, sectors] => self.volumes.push(VolumeFact {
                group: group.into(),
                name: name.into(),
                uuid: uuid.into(),
                sectors: number(sectors)?,
            }),
            ["swap", group, name] => self.swaps.get_or_insert_default().push((group.into(), name.into())),
            ["array", device, level, ref members @ ..] => self.arrays.get_or_insert_default().push(ArrayFact {
                device: device.into(),
                level: level.into(),
                members: members.iter().map(|member| member.to_string()).collect(),
            }),
            ["crypt", name, device] => self.crypts.get_or_insert_default().push((name.into(), device.into())),
            ["bound", device, url] => self.bindings.push((device.into(), url.into())),
            ["loader", device, kind] => self.loaders.get_or_insert_default().push((device.into(), kind.into())),
            ["fstab", target, options] => self.fstab.get_or_insert_default().push((target.into(), options.into())),
            ["mount", device, target, file_system] => self.mounts.push(MountFact {
                device: device.into(),
                target: target.into(),
                file_system: file_system.into(),
            }),
            _ => return None,
        }
        Some(())
    }

    /// What distinguishes these volume groups from other ones with the same names: a line with the UUID of each group,
    /// of its physical volumes, and of those volumes for which `is_ours` is true (given group and name).
    pub(crate) fn identities(&self, groups: &[String], is_ours: impl Fn(&str, &str) -> bool) -> Vec<String> {
        let kept = |name: &String| groups.contains(name);
        let of_groups = self.groups.iter().filter(|group| kept(&group.name));
        let of_disks = self.physical_volumes.iter().filter(|volume| kept(&volume.group));
        let of_volumes =
            self.volumes.iter().filter(|volume| kept(&volume.group) && is_ours(&volume.group, &volume.name));
        let lines = of_groups.map(|group| format!("vg {} {}", group.name, group.uuid));
        let lines = lines.chain(of_disks.map(|volume| format!("pv {} {}", volume.group, volume.uuid)));
        lines.chain(of_volumes.map(|volume| format!("lv {}/{} {}", volume.group, volume.name, volume.uuid))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_and_a_kept_group_is_known_by_its_uuids() {
        let text = "label sda msdos\npartition sda 1 2048 1024000\npv /dev/sda2 vg P-1\nvg vg V-1 8192 100 0\n\
                    lv vg lv_a L-1 8192\nlv vg other L-2 8192\nmount /dev/sda1 /boot ext4\nend\n";
        let facts = Facts::parse(text).unwrap();
        assert_eq!((facts.partitions[0].number, facts.partitions[0].sectors), (1, 1_024_000));
        let identities = facts.identities(&["vg".into()], |_, name| name == "lv_a");
        assert_eq!(identities, ["vg vg V-1", "pv vg P-1", "lv vg/lv_a L-1"]);
        assert!(facts.identities(&["x".into()], |_, _| true).is_empty());
    }

    #[test]
    fn what_was_looked_for_and_not_found_differs_from_what_was_not_looked_for() {
        let text = "swap vg lv_swap\narray md0 raid1 sda1 sdb1\ncrypt luks-1 sda2\nbound sda2 http://tang\n\
                    loader sda grub\nfstab / defaults\nend\n";
        let facts = Facts::parse(text).unwrap();
        let pair = |one: &str, other: &str| vec![(one.to_string(), other.to_string())];
        assert_eq!((facts.swaps, facts.crypts), (Some(pair("vg", "lv_swap")), Some(pair("luks-1", "sda2"))));
        assert_eq!((facts.loaders, facts.fstab), (Some(pair("sda", "grub")), Some(pair("/", "defaults"))));
        assert_eq!(facts.bindings, pair("sda2", "http://tang"));
        let members = vec!["sda1".into(), "sdb1".into()];
        assert_eq!(facts.arrays, Some(vec![ArrayFact { device: "md0".into(), level: "raid1".into(), members }]));
        let none = Facts::parse("end\n").unwrap();
        assert_eq!((none.swaps, none.arrays, none.crypts), (Some(vec![]), Some(vec![]), None));
        assert!(Facts::parse(&format!("label sda {}\nend\n", "x".repeat(LONGEST_WORD))).is_ok());
    }

    #[test]
    fn cut_or_strange_facts_are_refused_with_their_line() {
        assert_eq!(Facts::parse("label sda gpt\n"), Err(FactsError::Cut));
        assert_eq!(Facts::parse("label sda gpt\nlabel sda\nend\n"), Err(FactsError::Line(2)));
        assert_eq!(Facts::parse("partition sda x 1 2\nend\n"), Err(FactsError::Line(1)));
        assert_eq!(Facts::parse("end\nlabel sda gpt\n"), Err(FactsError::Line(2)));
        assert_eq!(Facts::parse(&format!("label sda {}\nend\n", "x".repeat(500))), Err(FactsError::Line(1)));
        assert_eq!(Facts::parse(&"\n".repeat(3000)), Err(FactsError::TooMany));
    }
}
