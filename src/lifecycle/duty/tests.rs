//! Drains as a table: what was asked, what was answered, when, and the outcome.

mod keepers;

use std::collections::BTreeMap;

use super::*;
use crate::lifecycle::{Attempt, AttemptId, Stage, WipeScope};
use crate::site::testing::paper_site;
use crate::site::{Mac, Site};

const NOW: u64 = 100_000;

fn attempt() -> Attempt {
    Attempt::new(AttemptId::from_random([1; 4]), WipeScope::DestroyData)
}

fn ready() -> State {
    State::Ready { attempt: attempt() }
}

/// The paper's rack with every node ready, and what becomes of it.
struct Rack {
    site: Site,
    nodes: BTreeMap<Mac, (State, Duty)>,
    now: u64,
}

impl Rack {
    fn new() -> Self {
        let site = paper_site();
        let nodes = site.nodes.iter().map(|node| (node.mac, (ready(), Duty::default()))).collect();
        Self { site, nodes, now: NOW }
    }

    fn of(&mut self, name: &str) -> &mut (State, Duty) {
        let mac = self.site.node_by_name(name).unwrap().mac;
        self.nodes.get_mut(&mac).unwrap()
    }

    fn asks(&mut self, name: &str, id: &str) -> bool {
        let now = self.now;
        let entry = self.of(name);
        let next = entry.1.apply(&DutyEvent::Asked { id: id.into() }, now);
        next.map(|next| entry.1 = next).is_some()
    }

    /// A node asks for errands and fetches them; returns their text.
    fn polls(&mut self, name: &str) -> Vec<String> {
        let node = self.site.node_by_name(name).unwrap().clone();
        let all = wanted(&self.site, &|mac| self.nodes.get(&mac).map(|(s, d)| (s, d)), &node, self.now);
        for Errand { verb, id, about } in &all {
            let (_, duty) = self.nodes.get_mut(&about.1).unwrap();
            if let Some(next) = duty.apply(&DutyEvent::Given { verb: *verb, id: id.clone() }, self.now) {
                *duty = next;
            }
        }
        all.iter().map(ToString::to_string).collect()
    }

    /// A node answers; returns whether anybody was waiting for the answer.
    fn says(&mut self, name: &str, answer: &str) -> bool {
        let node = self.site.node_by_name(name).unwrap().clone();
        let look = |mac: Mac| self.nodes.get(&mac).map(|(s, d)| (s, d));
        let Some((mac, events)) = heard(&self.site, &look, &node, answer.parse().unwrap()) else { return false };
        let (_, duty) = self.nodes.get_mut(&mac).unwrap();
        let next = events.iter().try_fold(duty.clone(), |duty, event| duty.apply(event, self.now));
        next.map(|next| *duty = next).is_some()
    }

    fn outcome(&mut self, name: &str) -> &'static str {
        let now = self.now;
        self.of(name).1.outcome(now).word()
    }

    fn becomes(&mut self, name: &str, next: State) {
        let entry = self.of(name);
        entry.1 = entry.1.after(&entry.0, &next);
        entry.0 = next;
    }
}

/// A rack whose compute2 was drained.
fn drained() -> Rack {
    let mut rack = Rack::new();
    assert!(rack.asks("compute2", "a1"));
    assert_eq!(rack.polls("compute2"), ["leave a1 compute2"]);
    assert!(rack.says("compute2", "leave a1 yes 3 copies"));
    assert_eq!(rack.polls("controller"), ["disable a1 compute2"]);
    assert!(rack.says("controller", "disable a1 yes it is disabled"));
    assert_eq!(rack.outcome("compute2"), "drained");
    rack
}

#[test]
fn a_node_leaves_when_it_says_so_itself_and_the_controller_took_its_service_out() {
    let mut rack = Rack::new();
    assert_eq!((rack.outcome("compute2"), rack.polls("compute2")), ("", vec![]));
    assert!(rack.asks("compute2", "a1"));
    assert_eq!(rack.polls("controller"), Vec::<String>::new(), "first the bricks");
    assert_eq!(rack.polls("compute3"), Vec::<String>::new(), "nobody else is asked");
    assert_eq!(rack.polls("compute2"), ["leave a1 compute2"]);
    assert_eq!(rack.polls("compute2"), ["leave a1 compute2"], "as long as it has not answered");
    assert!(!rack.says("compute3", "leave a1 yes it may"), "not another's to say");
    assert!(!rack.says("controller", "disable a1 yes done"), "nobody told it to");
    assert!(rack.says("compute2", "leave a1 yes 3 copies"));
    assert!(!rack.says("compute2", "leave a1 no now not"), "said is said");
    assert_eq!(rack.outcome("compute2"), "waits");
    assert!(!rack.says("compute2", "disable a1 yes done"), "the controller's to say");
    assert_eq!(rack.polls("controller"), ["disable a1 compute2"]);
    assert!(rack.says("controller", "disable a1 yes it is disabled"));
    assert_eq!(rack.of("compute2").1.outcome(NOW), Outcome::Drained("3 copies; it is disabled".into()));
    assert!(!rack.asks("compute2", "a2"), "a good drain is not done again");
}

#[test]
fn its_service_comes_back_after_the_reimage_and_after_an_arming_that_came_to_nothing() {
    let armed = |previous| State::Armed { attempt: attempt(), previous };
    let mut rack = drained();
    rack.becomes("compute2", armed(Some(Box::new(ready()))));
    assert!(rack.polls("controller").is_empty(), "it stays out");
    rack.becomes("compute2", State::Installing { attempt: attempt() });
    assert!(rack.polls("controller").is_empty());
    rack.becomes("compute2", State::Firstboot { attempt: attempt() });
    assert_eq!(rack.polls("controller"), ["enable a1 compute2"], "its own steps prove an enabled service");
    assert!(rack.polls("controller").is_empty(), "it was told");
    rack.now += ASK_AGAIN_SECONDS + 1;
    assert_eq!(rack.polls("controller"), ["enable a1 compute2"], "it did not answer");
    assert!(!rack.says("compute2", "enable a1 yes done"), "not its own to say");
    assert!(!rack.says("controller", "enable a1 no the database is away"));
    assert!(rack.says("controller", "enable a1 yes done"));
    assert_eq!(*rack.of("compute2"), (State::Firstboot { attempt: attempt() }, Duty::default()));

    let mut rack = drained();
    rack.becomes("compute2", armed(Some(Box::new(ready()))));
    rack.becomes("compute2", ready());
    assert_eq!((rack.outcome("compute2"), rack.polls("controller")), ("", vec!["enable a1 compute2".into()]));

    let mut rack = drained();
    assert!(rack.polls("controller").is_empty(), "it may be armed any moment");
    rack.now += GOOD_SECONDS + 1;
    assert_eq!((rack.outcome("compute2"), rack.polls("controller")), ("", vec!["enable a1 compute2".into()]));
    assert!(rack.asks("compute2", "a2"));
}

#[test]
fn a_no_of_either_ends_it_and_a_service_that_may_be_out_comes_back() {
    let mut rack = Rack::new();
    rack.asks("compute2", "a1");
    rack.polls("compute2");
    assert!(rack.says("compute2", "leave a1 no 4 files are not healed"));
    assert_eq!(rack.of("compute2").1.outcome(NOW), Outcome::Refused("4 files are not healed".into()));
    assert!(rack.polls("controller").is_empty(), "nothing was taken out");
    assert!(rack.asks("compute2", "a2"), "and may be asked again at once");

    rack.polls("compute2");
    rack.says("compute2", "leave a2 yes fine");
    rack.polls("controller");
    assert!(rack.says("controller", "disable a2 no the database is away"));
    assert_eq!(rack.outcome("compute2"), "refused");
    assert_eq!(rack.polls("controller"), ["enable a2 compute2"], "it may have been disabled all the same");
}

#[test]
fn who_does_not_come_cannot_be_reached_and_who_came_and_is_silent_says_no() {
    let mut rack = Rack::new();
    rack.asks("compute2", "a1");
    rack.now += REACH_SECONDS;
    assert_eq!(rack.outcome("compute2"), "waits");
    rack.now += 1;
    assert_eq!(rack.outcome("compute2"), "unreached");
    assert!(rack.polls("compute2").is_empty(), "too late");
    assert!(rack.asks("compute2", "a2"), "it is asked anew");
    rack.polls("compute2");
    rack.now += ANSWER_SECONDS;
    assert_eq!(rack.outcome("compute2"), "waits");
    rack.now += 1;
    assert_eq!(rack.outcome("compute2"), "refused");
    assert!(!rack.says("compute2", "leave a2 yes at last"));

    let mut rack = Rack::new();
    rack.asks("compute2", "a1");
    rack.polls("compute2");
    rack.says("compute2", "leave a1 yes fine");
    rack.becomes("controller", State::Installing { attempt: attempt() });
    assert!(rack.polls("controller").is_empty(), "only one whose system runs is asked");
    rack.now += REACH_SECONDS + 1;
    assert_eq!(rack.outcome("compute2"), "refused");
    // A clock that was set back makes nothing fresh.
    let mut rack = drained();
    rack.now -= GOOD_SECONDS + 1;
    assert_eq!(rack.outcome("compute2"), "");
}

fn step_failed() -> State {
    State::Failed { attempt: attempt(), during: Stage::Firstboot, reason: "r".into(), previous: None }
}

#[test]
fn a_node_whose_steps_are_not_done_is_drained_alike_and_a_change_of_them_ends_nothing() {
    let left_alone = State::Failed {
        attempt: attempt(),
        during: Stage::Installer,
        reason: "r".into(),
        previous: Some(Box::new(ready())),
    };
    for before in [State::Firstboot { attempt: attempt() }, step_failed(), left_alone.clone()] {
        for after in [State::Firstboot { attempt: attempt() }, step_failed(), ready()] {
            let mut rack = Rack::new();
            rack.becomes("compute2", before.clone());
            rack.becomes("controller", step_failed());
            assert!(rack.asks("compute2", "a1"));
            assert_eq!(rack.polls("compute2"), ["leave a1 compute2"], "{before:?}");
            rack.becomes("compute2", after.clone());
            assert!(rack.says("compute2", "leave a1 yes 3 copies"), "{before:?} -> {after:?}");
            assert_eq!(rack.polls("controller"), ["disable a1 compute2"]);
            rack.becomes("compute2", before.clone());
            assert!(rack.says("controller", "disable a1 yes done"));
            rack.becomes("compute2", after.clone());
            assert_eq!(rack.outcome("compute2"), "drained", "{before:?} -> {after:?}");
            assert!(rack.polls("controller").is_empty(), "it may be armed any moment: {after:?}");
            rack.now += GOOD_SECONDS + 1;
            assert_eq!(rack.polls("controller"), ["enable a1 compute2"], "{after:?}");
        }
    }
    let mut rack = drained();
    rack.becomes("compute2", left_alone);
    rack.now += GOOD_SECONDS + 1;
    assert!(rack.polls("controller").is_empty(), "nobody knows whether its old system runs, until it is heard");
}

#[test]
fn nothing_rests_on_a_drain_whose_service_is_told_to_come_back() {
    let mut rack = drained();
    rack.now += GOOD_SECONDS + 1;
    assert_eq!(rack.polls("controller"), ["enable a1 compute2"]);
    rack.now -= 2; // the clock was set back
    assert_eq!(rack.outcome("compute2"), "", "it is on its way back");
    let mut rack = drained();
    assert!(rack.says("controller", "enable a1 yes somebody did it by hand"));
    assert_eq!(rack.of("compute2").1, Duty::default());
}

#[test]
fn a_drain_is_taken_back_by_an_operator_as_long_as_the_node_may_leave() {
    let takes_back = |rack: &mut Rack| {
        let now = rack.now;
        let entry = rack.of("compute2");
        let next = entry.1.apply(&DutyEvent::TakenBack, now);
        next.map(|next| entry.1 = next).is_some()
    };
    let mut rack = Rack::new();
    assert!(!takes_back(&mut rack), "there is none");
    rack.asks("compute2", "a1");
    rack.polls("compute2");
    assert!(takes_back(&mut rack));
    assert!(!rack.says("compute2", "leave a1 yes 3 copies"), "nobody waits for that any more");
    let mut rack = drained();
    assert!(takes_back(&mut rack));
    assert_eq!(rack.polls("controller"), ["enable a1 compute2"]);
}

#[test]
fn a_daemon_that_was_away_takes_nobody_for_silent() {
    let resumes = |rack: &mut Rack| {
        let now = rack.now;
        let entry = rack.of("compute2");
        let next = entry.1.apply(&DutyEvent::Resumed, now);
        next.map(|next| entry.1 = next).is_some()
    };
    let mut rack = Rack::new();
    assert!(!resumes(&mut rack), "nothing waits");
    rack.asks("compute2", "a1");
    rack.now += 10 * REACH_SECONDS;
    assert_eq!(rack.outcome("compute2"), "unreached");
    assert!(resumes(&mut rack));
    rack.now += REACH_SECONDS;
    assert_eq!(rack.polls("compute2"), ["leave a1 compute2"], "it has 90 s from the start");
    rack.now += ANSWER_SECONDS;
    assert!(resumes(&mut rack), "and so has an answer that could not come");
    rack.now += ANSWER_SECONDS;
    assert!(rack.says("compute2", "leave a1 yes 3 copies"));
    rack.now += REACH_SECONDS + 1;
    assert_eq!(rack.outcome("compute2"), "refused");
    assert!(resumes(&mut rack));
    assert_eq!(rack.polls("controller"), ["disable a1 compute2"]);
    rack.says("controller", "disable a1 yes done");
    rack.now += GOOD_SECONDS + 1;
    assert!(!resumes(&mut rack), "what was good is not made longer");

    let mut rack = Rack::new();
    rack.asks("compute2", "a1");
    rack.now += FORGET_SECONDS + 1;
    assert!(!resumes(&mut rack), "nobody waits any more");
}

#[test]
fn a_drain_is_over_when_the_disk_is_written() {
    let mut rack = Rack::new();
    rack.asks("compute2", "a1");
    rack.polls("compute2");
    rack.says("compute2", "leave a1 no 4 files are not healed");
    rack.becomes("compute2", State::Armed { attempt: attempt(), previous: Some(Box::new(ready())) });
    rack.becomes("compute2", State::Installing { attempt: attempt() });
    assert_eq!(rack.outcome("compute2"), "", "what its former bricks said is no reason against the next arming");
}

#[test]
fn a_node_without_a_compute_service_needs_no_controller() {
    let mut rack = Rack::new();
    rack.asks("controller", "a1");
    assert_eq!(rack.polls("controller"), ["leave a1 controller"]);
    assert!(rack.says("controller", "leave a1 yes no brick"));
    assert_eq!(rack.outcome("controller"), "drained");
    assert!(rack.of("controller").1.out.is_none());
}

#[test]
fn an_answer_reads_back_and_anything_else_is_none() {
    let answer: ErrandAnswer = "leave a1 no  4 files\nare  not healed".parse().unwrap();
    assert_eq!((answer.verb, answer.id.as_str(), answer.yes), (Verb::Leave, "a1", false));
    assert_eq!(answer.said, "4 files are not healed");
    for broken in ["", "leave", "leave a1", "leave a1 maybe", "wipe a1 yes", "yes a1 leave"] {
        assert_eq!(broken.parse::<ErrandAnswer>(), Err(()), "{broken}");
    }
}
