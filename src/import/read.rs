//! Splits a kickstart into pieces: each command line, and each section from its head to its `%end`.

use std::ops::Range;

use super::Fate;

/// One piece of a kickstart.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    /// Its lines, from 1.
    pub lines: Range<usize>,
    /// The command line, or the head of the section.
    pub head: &'a str,
    pub kind: Kind<'a>,
}

#[derive(Debug)]
pub(crate) enum Kind<'a> {
    Command,
    Section { body: Vec<&'a str> },
}

impl Item<'_> {
    /// The first word.
    pub(crate) fn name(&self) -> &str {
        self.head.split_whitespace().next().unwrap_or_default()
    }

    /// Gives this fate to all of its lines that have none yet.
    pub(crate) fn set(&self, fates: &mut [Fate], fate: &Fate) {
        for line in self.lines.clone() {
            if let Some(place) = fates.get_mut(line - 1)
                && *place == Fate::Silent
            {
                *place = fate.clone();
            }
        }
    }
}

/// The pieces of a text; blank lines and comments between them belong to none.
pub(crate) fn items(text: &str) -> Vec<Item<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut items, mut at) = (Vec::new(), 0);
    while let Some(line) = lines.get(at) {
        let first = line.split_whitespace().next().unwrap_or_default();
        let begin = at;
        at += 1;
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        let kind = if first.starts_with('%') && !matches!(first, "%include" | "%ksappend" | "%end") {
            let is_end = |line: &&str| line.split_whitespace().next() == Some("%end");
            let length = lines[at..].iter().position(is_end).unwrap_or(lines.len() - at);
            let body = lines[at..at + length].to_vec();
            at = (at + length + 1).min(lines.len());
            Kind::Section { body }
        } else {
            Kind::Command
        };
        items.push(Item { lines: begin + 1..at + 1, head: line, kind });
    }
    items
}
