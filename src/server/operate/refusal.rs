//! Why an order was not carried out.

use crate::lifecycle::{Refused, blast};
use crate::power::Fault;
use crate::render::RenderError;
use crate::site::Site;
use crate::store::{BackupError, ChangeError, DecideError, SecretsError};

/// Longest reason an operator may give, in characters.
const LONGEST_REASON: usize = 300;

/// A refusal; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The site that the daemon serves has no such node.
    #[error("the running daemon knows no node called `{0}`")]
    UnknownNode(String),
    /// The passphrase that disks were encrypted with cannot be replaced.
    #[error(
        "the disks of {0} open with the passphrase that is stored; with another one in its place nobody could start that node again"
    )]
    DisksOpenWith(String),
    /// A password that somebody else gives.
    #[error("the password at {0} is not made here: change it there, then give it with `rackstart secrets set`")]
    OthersPassword(String),
    /// No node was named.
    #[error("no node was named")]
    Nobody,
    /// A reason that cannot be stored.
    #[error("a reason is one line of text of at most {LONGEST_REASON} characters, and not empty")]
    Reason,
    /// Too many nodes at once, or a node that is never armed.
    #[error("{}", list(.0))]
    Blast(Vec<blast::Objection>),
    /// What should be kept is not recorded, or does not fit the plan.
    #[error("{node}: {why}")]
    CannotKeep {
        /// The node.
        node: String,
        /// The reason.
        why: String,
    },
    /// The kernel did not list the cards of this machine, so this machine cannot be told from a node.
    #[error("the network cards of this machine cannot be read: {0}; nothing is armed without that")]
    OwnCardsUnknown(String),
    /// The lifecycle refuses it in this state.
    #[error("{node}: {refused}")]
    State {
        /// The node.
        node: String,
        /// The reason.
        refused: Refused,
    },
    /// The node is in a state in which the order has no meaning.
    #[error("there is nothing to do for `{action}`: {node} is {state}")]
    NothingToDo {
        /// The node.
        node: String,
        /// The order.
        action: String,
        /// The node's state.
        state: &'static str,
    },
    /// Another site file was loaded between the check and the arming.
    #[error("the site file was edited at this very moment, so nothing was armed: check it and try again")]
    SiteEdited,
    /// There is nothing to lift.
    #[error("installations are not stopped")]
    NotStopped,
    /// The clock of this server cannot be right, and the expiry of armings depends on it.
    #[error("{0}")]
    Clock(String),
    /// The blueprint declares no such secret. The text repeats no value.
    #[error("{0}")]
    UnknownSecret(String),
    /// A text that cannot be a secret, or the head of an audit log.
    #[error("{0}")]
    Unreadable(String),
    /// The secrets cannot be opened, or not be changed like this.
    #[error(transparent)]
    Secrets(SecretsError),
    /// A member of the socket's group asked for something that only the owner may do.
    #[error("{0}")]
    NotOwner(&'static str),
    /// The store could not be copied.
    #[error("cannot copy the store below its own directory: {0}; is its disk full?")]
    Copy(String),
    /// No installer of the node has sent a log.
    #[error("there is no log of {0}")]
    NoLog(String),
    /// The node has logs, but none of this attempt.
    #[error("{node} has no log of an attempt `{}`", attempt.escape_debug())]
    NoSuchAttempt {
        /// The node.
        node: String,
        /// The attempt that was asked for.
        attempt: String,
        /// The attempts with a log, the oldest first.
        attempts: Vec<String>,
    },
    /// A template failed on the site that it was tested on.
    #[error("rackstart could not render this: {0}")]
    Render(String),
    /// The site file says nothing about the power of the node.
    #[error("the site file names no BMC of {0}")]
    NoBmc(String),
    /// The BMC did not do it, or nothing could be asked of it.
    #[error("{node}: {fault}")]
    Bmc {
        /// The node.
        node: String,
        /// What went wrong.
        fault: Fault,
    },
    /// The store did not accept the order.
    #[error(transparent)]
    Store(#[from] ChangeError),
}

impl From<SecretsError> for Refusal {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Store(lost) => Self::Store(lost),
            other => Self::Secrets(other),
        }
    }
}

impl From<BackupError> for Refusal {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Store(lost) => Self::Store(lost),
            BackupError::Copy(why) => Self::Copy(why),
        }
    }
}

impl From<RenderError> for Refusal {
    fn from(error: RenderError) -> Self {
        tracing::error!(%error, "a template failed although `check` passed");
        Self::Render(error.to_string())
    }
}

impl Refusal {
    /// What to do about it, one hint per line; may be empty.
    pub(crate) fn help(&self) -> Vec<String> {
        let refusals = match self {
            Self::Blast(refusals) => refusals,
            Self::NoBmc(_) => return vec![NO_BMC.into()],
            Self::Bmc { fault, .. } => return vec![fault.help.clone()],
            Self::NoLog(_) => return vec![NO_LOG.into()],
            Self::NoSuchAttempt { attempts, .. } => {
                return vec![format!("attempts with a log, the oldest first: {}", attempts.join(", "))];
            }
            Self::State { node, refused: Refused::NotArmed(_) } => return vec![applies(node, "disarm")],
            Self::NothingToDo { node, action, .. } => return vec![applies(node, action)],
            Self::DisksOpenWith(_) => {
                return vec!["change it on the node itself, with `cryptsetup luksChangeKey`, and keep it apart".into()];
            }
            Self::OthersPassword(_) => {
                return vec!["`rackstart secrets set` reads it from the terminal or a pipe".into()];
            }
            Self::UnknownNode(_) => return vec!["`rackstart status` lists the nodes".into()],
            Self::NotStopped => {
                return vec!["there is nothing to lift; `rackstart status` says what each node waits for".into()];
            }
            Self::Copy(_) => return vec!["make room there and try again; the store itself is not affected".into()],
            Self::Store(ChangeError::NoRoom) => {
                return vec!["make room on the disk of `server.state` and try again; no restart is needed".into()];
            }
            Self::Store(ChangeError::Stopped) => {
                return vec!["start the daemon again; its log says why it ended".into()];
            }
            Self::SiteEdited => return vec!["`rackstart status` shows the site as it is now".into()],
            _ => return Vec::new(),
        };
        let mut lines: Vec<String> = Vec::new();
        for line in refusals.iter().map(blast::Objection::help) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    pub(super) fn of(site: &Site, error: DecideError<Self>) -> Self {
        match error {
            DecideError::Judged(refusal) => refusal,
            DecideError::Refused(refused) => {
                let node = site.node_by_mac(refused.mac);
                let node = node.map_or(refused.mac.to_string(), |node| node.name.to_string());
                Self::State { node, refused: refused.refused }
            }
            DecideError::Store(lost) => Self::Store(lost),
        }
    }
}

/// When an order would have something to do.
fn applies(node: &str, action: &str) -> String {
    match action {
        "disarm" => format!(
            "only an armed node is disarmed; `rackstart disarm {node} --give-up REASON` ends an installation that is dead"
        ),
        "give-up" => "only what is installing or in firstboot can be given up".into(),
        "clear-suspect" => "only a suspect node is cleared".into(),
        _ => format!("`rackstart explain {node}` says what the node is doing"),
    }
}

const NO_LOG: &str =
    "a log begins with the first line that an installer sends by syslog; with `[server] syslog = false` there is none";

const NO_BMC: &str =
    "add `power = { redfish = \"https://…\", user = \"…\", fingerprint = \"…\" }` to the node and reload";

/// How many reasons are listed; the rest is counted.
const SAID: usize = 20;

fn list(refusals: &[blast::Objection]) -> String {
    let mut lines: Vec<String> = refusals.iter().take(SAID).map(ToString::to_string).collect();
    if refusals.len() > SAID {
        lines.push(format!("and {} more reasons", refusals.len() - SAID));
    }
    lines.join("\n")
}

/// Checks a reason and returns it as it is stored.
pub(super) fn reason(text: &str) -> Result<String, Refusal> {
    let is_line = text.chars().count() <= LONGEST_REASON && !text.chars().any(char::is_control);
    let text = text.trim();
    if is_line && !text.is_empty() { Ok(text.into()) } else { Err(Refusal::Reason) }
}
