//! The audit log: who did what, to what, when and from where, in an append-only chain. Each line carries the SHA-256 of
//! the line before it and of its own fields, so the chain breaks after a line that was edited, removed or inserted.

mod chain;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use chain::ChainHash;
pub(crate) use chain::{Broken, IntactLog, verify};

use crate::letters::is_unprintable;

/// The person or program that acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// How they proved who they are: `socket uid 0`, `token alice`, `console uid 0`, `node srv1`, `rackstart`.
    pub how: String,
    /// Where the order came from: `pid 4711`, `192.0.2.7`, `this machine`.
    pub from: String,
}

impl Actor {
    /// Somebody on the Unix socket of the daemon, identified by the kernel's peer credentials.
    pub(crate) fn socket(uid: u32, pid: Option<i32>) -> Self {
        let from = pid.map_or_else(|| "this machine".into(), |pid| format!("pid {pid}"));
        Self { how: format!("socket uid {uid}"), from }
    }

    /// Adds the user on whose behalf the actor claims to act (`SUDO_USER`). The claim is unverified, and the line says
    /// so.
    pub(crate) fn by_its_own_word_for(self, user: &str) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
        if user.is_empty() || user.len() > LONGEST_USER || !user.chars().all(is_plain) {
            return self;
        }
        Self { from: format!("{}; unverified: sudo of {user}", self.from), ..self }
    }

    /// The owner of an API token.
    pub(crate) fn token(name: &str, from: impl fmt::Display) -> Self {
        Self { how: format!("token {name}"), from: from.to_string() }
    }

    /// Somebody at a shell of this machine while no daemon runs.
    pub fn console(uid: u32) -> Self {
        Self { how: format!("console uid {uid}"), from: "this machine".into() }
    }

    /// A node, authenticated by the token of its boot.
    pub(crate) fn node(name: impl fmt::Display, from: impl fmt::Display) -> Self {
        Self { how: format!("node {name}"), from: from.to_string() }
    }

    /// The daemon itself, acting on a rule of the site file and not for a person.
    pub fn daemon() -> Self {
        Self { how: "rackstart".into(), from: "this machine".into() }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.how, self.from)
    }
}

/// The actions that concern every node of the site, although their subject is none of them.
pub const OF_ALL_NODES: [&str; 3] = ["stop", "lift-stop", "restore"];

/// An order that somebody gives, before it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The person or program that gives the order.
    pub actor: Actor,
    /// One word for the action: `arm`, `reimage`, `stop`, `reveal-secret`.
    pub action: String,
    /// The target: the name of a node, a secret or a token.
    pub subject: String,
    /// Further details in prose. Never a secret value.
    pub detail: String,
}

impl Order {
    /// An order without details.
    pub fn new(actor: &Actor, action: &str, subject: impl fmt::Display) -> Self {
        let (action, subject) = (action.into(), subject.to_string());
        Self { actor: actor.clone(), action, subject, detail: String::new() }
    }

    /// Adds details.
    pub fn detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = detail.to_string();
        self
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// The line number: 1, 2, 3, … without a gap.
    pub id: u64,
    /// When it happened, in Unix seconds.
    pub at: u64,
    /// The person or program that acted.
    #[serde(flatten)]
    pub actor: Actor,
    /// The action, in one word.
    pub action: String,
    /// The target of the action.
    pub subject: String,
    /// Details in prose.
    pub detail: String,
    /// `done`, or `refused: ` and the reason.
    pub outcome: String,
    /// The hash of the chain up to and including this line.
    pub hash: ChainHash,
}

impl AuditLine {
    /// The line that follows `head`. Control characters become spaces, so that an entry stays on one line wherever it
    /// is shown.
    pub(crate) fn after(head: &Head, at: u64, order: &Order, outcome: &str) -> Self {
        let mut line = Self {
            id: head.id + 1,
            at,
            actor: Actor { how: tame(&order.actor.how), from: tame(&order.actor.from) },
            action: tame(&order.action),
            subject: tame(&order.subject),
            detail: tame(&order.detail),
            outcome: tame(outcome),
            hash: ChainHash::START,
        };
        line.hash = line.chained_to(&head.hash);
        line
    }
}

/// The end of the chain. With a known head one can tell whether a log is that log or a continuation of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of the last line; 0 before the first one.
    pub id: u64,
    /// Its hash.
    pub hash: ChainHash,
}

impl Head {
    /// An empty log.
    pub(crate) const START: Self = Self { id: 0, hash: ChainHash::START };
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.hash)
    }
}

impl std::str::FromStr for Head {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.trim().split_once(':');
        let head = parts.and_then(|(id, hash)| Some(Self { id: id.parse().ok()?, hash: hash.parse().ok()? }));
        head.ok_or_else(|| "a head is the number of a line, a colon and 64 hexadecimal digits".into())
    }
}

fn tame(text: &str) -> String {
    text.chars().take(MAX_FIELD_CHARS).map(|c| if is_unprintable(c) { ' ' } else { c }).collect()
}

/// The longest user name that is recorded, in bytes.
const LONGEST_USER: usize = 64;

/// The longest field, in characters.
const MAX_FIELD_CHARS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_says_of_itself_is_marked_as_unverified_or_left_out() {
        let said = |user: &str| Actor::socket(0, Some(7)).by_its_own_word_for(user).to_string();
        assert_eq!(said("alice"), "socket uid 0 (pid 7; unverified: sudo of alice)");
        for nonsense in ["", "a b", "eve) done", "a\nb", &"x".repeat(65)] {
            assert_eq!(said(nonsense), "socket uid 0 (pid 7)", "{nonsense}");
        }
    }
}
