//! How long a node may stay where it is without a word. One table; the watchdog only holds the clock beside it.
//!
//! `new`, `ready`, `failed` and `suspect` wait for a person and have no limit. Neither has an arming for a blank disk that
//! was never booted: it can cost no data, and a rack may be powered on days after it was described.

use super::{Event, Flags, State};

/// Where a node may be stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Armed to wipe, and the installer was not fetched yet.
    Waiting,
    /// Armed, and the installer was booted; its `%pre` did not ask for the permit yet.
    Booting,
    /// The permit is spent, the installer is at work.
    Installing,
    /// Firstboot is at work.
    Firstboot,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeout {
    /// Where.
    pub phase: Phase,
    /// How long, in seconds.
    pub seconds: u64,
    /// What is said of the node when it is over.
    pub words: &'static str,
}

/// The whole table. The first row is the default of `server.arming_minutes`.
///
/// Booting: the installer loads its image and looks for its disk, which takes minutes on a slow network. Installing:
/// Anaconda says nothing while it installs packages. Firstboot: a step may run for half an hour; a node that waits for
/// another one reports every minute.
pub(crate) const TIMEOUTS: [Timeout; 4] = [
    Timeout { phase: Phase::Waiting, seconds: 7200, words: "its arming expired: the installer was not fetched" },
    Timeout { phase: Phase::Booting, seconds: 3600, words: "the installer was booted and never asked for its permit" },
    Timeout { phase: Phase::Installing, seconds: 3600, words: "the installer said nothing" },
    Timeout { phase: Phase::Firstboot, seconds: 2700, words: "firstboot said nothing" },
];

impl Phase {
    /// The phase of a state, if it has a limit.
    pub(crate) fn of(state: &State) -> Option<Self> {
        match state {
            State::Armed { attempt, .. } if attempt.boots > 0 => Some(Self::Booting),
            State::Armed { attempt, .. } if attempt.scope.wipes() => Some(Self::Waiting),
            State::Installing { .. } => Some(Self::Installing),
            State::Firstboot { .. } => Some(Self::Firstboot),
            _ => None,
        }
    }

    /// Its row.
    pub(crate) fn timeout(self) -> Timeout {
        let row = TIMEOUTS.iter().find(|row| row.phase == self);
        *row.expect("every phase has a row; a test walks them")
    }
}

/// When things happened to a node, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moments {
    /// It was armed.
    pub armed: u64,
    /// It was last heard of.
    pub heard: u64,
    /// The daemon started. Nobody could report while it was away, so silence counts from here at the earliest.
    pub started: u64,
}

/// What has to happen to a node that has been where it is for too long; none while it is in time, or in maintenance.
/// `arming` is how long an arming that wipes waits for its first boot, in seconds.
pub(crate) fn overdue(state: &State, flags: Flags, moments: Moments, arming: u64, now: u64) -> Option<Event> {
    let row = Phase::of(state)?.timeout();
    if flags.maintenance {
        return None;
    }
    if row.phase == Phase::Waiting {
        // A permit must not outlive its hours because a clock was set back: any distance counts.
        return (now.abs_diff(moments.armed) > arming).then_some(Event::Expired);
    }
    let silence = now.saturating_sub(moments.heard.max(moments.started));
    let reason = format!("{} for {} minutes; look at the node's console", row.words, silence / 60);
    (silence > row.seconds).then_some(Event::Overdue { reason })
}
