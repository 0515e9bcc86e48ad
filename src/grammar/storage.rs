//! Storage commands: none may be served early, and those that are served later must be the ones that the plan requires.

use super::Complaint;
use super::arranged::{Arranged, option_name};
use super::departure::{Departure, command_lines};
use crate::site::Release;

/// Commands that change a disk, or determine how one is changed.
const OF_STORAGE: [&str; 14] = [
    "autopart",
    "bootloader",
    "btrfs",
    "clearpart",
    "ignoredisk",
    "logvol",
    "mount",
    "part",
    "partition",
    "raid",
    "reqpart",
    "snapshot",
    "volgroup",
    "zerombr",
];

/// Beginnings of the lines that `%pre` compares character by character.
const LITERAL: [&str; 7] = [
    "# scope:",
    "# disk of",
    "# keep:",
    "# rackstart: preparation",
    "# rackstart: end of preparation",
    "ignoredisk",
    "clearpart",
];

/// Options that a template may add to a line, because they change no disk, position, size or name.
const OF_TASTE: [&str; 11] = [
    "--append",
    "--fsoptions",
    "--fsprofile",
    "--iscrypted",
    "--label",
    "--leavebootorder",
    "--md5pass",
    "--mkfsoptions",
    "--password",
    "--profile",
    "--timeout",
];

/// Finds storage commands in a kickstart that is served before the wipe permit is redeemed.
pub(crate) fn storage_commands(text: &str) -> Vec<Complaint> {
    let early = command_lines(text).filter_map(|(number, line)| Some((number, of_storage(line)?)));
    let complain = |(number, word)| {
        let what = format!("`{word}` would reach the installer before the wipe permit is redeemed");
        Complaint::new(number, what, "storage commands belong in kickstart/storage.ks.j2")
    };
    early.map(complain).collect()
}

fn of_storage(line: &str) -> Option<&str> {
    line.split_ascii_whitespace().next().filter(|word| OF_STORAGE.contains(word))
}

/// Where a storage section differs from its reference, which is what the plan requires. Comments, blanks, the order of
/// options and other commands do not matter.
pub(crate) fn storage_departures(release: Release, measure: &str, section: &str) -> Vec<Departure> {
    if measure == section {
        return Vec::new();
    }
    let (mut wanted, mut strays) = (said(release, measure), Vec::new());
    for own in said(release, section) {
        match wanted.iter().position(|wanted| own.meets(wanted)) {
            Some(place) => drop(wanted.remove(place)),
            None => strays.push(own),
        }
    }
    let mut departures = preparation_departures(measure, section);
    for wanted in wanted {
        // The line that was meant has the same command, and most words in common.
        let alike = |own: &Said| wanted.words.iter().filter(|word| own.words.contains(word)).count();
        let same = strays.iter().enumerate().filter(|(_, own)| own.name == wanted.name);
        match same.max_by_key(|(index, own)| (alike(own), usize::MAX - index)).map(|(index, _)| index) {
            Some(place) => departures.push(wanted.other(&strays.remove(place))),
            None => departures.push(Departure::missing(wanted.line, wanted.text)),
        }
    }
    // Whatever else a preparation does is permitted.
    let strays = strays.into_iter().filter(|own| !own.name.starts_with("# rackstart:"));
    departures.extend(strays.map(|own| {
        let what = format!("`{}` is not in the plan", own.text.trim().escape_debug());
        Departure { line: Some(own.line), measure: None, what }
    }));
    let end = |text: &str| text.lines().enumerate().last().map(|(index, line)| (index + 1, line.to_string()));
    match (end(measure), end(section)) {
        (Some((number, end)), own) if own.as_ref().map(|(_, line)| line) != Some(&end) => {
            let what = format!("the last line must be `{end}`, or %pre takes the answer for one that was cut off");
            departures.push(Departure { line: own.map(|(number, _)| number), measure: Some(number), what });
        }
        _ => {}
    }
    departures.sort_by_key(|departure| departure.line.or(departure.measure));
    departures
}

/// One line that matters.
struct Said<'a> {
    line: usize,
    text: &'a str,
    name: String,
    /// Plain words in their order, followed by the options.
    words: Vec<String>,
}

impl Said<'_> {
    /// Whether this line does what the wanted one does.
    fn meets(&self, wanted: &Said) -> bool {
        self.name == wanted.name && self.lacks(wanted).next().is_none() && self.adds(wanted).next().is_none()
    }

    /// What the wanted line has and this one lacks.
    fn lacks<'w>(&self, wanted: &'w Said) -> impl Iterator<Item = &'w str> {
        let has = |word: &str| {
            let longer = |own: &String| word.starts_with("--append=") && own.starts_with(&format!("{word} "));
            self.words.iter().any(|own| own == word || longer(own))
        };
        wanted.words.iter().map(String::as_str).filter(move |word| !has(word))
    }

    /// What this line has in addition to the wanted one, as far as it makes a difference.
    fn adds<'s>(&'s self, wanted: &Said) -> impl Iterator<Item = &'s str> {
        let is_free = |word: &str| {
            OF_TASTE.contains(&option_name(word)) && !wanted.words.iter().any(|w| option_name(w) == option_name(word))
        };
        let longer = |word: &str| {
            word.starts_with("--append=") && self.lacks(wanted).all(|lack| option_name(lack) != "--append")
        };
        self.words
            .iter()
            .map(String::as_str)
            .filter(move |word| !wanted.words.iter().any(|w| w == word) && !is_free(word) && !longer(word))
    }

    /// The departure of the line that was written instead of this one.
    fn other(&self, own: &Said) -> Departure {
        let quoted = |words: Vec<&str>| format!("`{}`", words.join(" ").escape_debug());
        let (lacks, adds): (Vec<_>, Vec<_>) = (own.lacks(self).collect(), own.adds(self).collect());
        let head = match self.words.first().filter(|word| !word.starts_with("--")) {
            Some(word) if *word != self.text => format!("`{} {word}`", self.name),
            _ => format!("`{}`", self.name),
        };
        let what = match (lacks.is_empty(), adds.is_empty()) {
            (false, false) => format!("{head} has {} where the plan wants {}", quoted(adds), quoted(lacks)),
            (false, true) => format!("{head} lacks {}, which the plan wants", quoted(lacks)),
            _ => format!("{head} has {}, which is not in the plan", quoted(adds)),
        };
        Departure { line: Some(own.line), measure: Some(self.line), what }
    }
}

/// The lines that matter, in their order.
fn said(release: Release, text: &str) -> Vec<Said<'_>> {
    let literal = |line: &str| LITERAL.iter().find(|start| line.trim_start().starts_with(**start)).copied();
    let marks =
        text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| line.starts_with('#'));
    let prepared: Vec<usize> = preparation(text).map(|(number, _)| number).collect();
    let commands =
        command_lines(text).filter(|(number, line)| of_storage(line).is_some() && !prepared.contains(number));
    let mut said: Vec<Said<'_>> = marks
        .chain(commands)
        .filter_map(|(line, text)| match literal(text) {
            Some(start) => Some(Said { line, text, name: start.into(), words: vec![text.into()] }),
            None => {
                let Arranged { name, plain, options } = Arranged::read(release, text)?;
                Some(Said { line, text, name, words: [plain, options].concat() })
            }
        })
        .collect();
    said.sort_by_key(|said| said.line);
    said
}

/// Lines of the preparation that a section lacks, or has in another order. Additional lines are permitted.
fn preparation_departures(measure: &str, section: &str) -> Vec<Departure> {
    let mut own = preparation(section);
    let lacks = preparation(measure).filter(|(_, line)| !own.any(|(_, own)| own == *line)).take(1);
    lacks.map(|(number, line)| Departure::missing(number, line)).collect()
}

fn preparation(section: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = section.lines().enumerate().skip_while(|(_, line)| *line != "# rackstart: preparation").skip(1);
    let lines = lines.take_while(|(_, line)| *line != "# rackstart: end of preparation");
    lines.map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
