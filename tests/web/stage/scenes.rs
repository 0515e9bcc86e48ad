//! The racks that the browser sees: empty, one node, one that is stuck, hostile words, a thousand nodes.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rackstart::lifecycle::ReportEvent;
use rackstart::site::{Mac, Node, Site};
use rackstart::store::Store;

use super::life::{Life, Past};

/// Numbers of the reports that are ordered: beyond all of the past.
static ORDERS: AtomicU64 = AtomicU64::new(1000);

/// Steps of a compute node, with how many seconds each takes.
const STEPS: [(&str, u64); 9] = [
    ("02-glusterfs-all/01-iptables-flush", 2),
    ("02-glusterfs-all/03-glusterfs-install", 64),
    ("04-glusterfs-all/01-glusterfs-mount", 9),
    ("05-kvm-compute/01-kvm-install", 88),
    ("05-kvm-compute/03-libvirt-install", 71),
    ("06-openstack-all/02-ntp-install", 21),
    ("08-network-compute/03-vm-bridge", 12),
    ("08-openstack-compute/02-install-nova", 140),
    ("08-openstack-compute/05-nova-compute-start", 33),
];
/// Markup, a terminal escape, and a mark that turns the direction of writing.
const HOSTILE: &str = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> \
                       \u{1b}[2J\u{1b}]0;owned\u{7} \u{202e}gpj.exe\u{202c} ';--";

/// The example, in which compute4 has the BMC of the environment's `BMC`, if there is one.
fn example() -> String {
    let Ok(power) = std::env::var("BMC") else { return rackstart::config::EXAMPLE.into() };
    let with = format!("name = \"compute4\"\npower = {power}\n");
    rackstart::config::EXAMPLE.replacen("name = \"compute4\"\n", &with, 1)
}

/// The site of a scene.
pub fn site(folder: &Path, scene: &str) -> Site {
    let mut site = rackstart::config::parse(&example(), "the example").expect("the example is a site");
    site.api = Some(rackstart::site::Api {
        listen: "127.0.0.1:0".parse().expect("an address"),
        hosts: vec!["rack.example.org".into()],
    });
    site.server.state = folder.join("state");
    for node in site.nodes.iter_mut().filter(|node| node.role == "compute") {
        node.keep = vec!["vg_gluster".into()];
    }
    let places = ["r1u38", "r1u20", "r1u18", "r2u20", "r2u4"];
    for (node, place) in site.nodes.iter_mut().zip(places) {
        node.place = place.parse().ok();
    }
    let compute = site.nodes.iter().find(|node| node.role == "compute").expect("a compute node").clone();
    match scene {
        "empty" => site.nodes.clear(),
        "one" => site.nodes.truncate(1),
        "thousand" => {
            let more = (5..1000).map(|n| another(&compute, n));
            site.nodes = site.nodes.iter().cloned().chain(more).collect();
            site.network.subnet = "192.168.0.0/20".parse().expect("a subnet");
        }
        _ => {}
    }
    site
}

fn mac(n: u32) -> Mac {
    let [_, _, high, low] = n.to_be_bytes();
    Mac([2, 0, 0, 0, high, low])
}

fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(192, 168, 2, 0)) + n)
}

fn another(like: &Node, n: u32) -> Node {
    let name = format!("node{n:04}").parse().expect("a name");
    let place = format!("r{}u{}", n / 40 + 1, n % 40 + 1).parse().ok();
    let mut nics = like.nics.clone();
    nics.iter_mut().for_each(|nic| nic.mac = mac(n));
    Node { name, place, mac: mac(n), address: address(n), nics, ..like.clone() }
}

/// Writes the site file: without its install tree, so with problems, for one node; else good, and with a change that a
/// reload would make.
pub fn write_file(folder: &Path, scene: &str) {
    let images = folder.join("tree/images/pxeboot");
    std::fs::create_dir_all(&images).expect("a folder");
    for file in ["vmlinuz", "initrd.img"] {
        std::fs::write(images.join(file), "x").expect("a file");
    }
    std::fs::write(folder.join("tree/.treeinfo"), "[general]\nversion = 6.10\n").expect("a file");
    let text = match scene {
        "one" => example().replace("192.168.0.2\"", "192.168.0.1\""),
        _ => {
            let tree = folder.join("tree").display().to_string();
            let text = example().replace("/srv/rackstart/centos6", &tree);
            let text = if scene == "thousand" { larger(text) } else { text };
            text.replacen("name = \"compute4\"\n", "name = \"compute4\"\nkernel_args = \"console=ttyS0\"\n", 1)
        }
    };
    std::fs::write(folder.join("rackstart.toml"), text).expect("a site file");
}

/// The file of the thousand nodes: those of the example, and more behind them.
fn larger(text: String) -> String {
    let text = text.replace("192.168.0.0/24", "192.168.0.0/20");
    let (head, tail) = text.split_at(text.find("\n# Layouts and roles of your own").expect("the end of the nodes"));
    let node = |n: u32| {
        let (mac, address) = (mac(n), address(n));
        format!(
            "\n[[node]]\nname = \"node{n:04}\"\nrole = \"compute\"\naddress = \"{address}\"\nfirmware = \"bios\"\n\
             disk = {{ name = \"sda\", sectors = 488397168 }}\nnics = [{{ name = \"eth1\", mac = \"{mac}\", network = \"lan\" }}]\n"
        )
    };
    format!("{head}{}{tail}", (5..1000).map(node).collect::<String>())
}

/// Machines that are not in the site file ask by DHCP.
pub fn strangers(appliance: &rackstart::server::appliance::Appliance) {
    for (n, arch) in [(1, 0), (2, 7), (3, 7)] {
        appliance.heard(Mac([0x52, 0x54, 0, 0xaa, 0xbb, n]), arch);
    }
}

/// Plays what happened before anybody looks.
pub async fn play(store: &Store, site: &Site, folder: &Path, scene: &str) {
    let past = Past::in_folder(folder);
    match scene {
        "stuck" => stuck(store, site, &past).await,
        "hostile" => hostile(store, site, &past).await,
        "thousand" => thousand(store, site, &past).await,
        _ => {}
    }
}

/// Two nodes are ready, one waits for a node that failed, one installs, and one was never armed.
async fn stuck(store: &Store, site: &Site, past: &Past) {
    let node = |name: &str| site.node_by_name(name).expect("a node of the example");
    for (name, before, lives) in [
        ("controller", 4200, STEPS.len()),
        ("compute1", 4100, STEPS.len()),
        ("compute2", 2600, 3),
        ("compute3", 2500, 5),
    ] {
        let mut life = Life::of(store, site, node(name));
        past.ago(before);
        life.arm().await;
        let booted = before - 70;
        life.install(|seconds| past.ago(booted - seconds)).await;
        let mut at = booted - 540;
        for (n, (step, takes)) in STEPS.iter().enumerate().take(lives) {
            let number = (n as u32 + 1, STEPS.len() as u32, *step);
            past.ago(at);
            life.report(ReportEvent::StepStarted, number, "").await;
            if n == 2 && name == "compute3" {
                life.report(ReportEvent::Waiting, number, "peer compute2 to be connected").await;
                at -= 300;
            }
            if n + 1 == lives && lives < STEPS.len() {
                break;
            }
            at -= takes;
            past.ago(at);
            life.report(ReportEvent::StepDone, number, "").await;
        }
        let last = (lives as u32, STEPS.len() as u32, STEPS[lives - 1].0);
        past.ago(at.saturating_sub(30));
        match name {
            "compute2" => {
                let why = "the brick /export/gluster is not mounted: mount says wrong fs type";
                life.report(ReportEvent::StepFailed, last, why).await;
            }
            "compute3" => life.report(ReportEvent::Waiting, last, "volume vm-instances on controller").await,
            _ => life.report(ReportEvent::Ready, (0, 0, ""), "").await,
        }
    }
    let late = Life::of(store, site, node("compute4"));
    past.ago(300);
    late.arm().await;
    past.ago(240);
    late.boot().await;
    past.ago(205);
    late.fetch().await;
    past.ago(190);
    late.redeem().await;
    past.ago(0);
}

async fn hostile(store: &Store, site: &Site, past: &Past) {
    past.ago(900);
    let node = site.node_by_name("compute2").expect("a node of the example");
    let mut life = Life::of(store, site, node);
    life.arm().await;
    life.install(|seconds| past.ago(820 - seconds)).await;
    past.ago(200);
    life.report(ReportEvent::StepStarted, (1, 9, HOSTILE), HOSTILE).await;
    life.report(ReportEvent::StepFailed, (1, 9, HOSTILE), HOSTILE).await;
    let logs = site.server.state.join("logs").join(node.name.as_str());
    std::fs::create_dir_all(&logs).expect("a folder");
    std::fs::write(logs.join("0a0a0a0a.log"), format!("{HOSTILE}\nsecond line\n")).expect("a log");
    past.ago(0);
}

/// Most are ready, some install, a few failed.
async fn thousand(store: &Store, site: &Site, past: &Past) {
    past.ago(3000);
    let mut tasks = tokio::task::JoinSet::new();
    for (n, node) in site.nodes.iter().cloned().enumerate() {
        let (store, site) = (store.clone(), site.clone());
        tasks.spawn(async move {
            let mut life = Life::of(&store, &site, &node);
            life.arm().await;
            if n % 10 == 0 {
                return;
            }
            life.install(|_| {}).await;
            match n % 10 {
                1 => life.report(ReportEvent::StepStarted, (4, 9, STEPS[3].0), "").await,
                2 if n % 50 == 2 => life.report(ReportEvent::StepFailed, (4, 9, STEPS[3].0), "no package kvm").await,
                _ => life.report(ReportEvent::Ready, (0, 0, ""), "").await,
            }
        });
    }
    tasks.join_all().await;
    past.ago(0);
}

/// Something happens while somebody looks: `step NAME TEXT`, or `log NAME TEXT`.
pub async fn order(store: &Store, site: &Site, folder: &Path, line: &str) {
    let mut words = line.splitn(3, ' ');
    let (Some(what), Some(name), Some(text)) = (words.next(), words.next(), words.next()) else {
        panic!("{line}: not an order")
    };
    if what == "log" {
        let logs = folder.join("state/logs").join(name);
        std::fs::create_dir_all(&logs).expect("a folder");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(logs.join("0b0b0b0b.log"));
        return std::io::Write::write_all(&mut log.expect("a log"), format!("{text}\n").as_bytes()).expect("a line");
    }
    let node = site.node_by_name(name).expect("a node");
    let mut life = Life::of(store, site, node);
    // Further than every report before it.
    life.skip(ORDERS.fetch_add(1, Ordering::Relaxed));
    life.report(ReportEvent::StepStarted, (6, 9, text), "").await;
}
