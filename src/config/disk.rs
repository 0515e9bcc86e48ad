//! `disk` and `disks` of a node: which disk each slot means, and how large the plan takes it to be.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::disk_name;
use super::reader::Section;
use super::size;
use crate::site::{DiskBus, DiskRule, DiskSlot, OS_SLOT};
use crate::words::quote;

const DISK: &str = "disk = { name = \"sda\", sectors = 488397168 }";
const DISKS: &str =
    "disks = { os = { name = \"sda\", size = \"250 GB\" }, data = { name = \"sdb\", size = \"1 TB\" } }";
/// The ways to state the size of a disk.
const SIZES: &str = "size = \"250 GB\"` as the drive's label says, `min_size = \"200 GB\"`, or `sectors = 488397168";
const KEYS: [&str; 12] = [
    "sectors",
    "size",
    "sector_size",
    "name",
    "serial",
    "wwn",
    "by_id",
    "model",
    "bus",
    "only",
    "min_size",
    "max_size",
];

/// With 4096 bytes each these are 4 EiB; a larger number is a typing error.
const MAX_SECTORS: u64 = 1 << 40;

/// The disks of a node, the one of the operating system first.
pub(super) struct DiskKeys {
    /// Where they are written.
    pub at: Range<usize>,
    pub slots: Vec<DiskSlot>,
}

/// Reads `disk`, or `disks` with several slots; none after a mistake was reported.
pub(super) fn read_disks(node: &Section<'_>) -> Option<DiskKeys> {
    match (node.has("disk"), node.has("disks")) {
        (true, true) => {
            let message = format!("{} has both `disk` and `disks`", node.place);
            node.found.report(node.at.clone(), message, "move the rule of `disk` to `os` in `disks`");
            None
        }
        (_, true) => read_slots(node),
        _ => {
            node.need("disk", DISK);
            let (at, table) = node.table("disk", &format!("`{DISK}`"))?;
            let rule = read_rule(node, format!("`disk` of {}", node.place), at.clone(), table)?;
            Some(DiskKeys { at, slots: vec![DiskSlot::os(rule)] })
        }
    }
}

fn read_slots(node: &Section<'_>) -> Option<DiskKeys> {
    let (at, table) = node.table("disks", &format!("`{DISKS}`"))?;
    let mut slots: Vec<(Option<DiskSlot>, Range<usize>)> = Vec::new();
    for (key, value) in table.iter() {
        let name: &str = key.get_ref();
        let letters = name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
        if !letters || name.len() > 16 || !name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            let message = format!("`disks` of {}: {} is not a name for a disk", node.place, quote(name));
            node.found.report(key.span(), message, "use up to 16 lower-case letters and digits, such as `data`");
            slots.push((None, key.span()));
            continue;
        }
        let place = format!("disk `{name}` of {}", node.place);
        let Some(rule) = value.get_ref().as_table() else {
            let message = format!("{place} is not a table");
            node.found.report(value.span(), message, format!("write `{DISKS}`"));
            slots.push((None, key.span()));
            continue;
        };
        let rule = read_rule(node, place, value.span(), rule);
        slots.push((rule.map(|rule| DiskSlot { slot: name.into(), rule }), key.span()));
    }
    if !table.contains_key(OS_SLOT) {
        let message = format!("`disks` of {} has no `{OS_SLOT}`", node.place);
        node.found.report(at.clone(), message, "name the disk of the operating system `os`");
        return None;
    }
    check_different(node, &slots);
    let mut slots: Vec<DiskSlot> = slots.into_iter().map(|(slot, _)| slot).collect::<Option<_>>()?;
    slots.sort_by_key(|slot| slot.slot != OS_SLOT);
    Some(DiskKeys { at, slots })
}

/// Two slots must not be able to mean the same disk, neither by what names it nor because their rules say nothing else.
fn check_different(node: &Section<'_>, slots: &[(Option<DiskSlot>, Range<usize>)]) {
    for (index, (slot, at)) in slots.iter().enumerate() {
        let Some(slot) = slot else { continue };
        if slot.rule.only && slots.len() > 1 {
            let message =
                format!("disk `{}` of {} is the only disk, but there are {}", slot.slot, node.place, slots.len());
            node.found.report(at.clone(), message, "leave out `only`, and name the disk by its serial number");
        }
        for (earlier, first_at) in slots[..index].iter().filter_map(|(slot, at)| Some((slot.as_ref()?, at))) {
            if can_be_same(&earlier.rule, &slot.rule) {
                let message =
                    format!("disks `{}` and `{}` of {} can be the same disk", earlier.slot, slot.slot, node.place);
                let help = "give each its own `serial`, `wwn`, `by_id` or `name`";
                let problem = super::Problem::new(at.clone(), message, help).also(first_at.clone(), "the first one");
                node.found.add(problem);
            }
        }
    }
}

/// Whether nothing in the two rules keeps one disk from matching both. A name that belongs to a single disk counts more
/// than any difference: if both rules have it, one of them is a mistake.
fn can_be_same(a: &DiskRule, b: &DiskRule) -> bool {
    let identities = [(&a.name, &b.name), (&a.serial, &b.serial), (&a.wwn, &b.wwn), (&a.by_id, &b.by_id)];
    if identities.iter().any(|(a, b)| a.is_some() && a == b) {
        return true;
    }
    let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
    let sizes = (a.size_range(), b.size_range());
    let apart = sizes.0.1 < sizes.1.0 || sizes.1.1 < sizes.0.0;
    let named_apart = identities.iter().any(|(a, b)| differ(a, b)) || differ(&a.model, &b.model);
    let bus_apart = a.bus.is_some() && b.bus.is_some() && a.bus != b.bus;
    !(apart || named_apart || bus_apart || a.sector_size != b.sector_size)
}

fn read_rule(node: &Section<'_>, place: String, at: Range<usize>, table: &DeTable<'_>) -> Option<DiskRule> {
    let disk = Section::open(place, at, table, &KEYS, node.found);
    let sector_size = disk.number("sector_size", 512..=4096);
    if let Some(size) = &sector_size
        && !matches!(size.get_ref(), 512 | 4096)
    {
        let message = format!("{}: `sector_size` cannot be {}", disk.place, size.get_ref());
        disk.found.report(size.span(), message, "write 512 or 4096");
    }
    let sector_size = sector_size.map_or(512, |size| if *size.get_ref() == 4096 { 4096 } else { 512 });
    let own = |key: &str| word(&disk, key).map(|text| text.into_inner().to_string());
    let own_name = own("name").map(|name| name.replace('!', "/"));
    let (min, max) = (size::read(&disk, "min_size"), size::read(&disk, "max_size"));
    let rule = DiskRule {
        // /sys writes `!` for the slash in the names of Smart Array controllers.
        name: own_name,
        serial: own("serial"),
        wwn: own("wwn"),
        by_id: own("by_id"),
        model: own("model"),
        bus: disk.word("bus", &DiskBus::WORDS).map(Spanned::into_inner),
        only: disk.flag("only").unwrap_or(false),
        min_bytes: min.as_ref().map(|size| size.bytes),
        max_bytes: max.as_ref().map(|size| size.bytes),
        ..DiskRule::of(0, sector_size)
    };
    let rule = DiskRule { sectors: sectors(&disk, sector_size, min.as_ref())?, ..rule };
    let (smallest, largest) = rule.size_range();
    if let Some(max) = max.filter(|_| smallest > largest) {
        let message = format!("{}: `max_size` is less than the planned {} bytes", disk.place, smallest);
        disk.found.report(max.at, message, "raise it, or leave it out");
    }
    Some(rule)
}

/// The planned size in sectors: as written, or the smallest of the range.
fn sectors(disk: &Section<'_>, sector_size: u32, min: Option<&size::Size>) -> Option<u64> {
    let size = match (disk.has("sectors"), disk.has("size")) {
        (true, true) => {
            let message = format!("{} has both `sectors` and `size`", disk.place);
            disk.found.report(disk.at.clone(), message, "keep one of them");
            return None;
        }
        (true, false) => return written_sectors(disk, sector_size),
        (false, true) => size::read(disk, "size")?,
        (false, false) if disk.has("min_size") => size::Size { bytes: min?.bytes, at: min?.at.clone() },
        (false, false) => {
            if !["sectors", "min_size"].iter().any(|key| disk.is_misspelt(key)) {
                disk.need("size", SIZES);
            }
            return None;
        }
    };
    if !size.bytes.is_multiple_of(u64::from(sector_size)) && disk.has("size") {
        let message = format!("{}: {} bytes are not whole sectors of {sector_size}", disk.place, size.bytes);
        disk.found.report(size.at, message, "copy the number of bytes from `blockdev --getsize64 /dev/sda`");
        return None;
    }
    Some(size.bytes.div_ceil(u64::from(sector_size)))
}

/// Reads the number of sectors. A number of bytes in its place is caught where that can be told: it divides into whole
/// sectors, and as a number of sectors it would mean a disk larger than any that is commonly sold.
fn written_sectors(disk: &Section<'_>, sector_size: u32) -> Option<u64> {
    const UNLIKELY_BYTES: u64 = 32 << 40;
    let sectors = disk.number("sectors", 1..=MAX_SECTORS)?;
    let (number, size) = (*sectors.get_ref(), u64::from(sector_size));
    if number.saturating_mul(size) > UNLIKELY_BYTES && number.is_multiple_of(size) {
        let terabytes = number as f64 * f64::from(sector_size) / 1e12;
        let message = format!("{}: {number} sectors are a disk of {terabytes:.0} TB", disk.place);
        let help = format!(
            "if it is the number of bytes, write `sectors = {}`; else `size = \"{} GiB\"`",
            number / size,
            number.saturating_mul(size) >> 30
        );
        disk.found.report(sectors.span(), message, help);
        return None;
    }
    Some(number)
}

/// Reads the name that the kernel, the maker or udev gives a disk.
fn word<'a>(disk: &Section<'a>, key: &str) -> Option<Spanned<&'a str>> {
    let (what, more, help) = match key {
        "name" => (
            "the kernel name of a disk",
            "-",
            "write for example \"sda\", \"nvme0n1\" or \"cciss/c0d0\", without /dev/",
        ),
        "serial" => ("a serial number", "._-", "copy ID_SERIAL_SHORT from `udevadm info /dev/sda`"),
        "wwn" => ("a world wide name", "._-", "copy ID_WWN from `udevadm info /dev/sda`"),
        "by_id" => ("a name of /dev/disk/by-id", "._-+:=@", "copy it from `ls /dev/disk/by-id`, without the directory"),
        _ => ("a model of disks", "._-+/ ", "copy it from /sys/block/sda/device/model"),
    };
    let text = disk.text(key)?;
    // Old drivers of RAID controllers have their own folder in /dev.
    let in_folder = |folder: &str| text.get_ref().strip_prefix(folder).is_some_and(|rest| rest.starts_with(['/', '!']));
    let more = if key == "name" && ["cciss", "ida", "rd"].into_iter().any(in_folder) { "/!-" } else { more };
    let letters = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter));
    let value = *text.get_ref();
    let good = (1..=128).contains(&value.len())
        && letters(value)
        && value.trim() == value
        && (key != "name" || value.starts_with(|letter: char| letter.is_ascii_lowercase()));
    let objection = match (good, key) {
        (false, _) => Some(format!("is not {what}")),
        (true, "name") => disk_name::objection(&value.replace('!', "/")).map(str::to_string),
        (true, "by_id") if is_part_link(value) => Some("is a partition, not a disk".into()),
        _ => None,
    };
    if let Some(objection) = objection {
        let message = format!("{}: {} {objection}", disk.place, quote(value));
        disk.found.report(text.span(), message, help);
        return None;
    }
    Some(text)
}

/// Whether udev made the name for a partition, with `-part` and a number at its end.
fn is_part_link(name: &str) -> bool {
    let number = name.rsplit_once("-part").map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rules_that_differ_in_one_thing_cannot_mean_one_disk() {
        let rule = |change: fn(&mut DiskRule)| {
            let mut rule = DiskRule::of(1000, 512);
            change(&mut rule);
            rule
        };
        let plain = rule(|_| {});
        assert!(can_be_same(&plain, &plain));
        assert!(can_be_same(&plain, &rule(|rule| rule.serial = Some("A".into()))));
        assert!(!can_be_same(&plain, &rule(|rule| rule.sectors = 1001)));
        assert!(can_be_same(&plain, &rule(|rule| (rule.sectors, rule.min_bytes) = (900, Some(1)))));
        let (sata, nvme) = (rule(|rule| rule.bus = Some(DiskBus::Sata)), rule(|rule| rule.bus = Some(DiskBus::Nvme)));
        assert!(!can_be_same(&sata, &nvme));
        let of = |sectors| {
            let mut rule = DiskRule::of(sectors, 512);
            rule.serial = Some("A".into());
            rule
        };
        assert!(can_be_same(&of(1000), &of(2000)), "one serial number is one disk, whatever else is said");
    }
}
