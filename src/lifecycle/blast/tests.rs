//! The decision as a table: a rack of five nodes in various states, a request, and the answer.

mod told;

use std::collections::BTreeMap;

use super::*;
use crate::lifecycle::{Attempt, AttemptId, DutyEvent, Event, Stage};
use crate::site::testing::paper_site;

const NOW: u64 = 100_000;

fn attempt() -> Attempt {
    Attempt::new(AttemptId::from_random([1; 4]), WipeScope::DestroyData)
}

fn state(word: &str) -> State {
    let attempt = attempt();
    match word {
        "new" => State::New,
        "armed" => State::Armed { attempt, previous: None },
        "rearmed" => {
            State::Armed { attempt: Attempt { boots: 1, ..attempt }, previous: Some(Box::new(state("ready"))) }
        }
        "installing" => State::Installing { attempt },
        "firstboot" => State::Firstboot { attempt },
        "ready" => State::Ready { attempt },
        "refused" => State::Failed { attempt, during: Stage::Installer, reason: "r".into(), previous: None },
        "step-failed" => State::Failed { attempt, during: Stage::Firstboot, reason: "r".into(), previous: None },
        "left-alone" => state("rearmed").apply(&Event::Overdue { reason: "r".into() }).unwrap(),
        "left-alone-rearmed" => {
            let id = AttemptId::from_random([2; 4]);
            state("left-alone").apply(&Event::Armed { id, scope: WipeScope::DestroyData }).unwrap()
        }
        "suspect" => State::Suspect { previous: Box::new(state("ready")), why: "w".into() },
        _ => panic!("{word}"),
    }
}

/// The rack: every node is ready, except where a test says otherwise.
struct Rack {
    site: Site,
    states: BTreeMap<String, (State, Flags, Option<u64>)>,
    own: Vec<OwnCard>,
    stopped: Option<Stopped>,
    duties: BTreeMap<String, Duty>,
    recorded: Vec<&'static str>,
    installed_as: BTreeMap<String, InstalledAs>,
    drain: DrainRule,
}

impl Rack {
    fn ready() -> Self {
        let mut site = paper_site();
        site.blueprint.capabilities.get_mut("control").unwrap().at_least = 1;
        let all = |node: &Node| (node.name.to_string(), (state("ready"), Flags::default(), None));
        let states = site.nodes.iter().map(all).collect();
        let (own, duties, drain) = (Vec::new(), BTreeMap::new(), DrainRule::Nothing);
        Self { states, site, own, stopped: None, duties, recorded: Vec::new(), installed_as: BTreeMap::new(), drain }
    }

    fn with(mut self, node: &str, word: &str) -> Self {
        let entry = self.states.get_mut(node).unwrap();
        match word {
            "protected" => entry.1.protected = true,
            "maintenance" => entry.1.maintenance = true,
            _ => entry.0 = state(word),
        }
        self
    }

    /// The answer to a request for these nodes: `armed`, `later`, or the words of all objections.
    fn asked(
        &self,
        nodes: &[&str],
        scope: WipeScope,
        count: Option<usize>,
        forced: bool,
    ) -> Result<[usize; 3], String> {
        let standing = |mac| {
            let node = self.site.node_by_mac(mac).unwrap();
            let (state, flags, armed_to_wipe) = &self.states[node.name.as_str()];
            let (duty, recorded) = (self.duties.get(node.name.as_str()), self.recorded.contains(&node.name.as_str()));
            let installed_as = self.installed_as.get(node.name.as_str());
            Standing { state, flags: *flags, armed_to_wipe: *armed_to_wipe, duty, recorded, installed_as }
        };
        let nodes = nodes.iter().map(|name| self.site.node_by_name(name).unwrap()).collect();
        let wish = Wish { nodes, scope, count, forced, drain: self.drain };
        let now = Now { time: NOW, stopped: self.stopped.as_ref(), own: &self.own };
        match decide_arming(&self.site, &standing, &wish, now) {
            Ok(allowed) => Ok([allowed.now.len(), allowed.later.len(), allowed.again_in as usize]),
            Err(refusals) => {
                assert!(refusals.iter().all(|refusal| !refusal.help().is_empty()));
                Err(refusals.iter().map(Objection::word).collect::<Vec<_>>().join(" "))
            }
        }
    }

    fn wipes(&self, nodes: &[&str]) -> Result<[usize; 3], String> {
        self.asked(nodes, WipeScope::DestroyData, Some(nodes.len()), false)
    }
}

const ONE: Result<[usize; 3], String> = Ok([1, 0, 0]);

#[test]
fn one_node_at_a_time_is_allowed_while_everything_else_is_ready() {
    let rack = Rack::ready();
    assert_eq!(rack.wipes(&["compute2"]), ONE);
    assert_eq!(rack.wipes(&["controller"]), Err("only-one".into()));
}

#[test]
fn each_rule_refuses_on_its_own() {
    let cases: [(&str, &str, &[&str], &str); 15] = [
        // node, its condition, what is asked for, the answer
        ("compute2", "protected", &["compute2"], "protected"),
        ("compute2", "maintenance", &["compute2"], "maintenance"),
        ("compute2", "suspect", &["compute2"], "suspect"),
        ("compute2", "installing", &["compute2"], "installing"),
        ("compute2", "ready", &["compute2", "compute3"], "replica replica"),
        ("compute3", "armed", &["compute2"], "replica"),
        ("compute3", "rearmed", &["compute2"], "replica"),
        ("compute3", "installing", &["compute2"], "replica"),
        ("compute3", "firstboot", &["compute2"], "replica"),
        ("compute3", "step-failed", &["compute2"], "replica"),
        ("compute3", "refused", &["compute2"], "replica"),
        ("compute3", "suspect", &["compute2"], "replica"),
        ("compute3", "maintenance", &["compute2"], "replica"),
        ("compute3", "new", &["compute2"], "replica"),
        ("controller", "firstboot", &["controller"], "only-one"),
    ];
    for (node, word, nodes, expected) in cases {
        let rack = Rack::ready().with(node, word);
        assert_eq!(rack.wipes(nodes), Err(expected.into()), "{node} is {word}, {nodes:?}");
        let forced = rack.asked(nodes, WipeScope::DestroyData, Some(nodes.len()), true);
        let overruled = matches!(expected, "only-one" | "replica" | "replica replica");
        assert_eq!(forced.is_ok(), overruled, "{node} is {word}, forced");
    }
}

#[test]
fn what_was_installed_counts_whatever_the_file_says_since() {
    // compute2 is ready and holds a brick; the edited file makes it a controller, which holds none.
    let mut rack = Rack::ready().with("compute3", "firstboot");
    let installed = |rack: &Rack, name: &str| InstalledAs::of(&rack.site, rack.site.node_by_name(name).unwrap());
    for name in ["controller", "compute1", "compute2", "compute3", "compute4"] {
        rack.installed_as.insert(name.into(), installed(&rack, name));
    }
    let edit = |rack: &mut Rack, name: &str, role: &str| {
        let node = rack.site.nodes.iter_mut().find(|node| node.name.as_str() == name).unwrap();
        node.role = role.into();
        node.layout.volume_groups.clear();
    };
    edit(&mut rack, "compute2", "controller");
    assert_eq!(rack.wipes(&["compute2"]), Err("replica".into()));
    // The other copy still counts when the file's entry for it has changed.
    let mut rack = Rack { site: rack.site.clone(), ..Rack::ready().with("compute2", "firstboot") };
    let was = Rack::ready();
    for name in ["controller", "compute1", "compute2", "compute3", "compute4"] {
        rack.installed_as.insert(name.into(), installed(&was, name));
    }
    assert_eq!(rack.wipes(&["compute3"]), Err("replica".into()));
    // The only controller stays the only one when the file calls it a compute node and makes another node the
    // controller.
    edit(&mut rack, "controller", "compute");
    assert_eq!(rack.wipes(&["controller"]), Err("only-one".into()));
    // With nothing recorded, the file is believed.
    rack.installed_as.clear();
    assert_eq!(rack.wipes(&["controller"]), ONE);
}

#[test]
fn what_holds_no_installation_of_ours_needs_no_reason() {
    for word in ["new", "armed", "refused"] {
        let rack = Rack::ready().with("controller", word).with("compute2", word).with("compute3", word);
        assert_eq!(rack.wipes(&["controller"]), ONE, "{word}");
        assert_eq!(rack.wipes(&["compute2", "compute3"]), Ok([2, 0, 0]), "{word}");
    }
}

#[test]
fn a_brick_is_not_forgotten_when_a_later_attempt_failed_before_it_wrote() {
    for word in ["ready", "firstboot", "step-failed", "rearmed", "left-alone", "left-alone-rearmed"] {
        let rack = Rack::ready().with("compute2", word).with("compute3", "firstboot");
        assert_eq!(rack.wipes(&["compute2"]), Err("replica".into()), "{word}");
        let rack = Rack::ready().with("controller", word);
        assert_eq!(rack.wipes(&["controller"]), Err("only-one".into()), "{word}");
    }
    // The failed attempt wrote to the disk, but not over the brick; or the store dates from before states recorded
    // this.
    let mut rack = Rack::ready().with("compute2", "refused").with("compute3", "firstboot");
    assert_eq!(rack.wipes(&["compute2"]), ONE);
    rack.recorded.push("compute2");
    assert_eq!(rack.wipes(&["compute2"]), Err("replica".into()));
    assert_eq!(rack.wipes(&["compute2", "compute3"]), Err("replica replica".into()));
    // Storage that was created by an installation which then failed holds nothing; storage that was kept does.
    for (scope, expected) in [
        (WipeScope::DestroyData, ONE),
        (WipeScope::BlankDiskOnly, ONE),
        (WipeScope::KeepVolumeGroups, Err("replica".into())),
    ] {
        let attempt = Attempt { scope, attested: true, ..attempt() };
        let reason = "r".to_string();
        rack.states.get_mut("compute2").unwrap().0 =
            State::Failed { attempt, during: Stage::Installer, reason, previous: None };
        assert_eq!(rack.wipes(&["compute2"]), expected, "{scope:?}");
    }
}

#[test]
fn an_arming_for_blank_disks_can_lose_nothing_and_is_only_refused_what_nobody_may() {
    let blank = |rack: &Rack, nodes: &[&str]| rack.asked(nodes, WipeScope::BlankDiskOnly, None, false);
    let all = ["controller", "compute1", "compute2", "compute3", "compute4"];
    assert_eq!(blank(&Rack::ready(), &all), Ok([5, 0, 0]));
    for word in ["protected", "maintenance", "suspect", "installing"] {
        assert_eq!(blank(&Rack::ready().with("compute2", word), &["compute2"]), Err(word.into()));
    }
}

#[test]
fn a_keeping_reimage_takes_a_copy_away_for_a_while_and_is_refused_alike() {
    let rack = Rack::ready().with("compute3", "installing");
    assert_eq!(rack.asked(&["compute2"], WipeScope::KeepVolumeGroups, None, false), Err("replica".into()));
}

#[test]
fn this_machine_itself_is_refused_by_any_of_its_cards_and_no_reason_helps() {
    for card in ["52:54:00:a8:02:01", "52:54:00:a8:02:00"] {
        let mut rack = Rack::ready();
        rack.own = vec![OwnCard { interface: "eth0".into(), mac: card.parse().unwrap() }];
        for scope in [WipeScope::BlankDiskOnly, WipeScope::DestroyData] {
            assert_eq!(rack.asked(&["compute2"], scope, None, true), Err("own-mac".into()));
        }
        assert_eq!(rack.wipes(&["compute3"]), ONE);
    }
}

#[test]
fn nothing_is_armed_while_installations_are_stopped() {
    let mut rack = Rack::ready();
    rack.stopped = Some(Stopped { since: 1, who: "socket uid 0".into() });
    for scope in [WipeScope::BlankDiskOnly, WipeScope::DestroyData] {
        assert_eq!(rack.asked(&["compute2"], scope, None, true), Err("stopped".into()));
    }
}

#[test]
fn many_nodes_need_their_exact_count() {
    // nodes asked for, nodes of the site, whether the count is needed
    for (number, all, needed) in
        [(1, 1, false), (1, 5, false), (2, 5, true), (2, 20, false), (3, 20, true), (5, 50, false), (6, 1000, true)]
    {
        assert_eq!(needs_count(number, all), needed, "{number} of {all}");
    }
    let rack = Rack::ready();
    let ask = |count| rack.asked(&["compute2", "compute3"], WipeScope::DestroyData, count, true);
    assert_eq!((ask(None), ask(Some(3))), (Err("count".into()), Err("count".into())));
    assert_eq!(ask(Some(2)), Ok([2, 0, 0]));
    let one = |count| rack.asked(&["compute2"], WipeScope::DestroyData, count, false);
    assert_eq!((one(None), one(Some(2))), (ONE, Err("count".into())));
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let rack = Rack::ready().with("compute2", "protected").with("compute3", "suspect");
    let asked = rack.asked(&["compute2", "compute3", "compute4"], WipeScope::DestroyData, None, true);
    assert_eq!(asked, Err("protected suspect count".into()));
}

#[test]
fn within_a_minute_only_so_many_are_armed_to_wipe_and_the_rest_is_told_when() {
    let mut rack = Rack::ready().with("compute2", "new").with("compute3", "new").with("compute4", "new");
    rack.site.server.wipes_per_minute = 2;
    let all = ["compute2", "compute3", "compute4"];
    assert_eq!(rack.wipes(&all), Ok([2, 1, 60]));
    for (ago, expected) in [(50, [1, 2, 10]), (59, [1, 2, 1]), (60, [2, 1, 60])] {
        rack.states.get_mut("compute1").unwrap().2 = Some(NOW - ago);
        assert_eq!(rack.wipes(&all), Ok(expected), "one was armed {ago} s ago");
    }
    rack.states.get_mut("compute1").unwrap().2 = Some(NOW + 30);
    assert_eq!(rack.wipes(&all), Ok([1, 2, 60]), "the clock was set back meanwhile");
    assert_eq!(rack.asked(&all, WipeScope::BlankDiskOnly, None, false), Ok([3, 0, 0]));
}

/// The duty of a node whose drain was asked for at this moment.
fn asked(at: u64) -> Duty {
    Duty::default().apply(&DutyEvent::Asked { id: "a1".into() }, at).unwrap()
}

fn answered(duty: Duty, words: &str) -> Duty {
    let answer: crate::lifecycle::ErrandAnswer = words.parse().unwrap();
    duty.apply(&DutyEvent::Answered(answer), NOW).unwrap()
}

fn drained() -> Duty {
    answered(answered(asked(NOW), "leave a1 yes x"), "disable a1 yes x")
}

#[test]
fn a_node_that_is_drained_counts_as_gone_before_anything_is_armed() {
    let refused = answered(asked(NOW), "leave a1 no x");
    for (duty, copy, only) in [
        (asked(NOW), Err("replica".into()), "only-one"),
        (drained(), Err("replica".into()), "only-one"),
        (refused, ONE, ""),
    ] {
        // A drain asks the same question as an arming before it asks the node.
        let mut rack = Rack::ready();
        rack.duties.insert("compute3".into(), duty.clone());
        assert_eq!(rack.wipes(&["compute2"]), copy, "{duty:?}");
        assert!(rack.asked(&["compute2"], WipeScope::DestroyData, Some(1), true).is_ok(), "forced");
        assert_eq!(rack.wipes(&["compute3"]), ONE, "its own drain stands not against it");
        let mut rack = Rack::ready();
        rack.site.blueprint.capabilities.get_mut("hypervisor").unwrap().at_least = 3;
        assert_eq!(rack.wipes(&["compute2"]), ONE);
        rack.site.blueprint.variables.remove("brick_mount");
        rack.duties.insert("compute3".into(), duty);
        assert_eq!(rack.wipes(&["compute2"]).err().unwrap_or_default(), only);
    }
}

#[test]
fn arming_an_armed_node_again_needs_a_drain_that_is_still_good() {
    for word in ["rearmed", "left-alone-rearmed"] {
        let mut rack = Rack::ready().with("compute2", word);
        rack.drain = DrainRule::Needed;
        assert_eq!(
            rack.wipes(&["compute2"]),
            Err("not-drained".into()),
            "{word}: it is not heard, and was never drained"
        );
        rack.duties.insert("compute2".into(), drained());
        assert_eq!(rack.wipes(&["compute2"]), ONE, "{word}");
    }
}

#[test]
fn a_node_whose_system_runs_is_wiped_when_it_is_drained_and_others_need_nothing() {
    let resumed = |duty: Duty| duty.apply(&DutyEvent::Resumed, NOW);
    type Case = (&'static str, Option<Duty>, Result<[usize; 3], String>);
    let cases: [Case; 7] = [
        ("it was never asked", None, Err("not-drained".into())),
        ("it is asked", Some(asked(NOW)), Err("not-drained".into())),
        ("it said no", Some(answered(asked(NOW), "leave a1 no x")), Err("not-drained".into())),
        ("it does not come", Some(asked(NOW - 91)), Err("not-drained".into())),
        ("it does not come, and the daemon was away", resumed(asked(NOW - 91)), Err("not-drained".into())),
        ("that was long ago", Some(asked(NOW - 3600)), Err("not-drained".into())),
        ("it is drained", Some(drained()), ONE),
    ];
    for (what, duty, expected) in cases {
        let mut rack = Rack::ready();
        rack.drain = DrainRule::Needed;
        rack.duties.extend(duty.map(|duty| ("compute2".to_string(), duty)));
        assert_eq!(rack.wipes(&["compute2"]), expected, "{what}");
        assert_eq!(
            rack.asked(&["compute2"], WipeScope::DestroyData, None, true),
            expected,
            "{what}: --force is no --no-drain"
        );
        rack.drain = DrainRule::Nothing;
        assert_eq!(rack.wipes(&["compute2"]), ONE, "{what}, with a reason");
    }
    for (word, expected) in [
        ("new", ONE),
        ("armed", ONE),
        ("refused", ONE),
        ("firstboot", Err("not-drained".into())),
        ("step-failed", Err("not-drained".into())),
        ("left-alone", Err("not-drained".into())),
    ] {
        let mut rack = Rack::ready().with("compute2", word);
        rack.drain = DrainRule::Needed;
        assert_eq!(rack.wipes(&["compute2"]), expected, "{word}");
        // Out of reach: a node that was never finished, or failed, may be dead. One that was ready may only be cut off.
        rack.duties.insert("compute2".into(), asked(NOW - 91));
        assert_eq!(rack.wipes(&["compute2"]), ONE, "{word}");
        rack.duties.insert("compute2".into(), resumed(asked(NOW - 91)).unwrap());
        assert_eq!(rack.wipes(&["compute2"]), expected, "{word}: the daemon was away");
    }
}
