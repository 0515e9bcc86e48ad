//! Adds a node to the site file: the whole file is proved with it first, and replaced at once. No reload follows, so
//! that a person looks at what it would change.

use std::io;

use super::Reloader;
use crate::audit::Actor;
use crate::config::{self, CannotEdit, LoadError, NewNode};
use crate::site::Mac;

/// Why a node was not added; the file is as it was.
#[derive(Debug)]
pub(crate) enum NotAdded {
    /// The file with the node has mistakes, or cannot be read.
    Refused(LoadError),
    /// The file has no place for it.
    NoPlace(CannotEdit),
    /// Somebody changed the file in between.
    Changed,
    /// The file cannot be written.
    Unwritable(io::Error),
    /// A bug, or the end of the daemon.
    Broken(String),
}

/// What the audit log says of a machine that was written into the site file.
pub(crate) fn adopted(mac: Mac, role: &str) -> String {
    format!("{mac} as role {role}, written into the site file; not loaded yet")
}

impl Reloader {
    /// Proves the site file with this node behind its last one. With `write`, replaces the file; the audit log records
    /// who ordered it, as for `rackstart adopt`.
    pub(crate) async fn add_node(&self, who: &Actor, node: &NewNode, write: bool) -> Result<(), NotAdded> {
        let _guard = self.one_at_a_time.lock().await;
        let (source, added) = (self.source.clone(), node.clone());
        let work = move || {
            let before =
                config::read_text(&source.file).map_err(|why| NotAdded::Refused(LoadError::Unreadable(why)))?;
            let after = config::with_node(&before, &added).map_err(NotAdded::NoPlace)?;
            config::read_as(&source.file, &after, source.templates.as_deref()).map_err(NotAdded::Refused)?;
            match !write || config::replace(&source.file, &before, &after).map_err(NotAdded::Unwritable)? {
                true => Ok(()),
                false => Err(NotAdded::Changed),
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| NotAdded::Broken(error.to_string()))??;
        if write {
            let detail = adopted(node.mac, node.role.as_deref().unwrap_or_default());
            let audited = self.store.audit(who, "adopt", &node.name, &detail).await;
            audited.map_err(|error| NotAdded::Broken(format!("the audit log has no line of it: {error}")))?;
        }
        Ok(())
    }
}
