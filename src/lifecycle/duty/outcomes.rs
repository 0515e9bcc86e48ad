//! Each limit of a drain on both of its sides, and what an outcome says.

use super::*;
use crate::lifecycle::{Attempt, AttemptId, WipeScope};

const NOW: u64 = 100_000;

/// A drain that entered its phase `age` seconds ago, and whose errand was taken so many seconds ago.
fn drain(phase: Phase, age: u64, taken: Option<u64>) -> Drain {
    Drain { id: "a1".into(), phase, since: NOW - age, taken: taken.map(|ago| NOW - ago), said: "3 copies".into() }
}

#[test]
fn each_limit_holds_to_its_last_second() {
    for (phase, taken, limit, within, beyond) in [
        (Phase::Drained, None, GOOD_SECONDS, "drained", ""),
        (Phase::Asked, None, REACH_SECONDS, "waits", "unreached"),
        (Phase::Leaving, None, REACH_SECONDS, "waits", "refused"),
        (Phase::Refused, None, FORGET_SECONDS, "refused", ""),
    ] {
        let word = |age: u64| drain(phase, age, taken).outcome(NOW).word();
        assert_eq!([word(limit), word(limit + 1)], [within, beyond], "{phase:?}");
    }
    for phase in [Phase::Asked, Phase::Leaving] {
        let word = |ago: u64| drain(phase, ANSWER_SECONDS + 1, Some(ago)).outcome(NOW).word();
        assert_eq!([word(ANSWER_SECONDS), word(ANSWER_SECONDS + 1)], ["waits", "refused"], "{phase:?}");
    }
}

#[test]
fn an_outcome_says_what_it_waits_for_or_why_it_ended() {
    for (phase, age, taken, text) in [
        (Phase::Asked, 1, None, "it has to ask for errands, every 30 s"),
        (Phase::Asked, 1, Some(1), "it is checking whether it can be spared"),
        (Phase::Asked, 91, None, "it has not asked for errands for 90 s: it cannot be reached"),
        (Phase::Leaving, 1, None, "3 copies; its keeper takes its service out"),
        (Phase::Drained, 1, None, "3 copies"),
        (Phase::Refused, 1, None, "3 copies"),
        (Phase::Drained, 601, None, "it was not drained"),
    ] {
        assert_eq!(drain(phase, age, taken).outcome(NOW).text(), text, "{phase:?}");
    }
}

#[test]
fn a_drain_is_lost_when_it_was_done_and_is_gone() {
    let with = |phase: Option<Phase>| Duty { drain: phase.map(|phase| drain(phase, 1, None)), out: None };
    let lost = |before: Option<Phase>, next: Option<Phase>| with(before).lost_its_drain(&with(next));
    assert!(lost(Some(Phase::Drained), None));
    assert!(!lost(Some(Phase::Drained), Some(Phase::Drained)));
    assert!(!lost(Some(Phase::Leaving), None) && !lost(None, None));
}

#[test]
fn a_service_that_comes_back_ends_its_own_drain_only() {
    let out = Some(Out { id: "a0".into(), asked: None });
    let other = Duty { drain: Some(drain(Phase::Asked, 1, None)), out: out.clone() };
    let given = other.apply(&DutyEvent::Given { verb: Verb::Enable, id: "a0".into() }, NOW).unwrap();
    assert_eq!((given.drain, given.out.unwrap().asked), (other.drain, Some(NOW)));
    let own = Duty { drain: Some(Drain { id: "a0".into(), ..drain(Phase::Asked, 1, None) }), out };
    assert_eq!(own.apply(&DutyEvent::Given { verb: Verb::Enable, id: "a0".into() }, NOW).unwrap().drain, None);
}

#[test]
fn a_keeper_is_asked_again_after_five_minutes() {
    let ready = State::Ready { attempt: Attempt::new(AttemptId::from_random([1; 4]), WipeScope::DestroyData) };
    let asked = |ago: u64| Duty { drain: None, out: Some(Out { id: "a0".into(), asked: Some(NOW - ago) }) };
    assert_eq!(asked(ASK_AGAIN_SECONDS).wants_back(&ready, NOW), None);
    assert!(asked(ASK_AGAIN_SECONDS + 1).wants_back(&ready, NOW).is_some());
}
