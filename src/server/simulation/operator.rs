//! An operator who gives random orders, and at the end puts everything right.

use super::Dice;
use super::daemon::Daemon;
use crate::audit::{Actor, Order};
use crate::lifecycle::duty::Verb;
use crate::lifecycle::{DutyEvent, Event, Flag, State, WipeScope};
use crate::server::operate::{self, Arming};
use crate::site::Mac;
use crate::store::{Change, Orders};

pub(super) fn orders_something(daemon: &mut Daemon, dice: &mut Dice) {
    let mac = daemon.site.nodes[dice.below(daemon.site.nodes.len())].mac;
    let event = |event| Change::Event { event, mark: None };
    match dice.below(50) {
        44..50 => drains(daemon, mac, dice),
        0..14 | 40..44 => drop(arms(daemon, &[mac], WipeScope::DestroyData, dice.permille(800))),
        14..18 => drop(arms(daemon, &[mac], WipeScope::BlankDiskOnly, false)),
        18..20 => {
            let all: Vec<Mac> = daemon.site.nodes.iter().map(|node| node.mac).collect();
            arms(daemon, &all, WipeScope::DestroyData, true);
        }
        20 | 21 => withdraws(daemon, mac, &event(Event::Disarmed)),
        22 => withdraws(daemon, mac, &event(Event::Withdrawn { why: "the site file".into() })),
        23 | 24 => withdraws(daemon, mac, &Change::Flag { flag: Flag::Protected, on: true }),
        25 | 26 => withdraws(daemon, mac, &Change::Flag { flag: Flag::Maintenance, on: true }),
        27..30 => drop(daemon.change(mac, &Change::Flag { flag: Flag::Protected, on: false })),
        30..33 => drop(daemon.change(mac, &Change::Flag { flag: Flag::Maintenance, on: false })),
        33 => drop(daemon.change(mac, &event(Event::GivenUp { reason: "r".into() }))),
        34 => {
            withdraws(daemon, mac, &event(Event::Suspected { why: "a second reader".into() }));
            daemon.monitor.tally.suspects += 1;
        }
        35 | 36 => drop(daemon.change(mac, &event(Event::Cleared))),
        37 if dice.permille(500) => stops(daemon),
        _ => lifts(daemon),
    }
}

/// Arms through the same decision as `rackstart install` and `rackstart reimage --no-drain`.
fn arms(daemon: &mut Daemon, nodes: &[Mac], scope: WipeScope, is_forced: bool) -> usize {
    arms_drained(daemon, nodes, scope, is_forced, Some("a drill".into()))
}

fn arms_drained(
    daemon: &mut Daemon,
    nodes: &[Mac],
    scope: WipeScope,
    is_forced: bool,
    undrained: Option<String>,
) -> usize {
    let forced = is_forced.then(|| "a drill".to_string());
    let arming = Arming { nodes: nodes.to_vec(), scope, count: Some(nodes.len()), forced, undrained };
    let order = Order::new(&Actor::daemon(), "reimage", "nodes");
    let ids: Vec<_> = nodes.iter().map(|_| daemon.fresh_id()).collect();
    let (site, mut ids) = (daemon.site.clone(), ids.into_iter());
    let done = daemon.commit(|draft, now| {
        let orders = operate::arm(&site, draft, &arming, &[], now, &order, || ids.next().unwrap()).ok()?.0;
        draft.obey(&orders, now).ok().map(|_| orders)
    });
    let armed = done.map(|orders| orders.changes).unwrap_or_default();
    for (mac, change) in &armed {
        let Change::Arm { id, scope, .. } = change else { panic!("{change:?}") };
        daemon.monitor.armed(*mac, id, *scope);
    }
    armed.len()
}

/// A drain, or as much of it as the dice let happen. If it was completed, an arming needs no reason.
fn drains(daemon: &mut Daemon, mac: Mac, dice: &mut Dice) {
    let id = daemon.fresh_id().to_string();
    let answer = |verb: &str, yes: bool| {
        let words = format!("{verb} {id} {} x", if yes { "yes" } else { "no" });
        DutyEvent::Answered(words.parse().expect("an answer"))
    };
    let given = |verb| DutyEvent::Given { verb, id: id.clone() };
    let steps = [
        DutyEvent::Asked { id: id.clone() },
        answer("leave", dice.permille(900)),
        given(Verb::Disable),
        answer("disable", dice.permille(900)),
        if dice.permille(300) { DutyEvent::TakenBack } else { given(Verb::Enable) },
        answer("enable", dice.permille(500)),
    ];
    let (before, after) = steps.split_at(1 + dice.below(6));
    for step in before {
        let _ = daemon.change(mac, &Change::Duty(vec![step.clone()]));
    }
    let record = daemon.memory.nodes.get(&mac);
    let runs = record.is_some_and(|record| record.state.system().is_some());
    let drained = record.is_some_and(|record| record.duty.outcome(daemon.now).word() == "drained");
    let armed = arms_drained(daemon, &[mac], WipeScope::DestroyData, true, None);
    if armed == 1 && runs {
        daemon.monitor.rests_on_a_drain(&daemon.memory.nodes[&mac]);
        // The service comes back too early: from a controller that is late, or because a clock was set back.
        if dice.permille(300) {
            for step in after {
                let _ = daemon.change(mac, &Change::Duty(vec![step.clone()]));
                daemon.check();
            }
        }
    }
    assert!(armed == 0 || drained || !runs, "a node at work was armed without being drained");
}

/// An order after which the node is not armed, whatever its state was.
fn withdraws(daemon: &mut Daemon, mac: Mac, change: &Change) {
    if let Ok(record) = daemon.change(mac, change) {
        assert!(!matches!(record.state, State::Armed { .. }), "{change:?} leaves it armed");
        daemon.monitor.withdrawn(mac);
    }
}

fn stops(daemon: &mut Daemon) {
    let order = Order::new(&Actor::daemon(), "stop", "testbed");
    daemon.commit(|draft, now| {
        let orders = operate::stop(draft, now, "somebody".into(), order);
        draft.obey(&orders, now).expect("what is armed can be disarmed")
    });
    for node in &daemon.site.nodes {
        daemon.monitor.withdrawn(node.mac);
    }
}

fn lifts(daemon: &mut Daemon) {
    let orders = Orders { stopped: Some(None), ..Orders::default() };
    daemon.commit(|draft, now| draft.obey(&orders, now)).expect("it changes no node");
}

/// The daemon is away meanwhile.
pub(super) fn looks_away_for_hours(daemon: &mut Daemon) {
    daemon.now += 3 * 3600;
    daemon.is_killed();
}

/// Removes every flag, clears every suspicion, and arms every node.
pub(super) fn heals(daemon: &mut Daemon) {
    lifts(daemon);
    let macs: Vec<Mac> = daemon.site.nodes.iter().map(|node| node.mac).collect();
    for mac in &macs {
        for flag in [Flag::Protected, Flag::Maintenance] {
            let _ = daemon.change(*mac, &Change::Flag { flag, on: false });
        }
        let orders =
            [Event::Cleared, Event::GivenUp { reason: "r".into() }].map(|event| Change::Event { event, mark: None });
        for order in &orders {
            let _ = daemon.change(*mac, order);
        }
    }
    daemon.pass(120);
    assert_eq!(arms(daemon, &macs, WipeScope::DestroyData, true), macs.len(), "{}", daemon.states());
}
