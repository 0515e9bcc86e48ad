//! A node behind a router, whose relay agent is ISC's dhcrelay: it gets its address there, is installed and becomes
//! ready.

use std::path::{Path, PathBuf};
use std::process::Child;

use crate::rack::Rack;
use crate::support::network_lab::{CARD, Machine, inside, lay_cable, run, wait_until};
use crate::support::serving::Serving;

/// The card of compute4, on the network behind the router.
const BEHIND: &str = "behind0";
const BOOT: &str = "http://192.168.0.254/boot/52-54-00-a8-04-01";

/// Ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn unpacked(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/clients").join(name);
    assert!(path.exists(), "there is no {}: tests/support/setup unpacks it", path.display());
    path.display().to_string()
}

/// Moves compute4 to a network behind the router 10.0.2.1.
fn with_a_second_network(folder: &Path) {
    let file = folder.join("rackstart.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let second = "[[network]]\nsubnet = \"10.0.2.0/24\"\nrouter = \"10.0.2.1\"\nrelays = [\"10.0.2.1\"]\n\n[access]\n";
    let text = text
        .replace("\n[network]\n", "\n[[network]]\n")
        .replace("\n[access]\n", &format!("\n{second}"))
        .replace("\"192.168.0.4\"", "\"10.0.2.4\"");
    assert!(text.contains("10.0.2.4") && text.contains(second));
    std::fs::write(file, text).unwrap();
}

/// rackstart on 192.168.0.0/24; a router with a relay agent; behind it compute4, without an address.
struct Lab {
    rack: Rack,
    _router: Machine,
    _relay: Ends,
}

impl Lab {
    fn laid() -> Self {
        lay_cable();
        let router = Machine::plugged_in();
        router.run(&format!("ip link set {CARD} address 02:00:00:00:00:01"));
        router.run(&format!("ip address add 192.168.0.9/24 dev {CARD}"));
        router.run("ip link set lo up");
        router.run("sysctl -q -w net.ipv4.ip_forward=1");
        run("ip route add 10.0.2.0/24 via 192.168.0.9");
        let node = Machine::alone();
        let (here, there) = (router.id(), node.id());
        run(&format!("ip link add nodes0 netns {here} type veth peer name {BEHIND} netns {there}"));
        router.run("ip address add 10.0.2.1/24 dev nodes0");
        router.run("ip link set nodes0 up");
        node.run(&format!("ip link set {BEHIND} address 52:54:00:a8:04:01"));
        node.run(&format!("ip link set {BEHIND} up"));
        node.run("ip link set lo up");
        let serving = Serving::started(|folder| {
            with_a_second_network(folder);
            Serving::plain(folder)
        });
        let relay = unpacked("usr/sbin/dhcrelay");
        let relay = router.spawn(&format!("{relay} -4 -d --no-pid -id nodes0 -iu {CARD} 192.168.0.254"));
        let rack = Rack { serving, machine: node, node: "compute4", boot: BOOT };
        Self { rack, _router: router, _relay: Ends(relay) }
    }

    /// What udhcpc and dhclient call; it notes what they were given, and takes the address.
    fn script(&self) -> PathBuf {
        let file = self.rack.folder.path().join("bound");
        let text = format!(
            "#!/bin/sh\ncase ${{1:-$reason}} in bound|renew|BOUND) ;; *) exit 0 ;; esac\n\
             set >{}.${{1:-$reason}}\n[ -z \"$ip\" ] || ip address replace $ip/24 dev {BEHIND}\n\
             [ -z \"$router\" ] || ip route replace default via $router\n",
            file.display()
        );
        std::fs::write(&file, text).unwrap();
        run(&format!("chmod 755 {}", file.display()));
        file
    }

    /// What a client was given, once it called the script.
    fn given(&self, called: &str) -> String {
        let file = self.rack.folder.path().join(format!("bound.{called}"));
        wait_until(&format!("a client is {called}"), || file.exists());
        std::fs::read_to_string(file).unwrap()
    }
}

fn has(text: &str, line: &str) {
    assert!(text.lines().any(|found| found.replace('\'', "") == line), "no {line} in {text}");
}

#[test]
fn a_node_behind_a_real_relay_agent_gets_its_address_renews_it_and_goes_from_blank_to_ready() {
    inside(|| {
        let lab = Lab::laid();
        let (node, script) = (&lab.rack.machine, lab.script());
        let udhcpc = format!("busybox udhcpc -f -i {BEHIND} -t 20 -T 3 -s {}", script.display());
        let udhcpc = Ends(node.spawn(&udhcpc));
        let bound = lab.given("bound");
        for line in [
            "ip=10.0.2.4",
            "subnet=255.255.255.0",
            "router=10.0.2.1",
            "dns=192.168.0.254",
            "serverid=192.168.0.254",
            "siaddr=192.168.0.254",
            "hostname=compute4",
            "lease=7200",
        ] {
            has(&bound, line);
        }
        // It renews without the relay agent: straight to rackstart, through the router.
        run(&format!("kill -USR1 {}", udhcpc.0.id()));
        has(&lab.given("renew"), "ip=10.0.2.4");
        let loader = lab.rack.folder.path().join("loader");
        node.run(&format!("curl -sSf -m 60 -o {} tftp://192.168.0.254/undionly.kpxe", loader.display()));
        assert!(std::fs::metadata(loader).unwrap().len() > 10_000);
        lab.rack.becomes_ready();
        assert_eq!(lab.rack.state(), "ready");
        let name = node.run("dig +short +timeout=5 -x 10.0.2.4 @192.168.0.254");
        assert!(name.starts_with("compute4."), "{name}");
        let told = lab.rack.says(&["explain", "compute4"]);
        assert!(told.contains("10.0.2.4"), "{told}");
        let security = lab.rack.says(&["plan", "compute4", "--security"]);
        assert!(security.contains("behind the router: 10.0.2.1"), "{security}");
        drop(udhcpc);
        let leases = lab.rack.folder.path().join("leases");
        let dhclient = format!(
            "{} -4 -d -1 -cf /dev/null -lf {} -pf {}.pid -sf {} {BEHIND}",
            unpacked("sbin/dhclient"),
            leases.display(),
            leases.display(),
            script.display()
        );
        let _dhclient = Ends(node.spawn(&dhclient));
        has(&lab.given("BOUND"), "new_ip_address=10.0.2.4");
    });
}

#[test]
fn without_its_relay_agent_the_same_machine_is_told_nothing_and_status_says_why() {
    inside(|| {
        let lab = Lab::laid();
        let here = lab.rack.machine.id();
        // Somebody plugs it into rackstart's own link.
        run(&format!("ip link add port9 type veth peer name wrong0 netns {here} address 52:54:00:a8:04:01"));
        run("ip link set port9 master br0");
        run("ip link set port9 up");
        lab.rack.machine.run(&format!("ip link set {BEHIND} down"));
        lab.rack.machine.run("ip link set wrong0 up");
        let mut asks = lab.rack.machine.spawn("busybox udhcpc -n -q -f -i wrong0 -t 3 -T 2 -s /bin/true");
        assert!(!asks.wait().unwrap().success(), "nobody offers it an address");
        let told = lab.rack.says(&["explain", "compute4"]);
        assert!(told.contains("check its cable"), "{told}");
    });
}
