use super::*;
use crate::site::testing;

#[test]
fn essex_holds_the_tables_of_the_paper() {
    let essex = blueprint("essex", &Default::default()).unwrap().unwrap();
    assert_eq!(essex.roles["compute"].layouts["paper"], testing::compute_layout());
    assert_eq!(essex.roles["gateway"].layouts["paper"], testing::compute_layout());
    assert_eq!(essex.roles["controller"].layouts["paper"], testing::controller_layout());
    assert_eq!(essex.targets("gateway"), ["all", "gateway", "compute"]);
    assert_eq!(essex.roles["gateway"].aliases, ["gateway"]);
}

#[test]
fn every_layout_that_grows_does_so_at_its_last_partition() {
    let essex = blueprint("essex", &Default::default()).unwrap().unwrap();
    for role in essex.roles.values() {
        let grow = &role.layouts["grow"].partitions;
        let growing: Vec<bool> = grow.iter().map(|partition| partition.size.grows()).collect();
        assert_eq!(growing.iter().filter(|grows| **grows).count(), 1, "{}", role.name);
        assert_eq!(growing.last(), Some(&true), "{}", role.name);
    }
}

#[test]
fn every_mistake_of_a_blueprint_is_named() {
    let text = r#"
name = "x"
colour = "red"
[role.a]
summary = "a"
includes = ["b"]
[role.c]
summary = "c"
layout.one = { partitions = [{ mount = "/boot", size = 1 }, { volume_group = "v", size = 5, at_least = 5 }] }
"#;
    let problems = parse_blueprint(text, "x.toml").unwrap_err().to_string();
    for part in ["`summary`", "`colour`", "unknown role `b`", "`a` has no layout", "`file_system`", "either `size`"] {
        assert!(problems.contains(part), "{part} is missing in\n{problems}");
    }
}
