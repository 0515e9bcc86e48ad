//! What the installer of each release accepts: our own table of commands, options and sections, and a superficial check
//! of the shell scripts. It is stricter than pykickstart where EL6's own parser is, because there a superfluous word
//! ends in a dialog.
//!
//! It takes text and returns complaints, and knows nothing about nodes or templates.

mod arranged;
mod combine;
mod departure;
mod facts;
mod known;
mod line;
mod lint;
mod references;
mod script;
mod secret;
mod section;
mod shell;
mod skeleton;
mod stdin;
mod storage;
mod subject;
mod table;
mod template;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use arranged::Arranged;
pub use combine::{RULES, Rule};
pub(crate) use departure::Departure;
pub(crate) use known::KnownScripts;
pub(crate) use lint::release_of;
pub use lint::{Lint, lint};
pub(crate) use secret::{masked, secrets};
pub use section::check;
pub(crate) use section::check_knowing;
pub(crate) use skeleton::skeleton_departures;
pub(crate) use storage::{storage_commands, storage_departures};
pub use table::{Takes, facts_of, ignored_of};

/// The words of a command line or of the head of a section, without quotes; none when a quotation is not closed.
pub(crate) fn words(line: &str) -> Vec<String> {
    line::split(line).unwrap_or_default()
}

/// The words of a shell script that are in the position of a command.
pub(crate) fn spoken(script: &[&str]) -> Vec<String> {
    script::read(script).commands.iter().map(|word| word.text.to_string()).collect()
}

/// What a shell script leaves open, or closes without an opening, and in which line.
pub(crate) fn shell_trouble(script: &str) -> Option<(usize, String)> {
    let lines: Vec<&str> = script.lines().collect();
    script::read(&lines).trouble.map(|(index, what)| (index + 1, what))
}

/// How much a complaint matters if it is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weight {
    /// The installer stops, or does something other than what the line says.
    Fault,
    /// The installer accepts it, but hardly anybody wants the effect; or it needs an answer from elsewhere.
    Doubt,
}

/// One problem that the installer would have with a kickstart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// How much it matters.
    pub weight: Weight,
    /// Line of the kickstart, from 1.
    pub line: usize,
    /// What is wrong: lower case, no full stop.
    pub what: String,
    /// One thing to do.
    pub help: String,
}

impl Complaint {
    fn new(line: usize, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { weight: Weight::Fault, line, what: what.into(), help: help.into() }
    }

    /// A complaint about something that the installer accepts.
    fn doubt(line: usize, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { weight: Weight::Doubt, ..Self::new(line, what, help) }
    }

    /// The part of the line that the complaint points to, in bytes of that line: the first thing that it quotes and
    /// that occurs there, or else everything that is not blank.
    pub(crate) fn span(&self, line: &str) -> Range<usize> {
        let quoted = self.what.split('`').skip(1).step_by(2).filter(|quoted| !quoted.is_empty());
        let whole = || {
            let start = line.len() - line.trim_start().len();
            start..line.trim_end().len().max(start)
        };
        quoted.filter_map(|quoted| word_at(line, quoted)).next().unwrap_or_else(whole)
    }
}

/// Where the word occurs in the line as a whole word.
fn word_at(line: &str, word: &str) -> Option<Range<usize>> {
    let of_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let places = line.match_indices(word).map(|(at, _)| at..at + word.len());
    let stands_alone =
        |place: &Range<usize>| !line[..place.start].ends_with(of_word) && !line[place.end..].starts_with(of_word);
    places.into_iter().find(stands_alone)
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}
