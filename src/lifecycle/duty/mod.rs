//! Taking a node out of service before it is wiped, and putting it back afterwards. Pure: a table beside the states,
//! because the node keeps its state all the while.
//!
//! rackstart has no way into a node. A node whose system runs asks for errands (`errand`). A drain consists of two: the
//! node checks whether it can be spared, then a keeper (the blueprint says which nodes are keepers) takes its service
//! out. Nothing is armed before that.

mod errand;

use serde::{Deserialize, Serialize};

use super::State;

pub(crate) use errand::{Errand, heard, wanted};
pub use errand::{ErrandAnswer, Verb};

/// A node that has not asked for errands for this many seconds does not answer. It asks every half minute.
pub(crate) const REACH_SECONDS: u64 = 90;
/// Seconds that a node has to answer an errand: it may itself wait minutes for an answer from others.
pub(crate) const ANSWER_SECONDS: u64 = 500;
/// For how many seconds a drained node can be armed. Beyond that, what it said about its copies is out of date, and its
/// service is put back.
pub(crate) const GOOD_SECONDS: u64 = 600;
/// How many seconds a drain that came to nothing is reported.
const FORGET_SECONDS: u64 = 1800;
/// How many seconds a keeper may take to put a service back before it is asked again.
const ASK_AGAIN_SECONDS: u64 = 300;

/// How far a drain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The node is asked whether it can be spared.
    Asked,
    /// It can be spared; its keeper is asked to take its service out.
    Leaving,
    /// It is out of service.
    Drained,
    /// It cannot be spared, or its service cannot be taken out.
    Refused,
}

/// One drain. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// Its id, by which an answer is matched. It is not secret.
    pub id: String,
    pub phase: Phase,
    /// When it reached this phase.
    pub since: u64,
    /// When the node that has to answer fetched the errand.
    pub taken: Option<u64>,
    /// What was said last, in a machine's words.
    pub said: String,
}

/// A service that rackstart took out and will put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Out {
    /// The id of the drain that took it out.
    pub id: String,
    /// When a keeper was last asked to put it back, in Unix seconds.
    pub asked: Option<u64>,
}

/// Whether a node serves the cloud, is leaving it, or is out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Duty {
    /// The newest drain.
    #[serde(default)]
    pub drain: Option<Drain>,
    /// Set from the moment a keeper is told to take its service out until the keeper reports that it is back.
    #[serde(default)]
    pub out: Option<Out>,
}

/// What can happen to a node's duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DutyEvent {
    /// An operator wants the node out of service.
    Asked {
        /// The id of the new drain.
        id: String,
    },
    /// An errand was handed to the node that has to do it.
    Given {
        /// The kind of the errand.
        verb: Verb,
        /// The id of its drain.
        id: String,
    },
    /// An errand was answered.
    Answered(ErrandAnswer),
    /// An operator wants the node to stay after all.
    TakenBack,
    /// The daemon starts. While it was away, nobody could fetch or answer an errand.
    Resumed,
}

/// The outcome of a drain at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// No drain counts.
    None,
    /// The drain waits for this.
    Waits(String),
    /// The node is out of service.
    Drained(String),
    /// The node does not ask for errands, so it cannot be reached.
    Unreached(String),
    /// The node has to stay.
    Refused(String),
}

impl Outcome {
    /// A single word for programs; empty when there is no drain.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::Waits(_) => "waits",
            Self::Drained(_) => "drained",
            Self::Unreached(_) => "unreached",
            Self::Refused(_) => "refused",
        }
    }

    /// The outcome in prose.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::None => "it was not drained",
            Self::Waits(text) | Self::Drained(text) | Self::Unreached(text) | Self::Refused(text) => text,
        }
    }
}

impl Drain {
    /// The outcome of this drain. Time differences count in both directions: a clock that was set back must not make an
    /// old drain fresh.
    pub(crate) fn outcome(&self, now: u64) -> Outcome {
        let (age, said) = (now.abs_diff(self.since), &self.said);
        let silent = self.taken.map(|taken| now.abs_diff(taken)).filter(|silent| *silent > ANSWER_SECONDS);
        match self.phase {
            _ if age > FORGET_SECONDS => Outcome::None,
            Phase::Drained if age > GOOD_SECONDS => Outcome::None,
            Phase::Asked if self.taken.is_none() && age > REACH_SECONDS => {
                Outcome::Unreached(format!("it has not asked for errands for {REACH_SECONDS} s: it cannot be reached"))
            }
            Phase::Asked if silent.is_some() => Outcome::Refused(format!(
                "it was asked whether it can be spared, and did not answer for {ANSWER_SECONDS} s"
            )),
            Phase::Asked if self.taken.is_none() => Outcome::Waits("it has to ask for errands, every 30 s".into()),
            Phase::Asked => Outcome::Waits("it is checking whether it can be spared".into()),
            Phase::Leaving if self.taken.is_none() && age > REACH_SECONDS => Outcome::Refused(format!(
                "{said}, but no keeper has asked for errands for {REACH_SECONDS} s, and one has to take its service out"
            )),
            Phase::Leaving if silent.is_some() => Outcome::Refused(format!(
                "{said}, but for {ANSWER_SECONDS} s its keeper has not reported that its service is out"
            )),
            Phase::Leaving => Outcome::Waits(format!("{said}; its keeper takes its service out")),
            Phase::Drained => Outcome::Drained(said.clone()),
            Phase::Refused => Outcome::Refused(said.clone()),
        }
    }
}

impl Duty {
    /// The outcome of the newest drain.
    pub(crate) fn outcome(&self, now: u64) -> Outcome {
        self.drain.as_ref().map_or(Outcome::None, |drain| drain.outcome(now))
    }

    /// Whether the node may be gone at any moment because it is being drained or is drained.
    pub(crate) fn is_leaving(&self, now: u64) -> bool {
        matches!(self.outcome(now), Outcome::Waits(_) | Outcome::Drained(_))
    }

    /// Whether the node counted as drained and no longer does.
    pub(crate) fn lost_its_drain(&self, next: &Self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.phase == Phase::Drained) && next.drain.is_none()
    }

    /// Applies an event. None when the event changes nothing, such as an answer that came too late or twice.
    pub(crate) fn apply(&self, event: &DutyEvent, now: u64) -> Option<Self> {
        match event {
            DutyEvent::Asked { id } => self.asked(id, now),
            DutyEvent::Given { verb, id } => self.given(*verb, id, now),
            DutyEvent::Answered(answer) => self.answered(answer, now),
            DutyEvent::TakenBack => self.is_leaving(now).then(|| Self { drain: None, out: self.out.clone() }),
            DutyEvent::Resumed => self.resumed(now),
        }
    }

    /// Restarts the time of everything that is waited for: a daemon that was away must not mistake its own absence for
    /// theirs.
    fn resumed(&self, now: u64) -> Option<Self> {
        let drain = self.drain.as_ref().filter(|drain| matches!(drain.phase, Phase::Asked | Phase::Leaving))?;
        let waited_for = now.abs_diff(drain.since) <= FORGET_SECONDS;
        let drain = Drain { since: now, taken: drain.taken.map(|_| now), ..drain.clone() };
        waited_for.then(|| Self { drain: Some(drain), out: self.out.clone() })
    }

    /// A drain that is under way continues, and a valid one is not repeated.
    fn asked(&self, id: &str, now: u64) -> Option<Self> {
        if self.is_leaving(now) {
            return None;
        }
        let drain = Drain { id: id.into(), phase: Phase::Asked, since: now, taken: None, said: String::new() };
        Some(Self { drain: Some(drain), out: self.out.clone() })
    }

    fn given(&self, verb: Verb, id: &str, now: u64) -> Option<Self> {
        if verb == Verb::Enable {
            let out = self.out.clone().filter(|out| out.id == id)?;
            return Some(Self { drain: self.drain_but(id), out: Some(Out { asked: Some(now), ..out }) });
        }
        let drain = self.waiting_for(verb, id, now).filter(|drain| drain.taken.is_none())?;
        // From here on the service may be out, whatever happens to the answer.
        let out = match verb {
            Verb::Disable => Some(Out { id: id.into(), asked: None }),
            _ => self.out.clone(),
        };
        Some(Self { drain: Some(Drain { taken: Some(now), ..drain.clone() }), out })
    }

    fn answered(&self, answer: &ErrandAnswer, now: u64) -> Option<Self> {
        let ErrandAnswer { verb, id, yes, said } = answer;
        if *verb == Verb::Enable {
            let is_back = *yes && self.out.as_ref().is_some_and(|out| out.id == *id);
            return is_back.then(|| Self { drain: self.drain_but(id), out: None });
        }
        let drain = self.waiting_for(*verb, id, now)?;
        let (phase, said) = match (verb, yes) {
            (_, false) => (Phase::Refused, said.clone()),
            (Verb::Leave, true) => (Phase::Leaving, said.clone()),
            (_, true) => (Phase::Drained, format!("{}; {said}", drain.said)),
        };
        let drain = Drain { id: id.clone(), phase, since: now, taken: None, said };
        Some(Self { drain: Some(drain), out: self.out.clone() })
    }

    /// The duty after the node changed its state. A drain is for one arming: it is over when the disk is written, and
    /// when a system is heard (again) after an arming. A failed step, or its repair, does not end it.
    pub(crate) fn after(&self, before: &State, next: &State) -> Self {
        let is_written = matches!((before, next), (State::Armed { .. }, State::Installing { .. }));
        let is_back = before.heard_system().is_none() && next.heard_system().is_some();
        Self { drain: self.drain.clone().filter(|_| !is_written && !is_back), out: self.out.clone() }
    }

    /// The drain, unless it has this id: that drain's service comes back, so nothing depends on it any more.
    fn drain_but(&self, id: &str) -> Option<Drain> {
        self.drain.clone().filter(|drain| drain.id != id)
    }

    /// The drain, if this errand of it is open.
    fn waiting_for(&self, verb: Verb, id: &str, now: u64) -> Option<&Drain> {
        let phase = if verb == Verb::Leave { Phase::Asked } else { Phase::Leaving };
        let drain = self.drain.as_ref().filter(|drain| drain.id == id && drain.phase == phase)?;
        matches!(drain.outcome(now), Outcome::Waits(_)).then_some(drain)
    }

    /// The service that a keeper is to put back now.
    fn wants_back(&self, state: &State, now: u64) -> Option<&Out> {
        let out = self.out.as_ref()?;
        // This includes firstboot, whose own check of a started service needs it enabled, but not a time when only an
        // older system may run.
        let wanted = !self.is_leaving(now) && state.heard_system() == Some(state);
        let asked_long_ago = out.asked.is_none_or(|asked| now.abs_diff(asked) > ASK_AGAIN_SECONDS);
        (wanted && asked_long_ago).then_some(out)
    }
}

#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod tests;
