//! What can happen to a node, and why an event may be refused.

use serde::{Deserialize, Serialize};

use super::{AttemptId, TokenHash, WipeScope};

/// The part of the work that a failure belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The installer: kickstart, `%pre`, partitioning, packages, `%post`.
    Installer,
    /// The payload that runs from the node's own disk.
    Firstboot,
}

/// Something that happened to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new attempt: rackstart starts it for a new node, an operator for any other.
    Armed {
        /// The public name of the attempt.
        id: AttemptId,
        /// The scope of its permit.
        scope: WipeScope,
    },
    /// An operator disarms the node while its permit is unspent.
    Disarmed,
    /// The site file ends an arming: the node is no longer in it, or is no longer what the permit was given for.
    Withdrawn {
        /// Which of these it is, in prose.
        why: String,
    },
    /// A boot script with the installer is about to be served.
    BootScriptServed {
        /// The secret minted for this boot.
        token: TokenHash,
    },
    /// The node asked for a boot script although it should be installing.
    CameBackUnfinished,
    /// `%pre` asked for the storage commands.
    PermitRedeemed {
        /// The token of the caller.
        token: TokenHash,
        /// The disk that will be written, in prose.
        disk: String,
    },
    /// `%pre` refused the disk, or a script of the installer failed.
    InstallerStopped {
        /// The token of the node that reports it.
        token: TokenHash,
        /// The reason in the node's words.
        reason: String,
    },
    /// The installer reported what is on the disks.
    Attested {
        /// The token of the node that reports it.
        token: TokenHash,
        /// The differences from the plan, one line each; empty when everything is as planned.
        differences: Vec<String>,
    },
    /// `%post` ended.
    Installed {
        /// The token of the node that reports it.
        token: TokenHash,
    },
    /// Firstboot started, or it started, finished or waits for a step.
    Working {
        /// The token of the node that reports it.
        token: TokenHash,
    },
    /// A firstboot step failed.
    StepFailed {
        /// The token of the node that reports it.
        token: TokenHash,
        /// The step and the last lines of its output.
        reason: String,
    },
    /// Every step is verified.
    Ready {
        /// The token of the node that reports it.
        token: TokenHash,
    },
    /// The node has not reported for too long.
    Overdue {
        /// How long it has been silent, in prose.
        reason: String,
    },
    /// Nobody fetched the installer in time after an arming that wipes.
    Expired,
    /// An operator declares an installer or a firstboot dead.
    GivenUp {
        /// The reason in the operator's words.
        reason: String,
    },
    /// Somebody else used what only this node can know, or the node is a different machine now.
    Suspected {
        /// What was seen, in one sentence.
        why: String,
    },
    /// An operator looked into the suspicion and trusts the node again.
    Cleared,
}

/// Why an event changes nothing. The sender is told the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The token belongs to no current attempt.
    #[error("this attempt is over: reboot the node to join the current one")]
    OldAttempt,
    /// The token is that of an earlier boot of the current attempt.
    #[error("a newer boot of this node took over this attempt: this boot may not touch the disk")]
    OldBoot,
    /// The facts come from a boot that has not asked for its storage commands.
    #[error("this boot has not redeemed its wipe permit, so none of its disks can be as planned yet")]
    NotRedeemed,
    /// The permit was redeemed by another boot.
    #[error("the wipe permit is spent: it is valid once, for one boot; arm the node again with `rackstart reimage`")]
    PermitSpent,
    /// A permit allows one choice of disks: a repeated question gets the same answer or none.
    #[error("the wipe permit of this boot was redeemed for other disks; arm the node again with `rackstart reimage`")]
    OtherDisks,
    /// The installation ended before its disks were compared with the plan, or they differ from it.
    #[error("the disks of this attempt are not known to be as planned: its installer must send them to /facts first")]
    NotAttested,
    /// Only an armed node gets the installer.
    #[error("the node is {0}, not armed")]
    NotArmed(&'static str),
    /// Arming would disturb a running installer.
    #[error("the node is installing: wait, or power-cycle it; it is then failed and can be armed again")]
    Busy,
    /// A blank-disk arming of an installed node.
    #[error("the node is installed, so its disk is not blank: use `rackstart reimage` to wipe it")]
    NeedsReimage,
    /// The node is suspect.
    #[error("the node is suspect: look into it, then run `rackstart clear-suspect`")]
    Suspect,
    /// An operator protects the node.
    #[error("the node is protected: `rackstart unprotect` allows it again")]
    Protected,
    /// An operator works on the node.
    #[error("the node is in maintenance: `rackstart maintenance --off` ends it")]
    Maintenance,
    /// An operator stopped all installations of the site.
    #[error("installations are stopped: `rackstart stop --lift` allows them again")]
    Stopped,
    /// Another reader came first, or the first reading was long ago.
    #[error("another reader already received the secrets of this boot")]
    AnotherReader,
    /// No other machine is waiting to be accepted.
    #[error("no other machine was seen as this node: there is nothing to accept")]
    NoOtherMachine,
    /// The payload is for a running installer.
    #[error("the node is {0}, not installing")]
    NotInstalling(&'static str),
    /// A newer payload is for a running system.
    #[error("the node is {0}: it gets no newer payload")]
    NotRunning(&'static str),
    /// The flag already is as requested.
    #[error("the node is {0}")]
    FlaggedSo(&'static str),
    /// The event changes nothing in this state.
    #[error("nothing to do in this state")]
    NothingToDo,
}
