//! Which nodes take the services of others out, and which services nobody has to take out.

use super::*;

/// A rack whose nodes have these roles beside those of the paper.
fn rack_with(roles: &[(&str, &str)]) -> Rack {
    let mut rack = Rack::new();
    for (name, role) in roles {
        rack.site.nodes.iter_mut().find(|node| node.name.as_str() == *name).unwrap().role = (*role).into();
    }
    rack
}

/// The outcome of a drain, whose id is the node's name, after the node itself said yes.
fn after_yes(rack: &mut Rack, name: &str) -> &'static str {
    rack.asks(name, name);
    rack.polls(name);
    assert!(rack.says(name, &format!("leave {name} yes no brick")));
    rack.outcome(name)
}

#[test]
fn only_a_keeper_is_told_to_take_a_service_out_and_may_say_that_it_did() {
    let mut rack = Rack::new();
    assert_eq!(after_yes(&mut rack, "compute2"), "waits");
    assert_eq!(rack.polls("compute3"), Vec::<String>::new(), "it keeps nobody's service");
    assert!(!rack.says("compute3", "disable compute2 yes done"), "not its to say");
    assert_eq!(rack.polls("controller"), ["disable compute2 compute2"]);
}

#[test]
fn a_keeper_without_a_service_of_its_own_waits_for_no_other_keeper() {
    let mut rack = rack_with(&[("compute4", "controller")]);
    assert_eq!(after_yes(&mut rack, "controller"), "drained");
    let said = "no brick; it has no service that must be taken out";
    assert_eq!(rack.of("controller").1.outcome(NOW), Outcome::Drained(said.into()));
    assert_eq!(rack.polls("compute4"), Vec::<String>::new());
    assert_eq!(after_yes(&mut rack, "compute2"), "waits", "a compute node has one");
}

#[test]
fn a_service_that_no_other_node_keeps_need_not_be_taken_out() {
    let mut rack = rack_with(&[("controller", "compute")]);
    assert_eq!(after_yes(&mut rack, "compute2"), "drained", "no node is a keeper");
    let mut rack = Rack::new();
    rack.site.blueprint.roles.get_mut("controller").unwrap().provides.push("hypervisor".into());
    assert_eq!(after_yes(&mut rack, "controller"), "drained", "the only keeper is not asked while it leaves");
}

#[test]
fn a_no_of_a_node_without_a_service_is_heard_as_well() {
    let mut rack = Rack::new();
    rack.asks("controller", "a1");
    rack.polls("controller");
    assert!(rack.says("controller", "leave a1 no a volume is being copied"));
    assert_eq!(rack.of("controller").1.outcome(NOW), Outcome::Refused("a volume is being copied".into()));
}
