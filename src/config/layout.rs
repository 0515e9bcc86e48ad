//! Reads one layout of a blueprint or of the site file: partitions, volume groups, logical volumes. The arithmetic is
//! in `plan`.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::reader::{Collector, Section};
use crate::site::{
    DiskLabel, FileSystem, FileSystemOptions, Layout, LogicalVolumeSpec, Mib, PartitionSpec, PartitionUse, SizeSpec,
    VolumeGroupSpec,
};
use crate::words::{quote, suggest};

/// 1 EiB in MiB. A larger number is a typing error, and sums of such numbers still fit a u64.
const MAX_MIB: u64 = 1 << 40;
const KEYS: [&str; 6] = ["partitions", "volume_group", "mirror", "label", "extended", "prepared"];
const LABELS: [(&str, DiskLabel); 2] = [("msdos", DiskLabel::Msdos), ("gpt", DiskLabel::Gpt)];
const FILE_SYSTEMS: [(&str, FileSystem); 3] =
    [("ext4", FileSystem::Ext4), ("xfs", FileSystem::Xfs), ("swap", FileSystem::Swap)];

/// Reads `[role.ROLE.layout.NAME]` or `[layout.NAME]`.
pub(super) fn read_layout(
    name: &str,
    place: String,
    at: Range<usize>,
    table: &DeTable<'_>,
    found: &Collector,
) -> Option<Layout> {
    let section = Section::open(place, at, table, &KEYS, found);
    section.need("partitions", "partitions = [{ mount = \"/boot\", file_system = \"ext4\", size = 500 }]");
    let partitions = section.tables("partitions", "`partitions = [{ mount = \"/boot\", ... }]`");
    let mut names = Names::default();
    let partitions = partitions.into_iter().filter_map(|(at, table)| read_partition(&section, at, table, &mut names));
    let partitions = partitions.collect();
    let groups = section.tables("volume_group", "`[[role.NAME.layout.NAME.volume_group]]` with two brackets");
    let groups = groups.into_iter().filter_map(|(at, table)| read_group(&section, at, table, &mut names)).collect();
    let layout = Layout {
        name: name.into(),
        partitions,
        volume_groups: groups,
        mirror: read_mirror(&section),
        label: section.word("label", &LABELS).map(Spanned::into_inner),
        prepared: section.flag("prepared").unwrap_or(false),
        extended: section.number("extended", 1..=MAX_MIB).map(|size| Mib(size.into_inner())),
        options: names.options,
    };
    check(&section, &layout);
    Some(layout)
}

/// The two slots of `mirror = ["os", "os2"]`.
fn read_mirror(layout: &Section<'_>) -> Option<(String, String)> {
    if !layout.has("mirror") {
        return None;
    }
    match &layout.texts("mirror")[..] {
        [first, second] if first.get_ref() != second.get_ref() => {
            Some((first.get_ref().to_string(), second.get_ref().to_string()))
        }
        [] => None,
        [first, ..] => {
            let message = format!("{}: `mirror` does not name two disks", layout.place);
            layout.found.report(first.span(), message, "write `mirror = [\"os\", \"os2\"]`, two names from `disks`");
            None
        }
    }
}

/// The names that a layout has used already. The planner refuses a second one as well, but only for a node that has the
/// layout; a layout that no node has yet must be correct, too.
#[derive(Default)]
struct Names {
    taken: Vec<(&'static str, String)>,
    /// The options for the file systems, by mount point.
    options: BTreeMap<String, FileSystemOptions>,
}

impl Names {
    /// Claims a name for one thing, or reports that it is already in use.
    fn take(&mut self, section: &Section<'_>, kind: &'static str, name: &str, at: Range<usize>) -> Option<()> {
        if self.taken.iter().any(|(known, taken)| *known == kind && taken == name) {
            let message = format!("{}: {kind} {} is used twice", section.place, quote(name));
            section.found.report(at, message, "keep one of the two, or give one another name");
            return None;
        }
        self.taken.push((kind, name.into()));
        Some(())
    }
}

fn read_partition(
    layout: &Section<'_>,
    at: Range<usize>,
    table: &DeTable<'_>,
    names: &mut Names,
) -> Option<PartitionSpec> {
    let keys = [
        "mount",
        "file_system",
        "volume_group",
        "efi_system",
        "size",
        "at_least",
        "disk",
        "mount_options",
        "mkfs_options",
    ];
    let section = Section::open(format!("a partition of {}", layout.place), at, table, &keys, layout.found);
    let size = read_size(&section);
    // Both ways in which people write swap are recognised: as a file system, or in place of the mount point as in
    // fstab.
    let says = |key, words: &[&str]| section.text(key).is_some_and(|word| words.contains(word.get_ref()));
    if says("file_system", &["swap"]) || says("mount", &["swap", "none"]) {
        let message = format!("{}: swap has to be a logical volume", section.place);
        let help = "write it into a `volume_group`: `{ name = \"lv_swap\", file_system = \"swap\", size = 4096 }`";
        section.found.report(section.at, message, help);
        return None;
    }
    if says("file_system", &["efi", "vfat"]) || says("mount", &["/boot/efi", "biosboot"]) {
        let message =
            format!("{}: partitions of the firmware have no file system or mount point to choose", section.place);
        let help =
            "write `{ efi_system = true, size = 200 }` for UEFI; rackstart makes what BIOS firmware needs by itself";
        section.found.report(section.at, message, help);
        return None;
    }
    let purpose = match (section.has("mount"), section.has("volume_group"), section.has("efi_system")) {
        (true, false, false) => {
            section.need("file_system", "file_system = \"ext4\"");
            let path = section.text("mount");
            let file_system = section.word("file_system", &FILE_SYSTEMS);
            let path = path?;
            names.take(&section, "mount point", path.get_ref(), path.span())?;
            read_options(&section, path.get_ref(), names);
            PartitionUse::Mount { path: path.into_inner().into(), file_system: file_system?.into_inner() }
        }
        (false, true, false) => {
            PartitionUse::PhysicalVolume { volume_group: section.text("volume_group")?.into_inner().into() }
        }
        (false, false, true) if section.flag("efi_system")? => {
            names.take(&section, "mount point", "/boot/efi", section.at.clone())?;
            PartitionUse::EfiSystem
        }
        _ => {
            let message = format!("{} does not have exactly one use", section.place);
            section.found.report(section.at, message, "give it `mount`, `volume_group` or `efi_system = true`");
            return None;
        }
    };
    Some(PartitionSpec { size: size?, purpose, disk: section.text("disk").map(|slot| slot.into_inner().to_string()) })
}

fn read_group(
    layout: &Section<'_>,
    at: Range<usize>,
    table: &DeTable<'_>,
    names: &mut Names,
) -> Option<VolumeGroupSpec> {
    let place = format!("a volume group of {}", layout.place);
    let section = Section::open(place, at, table, &["name", "logical_volumes", "spans", "encrypted"], layout.found);
    section.need("name", "name = \"vg_base\"");
    let volumes = section.tables("logical_volumes", "`logical_volumes = [{ name = \"lv_root\", ... }]`");
    let mut own = Names::default(); // names of volumes are unique within their group
    let volumes = volumes.into_iter().filter_map(|(at, table)| read_volume(&section, at, table, names, &mut own));
    let volumes = volumes.collect();
    let name = section.text("name")?;
    names.take(layout, "volume group", name.get_ref(), name.span())?;
    Some(VolumeGroupSpec {
        name: name.into_inner().into(),
        logical_volumes: volumes,
        spans: section.flag("spans").unwrap_or(false),
        encrypted: section.flag("encrypted").unwrap_or(false),
    })
}

fn read_volume(
    group: &Section<'_>,
    at: Range<usize>,
    table: &DeTable<'_>,
    names: &mut Names,
    own: &mut Names,
) -> Option<LogicalVolumeSpec> {
    let keys = ["name", "file_system", "mount", "size", "at_least", "mount_options", "mkfs_options"];
    let section = Section::open(format!("a logical volume of {}", group.place), at, table, &keys, group.found);
    section.need("name", "name = \"lv_root\"");
    section.need("file_system", "file_system = \"ext4\"");
    let (name, size) = (section.text("name"), read_size(&section));
    let file_system = section.word("file_system", &FILE_SYSTEMS)?.into_inner();
    match (section.has("mount"), file_system == FileSystem::Swap) {
        (true, true) => {
            let message = format!("{}: swap is mounted nowhere", section.place);
            section.found.report(section.at.clone(), message, "leave `mount` out");
        }
        (false, false) => {
            let message = format!("{} has no `mount`", section.place);
            section.found.report(section.at.clone(), message, "add `mount = \"/srv\"`; only swap has none");
        }
        _ => {}
    }
    let (name, mount) = (name?, section.text("mount"));
    own.take(&section, "logical volume", name.get_ref(), name.span())?;
    if let Some(path) = &mount {
        names.take(&section, "mount point", path.get_ref(), path.span())?;
        read_options(&section, path.get_ref(), names);
    } else if let Some(options) = section.text("mount_options").or(section.text("mkfs_options")) {
        let message = format!("{}: swap has no options", section.place);
        section.found.report(options.span(), message, "remove them");
    }
    let mount = mount.map(|path| path.into_inner().to_string());
    Some(LogicalVolumeSpec { name: name.into_inner().into(), size: size?, file_system, mount })
}

/// Reads `mount_options` and `mkfs_options`.
fn read_options(section: &Section<'_>, mount: &str, names: &mut Names) {
    let read = |key: &str, more: &str, example: &str| {
        let text = section.text(key)?;
        let value = *text.get_ref();
        let fits = if key == "mount_options" { FileSystemOptions::is_mount } else { FileSystemOptions::is_mkfs };
        if fits(value) {
            return Some(value.to_string());
        }
        let message = format!("{}: {} cannot be `{key}`", section.place, quote(value));
        section.found.report(
            text.span(),
            message,
            format!("write for example \"{example}\"; letters, digits and {more}"),
        );
        None
    };
    let options = FileSystemOptions {
        mount: read("mount_options", "=,_.:/-", "noatime,nodev"),
        mkfs: read("mkfs_options", "=,_.:/^- ", "-i size=512"),
    };
    if let Some(option) = options.mount.as_deref().and_then(|options| FileSystemOptions::unusable(mount, options)) {
        let message =
            format!("{}: `{mount}` mounted with `{option}` cannot be installed or started from", section.place);
        section.found.report(section.at.clone(), message, format!("take `{option}` out"));
    }
    if options != FileSystemOptions::default() {
        names.options.insert(mount.into(), options);
    }
}

fn read_size(section: &Section<'_>) -> Option<SizeSpec> {
    if section.has("size") == section.has("at_least") {
        let message = format!("{} needs either `size` or `at_least`", section.place);
        section.found.report(section.at.clone(), message, "write `size = 500` (MiB), or `at_least = 500` to grow");
        return None;
    }
    match section.has("size") {
        true => read_mib(section, "size").map(SizeSpec::Exact),
        false => read_mib(section, "at_least").map(SizeSpec::Grow),
    }
}

/// Reads a number of MiB. Disk sizes have units, so people write units here as well.
fn read_mib(section: &Section<'_>, key: &str) -> Option<Mib> {
    if !section.is_text(key) {
        return section.number(key, 1..=MAX_MIB).map(|size| Mib(*size.get_ref()));
    }
    let text = section.text(key)?;
    let message = format!("{}: `{key}` {} is a text, and it counts MiB", section.place, quote(text.get_ref()));
    let help = super::size::mib(text.get_ref()).map_or_else(
        || format!("write it in digits, without quotes: `{key} = 500`"),
        |mib| format!("write `{key} = {mib}`, without a unit and without quotes"),
    );
    section.found.report(text.span(), message, help);
    None
}

/// Checks that each group is the use of exactly one partition, or of several if it spans them, and the other way round.
fn check(section: &Section<'_>, layout: &Layout) {
    let groups: Vec<&str> = layout.volume_groups.iter().map(|group| group.name.as_str()).collect();
    let mut used = Vec::new();
    for partition in &layout.partitions {
        let PartitionUse::PhysicalVolume { volume_group } = &partition.purpose else { continue };
        if !groups.contains(&volume_group.as_str()) {
            let message = format!("{} has a partition for unknown volume group {}", section.place, quote(volume_group));
            section.found.report(section.at.clone(), message, suggest(volume_group, "volume groups", groups.clone()));
        }
        used.push(volume_group.as_str());
    }
    for VolumeGroupSpec { name, spans, .. } in &layout.volume_groups {
        let (message, help) = match (used.iter().filter(|group| *group == name).count(), spans) {
            (1, _) | (2.., true) => continue,
            (0, _) => ("has no partition", format!("write one with `volume_group = \"{name}\"`")),
            (_, false) => ("has several partitions", "keep one, or set `spans = true` on the group".into()),
        };
        let message = format!("{}: volume group {} {message}", section.place, quote(name));
        section.found.report(section.at.clone(), message, help);
    }
}
