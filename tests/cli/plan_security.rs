//! `rackstart plan --security` as an operator runs it.

use crate::support::desk::Desk;

fn desk(security: &str) -> Desk {
    let desk = Desk::new();
    desk.site(&desk.tree("6.10"), "security = \"hardened\"", &format!("security = \"{security}\""));
    desk
}

#[test]
fn a_node_is_told_port_by_port_in_both_modes() {
    let run = desk("hardened").run(&["plan", "compute2", "--security"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for part in [
        "compute2: role compute, hardened mode\n",
        "tcp 22",
        "consoles   tcp 5900:6400",
        "192.168.0.1, 192.168.0.2, 192.168.0.3, 192.168.0.4",
        "\nwithout a password: ping, dhcp, gluster, migration, consoles\n",
        "\nlistens, closed by the packet filter: rpcbind, where it is installed (tcp 111)\n",
        "\nsecrets it holds: NOVA_MYSQL_PASSWORD, QPID_PASSWORD\n",
        "\nSELinux: permissive in both modes",
        "\nroot login: nobody: no key, and the password is locked\n",
    ] {
        assert!(run.stdout.contains(part), "{part:?} is not in\n{}", run.stdout);
    }
    let run = desk("paper").run(&["plan", "controller", "--security"]);
    for part in ["paper mode", "registry", "qpidd: no password: anybody may send orders", "packet filter: none"] {
        assert!(run.stdout.contains(part), "{part:?} is not in\n{}", run.stdout);
    }
    assert!(!run.stdout.contains("192.168.0.0/24"), "in paper mode nothing is limited to the LAN:\n{}", run.stdout);
}

#[test]
fn all_nodes_come_as_text_and_as_json() {
    let desk = desk("hardened");
    let text = desk.run(&["plan", "--all", "--security"]).stdout;
    assert_eq!(text.matches(" hardened mode\n").count(), 5, "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&desk.run(&["plan", "--all", "--security", "--json"]).stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 5);
    assert_eq!(json[0]["node"], "compute1");
    let one: serde_json::Value =
        serde_json::from_str(&desk.run(&["plan", "controller", "--security", "--json"]).stdout).unwrap();
    let database = one["open"].as_array().unwrap().iter().find(|port| port["name"] == "database").unwrap();
    assert_eq!((&database["ports"], &database["password"]), (&"3306".into(), &true.into()));
    assert_eq!(database["from"], serde_json::json!(["192.168.0.0/24"]));
}

#[test]
fn a_plan_says_what_is_left_out_without_an_image() {
    let desk = desk("hardened");
    let run = desk.run(&["plan", "controller"]);
    assert!(run.stdout.contains("note: there is no image `cirros-0.3.0-x86_64`"), "{}", run.stdout);
    assert!(!desk.run(&["plan", "controller", "--json"]).stdout.contains("note: there is no image"));
}

#[test]
fn both_statements_about_ssh_say_the_same() {
    let key = format!("ssh-rsa AAAAB3NzaC1yc2E{} me", "A".repeat(80));
    let hash = format!("$6$saltsalt${}", "x".repeat(86));
    for (access, asks, root) in [
        (format!("ssh_keys = [\"{key}\"]"), "key", "by 1 key, never by password"),
        (format!("ssh_keys = []\nroot_password_hash = \"{hash}\""), "password", "by 0 keys, by password"),
        (
            format!("ssh_keys = [\"{key}\"]\nroot_password_hash = \"{hash}\""),
            "key or password",
            "by 1 key, by password",
        ),
    ] {
        let desk = Desk::new();
        desk.site(&desk.tree("6.10"), "ssh_keys = []", &access);
        let said = desk.run(&["plan", "compute2", "--security"]).stdout;
        let ssh = said.lines().find(|line| line.starts_with("ssh ")).unwrap();
        assert!(ssh.contains(&format!(" {asks}  ")), "{ssh}");
        assert!(said.contains(&format!("\nroot login: {root}\n")), "{said}");
    }
}

#[test]
fn a_disk_that_is_known_by_its_serial_number_is_shown_by_a_name_that_is_an_example() {
    let desk = Desk::new();
    let rule = "disk = { name = \"sda\", sectors = 488397168 }";
    desk.site(&desk.tree("6.10"), rule, "disk = { serial = \"S64\", bus = \"nvme\", sectors = 488397168 }");
    let run = desk.run(&["render", "compute1", "storage"]);
    assert!(run.stdout.contains("# disk of os: nvme0n1") && !run.stdout.contains("sda"), "{}", run.stdout);
    let note = "note: `nvme0n1` stands for the disk of os, which the machine finds by its rule";
    assert!(run.stderr.contains(note), "{}", run.stderr);
}
