//! A superficial check of the shell scripts in a kickstart: what is never closed, tools that EL6's installer lacks, and
//! syntax newer than its bash 4.1.

use super::script::{self, Spoken};
use super::{Complaint, stdin};
use crate::site::Release;

/// A script in a kickstart.
pub(super) struct Script<'a> {
    /// The line of the kickstart where it begins.
    pub first_line: usize,
    pub lines: &'a [&'a str],
    /// Whether it runs with the few tools of the installer, and not in the installed system.
    pub in_installer: bool,
}

/// Common tools that EL6's installer lacks (scripts/upd-instroot of Anaconda 13.21). `awk` is `gawk` there.
const MISSING_TOOLS: [&str; 17] = [
    "lsblk",
    "sgdisk",
    "partprobe",
    "jq",
    "findmnt",
    "systemctl",
    "python3",
    "tr",
    "awk",
    "od",
    "cmp",
    "diff",
    "stat",
    "timeout",
    "seq",
    "base64",
    "dirname",
];

/// Syntax that bash got after 4.1, with the version.
const LATER: [(&str, &str); 12] = [
    ("declare -n ", "4.3"),
    ("local -n ", "4.3"),
    ("declare -g ", "4.2"),
    ("mapfile -d ", "4.4"),
    ("readarray -d ", "4.4"),
    ("wait -n", "4.3"),
    ("[[ -v ", "4.2"),
    ("test -v ", "4.2"),
    ("lastpipe", "4.2"),
    ("@Q}", "4.4"),
    ("[-1]}", "4.2"),
    ("$EPOCHSECONDS", "5.0"),
];

/// Lints one script.
pub(super) fn check(release: Release, script: &Script<'_>, found: &mut Vec<Complaint>) {
    let reading = script::read(script.lines);
    let first = script.first_line;
    let line = |index: usize| first + index;
    if let Some((index, what)) = reading.trouble {
        found.push(Complaint::new(line(index), what, "the shell would read the rest of the script wrongly; close it"));
        return;
    }
    if !release.is_el6() {
        return;
    }
    if script.in_installer {
        let no_wipefs = release.minor < 8;
        let is_missing =
            |word: &&Spoken<'_>| MISSING_TOOLS.contains(&word.text) || (no_wipefs && word.text == "wipefs");
        for Spoken { text: tool, line: index, .. } in reading.commands.iter().filter(is_missing) {
            let asked = format!("command -v {tool}");
            if !script.lines.iter().any(|line| line.contains(&asked)) {
                let system = release.system();
                let what = format!("the installer of {system} has no `{tool}`");
                found.push(Complaint::new(line(*index), what, "use sed, cut, dd, parted, blockdev or /sys instead"));
            }
        }
    }
    // Most scripts contain none of these words, which one search of the whole text shows.
    let whole = script.lines.join("\n");
    let later: Vec<_> = LATER.iter().filter(|(word, _)| whole.contains(word)).collect();
    for (index, text) in script.lines.iter().enumerate().filter(|(_, text)| !text.trim_start().starts_with('#')) {
        if let Some((word, version)) = later.iter().find(|(word, _)| text.contains(word)) {
            let what = format!("`{}` needs bash {version}, and EL6 has 4.1", word.trim());
            found.push(Complaint::new(line(index), what, "write it with what bash 4.1 knows"));
        }
        if stdin::reads(script.lines, index) {
            let what = "this reads standard input, where EL6's installer gives the script its own log";
            found.push(Complaint::new(line(index), what, "give it its input with `<`, `<<<` or a pipe"));
        }
    }
}
