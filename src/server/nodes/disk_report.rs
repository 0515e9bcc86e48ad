//! The disks that `%pre` reports as chosen, and their comparison with the rules of the site file. `%pre` has compared
//! them already; this is the second line of defence, in a language with tests.

use std::collections::{BTreeMap, HashMap};

use super::form::tame;
use crate::lifecycle::WipeScope;
use crate::plan::{DiskPlan, PartitionFact, compare_partitions};
use crate::site::{DiskBus, DiskRule, plain_wwn};

/// The disk of one slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FoundDisk {
    pub disk: String,
    pub sectors: u64,
    pub sector_size: u32,
    pub serial: String,
    pub wwn: String,
    pub by_id: String,
    pub model: String,
    pub bus: String,
    /// How many disks have its world wide name; more than one means multipath.
    pub paths: u32,
    /// How many disks of the machine match the rule.
    pub suitable: u32,
    /// Its partitions: `1:2048:1024000,2:…`.
    pub table: String,
    pub blank: bool,
    pub found: String,
}

impl FoundDisk {
    /// Reads the fields of a slot: `disk.os`, `sectors.os`, …; those of the first slot may lack the slot's name.
    pub(crate) fn read(form: &HashMap<String, String>, slot: &str, is_first: bool) -> Result<Self, String> {
        let text = |field: &str| {
            let plain = is_first.then(|| form.get(field)).flatten();
            form.get(&format!("{field}.{slot}")).or(plain).map(String::as_str).unwrap_or_default()
        };
        fn number<N: std::str::FromStr>(text: &str, field: &str, slot: &str, default: Option<N>) -> Result<N, String> {
            match default {
                Some(default) if text.is_empty() => Ok(default),
                _ => text.parse().map_err(|_| format!("the field `{field}.{slot}` is missing or not a number")),
            }
        }
        if text("disk").is_empty() {
            return Err(format!("the field `disk.{slot}` is missing"));
        }
        Ok(Self {
            disk: text("disk").into(),
            sectors: number(text("sectors"), "sectors", slot, None)?,
            sector_size: number(text("sector_size"), "sector_size", slot, None)?,
            serial: text("serial").into(),
            wwn: text("wwn").into(),
            by_id: text("by_id").into(),
            model: text("model").into(),
            bus: text("bus").into(),
            paths: number(text("paths"), "paths", slot, Some(1))?,
            suitable: number(text("suitable"), "suitable", slot, Some(1))?,
            table: text("table").into(),
            blank: text("blank") == "yes",
            found: text("found").into(),
        })
    }

    /// Describes the disk for the event log.
    pub(crate) fn words(&self, slot: &str) -> String {
        format!("{} for {slot} (serial {}, wwn {})", said(&self.disk), said(&self.serial), said(&self.wwn))
    }

    /// Compares the disk with the rule of its slot, or says what differs.
    pub(crate) fn check(&self, rule: &DiskRule, node: &str, scope: WipeScope) -> Result<(), String> {
        let disk = tame(&self.disk, 64);
        self.check_size(rule, node, &disk)?;
        let texts = [
            ("name", &rule.name, &self.disk),
            ("serial number", &rule.serial, &self.serial),
            ("id", &rule.by_id, &self.by_id),
            ("model", &rule.model, &self.model),
        ];
        for (what, wanted, found) in texts {
            if let Some(wanted) = wanted.as_deref().filter(|wanted| wanted.trim() != found.trim()) {
                let found = said(found);
                return Err(format!(
                    "the {what} of disk {disk} is `{found}`, but the site file wants `{wanted}` on {node}"
                ));
            }
        }
        if rule.wwn.as_deref().is_some_and(|wanted| plain_wwn(wanted) != plain_wwn(&self.wwn)) {
            let found = said(&self.wwn);
            return Err(format!(
                "the world wide name of disk {disk} is `{found}`, not that of the site file on {node}"
            ));
        }
        self.check_bus(rule, node, &disk)?;
        if rule.only && self.suitable != 1 {
            return Err(format!(
                "{} disks of {node} could be used, the site file says that {disk} is the only one",
                self.suitable
            ));
        }
        if scope == WipeScope::BlankDiskOnly && !self.blank {
            return Err(format!(
                "disk {disk} is not blank ({}), and a first install never wipes data; check whether this is the right \
                 disk of {node}, and read in docs/storage.md how a used disk is made blank on purpose",
                tame(&self.found, 256).replace('\n', ", "),
            ));
        }
        Ok(())
    }

    fn check_size(&self, rule: &DiskRule, node: &str, disk: &str) -> Result<(), String> {
        let (least, most) = rule.size_range();
        let bytes = self.sectors.checked_mul(u64::from(self.sector_size)).unwrap_or(0);
        if (least..=most).contains(&bytes) && self.sector_size == rule.sector_size {
            return Ok(());
        }
        Err(format!(
            "disk {disk} has {} sectors of {} bytes, the site file wants {rule}; correct the disk of {node}",
            self.sectors, self.sector_size
        ))
    }

    fn check_bus(&self, rule: &DiskRule, node: &str, disk: &str) -> Result<(), String> {
        let named = rule.bus.map(|bus| bus.to_string()).unwrap_or_default();
        if !named.is_empty() && named != self.bus {
            return Err(format!("disk {disk} is on `{}`, the site file wants `{named}` on {node}", said(&self.bus)));
        }
        let risky = [DiskBus::Usb, DiskBus::Fc, DiskBus::Iscsi].map(|bus| bus.to_string());
        if named.is_empty() && risky.contains(&self.bus) {
            return Err(format!(
                "disk {disk} is on {}; say `bus = \"{}\"` in the rule of {node} if that is meant",
                self.bus, self.bus
            ));
        }
        if self.paths > 1 && rule.name.is_none() {
            return Err(format!(
                "disk {disk} is one of {} paths to the same disk; give its rule on {node} a `name`",
                self.paths
            ));
        }
        Ok(())
    }

    /// Compares the partitions that a reimage with `keep` reuses with the plan.
    pub(crate) fn check_table(&self, plan: &DiskPlan) -> Result<(), String> {
        let name = tame(&self.disk, 64);
        let read = |entry: &str| {
            let mut numbers = entry.split(':').map(|number| number.parse::<u64>().ok());
            let (number, start, sectors) = (numbers.next()??, numbers.next()??, numbers.next()??);
            Some(PartitionFact { disk: name.clone(), number: u32::try_from(number).ok()?, start, sectors })
        };
        let entries = self.table.split(',').filter(|entry| !entry.is_empty());
        let found: Option<Vec<PartitionFact>> = entries.map(read).collect();
        let found = found.ok_or_else(|| format!("the partitions of disk {name} cannot be read"))?;
        let mut lines = Vec::new();
        compare_partitions(plan, &name, &found.iter().collect::<Vec<_>>(), &mut lines);
        if lines.is_empty() { Ok(()) } else { Err(lines.join("; ")) }
    }
}

/// Checks that every slot has a disk of its own.
pub(super) fn all_different(disks: &BTreeMap<String, String>) -> Result<(), String> {
    for (slot, disk) in disks {
        if let Some((other, _)) = disks.iter().find(|(other, name)| *name == disk && *other < slot) {
            return Err(format!("{other} and {slot} are the same disk, {}", tame(disk, 64)));
        }
    }
    Ok(())
}

/// The machine's own words, shortened to one line.
fn said(text: &str) -> String {
    match tame(text, 64).replace('\n', " ") {
        empty if empty.is_empty() => "none".into(),
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> FoundDisk {
        FoundDisk {
            disk: "sda".into(),
            sectors: 1000,
            sector_size: 512,
            serial: "S1".into(),
            wwn: "naa.5000c500a1".into(),
            by_id: "ata-X_S1".into(),
            model: "X".into(),
            bus: "sata".into(),
            paths: 1,
            suitable: 1,
            blank: true,
            ..FoundDisk::default()
        }
    }

    fn rule() -> DiskRule {
        let text = |text: &str| Some(text.to_string());
        DiskRule {
            name: text("sda"),
            serial: text("S1"),
            wwn: text("0x5000C500A1"),
            by_id: text("ata-X_S1"),
            model: text("X"),
            bus: Some(DiskBus::Sata),
            only: true,
            ..DiskRule::of(1000, 512)
        }
    }

    #[test]
    fn every_given_property_of_the_rule_is_compared_again() {
        let judge = |change: fn(&mut FoundDisk)| {
            let mut found = found();
            change(&mut found);
            found.check(&rule(), "compute2", WipeScope::BlankDiskOnly)
        };
        assert_eq!(judge(|_| {}), Ok(()));
        type Fault = fn(&mut FoundDisk);
        let faults: [(Fault, &str); 9] = [
            (|found| found.disk = "sdb".into(), "the name of disk sdb"),
            (|found| found.serial = String::new(), "serial number of disk sda is `none`"),
            (|found| found.wwn = "naa.5000c500a2".into(), "world wide name"),
            (|found| found.by_id = "ata-Y".into(), "the id of disk sda"),
            (|found| found.model = "Y".into(), "the model of disk sda"),
            (|found| found.bus = "usb".into(), "is on `usb`"),
            (|found| found.suitable = 2, "2 disks of compute2 could be used"),
            (|found| found.sectors = 999, "has 999 sectors"),
            (|found| found.blank = false, "not blank"),
        ];
        for (change, word) in faults {
            let reason = judge(change).unwrap_err();
            assert!(reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn risky_ways_to_a_disk_must_be_named() {
        let judge = |rule: DiskRule, bus: &str, paths| {
            FoundDisk { bus: bus.into(), paths, ..found() }.check(&rule, "n", WipeScope::DestroyData)
        };
        let any = || DiskRule::of(1000, 512);
        for (word, bus) in [("usb", DiskBus::Usb), ("fc", DiskBus::Fc), ("iscsi", DiskBus::Iscsi)] {
            assert!(judge(any(), word, 1).is_err());
            assert_eq!(judge(DiskRule { bus: Some(bus), ..any() }, word, 1), Ok(()));
        }
        assert!(judge(any(), "sas", 2).is_err());
        assert_eq!(judge(DiskRule { name: Some("sda".into()), ..any() }, "sas", 2), Ok(()));
    }

    #[test]
    fn a_range_takes_larger_disks_and_no_smaller_ones() {
        let rule = DiskRule { min_bytes: Some(0), max_bytes: Some(1_000_000), ..DiskRule::of(1000, 512) };
        let judge = |sectors| FoundDisk { sectors, ..found() }.check(&rule, "n", WipeScope::DestroyData).is_ok();
        assert_eq!([999, 1000, 1500, 2000].map(judge), [false, true, true, false]);
        assert!(all_different(&BTreeMap::from([("a".into(), "sda".into()), ("b".into(), "sda".into())])).is_err());
    }
}
