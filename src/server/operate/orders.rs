//! From what an operator wants to the changes that do it, on the memory as it is at that moment. Pure.

use super::Refusal;
use crate::audit::Order;
use crate::lifecycle::blast::{self, Allowed, Now, OwnCard, Standing, Wish};
use crate::lifecycle::{AttemptId, Event, Flags, State, Stopped, WipeScope};
use crate::site::{Mac, Node, Site};
use crate::store::{Change, Draft, Orders, Record};

/// What shall be armed.
#[derive(Debug, Clone)]
pub(in crate::server) struct Arming {
    /// Nodes of the site, each once.
    pub nodes: Vec<Mac>,
    pub scope: WipeScope,
    pub count: Option<usize>,
    pub forced: Option<String>,
}

/// What was too much for this minute.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct Left {
    pub later: Vec<String>,
    pub again_in: u64,
}

/// Whether it may happen now, and to how many.
pub(in crate::server) fn judge<'s>(
    site: &'s Site,
    draft: &Draft<'_>,
    arming: &Arming,
    own: &[OwnCard],
    time: u64,
) -> Result<Allowed<'s>, Vec<blast::Refusal>> {
    let nodes = arming.nodes.iter().filter_map(|mac| site.node_by_mac(*mac)).collect();
    let wish = Wish { nodes, scope: arming.scope, count: arming.count, forced: arming.forced.is_some() };
    blast::judge(site, &|mac| standing(draft.record(mac)), &wish, Now { time, stopped: draft.stopped(), own })
}

/// The changes that arm, each with its line for the audit log. `order` is the line of the whole request.
pub(in crate::server) fn arm(
    site: &Site,
    draft: &Draft<'_>,
    arming: &Arming,
    own: &[OwnCard],
    time: u64,
    order: &Order,
    mut fresh_id: impl FnMut() -> AttemptId,
) -> Result<(Orders, Left), Refusal> {
    let Allowed { now, later, again_in } = judge(site, draft, arming, own, time).map_err(Refusal::Blast)?;
    let mut change =
        |node: &&Node| (node.mac, Change::Arm { id: fresh_id(), scope: arming.scope, forced: arming.forced.clone() });
    let audit = now.iter().map(|node| Order { subject: node.name.to_string(), ..order.clone() }).collect();
    let orders = Orders { changes: now.iter().map(&mut change).collect(), stopped: None, audit };
    Ok((orders, Left { later: later.iter().map(|node| node.name.to_string()).collect(), again_in }))
}

/// The changes that stop all installations: whatever is armed is disarmed, in the site file or not.
pub(in crate::server) fn stop(draft: &Draft<'_>, now: u64, by: String, order: Order) -> Orders {
    let armed = draft.records().filter(|(_, record)| matches!(record.state, State::Armed { .. }));
    let disarm = |(mac, _)| (mac, Change::Event { event: Event::Disarmed, mark: None });
    // Who stopped first stays on record.
    let stopped = draft.stopped().cloned().unwrap_or(Stopped { since: now, who: by });
    Orders { changes: armed.map(disarm).collect(), stopped: Some(Some(stopped)), audit: vec![order] }
}

/// Whether a node of the site file is armed without an order, for a blank disk, when the daemon starts.
pub(in crate::server) fn is_armed_by_itself(record: Option<&Record>) -> bool {
    record.is_none_or(|record| record.state == State::New && record.flags == Flags::default())
}

/// Where a node stands that has this record.
fn standing(record: Option<&Record>) -> Standing<'_> {
    match record {
        Some(Record { state, flags, armed_to_wipe, .. }) => {
            Standing { state, flags: *flags, armed_to_wipe: *armed_to_wipe }
        }
        None => Standing { state: &State::New, flags: Flags::default(), armed_to_wipe: None },
    }
}
