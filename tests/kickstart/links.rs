//! Bonds, VLANs, users, packages and services: what each release is told, and what other readers say to it.

use std::collections::BTreeMap;

use rackstart::config::{self, EXAMPLE};
use rackstart::lifecycle::WipeScope;
use rackstart::plan::plan;
use rackstart::render::{Renderer, example_disks};
use rackstart::site::{Release, Site};

use crate::grammar::ksvalidator;
use crate::machine::Machine;
use crate::variants::{RELEASES, body, node, token, whole};

/// compute1 (the gateway): the LAN on a bond, the outside on a VLAN over it. compute2: the outside on a VLAN over a card
/// that is nothing else. controller: a bond beside the LAN card.
const LINKS: [(&str, &str); 3] = [
    (
        r#"nics = [
  { name = "eth0", mac = "52:54:00:a8:01:00", network = "public" },
  { name = "eth1", mac = "52:54:00:a8:01:01", network = "lan" },
]"#,
        r#"nics = [
  { name = "eth0", mac = "52:54:00:a8:01:00" },
  { name = "eth1", mac = "52:54:00:a8:01:01" },
]
bonds = [{ name = "bond0", cards = ["eth1", "eth0"], mode = "802.3ad", network = "lan" }]
vlans = [{ id = 100, over = "bond0", network = "public" }]"#,
    ),
    (
        r#"nics = [
  { name = "eth0", mac = "52:54:00:a8:02:00", network = "none" },
  { name = "eth1", mac = "52:54:00:a8:02:01", network = "lan" },
]"#,
        r#"nics = [
  { name = "eth0", mac = "52:54:00:a8:02:00", network = "none" },
  { name = "eth1", mac = "52:54:00:a8:02:01", network = "lan" },
]
vlans = [{ id = 200, over = "eth0", network = "public" }]"#,
    ),
    (
        r#"nics = [
  { name = "eth0", mac = "52:54:00:a8:05:00", network = "lan" },
]"#,
        r#"nics = [
  { name = "eth0", mac = "52:54:00:a8:05:00", network = "lan" },
  { name = "eth1", mac = "52:54:00:a8:05:01" },
  { name = "eth2", mac = "52:54:00:a8:05:02" },
]
bonds = [{ name = "bond1", cards = ["eth1", "eth2"], network = "public" }]"#,
    ),
];

fn key(letter: &str) -> String {
    format!("AAAAB3NzaC1yc2E{}", letter.repeat(80))
}

/// The example with everything of this file in it.
fn site(release: &str) -> Site {
    let hash = format!("$6$salt${}", "h".repeat(86));
    let access = format!(
        "ssh_keys = [\"ssh-rsa {0} root's\"]\n\n[[user]]\nname = \"ann\"\ngroups = [\"wheel\", \"kvm\"]\n\
         password_hash = \"{hash}\"\nssh_keys = [\"ssh-rsa {1} ann@home\", \"ssh-rsa {2} it's ann\"]\n\n\
         [[user]]\nname = \"bob\"\n",
        key("r"),
        key("a"),
        key("b")
    );
    let mut text =
        EXAMPLE.replace("release = \"6.10\"", &format!("release = \"{release}\"")).replace("ssh_keys = []", &access);
    text = text.replace(
        "kernel_args = \"\"",
        "packages = [\"tmux\", \"-plymouth\"]\nservices = [\"snmpd\"]\nservices_off = [\"cups\"]",
    );
    for (from, to) in LINKS {
        assert!(text.contains(from));
        text = text.replace(from, to);
    }
    text += "\n[role.compute]\npackages = [\"sysstat\"]\nservices = [\"cups\"]\n";
    config::parse(&text, "site.toml").unwrap_or_else(|problems| panic!("{release}: {problems}"))
}

/// The commands and packages that begin so; what scripts hold is not one.
fn lines<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let commands = text.lines().take_while(|line| !line.starts_with("%pre"));
    commands.filter(|line| line.starts_with(word)).collect()
}

#[test]
fn bonds_and_vlans_are_told_with_the_names_that_the_site_file_gives() {
    for (release, bindto) in [("7.3", ""), ("7", " --bindto=mac"), ("10", " --bindto=mac")] {
        let site = site(release);
        assert_eq!(
            lines(&whole(&site, "compute1"), "network "),
            [
                format!(
                    "network --device=bond0 --bondslaves=eth1,eth0 --bondopts=mode=802.3ad,miimon=100{bindto} \
                     --bootproto=static --ip=192.168.0.1 --netmask=255.255.255.0 --nodefroute \
                     --nameserver=192.168.0.254 --noipv6 --onboot=yes --hostname=compute1"
                ),
                "network --device=bond0 --vlanid=100 --bootproto=dhcp --noipv6 --onboot=yes".into(),
            ]
        );
        let compute2 = whole(&site, "compute2");
        let network = lines(&compute2, "network ");
        assert!(network[0].contains("--device=52:54:00:a8:02:01") && network[0].contains("--nodefroute"));
        assert_eq!(
            network[1..],
            [
                format!("network --device=52:54:00:a8:02:00{bindto} --noipv4 --noipv6 --onboot=yes"),
                "network --device=eth0 --vlanid=200 --bootproto=dhcp --noipv6 --onboot=yes".into(),
            ]
        );
        let controller = whole(&site, "controller");
        let network = lines(&controller, "network ");
        assert_eq!(network.len(), 2);
        let opening = "network --device=bond1 --bondslaves=eth1,eth2 --bondopts=mode=active-backup,miimon=100";
        assert!(network[1].starts_with(opening) && network[1].contains("--bootproto=dhcp"), "{}", network[1]);
        assert_eq!(site.node_by_name("compute1").unwrap().mac.to_string(), "52:54:00:a8:01:01", "boots from the first");
        assert!(lines(&compute2, "vconfig").is_empty());
    }
}

#[test]
fn an_el6_that_cannot_make_a_bond_installs_over_the_card_that_it_boots_from() {
    for release in ["6.3", "6.4"] {
        let compute1 = whole(&site(release), "compute1");
        assert_eq!(
            lines(&compute1, "network "),
            [
                "network --device=52:54:00:a8:01:01 --bootproto=static --ip=192.168.0.1 --netmask=255.255.255.0 \
                 --nodefroute --nameserver=192.168.0.254 --noipv6 --onboot=yes --hostname=compute1",
                "network --device=52:54:00:a8:01:00 --bootproto=dhcp --noipv6 --onboot=no",
            ]
        );
        assert!(!compute1.contains("rackstart-network.ks"), "{release}");
    }
}

#[test]
fn el6_activates_the_bond_of_the_lan_from_6_5_on_and_leaves_other_bonds_and_vlans_to_post() {
    for release in ["6.5", "6.10"] {
        let mut site = site(release);
        let compute1 = whole(&site, "compute1");
        let bond = "network --device=bond0 --bondslaves=eth1,eth0 --bondopts=mode=802.3ad,miimon=100 --activate \
                    --bootproto=static --ip=192.168.0.1 --netmask=255.255.255.0 --nodefroute \
                    --nameserver=192.168.0.254 --noipv6 --onboot=yes --hostname=compute1";
        assert_eq!(lines(&compute1, "network "), [bond]);
        // Stage 1 brings up the first card that the kickstart itself names: with a bond none is named there.
        let node = site.nodes.iter_mut().find(|node| node.name.as_str() == "compute1").unwrap();
        let mut other = node.nics[0].clone();
        (other.name, other.mac) = ("eth2".into(), "52:54:00:a8:01:02".parse().unwrap());
        node.nics.push(other);
        let node = self::node(&site, "compute1");
        let plan = plan(node).unwrap();
        let served = Renderer::new().unwrap().kickstart_planned(&site, node, &plan, &token()).unwrap();
        assert_eq!(lines(&served, "network "), [""; 0], "{served}");
        let all = whole(&site, "compute1");
        let unused = "network --device=52:54:00:a8:01:02 --bootproto=dhcp --noipv6 --onboot=no";
        assert_eq!(lines(&all, "network "), [bond, unused]);
        let machine = Machine::installer(release);
        for (name, mac) in [("em1", "52:54:00:a8:01:00"), ("em2", "52:54:00:a8:01:01"), ("em3", "52:54:00:a8:01:02")] {
            machine.card(name, mac);
        }
        let run = machine.run(&name_cards(&site, "compute1"));
        let written = std::fs::read_to_string(machine.path("root/tmp/rackstart-network.ks")).unwrap();
        assert!(run.ok && written.starts_with("network --device=bond0 --bondslaves=em2,em1 --bondopts="), "{written}");
        assert!(written.ends_with(&format!("\n{unused}\n")), "{written}");
    }
}

#[test]
fn el6_names_the_host_once_and_leaves_vlans_to_post() {
    for release in ["6.3", "6.4", "6.5", "6.10"] {
        let site = site(release);
        for name in ["compute1", "compute2", "controller"] {
            let text = whole(&site, name);
            assert!(!text.contains("--vlanid"), "{release} {name}");
            assert_eq!(lines(&text, "network ").iter().filter(|line| line.contains("--hostname=")).count(), 1);
        }
        assert_eq!(lines(&whole(&site, "compute1"), "vconfig").len(), 1);
    }
}

#[test]
fn users_packages_and_services_are_told_as_the_release_knows_them() {
    for release in RELEASES {
        let text = whole(&site(release), "compute2");
        let hash = format!("$6$salt${}", "h".repeat(86));
        assert_eq!(
            lines(&text, "user "),
            [
                format!("user --name=ann --groups=wheel,kvm --iscrypted --password={hash}"),
                "user --name=bob --lock".into()
            ]
        );
        let by_command = if ["8", "9", "10"].contains(&release) {
            vec![format!("sshkey --username=ann \"ssh-rsa {} ann@home\"", key("a"))]
        } else {
            vec![]
        };
        assert_eq!(lines(&text, "sshkey "), by_command, "{release}");
        let services = lines(&text, "services ");
        let expected = match release.starts_with('6') {
            true => "services --enabled=network,sshd,ntpd,snmpd,cups",
            false => "services --enabled=sshd,chronyd,snmpd,cups",
        };
        assert_eq!(services, [expected], "the role's word about cups comes after that of the site");
        let controller = whole(&site(release), "controller");
        assert!(lines(&controller, "services ")[0].ends_with("snmpd --disabled=cups"));
        for (package, roles) in [("tmux", 2), ("-plymouth", 2), ("sysstat", 1)] {
            let count = [&text, &controller].iter().filter(|text| text.lines().any(|line| line == package)).count();
            assert_eq!(count, roles, "{release} {package}");
        }
    }
}

#[test]
fn the_gateway_has_what_the_role_it_includes_has() {
    assert!(whole(&site("9"), "compute1").lines().any(|line| line == "sysstat"));
}

#[test]
fn ksvalidator_and_our_own_table_have_nothing_to_say_about_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut by_syntax: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for release in RELEASES {
        let site = site(release);
        for name in ["compute1", "compute2", "controller"] {
            let text = whole(&site, name);
            let number: Release = release.parse().unwrap();
            assert_eq!(rackstart::grammar::check(number, &text), [], "{release} {name}");
            let file = folder.path().join(format!("{release}-{name}.ks"));
            std::fs::write(&file, text).unwrap();
            by_syntax.entry(number.syntax()).or_default().push(file);
        }
    }
    for (syntax, files) in by_syntax {
        let is_over_bond = |file: &std::path::PathBuf| {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.ends_with("-compute1.ks") && !name.starts_with("6.")
        };
        let (over_bond, others): (Vec<_>, Vec<_>) = files.into_iter().partition(is_over_bond);
        let said = ksvalidator(&syntax, &others);
        assert!(said.is_empty(), "{syntax}: {said}");
        // pykickstart warns of every second line about a device, and a VLAN over a bond has no other form.
        for file in over_bond {
            let said = ksvalidator(&syntax, &[file]);
            assert_eq!(said, "A network device with the name bond0 has already been defined.\n", "{syntax}");
        }
    }
}

/// The functions of %pre up to the point where it looks at disks, then the one that names cards.
fn name_cards(site: &Site, name: &str) -> String {
    let node = node(site, name);
    let plan = plan(node).unwrap();
    let served = Renderer::new().unwrap().kickstart_planned(site, node, &plan, &token()).unwrap();
    assert!(served.contains("\n%include /tmp/rackstart-network.ks\n"), "{served}");
    let script = body(&served, "%pre");
    assert!(script.contains("\nname_cards\nlist_disks\n"));
    script.replace("\nname_cards\nlist_disks\n", "\nname_cards\ntrap - EXIT\nexit 0\n")
}

#[test]
fn pre_names_the_cards_of_this_machine_by_their_macs() {
    for release in ["7", "8", "9", "10"] {
        names_the_cards(release);
    }
}

fn names_the_cards(release: &str) {
    let site = site(release);
    let machine = Machine::installer(release);
    // This machine has other names, and its bond has the MAC of a card.
    for (name, mac, has_device) in [
        ("bond0", "52:54:00:a8:01:01", false),
        ("em1", "52:54:00:a8:01:00", true),
        ("em2", "52:54:00:a8:01:01", true),
        ("lo", "00:00:00:00:00:00", false),
    ] {
        machine.write(&format!("root/sys/class/net/{name}/address"), format!("{mac}\n"));
        if has_device {
            machine.write(&format!("root/sys/class/net/{name}/device/vendor"), "0x8086\n");
        }
    }
    let run = machine.run(&name_cards(&site, "compute1"));
    assert!(run.ok, "{} {}", run.console, run.said);
    let written = std::fs::read_to_string(machine.path("root/tmp/rackstart-network.ks")).unwrap();
    assert!(written.starts_with("network --device=bond0 --bondslaves=em2,em1 --bondopts=mode=802.3ad,"), "{written}");
    assert_eq!(written.lines().count(), 2, "{written}");
}

#[test]
fn a_machine_without_one_of_the_cards_is_refused_before_its_disks_are_looked_at() {
    let machine = Machine::installer("9");
    machine.card("em1", "52:54:00:a8:01:01");
    let run = machine.run(&name_cards(&site("9"), "compute1"));
    assert!(
        !run.ok && run.console.contains("no card of this machine has the MAC 52:54:00:a8:01:00"),
        "{}",
        run.console
    );
    assert!(!machine.path("root/tmp/rackstart-network.ks").exists());
    assert!(run.console.contains("NOTHING ON ANY DISK WAS CHANGED"));
}

#[test]
fn shellcheck_has_nothing_to_say_about_the_scripts_of_bonds_and_users() {
    for (release, name) in [("6.10", "compute1"), ("6.10", "compute2"), ("9", "compute1")] {
        let kickstart = whole(&site(release), name);
        for opening in ["%pre", "%post --interpreter"] {
            crate::grammar::shellcheck(&body(&kickstart, opening), &format!("{release} {name} {opening}"));
        }
    }
}

#[test]
fn disks_of_nodes_with_bonds_are_planned_as_ever() {
    let site = site("9");
    let node = node(&site, "compute1");
    let disks = example_disks(node, &plan(node).unwrap());
    let renderer = Renderer::new().unwrap();
    let text = renderer.kickstart_whole(&site, node, &token(), &disks, WipeScope::DestroyData).unwrap();
    assert!(text.contains("\nlogvol / ") && !text.contains("%include"), "{text}");
}

/// %post of a node, which ends where it asks the server for the payload.
fn post(site: &Site, name: &str, machine: &Machine) -> crate::machine::Run {
    machine.answers("firstboot", "404", "");
    machine.run(&body(&whole(site, name), "%post --interpreter"))
}

#[test]
fn keys_of_users_are_theirs_with_modes_and_context_where_the_installer_has_no_command_for_them() {
    for (release, count) in [("6.3", 2), ("7", 2), ("10", 1)] {
        let machine = Machine::new();
        machine.write("root/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nann:x:500:501::/home/ann:/bin/bash\n");
        let run = post(&site(release), "compute2", &machine);
        let file = machine.path("root/home/ann/.ssh/authorized_keys");
        let written = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{release}: {}", run.console));
        assert_eq!(written.lines().count(), count, "{release}: {written}");
        assert_eq!(written.lines().last(), Some(format!("ssh-rsa {} it's ann", key("b")).as_str()));
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        let folder = file.parent().unwrap().display();
        assert!(run.calls.contains(&format!("chown -R 500:501 {folder}\n")), "{}", run.calls);
        assert!(run.calls.contains(&format!("restorecon -R {folder}\n")), "{}", run.calls);
    }
}

#[test]
fn a_user_that_the_installer_did_not_make_fails_the_installation() {
    let machine = Machine::new();
    let run = post(&site("6.10"), "compute2", &machine);
    assert!(!run.ok && run.console.contains("the installer did not make the account ann"), "{}", run.console);
}

/// The files of the interfaces of an EL6 node when `%post` is through, by name; the installer calls the cards `em1`, `em2`
/// and writes what it writes of a card.
fn interface_files(site: &Site, name: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let cards = "root/etc/sysconfig/network-scripts";
    let machine = el6_after_post(site, name);
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        // As the scripts of the service `network` read it: a shell does.
        let pairs = text.lines().map(|line| line.split_once('=').unwrap_or_else(|| panic!("{text}")));
        pairs.map(|(key, value)| (key.to_string(), value.trim_matches('"').to_string())).collect()
    };
    let entries = std::fs::read_dir(machine.path(cards)).unwrap().map(Result::unwrap);
    let named = |name: std::ffi::OsString| name.into_string().unwrap().trim_start_matches("ifcfg-").to_string();
    entries.map(|entry| (named(entry.file_name()), read(entry.path()))).collect()
}

/// An EL6 node when `%post` is through.
fn el6_after_post(site: &Site, name: &str) -> Machine {
    let cards = "root/etc/sysconfig/network-scripts";
    let machine = Machine::new();
    machine.write("root/etc/udev/rules.d/x", "");
    machine.write("root/etc/passwd", "ann:x:500:501::/home/ann:/bin/bash\n");
    for (index, nic) in node(site, name).nics.iter().rev().enumerate() {
        let mac = nic.mac.to_string().to_uppercase();
        let text = format!("DEVICE=em{index}\nHWADDR={mac}\nBOOTPROTO=static\nIPADDR=192.168.0.99\nONBOOT=yes\n");
        machine.write(&format!("{cards}/ifcfg-em{index}"), text);
    }
    let run = post(site, name, &machine);
    assert_eq!(run.said, "");
    machine
}

/// Whether a file has these lines, written as `KEY=value KEY=value`, and no other addresses.
fn assert_has(files: &BTreeMap<String, BTreeMap<String, String>>, name: &str, expected: &str) {
    let file = files.get(name).unwrap_or_else(|| panic!("no {name}: {files:?}"));
    assert_eq!(file.get("DEVICE").map(String::as_str), Some(name), "{files:?}");
    for (key, value) in expected.split(' ').filter_map(|pair| pair.split_once('=')) {
        assert_eq!(
            file.get(key).map(String::as_str),
            Some(value.replace('+', " ").as_str()),
            "{name} {key}: {files:?}"
        );
    }
    for key in ["IPADDR", "GATEWAY", "MASTER", "HWADDR"] {
        assert_eq!(file.contains_key(key), expected.contains(&format!("{key}=")), "{name} {key}: {files:?}");
    }
}

#[test]
fn el6_gets_its_bonds_and_vlans_from_post() {
    for release in ["6.3", "6.10"] {
        let site = site(release);
        let files = interface_files(&site, "compute1");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["bond0", "bond0.100", "eth0", "eth1"]);
        assert_has(
            &files,
            "bond0",
            "ONBOOT=yes BOOTPROTO=none IPADDR=192.168.0.1 NETMASK=255.255.255.0 DEFROUTE=no DNS1=192.168.0.254 BONDING_OPTS=mode=802.3ad+miimon=100",
        );
        assert_has(&files, "bond0.100", "ONBOOT=yes BOOTPROTO=dhcp VLAN=yes");
        assert_has(&files, "eth0", "HWADDR=52:54:00:a8:01:00 MASTER=bond0 SLAVE=yes ONBOOT=yes BOOTPROTO=none");
        assert_has(&files, "eth1", "HWADDR=52:54:00:a8:01:01 MASTER=bond0 SLAVE=yes ONBOOT=yes BOOTPROTO=none");
        let files = interface_files(&site, "compute2");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["eth0", "eth0.200", "eth1"]);
        assert_has(&files, "eth0", "HWADDR=52:54:00:a8:02:00 ONBOOT=yes BOOTPROTO=none");
        assert_has(&files, "eth0.200", "ONBOOT=yes BOOTPROTO=dhcp VLAN=yes");
        let files = interface_files(&site, "controller");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["bond1", "eth0", "eth1", "eth2"]);
        assert_has(&files, "bond1", "ONBOOT=yes BOOTPROTO=dhcp BONDING_OPTS=mode=active-backup+miimon=100");
    }
}

/// compute1 with fixed addresses: the outside on a VLAN over the LAN card, storage on a VLAN and on a card of its own.
fn with_fixed_addresses(release: &str) -> Site {
    let (from, _) = LINKS[0];
    let to = r#"nics = [
  { name = "eth0", mac = "52:54:00:a8:01:00", network = "none", address = "10.20.0.1/16" },
  { name = "eth1", mac = "52:54:00:a8:01:01", network = "lan" },
]
vlans = [
  { id = 100, over = "eth1", network = "public", address = "203.0.113.6/28", gateway = "203.0.113.1" },
  { id = 7, over = "eth1", network = "none", address = "10.30.0.1/24" },
]"#;
    let text = EXAMPLE.replace("release = \"6.10\"", &format!("release = \"{release}\"")).replace(from, to);
    config::parse(&text, "site.toml").unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn fixed_addresses_outside_the_lan_reach_the_cards_and_vlans() {
    let text = whole(&with_fixed_addresses("9"), "compute1");
    assert_eq!(
        lines(&text, "network ")[1..],
        [
            "network --device=52:54:00:a8:01:00 --bindto=mac --bootproto=static --ip=10.20.0.1 --netmask=255.255.0.0 \
             --nodefroute --noipv6 --onboot=yes",
            "network --device=eth1 --vlanid=100 --bootproto=static --ip=203.0.113.6 --netmask=255.255.255.240 \
             --gateway=203.0.113.1 --nameserver=192.168.0.254 --noipv6 --onboot=yes",
            "network --device=eth1 --vlanid=7 --bootproto=static --ip=10.30.0.1 --netmask=255.255.255.0 \
             --nodefroute --noipv6 --onboot=yes",
        ]
    );
    let files = interface_files(&with_fixed_addresses("6.10"), "compute1");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["eth0", "eth1", "eth1.100", "eth1.7"]);
    let outside = "ONBOOT=yes BOOTPROTO=none IPADDR=203.0.113.6 NETMASK=255.255.255.240 GATEWAY=203.0.113.1 VLAN=yes";
    assert_has(&files, "eth1.100", outside);
    assert_has(&files, "eth1.7", "ONBOOT=yes BOOTPROTO=none IPADDR=10.30.0.1 NETMASK=255.255.255.0 DEFROUTE=no");
}

/// compute1 with the LAN on a bond, and the outside and another network on VLANs over it.
fn with_a_bond_for_all() -> Site {
    let (from, _) = LINKS[0];
    let to = r#"nics = [
  { name = "eth0", mac = "52:54:00:a8:01:00" },
  { name = "eth1", mac = "52:54:00:a8:01:01" },
]
bonds = [{ name = "bond0", cards = ["eth1", "eth0"], mode = "active-backup", network = "lan" }]
vlans = [
  { id = 100, over = "bond0", network = "public", address = "203.0.113.6/28", gateway = "203.0.113.1" },
  { id = 7, over = "bond0", network = "none", address = "10.30.0.1/24" },
]"#;
    config::parse(&EXAMPLE.replace(from, to), "site.toml").unwrap_or_else(|problems| panic!("{problems}"))
}

/// `make test-long PART=links` brings them up in virtual machines.
#[test]
#[ignore = "writes into LINKS what the kickstarts of two nodes leave in /etc"]
fn files_for_a_virtual_machine() {
    let out = std::path::PathBuf::from(std::env::var_os("LINKS").expect("LINKS names no folder"));
    for (scenario, site) in [("bond", with_a_bond_for_all()), ("vlans", with_fixed_addresses("6.10"))] {
        let folder = out.join(scenario);
        std::fs::create_dir_all(&folder).unwrap();
        let machine = el6_after_post(&site, "compute1");
        let copied =
            std::process::Command::new("cp").arg("-a").arg(machine.path("root/etc")).arg(&folder).status().unwrap();
        assert!(copied.success());
        let files = Renderer::new().unwrap().firstboot_files(&site, node(&site, "compute1"), &token()).unwrap();
        for name in ["env", "lib/cards.sh"] {
            let file = files.iter().find(|file| file.path == name).unwrap_or_else(|| panic!("no {name}"));
            std::fs::write(folder.join(name.rsplit('/').next().unwrap()), &file.data).unwrap();
        }
    }
}
