//! Facts that no table of options can express: habits of an installer that make a correct line dangerous, and lines
//! that must be there because the installer would otherwise ask a question that nobody answers.

use super::Complaint;
use crate::site::Release;

/// Commands without which an unattended installation stops at a question.
const NEEDED: [&str; 6] = ["lang", "keyboard", "timezone", "rootpw", "bootloader", "network"];

/// Checks one line whose options are correct.
pub(super) fn check_line(release: Release, number: usize, name: &str, words: &[String], found: &mut Vec<Complaint>) {
    let has = |option: &str| words.iter().any(|word| word.split('=').next() == Some(option));
    if name == "clearpart" && !has("--none") && !has("--drives") && !has("--list") {
        let what = "`clearpart` without `--drives` clears every disk that the installer sees";
        found.push(Complaint::doubt(number, what, "add `--drives=…`"));
    }
    if name == "volgroup" && release.is_el6() && !has("--pesize") && !has("--useexisting") {
        let what = "`volgroup` without `--pesize` makes extents of 32 MiB on EL6";
        found.push(Complaint::doubt(number, what, "add `--pesize=4096`"));
    }
    let mut complain = |what: &str, help: &str| found.push(Complaint::new(number, what, help));
    match name {
        "volgroup" if has("--useexisting") && release.is_el6() => {
            // This changed between the two releases: an empty list was refused before 6.4, and a filled one is refused
            // since.
            let members = words.iter().filter(|word| !word.starts_with("--")).count() > 1;
            if members && release.minor >= 4 {
                complain("an existing `volgroup` takes no members from 6.4 on", "remove them from the line");
            } else if !members && release.minor < 4 {
                complain("an existing `volgroup` needs its members on 6.3", "name its pv on the line");
            }
        }
        "logvol"
            if release.is_el6()
                && words.iter().any(|word| word == "/")
                && words.iter().any(|w| w == "--fstype=xfs") =>
        {
            complain("EL6 refuses / on XFS", "use ext4 for /");
        }
        "part" | "partition" | "raid" | "logvol" if release.major >= 8 && is_btrfs(words) => {
            complain("no release from 8 on makes btrfs", "use xfs or ext4");
        }
        "part" | "partition" if release.is_el6() && is_biosboot(words) => {
            complain("EL6 does not know a biosboot partition", "use an msdos label on EL6");
        }
        _ => {}
    }
}

fn is_btrfs(words: &[String]) -> bool {
    let of_type = |pair: &[String]| pair[0] == "--fstype" && pair[1] == "btrfs";
    words.iter().any(|word| word == "--fstype=btrfs" || word.starts_with("btrfs.")) || words.windows(2).any(of_type)
}

fn is_biosboot(words: &[String]) -> bool {
    words.iter().any(|word| word == "biosboot" || word == "--fstype=biosboot")
}

/// Commands that determine what happens to the disks; a kickstart needs one of them.
const OF_DISKS: [&str; 7] = ["autopart", "part", "partition", "raid", "logvol", "btrfs", "mount"];

/// Checks that nothing is missing. `commands` are the first words of all command lines, and `number` is the last line.
pub(super) fn check_whole(release: Release, number: usize, commands: &[&str], found: &mut Vec<Complaint>) {
    for name in NEEDED.into_iter().filter(|name| !commands.contains(name)) {
        let what = format!("there is no `{name}`, so the installer asks a question that nobody answers");
        found.push(Complaint::doubt(number, what, format!("add a `{name}` line")));
    }
    if !["cmdline", "text", "graphical", "vnc"].iter().any(|mode| commands.contains(mode)) {
        found.push(Complaint::doubt(number, "nothing says how the installer talks", "add `cmdline`"));
    }
    let sources = ["url", "nfs", "harddrive", "cdrom", "liveimg", "repo"];
    // With these the system is an image.
    let images = ["ostreecontainer", "ostreesetup", "bootc"];
    if !sources.iter().chain(&images).any(|source| commands.contains(source)) {
        found.push(Complaint::doubt(number, "no line says where the packages are", "add `url --url=…`"));
    }
    if !OF_DISKS.iter().any(|command| commands.contains(command)) {
        let what = "no line says what becomes of the disks, so the installer asks";
        found.push(Complaint::doubt(number, what, "add `part` lines or `autopart`"));
    }
    if release.is_el6() && !commands.contains(&"install") {
        let what = "EL6 takes a kickstart without `install` for an upgrade where it finds a system";
        found.push(Complaint::doubt(number, what, "add `install`"));
    }
}
