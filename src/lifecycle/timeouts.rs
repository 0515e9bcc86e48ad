//! How long a node may stay in a state without reporting. It is one table; the watchdog only compares it with the
//! clock.
//!
//! `new`, `ready`, `failed` and `suspect` wait for a person and have no limit. An arming for a blank disk that was
//! never booted has none either: it can cost no data, and a rack may be powered on days after it was described.

use super::{Event, Flags, State};

/// A phase in which a node may be stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The node is armed to wipe, and the installer was not fetched yet.
    Waiting,
    /// The node is armed and the installer was booted, but its `%pre` has not asked for the permit yet.
    Booting,
    /// The permit is spent and the installer is running.
    Installing,
    /// Firstboot is running.
    Firstboot,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeout {
    pub phase: Phase,
    /// The limit in seconds.
    pub seconds: u64,
    /// What is said about the node when the limit is over.
    pub words: &'static str,
}

/// The whole table. The first row is the default of `server.arming_minutes`.
///
/// Booting: the installer loads its image and looks for its disk, which takes minutes on a slow network. Installing:
/// Anaconda sends no report while it installs packages. Firstboot: a step may run for half an hour; a node that waits
/// for another one reports every minute.
pub(crate) const TIMEOUTS: [Timeout; 4] = [
    Timeout { phase: Phase::Waiting, seconds: 7200, words: "its arming expired: the installer was not fetched" },
    Timeout { phase: Phase::Booting, seconds: 3600, words: "the installer was booted and never asked for its permit" },
    Timeout { phase: Phase::Installing, seconds: 3600, words: "the installer said nothing" },
    Timeout { phase: Phase::Firstboot, seconds: 2700, words: "firstboot said nothing" },
];

impl Phase {
    /// The phase of a state, if the state has a limit.
    pub(crate) fn of(state: &State) -> Option<Self> {
        match state {
            State::Armed { attempt, .. } if attempt.boots > 0 => Some(Self::Booting),
            State::Armed { attempt, .. } if attempt.scope.wipes() => Some(Self::Waiting),
            State::Installing { .. } => Some(Self::Installing),
            State::Firstboot { .. } => Some(Self::Firstboot),
            _ => None,
        }
    }

    /// The row of this phase.
    pub(crate) fn timeout(self) -> Timeout {
        let row = TIMEOUTS.iter().find(|row| row.phase == self);
        *row.expect("every phase has a row; a test walks them")
    }
}

/// When things happened to a node, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moments {
    /// When it was armed.
    pub armed: u64,
    /// When it was last heard from.
    pub heard: u64,
    /// When the daemon started. No node could report while it was away, so silence counts from here at the earliest.
    pub started: u64,
}

/// The event that is due for a node that has been in its state for too long; none while it is in time, or in
/// maintenance. `arming` is how long an arming that wipes waits for its first boot, in seconds.
pub(crate) fn overdue(state: &State, flags: Flags, moments: Moments, arming: u64, now: u64) -> Option<Event> {
    let row = Phase::of(state)?.timeout();
    if flags.maintenance {
        return None;
    }
    if row.phase == Phase::Waiting {
        // A permit must not outlive its hours because a clock was set back, so the difference counts in both
        // directions.
        return (now.abs_diff(moments.armed) > arming).then_some(Event::Expired);
    }
    let silence = now.saturating_sub(moments.heard.max(moments.started));
    let reason = format!("{} for {} minutes; look at the node's console", row.words, silence / 60);
    (silence > row.seconds).then_some(Event::Overdue { reason })
}
