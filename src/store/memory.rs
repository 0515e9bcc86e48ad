//! Everything that is remembered, as one value, and how orders affect it. Pure: `writer` makes the outcome durable, and
//! the simulation drives the same code without a disk.

use std::collections::HashMap;

use super::change::{Change, Changed, LogLine};
use super::damage::Damage;
use super::record::Record;
use super::records::Records;
use crate::audit::Order;
use crate::lifecycle::{BootToken, Refused, Stopped};
use crate::site::Mac;

/// What is remembered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// The record of every node to which something happened.
    pub nodes: Records,
    /// Set while all installations are stopped.
    pub stopped: Option<Stopped>,
    /// What can no longer be remembered.
    pub damage: Damage,
}

/// Several changes that happen together or not at all.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// The changes, in this order.
    pub changes: Vec<(Mac, Change)>,
    /// The new value of [`Memory::stopped`], if it is to change; it takes effect before the changes.
    pub stopped: Option<Option<Stopped>>,
    /// Lines for the audit log if everything happens.
    pub audit: Vec<Order>,
}

/// Why orders were not carried out: the first change that was refused, and its node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refused}")]
pub struct OrderRefused {
    /// The node whose change was refused.
    pub mac: Mac,
    /// The reason.
    pub refused: Refused,
}

/// One record to write, and its line for the event log.
pub(crate) type Write = (Mac, Record, Option<LogLine>);

/// A memory with changes that are not durable yet.
pub struct Draft<'a> {
    memory: &'a Memory,
    fresh: HashMap<Mac, Record>,
    stopped: Option<Option<Stopped>>,
}

impl<'a> Draft<'a> {
    /// Starts with nothing changed.
    pub(crate) fn on(memory: &'a Memory) -> Self {
        Self { memory, fresh: HashMap::new(), stopped: None }
    }

    /// What is known of a node.
    pub(crate) fn record(&self, mac: Mac) -> Option<&Record> {
        self.fresh.get(&mac).or_else(|| self.memory.nodes.get(&mac))
    }

    /// Every node that has a record.
    pub(crate) fn records(&self) -> impl Iterator<Item = (Mac, &Record)> {
        self.memory
            .nodes
            .keys()
            .chain(self.fresh.keys().filter(|mac| !self.memory.nodes.contains_key(mac)))
            .filter_map(|mac| Some((*mac, self.record(*mac)?)))
    }

    /// The order that stops all installations, if there is one.
    pub(crate) fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref().unwrap_or(&self.memory.stopped).as_ref()
    }

    /// Computes one change, or returns why it is refused.
    pub(crate) fn change(&mut self, mac: Mac, change: &Change, now: u64) -> Result<Write, Refused> {
        let write = self.work_out(mac, change, now)?;
        self.fresh.insert(mac, write.1.clone());
        Ok(write)
    }

    /// Computes orders: all of them, or none and the first refusal.
    pub(crate) fn obey(&mut self, orders: &Orders, now: u64) -> Result<Vec<Write>, OrderRefused> {
        let (fresh, stopped) = (self.fresh.clone(), self.stopped.clone());
        if let Some(next) = &orders.stopped {
            self.stopped = Some(next.clone());
        }
        let done = |(mac, change): &(Mac, Change)| {
            self.change(*mac, change, now).map_err(|refused| OrderRefused { mac: *mac, refused })
        };
        let outcome: Result<Vec<Write>, OrderRefused> = orders.changes.iter().map(done).collect();
        if outcome.is_err() {
            (self.fresh, self.stopped) = (fresh, stopped);
        }
        outcome
    }

    /// The changed records, and the new value of `stopped` if it changed.
    pub(crate) fn into_parts(self) -> (HashMap<Mac, Record>, Option<Option<Stopped>>) {
        (self.fresh, self.stopped)
    }

    fn work_out(&self, mac: Mac, change: &Change, now: u64) -> Result<Write, Refused> {
        let known = self.record(mac).cloned().unwrap_or_else(|| Record::new(now));
        let Changed { record, log } = match (change.work_on(mac, &known, now), self.stopped()) {
            // The refusal by the state takes precedence, because it says more: `spent` stays `spent`.
            (Ok(_), Some(_)) if change.admit_stopped().is_err() => return Err(Refused::Stopped),
            (outcome, _) => outcome?,
        };
        Ok((mac, record, log))
    }
}

impl Memory {
    /// Finds the node that a token may speak for.
    pub(crate) fn owner(&self, token: &BootToken) -> Option<Mac> {
        self.nodes.owner(&token.hash())
    }

    /// Takes over what has become durable.
    pub(crate) fn take(&mut self, (fresh, stopped): (HashMap<Mac, Record>, Option<Option<Stopped>>)) {
        for mac in fresh.keys() {
            self.damage.nodes.remove(mac);
        }
        self.nodes.extend(fresh);
        if let Some(stopped) = stopped {
            self.stopped = stopped;
            self.damage.stopped = false;
        }
    }
}
