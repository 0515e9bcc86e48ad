//! What is stored of a node: versioned, so that a newer rackstart can read an older store and never the reverse by accident.

use serde::{Deserialize, Serialize};

use crate::lifecycle::{Progress, State};

/// The version of the shape below.
const VERSION: u32 = 1;

/// One node as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// Where it is in its life.
    pub state: State,
    /// Its latest marks.
    pub progress: Progress,
    /// Unix seconds of the last change of `state`.
    pub since: u64,
    /// Unix seconds of the last word from the node.
    pub updated: u64,
}

impl Record {
    /// A node that nothing has happened to.
    pub fn new(now: u64) -> Self {
        Self { version: VERSION, state: State::New, progress: Progress::default(), since: now, updated: now }
    }

    /// Reads a stored text.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let record: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if record.version == VERSION {
            Ok(record)
        } else {
            Err(format!("its version is {}, this rackstart reads version {VERSION}", record.version))
        }
    }

    /// The text to store.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a record has only string keys and finite numbers")
    }
}
