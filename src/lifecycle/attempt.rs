//! One attempt to install a node: its public id, its wipe permit, and the secret token of each of its boots.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::hex::hex;

/// Names an attempt in logs, `status` and the store. It is not secret: knowing it grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(String);

impl AttemptId {
    /// Makes an id from random bytes.
    pub fn from_random(bytes: [u8; 4]) -> Self {
        Self(hex(&bytes))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret of one boot (128 bits). It is minted into the boot script, known to that boot alone, and never stored.
/// `Debug` shows only a prefix, so it cannot leak through a log line.
#[derive(Clone, PartialEq, Eq)]
pub struct BootToken(String);

impl BootToken {
    /// Makes a token from bytes of the operating system's random source.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(hex(&bytes))
    }

    /// Reads a token from a URL: exactly 32 lower-case hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 32 && text.bytes().all(digit)).then(|| Self(text.into()))
    }

    /// The text that goes into URLs. Call it only to render what its own boot receives.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The SHA-256 hash under which the token is stored and looked up.
    pub fn hash(&self) -> TokenHash {
        TokenHash(hex(&Sha256::digest(self.0.as_bytes())))
    }
}

impl fmt::Debug for BootToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.0[..6])
    }
}

/// SHA-256 of a [`BootToken`], in hexadecimal.
#[derive(Debug, Clone, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash(String);

impl std::hash::Hash for TokenHash {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for TokenHash {
    /// Compares in constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// The scope of an attempt's wipe permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WipeScope {
    /// Only a disk without any signature, as for every first install.
    BlankDiskOnly,
    /// Also a disk with data, because an operator asked for a reimage.
    DestroyData,
    /// A disk with data. Only the volume groups that the site file keeps survive; the rest is created anew in place.
    KeepVolumeGroups,
}

impl WipeScope {
    /// Whether data may be lost.
    pub(crate) fn wipes(self) -> bool {
        self != Self::BlankDiskOnly
    }
}

impl fmt::Display for WipeScope {
    /// Completes the sentence "the installer …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BlankDiskOnly => "installs if the disk is blank",
            Self::DestroyData => "WIPES the disk",
            Self::KeepVolumeGroups => "WIPES the disk except for the volume groups to keep",
        })
    }
}

/// One attempt to install a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The public name of the attempt.
    pub id: AttemptId,
    /// The scope of its permit.
    pub scope: WipeScope,
    /// How many installer boot scripts were served for it.
    pub boots: u8,
    /// The newest boot; only this one may redeem the permit.
    pub newest_boot: Option<TokenHash>,
    /// The boot that redeemed the permit; set at most once, never cleared.
    pub redeemed_by: Option<TokenHash>,
    /// Whether the disks were found to be as planned. Until then the node does not count as installed.
    #[serde(default)]
    pub attested: bool,
}

impl Attempt {
    /// A fresh attempt with an unspent permit.
    pub(crate) fn new(id: AttemptId, scope: WipeScope) -> Self {
        Self { id, scope, boots: 0, newest_boot: None, redeemed_by: None, attested: false }
    }

    /// The boot that may speak for this attempt: the one that redeemed the permit, or else the newest.
    pub(crate) fn speaker(&self) -> Option<&TokenHash> {
        self.redeemed_by.as_ref().or(self.newest_boot.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_token_shows_only_a_prefix() {
        let token = BootToken::from_random([0xab; 16]);
        assert_eq!(format!("{token:?}"), "ababab…");
        assert_eq!(BootToken::parse(token.reveal()).unwrap().hash(), token.hash());
    }

    #[test]
    fn tokens_spread_in_a_table_as_their_hashes_do() {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        let slot =
            |token: u8| BuildHasherDefault::<DefaultHasher>::new().hash_one(BootToken::from_random([token; 16]).hash());
        assert_eq!(slot(1), slot(1));
        let slots: std::collections::BTreeSet<u64> = (0..100).map(slot).collect();
        assert_eq!(slots.len(), 100, "one slot for all would be searched from end to end for each request");
    }

    #[test]
    fn an_id_and_a_scope_read_as_people_see_them() {
        assert_eq!(AttemptId::from_random([0, 0x5f, 0xc8, 0x1a]).to_string(), "005fc81a");
        for (scope, words) in [
            (WipeScope::BlankDiskOnly, "the installer installs if the disk is blank"),
            (WipeScope::DestroyData, "the installer WIPES the disk"),
            (WipeScope::KeepVolumeGroups, "the installer WIPES the disk except for the volume groups to keep"),
        ] {
            assert_eq!(format!("the installer {scope}"), words);
        }
    }

    #[test]
    fn only_32_lower_case_hex_digits_are_a_token() {
        for bad in ["", "ab", &"A".repeat(32), &"g".repeat(32), &"a".repeat(33), "../../../../../../../../etc/passw"] {
            assert!(BootToken::parse(bad).is_none(), "{bad}");
        }
    }
}
