//! What an operator is told about a node that was not drained, and whose copies count against whom.

use super::*;

/// Why this node is not drained, in the objection's words.
fn not_drained_why(word: &str, duty: Option<&Duty>) -> String {
    let site = paper_site();
    let (state, node) = (state(word), site.node_by_name("compute2").unwrap());
    let standing = Standing {
        state: &state,
        flags: Flags::default(),
        armed_to_wipe: None,
        duty,
        recorded: false,
        installed_as: None,
    };
    not_drained(node, &standing, NOW).map_or(String::new(), |objection| objection.to_string())
}

#[test]
fn a_node_that_can_be_asked_is_told_apart_from_one_that_is_armed() {
    for word in ["ready", "firstboot", "step-failed"] {
        assert_eq!(not_drained_why(word, None), "compute2 is not drained: it was not drained", "{word}");
    }
    let no = answered(asked(NOW), "leave a1 no 4 files are not healed");
    assert_eq!(not_drained_why("ready", Some(&no)), "compute2 is not drained: 4 files are not healed");
    let disarm = "it is armed, and is asked anew when that is taken back: `rackstart disarm`";
    assert_eq!(not_drained_why("rearmed", Some(&no)), format!("compute2 is not drained: {disarm}"));
}

#[test]
fn other_sets_hold_other_data() {
    // The bricks of compute1 to compute4 as two pairs.
    let pairs = || {
        let mut rack = Rack::ready().with("compute4", "firstboot");
        rack.site.blueprint.variables.insert("replica".into(), "2".into());
        rack
    };
    assert_eq!(pairs().wipes(&["compute3"]), Err("replica".into()), "its pair is not there");
    assert_eq!(pairs().wipes(&["compute2"]), ONE, "its own pair is");
    assert_eq!(pairs().wipes(&["compute1", "compute2"]), Err("replica replica".into()), "both copies at once");
}

#[test]
fn storage_that_never_held_data_stays_worthless_when_its_node_is_armed_again() {
    let unfinished = |scope| {
        let attempt = Attempt { scope, attested: true, ..attempt() };
        Box::new(State::Failed { attempt, during: Stage::Installer, reason: "r".into(), previous: None })
    };
    for (scope, expected) in
        [(WipeScope::DestroyData, ONE), (WipeScope::KeepVolumeGroups, Err::<[usize; 3], String>("replica".into()))]
    {
        let mut rack = Rack::ready().with("compute3", "firstboot");
        rack.recorded.push("compute2");
        rack.states.get_mut("compute2").unwrap().0 =
            State::Armed { attempt: attempt(), previous: Some(unfinished(scope)) };
        assert_eq!(rack.wipes(&["compute2"]), expected, "{scope:?}");
        rack.states.get_mut("compute2").unwrap().0 = State::Suspect { previous: unfinished(scope), why: "w".into() };
        let suspect = rack.wipes(&["compute2"]).unwrap_err();
        assert_eq!(suspect, format!("suspect {}", expected.err().unwrap_or_default()).trim_end());
    }
}
