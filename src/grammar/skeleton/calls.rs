//! What the scripts of a kickstart call.

use std::collections::HashSet;

use super::Section;
use crate::grammar::departure::Departure;
use crate::grammar::script::{self, Reading, Spoken};

/// The function that only talks to people.
const TALK: &str = "say";

/// Words of the shell that decide as much as a function does: what ends a script early, and what runs another one.
const DECIDING: [&str; 2] = ["trap", "."];

/// Calls that the scripts of a kind lost, and functions that they lack.
pub(super) fn departures(wanted: &Section<'_>, own: &[&Section<'_>]) -> Vec<Departure> {
    let measure = script::read(&wanted.body);
    let scripts: Vec<_> = own.iter().map(|section| (*section, script::read(&section.body))).collect();
    if scripts.iter().any(|(_, script)| script.trouble.is_some()) {
        return Vec::new(); // nobody can say what such a script calls, and it is told as it is
    }
    let made = scripts.iter().flat_map(|(_, script)| script.functions.iter().map(|made| made.text)).collect();
    let both = Both { wanted, measure: &measure, scripts: &scripts, made };
    both.unmade().into_iter().chain(both.unasked()).chain(both.lost()).collect()
}

/// A script of the measure, and those that should do the same.
struct Both<'a> {
    wanted: &'a Section<'a>,
    measure: &'a Reading<'a>,
    scripts: &'a [(&'a Section<'a>, Reading<'a>)],
    /// Functions that the latter make.
    made: HashSet<&'a str>,
}

impl Both<'_> {
    /// The function of this name. What stands in a block of its own is made under a condition, and can be done without.
    fn function(&self, name: &str) -> Option<&Spoken<'_>> {
        self.measure.functions.iter().find(|function| function.text == name && !function.nested)
    }

    /// Calls of functions that are not made; the first one of each script.
    fn unmade(&self) -> Vec<Departure> {
        let first = |(section, script): &(&Section<'_>, Reading<'_>)| {
            let word = script
                .commands
                .iter()
                .find(|word| !self.made.contains(word.text) && self.function(word.text).is_some())?;
            let measure = self.function(word.text).map(|function| self.wanted.line + 1 + function.line);
            let what = format!("`{}` is called, and no function has this name", word.text);
            Some(Departure { line: Some(section.line + 1 + word.line), measure, what })
        };
        self.scripts.iter().filter_map(first).collect()
    }

    /// Functions that the measure makes for others, such as the answer of the server, and that are not made.
    fn unasked(&self) -> Vec<Departure> {
        let is_called = |name: &str| self.measure.commands.iter().any(|word| word.text == name);
        let functions = self.measure.functions.iter().filter(|function| !function.nested && !is_called(function.text));
        functions.filter(|function| !self.made.contains(function.text)).map(|function| self.missing(function)).collect()
    }

    /// Calls that there are less of, in the main part or in a function that both have.
    fn lost(&self) -> Vec<Departure> {
        let mut lost = Vec::new();
        let mut seen = HashSet::new();
        for word in self.measure.commands.iter().filter(|word| self.counts(word)) {
            if !seen.insert((word.text, word.within)) {
                continue;
            }
            let is_it = |other: &&Spoken<'_>| other.text == word.text && other.within == word.within;
            let own = self.scripts.iter().flat_map(|(_, script)| &script.commands).filter(is_it).count();
            let calls: Vec<_> = self.measure.commands.iter().filter(is_it).collect();
            let least = if word.captured { 1 } else { calls.len() };
            let (there, absent): (Vec<_>, Vec<_>) =
                calls.into_iter().partition(|call| self.has(self.wanted.body[call.line]));
            let absent = absent.into_iter().chain(there).take(least.saturating_sub(own));
            lost.extend(absent.map(|call| self.missing(call)));
        }
        lost
    }

    /// Whether the call does something. What a function is told by another one is how it is written, not what it does,
    /// unless nobody else asks: then the other one is a part of it.
    fn counts(&self, word: &Spoken<'_>) -> bool {
        let decides = DECIDING.contains(&word.text) || self.function(word.text).is_some();
        let is_asked_elsewhere =
            || self.measure.commands.iter().any(|other| other.text == word.text && other.within != word.within);
        let is_told = word.captured && word.within.is_some() && is_asked_elsewhere();
        // A function that is not there lacks all its calls, and is told as not made; one that can be done without is not.
        let is_there = |name: &str| self.made.contains(name) || self.function(name).is_none();
        decides && word.text != TALK && !is_told && word.within.is_none_or(is_there)
    }

    fn has(&self, line: &str) -> bool {
        self.scripts.iter().any(|(section, _)| section.body.iter().any(|own| own.trim() == line.trim()))
    }

    fn missing(&self, word: &Spoken<'_>) -> Departure {
        Departure::missing(self.wanted.line + 1 + word.line, self.wanted.body[word.line])
    }
}
