//! What the installer of each release accepts: an own table of commands, options and sections, and a small look at the
//! shell scripts. Stricter than pykickstart where EL6's own parser is: there a word too many ends in a dialog.
//!
//! Text in, complaints out; knows nothing of nodes or templates.

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

/// The words of a command line or of the head of a section, without quotes; none when a quotation has no end.
pub(crate) fn words(line: &str) -> Vec<String> {
    line::split(line).unwrap_or_default()
}

/// The words of a shell script that stand where a command does.
pub(crate) fn spoken(script: &[&str]) -> Vec<String> {
    script::read(script).commands.iter().map(|word| word.text.to_string()).collect()
}

/// What comes of a complaint when nobody listens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weight {
    /// The installer stops, or does something else than the line says.
    Fault,
    /// The installer takes it, and hardly anybody wants what it does; or it needs an answer from elsewhere.
    Doubt,
}

/// One thing in a kickstart that its installer would stumble over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What comes of it.
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

    /// One that the installer takes.
    fn doubt(line: usize, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { weight: Weight::Doubt, ..Self::new(line, what, help) }
    }

    /// Where in its line of the text the complaint points to, in bytes of that line: at the first thing that it quotes and
    /// that stands there, or else at all that is not blank.
    pub(crate) fn span(&self, line: &str) -> Range<usize> {
        let quoted = self.what.split('`').skip(1).step_by(2).filter(|quoted| !quoted.is_empty());
        let whole = || {
            let start = line.len() - line.trim_start().len();
            start..line.trim_end().len().max(start)
        };
        quoted.filter_map(|quoted| word_at(line, quoted)).next().unwrap_or_else(whole)
    }
}

/// Where the word stands in the line, with no letter of a longer word beside it.
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
