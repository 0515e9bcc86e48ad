//! Every state that some order of events can reach, and the way out of each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use super::super::timeouts::{self, Moments, Phase, TIMEOUTS};
use super::*;

/// The events of the table with two boots, so that everything that two boots of one attempt can do to each other
/// happens.
fn all_events() -> Vec<Event> {
    let mut all = events();
    let token = || token(2);
    all.extend([
        Event::BootScriptServed { token: token() },
        Event::PermitRedeemed { token: token(), disk: "sda".into() },
        Event::InstallerStopped { token: token(), reason: "r".into() },
        Event::Attested { token: token(), differences: vec![] },
        Event::Ready { token: token() },
    ]);
    all
}

/// Searches breadth first from `new` and returns each state once, by its stored text.
fn reachable() -> BTreeMap<String, State> {
    let text = |state: &State| serde_json::to_string(state).unwrap();
    let mut found = BTreeMap::from([(text(&State::New), State::New)]);
    let mut next = VecDeque::from([State::New]);
    let events = all_events();
    while let Some(state) = next.pop_front() {
        for event in &events {
            let Ok(after) = state.apply(event) else { continue };
            if let std::collections::btree_map::Entry::Vacant(place) = found.entry(text(&after)) {
                place.insert(after.clone());
                next.push_back(after);
            }
        }
    }
    found
}

static REACHABLE: LazyLock<BTreeMap<String, State>> = LazyLock::new(reachable);

fn operator() -> Vec<Event> {
    vec![
        Event::Armed { id: id(3), scope: WipeScope::BlankDiskOnly },
        Event::Armed { id: id(3), scope: WipeScope::DestroyData },
        Event::Disarmed,
        Event::GivenUp { reason: "r".into() },
        Event::Cleared,
    ]
}

/// Whether an operator can arm the node with at most this many orders.
fn can_be_armed(state: &State, orders: usize) -> bool {
    let next = || operator().into_iter().filter_map(|event| state.apply(&event).ok());
    let armed = |state: &State| matches!(state, State::Armed { attempt, .. } if attempt.id == id(3));
    next().any(|after| armed(&after) || (orders > 1 && can_be_armed(&after, orders - 1)))
}

#[test]
fn every_state_is_reached_and_has_a_way_out() {
    let states = &*REACHABLE;
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for state in states.values() {
        *words.entry(state.word()).or_default() += 1;
        assert!(can_be_armed(state, 3), "an operator cannot get {state:?} installed again");
        let changes = |event: &Event| state.apply(event).is_ok_and(|after| after != *state);
        assert!(operator().iter().any(changes), "no order of an operator moves {state:?}");
        if let Some(phase) = Phase::of(state) {
            let over = phase.timeout().seconds + 1;
            let moments = Moments { armed: 0, heard: 0, started: 0 };
            let event = timeouts::overdue(state, Flags::default(), moments, over - 1, over).expect("it is late");
            let after = state.apply(&event).unwrap_or_else(|refused| panic!("{state:?} x {event:?}: {refused}"));
            // The state that an arming returns to may have its firstboot limit again; no other state has a second
            // limit.
            assert!(matches!(Phase::of(&after), None | Some(Phase::Firstboot)), "{state:?} -> {after:?}");
            assert!(phase != Phase::Firstboot || Phase::of(&after).is_none(), "{state:?} -> {after:?}");
        }
    }
    let all = ["armed", "failed", "firstboot", "installing", "new", "ready", "suspect"];
    assert_eq!(words.keys().copied().collect::<Vec<_>>(), all);
    assert!(states.len() > 1000, "{words:?}");
}

#[test]
fn what_can_only_wait_for_a_machine_has_a_timeout() {
    for state in REACHABLE.values() {
        let waits_for_a_machine = match state {
            State::Armed { attempt, .. } => attempt.boots > 0 || attempt.scope.wipes(),
            State::Installing { .. } | State::Firstboot { .. } => true,
            _ => false,
        };
        assert_eq!(Phase::of(state).is_some(), waits_for_a_machine, "{state:?}");
    }
}

#[test]
fn the_table_of_timeouts_has_each_phase_once_and_heeds_maintenance_and_the_daemon_being_away() {
    let phases = [Phase::Waiting, Phase::Booting, Phase::Installing, Phase::Firstboot];
    assert_eq!(TIMEOUTS.map(|row| row.phase), phases);
    let installing = State::Installing { attempt: redeemed() };
    let at = |flags, started, now| {
        timeouts::overdue(&installing, flags, Moments { armed: 0, heard: 1000, started }, 7200, now)
    };
    let limit = Phase::Installing.timeout().seconds;
    assert_eq!(at(Flags::default(), 0, 1000 + limit), None);
    let late = at(Flags::default(), 0, 1000 + 2 * limit).unwrap();
    assert!(matches!(late, Event::Overdue { reason } if reason.contains("the installer said nothing for 120 minutes")));
    assert_eq!(at(Flags::default(), 1000 + limit, 1000 + 2 * limit), None, "nobody could report");
    assert_eq!(at(Flags::default().with(Flag::Maintenance, true), 0, 1000 + 9 * limit), None);
    let armed = State::Armed { attempt: Attempt::new(id(1), WipeScope::DestroyData), previous: None };
    let waits =
        |now| timeouts::overdue(&armed, Flags::default(), Moments { armed: 5000, heard: 0, started: now }, 600, now);
    assert_eq!((waits(5600), waits(5601)), (None, Some(Event::Expired)), "the hours count while the daemon is away");
    assert_eq!(waits(4000), Some(Event::Expired), "a clock that was set back does not prolong a permit");
    let first = State::Armed { attempt: fresh(), previous: None };
    assert_eq!(Phase::of(&first), None, "a rack may be powered on days after it was described");
}

#[test]
fn the_manual_has_the_same_limits() {
    let manual = include_str!("../../../docs/boot-flow.md");
    let rows =
        ["armed to wipe, installer not fetched", "armed and booted, permit not asked for", "installing", "firstboot"];
    for (row, timeout) in rows.iter().zip(TIMEOUTS) {
        let line = format!("| {row} | {} minutes", timeout.seconds / 60);
        assert!(manual.contains(&line), "docs/boot-flow.md has no `{line}`");
    }
}
