//! Compares the table with the rules that the node itself writes, using the real lib/firewall.sh.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::lifecycle::BootToken;
use crate::site::testing::paper_site;
use crate::site::{Tang, TangServer};

/// Protocol, ports and source of every rule that admits something.
type Rules = BTreeSet<(String, String, String)>;

fn site(security: Security) -> Site {
    Site { security, ..paper_site() }
}

/// The rule file that the node's scripts print.
fn rule_file(site: &Site, node: &Node) -> String {
    let folder = tempfile::tempdir().unwrap();
    let renderer = Renderer::new().unwrap();
    let payload = folder.path().join("usr/lib/rackstart");
    for file in renderer.firstboot_files(site, node, &BootToken::from_random([0; 16])).unwrap() {
        let path = payload.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.data).unwrap();
    }
    for nic in &node.nics {
        let card = folder.path().join("sys/class/net").join(&nic.name);
        std::fs::create_dir_all(card.join("device")).unwrap();
        std::fs::write(card.join("address"), format!("{}\n", nic.mac)).unwrap();
    }
    std::fs::create_dir_all(folder.path().join("etc")).unwrap();
    std::fs::copy(payload.join("hosts"), folder.path().join("etc/hosts")).unwrap();
    run(folder.path(), &payload)
}

fn run(root: &Path, payload: &Path) -> String {
    // The steps look up node names with getent, which here reads the node's own file.
    let getent = "getent() { awk -v name=\"$2\" '{ for (i = 2; i <= NF; i++) if ($i == name) { print; exit } }' \"$ROOT/etc/hosts\"; }";
    let script = format!("set -eu; . \"$PAYLOAD/lib.sh\"; {getent}; firewall_rules");
    let output = Command::new("bash")
        .args(["-c", &script])
        .env("RACKSTART_ROOT", root)
        .env("PAYLOAD", payload)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn opened(rules: &str) -> Rules {
    let mut opened = Rules::new();
    for line in rules.lines().filter(|line| line.starts_with("-A INPUT") && line.contains(" -j ACCEPT")) {
        let after = |word: &str| {
            let mut words = line.split(' ').skip_while(|known| *known != word).skip(1);
            words.next().map(str::to_string)
        };
        // Rules that are about no port: the node itself, and answers.
        if after("-i").as_deref() == Some("lo") || line.contains("ESTABLISHED") {
            continue;
        }
        let ports = after("--dports").or(after("--icmp-type")).unwrap_or_else(|| {
            let to = after("--dport").unwrap();
            after("--sport").map_or(to.clone(), |from| format!("{from}>{to}"))
        });
        let from = after("-s").or(after("-i").map(|bridge| format!("on {bridge}")));
        opened.insert((after("-p").unwrap(), ports, from.unwrap_or("anywhere".into())));
    }
    opened
}

fn drawn(exposure: &Exposure) -> Rules {
    let of = |opening: &Opening| {
        let (protocol, ports) = (opening.protocol.clone(), opening.ports.clone());
        opening.from.clone().into_iter().map(move |from| (protocol.clone(), ports.clone(), from))
    };
    exposure.open.iter().flat_map(of).collect()
}

#[test]
fn in_hardened_mode_the_drawing_of_every_role_is_what_its_firewall_opens() {
    let site = site(Security::Hardened);
    for name in ["controller", "compute1", "compute2"] {
        let node = site.node_by_name(name).unwrap();
        let rules = rule_file(&site, node);
        assert!(rules.contains(":INPUT DROP"), "{rules}");
        let exposure = Renderer::new().unwrap().exposure(&site, node).unwrap();
        assert_eq!(drawn(&exposure), opened(&rules), "{name}:\n{rules}");
        assert!(!opened(&rules).is_empty());
    }
}

#[test]
fn the_drawing_is_right_whoever_gives_machines_their_addresses() {
    // The number of rules for machines on the controller, the gateway and a compute node.
    for (changes, rules) in [
        (&[("multi_host", "yes")][..], [0, 3, 3]),
        (&[("network_manager", "vlan"), ("vlan_start", "171"), ("num_networks", "2")], [1, 4, 0]),
        (&[("network_manager", "vlan"), ("num_networks", "2"), ("multi_host", "yes")], [0, 5, 5]),
        (&[("network_manager", "flat")], [1, 0, 0]),
    ] {
        let mut site = site(Security::Hardened);
        site.blueprint.variables.extend(changes.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        for (name, expected) in ["controller", "compute1", "compute2"].into_iter().zip(rules) {
            let node = site.node_by_name(name).unwrap();
            let exposure = Renderer::new().unwrap().exposure(&site, node).unwrap();
            assert_eq!(drawn(&exposure), opened(&rule_file(&site, node)), "{name}, {changes:?}");
            let of_machines =
                drawn(&exposure).into_iter().filter(|(_, _, from)| from.starts_with("on ") || from == "10.0.0.0/24");
            assert_eq!(of_machines.count(), expected, "{name}, {changes:?}");
            let forwards = exposure.facts.iter().any(|fact| fact.about == "forwarding");
            let expected = name == "compute1" || name == "compute2" && site.says("multi_host=yes");
            assert_eq!(forwards, expected, "{name}, {changes:?}");
        }
    }
}

#[test]
fn in_paper_mode_every_port_is_open_to_everybody_in_both() {
    let site = site(Security::Paper);
    for name in ["controller", "compute1", "compute2"] {
        let node = site.node_by_name(name).unwrap();
        let rules = rule_file(&site, node);
        assert!(rules.contains(":INPUT ACCEPT") && !rules.contains("-A INPUT"), "{rules}");
        let exposure = Renderer::new().unwrap().exposure(&site, node).unwrap();
        assert!(exposure.closed.is_empty());
        assert!(exposure.open.iter().all(|opening| opening.from == ["anywhere"]), "{exposure:?}");
    }
}

#[test]
fn what_asks_for_no_password_differs_by_mode() {
    let without = |security, node: &str| {
        let site = site(security);
        let exposure = Renderer::new().unwrap().exposure(&site, site.node_by_name(node).unwrap()).unwrap();
        let open = exposure.open.into_iter().filter(|opening| !opening.password);
        open.map(|opening| opening.name).collect::<Vec<_>>()
    };
    assert_eq!(
        without(Security::Hardened, "controller"),
        ["ping", "dhcp", "gluster", "metadata", "vm-metadata", "volumes"]
    );
    assert_eq!(
        without(Security::Paper, "controller"),
        ["ping", "dhcp", "gluster", "portmapper", "messages", "metadata", "vm-metadata", "volumes"]
    );
}

#[test]
fn a_node_names_the_secrets_of_its_own_targets_and_shows_none() {
    let site = site(Security::Hardened);
    let exposure = Renderer::new().unwrap().exposure(&site, site.node_by_name("compute2").unwrap()).unwrap();
    let expected: Vec<String> =
        of_targets(&site.blueprint, &site.blueprint.targets("compute")).map(|(n, _)| n.clone()).collect();
    assert_eq!(exposure.secrets, expected);
}

#[test]
fn the_facts_are_those_of_the_steps() {
    let engine = Engine::new(Default::default()).unwrap();
    let essex = site(Security::Hardened).blueprint;
    let files = payload::of(&engine, &essex);
    let step = |path: &str| String::from_utf8(engine.file(&files[path]).unwrap()).unwrap();
    // Each sentence of `facts` that no rule shows, by the line that makes it true.
    assert!(step("steps/02-glusterfs-all/02-selinux-permissive.sh").contains("SELINUX=permissive"));
    let libvirt = step("steps/05-kvm-compute/04-libvirt-config.sh");
    assert!(
        libvirt.contains("listen_tcp 1") && libvirt.contains("auth_tcp '\"none\"'") && libvirt.contains("listen_tls 0")
    );
    assert!(
        step("steps/07-openstack-controller/23-nova-config.sh")
            .contains("if [ \"$SECURITY\" = paper ]; then echo no; else echo yes; fi")
    );
    assert!(step("steps/07-openstack-controller/23-nova-config.sh").contains("'mech_list: PLAIN'"));
    assert!(step("lib/firewall.sh").contains("--ctstate DNAT -j ACCEPT"), "floating addresses");
    let database = step("lib/database.sh");
    assert!(database.split("\"$SECURITY\" = paper").nth(1).is_some_and(|rest| rest.contains('%')), "{database}");
    let bricks = step("lib/gluster.sh");
    assert!(bricks.contains("BRICK_PORT_MIN=49252") && bricks.contains("BRICK_PORT_MAX=49351"), "as in `ports`");
}

#[test]
fn who_opens_encrypted_disks_is_said() {
    let site = site(Security::Hardened);
    let mut node = site.node_by_name("compute2").unwrap().clone();
    let disks = |node: &Node| {
        let exposure = Renderer::new().unwrap().exposure(&site, node).unwrap();
        exposure.facts.into_iter().find(|fact| fact.about == "disks").map(|fact| fact.is).unwrap_or_default()
    };
    assert_eq!(disks(&node), "");
    node.layout.volume_groups[1].encrypted = true;
    assert_eq!(disks(&node), "only the passphrase opens the encrypted ones");
    let servers = vec![TangServer { url: "http://tang1.lan".into(), thumbprint: "x".into() }];
    node.tang = Some(Tang { servers, threshold: 1 });
    assert!(
        disks(&node)
            .contains("Tang (http://tang1.lan) opens the encrypted ones, for anybody who has them and can reach it")
    );
}

#[test]
fn the_filter_of_a_release_opens_nothing_but_ssh_by_itself() {
    let filter_of = |firewall_by_steps| {
        let mut site = site(Security::Hardened);
        site.blueprint.firewall_by_steps = firewall_by_steps;
        let exposure = Renderer::new().unwrap().exposure(&site, &site.nodes[0]).unwrap();
        exposure.facts.iter().find(|fact| fact.about == "packet filter").unwrap().is.clone()
    };
    assert!(filter_of(false).contains("the other ports once a step has opened them"), "{}", filter_of(false));
    assert!(filter_of(true).starts_with("drops everything else"), "{}", filter_of(true));
}
