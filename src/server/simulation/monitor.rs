//! Keeps independent records: which permits exist, and what they were used for. It learns only what was ordered, what
//! was answered and what machines did, and compares the store with that.

use std::collections::{HashMap, HashSet};

use crate::lifecycle::{AttemptId, BootToken, Event, State, WipeScope, timeouts};
use crate::site::Mac;
use crate::store::{Memory, Record};

/// How often things happened.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    /// Armings of which an installer was booted.
    pub installs: u64,
    pub wipes: u64,
    pub power_cuts: u64,
    pub kills: u64,
    pub lost: u64,
    pub repeated: u64,
    pub answered_again: u64,
    pub refused_old: u64,
    pub ready: u64,
    pub suspects: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.installs += other.installs;
        self.wipes += other.wipes;
        self.power_cuts += other.power_cuts;
        self.kills += other.kills;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.answered_again += other.answered_again;
        self.refused_old += other.refused_old;
        self.ready += other.ready;
        self.suspects += other.suspects;
    }
}

/// A permit that may be used.
#[derive(Debug, Clone)]
struct Permit {
    attempt: AttemptId,
    scope: WipeScope,
}

#[derive(Default)]
pub(super) struct Monitor {
    pub tally: Tally,
    live: HashMap<Mac, Permit>,
    /// Attempts that were spent, withdrawn, expired or replaced. None of them ever comes back.
    dead: HashSet<AttemptId>,
    /// Which boot belongs to which attempt.
    boots: HashMap<String, (AttemptId, WipeScope)>,
    /// The boot that got the storage commands of an attempt.
    redeemed: HashMap<AttemptId, String>,
    wiped: HashMap<AttemptId, u32>,
    /// Armed without a reason, because the node was drained.
    drained: HashSet<AttemptId>,
}

impl Monitor {
    /// An order to arm was carried out.
    pub(crate) fn armed(&mut self, mac: Mac, attempt: &AttemptId, scope: WipeScope) {
        self.withdrawn(mac);
        assert!(!self.dead.contains(attempt), "an attempt id is used twice");
        self.live.insert(mac, Permit { attempt: attempt.clone(), scope });
    }

    /// Its system may run, and it was armed because it was drained.
    pub(crate) fn rests_on_a_drain(&mut self, record: &Record) {
        self.drained.extend(record.state.attempt().map(|attempt| attempt.id.clone()));
    }

    /// An order, a timeout or a suspicion took the permit away.
    pub(crate) fn withdrawn(&mut self, mac: Mac) {
        self.dead.extend(self.live.remove(&mac).map(|permit| permit.attempt));
    }

    /// An installer was served.
    pub(crate) fn booted(&mut self, mac: Mac, token: &BootToken) {
        let permit = self.live.get(&mac).expect("the installer was served to a node that nobody armed");
        self.tally.installs += u64::from(!self.boots.values().any(|(attempt, _)| *attempt == permit.attempt));
        self.boots.insert(token.reveal().into(), (permit.attempt.clone(), permit.scope));
    }

    /// The storage commands were sent to a boot. `before` is the record before that.
    pub(crate) fn redeemed(&mut self, mac: Mac, token: &BootToken, before: &Record, is_stopped: bool) {
        let (attempt, _) = self.boots.get(token.reveal()).expect("storage commands for a boot that was never served");
        assert!(!is_stopped, "storage commands left while installations are stopped");
        assert!(before.flags == Default::default(), "storage commands left for a flagged node: {:?}", before.flags);
        assert_ne!(before.state.word(), "suspect", "storage commands left for a suspect node");
        if let Some(first) = self.redeemed.get(attempt) {
            assert_eq!(first, token.reveal(), "two boots of one arming got the storage commands");
            self.tally.answered_again += 1;
            return;
        }
        let live = self.live.get(&mac).map(|permit| &permit.attempt);
        assert_eq!(live, Some(attempt), "a permit that was withdrawn came back");
        self.redeemed.insert(attempt.clone(), token.reveal().into());
        self.withdrawn(mac);
    }

    /// A machine ran the storage commands.
    pub(crate) fn wiped(&mut self, token: &BootToken, held_data: bool) {
        let (attempt, scope) = &self.boots[token.reveal()];
        let times = self.wiped.entry(attempt.clone()).or_default();
        *times += 1;
        assert_eq!(*times, 1, "two wipes by one arming");
        assert!(!held_data || *scope != WipeScope::BlankDiskOnly, "data was lost by an arming for a blank disk");
        self.tally.wipes += 1;
    }

    /// Everything in the store that must hold at any moment.
    pub(crate) fn check(&mut self, memory: &Memory) {
        for (mac, record) in memory.nodes.iter() {
            let live = self.live.get(mac);
            match &record.state {
                State::Armed { attempt, .. } => {
                    assert!(!self.dead.contains(&attempt.id), "a dead permit is armed again: {record:?}");
                    assert_eq!(live.map(|permit| &permit.attempt), Some(&attempt.id), "{mac} was armed by nobody");
                    assert!(record.flags == Default::default(), "{mac} is armed and flagged");
                    assert!(memory.stopped.is_none(), "{mac} is armed while installations are stopped");
                    assert!(attempt.redeemed_by.is_none(), "{mac} is armed with a spent permit");
                    let rests = self.drained.contains(&attempt.id);
                    assert!(
                        !rests || record.duty.drain.is_some(),
                        "{mac} is armed by a drain that is over: {record:?}"
                    );
                }
                // %pre refused, or there were too many boots: the attempt ended without an order.
                _ if live.is_some() => self.withdrawn(*mac),
                _ => {}
            }
            assert!(has_a_way_out(record), "{mac} is stuck: {:?}", record.state);
        }
    }
}

/// Whether time or an operator can move it on.
fn has_a_way_out(record: &Record) -> bool {
    let orders = [
        Event::Armed { id: AttemptId::from_random([0; 4]), scope: WipeScope::DestroyData },
        Event::Disarmed,
        Event::GivenUp { reason: "r".into() },
        Event::Cleared,
    ];
    timeouts::Phase::of(&record.state).is_some() || orders.iter().any(|order| record.state.apply(order).is_ok())
}
