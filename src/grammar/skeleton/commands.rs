//! The commands of a kickstart, counted.

use std::collections::HashSet;

use crate::grammar::departure::{Departure, command_lines};
use crate::grammar::subject::{kind, subject};

/// Options of `network` whose value the site file determines: the address of a card, and whether it comes up at all.
const DECIDED: [&str; 4] = ["--bootproto=", "--ip=", "--netmask=", "--onboot="];

/// Commands that the reference has more often, each with one of its lines that the text lacks.
pub(super) fn departures(measure: &str, text: &str) -> Vec<Departure> {
    let (wanted, own): (Vec<_>, Vec<_>) = (command_lines(measure).collect(), command_lines(text).collect());
    let mut departures = lost(&wanted, &own);
    departures.extend(weakened(&wanted, &own));
    departures.extend(otherwise(&wanted, &own));
    departures
}

type Line<'a> = (usize, &'a str);

fn is_in(lines: &[Line<'_>], line: &str) -> bool {
    lines.iter().any(|(_, own)| own.trim() == line.trim())
}

fn lost(wanted: &[Line<'_>], own: &[Line<'_>]) -> Vec<Departure> {
    let mut lost = Vec::new();
    let mut seen = HashSet::new();
    for kind in wanted.iter().filter_map(|(_, line)| kind(line)).filter(|kind| seen.insert(*kind)) {
        let is_it = |line: &str| self::kind(line) == Some(kind);
        let count = |lines: &[Line<'_>]| lines.iter().filter(|(_, line)| is_it(line)).count();
        let lacks = count(wanted).saturating_sub(count(own));
        let absent = wanted.iter().filter(|(_, line)| is_it(line) && !is_in(own, line));
        lost.extend(absent.take(lacks).map(|(number, line)| Departure::missing(*number, line)));
    }
    lost
}

/// Network cards that lost an option without getting another one instead, such as the one that keeps them from the
/// default route.
fn weakened(wanted: &[Line<'_>], own: &[Line<'_>]) -> Vec<Departure> {
    let cards = |(_, line): &&Line<'_>| kind(line) == Some("network");
    let mut weakened = Vec::new();
    for (number, line) in own.iter().filter(cards) {
        let has = |word: &str| line.split_whitespace().any(|own| own == word);
        for (measure, wanted) in wanted.iter().filter(cards).filter(|(_, wanted)| subject(wanted) == subject(line)) {
            let adds = line.split_whitespace().any(|own| wanted.split_whitespace().all(|word| word != own));
            // IPv6 is the operator's choice, and has no replacement.
            let mut lacks = wanted.split_whitespace().filter(|word| !has(word) && *word != "--noipv6");
            if let Some(word) = lacks.next().filter(|_| !adds) {
                let what = format!("`network` lacks `{word}`");
                weakened.push(Departure { line: Some(*number), measure: Some(*measure), what });
            }
        }
    }
    weakened
}

/// Network cards that would get a different address from the one in the site file, or would stay down.
fn otherwise(wanted: &[Line<'_>], own: &[Line<'_>]) -> Vec<Departure> {
    let cards = |(_, line): &&Line<'_>| kind(line) == Some("network");
    let mut otherwise = Vec::new();
    for (number, line) in own.iter().filter(cards) {
        let same = wanted.iter().filter(cards).filter(|(_, wanted)| subject(wanted) == subject(line));
        for (measure, wanted) in same {
            let both = DECIDED.into_iter().map(|option| (option, word_of(line, option), word_of(wanted, option)));
            let first = both.into_iter().find(|(_, own, wanted)| own.is_some() && own != wanted);
            let Some((option, Some(own), wanted)) = first else { continue };
            let wanted = wanted.map_or_else(|| format!("no `{option}`"), |wanted| format!("`{wanted}`"));
            let what = format!("`network` has `{own}` where the site file wants {wanted}");
            otherwise.push(Departure { line: Some(*number), measure: Some(*measure), what });
        }
    }
    otherwise
}

/// The word of the line that begins with the option.
fn word_of<'a>(line: &'a str, option: &str) -> Option<&'a str> {
    line.split_whitespace().find(|word| word.starts_with(option))
}
