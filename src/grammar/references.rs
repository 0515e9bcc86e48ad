//! The names by which storage commands refer to each other: each is defined once, and before anything is put into it.

use std::collections::{HashMap, HashSet};

use super::Complaint;
use super::arranged::Arranged;
use crate::site::Release;

/// The commands that define something.
const MAKERS: [&str; 4] = ["part", "raid", "volgroup", "logvol"];

/// RAID levels that every release knows, without the `RAID` that may precede them.
const LEVELS: [&str; 6] = ["0", "1", "4", "5", "6", "10"];

/// Options from which a logical volume may get its size; an existing volume needs none.
const SIZES: [&str; 6] = ["--size", "--percent", "--recommended", "--hibernation", "--useexisting", "--noformat"];

/// The storage commands of one kickstart, with the lines that define their names.
#[derive(Default)]
pub(super) struct References {
    /// `pv.01`, `raid.01`: defined by `part`, and the former by `raid` too.
    parts: HashMap<String, usize>,
    groups: HashMap<String, usize>,
    volumes: HashMap<(String, String), usize>,
    mounts: HashMap<String, usize>,
    /// Partitions that became members of an array or a group.
    used: HashSet<String>,
    /// Partitions and groups that a later line needs, in line order.
    needs: Vec<(usize, &'static str, String)>,
}

impl References {
    /// Adds one command line.
    pub(crate) fn add(&mut self, release: Release, number: usize, line: &str, found: &mut Vec<Complaint>) {
        if !MAKERS.iter().any(|maker| line.trim_start().starts_with(maker)) {
            return;
        }
        let Some(line) = Arranged::read(release, line) else { return };
        let Some((first, members)) = line.plain.split_first() else { return };
        match line.name.as_str() {
            "part" => self.device(number, first, found),
            "raid" => {
                check_level(number, &line, found);
                self.device(number, first, found);
                self.members(number, members, found);
            }
            "volgroup" => {
                self.members(number, members, found);
                twice(&mut self.groups, number, first.clone(), &format!("the volume group `{first}`"), found);
            }
            "logvol" => self.volume(release, number, &line, found),
            _ => {}
        }
    }

    /// Reports what was needed but never defined, after all lines were read.
    pub(crate) fn finish(self, found: &mut Vec<Complaint>) {
        for (number, kind, name) in self.needs {
            let is_made = match kind {
                "volgroup" => self.groups.contains_key(&name),
                _ => self.parts.contains_key(&name),
            };
            if !is_made {
                let what = format!("no `{kind}` makes `{}`", name.escape_debug());
                found.push(Complaint::new(number, what, format!("add the `{kind}` line, or correct the name")));
            }
        }
    }

    fn device(&mut self, number: usize, name: &str, found: &mut Vec<Complaint>) {
        if is_member(name) {
            twice(&mut self.parts, number, name.into(), &format!("`{name}`"), found);
        } else {
            self.mount(number, name, found);
        }
    }

    fn mount(&mut self, number: usize, name: &str, found: &mut Vec<Complaint>) {
        if name.starts_with('/') {
            twice(&mut self.mounts, number, name.into(), &format!("the mount point `{name}`"), found);
        }
    }

    fn members(&mut self, number: usize, members: &[String], found: &mut Vec<Complaint>) {
        for member in members.iter().filter(|member| is_member(member)) {
            self.needs.push((number, "part", member.clone()));
            if !self.used.insert(member.clone()) {
                let what = format!("`{member}` is already a member of something else");
                found.push(Complaint::new(number, what, "give each array and group members of its own"));
            }
        }
    }

    fn volume(&mut self, release: Release, number: usize, line: &Arranged, found: &mut Vec<Complaint>) {
        // EL6 accepts a volume that only grows; later parsers require an initial size.
        let grows = release.is_el6() && line.has("--grow");
        if !grows && !SIZES.iter().any(|option| line.has(option)) {
            found.push(Complaint::new(
                number,
                "`logvol` says nothing about its size",
                "add `--size=…` or `--percent=…`",
            ));
        }
        self.mount(number, &line.plain[0], found);
        let (Some(group), Some(name)) = (line.value("--vgname"), line.value("--name")) else { return };
        if !line.has("--useexisting") && !line.has("--noformat") {
            self.needs.push((number, "volgroup", group.into()));
        }
        let called = format!("the logical volume `{name}` of `{group}`");
        twice(&mut self.volumes, number, (group.into(), name.into()), &called, found);
    }
}

fn check_level(number: usize, line: &Arranged, found: &mut Vec<Complaint>) {
    match line.value("--level") {
        None if line.has("--useexisting") || line.has("--noformat") => {}
        None => found.push(Complaint::new(number, "`raid` has no `--level`", "add `--level=1` or another level")),
        Some(level) => {
            let upper = level.to_ascii_uppercase();
            if !LEVELS.contains(&upper.strip_prefix("RAID").unwrap_or(&upper)) {
                let what = format!("`--level` of `raid` cannot be `{}`", level.escape_debug());
                found.push(Complaint::new(number, what, format!("possible levels: {}", LEVELS.join(", "))));
            }
        }
    }
}

/// Records a name, and complains when it is taken.
fn twice<K: Eq + std::hash::Hash>(
    names: &mut HashMap<K, usize>,
    number: usize,
    name: K,
    called: &str,
    found: &mut Vec<Complaint>,
) {
    if let Some(before) = names.insert(name, number) {
        let what = format!("{called} is already made {} lines above", number - before);
        found.push(Complaint::new(number, what, "remove one of the lines, or give it another name"));
    }
}

/// Whether the name exists only within the kickstart, such as `pv.01`.
fn is_member(name: &str) -> bool {
    ["pv.", "raid."].iter().any(|kind| name.starts_with(kind))
}
