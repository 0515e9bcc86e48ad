//! The site file as a text that a verb edits.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::config;

/// A site file and what stood in it when it was read.
pub(crate) struct SiteText {
    /// The file itself: a link stays a link, and what it points to is replaced.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

impl SiteText {
    /// Reads the file that is named, or that is found where site files are.
    pub(crate) fn open(named: Option<&Path>) -> Result<Self, Failure> {
        let named = config::find(named)?;
        let path = fs::canonicalize(&named)
            .map_err(|error| Failure::fixable(format!("cannot read the site file {}: {error}", named.display())))?;
        let text = config::read_text(&path)?;
        Ok(Self { path, text })
    }

    /// Puts an edited text, which was proved, in the place of the file, unless somebody wrote it meanwhile.
    pub(crate) fn replace(&self, edited: &str) -> Result<(), Failure> {
        let unwritten = |error: io::Error| {
            Failure::fixable(format!("cannot write the site file {}: {error}", self.path.display()))
                .hint("it is unchanged; run as the user who owns it")
        };
        match config::replace(&self.path, &self.text, edited) {
            Ok(true) => Ok(()),
            Ok(false) => Err(unwritten(io::Error::other("somebody else is writing it"))),
            Err(error) => Err(unwritten(error)),
        }
    }
}
