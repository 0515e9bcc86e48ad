//! A whole kickstart: which lines are commands, and which belong to a section that this release knows.

use super::known::{self, KnownScripts};
use super::references::References;
use super::shell::{self, Script};
use super::subject::Once;
use super::{Complaint, facts, line};
use crate::site::Release;
use crate::words::did_you_mean;

/// Lines whose first word ends a script on EL6, even inside a here-document.
const EL6_ENDS: [&str; 7] = ["%end", "%post", "%pre", "%packages", "%include", "%traceback", "%ksappend"];

/// Lines that include other files.
const INCLUDES: [&str; 2] = ["%include", "%ksappend"];

/// A section and its options with the first and last major release; a `=` marks an option that takes a value.
struct Kind {
    name: &'static str,
    majors: (u8, u8),
    script: bool,
    options: &'static [(&'static str, u8, u8)],
}

const SCRIPT: &[(&str, u8, u8)] =
    &[("--interpreter=", 6, 10), ("--erroronfail", 6, 10), ("--log=", 6, 10), ("--logfile=", 6, 10)];
const POST: &[(&str, u8, u8)] = &[
    ("--interpreter=", 6, 10),
    ("--erroronfail", 6, 10),
    ("--log=", 6, 10),
    ("--logfile=", 6, 10),
    ("--nochroot", 6, 10),
];
const PACKAGES: &[(&str, u8, u8)] = &[
    ("--excludedocs", 6, 10),
    ("--ignoremissing", 6, 10),
    ("--default", 6, 10),
    ("--instLangs=", 6, 9),
    ("--nobase", 6, 6),
    ("--multilib", 7, 10),
    ("--nocore", 7, 10),
    ("--timeout=", 7, 10),
    ("--retries=", 7, 10),
    ("--excludeWeakdeps", 8, 9),
    ("--inst-langs=", 9, 10),
    ("--exclude-weakdeps", 9, 10),
];

const KINDS: [Kind; 9] = [
    Kind { name: "%pre", majors: (6, 10), script: true, options: SCRIPT },
    Kind { name: "%post", majors: (6, 10), script: true, options: POST },
    Kind { name: "%traceback", majors: (6, 7), script: true, options: SCRIPT },
    Kind { name: "%onerror", majors: (7, 10), script: true, options: SCRIPT },
    Kind { name: "%pre-install", majors: (7, 10), script: true, options: SCRIPT },
    Kind { name: "%packages", majors: (6, 10), script: false, options: PACKAGES },
    Kind { name: "%addon", majors: (7, 10), script: false, options: &[] },
    Kind { name: "%anaconda", majors: (7, 9), script: false, options: &[] },
    Kind {
        name: "%certificate",
        majors: (10, 10),
        script: false,
        options: &[("--filename=", 10, 10), ("--dir=", 10, 10)],
    },
];

/// The sections that rackstart's own installer for Debian reads.
const OWN_INSTALLER: [&str; 3] = ["%pre", "%post", "%onerror"];

/// The section that is open while lines are read.
struct Open<'a> {
    kind: &'static Kind,
    line: usize,
    words: Vec<String>,
    body: Vec<&'a str>,
}

/// Checks a whole kickstart for the installer of one release; the result is empty when there is nothing to report.
pub fn check(release: Release, text: &str) -> Vec<Complaint> {
    check_knowing(&mut KnownScripts::default(), release, text)
}

/// Like [`check`], for one of many kickstarts: scripts that were found clean before are not checked again.
pub(crate) fn check_knowing(known: &mut KnownScripts, release: Release, text: &str) -> Vec<Complaint> {
    let Read { mut found, commands, last, .. } = read(known, release, text);
    facts::check_whole(release, last, &commands, &mut found);
    found.sort_by_key(|complaint| complaint.line);
    found
}

/// What was read from a kickstart.
pub(super) struct Read<'a> {
    /// What is wrong with its lines, in no particular order.
    pub found: Vec<Complaint>,
    /// The first words of its command lines.
    pub commands: Vec<&'a str>,
    /// Whether lines of other files belong to it.
    pub includes: bool,
    /// The number of the last line.
    pub last: usize,
}

/// Reads line by line, and reports nothing about what is missing.
pub(super) fn read<'a>(known: &mut KnownScripts, release: Release, text: &'a str) -> Read<'a> {
    let mut found = Vec::new();
    let mut open: Option<Open<'_>> = None;
    let mut commands: Vec<&str> = Vec::new();
    let mut includes = false;
    let (mut references, mut once) = (References::default(), Once::default());
    let mut last = 0;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        last = number;
        // Most lines belong to scripts, and most of those mean nothing to the installer itself.
        if let Some(section) = open.as_mut().filter(|_| !line.trim_ascii_start().starts_with('%')) {
            section.body.push(line);
            continue;
        }
        let word = line.split_ascii_whitespace().next().unwrap_or_default();
        if let Some(section) = &mut open {
            if word == "%end" {
                close(known, release, section, &mut found);
                open = None;
            } else if release.is_el6() && EL6_ENDS.contains(&word) {
                let what = format!(
                    "a line that begins with `{word}` ends {} on EL6, even in a here-document",
                    section.kind.name
                );
                found.push(Complaint::new(
                    number,
                    what,
                    "write the word in another way, such as with a variable before it",
                ));
            } else {
                section.body.push(line);
            }
            continue;
        }
        if word.is_empty() || word.starts_with('#') {
            continue;
        }
        if line.contains(|letter: char| letter.is_control() && letter != '\t') {
            found.push(Complaint::new(number, "the line holds a control character", "write printable text only"));
        } else if word.starts_with('%') {
            includes |= INCLUDES.contains(&word);
            open = begin(release, number, line, word, &mut found);
        } else {
            commands.push(word);
            line::check(release, number, line, &mut found);
            references.add(release, number, line, &mut found);
            once.add(number, line, &mut found);
        }
    }
    if let Some(section) = &open {
        let what = format!("{} has no %end", section.kind.name);
        found.push(Complaint::new(section.line, what, "end every section with a line %end"));
    }
    references.finish(&mut found);
    Read { found, commands, includes, last }
}

fn begin<'a>(release: Release, number: usize, line: &str, word: &str, found: &mut Vec<Complaint>) -> Option<Open<'a>> {
    if INCLUDES.contains(&word) {
        let path = line.split_ascii_whitespace().nth(1).unwrap_or_default();
        if line.split_ascii_whitespace().count() != 2 {
            found.push(Complaint::new(number, format!("`{word}` names no file"), "write one path after it"));
        } else if word == "%ksappend" || path.contains("://") {
            let what = format!("`{word} {}` brings lines from elsewhere that nobody has read", path.escape_debug());
            found.push(Complaint::doubt(number, what, "write the lines themselves"));
        }
        return None;
    }
    let Some(kind) = KINDS.iter().find(|kind| kind.name == word) else {
        let what = format!("no release knows the section `{}`", word.escape_debug());
        let help = did_you_mean(word, KINDS.iter().map(|kind| kind.name))
            .unwrap_or_else(|| "a line that begins with % opens a section; correct or remove it".into());
        found.push(Complaint::new(number, what, help));
        return None;
    };
    // EL7 has it since 7.4.
    let system = release.system();
    if release.is_debian() && !OWN_INSTALLER.contains(&word) {
        let what = format!("the installer of {system} does not know the section `{word}`");
        found.push(Complaint::new(number, what, "packages are in the archive that it unpacks; do the rest in a %post"));
    }
    let release = release.reads_like();
    let too_early = kind.name == "%onerror" && (release.major, release.minor) < (7, 4);
    if too_early || !(kind.majors.0..=kind.majors.1).contains(&release.major) {
        let what = format!("{system} does not know the section `{word}`");
        let (first, last) = kind.majors;
        found.push(Complaint::new(
            number,
            what,
            format!("it exists from {first} to {last}; take it out for this release"),
        ));
    }
    let words = line::split(line).unwrap_or_default();
    // An add-on parses its own options.
    let options = words.iter().skip(1).filter(|word| word.starts_with("--") && kind.name != "%addon");
    for option in options {
        check_option(release, number, kind, option, found);
    }
    Some(Open { kind, line: number, words, body: Vec::new() })
}

fn check_option(release: Release, number: usize, kind: &Kind, word: &str, found: &mut Vec<Complaint>) {
    let system = release.system();
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let known = kind.options.iter().find(|(option, ..)| option.trim_end_matches('=') == name);
    let holds = known.is_some_and(|(_, first, last)| (*first..=*last).contains(&release.major));
    if !holds {
        let what = format!("`{}` of {system} has no option `{}`", kind.name, name.escape_debug());
        found.push(Complaint::new(number, what, "correct or remove it"));
    } else if known.is_some_and(|(option, ..)| !option.ends_with('=')) && value.is_some() {
        found.push(Complaint::new(number, format!("`{name}` takes no value"), "remove `=` and what follows it"));
    }
}

/// The value of a section's option: after `=`, or the next word.
fn value_of<'a>(words: &'a [String], option: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word.split('=').next() == Some(option))?;
    words[at].split_once('=').map(|(_, value)| value).or_else(|| words.get(at + 1).map(String::as_str))
}

/// Checks `%packages`. Each line names one package or group; a group may have options, and blanks in its name.
fn packages(section: &Open<'_>, found: &mut Vec<Complaint>) {
    for (index, line) in section.body.iter().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.trim_start_matches('-').starts_with('@') && line.contains([' ', '\t']) {
            let what = format!("`{}` is not the name of a package", line.escape_debug());
            found.push(Complaint::new(section.line + 1 + index, what, "write each package on a line of its own"));
        }
    }
}

fn close(known: &mut KnownScripts, release: Release, section: &Open<'_>, found: &mut Vec<Complaint>) {
    if section.kind.name == "%packages" {
        packages(section, found);
    }
    if !section.kind.script {
        return;
    }
    if value_of(&section.words, "--interpreter").is_some_and(|program| !program.ends_with("sh")) {
        return;
    }
    // %pre and scripts outside the chroot have only the few tools of the installer itself.
    let in_installer = section.kind.name != "%post" || section.words.iter().any(|word| word == "--nochroot");
    let key = known::key(release.is_el6(), in_installer, &section.body);
    if known.has(&key) {
        return;
    }
    let before = found.len();
    shell::check(release, &Script { first_line: section.line + 1, lines: &section.body, in_installer }, found);
    if found.len() == before {
        known.add(key);
    }
}
