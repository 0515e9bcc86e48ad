//! Sections: packages, scripts, and what add-ons read.

use crate::grammar;
use crate::site::Release;

use super::Fate;
use super::read::{Item, Kind};
use super::write::RoleParts;

/// Programs that change a disk. `%pre` runs before anybody has said that this disk may be wiped.
const OF_DISKS: [&str; 28] = [
    "blkdiscard",
    "cryptsetup",
    "dd",
    "dmsetup",
    "fdisk",
    "hdparm",
    "lvcreate",
    "lvremove",
    "mdadm",
    "mkfs",
    "mkfs.ext4",
    "mkfs.xfs",
    "mkswap",
    "nvme",
    "parted",
    "partprobe",
    "pvcreate",
    "pvremove",
    "sfdisk",
    "sgdisk",
    "shred",
    "vgcreate",
    "vgremove",
    "vgrename",
    "wipefs",
    "mkfs.vfat",
    "mkfs.ext3",
    "gdisk",
];

/// Packages that `packages` of a role cannot remove.
const NEEDED: [&str; 6] = ["bash", "curl", "lvm2", "openssh-server", "policycoreutils", "tar"];

pub(crate) struct Reader {
    release: Release,
}

impl Reader {
    pub(crate) fn new(release: Release) -> Self {
        Self { release }
    }

    /// The fate of a section; lines of `%packages` may get a fate of their own.
    pub(crate) fn add(&mut self, item: &Item<'_>, role: &mut RoleParts, fates: &mut [Fate]) -> Fate {
        let Kind::Section { body } = &item.kind else { return Fate::carried() };
        let is_raw = !body.iter().chain([&item.head]).any(|line| line.contains("{% endraw"));
        let whole =
            || [item.head].into_iter().chain(body.iter().copied()).chain(["%end"]).collect::<Vec<_>>().join("\n");
        let words = grammar::words(item.head);
        match item.name() {
            "%packages" => packages(item, body, role, fates),
            _ if !is_raw => {
                Fate::left("it holds `{% endraw`, which ends what a template takes as it is", "carry it over by hand")
            }
            "%pre" | "%pre-install"
                if let Some(tool) = grammar::spoken(body).into_iter().find(|word| is_of_disks(word)) =>
            {
                let why = format!("`{tool}` changes a disk, and nobody has allowed that when it runs");
                Fate::left(why, "leave partitions to the layout; what else it does goes into a hook by hand")
            }
            "%pre" if words.len() == 1 => {
                role.pre.push((item.lines.start, body.join("\n")));
                Fate::differs("it runs at every attempt, even when the disk is refused, and a failure stops nothing")
            }
            "%post" if words.len() == 1 => {
                role.post.push((item.lines.start, body.join("\n")));
                Fate::carried()
            }
            "%pre" | "%pre-install" | "%post" | "%onerror" | "%traceback" | "%addon" | "%anaconda" | "%certificate" => {
                role.commands.push(whole());
                match (self.release.is_el6(), item.name()) {
                    (_, "%post" | "%pre") => Fate::differs("as a section of its own among the commands"),
                    _ => Fate::carried(),
                }
            }
            _ => Fate::left("rackstart does not know the section", "carry it over by hand"),
        }
    }
}

fn is_of_disks(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or_default();
    OF_DISKS.contains(&name)
}

/// Adds packages to the role, and names that a role does not accept to the hook.
fn packages(item: &Item<'_>, body: &[&str], role: &mut RoleParts, fates: &mut [Fate]) -> Fate {
    for (index, line) in body.iter().enumerate() {
        let name = line.split('#').next().unwrap_or_default().trim();
        let fate = if name.is_empty() {
            continue;
        } else if name.strip_prefix('-').is_some_and(|bare| NEEDED.contains(&bare)) {
            Fate::left("rackstart needs it on every node", "nothing")
        } else if is_plain(name) {
            if name != "@core" && !role.packages.iter().any(|known| known == name) {
                role.packages.push(name.into());
            }
            Fate::carried()
        } else if name.contains(['{', '}']) || (!name.starts_with(['@', '-']) && name.contains([' ', '\t'])) {
            Fate::left("it is not the name of a package", "remove it")
        } else {
            role.package_lines.push(name.into());
            Fate::carried()
        };
        if let Some(place) = fates.get_mut(item.lines.start + index) {
            *place = fate;
        }
    }
    let options: Vec<String> =
        grammar::words(item.head).into_iter().skip(1).filter(|word| word.starts_with("--")).collect();
    let is_own = |option: &String| matches!(option.as_str(), "--default" | "--nobase");
    let lost: Vec<String> = options.into_iter().filter(|option| !is_own(option)).collect();
    if lost.is_empty() {
        Fate::carried()
    } else {
        let todo = "a copy of rackstart's `kickstart/parts/packages.ks.j2` takes them";
        Fate::differs(format!("without {}: {todo}", lost.join(", ")))
    }
}

/// Whether `packages` of a role accepts the name.
fn is_plain(name: &str) -> bool {
    let bare = name.strip_prefix('-').unwrap_or(name);
    let bare = bare.strip_prefix("@^").or_else(|| bare.strip_prefix('@')).unwrap_or(bare);
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "._+-".contains(letter);
    (1..=128).contains(&bare.len())
        && bare.chars().all(letters)
        && bare.starts_with(|c: char| c.is_ascii_alphanumeric())
}
