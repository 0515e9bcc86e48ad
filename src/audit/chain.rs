//! The hash chain: what is hashed, and how a whole log is verified.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{AuditLine, Head};
use crate::hex::hex;
use crate::one_line::one_line;

/// A SHA-256 hash of the chain so far, written as hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// The hash before the first line.
    pub(crate) const START: Self = Self([0; 32]);
}

/// Why a text is not the hash of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chain hash is 64 hexadecimal digits")]
pub struct NoChainHash;

impl FromStr for ChainHash {
    type Err = NoChainHash;

    fn from_str(text: &str) -> Result<Self, NoChainHash> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(NoChainHash);
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| NoChainHash)?;
        }
        Ok(Self(bytes))
    }
}

one_line!(ChainHash);

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl AuditLine {
    /// Whether this line was written after a line with the hash `before`.
    pub(crate) fn follows(&self, before: &ChainHash) -> bool {
        self.hash == self.chained_to(before)
    }

    /// The hash that this line must have after a line with the hash `before`. Each field is preceded by its length, so
    /// that no two different lines hash the same bytes.
    pub(super) fn chained_to(&self, before: &ChainHash) -> ChainHash {
        let mut digest = Sha256::new();
        digest.update(b"rackstart audit line, version 1");
        digest.update(before.0);
        digest.update(self.id.to_be_bytes());
        digest.update(self.at.to_be_bytes());
        for field in [&self.actor.how, &self.actor.from, &self.action, &self.subject, &self.detail, &self.outcome] {
            digest.update((field.len() as u64).to_be_bytes());
            digest.update(field.as_bytes());
        }
        ChainHash(digest.finalize().into())
    }
}

/// What is wrong with a log, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "problem", rename_all = "kebab-case")]
pub enum Broken {
    /// A line is missing.
    #[error("line {expected} is missing: the next one is line {found}")]
    Missing {
        /// The number that should follow.
        expected: u64,
        /// The number that was found in its place.
        found: u64,
    },
    /// A line differs from what was originally written.
    #[error("line {id} was edited or inserted, or follows a line that was")]
    Edited {
        /// Number of the line.
        id: u64,
    },
    /// The log ends before a head that is known from elsewhere.
    #[error("the log ends at line {last}, but {place} knows line {known}: the end of the log was cut off")]
    Cut {
        /// Number of the last line.
        last: u64,
        /// Number of the known head.
        known: u64,
        /// Where the head is known from.
        place: String,
    },
    /// The log is a valid chain, but not the one that a known head belongs to.
    #[error("line {id} differs from the one that {place} knows: the log was rewritten from that line or earlier")]
    OtherChain {
        /// Number of the line.
        id: u64,
        /// Where the head is known from.
        place: String,
    },
    /// A head that is recorded elsewhere cannot be read.
    #[error("{place} cannot be read: {why}")]
    Unknown {
        /// Where the head should be recorded.
        place: String,
        /// Why it could not be read.
        why: String,
    },
}

/// A log whose chain is intact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntactLog {
    /// The end of the chain.
    pub head: Head,
}

/// Verifies the chain of the lines, which must be ordered by number, and that every known head lies on it. `known`
/// lists heads and the places they are known from.
pub(crate) fn verify<'a>(
    lines: impl Iterator<Item = &'a AuditLine>,
    known: &[(Head, String)],
) -> Result<IntactLog, Broken> {
    let mut head = Head::START;
    let on_chain = |line: &Head| match known.iter().find(|(known, _)| known.id == line.id && known.hash != line.hash) {
        Some((_, place)) => Err(Broken::OtherChain { id: line.id, place: place.clone() }),
        None => Ok(()),
    };
    on_chain(&head)?;
    for line in lines {
        if line.id != head.id + 1 {
            return Err(Broken::Missing { expected: head.id + 1, found: line.id });
        }
        if line.hash != line.chained_to(&head.hash) {
            return Err(Broken::Edited { id: line.id });
        }
        head = Head { id: line.id, hash: line.hash };
        on_chain(&head)?;
    }
    match known.iter().find(|(known, _)| known.id > head.id) {
        Some((known, place)) => Err(Broken::Cut { last: head.id, known: known.id, place: place.clone() }),
        None => Ok(IntactLog { head }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Actor, Order};
    use super::*;

    fn log(count: u64) -> Vec<AuditLine> {
        let mut head = Head::START;
        let line = |n| {
            let order = Order::new(&Actor::socket(0, Some(7)), "reimage", format!("compute{n}")).detail("wipes sda");
            let line = AuditLine::after(&head, 1000 + n, &order, "done");
            head = Head { id: line.id, hash: line.hash };
            line
        };
        (0..count).map(line).collect()
    }

    fn head(lines: &[AuditLine]) -> Head {
        let last = lines.last().unwrap();
        Head { id: last.id, hash: last.hash }
    }

    #[test]
    fn every_single_edit_of_every_field_is_found() {
        let lines = log(5);
        let known = [(head(&lines), "the anchor".to_string())];
        assert_eq!(verify(lines.iter(), &known).unwrap().head, known[0].0);
        type Edit = fn(&mut AuditLine);
        let edits: [Edit; 8] = [
            |line| line.at += 1,
            |line| line.actor.how.push('1'),
            |line| line.actor.from.push('1'),
            |line| line.action.push('1'),
            |line| line.subject.push('1'),
            |line| line.detail.push('1'),
            |line| line.outcome.push('1'),
            // Text that moves from one field to the next.
            |line| {
                let moved = line.action.pop().unwrap();
                line.subject.insert(0, moved);
            },
        ];
        for index in 0..lines.len() {
            for edit in edits {
                let mut edited = lines.clone();
                edit(&mut edited[index]);
                assert_eq!(verify(edited.iter(), &known), Err(Broken::Edited { id: index as u64 + 1 }));
            }
        }
    }

    #[test]
    fn a_line_that_is_removed_put_in_or_swapped_is_found() {
        let lines = log(5);
        for index in 0..4 {
            let mut without = lines.clone();
            without.remove(index);
            let expected = index as u64 + 1;
            assert_eq!(verify(without.iter(), &[]), Err(Broken::Missing { expected, found: expected + 1 }));
            // The lines after the removed one are renumbered, so that no number is missing.
            for (n, line) in without.iter_mut().enumerate() {
                line.id = n as u64 + 1;
            }
            assert_eq!(verify(without.iter(), &[]), Err(Broken::Edited { id: expected }));
        }
        let mut swapped = lines.clone();
        swapped.swap(1, 2);
        assert!(verify(swapped.iter(), &[]).is_err());
        let mut put_in = lines.clone();
        put_in.insert(2, lines[1].clone());
        assert!(verify(put_in.iter(), &[]).is_err());
    }

    #[test]
    fn an_end_that_was_cut_off_and_a_log_written_anew_are_found_by_a_known_head() {
        let lines = log(5);
        let known = [(head(&lines), "the anchor".to_string())];
        assert!(verify(lines[..3].iter(), &[]).is_ok(), "without a known head the rest is a log like any other");
        let cut = Broken::Cut { last: 3, known: 5, place: "the anchor".into() };
        assert_eq!(verify(lines[..3].iter(), &known), Err(cut));
        let mut anew = log(6);
        anew[1].detail = "nothing".into();
        let mut last = Head { id: 1, hash: anew[0].hash };
        for line in &mut anew[1..] {
            line.hash = line.chained_to(&last.hash);
            last = Head { id: line.id, hash: line.hash };
        }
        assert!(verify(anew.iter(), &[]).is_ok());
        assert_eq!(verify(anew.iter(), &known), Err(Broken::OtherChain { id: 5, place: "the anchor".into() }));
    }

    #[test]
    fn a_head_reads_back_and_line_breaks_never_reach_the_log() {
        let known = head(&log(2));
        assert_eq!(known.to_string().parse(), Ok(known));
        assert!("7:abc".parse::<Head>().is_err());
        let order = Order::new(&Actor::daemon(), "a\nb", "x\u{1b}[2J");
        let line = AuditLine::after(&Head::START, 1, &order, "done");
        assert_eq!((line.action.as_str(), line.subject.as_str()), ("a b", "x [2J"));
    }
}
