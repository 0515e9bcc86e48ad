//! What an operator may order. The API only translates: the caller, the order, and the refusal.
//!
//! Every order that arms goes through `lifecycle::blast` inside the store's writer, so nothing can change between the
//! decision and its effect.

pub mod arming;
pub(in crate::server) mod installed;
mod orders;
pub(crate) mod power;
pub(crate) mod records;
mod refusal;
mod rehearsal;
pub mod reload;
pub(crate) mod secrets;
mod status;
pub(in crate::server) mod store_alarms;
mod view;
pub(in crate::server) mod watchdog;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::audit::{Actor, Order};
use crate::clock::{BUILT, unix_now};
use crate::lifecycle::blast::{DrainRule, OwnCard};
use crate::lifecycle::{DutyEvent, Event, Flag, Refused, State, WipeScope};
use crate::plan;
use crate::site::{Node, Site};
use crate::store::{Change, ChangeError, DecideError, Draft, Orders, Record, Store};

use super::appliance::Appliance;
use super::random;

use installed::{NOTHING_TO_KEEP, keepable};
use store_alarms::clock_before_build;

pub(in crate::server) use orders::{Arming, Left, arm, drain, is_armed_by_itself, may_arm, stop};
pub(crate) use refusal::Refusal;
pub(crate) use rehearsal::{Loss, Rehearsal};
pub(crate) use status::{StatusReport, stopped_words};
pub(in crate::server) use view::differs;
pub(crate) use view::{NodeStatus, status};

/// A person at this machine.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// The person as recorded in the audit log.
    pub actor: Actor,
    /// Whether it is root, or the user whose daemon or store this is, and not just a member of the socket's group.
    pub is_owner: bool,
}

/// An order to wipe and reinstall nodes at their next network boot.
#[derive(Debug, Clone)]
pub(crate) struct Reimage {
    /// The exact names; duplicates count once.
    pub nodes: Vec<String>,
    /// Keep the volume groups that the site file names in `keep`.
    pub keep: bool,
    /// The number of nodes that the operator expects. Needed when it is large, see
    /// [`crate::lifecycle::blast::needs_count`].
    pub count: Option<usize>,
    /// Why the rules about replicas and only nodes are overridden. Stored.
    pub forced: Option<String>,
    /// Why nodes whose system runs are not drained first. Stored.
    pub undrained: Option<String>,
}

/// The result of an order to arm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Armed {
    /// The nodes that were armed.
    pub nodes: Vec<NodeStatus>,
    /// Those of them whose earlier arming was replaced; a boot of that one cannot redeem its permit any more.
    pub replaced: Vec<String>,
    /// The nodes that exceeded this minute's limit and were not armed.
    pub later: Vec<String>,
    /// Seconds until more nodes can be armed; 0 when none was left out.
    pub again_in: u64,
}

impl Appliance {
    /// Arms one node for a blank disk, so that no data can be lost.
    pub(crate) async fn install(&self, who: &Actor, node: &str) -> Result<Armed, Refusal> {
        let (site, asked) = (self.site(), Order::new(who, "install", node));
        let found = find(&site, &[node.to_string()]).map(|nodes| nodes.iter().map(|node| node.mac).collect());
        let nodes = self.or_told(&asked, found).await?;
        let arming = Arming { nodes, scope: WipeScope::BlankDiskOnly, count: None, forced: None, undrained: None };
        self.arm(&site, asked, arming).await
    }

    /// Arms nodes to be wiped. If any node is refused, all are, and every reason is given; only nodes beyond the limit
    /// per minute are simply left out.
    pub(crate) async fn reimage(&self, who: &Actor, order: Reimage) -> Result<Armed, Refusal> {
        let (site, asked) = (self.site(), Order::new(who, "reimage", order.nodes.join(" ")));
        let arming = self.or_told(&asked, self.to_wipe(&site, &order)).await?;
        self.arm(&site, asked, arming).await
    }

    /// What [`Self::reimage`] would answer now, and what it would cost, without doing it: asked before the operator
    /// confirms. The command line asks nothing further after a refusal, so the refusal is audited here.
    pub(crate) async fn rehearse(&self, who: &Actor, order: &Reimage) -> Result<Rehearsal, Refusal> {
        let site = self.site();
        let asked = Order::new(who, "reimage", order.nodes.join(" ")).detail("asked before it was ordered");
        self.or_told(&asked, self.rehearsal_of(&site, order)).await
    }

    /// What a reimage would be answered now, for people who only look: nobody ordered it, so nothing is audited.
    pub(crate) fn foresee(&self, order: &Reimage) -> Result<Rehearsal, Refusal> {
        self.rehearsal_of(&self.site(), order)
    }

    fn rehearsal_of(&self, site: &Site, order: &Reimage) -> Result<Rehearsal, Refusal> {
        let (own, arming) = (own_cards()?, self.to_wipe(site, order)?);
        self.store
            .look(|draft| may_arm(site, draft, &arming, DrainRule::Nothing, &own, unix_now()).map(drop))
            .map_err(Refusal::Blast)?;
        let nodes = arming.nodes.iter().filter_map(|mac| site.node_by_mac(*mac));
        let loss = |node: &Node| Loss::of(site, node, self.store.record(node.mac), order.keep);
        Ok(Rehearsal { nodes: nodes.map(loss).collect() })
    }

    /// Audits a refusal that the store has not seen.
    async fn or_told<T>(&self, asked: &Order, outcome: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Err(refusal) = &outcome {
            let words = refusal.to_string();
            let refused = self.store.decide(asked.clone(), move |_, _| Err::<Orders, String>(words)).await;
            if let Err(DecideError::Store(lost)) = refused {
                return Err(Refusal::Store(lost));
            }
        }
        outcome
    }

    /// Starts to take nodes whose system runs out of service: each is asked whether the cloud can do without it, then a
    /// keeper takes its service out. Other nodes are not changed. Their status shows the progress; [`Self::reimage`]
    /// needs the result.
    pub(crate) async fn drain(&self, who: &Actor, order: Reimage) -> Result<Vec<NodeStatus>, Refusal> {
        let (site, asked) = (self.site(), Order::new(who, "drain", order.nodes.join(" ")));
        let (own, arming) =
            self.or_told(&asked, own_cards().and_then(|own| Ok((own, self.to_wipe(&site, &order)?)))).await?;
        let (known, line, nodes) = (site.clone(), asked.clone(), arming.nodes.clone());
        let decide = move |draft: &Draft<'_>, now| drain(&known, draft, &arming, &own, now, &line, random::attempt_id);
        self.store.decide(asked, decide).await.map_err(|error| Refusal::of(&site, error))?;
        let nodes = nodes.iter().filter_map(|mac| site.node_by_mac(*mac));
        Ok(nodes.map(|node| status(&site, node, self.store.record(node.mac).as_ref())).collect())
    }

    /// Takes an unspent wipe permit back; for a node that is not armed yet, ends the drain before it.
    pub(crate) async fn disarm(&self, who: &Actor, node: &str) -> Result<NodeStatus, Refusal> {
        let site = self.site();
        let record = site.node_by_name(node).and_then(|node| self.store.record(node.mac));
        let is_armed = record.as_ref().is_some_and(|record| matches!(record.state, State::Armed { .. }));
        match record.filter(|record| !is_armed && record.duty.is_leaving(unix_now())) {
            Some(_) => self.change(who, node, Change::Duty(vec![DutyEvent::TakenBack]), "disarm", "its drain").await,
            None => self.event(who, node, Event::Disarmed, "disarm").await,
        }
    }

    /// Declares an installer or a firstboot dead: the node is `failed` and can be armed again.
    pub(crate) async fn give_up(&self, who: &Actor, node: &str, reason: &str) -> Result<NodeStatus, Refusal> {
        let reason = self.or_told(&Order::new(who, "give-up", node), refusal::reason(reason)).await?;
        self.event(who, node, Event::GivenUp { reason }, "give-up").await
    }

    /// Trusts a suspect node again. It returns to its former state, but an earlier arming does not come back.
    pub(crate) async fn clear_suspect(&self, who: &Actor, node: &str) -> Result<NodeStatus, Refusal> {
        self.event(who, node, Event::Cleared, "clear-suspect").await
    }

    /// Accepts the other machine that was seen as this node as the node from now on. It is no longer suspect.
    pub(crate) async fn accept_hardware(&self, who: &Actor, node: &str) -> Result<NodeStatus, Refusal> {
        let site = self.site();
        let record = site.node_by_name(node).and_then(|node| self.store.record(node.mac));
        let other = record.and_then(|record| record.hardware.other).map(|shown| shown.to_string()).unwrap_or_default();
        self.change(who, node, Change::AcceptHardware, "accept-hardware", &other).await
    }

    /// Sets or removes `protected`: such a node is never armed. Setting it disarms.
    pub(crate) async fn protect(&self, who: &Actor, node: &str, on: bool) -> Result<NodeStatus, Refusal> {
        let (flag, action) = (Flag::Protected, if on { "protect" } else { "unprotect" });
        self.change(who, node, Change::Flag { flag, on }, action, "").await
    }

    /// Begins or ends maintenance: the node is never armed, its reports raise no alarm, and silence does not fail it.
    /// Beginning it disarms.
    pub(crate) async fn maintenance(&self, who: &Actor, node: &str, on: bool) -> Result<NodeStatus, Refusal> {
        let (flag, action) = (Flag::Maintenance, if on { "maintenance" } else { "maintenance-over" });
        self.change(who, node, Change::Flag { flag, on }, action, "").await
    }

    /// Disarms every node whose permit is not redeemed, and forbids arming and redeeming until the stop is lifted.
    /// Survives a restart. Returns the names of the disarmed nodes.
    pub(crate) async fn stop(&self, who: &Actor) -> Result<Vec<String>, Refusal> {
        stop_all(&self.site(), &self.store, who).await
    }

    /// Allows installations again. Nodes that were disarmed stay disarmed.
    pub(crate) async fn lift_stop(&self, who: &Actor) -> Result<(), Refusal> {
        lift_stop(&self.site(), &self.store, who).await
    }

    fn to_wipe(&self, site: &Site, order: &Reimage) -> Result<Arming, Refusal> {
        let nodes = find(site, &order.nodes)?;
        let can_keep =
            |node: &&Node| self.can_keep(node).map_err(|why| Refusal::CannotKeep { node: node.name.to_string(), why });
        let scope = match order.keep {
            true => nodes.iter().try_for_each(can_keep).map(|()| WipeScope::KeepVolumeGroups)?,
            false => WipeScope::DestroyData,
        };
        let forced = order.forced.as_deref().map(refusal::reason).transpose()?;
        let undrained = order.undrained.as_deref().map(refusal::reason).transpose()?;
        if let Some(wrong) = clock_before_build(unix_now(), BUILT) {
            return Err(Refusal::Clock(wrong));
        }
        let nodes = nodes.iter().map(|node| node.mac).collect();
        Ok(Arming { nodes, scope, count: order.count, forced, undrained })
    }

    async fn arm(&self, site: &Arc<Site>, asked: Order, arming: Arming) -> Result<Armed, Refusal> {
        let own = self.or_told(&asked, own_cards()).await?;
        let nodes: Vec<&Node> = arming.nodes.iter().filter_map(|mac| site.node_by_mac(*mac)).collect();
        let before: Vec<String> =
            nodes.iter().filter(|node| is_armed(&self.store, node)).map(|node| node.name.to_string()).collect();
        let forced = arming.forced.as_ref().map(|reason| format!("; forced: {reason}"));
        let undrained = arming.undrained.as_ref().map(|reason| format!("; not drained: {reason}"));
        let because = [forced, undrained].into_iter().flatten().collect::<String>();
        let asked = asked.detail(format!("{}{because}", arming.scope));
        let (who, scope) = (asked.actor.clone(), arming.scope);
        let (said, mut hear) = tokio::sync::oneshot::channel();
        let (known, order) = (site.clone(), asked.clone());
        let newest = self.served.clone();
        let decide = move |draft: &Draft<'_>, time| {
            // What is armed must be what the operator was shown.
            if !Arc::ptr_eq(&newest.borrow().site, &known) {
                return Err(Refusal::SiteEdited);
            }
            let (orders, left) = arm(&known, draft, &arming, &own, time, &order, random::attempt_id)?;
            let _ = said.send(left);
            Ok(orders)
        };
        self.store.decide(asked, decide).await.map_err(|error| Refusal::of(site, error))?;
        let Left { later, again_in } = hear.try_recv().unwrap_or_default();
        let armed = nodes.iter().filter(|node| !later.iter().any(|name| name == node.name.as_str()));
        let nodes: Vec<NodeStatus> =
            armed.map(|node| status(site, node, self.store.record(node.mac).as_ref())).collect();
        for node in &nodes {
            tracing::warn!(%who, node = node.name, "armed by an operator: its next network boot {scope}{because}");
        }
        let replaced = before.into_iter().filter(|name| !later.contains(name)).collect();
        Ok(Armed { nodes, replaced, later, again_in })
    }

    /// Checks that what the site file keeps was recorded, and lies where the current plan expects it.
    fn can_keep(&self, node: &Node) -> Result<(), String> {
        if node.keep.is_empty() {
            return Err(NOTHING_TO_KEEP.into());
        }
        let installed = self.store.record(node.mac).and_then(|record| record.installed);
        let installed = installed.ok_or_else(|| format!("what is on the disks of {} was never recorded", node.name))?;
        let plan = plan::keep(node, &installed.promise.plan, &node.keep);
        let plan = plan.map_err(|error| format!("{error}; {}", error.help()))?;
        keepable(&installed, &plan, &node.keep).map(drop)
    }

    async fn event(&self, who: &Actor, name: &str, event: Event, action: &str) -> Result<NodeStatus, Refusal> {
        let detail = match &event {
            Event::GivenUp { reason } => reason.clone(),
            _ => String::new(),
        };
        self.change(who, name, Change::Event { event, mark: None }, action, &detail).await
    }

    async fn change(
        &self,
        who: &Actor,
        name: &str,
        change: Change,
        action: &str,
        detail: &str,
    ) -> Result<NodeStatus, Refusal> {
        let site = self.site();
        let order = Order::new(who, action, name).detail(detail);
        let node = site.node_by_name(name).ok_or_else(|| Refusal::UnknownNode(name.into()));
        let node = self.or_told(&order, node).await?;
        let mac = node.mac;
        let record = self.store.change_as(mac, change, order).await;
        let record = record.map_err(|error| match error {
            ChangeError::Refused(Refused::NothingToDo) => {
                let state = self.store.record(mac).map_or("new", |record| record.state.word());
                Refusal::NothingToDo { node: name.into(), action: action.into(), state }
            }
            ChangeError::Refused(refused) => Refusal::State { node: name.into(), refused },
            lost => Refusal::Store(lost),
        })?;
        let status = status(&site, node, Some(&record));
        let flags = status.flags.join(" ");
        tracing::warn!(%who, node = name, action, detail, state = status.state, flags, "ordered by an operator");
        Ok(status)
    }
}

/// See [`Appliance::stop`]; it also works while no daemon runs.
pub(crate) async fn stop_all(site: &Site, store: &Store, who: &Actor) -> Result<Vec<String>, Refusal> {
    let before: Vec<&Node> = site.nodes.iter().filter(|node| is_armed(store, node)).collect();
    let names: Vec<&str> = before.iter().map(|node| node.name.as_str()).collect();
    let mut asked = Order::new(who, "stop", &site.name);
    if !names.is_empty() {
        asked = asked.detail(format!("armed until then: {}", names.join(", ")));
    }
    let (by, order) = (who.to_string(), asked.clone());
    let decide = move |draft: &Draft<'_>, now| -> Result<Orders, Refusal> { Ok(stop(draft, now, by, order)) };
    store.decide(asked, decide).await.map_err(|error| Refusal::of(site, error))?;
    let disarmed: Vec<String> =
        before.into_iter().filter(|node| !is_armed(store, node)).map(|node| node.name.to_string()).collect();
    tracing::warn!(%who, nodes = disarmed.join(" "), "all installations are stopped");
    Ok(disarmed)
}

/// See [`Appliance::lift_stop`]; it also works while no daemon runs.
pub(crate) async fn lift_stop(site: &Site, store: &Store, who: &Actor) -> Result<(), Refusal> {
    let asked = Order::new(who, "lift-stop", &site.name);
    let order = asked.clone();
    let decide = move |draft: &Draft<'_>, _| match draft.stopped() {
        Some(_) => Ok(Orders { changes: Vec::new(), stopped: Some(None), audit: vec![order] }),
        None => Err(Refusal::NotStopped),
    };
    store.decide(asked, decide).await.map_err(|error| Refusal::of(site, error))?;
    tracing::warn!(%who, "installations are allowed again");
    Ok(())
}

fn is_armed(store: &Store, node: &Node) -> bool {
    matches!(store.record(node.mac), Some(Record { state: State::Armed { .. }, .. }))
}

/// Stops all installations of a store whose daemon does not answer requests yet.
pub(in crate::server) async fn stop_store(store: &Store, who: &Actor, site: &str) -> Result<(), ChangeError> {
    let asked = Order::new(who, "stop", site).detail("before the daemon started");
    let (by, order) = (who.to_string(), asked.clone());
    let decide = move |draft: &Draft<'_>, now| -> Result<Orders, Refusal> { Ok(stop(draft, now, by, order)) };
    match store.decide(asked, decide).await {
        Ok(_) => Ok(()),
        // Disarming is never refused.
        Err(_) => Err(ChangeError::Stopped),
    }
}

/// The nodes of these names, each once, in the order in which they were named.
fn find<'a>(site: &'a Site, names: &[String]) -> Result<Vec<&'a Node>, Refusal> {
    let mut nodes: Vec<&Node> = Vec::with_capacity(names.len());
    for name in names {
        let node = site.node_by_name(name).ok_or_else(|| Refusal::UnknownNode(name.clone()))?;
        if !nodes.iter().any(|known| known.mac == node.mac) {
            nodes.push(node);
        }
    }
    if nodes.is_empty() { Err(Refusal::Nobody) } else { Ok(nodes) }
}

fn own_cards() -> Result<Vec<OwnCard>, Refusal> {
    crate::own_cards::read().map_err(|error| Refusal::OwnCardsUnknown(error.to_string()))
}

#[cfg(test)]
mod tests;
