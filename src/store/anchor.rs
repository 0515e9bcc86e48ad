//! A small file beside the database that records how far the store had come: the epoch, which grows with every restore,
//! and the head of the audit log. A database that lags behind it is an old copy, with which spent permits would come
//! back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::private;
use crate::audit::Head;

/// Name of the anchor file.
const FILE: &str = "anchor.json";

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Counts the restores, from 1.
    pub epoch: u64,
    /// Number and hash of a line that the audit log is known to contain.
    pub audit: Head,
}

/// The file and its current content. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    path: PathBuf,
    known: Arc<Mutex<Known>>,
}

impl Anchor {
    /// Reads the anchor file of a state directory; none when there is none.
    pub(crate) fn read(directory: &Path) -> io::Result<Option<Self>> {
        let path = directory.join(FILE);
        match read(&path) {
            Ok(known) => Ok(Some(Self { path, known: Arc::new(Mutex::new(known)) })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the first anchor, or one that does not continue the former one: only after the database can vouch for it.
    pub(crate) fn create(directory: &Path, known: Known) -> io::Result<Self> {
        let path = directory.join(FILE);
        write(&path, &known)?;
        Ok(Self { path, known: Arc::new(Mutex::new(known)) })
    }

    /// An anchor without a file, for a log that is written before its anchor can be.
    pub(crate) fn nowhere() -> Self {
        let known = Known { epoch: 0, audit: Head::START };
        Self { path: PathBuf::new(), known: Arc::new(Mutex::new(known)) }
    }

    /// The content of the file when it was last read or written.
    pub(crate) fn known(&self) -> Known {
        self.known.lock().expect("no holder of this lock panics").clone()
    }

    /// Reads the file anew.
    pub(crate) fn read_again(&self) -> io::Result<Known> {
        read(&self.path)
    }

    /// Writes a later head beside the file, durably. It takes effect once it is published.
    pub(crate) async fn prepare(&self, audit: Head) -> io::Result<()> {
        let (path, known) = (self.path.clone(), Known { audit, ..self.known() });
        let text = serde_json::to_string(&known).map_err(io::Error::other)?;
        off_the_road(move || private::prepare(&path, text.as_bytes())).await
    }

    /// Makes the prepared head the current one.
    pub(crate) async fn publish(&self, audit: Head) -> io::Result<()> {
        let path = self.path.clone();
        off_the_road(move || private::publish(&path)).await?;
        self.known.lock().expect("no holder of this lock panics").audit = audit;
        Ok(())
    }
}

/// Runs the work on a blocking thread: waiting for a disk must not delay a DHCP answer.
async fn off_the_road(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn read(path: &Path) -> io::Result<Known> {
    let text = fs::read_to_string(path)?;
    serde_json::from_str(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn write(path: &Path, known: &Known) -> io::Result<()> {
    let text = serde_json::to_string(known).map_err(io::Error::other)?;
    private::write(path, text.as_bytes())
}
