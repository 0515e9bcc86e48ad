//! What is stored about a node: versioned, so that a newer rackstart can read an older store, and an older one does not
//! misread a newer store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lifecycle::timeouts::Phase;
use crate::lifecycle::{Custody, Duty, Flags, Hardware, InstalledAs, Progress, Stage, State};
use crate::plan::{Facts, NodePlan};
use crate::site::Keepsakes;

/// The version of the format below. 2: suspect nodes and flags. 3: nodes that are `new` and held, and what a node was
/// installed as. 4: keepsakes by name. An older rackstart would ignore them.
const VERSION: u32 = 4;
/// The oldest version that can still be read; fields that it lacks have defaults.
const OLDEST: u32 = 1;

/// What the newest boot of an attempt was promised. Editing the site file cannot change it under a running installer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// The storage plan.
    pub plan: NodePlan,
    /// The kernel names of the disks by slot; empty until the permit is redeemed.
    pub disks: BTreeMap<String, String>,
    /// The volume groups that this attempt keeps.
    pub keep: Vec<String>,
    /// How this attempt installs the node; none in a record from before this was stored.
    #[serde(default)]
    pub installed_as: Option<InstalledAs>,
}

/// The storage that the last successful installation made, which a keeping reimage must find again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// What was promised.
    pub promise: Frozen,
    /// What was found on the disks and compared with the promise.
    pub facts: Facts,
}

/// One node as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// Where it is in its life.
    pub state: State,
    /// Its latest marks.
    pub progress: Progress,
    /// When `state` last changed, in Unix seconds.
    pub since: u64,
    /// When the node was last heard from, in Unix seconds.
    pub updated: u64,
    /// What the newest boot was promised; none before the first one.
    #[serde(default)]
    pub frozen: Option<Box<Frozen>>,
    /// What is on its disks, as far as our installation put it there. It outlives the attempt.
    #[serde(default)]
    pub installed: Option<Box<Installed>>,
    /// What that installation made the node, whatever the site file has said since. It outlives the attempt.
    #[serde(default)]
    pub installed_as: Option<Box<InstalledAs>>,
    /// Its first arming was disarmed: it is `new`, and is not armed automatically.
    #[serde(default)]
    pub held: bool,
    /// The flags that an operator set.
    #[serde(default)]
    pub flags: Flags,
    /// What was handed out for the token of the newest boot, and to whom.
    #[serde(default)]
    pub custody: Custody,
    /// The machine that the node is.
    #[serde(default)]
    pub hardware: Hardware,
    /// When it was last armed in a way that may cost data, in Unix seconds; the limit of wipes per minute counts these.
    #[serde(default)]
    pub armed_to_wipe: Option<u64>,
    /// The disks that our installer wrote last, in prose.
    #[serde(default)]
    pub written: Option<String>,
    /// What it wants back after a reimage, by name. It outlives the attempt, so that the node's peers recognise it.
    #[serde(default, alias = "gluster", deserialize_with = "super::earlier::keepsakes")]
    pub keepsakes: Keepsakes,
    /// The node's duty in the cloud.
    #[serde(default)]
    pub duty: Duty,
}

impl Record {
    /// A node to which nothing has happened yet.
    pub(crate) fn new(now: u64) -> Self {
        Self {
            version: VERSION,
            state: State::New,
            progress: Progress::default(),
            since: now,
            updated: now,
            frozen: None,
            installed: None,
            installed_as: None,
            held: false,
            flags: Flags::default(),
            custody: Custody::default(),
            hardware: Hardware::default(),
            armed_to_wipe: None,
            written: None,
            keepsakes: Keepsakes::new(),
            duty: Duty::default(),
        }
    }

    /// A node whose record differs from what was written. Nothing is known about it, so nothing may be done to it: it
    /// is suspect, and protected, because it may have been. Only an operator can clear both.
    pub(super) fn damaged(now: u64) -> Self {
        let why = "its record in the store is damaged, so nothing is known of it; when you know what is on its disks: \
                   `rackstart clear-suspect`, then `rackstart unprotect`, or restore a backup";
        let state = State::Suspect { previous: Box::new(State::New), why: why.into() };
        Self { state, flags: Flags { protected: true, maintenance: false }, ..Self::new(now) }
    }

    /// Whether the permit of its attempt is redeemed.
    pub(crate) fn has_spent_its_permit(&self) -> bool {
        self.state.attempt().is_some_and(|attempt| attempt.redeemed_by.is_some())
    }

    /// When it was armed, in Unix seconds.
    pub(crate) fn armed(&self) -> u64 {
        self.progress.marks.get("armed").copied().unwrap_or(self.since)
    }

    /// Whether a time in this record is being counted from: the node waits for a machine, or is being drained.
    pub(crate) fn is_counted_from(&self) -> bool {
        Phase::of(&self.state).is_some() || self.duty.drain.is_some() || self.duty.out.is_some()
    }

    /// Shifts every time by as many seconds as the clock of the server was set.
    pub(super) fn set_clock(&mut self, by: i64) {
        let Self { since, updated, armed_to_wipe, progress, custody, duty, .. } = self;
        let drain = duty.drain.iter_mut().flat_map(|drain| std::iter::once(&mut drain.since).chain(&mut drain.taken));
        let out = duty.out.iter_mut().filter_map(|out| out.asked.as_mut());
        let times = [since, updated, &mut custody.minted].into_iter().chain(armed_to_wipe);
        let times = times.chain(progress.marks.values_mut()).chain(custody.handed.values_mut()).chain(drain).chain(out);
        // 0 means no time.
        times.filter(|time| **time > 0).for_each(|time| *time = time.saturating_add_signed(by).max(1));
    }

    /// Reads the stored text.
    pub(crate) fn from_text(text: &str) -> Result<Self, String> {
        let record: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if (OLDEST..=VERSION).contains(&record.version) {
            Ok(Self { version: VERSION, ..record.upgraded() })
        } else {
            Err(format!("its version is {}, this rackstart reads {OLDEST} to {VERSION}", record.version))
        }
    }

    /// Until version 2, a node whose first arming was disarmed was `failed`, although nothing had failed.
    fn upgraded(mut self) -> Self {
        const TAKEN_BACK: [&str; 2] = ["disarmed; it was never installed", "its arming expired before it booted"];
        if let State::Failed { attempt, during: Stage::Installer, reason, previous: None } = &self.state
            && self.version < 3
            && attempt.redeemed_by.is_none()
            && TAKEN_BACK.iter().any(|words| reason.starts_with(words))
        {
            (self.state, self.held) = (State::New, true);
        }
        self
    }

    /// Whether a system that rackstart installed may be on its disks.
    pub(crate) fn has_system(&self) -> bool {
        self.installed.is_some() || self.state.system().is_some()
    }

    /// The text to store.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a record has only string keys and finite numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_clock_is_set_all_ages_stay_what_they_were() {
        let mut record = Record::new(1000);
        record.custody = Custody::minted(1010);
        record.progress.mark("armed", 1005);
        record.armed_to_wipe = Some(1005);
        let before = record.clone();
        record.set_clock(800_000_000);
        assert_eq!((record.since, record.updated, record.custody.minted), (800_001_000, 800_001_000, 800_001_010));
        assert_eq!((record.armed(), record.armed_to_wipe), (800_001_005, Some(800_001_005)));
        assert!(!record.custody.is_expired(800_001_020, 60));
        record.set_clock(-800_000_000);
        assert_eq!(record, before);
        assert!(!record.is_counted_from(), "nothing is waited for");
    }

    #[test]
    fn a_record_of_the_first_version_is_read_and_one_of_a_later_version_is_not() {
        let mut record = Record::new(7);
        record.flags.protected = true;
        assert_eq!(Record::from_text(&record.to_text()), Ok(record.clone()));
        let first = r#"{"version":1,"state":{"state":"new"},"progress":{"step":null,"waiting":null,"detail":null,
            "installer_seq":0,"firstboot_seq":0,"marks":{}},"since":7,"updated":7}"#;
        assert_eq!(Record::from_text(first), Ok(Record::new(7)));
        // This is a record from before such a node became `new` again.
        for (reason, is_held) in
            [("disarmed; it was never installed, `rackstart install` arms it again", true), ("r", false)]
        {
            let old = first.replace(
                r#"{"state":"new"}"#,
                &format!(
                    r#"{{"state":"failed","attempt":{{"id":"01010101","scope":"blank-disk-only","boots":1,"newest_boot":null,
                    "redeemed_by":null}},"during":"installer","reason":"{reason}"}}"#
                ),
            );
            let read = Record::from_text(&old).unwrap();
            assert_eq!((read.held, read.state == State::New), (is_held, is_held), "{reason}");
        }
        // This is a record from before a failed attempt recorded what it had left alone.
        let failed = first.replace(
            r#"{"state":"new"}"#,
            r#"{"state":"failed","attempt":{"id":"01010101","scope":"destroy-data","boots":1,"newest_boot":null,
                "redeemed_by":null},"during":"installer","reason":"r"}"#,
        );
        let mut read = Record::from_text(&failed).unwrap();
        assert_eq!((read.state.word(), read.state.system()), ("failed", None));
        let State::Failed { attempt, previous, .. } = &mut read.state else { panic!("{:?}", read.state) };
        *previous = Some(Box::new(State::Ready { attempt: attempt.clone() }));
        assert!(read.state.system().is_some());
        assert_eq!(Record::from_text(&read.to_text()), Ok(read));
        let later = record.to_text().replace(&format!("\"version\":{VERSION}"), "\"version\":99");
        assert!(Record::from_text(&later).unwrap_err().contains("its version is 99"));
    }
}
