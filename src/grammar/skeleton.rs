//! A kickstart held against its measure: what it may not lack, whatever else it says. Its lines may say it in another way,
//! so commands are counted by name; a package, a section and a call of a script's function are there or not.

use std::collections::HashSet;

use super::departure::{Departure, command_lines};
use super::script::{self, Spoken};

/// Commands of which one does for another.
const ALIKE: [&[&str]; 5] = [
    &["reboot", "halt", "poweroff", "shutdown"],
    &["cmdline", "text", "graphical", "vnc", "rdp"],
    &["url", "nfs", "harddrive", "cdrom", "liveimg", "ostreecontainer"],
    &["auth", "authconfig", "authselect"],
    &["skipx", "xconfig"],
];

/// Every release installs it without being asked.
const CORE: &str = "@core";

/// The function that only talks to people.
const TALK: &str = "say";

/// Words of the shell that decide as much as a function does: what ends a script early, and what runs another one.
const DECIDING: [&str; 2] = ["trap", "."];

/// A section with its lines, from the one that opens it.
struct Section<'a> {
    line: usize,
    head: &'a str,
    body: Vec<&'a str>,
}

/// Where a kickstart lacks something of its measure.
pub fn skeleton_departures(measure: &str, text: &str) -> Vec<Departure> {
    let (wanted, own) = (sections(measure), sections(text));
    let mut departures = lost_commands(measure, text);
    departures.extend(lost_packages(&wanted, &own));
    for section in wanted.iter().filter(|section| !section.head.starts_with("%packages")) {
        let has_head = |own: &&Section<'_>| {
            section.head.split_whitespace().all(|word| own.head.split_whitespace().any(|w| w == word))
        };
        let own: Vec<&Section<'_>> = own.iter().filter(has_head).collect();
        if own.iter().any(|own| own.body.iter().any(|line| is_code(line))) {
            departures.extend(lost_calls(section, &own));
        } else {
            departures.push(Departure::missing(section.line, section.head));
        }
    }
    departures
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let opens = command_lines(text).filter(|(_, line)| line.starts_with('%') && !line.starts_with("%include"));
    let section = |(line, head)| {
        let body = lines[line..].iter().take_while(|line| line.trim_end() != "%end").copied().collect();
        Section { line, head, body }
    };
    opens.map(section).collect()
}

fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

/// Commands that the measure has more often, each with a line of it that the text has not.
fn lost_commands(measure: &str, text: &str) -> Vec<Departure> {
    let (wanted, own): (Vec<_>, Vec<_>) = (command_lines(measure).collect(), command_lines(text).collect());
    let is_there = |line: &str| own.iter().any(|(_, own)| own.trim() == line.trim());
    let mut lost = Vec::new();
    let mut seen = HashSet::new();
    for kind in wanted.iter().filter_map(|(_, line)| kind(line)).filter(|kind| seen.insert(*kind)) {
        let of_kind = |lines: &[(usize, &str)]| lines.iter().filter(|(_, line)| self::kind(line) == Some(kind)).count();
        let lacks = of_kind(&wanted).saturating_sub(of_kind(&own));
        let absent = wanted.iter().filter(|(_, line)| self::kind(line) == Some(kind) && !is_there(line));
        lost.extend(absent.take(lacks).map(|(number, line)| Departure::missing(*number, line)));
    }
    lost
}

/// What a command line is for; none for a line that opens a section.
fn kind(line: &str) -> Option<&str> {
    let word = line.split_whitespace().next()?;
    match word {
        "%include" => Some(line.trim()),
        _ if word.starts_with('%') => None,
        _ => Some(ALIKE.iter().find(|alike| alike.contains(&word)).map_or(word, |alike| alike[0])),
    }
}

fn lost_packages(wanted: &[Section<'_>], own: &[Section<'_>]) -> Vec<Departure> {
    let own: HashSet<&str> = packages(own).map(|(_, name)| name).collect();
    // `curl.x86_64` is a `curl` too.
    let is_there = |name: &str| {
        own.contains(name) || own.iter().any(|own| own.rsplit_once('.').is_some_and(|(own, _)| own == name))
    };
    let lost = packages(wanted).filter(|(_, name)| *name != CORE && !is_there(name));
    lost.map(|(number, name)| Departure::missing(number, name)).collect()
}

fn packages<'a>(sections: &'a [Section<'a>]) -> impl Iterator<Item = (usize, &'a str)> {
    let of_packages = sections.iter().filter(|section| section.head.starts_with("%packages"));
    let lines = of_packages
        .flat_map(|section| section.body.iter().enumerate().map(|(index, line)| (section.line + 1 + index, *line)));
    lines
        .map(|(number, line)| (number, line.split('#').next().unwrap_or_default().trim()))
        .filter(|(_, name)| !name.is_empty())
}

/// Calls of functions that the scripts of a kind lost, and calls of functions that none of them makes.
fn lost_calls(wanted: &Section<'_>, own: &[&Section<'_>]) -> Vec<Departure> {
    let measure = script::read(&wanted.body);
    let scripts: Vec<_> = own.iter().map(|section| (section, script::read(&section.body))).collect();
    // What stands in a block of its own is made under a condition, and can be done without.
    let functions: Vec<&Spoken<'_>> = measure.functions.iter().filter(|function| !function.nested).collect();
    let made: HashSet<&str> =
        scripts.iter().flat_map(|(_, script)| script.functions.iter().map(|made| made.text)).collect();
    let mut departures = Vec::new();
    for (section, script) in &scripts {
        let unmade = |word: &&Spoken<'_>| {
            functions.iter().any(|function| function.text == word.text) && !made.contains(word.text)
        };
        if let Some(word) = script.commands.iter().find(unmade) {
            let function = functions.iter().find(|function| function.text == word.text);
            let what = format!("`{}` is called, and no function has this name", word.text);
            let measure = function.map(|function| wanted.line + 1 + function.line);
            departures.push(Departure { line: Some(section.line + 1 + word.line), measure, what });
        }
    }
    let is_call = |word: &Spoken<'_>| {
        let counts = DECIDING.contains(&word.text) || functions.iter().any(|function| function.text == word.text);
        // What a function is told by others is how it is written, not what it does.
        counts && word.text != TALK && (!word.captured || word.within.is_none())
    };
    let count = |words: &mut dyn Iterator<Item = &Spoken<'_>>, word: &Spoken<'_>| {
        words.filter(|other| other.text == word.text && other.within == word.within).count()
    };
    let mut seen = HashSet::new();
    for word in
        measure.commands.iter().filter(|word| is_call(word) && word.within.is_none_or(|name| made.contains(name)))
    {
        if !seen.insert((word.text, word.within)) {
            continue;
        }
        let mut said = scripts.iter().flat_map(|(_, script)| &script.commands);
        let lacks = count(&mut measure.commands.iter(), word).saturating_sub(count(&mut said, word));
        let has = |line: &str| own.iter().any(|section| section.body.iter().any(|own| own.trim() == line.trim()));
        let calls = measure.commands.iter().filter(|other| other.text == word.text && other.within == word.within);
        let (there, absent): (Vec<_>, Vec<_>) = calls.partition(|call| has(wanted.body[call.line]));
        for call in absent.into_iter().chain(there).take(lacks) {
            departures.push(Departure::missing(wanted.line + 1 + call.line, wanted.body[call.line]));
        }
    }
    departures
}
