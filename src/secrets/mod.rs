//! The passwords of a cloud: which ones the blueprint declares, which ones each node may have, and how texts are kept
//! free of them.

mod redact;
mod renewal;

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

pub(crate) use redact::Redactor;
pub(crate) use renewal::{Question, RenewalKey, SITE_SECRET};

use crate::letters::is_unprintable;
use crate::site::{Blueprint, SecretSpec};

/// What is printed in place of a secret that is not meant to be read.
pub(crate) const MASK: &str = "***";
/// The secret that opens the encrypted disks of all nodes.
pub(crate) const DISK_PASSPHRASE: &str = "DISK_PASSPHRASE";
/// Length of a generated secret in characters: 190 bits of randomness.
pub(crate) const LENGTH: usize = 32;
/// Characters that need no quoting in any configuration file, URL or shell.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// One secret value. It prints and serialises as `***`, and its memory is wiped on drop.
#[derive(Clone)]
pub struct SecretValue(SecretString);

impl SecretValue {
    /// Accepts an operator's value, or says why it cannot be a secret.
    pub fn new(text: String) -> Result<Self, ValueError> {
        let length = text.chars().count();
        if text.contains(is_unprintable) {
            return Err(ValueError::Unprintable);
        }
        match length {
            0..8 => Err(ValueError::Short(length)),
            257.. => Err(ValueError::Long(length)),
            _ => Ok(Self(text.into())),
        }
    }

    /// Accepts a value from the store without checking it: a rule that was added later does not make it unusable.
    pub(crate) fn kept(text: String) -> Self {
        Self(text.into())
    }

    /// Makes a value from random bytes; `None` when too few of them were usable. Bytes from 248 up are skipped, because
    /// they would make the first letters more frequent than the last ones.
    pub(crate) fn from_random(bytes: &[u8]) -> Option<Self> {
        let usable = bytes.iter().filter(|byte| **byte < 248).take(LENGTH);
        let text: String = usable.map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect();
        (text.len() == LENGTH).then(|| Self(text.into()))
    }

    /// The plain value: for its own node, for an owner who asks to see it, and for sealing.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Why a text cannot be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Too short to keep anybody out, or to be told from other words in a log.
    #[error("a secret has at least 8 characters, this has {0}")]
    Short(usize),
    /// Longer than a configuration line can carry.
    #[error("a secret has at most 256 characters, this has {0}")]
    Long(usize),
    /// Contains characters that would not arrive unchanged.
    #[error("a secret has printable characters only: no line breaks, tabs or invisible marks")]
    Unprintable,
}

impl PartialEq for SecretValue {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.reveal().as_bytes(), other.reveal().as_bytes()).into()
    }
}

impl Eq for SecretValue {}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for SecretValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// Secrets by name.
pub(crate) type Secrets = BTreeMap<String, SecretValue>;

/// The secrets that the nodes use: the paper's values where the site asks for them and the operator set no others,
/// otherwise the stored ones.
pub(crate) fn in_use(blueprint: &Blueprint, stored: &Secrets, set: impl Fn(&str) -> bool, paper: bool) -> Secrets {
    let value = |name: &str, spec: &SecretSpec| match &spec.paper {
        Some(value) if paper && !set(name) => Some(SecretValue(value.clone().into())),
        _ => stored.get(name).cloned(),
    };
    let declared = blueprint.secrets.iter();
    declared.filter_map(|(name, spec)| Some((name.clone(), value(name, spec)?))).collect()
}

/// The declared secrets that a node with these targets may have; secrets of other roles are left out.
pub(crate) fn of_targets<'a>(
    blueprint: &'a Blueprint,
    targets: &'a [String],
) -> impl Iterator<Item = (&'a String, &'a SecretSpec)> {
    blueprint.secrets.iter().filter(|(_, spec)| spec.targets.iter().any(|target| targets.contains(target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_nowhere() {
        let secret = SecretValue::new("correct horse".into()).unwrap();
        let texts = [format!("{secret} {secret:?} {:?}", Some(&secret)), serde_json::to_string(&secret).unwrap()];
        assert!(texts.iter().all(|text| text.contains("***") && !text.contains("horse")), "{texts:?}");
        assert_eq!(secret.reveal(), "correct horse");
    }

    #[test]
    fn generated_values_are_32_letters_and_digits_each_as_likely_as_the_others() {
        let all: Vec<u8> = (0..=255).collect();
        let value = SecretValue::from_random(&all).unwrap();
        assert!(value.reveal().len() == 32 && value.reveal().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(SecretValue::from_random(&[255; 64]).is_none() && SecretValue::from_random(&[0; 31]).is_none());
        let mut counts = BTreeMap::new();
        for byte in 0..248u8 {
            *counts.entry(SecretValue::from_random(&[byte; 32]).unwrap().reveal().to_string()).or_insert(0) += 1;
        }
        assert!(counts.len() == 62 && counts.values().all(|count| *count == 4));
    }

    #[test]
    fn what_would_not_arrive_as_it_is_is_no_secret() {
        let new = |text: &str| SecretValue::new(text.into());
        for good in ["eight...", "pässwörd mit 'allem' \"und\" $(x) \\ # %end `y`", &"x".repeat(256)] {
            assert_eq!(new(good).unwrap().reveal(), good);
        }
        for bad in ["two\nlines", "tab\tstop", "nul\0nul!", "esc\u{1b}[2Jx", "bidi\u{202e}abcd", "soft\u{ad}hyphen"] {
            assert_eq!(new(bad), Err(ValueError::Unprintable), "{bad:?}");
        }
        assert_eq!(new("1234567"), Err(ValueError::Short(7)));
        assert_eq!(new(&"x".repeat(257)), Err(ValueError::Long(257)));
    }
}
