//! The calls in the scripts of a kickstart.

use std::collections::HashSet;

use super::Section;
use crate::grammar::departure::Departure;
use crate::grammar::script::{self, Reading, Spoken};

/// The function that only prints messages for people.
const TALK: &str = "say";

/// Shell words that matter as much as a function: one ends a script early, the other runs another script.
const DECIDING: [&str; 2] = ["trap", "."];

/// Calls that the scripts of one kind have lost, and functions that they lack.
pub(super) fn departures(wanted: &Section<'_>, own: &[&Section<'_>]) -> Vec<Departure> {
    let measure = script::read(&wanted.body);
    let scripts: Vec<_> = own.iter().map(|section| (*section, script::read(&section.body))).collect();
    if scripts.iter().any(|(_, script)| script.trouble.is_some()) {
        return Vec::new(); // the calls of such a script are unknown, and its fault is reported anyway
    }
    let made = scripts.iter().flat_map(|(_, script)| script.functions.iter().map(|made| made.text)).collect();
    let both = Both { wanted, measure: &measure, scripts: &scripts, made };
    both.unmade().into_iter().chain(both.unasked()).chain(both.lost()).collect()
}

/// A script of the reference, and those that should do the same.
struct Both<'a> {
    wanted: &'a Section<'a>,
    measure: &'a Reading<'a>,
    scripts: &'a [(&'a Section<'a>, Reading<'a>)],
    /// Functions that the latter define.
    made: HashSet<&'a str>,
}

impl Both<'_> {
    /// The function of this name. One that is defined inside a block is conditional, and can be dispensed with.
    fn function(&self, name: &str) -> Option<&Spoken<'_>> {
        self.measure.functions.iter().find(|function| function.text == name && !function.nested)
    }

    /// Calls of functions that are not defined; only the first one in each script.
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

    /// Functions that the reference defines for other scripts, such as the answer of the server, and that are not
    /// defined here.
    fn unasked(&self) -> Vec<Departure> {
        let is_called = |name: &str| self.measure.commands.iter().any(|word| word.text == name);
        let functions = self.measure.functions.iter().filter(|function| !function.nested && !is_called(function.text));
        functions.filter(|function| !self.made.contains(function.text)).map(|function| self.missing(function)).collect()
    }

    /// Calls that occur less often, in the main part or in a function that both have.
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

    /// Whether the call does something. What one function calls in another is how it is written and not what it does,
    /// unless nobody else calls the other one: then that one is a part of it.
    fn counts(&self, word: &Spoken<'_>) -> bool {
        let decides = DECIDING.contains(&word.text) || self.function(word.text).is_some();
        let is_asked_elsewhere =
            || self.measure.commands.iter().any(|other| other.text == word.text && other.within != word.within);
        let is_told = word.captured && word.within.is_some() && is_asked_elsewhere();
        // A missing function lacks all its calls, and is reported as not defined; one that can be dispensed with is not
        // reported.
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
