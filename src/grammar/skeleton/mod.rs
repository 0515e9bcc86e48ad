//! Compares a kickstart with its reference: what it must not lack, whatever else it contains. It may say the same in
//! different lines, so commands are counted by name; a package, a section and a call of a script's function are present
//! or absent.

use std::collections::HashSet;

use super::departure::{Departure, command_lines};

mod calls;
mod commands;

/// Every release installs this group without being asked.
const CORE: &str = "@core";

/// A section with its lines, beginning with the one that opens it.
struct Section<'a> {
    line: usize,
    head: &'a str,
    body: Vec<&'a str>,
}

/// Where a kickstart lacks something of its reference.
pub(crate) fn skeleton_departures(measure: &str, text: &str) -> Vec<Departure> {
    if measure == text {
        return Vec::new(); // usually at most one of the templates is the operator's
    }
    let (wanted, own) = (sections(measure), sections(text));
    let mut departures = commands::departures(measure, text);
    departures.extend(lost_packages(&wanted, &own));
    departures.extend(own.iter().filter(|section| !section.is_closed()).filter_map(|section| {
        let end = wanted.iter().find(|wanted| wanted.head == section.head)?;
        Some(Departure::missing(end.line + 1 + end.body.len(), "%end"))
    }));
    for section in wanted.iter().filter(|section| !section.head.starts_with("%packages")) {
        let has_head = |own: &&Section<'_>| {
            section.head.split_whitespace().all(|word| own.head.split_whitespace().any(|w| w == word))
        };
        let own: Vec<&Section<'_>> = own.iter().filter(has_head).collect();
        if own.iter().any(|own| own.body.iter().any(|line| is_code(line))) {
            departures.extend(calls::departures(section, &own));
        } else {
            departures.push(Departure::missing(section.line, section.head));
        }
    }
    departures
}

impl Section<'_> {
    /// Whether it ends before the next one begins.
    fn is_closed(&self) -> bool {
        !self.body.iter().any(|line| ["%pre", "%post", "%packages"].iter().any(|head| line.starts_with(head)))
    }
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

fn lost_packages(wanted: &[Section<'_>], own: &[Section<'_>]) -> Vec<Departure> {
    let own: HashSet<&str> = packages(own).map(|(_, name)| name).collect();
    // `curl.x86_64` counts as `curl`.
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
