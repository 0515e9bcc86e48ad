//! The daemon as far as it decides: the same functions as behind the sockets, on a memory that is written as text and
//! read back from it whenever the daemon is killed.

use std::collections::HashMap;

use super::Dice;
use super::monitor::Monitor;
use crate::boot::{Asking, BootDecision, BootRequest, ClientArch, decide};
use crate::lifecycle::{AttemptId, BootToken, DutyEvent, Event, InstalledAs, Refused, State, WipeScope};
use crate::plan::{self, NodePlan};
use crate::server::nodes::boot::unfinished;
use crate::server::{operate, watchdog};
use crate::site::testing::paper_site;
use crate::site::{Mac, Site};
use crate::store::{Change, Draft, Memory, Record};

/// The result of one exchange.
pub(super) enum Reply<T> {
    /// The answer arrived.
    Got(T),
    /// It is not known whether the request was heard; the sender may repeat it.
    Silence,
}

pub(super) struct Daemon {
    pub site: Site,
    pub memory: Memory,
    pub monitor: Monitor,
    pub now: u64,
    started: u64,
    plans: HashMap<Mac, NodePlan>,
    dice: Dice,
    /// Out of a thousand exchanges: how many are lost, and in how many the daemon is killed.
    losses: u64,
    kills: u64,
}

impl Daemon {
    pub(crate) fn new(seed: u64) -> Self {
        let mut site = paper_site();
        // Only machines of one kind; the blueprint's rules about them are those of the paper.
        site.nodes.retain(|node| node.role == "compute");
        let plans = site.nodes.iter().map(|node| (node.mac, plan::plan(node).unwrap())).collect();
        let (memory, monitor) = (Memory::default(), Monitor::default());
        let now = 1_000_000;
        let mut daemon =
            Self { site, memory, monitor, now, started: now, plans, dice: Dice(seed), losses: 300, kills: 5 };
        daemon.arms_new_nodes();
        daemon
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        self.looks_after_silence();
    }

    /// The daemon is killed and started again: what was durable is read back from its text.
    pub(crate) fn is_killed(&mut self) {
        self.monitor.tally.kills += 1;
        let read = |(mac, record): (&Mac, &Record)| (*mac, Record::from_text(&record.to_text()).unwrap());
        let nodes: HashMap<Mac, Record> = self.memory.nodes.iter().map(read).collect();
        assert_eq!(nodes, *self.memory.nodes, "the stored text says the same");
        self.memory.nodes = nodes.into();
        self.started = self.now;
        let macs: Vec<Mac> = self.memory.nodes.keys().copied().collect();
        for mac in macs {
            let _ = self.change(mac, &Change::Duty(vec![DutyEvent::Resumed]));
        }
        self.looks_after_silence();
        self.arms_new_nodes();
    }

    /// One exchange with a machine: it may be lost before or after the daemon heard it, or the daemon is killed before
    /// or after its commit.
    fn exchange<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Reply<T> {
        if self.dice.permille(self.losses) {
            self.monitor.tally.lost += 1;
            if self.dice.permille(500) {
                work(self);
            }
            return Reply::Silence;
        }
        if self.dice.permille(self.kills) {
            if self.dice.permille(500) {
                work(self);
            }
            self.is_killed();
            return Reply::Silence;
        }
        Reply::Got(work(self))
    }

    /// `GET /boot/{mac}`: the token of an installer, or `None` for the local disk.
    pub(crate) fn boot_script(&mut self, mac: Mac) -> Reply<Option<BootToken>> {
        self.exchange(|daemon| {
            let node = daemon.site.node_by_mac(mac).unwrap();
            let request = BootRequest::new(mac, ClientArch::of(node.firmware), Asking::Script);
            let state = daemon.memory.nodes.get(&mac).map(|record| &record.state);
            let token = BootToken::from_random(daemon.dice.bytes());
            let is_armed = matches!(state, Some(State::Armed { .. }));
            match decide(&daemon.site, state, &request) {
                BootDecision::Install => {
                    assert!(is_armed, "the decision is the installer for a node that is not armed");
                    let plan = Box::new(daemon.plans[&mac].clone());
                    let installed_as = Box::new(InstalledAs::of(&daemon.site, node));
                    let record = daemon.change(mac, &Change::Boot { token: token.hash(), plan, installed_as });
                    matches!(record, Ok(Record { state: State::Armed { .. }, .. })).then(|| {
                        daemon.monitor.booted(mac, &token);
                        token
                    })
                }
                BootDecision::LocalDisk(reason) => {
                    if let Some(event) = unfinished(&reason, || token.hash()) {
                        let _ = daemon.change(mac, &Change::Event { event, mark: None });
                    }
                    None
                }
                other => panic!("{other:?}"),
            }
        })
    }

    /// Any request with a token, from the node's own address. `None`: 410, the token is not of a current boot.
    pub(crate) fn hears(
        &mut self,
        mac: Mac,
        token: &BootToken,
        change: Change,
    ) -> Reply<Option<Result<Record, Refused>>> {
        self.exchange(|daemon| daemon.take(mac, token, change, true))
    }

    /// Passes a change directly, without a lossy network between.
    pub(crate) fn take(
        &mut self,
        mac: Mac,
        token: &BootToken,
        change: Change,
        asks_whose_token: bool,
    ) -> Option<Result<Record, Refused>> {
        if asks_whose_token && self.memory.owner(token) != Some(mac) {
            self.monitor.tally.refused_old += 1;
            return None;
        }
        let before = self.memory.nodes[&mac].clone();
        let outcome = self.change(mac, &change);
        if let (Change::Redeem { .. }, Ok(_)) = (&change, &outcome) {
            self.monitor.redeemed(mac, token, &before, self.memory.stopped.is_some());
        }
        Some(outcome)
    }

    /// What the permit of the node's attempt allows, as `/permit` reads it.
    pub(crate) fn scope(&self, mac: Mac) -> Option<WipeScope> {
        self.memory.nodes.get(&mac)?.state.attempt().map(|attempt| attempt.scope)
    }

    /// One change, durable at once.
    pub(crate) fn change(&mut self, mac: Mac, change: &Change) -> Result<Record, Refused> {
        self.commit(|draft, now| draft.change(mac, change, now)).map(|(_, record, _)| record)
    }

    pub(crate) fn commit<T>(&mut self, work: impl FnOnce(&mut Draft<'_>, u64) -> T) -> T {
        let mut draft = Draft::on(&self.memory);
        let outcome = work(&mut draft, self.now);
        let fresh = draft.into_parts();
        self.memory.take(fresh);
        outcome
    }

    pub(crate) fn fresh_id(&mut self) -> AttemptId {
        AttemptId::from_random(self.dice.bytes())
    }

    fn arms_new_nodes(&mut self) {
        let macs: Vec<Mac> = self.site.nodes.iter().map(|node| node.mac).collect();
        for mac in macs {
            if operate::is_armed_by_itself(self.memory.nodes.get(&mac)) {
                let (id, scope) = (self.fresh_id(), WipeScope::BlankDiskOnly);
                let event = Event::Armed { id: id.clone(), scope };
                if self.change(mac, &Change::Event { event, mark: None }).is_ok() {
                    self.monitor.armed(mac, &id, scope);
                }
            }
        }
    }

    fn looks_after_silence(&mut self) {
        let macs: Vec<Mac> = self.memory.nodes.keys().copied().collect();
        for mac in macs {
            let event = watchdog::overdue(&self.memory.nodes[&mac], &self.site, self.started, self.now);
            if let Some(event) = event {
                self.change(mac, &Change::Event { event, mark: None }).expect("what is overdue moves on");
                self.monitor.withdrawn(mac);
            }
        }
    }

    pub(crate) fn check(&mut self) {
        self.monitor.check(&self.memory);
    }

    /// Everything falls silent: within a day each node must be in a state that only waits for a person.
    pub(crate) fn comes_to_rest(&mut self) {
        for _ in 0..96 {
            self.pass(15 * 60);
            self.check();
        }
        for record in self.memory.nodes.values() {
            // Stated independently, because the table of timeouts must not verify itself.
            let waits_for_a_machine = match &record.state {
                State::Armed { attempt, .. } => attempt.boots > 0 || attempt.scope.wipes(),
                State::Installing { .. } | State::Firstboot { .. } => !record.flags.maintenance,
                _ => false,
            };
            assert!(!waits_for_a_machine, "nobody moves this on: {:?}", record.state);
        }
    }

    pub(crate) fn nothing_fails_any_more(&mut self) {
        (self.losses, self.kills) = (0, 0);
    }

    /// Whether the time of accidents is over.
    pub(crate) fn all_are_well(&self) -> bool {
        self.losses == 0
    }

    pub(crate) fn all_are_ready(&self) -> bool {
        self.memory.nodes.values().all(|record| matches!(record.state, State::Ready { .. }))
    }

    pub(crate) fn states(&self) -> String {
        format!("{:?}", self.memory.nodes.values().map(|record| &record.state).collect::<Vec<_>>())
    }
}
