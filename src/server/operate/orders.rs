//! Turns an operator's order into the changes that carry it out, based on the memory at that moment. Pure.

use super::Refusal;
use crate::audit::Order;
use crate::lifecycle::blast::{self, Allowed, DrainRule, Now, OwnCard, Standing, Wish};
use crate::lifecycle::{AttemptId, DutyEvent, Event, Flags, State, Stopped, WipeScope};
use crate::site::{Mac, Node, Site};
use crate::store::{Change, Draft, Orders, Record};

/// Which nodes to arm, and how.
#[derive(Debug, Clone)]
pub(in crate::server) struct Arming {
    /// Nodes of the site, each once.
    pub nodes: Vec<Mac>,
    pub scope: WipeScope,
    pub count: Option<usize>,
    pub forced: Option<String>,
    /// Why a node whose system runs is not drained first.
    pub undrained: Option<String>,
}

/// The nodes that exceeded this minute's limit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct Left {
    pub later: Vec<String>,
    pub again_in: u64,
}

/// Decides whether the nodes may be armed now, and how many of them.
pub(in crate::server) fn may_arm<'s>(
    site: &'s Site,
    draft: &Draft<'_>,
    arming: &Arming,
    drain: DrainRule,
    own: &[OwnCard],
    time: u64,
) -> Result<Allowed<'s>, Vec<blast::Objection>> {
    let nodes = arming.nodes.iter().filter_map(|mac| site.node_by_mac(*mac)).collect();
    let (scope, count, forced) = (arming.scope, arming.count, arming.forced.is_some());
    let wish = Wish { nodes, scope, count, forced, drain };
    blast::decide_arming(site, &|mac| standing(draft.record(mac)), &wish, Now { time, stopped: draft.stopped(), own })
}

/// The changes that arm, each with its line for the audit log. `order` is the audit line of the whole request.
pub(in crate::server) fn arm(
    site: &Site,
    draft: &Draft<'_>,
    arming: &Arming,
    own: &[OwnCard],
    time: u64,
    order: &Order,
    mut fresh_id: impl FnMut() -> AttemptId,
) -> Result<(Orders, Left), Refusal> {
    let drain = if arming.undrained.is_some() { DrainRule::Nothing } else { DrainRule::Needed };
    let Allowed { now, later, again_in } = may_arm(site, draft, arming, drain, own, time).map_err(Refusal::Blast)?;
    let mut change = |node: &&Node| {
        let (forced, undrained) = (arming.forced.clone(), arming.undrained.clone());
        (node.mac, Change::Arm { id: fresh_id(), scope: arming.scope, forced, undrained })
    };
    let audit = now.iter().map(|node| Order { subject: node.name.to_string(), ..order.clone() }).collect();
    let orders = Orders { changes: now.iter().map(&mut change).collect(), stopped: None, audit };
    Ok((orders, Left { later: later.iter().map(|node| node.name.to_string()).collect(), again_in }))
}

/// The changes that begin to drain, after the same checks as before an arming. A drain that is under way continues.
pub(in crate::server) fn drain(
    site: &Site,
    draft: &Draft<'_>,
    arming: &Arming,
    own: &[OwnCard],
    time: u64,
    order: &Order,
    mut fresh_id: impl FnMut() -> AttemptId,
) -> Result<Orders, Refusal> {
    let counted = Arming { count: Some(arming.nodes.len()), ..arming.clone() };
    may_arm(site, draft, &counted, DrainRule::Nothing, own, time).map_err(Refusal::Blast)?;
    let (mut changes, mut audit) = (Vec::new(), Vec::new());
    for node in arming.nodes.iter().filter_map(|mac| site.node_by_mac(*mac)) {
        let Some(record) = draft.record(node.mac) else { continue };
        let asked = DutyEvent::Asked { id: fresh_id().to_string() };
        if blast::can_be_drained(&record.state) && record.duty.apply(&asked, time).is_some() {
            changes.push((node.mac, Change::Duty(vec![asked])));
            audit.push(Order { subject: node.name.to_string(), ..order.clone() });
        }
    }
    Ok(Orders { changes, stopped: None, audit })
}

/// The changes that stop all installations: everything armed is disarmed, whether in the site file or not.
pub(in crate::server) fn stop(draft: &Draft<'_>, now: u64, by: String, order: Order) -> Orders {
    let armed = draft.records().filter(|(_, record)| matches!(record.state, State::Armed { .. }));
    let disarm = |(mac, _)| {
        let event = Event::Withdrawn { why: "all installations are stopped".into() };
        (mac, Change::Event { event, mark: None })
    };
    // The first person who stopped the site stays on record.
    let stopped = draft.stopped().cloned().unwrap_or(Stopped { since: now, who: by });
    Orders { changes: armed.map(disarm).collect(), stopped: Some(Some(stopped)), audit: vec![order] }
}

/// Whether a node of the site file is armed without an order, for a blank disk, when the daemon starts.
pub(in crate::server) fn is_armed_by_itself(record: Option<&Record>) -> bool {
    record.is_none_or(|record| record.state == State::New && !record.held && record.flags == Flags::default())
}

/// The standing of a node with this record.
fn standing(record: Option<&Record>) -> Standing<'_> {
    match record {
        Some(Record { state, flags, armed_to_wipe, duty, installed, installed_as, .. }) => Standing {
            state,
            flags: *flags,
            armed_to_wipe: *armed_to_wipe,
            duty: Some(duty),
            recorded: installed.is_some(),
            installed_as: installed_as.as_deref(),
        },
        None => Standing {
            state: &State::New,
            flags: Flags::default(),
            armed_to_wipe: None,
            duty: None,
            recorded: false,
            installed_as: None,
        },
    }
}
