//! The story of a MAC: what was asked, what was answered and why, and what should have come but did not. Everything
//! here is pure; `server` observes the moments and `store` keeps them.

mod redact;
mod repeats;
mod silence;
mod utc;

use serde::{Deserialize, Serialize};

pub(crate) use redact::harmless;
pub(crate) use repeats::Repeats;
pub(crate) use silence::{Given, silence};
pub(crate) use utc::{utc, utc_ms};

use crate::site::Mac;

/// The longest text that is kept, in bytes.
pub(crate) const LONGEST: usize = 1000;

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Moment {
    /// Unix seconds.
    pub at: u64,
    /// Milliseconds within that second; 0 in lines that are older than rackstart 0.2.
    #[serde(default)]
    pub ms: u16,
    /// Unix seconds of the last repetition; equal to `at` for a line that was not repeated.
    pub until: u64,
    /// The machine that the line is about.
    #[schema(value_type = String)]
    pub mac: Mac,
    /// Where it was seen: `dhcp`, `tftp`, `http`, `silence`, `installer`, or `node` for changes of the node's state.
    pub source: String,
    /// What was asked, answered, and why.
    pub text: String,
    /// How often it happened until `until`.
    pub times: u32,
}

impl Moment {
    /// Makes a line that was not repeated. The text may hold a machine's own words, so it is sanitised here.
    pub fn new(at: u64, mac: Mac, source: &str, text: &str) -> Self {
        Self { at, ms: 0, until: at, mac, source: source.into(), text: harmless(text, LONGEST), times: 1 }
    }

    /// Sets the milliseconds within the second.
    pub(crate) fn with_ms(self, ms: u16) -> Self {
        Self { ms, ..self }
    }
}

/// How far a reader has read; opaque to readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cursor {
    /// The newest stored moment that was read.
    pub moment: i64,
    /// The newest event that was read.
    pub event: i64,
}

/// A page of a story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page {
    /// In chronological order.
    #[serde(rename = "lines")]
    pub moments: Vec<Moment>,
    /// Where the next page begins.
    pub next: Cursor,
}
