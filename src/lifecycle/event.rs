//! What can happen to a node, and why it may be refused.

use serde::{Deserialize, Serialize};

use super::{AttemptId, TokenHash, WipeScope};

/// Which part of the work a failure belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The installer: kickstart, `%pre`, partitioning, packages, `%post`.
    Installer,
    /// The payload that runs from the node's own disk.
    Firstboot,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new attempt: by itself for a new node, else by an operator.
    Armed {
        /// Its public name.
        id: AttemptId,
        /// What its permit allows.
        scope: WipeScope,
    },
    /// An operator takes an unspent permit back.
    Disarmed,
    /// The site file ends an arming: the node is no longer in it, or is not what the permit was given for.
    Withdrawn {
        /// Which of it, in words.
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
        /// The caller.
        token: TokenHash,
        /// The disk that will be written, in words.
        disk: String,
    },
    /// `%pre` refused the disk, or a script of the installer failed.
    InstallerStopped {
        /// The token of the node that reports it.
        token: TokenHash,
        /// In its words.
        reason: String,
    },
    /// The installer told what is on the disks.
    Attested {
        /// The token of the node that reports it.
        token: TokenHash,
        /// What is not as planned, line by line; empty when everything is.
        differences: Vec<String>,
    },
    /// The end of `%post`.
    Installed {
        /// The token of the node that reports it.
        token: TokenHash,
    },
    /// Firstboot started, or started, finished or waits for a step.
    Working {
        /// The token of the node that reports it.
        token: TokenHash,
    },
    /// A firstboot step failed.
    StepFailed {
        /// The token of the node that reports it.
        token: TokenHash,
        /// Step and last lines.
        reason: String,
    },
    /// Every step is verified.
    Ready {
        /// The token of the node that reports it.
        token: TokenHash,
    },
    /// No report for too long.
    Overdue {
        /// Since when, in words.
        reason: String,
    },
    /// Nobody fetched the installer in time after an arming that wipes.
    Expired,
    /// An operator declares an installer or a firstboot dead.
    GivenUp {
        /// In the operator's words.
        reason: String,
    },
    /// Somebody else used what only this node can know, or the node is not the machine it was.
    Suspected {
        /// What was seen, in one sentence.
        why: String,
    },
    /// An operator looked into it and trusts the node again.
    Cleared,
}

/// Why an event changes nothing. The text is what the sender is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The token belongs to no current attempt.
    #[error("this attempt is over: reboot the node to join the current one")]
    OldAttempt,
    /// An earlier boot of the current attempt.
    #[error("a newer boot of this node took over this attempt: this boot may not touch the disk")]
    OldBoot,
    /// Facts of a boot that has not asked for its disks.
    #[error("this boot has not redeemed its wipe permit, so none of its disks can be as planned yet")]
    NotRedeemed,
    /// The permit was redeemed by another boot.
    #[error("the wipe permit is spent: it is valid once, for one boot; arm the node again with `rackstart reimage`")]
    PermitSpent,
    /// One permit, one choice of disks: a repeated question gets the same answer or none.
    #[error("the wipe permit of this boot was redeemed for other disks; arm the node again with `rackstart reimage`")]
    OtherDisks,
    /// The end of an installation that was not compared with its plan, or is not like it.
    #[error("the disks of this attempt are not known to be as planned: its installer must send them to /facts first")]
    NotAttested,
    /// Only an armed node gets the installer.
    #[error("the node is {0}, not armed")]
    NotArmed(&'static str),
    /// Arming would pull the rug from under a running installer.
    #[error("the node is installing: wait, or power-cycle it; it is then failed and can be armed again")]
    Busy,
    /// A blank-disk arm of an installed node.
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
    /// Somebody else read first, or it was read long ago.
    #[error("another reader already had what this boot is given")]
    AnotherReader,
    /// There is nothing to accept.
    #[error("no other machine was seen as this node: there is nothing to accept")]
    NoOtherMachine,
    /// The payload is for an installer at work.
    #[error("the node is {0}, not installing")]
    NotInstalling(&'static str),
    /// A newer payload is for a system that runs.
    #[error("the node is {0}: no newer payload is for it")]
    NotRunning(&'static str),
    /// The flag is set, or is not, already.
    #[error("the node is {0}")]
    FlaggedSo(&'static str),
    /// The event says nothing new in this state.
    #[error("nothing to do in this state")]
    NothingToDo,
}
