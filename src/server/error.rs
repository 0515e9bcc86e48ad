//! Why the daemon cannot start, or had to stop.

use std::path::PathBuf;

use super::key;
use crate::site::{KeySource, Site};
use crate::store::{ChangeError, OpenError, SecretsError};

/// Why the daemon cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    /// A socket cannot be bound.
    #[error("cannot listen on {what}: {source}")]
    Bind {
        /// Protocol and address.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The system has no thread left.
    #[error("cannot start the thread of DHCP and TFTP: {0}")]
    Thread(std::io::Error),
    /// Something that is not a socket is in the place of the admin socket.
    #[error("{0} is not a socket, so it was left alone; name another place in `server.socket`")]
    NotASocket(PathBuf),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store failed while running.
    #[error("the store failed: {0}; look at the disk below `server.state`, then start again")]
    Durability(sqlx::Error),
    /// An engine ended without a shutdown request.
    #[error("{engine} {how}, so the daemon stopped; start it again, the log says more")]
    Engine {
        /// The name of the engine.
        engine: &'static str,
        /// How it ended.
        how: String,
    },
    /// The key of the secrets is not available.
    #[error(transparent)]
    Key(#[from] key::KeyError),
    /// The secrets cannot be opened.
    #[error("{source} (the store {}{key})", store.display())]
    Secrets {
        /// The directory of the store.
        store: PathBuf,
        /// Where the site file says that their key is.
        key: String,
        /// The reason.
        source: SecretsError,
    },
    /// A node could not be armed at start.
    #[error("cannot arm the nodes: {0}")]
    Arming(#[from] ChangeError),
    /// The tokens of the API could not be read.
    #[error("cannot read the tokens of the API: {0}")]
    Tokens(ChangeError),
}

impl ServerError {
    /// Whether the error only concerns a shell: systemd passes the daemon credentials that no shell gets.
    pub(crate) fn is_of_the_shell(&self) -> bool {
        matches!(self, Self::Key(key::KeyError::AtShell { .. }))
    }

    /// Adds the store and the key that the error is about.
    pub(in crate::server) fn secrets(site: &Site, source: SecretsError) -> Self {
        let key = match &site.key {
            KeySource::None => String::new(),
            key => format!(", its key {key}"),
        };
        Self::Secrets { store: site.server.state.clone(), key, source }
    }
}
