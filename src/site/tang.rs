//! Servers that open encrypted disks: Network-Bound Disk Encryption by Tang and clevis.

use super::{Layout, Release};

/// The servers, and how many of them have to answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tang {
    /// The servers; never empty, each URL occurs once.
    pub servers: Vec<TangServer>,
    /// How many of them together open a disk, from 1 to all.
    pub threshold: usize,
}

/// One Tang server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TangServer {
    /// Its URL without a slash at the end: `http://tang1.lan`.
    pub url: String,
    /// Thumbprint of the key that signs its advertisement (RFC 7638, base64url; SHA-256 or SHA-1).
    pub thumbprint: String,
}

impl Tang {
    /// The first release whose clevis tells what a disk is bound to (`clevis luks list`, clevis 13): major and minor.
    pub const FIRST_RELEASE: (u8, u8) = (8, 3);

    /// Whether the release has it.
    pub(crate) fn is_of(release: Release) -> bool {
        (release.major, release.minor) >= Self::FIRST_RELEASE
    }

    /// Whether a text has the form of a thumbprint: a SHA-1 or a SHA-256 in base64url.
    pub(crate) fn is_thumbprint(text: &str) -> bool {
        [27, 43].contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    }

    /// The URLs of all servers.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.url.clone()).collect()
    }

    /// Who has to answer, as the object of a sentence: `http://tang1.lan`, or `1 of http://tang1.lan, http://…`.
    pub(crate) fn who(&self) -> String {
        match &self.servers[..] {
            [only] => only.url.clone(),
            _ => format!("{} of {}", self.threshold, self.urls().join(", ")),
        }
    }

    /// The servers of the site, for a layout with something to open.
    pub(crate) fn of_layout(tang: Option<&Self>, layout: &Layout) -> Option<Self> {
        tang.filter(|_| layout.is_encrypted()).cloned()
    }
}
