//! The storage commands of a kickstart, read into one layout. Either all of them are carried over or none, because a
//! layout that lacks a partition is a different layout.

use std::collections::BTreeMap;

use crate::grammar::Arranged;
use crate::site::{
    FileSystem, FileSystemOptions, Layout, LogicalVolumeSpec, Mib, PartitionSpec, PartitionUse, Release, SizeSpec,
    VolumeGroupSpec,
};

use super::arrange::{Builder, Group, Member};
use super::read::Item;
use super::sizes::{self, EXTENT};
use super::{Fate, autopart, prove};

/// Commands that make something on a disk.
const MAKERS: [&str; 10] =
    ["autopart", "reqpart", "part", "partition", "raid", "volgroup", "logvol", "btrfs", "mount", "snapshot"];

/// Options that a layout expresses, each in its own way, or that the planner chooses by itself.
const SAID: [&str; 24] = [
    "--size",
    "--grow",
    "--maxsize",
    "--percent",
    "--recommended",
    "--hibernation",
    "--fstype",
    "--fsoptions",
    "--mkfsoptions",
    "--ondisk",
    "--asprimary",
    "--name",
    "--vgname",
    "--level",
    "--device",
    "--type",
    "--nolvm",
    "--nohome",
    "--noswap",
    "--add-boot",
    "--poolname",
    "--thin",
    "--encrypted",
    "--passphrase",
];

/// The smallest XFS that the installer makes from EL8 on, in MiB.
const MIN_XFS: Mib = Mib(300);

/// Whether the command makes something on a disk.
pub(crate) fn is_maker(name: &str) -> bool {
    MAKERS.contains(&name)
}

/// One storage line.
pub(super) struct Said {
    lines: std::ops::Range<usize>,
    line: Arranged,
    pub(super) notes: Vec<String>,
    /// Why the line is left behind although the layout works without it, and what to do.
    left: Option<(String, String)>,
}

/// Collects the storage lines, and makes a layout of them at the end.
pub(crate) struct Reader {
    release: Release,
    said: Vec<Said>,
    refused: Option<LineRefusal>,
}

/// Why one line cannot be carried over, and what to do.
type LineRefusal = (usize, String, String);

impl Reader {
    pub(crate) fn new(release: Release) -> Self {
        Self { release, said: Vec::new(), refused: None }
    }

    /// Takes in a line; returns whether it is a storage command.
    pub(crate) fn add(&mut self, item: &Item<'_>) -> bool {
        let line = Some(item.name())
            .filter(|name| MAKERS.contains(name))
            .and_then(|_| Arranged::read(self.release, item.head));
        let is_one = line.is_some();
        self.said.extend(line.map(|line| Said { lines: item.lines.clone(), line, notes: Vec::new(), left: None }));
        is_one
    }

    /// Takes in a line that the installer would reject, after which the lines yield no layout.
    pub(crate) fn refuse(&mut self, item: &Item<'_>, why: &str, todo: &str) {
        self.refused.get_or_insert((item.lines.start, why.into(), todo.into()));
        let line = Arranged { name: item.name().into(), plain: Vec::new(), options: Vec::new() };
        self.said.push(Said { lines: item.lines.clone(), line, notes: Vec::new(), left: None });
    }

    /// The layout, if the lines form one that the planner accepts; and the fate of each line.
    pub(crate) fn finish(mut self, fates: &mut [Fate]) -> Option<Layout> {
        if self.said.is_empty() {
            return None;
        }
        let built = match self.refused.take() {
            Some(refusal) => Err(refusal),
            None => Builder::new(self.release).build(&mut self.said),
        };
        let outcome = built.and_then(|layout| {
            let doubt = prove::prove(self.release, &layout);
            doubt.map(|doubt| (layout, doubt)).map_err(|(why, todo)| (0, why, todo))
        });
        match outcome {
            Ok((layout, doubt)) => {
                if let (Some(doubt), Some(first)) = (doubt, self.said.first_mut()) {
                    first.notes.push(doubt);
                }
                for said in self.said {
                    let fate = match said.left {
                        Some((why, todo)) => Fate::left(why, todo),
                        None if said.notes.is_empty() => Fate::carried(),
                        None => Fate::differs(said.notes.join("; ")),
                    };
                    set(fates, &said.lines, &fate);
                }
                Some(layout)
            }
            Err((number, why, todo)) => {
                for said in &self.said {
                    let fate = match number {
                        0 => Fate::left(format!("the planner refuses the layout: {why}"), todo.clone()),
                        _ if said.lines.contains(&number) => Fate::left(why.clone(), todo.clone()),
                        _ => Fate::left(
                            format!(
                                "a layout is carried over completely or not at all, and line {number} was left behind"
                            ),
                            "see there",
                        ),
                    };
                    set(fates, &said.lines, &fate);
                }
                None
            }
        }
    }
}

fn set(fates: &mut [Fate], lines: &std::ops::Range<usize>, fate: &Fate) {
    for line in lines.clone() {
        if let Some(place) = fates.get_mut(line - 1) {
            *place = fate.clone();
        }
    }
}

impl Builder {
    fn new(release: Release) -> Self {
        Self {
            release,
            layout: Layout::default(),
            partitions: Vec::new(),
            members: BTreeMap::new(),
            groups: Vec::new(),
            mirrored: None,
            beside: Vec::new(),
        }
    }

    fn build(mut self, said: &mut [Said]) -> Result<Layout, LineRefusal> {
        for (index, one) in said.iter_mut().enumerate() {
            let number = one.lines.start;
            refuse_what_exists(number, &one.line)?;
            let mut notes = std::mem::take(&mut one.notes);
            let line = &one.line;
            if line.value("--fstype") == Some("tmpfs") {
                let todo = "write it to /etc/fstab in the hook `post.sh.j2`";
                one.left = Some(("a layout is what is on disks, and tmpfs is in memory".into(), todo.into()));
                continue;
            }
            match line.name.as_str() {
                "autopart" => self.autopart(number, line, &mut notes)?,
                "reqpart" if line.has("--add-boot") => {
                    self.partitions.push((index, autopart::boot(self.release), None))
                }
                "reqpart" => {}
                "part" => self.part(index, number, line, &mut notes)?,
                "raid" => self.raid(index, number, line, &mut notes)?,
                "volgroup" => self.group(number, line, &mut notes)?,
                _ => self.volume(index, number, line, &mut notes)?,
            }
            notes.extend(unsaid(line));
            if line.has("--passphrase") {
                notes.push("its passphrase is not copied: that of the site is the secret DISK_PASSPHRASE".into());
            }
            one.notes = notes;
        }
        if let Some((one, other)) = &self.mirrored {
            let is_on_it = |disk: &String| disk == one || disk == other;
            let mut beside = self.beside.iter();
            if let Some((number, ..)) =
                beside.find(|(_, disk, is_system)| *is_system || disk.as_ref().is_none_or(is_on_it))
            {
                return Err(excluded(
                    *number,
                    "a mirror consists of the system's two whole disks, and this partition is in none of its arrays",
                ));
            }
        }
        if self.layout.partitions.is_empty() {
            self.limits(said);
            self.join();
            self.enlarge(said);
            self.slots();
            self.order(said);
        }
        Ok(self.layout)
    }

    fn autopart(&mut self, number: usize, line: &Arranged, notes: &mut Vec<String>) -> Result<(), LineRefusal> {
        if line.value("--type") == Some("btrfs") {
            return Err(excluded(number, "layouts have ext4, XFS and swap, and no btrfs"));
        }
        self.layout = autopart::layout(self.release, &line.options);
        if line.has("--encrypted") && !self.layout.is_encrypted() {
            notes.push("it becomes encrypted LVM: a layout encrypts groups, not partitions".into());
            let lvm = line.options.iter().filter(|option| !option.starts_with("--type") && *option != "--nolvm");
            self.layout = autopart::layout(self.release, &lvm.cloned().collect::<Vec<_>>());
        }
        notes.push("it becomes `/boot`, swap of 4096 MiB and a `/` that takes what remains".into());
        if !line.has("--nohome") {
            notes.push("the installer makes `/home` on a large disk; write a volume for it if you want one".into());
        }
        match line.value("--type") {
            Some("thinp") => notes.push("volumes are plain, not thin".into()),
            Some("stratis") => return Err(excluded(number, "layouts have partitions and LVM, and no Stratis")),
            _ => {}
        }
        Ok(())
    }

    fn part(
        &mut self,
        index: usize,
        number: usize,
        line: &Arranged,
        notes: &mut Vec<String>,
    ) -> Result<(), LineRefusal> {
        let name = line.plain.first().map_or("", String::as_str);
        let fstype = line.value("--fstype").unwrap_or_default();
        let sized = sizes::read(line);
        notes.extend(sized.notes.iter().cloned());
        let disk = line.value("--ondisk").map(|disk| disk.trim_start_matches("/dev/").to_string());
        if let Some(kind) = name.split('.').next().filter(|kind| ["pv", "raid"].contains(kind) && name.contains('.')) {
            let purpose = PartitionUse::PhysicalVolume { volume_group: String::new() };
            if kind == "pv" {
                self.beside.push((number, disk.clone(), false));
                self.partitions.push((
                    index,
                    PartitionSpec { size: sized.size, purpose, disk: disk.clone() },
                    sized.most,
                ));
            }
            let member = Member { index, size: sized.size, disk, encrypted: line.has("--encrypted") };
            self.members.insert(name.into(), member);
            return Ok(());
        }
        if name == "swap" || fstype == "swap" {
            self.beside.push((number, disk.clone(), false));
            self.own_group(index, ("swap", FileSystem::Swap, None), &sized, disk, line.has("--encrypted"));
            notes.push("swap is a logical volume of a group of its own: `vg_swap`".into());
            return Ok(());
        }
        if matches!(name, "biosboot" | "prepboot") || matches!(fstype, "biosboot" | "prepboot") {
            notes.push("rackstart makes what the firmware needs by itself".into());
            return Ok(());
        }
        let mut size = sized.size;
        let purpose = if name == "/boot/efi" || fstype == "efi" {
            PartitionUse::EfiSystem
        } else {
            let file_system = self.file_system(number, line, notes)?;
            size = self.at_least(size, file_system, notes);
            self.options(name, line, notes);
            self.beside.push((number, disk.clone(), matches!(name, "/" | "/boot")));
            if line.has("--encrypted") && name == "/boot" {
                notes.push("`/boot` stays in the clear: the boot loader has no passphrase".into());
            } else if line.has("--encrypted") {
                let volume = name.trim_matches('/').replace('/', "_");
                let volume = if volume.is_empty() { "root" } else { &volume };
                let sized = sizes::Sized { size, ..sized };
                self.own_group(index, (volume, file_system, Some(name)), &sized, disk, true);
                notes.push(format!(
                    "an encrypted partition is a volume of an encrypted group of its own: `vg_{volume}`"
                ));
                return Ok(());
            }
            PartitionUse::Mount { path: name.into(), file_system }
        };
        self.partitions.push((index, PartitionSpec { size, purpose, disk }, sized.most));
        Ok(())
    }

    /// A group of its own for one volume: its name, file system and mount point.
    fn own_group(
        &mut self,
        index: usize,
        (volume, file_system, mount): (&str, FileSystem, Option<&str>),
        sized: &sizes::Sized,
        disk: Option<String>,
        encrypted: bool,
    ) {
        let taken = |name: &String| self.groups.iter().any(|group| group.spec.name == *name);
        let first = format!("vg_{volume}");
        let names = std::iter::once(first.clone()).chain((2..).map(|n| format!("{first}{n}")));
        let name = names.into_iter().find(|name| !taken(name)).unwrap_or_default();
        let size = sized.size;
        let SizeSpec::Exact(least) = sizes::in_extents(SizeSpec::Exact(size.minimum())) else { return };
        let least = SizeSpec::Exact(Mib(least.0.max(2 * EXTENT)));
        let part = match size {
            SizeSpec::Exact(_) => SizeSpec::Exact(least.minimum() + Mib(1)),
            SizeSpec::Grow(_) => SizeSpec::Grow(least.minimum() + Mib(1)),
        };
        let wanted = if size.grows() { SizeSpec::Grow(least.minimum()) } else { least };
        let mount = mount.map(str::to_string);
        let volume = LogicalVolumeSpec { name: volume.into(), size: wanted, file_system, mount };
        let spec = VolumeGroupSpec { name: name.clone(), logical_volumes: vec![volume], spans: false, encrypted };
        self.groups.push(Group { spec, members: Vec::new(), volumes: vec![(index, None, None)] });
        let purpose = PartitionUse::PhysicalVolume { volume_group: name };
        self.partitions.push((index, PartitionSpec { size: part, purpose, disk }, sized.most));
    }

    fn raid(
        &mut self,
        index: usize,
        number: usize,
        line: &Arranged,
        notes: &mut Vec<String>,
    ) -> Result<(), LineRefusal> {
        let level = line.value("--level").unwrap_or_default().to_ascii_uppercase();
        let (Some(name), members) = (line.plain.first(), &line.plain[1..]) else { return Ok(()) };
        let members: Vec<Member> = members.iter().filter_map(|name| self.members.get(name).cloned()).collect();
        let [first, second] = &members[..] else {
            return Err(excluded(number, "layouts have mirrors of two whole disks, and no other RAID"));
        };
        if !matches!(level.as_str(), "1" | "RAID1") || line.has("--spares") {
            return Err(excluded(number, "layouts have mirrors of two whole disks, and no other RAID"));
        }
        let pair = (
            first.disk.clone().unwrap_or_else(|| "first".into()),
            second.disk.clone().unwrap_or_else(|| "second".into()),
        );
        if pair.0 == pair.1 || self.mirrored.as_ref().is_some_and(|mirrored| *mirrored != pair) {
            return Err(excluded(number, "layouts have mirrors of two whole disks, and not of single partitions"));
        }
        self.mirrored = Some(pair.clone());
        let size = first.size;
        let (index, disk) = (index.max(first.index), Some(pair.0));
        let purpose = if name.starts_with("pv.") {
            let purpose = PartitionUse::PhysicalVolume { volume_group: String::new() };
            let member =
                Member { index, size, disk: disk.clone(), encrypted: line.has("--encrypted") || first.encrypted };
            // A group may name the array as well as what is on it.
            self.members.extend(line.value("--device").map(|device| (device.to_string(), member.clone())));
            self.members.insert(name.clone(), member);
            purpose
        } else if name == "swap" || line.value("--fstype") == Some("swap") {
            let sized = sizes::Sized { size, most: None, percent: None, notes: Vec::new() };
            self.own_group(index, ("swap", FileSystem::Swap, None), &sized, disk, line.has("--encrypted"));
            notes.push("swap is a logical volume of a group of its own: `vg_swap`".into());
            return Ok(());
        } else if name == "/boot/efi" {
            notes.push("the EFI system partition is on one disk".into());
            PartitionUse::EfiSystem
        } else {
            let file_system = self.file_system(number, line, notes)?;
            self.options(name, line, notes);
            if line.has("--encrypted") {
                notes.push("without `--encrypted`: a layout encrypts groups, not a mirrored file system".into());
            }
            PartitionUse::Mount { path: name.clone(), file_system }
        };
        self.partitions.push((index, PartitionSpec { size, purpose, disk }, None));
        Ok(())
    }

    fn group(&mut self, number: usize, line: &Arranged, notes: &mut Vec<String>) -> Result<(), LineRefusal> {
        let Some((name, members)) = line.plain.split_first() else { return Ok(()) };
        if let Some(array) = members.iter().find(|member| !self.members.contains_key(*member)) {
            let what = format!("`{array}` is not a partition of this kickstart");
            return Err((number, what, "make the group of partitions, and import again".into()));
        }
        let encrypted = members.iter().filter(|name| self.members.get(*name).is_some_and(|known| known.encrypted));
        let encrypted = encrypted.count();
        if encrypted > 0 && encrypted < members.len() {
            notes.push("the whole group is encrypted, not one of its parts alone".into());
        }
        let spec = VolumeGroupSpec {
            name: name.clone(),
            logical_volumes: Vec::new(),
            spans: members.len() > 1,
            encrypted: encrypted > 0,
        };
        self.groups.push(Group { spec, members: members.to_vec(), volumes: Vec::new() });
        Ok(())
    }

    fn volume(
        &mut self,
        index: usize,
        number: usize,
        line: &Arranged,
        notes: &mut Vec<String>,
    ) -> Result<(), LineRefusal> {
        if line.has("--thinpool") {
            notes.push("volumes are plain, not thin: they are as large as they say, and there is no pool".into());
            return Ok(());
        }
        if line.has("--thin") {
            notes.push("the volume is plain, not thin".into());
        }
        let mount = line.plain.first().filter(|mount| mount.starts_with('/')).cloned();
        let is_swap = mount.is_none();
        let file_system = if is_swap { FileSystem::Swap } else { self.file_system(number, line, notes)? };
        if let Some(mount) = &mount {
            self.options(mount, line, notes);
        }
        let sized = sizes::read(line);
        notes.extend(sized.notes.iter().cloned());
        let (name, vg) = (line.value("--name").unwrap_or_default(), line.value("--vgname").unwrap_or_default());
        let at_least = match sized.percent {
            None => self.at_least(sizes::in_extents(sized.size), file_system, notes),
            Some(_) => sized.size,
        };
        let group = self.groups.iter_mut().find(|group| group.spec.name == vg);
        let group = group.ok_or_else(|| {
            (number, format!("no `volgroup` makes `{vg}` in this kickstart"), "import the whole kickstart".to_string())
        })?;
        let size = at_least;
        if line.has("--encrypted") && !group.spec.encrypted {
            group.spec.encrypted = true;
            notes.push(format!("the whole group `{vg}` is encrypted, not this volume alone"));
        }
        if sized.percent.is_none() && size != sized.size {
            notes.push(format!("{}, as the installer makes it", size.minimum()));
        }
        let volume = LogicalVolumeSpec { name: name.into(), size, file_system, mount };
        group.spec.logical_volumes.push(volume);
        group.volumes.push((index, sized.most, sized.percent));
        Ok(())
    }

    /// Raises a size to what the installer would silently enlarge it to.
    fn at_least(&self, size: SizeSpec, file_system: FileSystem, notes: &mut Vec<String>) -> SizeSpec {
        if file_system != FileSystem::Xfs || self.release.major < 8 || size.grows() || size.minimum() >= MIN_XFS {
            return size;
        }
        notes.push(format!("the installer makes no XFS smaller than {MIN_XFS}"));
        SizeSpec::Exact(MIN_XFS)
    }

    fn file_system(&self, number: usize, line: &Arranged, notes: &mut Vec<String>) -> Result<FileSystem, LineRefusal> {
        match line.value("--fstype").unwrap_or_default() {
            "" => Ok(autopart::file_system(self.release)),
            "ext4" => Ok(FileSystem::Ext4),
            "xfs" => Ok(FileSystem::Xfs),
            old @ ("ext2" | "ext3") => {
                notes.push(format!("{old} becomes ext4"));
                Ok(FileSystem::Ext4)
            }
            other => Err(excluded(number, &format!("layouts have ext4, XFS and swap, and no {other}"))),
        }
    }

    /// Reads mount and mkfs options, as far as a layout accepts them.
    fn options(&mut self, mount: &str, line: &Arranged, notes: &mut Vec<String>) {
        let mut options = FileSystemOptions::default();
        if let Some(given) = line.value("--fsoptions") {
            match FileSystemOptions::objection(mount, given) {
                None => options.mount = Some(given.into()),
                Some(why) => notes.push(format!("without its mount options: {why}")),
            }
        }
        if let Some(given) = line.value("--mkfsoptions") {
            match FileSystemOptions::is_mkfs(given) && !self.release.is_el6() {
                true => options.mkfs = Some(given.into()),
                false => notes.push("without `--mkfsoptions`".into()),
            }
        }
        if options != FileSystemOptions::default() {
            self.layout.options.insert(mount.into(), options);
        }
    }
}

/// Refuses existing partitions, and what rackstart never makes.
fn refuse_what_exists(number: usize, line: &Arranged) -> Result<(), LineRefusal> {
    let uses = ["--onpart", "--noformat", "--useexisting", "--resize", "--onbiosdisk"];
    let existing = uses.into_iter().find(|option| line.has(option));
    match (line.name.as_str(), existing) {
        ("mount", _) => Err(excluded(number, "it uses a partition that exists, and a plan begins with an empty disk")),
        (_, Some(option)) => {
            Err(excluded(number, &format!("`{option}` uses what exists, and a plan begins with an empty disk")))
        }
        ("btrfs", _) => Err(excluded(number, "layouts have ext4, XFS and swap, and no btrfs")),
        ("snapshot", _) => Err(excluded(number, "layouts have no snapshots")),
        ("part", _) if line.plain.first().is_some_and(|name| name.starts_with("btrfs.")) => {
            Err(excluded(number, "layouts have ext4, XFS and swap, and no btrfs"))
        }
        _ => Ok(()),
    }
}

fn excluded(number: usize, why: &str) -> LineRefusal {
    (number, why.into(), "write the layout by hand: docs/storage.md says what one can hold".into())
}

/// Options of the line that a layout cannot express, in prose.
fn unsaid(line: &Arranged) -> Option<String> {
    let name = |option: &String| option.split('=').next().unwrap_or_default().to_string();
    let is_default = |option: &String| option == "--pesize=4096";
    let unsaid: Vec<String> = line.options.iter().filter(|option| !is_default(option)).map(name).collect();
    let mut unsaid: Vec<String> = unsaid.into_iter().filter(|option| !SAID.contains(&option.as_str())).collect();
    unsaid.retain(|option| option != "--thinpool");
    (!unsaid.is_empty()).then(|| format!("without {}", unsaid.join(", ")))
}
