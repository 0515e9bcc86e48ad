//! Daily operation: an edited site file, the story of a machine, the logs of an installer.

use crate::support::network_lab::{CARD, Machine, inside, lay_cable, run, wait_until};
use crate::support::serving::Serving;

/// compute2 with a cable and its address.
fn compute2() -> Machine {
    lay_cable();
    let machine = Machine::plugged_in();
    machine.run(&format!("ip address add 192.168.0.2/24 dev {CARD}"));
    machine
}

const NINTH: &str = "[[node]]\nname = \"compute9\"\nrole = \"compute\"\naddress = \"192.168.0.9\"\n\
    disk = { name = \"sda\", sectors = 488397168 }\n\
    nics = [{ name = \"eth0\", mac = \"52:54:00:a8:09:01\", network = \"lan\" }]\n\n# Layouts and roles";

#[test]
fn an_edited_site_file_is_taken_over_by_verb_and_by_signal_and_a_bad_one_is_not() {
    inside(|| {
        let machine = compute2();
        let serving = Serving::started(Serving::plain);
        let boots = |address: &str, mac: &str| {
            // The kernel knows the card behind an address, so the machine has to be the one that it says it is.
            let card = mac.replace('-', ":");
            for change in ["down", &format!("address {card}"), "up"] {
                machine.run(&format!("ip link set {CARD} {change}"));
            }
            machine.run(&format!("ip address replace {address}/24 dev {CARD}"));
            machine.run(&format!("curl -sS -m 5 --interface {address} http://192.168.0.254/boot/{mac}"))
        };
        assert!(boots("192.168.0.9", "52-54-00-a8-09-01").contains("does not know me"));
        serving.edit("# Layouts and roles", NINTH);
        let said = serving.says(&["reload"]);
        assert!(said.contains("reloaded: 6 nodes\nadded: compute9"), "{said}");
        assert!(boots("192.168.0.9", "52-54-00-a8-09-01").contains("/kickstart/"), "it is armed, as at a start");

        serving.edit("role = \"compute\"", "role = \"comptue\"");
        let (code, said) = serving.fails(&["reload"]);
        assert_eq!(code, 1);
        assert_eq!(said.matches("unknown role `comptue`").count(), 3, "{said}");
        assert!(
            said.contains("rackstart.toml:") && said.contains("did you mean `compute`?"),
            "as check prints it: {said}"
        );
        assert!(said.contains("keeps the site it has"), "{said}");
        let status = serving.says(&["status"]);
        assert!(status.contains("compute9") && status.contains("the last reload ("), "{status}");
        assert!(status.contains(" s ago) was refused: error: node `compute2` has unknown role"), "{status}");
        assert!(serving.log().contains("the reload was refused, the running site stays"), "{}", serving.log());

        serving.edit("", "");
        let (code, said) = serving.fails(&["reload"]);
        assert!(code == 1 && said.contains("compute9 is armed, and it would be removed"), "{said}");
        serving.says(&["disarm", "compute9"]);
        run(&format!("kill -HUP {}", serving.daemon.id()));
        wait_until("the signal is followed", || !serving.says(&["status"]).contains("compute9"));
        assert!(!serving.says(&["status"]).contains("refused"));
    });
}

#[test]
fn the_story_of_a_machine_survives_the_daemon_and_can_be_read_by_anybody_who_asks_for_it() {
    inside(|| {
        let machine = compute2();
        let mut serving = Serving::started(Serving::plain);
        machine.run(&format!("busybox udhcpc -i {CARD} -f -n -q -t 5 -T 1 -s /bin/true"));
        let get = |path: &str| machine.run(&format!("curl -sS -m 5 -o /dev/null http://192.168.0.254/{path}"));
        let script = machine.run("curl -sSf -m 5 http://192.168.0.254/boot/52-54-00-a8-02-01");
        let token = script.split("/kickstart/").nth(1).unwrap()[..32].to_string();
        get("tree/centos6/images/pxeboot/vmlinuz");
        get(&format!("kickstart/{}", "0".repeat(32)));
        get(&format!("kickstart/{token}"));
        for _ in 0..20 {
            get("tree/centos6/Packages/missing.rpm");
        }
        let story = serving.says(&["timeline", "compute2"]);
        for part in [
            "dhcp       DHCPDISCOVER from system",
            "DHCPOFFER 192.168.0.2",
            "DHCPACK 192.168.0.2",
            "http       GET images/pxeboot/vmlinuz",
            "http       GET kickstart: refused with 410: this attempt of compute2 is over",
            "node       boot-script: boot 1 of the installer [armed]",
            "node       kickstart: the kickstart left for 192.168.0.2 [armed]",
            "missing.rpm: refused with 404: the install tree `centos6` has no `Packages/missing.rpm`",
        ] {
            assert!(story.contains(part), "{part}\n{story}");
        }
        assert_eq!(story.matches("missing.rpm: refused").count(), 1, "repetitions are counted: {story}");
        assert!(!story.contains(&token), "a token is shown to nobody");
        assert_eq!(serving.says(&["timeline", "52:54:00:a8:02:01"]), story, "a MAC is as good as a name");
        let lines = serving.says(&["timeline", "compute2", "--json", "--since", "1h"]);
        let read = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
        assert!(lines.lines().map(read).any(|line| line["source"] == "node" && line["times"] == 1), "{lines}");
        assert!(serving.says(&["explain", "compute2"]).contains("boot-script: boot 1 of the installer"));

        run(&format!("kill -TERM {}", serving.daemon.id()));
        serving.daemon.wait().unwrap();
        serving.daemon = Serving::plain(serving.folder.path()).current_dir(serving.folder.path()).spawn().unwrap();
        wait_until("the daemon answers", || serving.cli(&["status"]).status.success());
        let again = serving.says(&["timeline", "compute2"]);
        let lost: Vec<&str> = story.lines().filter(|line| !again.contains(line)).collect();
        assert!(lost.is_empty(), "{lost:?}");
        assert!(again.contains("missing.rpm: refused with 404") && again.contains("(again, 19 times until"), "{again}");

        let nobody = serving.says(&["timeline", "52:54:00:99:99:99"]);
        assert!(nobody.starts_with("nothing was seen of it"), "{nobody}");
        machine.run(&format!("ip link set {CARD} address 52:54:00:99:99:99"));
        let asks = format!("busybox udhcpc -i {CARD} -f -n -q -t 1 -T 1 -s /bin/true");
        let _ = std::panic::catch_unwind(|| machine.run(&asks)); // it gets no answer
        let stranger = serving.says(&["timeline", "52:54:00:99:99:99"]);
        assert!(stranger.contains("no answer: no node has the MAC 52:54:00:99:99:99"), "{stranger}");
    });
}

#[test]
fn warnings_of_an_installer_are_in_the_story_and_its_whole_log_on_the_disk() {
    inside(|| {
        let machine = compute2();
        let serving = Serving::started(Serving::plain);
        let script = machine.run("curl -sSf -m 5 http://192.168.0.254/boot/52-54-00-a8-02-01");
        assert!(script.contains(" syslog=192.168.0.254:514 ks="), "{script}");
        for way in ["--tcp", "--udp"] {
            let logger = format!("logger {way} --rfc3164 --server 192.168.0.254 --port 514 --tag anaconda");
            machine.run(&format!("{logger} -p user.err mkfs{way}-failed"));
            machine.run(&format!("{logger} -p user.info all{way}-well"));
        }
        let log = || {
            let folder = std::fs::read_dir(serving.folder.path().join("state/logs/compute2"));
            let mut files = folder.map(|files| files.flatten().collect::<Vec<_>>()).unwrap_or_default();
            files.pop().and_then(|file| std::fs::read_to_string(file.path()).ok()).unwrap_or_default()
        };
        wait_until("the log has all lines", || log().lines().count() == 4);
        assert!(log().contains("error anaconda: mkfs--tcp-failed") && log().contains("info anaconda: all--udp-well"));
        let story = serving.says(&["timeline", "compute2"]);
        assert_eq!(story.matches("installer  error anaconda: mkfs").count(), 2, "{story}");
        assert!(!story.contains("well"), "only what is wrong: {story}");
    });
}
