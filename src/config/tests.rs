//! Tests of the example file against the paper's testbed, of defaults, and of what stays out of messages.

use super::*;
use crate::site::{Firmware, PartitionUse, testing};

#[test]
fn the_file_that_init_writes_is_the_testbed_of_the_paper() {
    let site = parse(EXAMPLE, "rackstart.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let mut paper = testing::paper_site();
    // The file lists the compute nodes first and names a real interface; the blueprint knows more than its testing
    // counterpart.
    paper.nodes.rotate_left(1);
    paper.server.interface = "eth0".into();
    paper.blueprint = blueprint("essex", &Default::default()).unwrap().unwrap();
    assert_eq!(site, paper);
}

#[test]
fn the_blueprint_has_the_values_of_its_testing_twin() {
    let essex = blueprint("essex", &Default::default()).unwrap().unwrap();
    for (name, value) in testing::paper_site().blueprint.variables {
        assert_eq!(essex.variables.get(&name), Some(&value), "{name}");
    }
}

#[test]
fn a_site_gives_variables_of_its_blueprint_its_own_values() {
    let text = format!("{EXAMPLE}\n[variables]\nlast_group = \"04\"\npublic_address = \"ü $x 'y'\"\n");
    let mut expected = parse(EXAMPLE, "f").unwrap();
    for (name, value) in [("last_group", "04"), ("public_address", "ü $x 'y'")] {
        expected.blueprint.variables.insert(name.into(), value.into());
    }
    assert_eq!(parse(&text, "f").unwrap(), expected);
}

#[test]
fn a_last_group_that_is_none_is_refused_with_those_that_are() {
    let problems = parse(&format!("{EXAMPLE}\n[variables]\nlast_group = \"99\"\n"), "f").unwrap_err().to_string();
    assert!(
        problems.contains("no group of steps `99`") && problems.contains("write one of 01, 02, 03, "),
        "{problems}"
    );
}

#[test]
fn a_number_of_copies_that_makes_no_volume_is_refused_and_two_bricks_are_asked_about() {
    let told = |text: &str| parse(text, "f").err().map(|problems| problems.to_string()).unwrap_or_default();
    let with = |value: &str| told(&format!("{EXAMPLE}\n[variables]\nreplica = \"{value}\"\n"));
    for good in ["1", "2", "4", ""] {
        assert_eq!(with(good), "", "{good}");
    }
    assert!(with("many").contains("which is not a number of copies") && with("0").contains("which is not a number"));
    assert!(with("5").contains("`replica = \"5\"` needs that many bricks, and there are 4"));
    let is_third =
        |block: &&str| !["compute3", "compute4"].iter().any(|name| block.contains(&format!("name = \"{name}\"")));
    let two = EXAMPLE.split("[[node]]").filter(is_third).collect::<Vec<_>>().join("[[node]]");
    assert!(told(&two).contains("two bricks can be two copies of everything or none"), "{}", told(&two));
    assert_eq!(told(&format!("{two}\n[variables]\nreplica = \"2\"\n")), "");
}

#[test]
fn a_disk_of_250_bytes_is_asked_whether_it_has_250_gb() {
    let problems = parse(&EXAMPLE.replacen("sectors = 488397168", "size = 250", 1), "f").unwrap_err().to_string();
    assert!(problems.contains("do you mean `size = \"250 GB\"`?"), "{problems}");
}

#[test]
fn a_volume_with_a_unit_is_told_as_mib_and_an_install_tree_by_url_as_what_it_is() {
    for (unit, mib) in [("10 GB", 9536), ("10 GiB", 10240), ("500M", 500)] {
        let part = format!("{{ mount = \"/boot\", file_system = \"ext4\", size = \"{unit}\" }}");
        let text = format!("{EXAMPLE}\n[layout.own]\npartitions = [{part}]\n");
        let problems = parse(&text, "f").unwrap_err().to_string();
        assert!(problems.contains(&format!("write `size = {mib}`, without a unit")), "{problems}");
    }
    let url = EXAMPLE.replacen("/srv/rackstart/centos6", "http://vault.example.org/6.10/os/x86_64", 1);
    let problems = parse(&url, "f").unwrap_err().to_string();
    assert!(problems.contains("is a URL") && problems.contains("mirror or mount it here"), "{problems}");
}

#[test]
fn the_commented_sections_of_the_example_are_a_site_file_too() {
    let text =
        EXAMPLE.replace("# [api]", "[api]").replace("# listen = ", "listen = ").replace("# hosts = ", "hosts = ");
    assert!(parse(&text, "f").unwrap_or_else(|problems| panic!("{problems}")).api.is_some());
}

#[test]
fn optional_keys_have_the_defaults_that_the_example_names() {
    let optional = ["security", "timezone", "kernel_args", "http_port", "state =", "socket", "lease_seconds", "dns"];
    let more =
        ["router_advertisement", "ntp", "firmware", "ssh_keys", "wipes_per_minute", "arming_minutes", "token_minutes"];
    let optional = [&optional[..], &more].concat();
    let short: Vec<&str> = EXAMPLE.lines().filter(|line| !optional.iter().any(|key| line.starts_with(key))).collect();
    let mut expected = parse(EXAMPLE, "f").unwrap();
    expected.network.dns.clear();
    expected.network.ntp.clear();
    assert_eq!(parse(&short.join("\n"), "f").unwrap(), expected);
}

/// The example with a second network, `keys` among its keys, where compute4 is.
fn with_a_second_network(keys: &str) -> String {
    let second = format!("[[network]]\nsubnet = \"10.0.2.0/24\"\nrouter = \"10.0.2.1\"\n{keys}\n");
    EXAMPLE
        .replace("\n[network]\n", "\n[[network]]\n")
        .replace("\n[access]\n", &format!("\n{second}\n[access]\n"))
        .replace("address = \"192.168.0.4\"", "address = \"10.0.2.4\"")
}

#[test]
fn further_networks_are_behind_routers_and_take_what_they_leave_out_from_rackstarts_own() {
    let site = parse(&with_a_second_network("relays = [\"10.0.2.1\"]\ndns = []"), "f").unwrap();
    assert_eq!(site.network, parse(EXAMPLE, "f").unwrap().network);
    let [there] = site.routed.as_slice() else { panic!("{:?}", site.routed) };
    assert_eq!((there.dns.len(), there.lease_seconds, &there.ntp), (0, 7200, &site.network.ntp));
    assert!(!there.router_advertisement);
    let node = site.node_by_name("compute4").unwrap();
    assert_eq!(site.network_of(node), there);
    assert!(site.is_routed(node.address));
    // Rackstart's own network is the one around its address, wherever it stands.
    let (first, last) = EXAMPLE.split_once("\n[network]\n").unwrap();
    let second = "[[network]]\nsubnet = \"10.0.2.0/24\"\nrouter = \"10.0.2.1\"\nrelays = [\"10.0.2.1\"]\n";
    let turned = parse(&format!("{first}\n{second}[[network]]\n{last}"), "f").unwrap();
    assert_eq!((&turned.network, turned.routed.len()), (&site.network, 1));
    let relayed = EXAMPLE.replace("\n[network]\n", "\n[[network]]\n");
    assert_eq!(parse(&relayed, "f").unwrap(), parse(EXAMPLE, "f").unwrap(), "one network in either spelling");
}

#[test]
fn mistakes_of_further_networks_are_reported_with_the_others() {
    let told = |text: &str| {
        let problems = parse(text, "f").unwrap_err();
        problems.list().iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(told(&with_a_second_network("")), "the network 10.0.2.0/24 is behind a router and names no relay agent");
    let relays = "relays = [\"10.0.2.1\"]";
    for (keys, message) in [
        ("router_advertisement = true", "`router_advertisement` of the network 10.0.2.0/24 has no effect"),
        (
            "discovery = \"10.0.3.1-10.0.3.9\"",
            "the discovery range is not usable: 10.0.3.1 is outside the subnet 10.0.2.0/24",
        ),
        ("discovery = \"10.0.2.1-10.0.2.3\"", "the discovery range holds the address of the router"),
        ("relay = 1", "`[[network]]` 10.0.2.0/24 has unknown key `relay`"),
    ] {
        assert_eq!(told(&with_a_second_network(&format!("{relays}\n{keys}"))), message);
    }
    let text = with_a_second_network(relays);
    let lost = text.replace("\"10.0.2.4\"", "\"10.0.9.4\"");
    assert_eq!(told(&lost), "the address 10.0.9.4 of node `compute4` is in no network");
    let router = text.replace("router = \"10.0.2.1\"", "router = \"10.0.9.1\"");
    assert_eq!(told(&router), "the address 10.0.9.1 of the router is outside the subnet 10.0.2.0/24");
    let inside =
        text.replace("10.0.2.0/24", "192.168.0.128/25").replace("router = \"10.0.2.1\"", "router = \"192.168.0.129\"");
    assert!(told(&inside).starts_with("the networks 192.168.0.0/24 and 192.168.0.128/25 share addresses"));
    let api = format!("{text}\n[api]\nlisten = \"10.0.2.9:80\"\n");
    assert_eq!(told(&api), "`[api]` would listen where the nodes are: 10.0.2.9");
}

#[test]
fn a_domain_is_lower_case_labels_with_dots_between_them() {
    let with = |domain: &str| {
        parse(&EXAMPLE.replace("# domain = \"rack1.example.org\"", &format!("domain = \"{domain}\"")), "f")
    };
    assert_eq!(with("rack1.example.org").unwrap().domain.as_deref(), Some("rack1.example.org"));
    for wrong in ["Rack1.org", "rack1.", ".org", "a..b", "-a.org", "a b.org", "a_b.org"] {
        assert!(with(wrong).unwrap_err().to_string().contains("is not a domain"), "{wrong}");
    }
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

/// The example with the commented-out layout and role at its end, and with `disks` on its first node.
fn with_own_layout() -> String {
    let (file, own) = EXAMPLE.split_once("# [layout.two-disks]").unwrap();
    let own = format!("# [layout.two-disks]{own}");
    let toml =
        |line: &&str| line.starts_with("# [") || line.starts_with("#   {") || line.contains(" = ") || *line == "# ]";
    let own: Vec<&str> = own.lines().filter(toml).filter_map(|line| line.strip_prefix("# ")).collect();
    let own: Vec<&str> = own.into_iter().filter(|line| !line.starts_with("for one")).collect();
    let disks = "disks = { brick = { serial = \"B\", size = \"2 TB\" }, os = { serial = \"A\", size = \"80 GB\" } }";
    let file = file.replacen("role = \"compute\"", "role = \"storage\"", 1);
    let (first, rest) = file.split_once("role = \"storage\"").unwrap();
    let rest = rest.replacen("disk = { name = \"sda\", sectors = 488397168 }", disks, 1);
    format!("{first}role = \"storage\"{rest}{}\n", own.join("\n"))
}

#[test]
fn the_layout_and_the_role_that_the_example_describes_work_as_they_stand() {
    let text = with_own_layout();
    let site = parse(&text, "f").unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let node = site.node_by_name("compute2").unwrap();
    assert_eq!((node.role.as_str(), node.layout.name.as_str()), ("storage", "two-disks"));
    let slots: Vec<(&str, u64)> = node.disks.iter().map(|disk| (disk.slot.as_str(), disk.rule.sectors)).collect();
    assert_eq!(slots, [("os", 156_301_488), ("brick", 3_907_029_168)]);
    assert_eq!(site.blueprint.targets("storage"), ["all", "storage", "compute"]);
    assert_eq!(site.blueprint.roles["storage"].layouts.len(), 3);
    let plan = crate::plan::plan(node).unwrap();
    let ends: Vec<u64> = plan.disks.iter().map(|disk| disk.free.0).collect();
    assert_eq!((ends, plan.disks[1].partitions[0].size.0), (vec![0, 0], 1_907_728));
}

#[test]
fn a_layout_of_one_role_replaces_that_of_the_blueprint_there_and_where_it_is_included() {
    let own = "\n[role.compute]\ndefault_layout = \"paper\"\n[role.compute.layout.paper]\npartitions = [\n\
               { mount = \"/boot\", file_system = \"ext4\", size = 500 }, { volume_group = \"v\", at_least = 9 } ]\n\
               volume_group = [{ name = \"v\", logical_volumes = [{ name = \"r\", at_least = 4, \
               file_system = \"ext4\", mount = \"/\" }] }]\n";
    let site = parse(&format!("{EXAMPLE}{own}"), "f").unwrap_or_else(|problems| panic!("{problems}"));
    for (node, groups) in [("compute1", 1), ("compute2", 1), ("controller", 3)] {
        let node = site.node_by_name(node).unwrap();
        assert_eq!(node.layout.volume_groups.len(), groups, "{}", node.name);
    }
}

#[test]
fn what_a_node_does_not_say_its_role_says_or_the_site() {
    // In the example only the first node sets `firmware`.
    let text = EXAMPLE
        .replace("# firmware = \"uefi\"\n", "firmware = \"uefi\"\n")
        .replace("layout = \"paper\"", "layout = \"grow\"");
    let own = "\n[role.controller]\nfirmware = \"bios\"\nkernel_args = \"console=ttyS1\"\n";
    let larger = text.replace("156301488", "976773168").replace("488397168", "976773168");
    let site = parse(&format!("{larger}{own}"), "f").unwrap_or_else(|problems| panic!("{problems}"));
    let of = |name: &str| {
        let node = site.node_by_name(name).unwrap();
        (node.firmware, node.kernel_args.as_str())
    };
    assert_eq!(of("compute2"), (Firmware::Uefi, ""));
    assert_eq!(of("controller"), (Firmware::Bios, "console=ttyS1"));
    assert_eq!(of("compute1").0, Firmware::Bios, "it says so itself");
    let unknown = format!("{EXAMPLE}\n[role.controller]\ninstall_tree = \"centos7\"\n");
    let problems = parse(&unknown, "f").unwrap_err().to_string();
    assert!(problems.contains("role `controller` names unknown install tree `centos7`"), "{problems}");
}

#[test]
fn the_network_of_the_machines_shares_no_address_with_the_nodes() {
    let lan = |subnet: &str, prefix: &str| {
        let text = EXAMPLE
            .replace("\"192.168.0.0/24\"", &format!("\"{subnet}\""))
            .replace("\"192.168.0.", &format!("\"{prefix}."));
        parse(&text, "f").map(drop).map_err(|problems| problems.to_string())
    };
    for (subnet, prefix) in [("10.0.0.0/24", "10.0.0"), ("10.0.0.0/16", "10.0.1"), ("10.0.0.0/8", "10.9.9")] {
        let said = lan(subnet, prefix).unwrap_err();
        assert!(said.contains(&format!("`vm_network` 10.0.0.0/24 and the provisioning network {subnet}")), "{said}");
        assert!(said.contains("write `vm_network = \"172.16.0.0/24\"` in `[variables]`"), "{said}");
    }
    assert_eq!(lan("10.0.1.0/24", "10.0.1"), Ok(()));
    for (network, part) in [
        ("192.168.0.128/25", "share addresses"),
        ("10.0.0.0", "is not a network"),
        ("10.0.0.1/24", "write \"10.0.0.0/24\""),
        ("127.0.0.0/24", "is not a network that machines can be in"),
        ("169.254.0.0/24", "is not a network that machines can be in"),
        ("10.0.0.0/30", "has no room for machines"),
        ("203.0.113.0/24", "the network of card `eth0` of node `compute1`, 203.0.113.0/28 share addresses"),
        ("9.9.9.0/24", "the DNS resolver 9.9.9.9/32 share addresses"),
        ("172.16.0.0/24", ""),
    ] {
        let outside = "network = \"public\", address = \"203.0.113.6/28\", gateway = \"203.0.113.1\"";
        let text = EXAMPLE
            .replace("network = \"public\" }", &format!("{outside} }}"))
            .replace("\ndns = [\"192.168.0.254\"]", "\ndns = [\"192.168.0.254\", \"9.9.9.9\"]");
        let text = format!("{text}\n[variables]\nvm_network = \"{network}\"\n");
        let said = parse(&text, "f").err().map(|problems| problems.to_string()).unwrap_or_default();
        assert!(said.contains(part) && said.is_empty() == part.is_empty(), "{network}: {said}");
    }
}

#[test]
fn two_cards_of_one_network_do_not_share_an_address() {
    let (gateway, other) = (
        "name = \"eth0\", mac = \"52:54:00:a8:01:00\", network = \"public\"",
        "\"52:54:00:a8:02:00\", network = \"none\"",
    );
    let with = |own: &str| {
        let text = EXAMPLE
            .replace(gateway, &format!("{gateway}, address = \"203.0.113.6/28\", gateway = \"203.0.113.1\""))
            .replace(other, &format!("{other}, address = \"{own}\""));
        parse(&text, "f").map(drop).map_err(|problems| problems.to_string())
    };
    assert!(with("203.0.113.6/28").unwrap_err().contains("share the address 203.0.113.6"));
    assert_eq!(with("203.0.113.7/28"), Ok(()));
    // Two cables may each have a private network of their own with another prefix length.
    assert_eq!(with("203.0.113.6/29"), Ok(()));
}

#[test]
fn a_vlan_without_a_network_is_told_the_one_that_fits() {
    let with = |own: &str| {
        let vlan = format!("role = \"compute\"\nvlans = [{{ id = 100, over = \"eth1\"{own} }}]");
        parse(&EXAMPLE.replacen("role = \"compute\"", &vlan, 1), "f").map_err(|problems| problems.to_string())
    };
    assert!(with("").unwrap_err().contains("help: add `network = \"public\"`"));
    let own = ", address = \"10.9.0.2/24\"";
    assert!(with(own).unwrap_err().contains("help: add `network = \"none\"`"));
    assert!(with(&format!("{own}, network = \"none\"")).is_ok(), "what it was told is taken");
}

#[test]
fn cards_and_bonds_have_no_name_that_means_something_else() {
    let with = |name: &str| {
        let text = EXAMPLE.replace(
            "name = \"eth0\", mac = \"52:54:00:a8:02:00\"",
            &format!("name = \"{name}\", mac = \"52:54:00:a8:02:00\""),
        );
        parse(&text, "f").err().map(|problems| problems.to_string()).unwrap_or_default()
    };
    for good in ["p1p1", "enp3s0f0np0", "em1", "bridge", "brick0", "bond-lan", "vlan100", "br-ex"] {
        assert_eq!(with(good), "", "{good}");
    }
    for bad in ["lo", "all", "default", "bonding_masters", "br100", "virbr0", "vnet3"] {
        assert!(with(bad).contains("is already in use on a running system"), "{bad}");
    }
    assert!(with("eth0.5").contains("write the VLAN under `vlans`"));
}

#[test]
fn layouts_are_told_what_no_installed_system_can_be_started_from() {
    let layout = |part: &str, root: &str, volume: &str| {
        let text = format!(
            "{EXAMPLE}\n[layout.own]\npartitions = [\n{{ mount = \"/boot\", file_system = \"ext4\", size = 1024 }},\n{part}\n\
             {{ volume_group = \"vg_base\", at_least = 21000 }},\n]\n[[layout.own.volume_group]]\nname = \"vg_base\"\n\
             logical_volumes = [\n{{ name = \"lv_root\", at_least = 10000, file_system = \"ext4\", mount = \"/\"{root} }},\n{volume}\n]\n"
        );
        parse(&text, "f").err().map(|problems| problems.to_string()).unwrap_or_default()
    };
    let swap = "{ name = \"lv_swap\", size = 6000, file_system = \"swap\" },";
    assert_eq!(layout("", ", mount_options = \"noatime,errors=remount-ro\"", swap), "");
    for options in ["noexec", "noatime,noauto", "ro"] {
        let said = layout("", &format!(", mount_options = \"{options}\""), swap);
        assert!(said.contains("cannot be installed or started from"), "{said}");
    }
    assert!(layout("", ", mount_options = \"nodev,,nosuid\"", swap).contains("cannot be `mount_options`"));
    // The strings are written in TOML: quotes, blanks, line breaks, and what a shell or a kickstart would interpret.
    for evil in [
        "a\\\"b",
        "a'b",
        "a b",
        " noatime",
        "a\\nb",
        "a\\tb",
        "$(reboot)",
        "`id`",
        "a;b",
        "a#b",
        "a%b",
        "a\\\\b",
        "",
        ",",
        "é",
    ] {
        let said = layout("", &format!(", mount_options = \"{evil}\""), swap);
        let refused = |key: &str, said: &str| {
            [format!("cannot be `{key}`"), format!("`{key}` is empty"), format!("`{key}` holds the control character")]
                .iter()
                .any(|words| said.contains(words))
        };
        assert!(refused("mount_options", &said), "{evil}: {said}");
        if evil != "a b" {
            let said = layout("", &format!(", mkfs_options = \"{evil}\""), swap);
            assert!(refused("mkfs_options", &said), "{evil}: {said}");
        }
    }
    assert_eq!(layout("", ", mkfs_options = \"-i size=512 -d su=64k,sw=4\"", swap), "");
    for part in [
        "{ mount = \"swap\", size = 4096 },",
        "{ mount = \"none\", size = 9 },",
        "{ file_system = \"swap\", size = 4096 },",
    ] {
        assert!(layout(part, "", swap).contains("swap has to be a logical volume"), "{part}");
    }
    for part in
        ["{ mount = \"/boot/efi\", file_system = \"vfat\", size = 200 },", "{ mount = \"biosboot\", size = 1 },"]
    {
        assert!(layout(part, "", swap).contains("efi_system = true"), "{part}");
    }
    let mounted = "{ name = \"lv_swap\", size = 6000, file_system = \"swap\", mount = \"swap\" },";
    assert!(layout("", "", mounted).contains("swap is mounted nowhere"));
}

#[test]
fn the_short_file_describes_servers_without_a_cloud() {
    assert!(EXAMPLE_PLAIN.lines().count() <= 80, "{}", EXAMPLE_PLAIN.lines().count());
    let site = parse(EXAMPLE_PLAIN, "rackstart.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let of = |name: &str| site.node_by_name(name).map(|node| (node.role.as_str(), node.layout.name.as_str())).unwrap();
    assert_eq!((of("srv1"), of("db1")), (("server", "grow"), ("database", "data")));
    let plain = &site.blueprint;
    assert!(plain.steps.is_empty() && plain.secrets.is_empty() && plain.drain.is_none() && plain.selinux_enforces);
    let renderer = Renderer::new().unwrap();
    for node in &site.nodes {
        let kickstart = renderer.kickstart(&site, node, &crate::lifecycle::BootToken::from_random([0; 16])).unwrap();
        assert!(kickstart.contains("\nselinux --enforcing\n") && kickstart.contains("--remove-service=cockpit"));
        let exposure = renderer.exposure(&site, node).unwrap();
        let open: Vec<&str> = exposure.open.iter().map(|opening| opening.name.as_str()).collect();
        assert_eq!(open, ["ping", "ssh"]);
        let files = renderer.firstboot_files(&site, node, &crate::lifecycle::BootToken::from_random([0; 16])).unwrap();
        let of_a_set = ["lib/firewall.sh", "lib/leave.sh", "lib/keep.sh"];
        assert!(files.iter().all(|file| !file.path.starts_with("steps/") && !of_a_set.contains(&file.path.as_str())));
    }
}

#[test]
fn a_site_without_a_blueprint_is_plain_and_a_role_is_asked_for_where_there_is_no_usual_one() {
    let named = parse(EXAMPLE_PLAIN, "f").unwrap();
    assert_eq!(parse(&EXAMPLE_PLAIN.replace("blueprint = \"plain\"\n", ""), "f").unwrap(), named);
    let problems = parse(&EXAMPLE.replacen("role = \"gateway\"\n", "", 1), "f").unwrap_err().to_string();
    assert!(problems.contains("node `compute1` has no `role`"), "{problems}");
    let problems = parse(&EXAMPLE_PLAIN.replacen("\"plain\"", "\"plian\"", 1), "f").unwrap_err().to_string();
    assert!(problems.contains("unknown blueprint `plian`") && problems.contains("did you mean `plain`?"), "{problems}");
}

#[test]
fn users_that_are_no_list_are_told_once() {
    let text = format!("user = 5\n{EXAMPLE_PLAIN}");
    let problems = parse(&text, "f").unwrap_err();
    let told = problems.list().iter().filter(|problem| problem.message.contains("`user`")).count();
    assert_eq!(told, 1, "{problems}");
}

#[test]
fn a_site_that_equals_a_proved_one_is_not_proved_again_and_any_other_is() {
    // Nothing but the proof of the texts finds that a command line is too long.
    let long = vec!["x"; 1000].join(" ");
    let text = EXAMPLE.replacen("[[node]]", &format!("[[node]]\nkernel_args = \"{long}\""), 1);
    let own = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        move |_: Option<&str>| Ok(Templates { folder: "own".into(), files })
    };
    let problems = |fetch: FetchTemplates<'_>, proved: &[Arc<Site>]| {
        let examined = examine(&text, fetch, &|_, _| (), proved);
        assert_eq!(examined.renderer.is_some(), examined.problems.is_empty());
        (examined.problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>(), examined.site.unwrap())
    };
    let ours = |_: Option<&str>| Ok(Templates::default());
    let (found, site) = problems(&ours, &[]);
    assert!(matches!(&found[..], [one] if one.contains("kernel command line")), "{found:?}");
    let other = Arc::new(parse(EXAMPLE, "f").unwrap());
    let same = Arc::new(site);
    assert_eq!(problems(&ours, std::slice::from_ref(&other)).0, found, "another one says nothing about this one");
    assert_eq!(problems(&ours, &[other, same.clone()]).0, [""; 0]);
    // A template of the operator makes other texts of the same site.
    let theirs = own(&[("kickstart/snippets/post.sh.j2", "true\n")]);
    assert!(!problems(&|key| theirs.clone()(key), &[same]).0.is_empty());
}
