//! What the installer of each release accepts: an own table of commands, options and sections, and a small look at the
//! shell scripts. Stricter than pykickstart where EL6's own parser is: there a word too many ends in a dialog.
//!
//! Text in, complaints out; knows nothing of nodes or templates.

mod arranged;
mod departure;
mod facts;
mod known;
mod line;
mod references;
mod script;
mod section;
mod shell;
mod skeleton;
mod stdin;
mod storage;
mod subject;
mod table;
#[cfg(test)]
mod tests;

pub use departure::Departure;
pub use known::KnownScripts;
pub use section::{check, check_knowing};
pub use skeleton::skeleton_departures;
pub use storage::{storage_commands, storage_departures};
pub use table::{CommandFacts, OptionFacts, Takes, facts_of};

/// One thing in a kickstart that its installer would stumble over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Line of the kickstart, from 1.
    pub line: usize,
    /// What is wrong: lower case, no full stop.
    pub what: String,
    /// One thing to do.
    pub help: String,
}

impl Complaint {
    fn new(line: usize, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { line, what: what.into(), help: help.into() }
    }
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}
