//! The record that a copy of a tree or a repository carries: where it came from, and when.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Media;

/// A copy that `rackstart media add` made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CopyRecord {
    /// Where it was copied from.
    pub url: String,
    /// When the copy was complete, in seconds since 1970; none while it is made for the first time.
    pub finished: Option<u64>,
    /// How many files it has.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// SHA-256 of the files that prove all others, by path: they were taken as they came.
    pub roots: std::collections::BTreeMap<String, String>,
}

impl CopyRecord {
    /// Its file in the folder of the copy.
    pub(crate) const FILE: &str = ".rackstart-copy.json";
    /// The largest record that is read, in bytes.
    const MAX_BYTES: u64 = 64 << 10;

    /// The record in a medium; none when it is no copy, or the record is damaged.
    pub(crate) fn of(media: &Media) -> Option<Self> {
        serde_json::from_slice(&media.read(Self::FILE, Self::MAX_BYTES).ok()?).ok()
    }

    /// The record in a folder; none as for [`Self::of`].
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        Media::open(folder).ok().and_then(|media| Self::of(&media))
    }

    /// Writes the record; it is there as a whole or not at all.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let (file, beside) = (folder.join(Self::FILE), folder.join(format!("{}.part", Self::FILE)));
        let mut new = fs::File::create(&beside)?;
        new.write_all(&serde_json::to_vec_pretty(self).map_err(io::Error::other)?)?;
        new.sync_all()?;
        fs::rename(beside, file)
    }
}
