//! A small Anaconda, written from the description of its sort and placement, not from the planner.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rackstart::plan::{Content, DiskPlan, NodePlan, Slot};
use rackstart::site::DiskLabel;

/// One `part` line, as the model understands it.
#[derive(Debug, Clone)]
pub struct Part {
    pub disk: String,
    pub name: String,
    pub size: u64,
    pub primary: bool,
    pub grow: bool,
    pub max: u64,
}

/// A disk as the installer finds it: whether it gets an MBR, and the MiB where partitions must end.
pub struct Empty {
    pub msdos: bool,
    pub end: u64,
}

/// The partitions of one disk in the end: number, start, size, slot and name of each.
pub type Made = Vec<(u32, u64, u64, Slot, String)>;

fn option(line: &str, name: &str) -> Option<u64> {
    line.split(' ').find_map(|word| word.strip_prefix(name)).map(|value| value.parse().expect("a number"))
}

/// Reads the `part` lines of a kickstart.
pub fn parts(commands: &str) -> Vec<Part> {
    let lines = commands.lines().filter(|line| line.starts_with("part "));
    lines
        .map(|line| Part {
            disk: line.split(' ').find_map(|word| word.strip_prefix("--ondisk=")).unwrap_or("sda").into(),
            name: line.split(' ').nth(1).expect("a name").into(),
            size: option(line, "--size=").expect("a size"),
            primary: line.contains(" --asprimary"),
            grow: line.contains(" --grow"),
            max: option(line, "--maxsize=").unwrap_or(0),
        })
        .collect()
}

/// What a planned partition is called on its `part` line.
pub fn name(disk: &DiskPlan, number: u32, content: &Content) -> String {
    match content {
        Content::Mount { mount, .. } => mount.clone(),
        Content::EfiSystem => "/boot/efi".into(),
        Content::BiosBoot => "biosboot".into(),
        Content::PhysicalVolume { .. } => format!("pv.{}{number}", disk.slot),
        Content::RaidMember { .. } => format!("raid.{}{number}", disk.slot),
        Content::Extended => "extended".into(),
    }
}

/// The `part` lines that a plan calls for on the disks that the installer divides itself.
pub fn parts_of(plan: &NodePlan) -> Vec<Part> {
    let mut parts = Vec::new();
    for disk in plan.disks.iter().filter(|disk| !disk.is_prepared()) {
        for partition in disk.partitions.iter().filter(|partition| partition.slot != Slot::Extended) {
            let grow = partition.placement.grow_to_own_size();
            parts.push(Part {
                disk: disk.slot.clone(),
                name: name(disk, partition.number, &partition.content),
                size: partition.size.0,
                primary: partition.placement.as_primary(),
                grow,
                max: if grow { partition.size.0 } else { 0 },
            });
        }
    }
    parts
}

/// What the plan says will become of its disks.
pub fn predicted(plan: &NodePlan) -> BTreeMap<String, Made> {
    let of_disk = |disk: &DiskPlan| {
        let row = |partition: &rackstart::plan::PartitionPlan| {
            let name = name(disk, partition.number, &partition.content);
            (partition.number, partition.start.0, partition.size.0, partition.slot, name)
        };
        (disk.slot.clone(), disk.partitions.iter().map(row).collect())
    };
    plan.disks.iter().filter(|disk| !disk.is_prepared()).map(of_disk).collect()
}

/// The disks that the installer divides itself.
pub fn empty_disks(plan: &NodePlan) -> BTreeMap<String, Empty> {
    let disks = plan.disks.iter().filter(|disk| !disk.is_prepared());
    disks
        .map(|disk| {
            let msdos = disk.label == DiskLabel::Msdos;
            let sector = u64::from(disk.sector_size);
            // GPT keeps its backup at the end: one sector and 16 KiB; an MBR counts in 32 bits.
            let sectors = if msdos { disk.sectors.min(1 << 32) } else { disk.sectors - 1 - 16384 / sector };
            (disk.slot.clone(), Empty { msdos, end: sectors * sector / 1_048_576 })
        })
        .collect()
}

/// What differs between installers, or is promised by none.
#[derive(Debug, Clone, Copy)]
pub struct Installer {
    /// Equal requests have no promised order, so none of the outcome may hang on the order of the lines.
    pub scramble: bool,
    /// Weight of a `/` from which the machine starts.
    pub root_weight: i64,
}

/// The installer's comparison as it stands there: a sum of weighted comparisons, whose sign decides.
fn compare(a: &Part, b: &Part, root_weight: i64) -> Ordering {
    let base = |part: &Part| match part.name.as_str() {
        "/boot/efi" | "biosboot" => 5000,
        "/boot" => 2000,
        "/" => root_weight,
        _ => 0,
    };
    let sign = |ordering: Ordering| ordering as i64;
    let mut sum = base(b) - base(a);
    sum -= sign(a.primary.cmp(&b.primary)) * 200;
    sum += sign(a.grow.cmp(&b.grow)) * 100;
    sum -= sign(a.size.cmp(&b.size)) * 50;
    if a.grow && b.grow {
        sum += match (a.max, b.max) {
            (0, 0) => 0,
            (0, _) => -25,
            (_, 0) => 25,
            (x, y) => -sign(x.cmp(&y)) * 25,
        };
    }
    if a.name.starts_with('/') && b.name.starts_with('/') {
        sum += sign(a.name.cmp(&b.name)) * 10;
    }
    sum.cmp(&0)
}

/// Executes the requests on empty disks. All requests are sorted together, then each goes to its own disk.
pub fn execute(
    mut requests: Vec<Part>,
    disks: &BTreeMap<String, Empty>,
    installer: Installer,
) -> BTreeMap<String, Made> {
    if installer.scramble {
        requests.reverse();
    }
    let boots_from_root = !requests.iter().any(|part| part.name == "/boot");
    let root_weight = if boots_from_root { installer.root_weight } else { 0 };
    requests.sort_by(|a, b| compare(a, b, root_weight));
    disks
        .iter()
        .map(|(name, disk)| {
            let of_disk: Vec<&Part> = requests.iter().filter(|part| part.disk == *name).collect();
            (name.clone(), divide(&of_disk, disk))
        })
        .collect()
}

fn divide(requests: &[&Part], disk: &Empty) -> Made {
    let mut partitions: Made = Vec::new();
    let (mut start, mut primaries, mut logicals) = (1, 0, 0);
    let mut extended = false;
    for (index, part) in requests.iter().enumerate() {
        assert!(!part.grow || part.max == part.size, "it would grow: {part:?}");
        let slot = match (disk.msdos, extended, primaries) {
            (true, false, 3) if !part.primary => {
                partitions.push((4, start, disk.end - start, Slot::Extended, "extended".into()));
                extended = true;
                Slot::Logical
            }
            (true, true, _) => Slot::Logical,
            _ => Slot::Primary,
        };
        assert!(!(part.primary && slot == Slot::Logical), "no primary slot is left: {part:?}");
        assert!(!disk.msdos || slot == Slot::Logical || primaries < 4, "a fifth primary partition: {part:?}");
        let number = if slot == Slot::Logical {
            logicals += 1;
            // libparted's first track of the extended partition, seen only while nothing grows.
            let first_track = u64::from(logicals == 1 && !requests.iter().any(|part| part.grow));
            start += 1 + first_track;
            4 + logicals
        } else {
            primaries += 1;
            index as u32 + 1
        };
        partitions.push((number, start, part.size, slot, part.name.clone()));
        start += part.size;
        assert!(start <= disk.end, "not enough free space on the disk: {part:?}");
    }
    partitions
}

/// The most that mdadm keeps of a member of so many MiB: a power of two up to 128 MiB and 0.1 %, and 2 MiB besides.
pub fn md_keeps(member: u64) -> u64 {
    let headroom = (0..=7).map(|power| 1 << power).filter(|headroom| headroom * 1024 <= member).max();
    headroom.unwrap_or(1) + 2
}
