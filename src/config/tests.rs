//! The example file against the paper's testbed, defaults, and what stays out of messages.

use super::*;
use crate::site::{Firmware, PartitionUse, testing};

#[test]
fn the_file_that_init_writes_is_the_testbed_of_the_paper() {
    let site = parse(EXAMPLE, "rackstart.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let mut paper = testing::paper_site();
    // The file lists the compute nodes first and a real interface; the blueprint knows more than its testing twin.
    paper.nodes.rotate_left(1);
    paper.server.interface = "eth0".into();
    paper.blueprint = shipped_blueprint("essex").unwrap().unwrap();
    assert_eq!(site, paper);
}

#[test]
fn the_blueprint_has_the_values_of_its_testing_twin() {
    let essex = shipped_blueprint("essex").unwrap().unwrap();
    for (name, value) in testing::paper_site().blueprint.variables {
        assert_eq!(essex.variables.get(&name), Some(&value), "{name}");
    }
}

#[test]
fn optional_keys_have_the_defaults_that_the_example_names() {
    let optional = ["security", "timezone", "kernel_args", "http_port", "state =", "socket", "lease_seconds", "dns"];
    let optional = [&optional[..], &["router_advertisement", "firmware", "ssh_keys"]].concat();
    let short: Vec<&str> = EXAMPLE.lines().filter(|line| !optional.iter().any(|key| line.starts_with(key))).collect();
    let mut expected = parse(EXAMPLE, "f").unwrap();
    expected.network.dns.clear();
    assert_eq!(parse(&short.join("\n"), "f").unwrap(), expected);
}

#[test]
fn only_uefi_nodes_get_an_efi_system_partition() {
    let text = EXAMPLE.replace("layout = \"paper\"", "layout = \"grow\"");
    let has_esp = |text: &str| {
        let site = parse(text, "f").unwrap();
        site.nodes[0].layout.partitions.iter().any(|partition| partition.purpose == PartitionUse::EfiSystem)
    };
    assert!(!has_esp(&text));
    let uefi = text.replace("firmware = \"bios\"", "firmware = \"uefi\"");
    assert!(has_esp(&uefi));
    assert_eq!(parse(&uefi, "f").unwrap().nodes[0].firmware, Firmware::Uefi);
}

#[test]
fn a_password_in_the_clear_is_never_shown() {
    let text = EXAMPLE.replace("# root_password_hash = \"$6$...\"", "root_password_hash = \"hunter2\"");
    let problems = parse(&text, "f").unwrap_err().to_string();
    assert!(problems.contains("root_password_hash = *********"), "{problems}");
    assert!(!problems.contains("hunter2"), "{problems}");
}

#[test]
fn two_mistakes_in_different_nodes_are_both_reported() {
    let text =
        EXAMPLE.replacen("role = \"compute\"", "role = \"comptue\"", 1).replace("\"192.168.0.5\"", "\"10.0.0.5\"");
    let problems = parse(&text, "f").unwrap_err();
    let messages: Vec<&str> = problems.list().iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "node `compute2` has unknown role `comptue`",
            "the address 10.0.0.5 of node `controller` is outside the subnet 192.168.0.0/24",
        ]
    );
    assert!(problems.to_string().ends_with("2 problems in f; nothing is served until they are fixed\n"));
}

#[test]
fn the_growing_layouts_fit_any_disk_of_60_gb_with_either_firmware_and_every_release() {
    let grow = EXAMPLE.replace("layout = \"paper\"", "layout = \"grow\"");
    for firmware in ["bios", "uefi"] {
        for release in ["6.3", "6.10", "7", "8", "9", "10"] {
            for sectors in ["117210240", "1953525168"] {
                let text = grow
                    .replace("role = ", &format!("firmware = \"{firmware}\"\nrole = "))
                    .replace("firmware = \"bios\"\n\n", "\n")
                    .replace("release = \"6.10\"", &format!("release = \"{release}\""))
                    .replace("488397168", sectors)
                    .replace("156301488", sectors);
                parse(&text, "f").unwrap_or_else(|problems| panic!("{firmware} {release} {sectors}\n{problems}"));
            }
        }
    }
}

#[test]
fn a_disk_that_is_too_small_is_a_problem_of_its_node() {
    let problems = parse(&EXAMPLE.replace("156301488", "150000000"), "f").unwrap_err().to_string();
    assert!(problems.starts_with("error: layout `paper` does not fit on controller: "), "{problems}");
    assert!(problems.contains("sectors = 150000000 }\n"), "{problems}");
}
