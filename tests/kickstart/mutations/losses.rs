//! Every line of a kickstart template taken out, and every value of a storage command changed, one at a time: found, or
//! harmless by a rule that can be read here.

use std::collections::BTreeSet;

use rackstart::config::{self, EXAMPLE_PLAIN};
use rackstart::lifecycle::{BootToken, WipeScope};
use rackstart::packages::{Algorithm, Checksum};
use rackstart::plan::plan;
use rackstart::render::{self, Fault, RenderError, Renderer, Templates};
use rackstart::site::{
    Bond, Container, DiskRule, DiskSlot, FileSystemOptions, Firmware, KeyFile, Mib, NicNetwork, Node, RootArchive,
    Security, Site, SizeSpec, Tang, TangServer,
};

use super::{own, rich_example, shipped};

const STORAGE: [&str; 2] = ["kickstart/storage.ks.j2", "kickstart/parts/prepared.sh.j2"];
const COMMANDS: [&str; 10] = [
    "kickstart/base.ks.j2",
    "kickstart/parts/commands-debian.ks.j2",
    "kickstart/parts/commands-el6.ks.j2",
    "kickstart/parts/commands-el7.ks.j2",
    "kickstart/parts/network.ks.j2",
    "kickstart/parts/nics.ks.j2",
    "kickstart/parts/security.ks.j2",
    "kickstart/parts/packages.ks.j2",
    "kickstart/parts/root.ks.j2",
    "kickstart/parts/users.ks.j2",
];
const SCRIPTS: [&str; 12] = [
    "kickstart/parts/pre.sh.j2",
    "kickstart/parts/post.sh.j2",
    "kickstart/parts/failed.sh.j2",
    "kickstart/parts/blank.sh.j2",
    "kickstart/parts/cards.sh.j2",
    "kickstart/parts/disk.sh.j2",
    "kickstart/parts/links-el6.sh.j2",
    "kickstart/parts/facts.sh.j2",
    "kickstart/parts/prepare.sh.j2",
    "kickstart/parts/read.sh.j2",
    "kickstart/parts/report.sh.j2",
    "kickstart/parts/registry.sh.j2",
];

/// The example with a card that carries a VLAN, a machine with UEFI, and a repository.
fn richer_example(release: &str) -> String {
    let mut text = rich_example().replace("release = \"6.10\"", &format!("release = \"{release}\""));
    text += "\n[[repository]]\nname = \"essex\"\npath = \"/srv/essex\"\n";
    for (name, more) in [
        ("compute2", "vlans = [{ id = 7, over = \"eth0\", network = \"none\" }]"),
        ("compute3", "firmware = \"uefi\"\nlayout = \"grow\""),
    ] {
        let name = format!("name = \"{name}\"\n");
        assert!(text.contains(&name));
        text = text.replacen(&name, &format!("{name}{more}\n"), 1);
    }
    // A card beside a bond, one with a network of its own, and on one release a fixed address outside.
    let outside = "network = \"public\", address = \"203.0.113.6/28\", gateway = \"203.0.113.1\" }";
    for (card, more) in [
        (
            "52:54:00:a8:04:01\" },",
            "52:54:00:a8:04:01\" },\n  { name = \"eth2\", mac = \"52:54:00:a8:04:02\", network = \"none\" },",
        ),
        ("a8:03:00\", network = \"none\" }", "a8:03:00\", network = \"none\", address = \"10.20.0.3/16\" }"),
        ("a8:01:00\", network = \"public\" }", &format!("a8:01:00\", {outside}")),
    ] {
        assert!(text.contains(card), "{card}");
        if !card.contains("public") || release == "9" {
            text = text.replacen(card, more, 1);
        }
    }
    text
}

/// Nodes that take every branch of the templates between them: bonds and VLANs, a kept group, a mirror, a table that %pre
/// makes, UEFI, a divided install tree, with and without a password and a firewall.
fn sites() -> Vec<Site> {
    let site = |release: &str| {
        let mut site = config::parse(&richer_example(release), "site.toml").unwrap();
        site.security = if release == "7" { Security::Hardened } else { Security::Paper };
        if ["6.10", "9"].contains(&release) {
            site.access.root_password_hash = None;
        }
        if release == "9" {
            site.install_trees[0].repositories = vec!["BaseOS".into(), "AppStream".into()];
        }
        for node in site.nodes.iter_mut() {
            match node.name.as_str() {
                "compute1" => {
                    node.keep = vec!["vg_gluster".into()];
                    // The oldest installer is told the members of a kept group.
                    if release == "6.10" {
                        node.release = "6.3".parse().unwrap();
                        bond_the_public_card(node);
                    }
                }
                "compute2" => {
                    if release == "9" {
                        node.firmware = Firmware::Uefi;
                    }
                    let rule = DiskRule::of(node.os_disk().sectors, 512);
                    node.disks.push(DiskSlot { slot: "os2".into(), rule });
                    node.layout.mirror = Some(("os".into(), "os2".into()));
                    node.layout.partitions[1].size = SizeSpec::Exact(Mib(21200));
                    node.layout.partitions[2].size = SizeSpec::Grow(Mib(1000));
                    node.layout.volume_groups[1].logical_volumes[0].size = SizeSpec::Grow(Mib(400));
                    node.layout.volume_groups[1].encrypted = release == "9";
                }
                // A plain physical volume that is encrypted, and opened by Tang; the mirrored one of compute2 is encrypted
                // too.
                "compute3" if release == "9" => {
                    let server = TangServer { url: "http://tang1.lan".into(), thumbprint: "A".repeat(43) };
                    node.tang = Some(Tang { servers: vec![server], threshold: 1 });
                    let group = node.layout.volume_groups.last_mut().unwrap();
                    group.encrypted = true;
                    group.logical_volumes[0].size = SizeSpec::Grow(Mib(400));
                }
                "controller" => node.layout.extended = Some(Mib(28792)),
                _ => {}
            }
        }
        for node in site.nodes.iter_mut() {
            let mkfs = (!node.release.is_el6()).then(|| "-n size=8192".to_string());
            let options = FileSystemOptions { mount: Some("noatime".into()), mkfs };
            node.layout.options =
                ["/boot", "/home", "/export/gluster"].map(|path| (path.into(), options.clone())).into();
        }
        // A GPT has no extended partition.
        site.nodes.retain(|node| plan(node).is_ok());
        site
    };
    // What the installer's own packet filter and SELinux are told where no steps follow.
    let plain = |release: &str| {
        let text = EXAMPLE_PLAIN.replacen("release = \"9\"", &format!("release = \"{release}\""), 1);
        let mut site = config::parse(&text, "site.toml").unwrap();
        site.nodes.truncate(1);
        site
    };
    // A system that is a container, with all that a registry can ask for.
    let image = || {
        let mut site = plain("10");
        let file = |path: &str| Some(KeyFile { path: path.into(), lines: vec!["a".into(), "b".into()] });
        site.nodes[0].container = Some(Container {
            name: "web".into(),
            image: "r.example/web:1".into(),
            signed_by: file("/key"),
            authority: file("/ca"),
            user: Some("robot".into()),
            stateroot: None,
            remote: None,
        });
        site
    };
    // What our own installer is told.
    let debian = |security: Security| {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIYTIbz1lFjRI7kAX/93xfZ10FO1CC9+EdAisLQajpZZ";
        let text = EXAMPLE_PLAIN.replacen("release = \"9\"", "release = \"debian13\"", 1).replacen(
            "ssh_keys = []",
            &format!("ssh_keys = [\"{key}\"]"),
            1,
        );
        let mut site = config::parse(&(text + "\n[[user]]\nname = \"admin\"\n"), "site.toml").unwrap();
        let checksum = Checksum::new(Algorithm::Sha256, &"ab".repeat(32)).unwrap();
        site.install_trees[0].root = Some(RootArchive { checksum, packages: Default::default() });
        site.security = security;
        site.nodes.truncate(1);
        site
    };
    let cloud = ["6.10", "7", "9", "10"].map(site).into_iter();
    let debian = [Security::Hardened, Security::Paper].map(debian);
    cloud.chain(["7", "9"].map(plain)).chain([image()]).chain(debian).collect()
}

/// Before 6.5 the cards of a bond have commands of their own.
fn bond_the_public_card(node: &mut Node) {
    let outside = node.nics.iter_mut().find(|nic| nic.network == NicNetwork::Public).unwrap();
    outside.network = NicNetwork::None;
    let mut second = outside.clone();
    (second.name, second.mac) = ("eth2".into(), "52:54:00:a8:01:02".parse().unwrap());
    let cards = vec![outside.name.clone(), second.name.clone()];
    node.nics.push(second);
    let (name, mode) = ("bond1".to_string(), "active-backup".to_string());
    node.bonds.push(Bond { name, cards, mode, network: NicNetwork::Public, fixed: None });
}

/// The operator's folder with every hook and this damaged template in it.
fn folder(spoilt: Option<(&str, &[&str])>) -> Templates {
    let mut own = spoilt.map_or_else(Templates::default, |(name, lines)| own(name, lines));
    for (hook, text) in [
        ("commands.ks.j2", "user --name=ops\n"),
        ("packages.ks.j2", "vim"),
        ("pre.sh.j2", "echo a"),
        ("post.sh.j2", "echo b"),
    ] {
        own.files.insert(format!("kickstart/snippets/{hook}"), text.into());
    }
    own
}

/// Everything that an installer would be given, of all nodes; or what refused to be rendered.
fn texts(renderer: &Renderer, sites: &[Site]) -> Result<String, RenderError> {
    let token = BootToken::from_random([0; 16]);
    let mut all = String::new();
    for (site, node) in sites.iter().flat_map(|site| site.nodes.iter().map(move |node| (site, node))) {
        let plan = plan(node).unwrap();
        let disks = render::example_disks(node, &plan);
        let keep = (!node.keep.is_empty()).then_some(WipeScope::KeepVolumeGroups);
        all += &renderer.kickstart(site, node, &token)?;
        for scope in [Some(WipeScope::BlankDiskOnly), Some(WipeScope::DestroyData), keep].into_iter().flatten() {
            let identities = ["vg vg_gluster uuid".to_string()];
            all += &renderer.storage_section_keeping(node, &plan, &disks, scope, &identities)?;
        }
    }
    Ok(all)
}

/// The errors of the first node that has a fault.
fn told(renderer: &Renderer, sites: &[Site]) -> Vec<RenderError> {
    let nodes = sites.iter().flat_map(|site| site.nodes.iter().map(move |node| (site, node)));
    let faults = |(site, node)| render::prove_nodes(renderer, site, std::slice::from_ref(node));
    let faults: Vec<Fault> = nodes.map(faults).find(|faults| !faults.is_empty()).unwrap_or_default();
    faults.into_iter().map(|fault| fault.error).collect()
}

/// Whether the loss of the line does no harm: neither a shell nor an installer reads it, or it only talks to people.
/// `%pre` reads some comments, and the core is installed without being asked for.
fn is_harmless(lines: &[&str], at: usize) -> bool {
    let line = lines[at].trim();
    let marks = ["# scope:", "# disk of", "# keep:", "# rackstart: preparation", "# rackstart: end"];
    let is_comment = line.starts_with('#') && !marks.iter().any(|mark| line.starts_with(mark));
    // A comment of the templates may have several lines.
    let opened = lines[..=at].iter().rposition(|line| line.contains("{#"));
    let is_note = opened.is_some_and(|begin| !lines[begin..at].iter().any(|line| line.contains("#}")));
    line.is_empty() || is_comment || is_note || line.starts_with("say ") || line == "@core"
}

/// The functions that the scripts make for each other.
fn functions() -> BTreeSet<String> {
    let name = |line: &str| Some(line.strip_suffix("() {")?.to_string()).filter(|name| !name.contains(' '));
    SCRIPTS.iter().flat_map(|script| shipped(script).lines().filter_map(name).collect::<Vec<_>>()).collect()
}

/// Whether the line makes one of these functions, calls one for what it does, or brings in other lines. What a function
/// prints for others is how they are written; rackstart cannot know that it is needed.
fn calls(functions: &BTreeSet<String>, line: &str) -> bool {
    let code = line.trim();
    let is_call = |name: &String| {
        let places = ["", "|| ", "&& ", "then ", "if ", "{ ", "; ", ") "];
        let begins = |place: &&str| {
            let call = format!("{place}{name}");
            let end =
                if place.is_empty() { code.strip_prefix(&call) } else { code.split_once(&call).map(|(_, end)| end) };
            end.is_some_and(|end| end.is_empty() || end.starts_with([' ', '(', ';']))
        };
        name != "say" && places.iter().any(begins)
    };
    let brings_in = ["{% include", "trap ", ". \""].iter().any(|start| code.starts_with(start));
    brings_in || functions.iter().any(is_call)
}

/// The errors that rackstart reports for one damaged template; none when it still does the same, in a branch that no
/// node takes. The result is an error when the template would be served, or when another one is blamed.
fn found(sites: &[Site], before: &str, name: &str, lines: &[&str]) -> Result<Vec<RenderError>, String> {
    let errors = match Renderer::with_templates(folder(Some((name, lines)))) {
        Err(error) => vec![error],
        Ok(renderer) => {
            let errors = told(&renderer, sites);
            if errors.is_empty() && texts(&renderer, sites).ok().as_deref() != Some(before) {
                return Err("would be served".into());
            }
            errors
        }
    };
    let own_name = format!("own/{name}");
    match errors.is_empty() || errors.iter().any(|error| error.template == own_name) {
        true => Ok(errors),
        false => Err(format!("told as {errors:?}")),
    }
}

#[test]
fn a_line_that_a_template_lost_is_found_or_nobody_can_miss_it() {
    let (sites, functions) = (sites(), functions());
    let before = texts(&Renderer::with_templates(folder(None)).unwrap(), &sites).unwrap();
    let (mut losses, mut unreached, mut wrong) = (0, Vec::<String>::new(), Vec::<String>::new());
    for name in STORAGE.into_iter().chain(COMMANDS).chain(SCRIPTS) {
        let text = shipped(name);
        let lines: Vec<&str> = text.lines().collect();
        for at in (0..lines.len()).filter(|at| !is_harmless(&lines, *at)) {
            if SCRIPTS.contains(&name) && !calls(&functions, lines[at]) {
                continue;
            }
            let what = format!("{name} without line {}: {}", at + 1, lines[at]);
            let left = [&lines[..at], &lines[at + 1..]].concat();
            losses += 1;
            match found(&sites, &before, name, &left) {
                Ok(errors) if errors.is_empty() => unreached.push(what),
                Ok(_) => {}
                Err(error) => wrong.push(format!("{what}: {error}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(losses > 250, "{losses}");
    assert_eq!(unreached, Vec::<String>::new());
}

/// The line with each of its values changed and each of its options left out, one at a time.
fn changes(line: &str) -> Vec<String> {
    let mut changed = Vec::new();
    for (at, _) in line.match_indices("}}") {
        changed.push(format!("{}7{}", &line[..at + 2], &line[at + 2..]));
    }
    for (at, _) in line.match_indices(" --") {
        let end = line[at + 1..].find([' ', '{']).map_or(line.len(), |length| at + 1 + length);
        changed.push(format!("{}{}", &line[..at], &line[end..]));
        let is_word = line[..end].ends_with(|c: char| c.is_ascii_alphanumeric()) && line[at..end].contains('=');
        changed.extend(is_word.then(|| format!("{}5{}", &line[..end], &line[end..])));
    }
    changed
}

#[test]
fn a_changed_value_of_a_storage_command_is_found_with_its_line() {
    let sites = sites();
    let before = texts(&Renderer::with_templates(folder(None)).unwrap(), &sites).unwrap();
    let (mut made, mut unreached) = (0, Vec::new());
    for name in STORAGE {
        let text = shipped(name);
        let lines: Vec<&str> = text.lines().collect();
        for at in (0..lines.len()).filter(|at| !is_harmless(&lines, *at)) {
            for changed in changes(lines[at]) {
                let mut lines = lines.clone();
                lines[at] = &changed;
                let what = format!("{name}:{}: {changed}", at + 1);
                made += 1;
                let errors = found(&sites, &before, name, &lines).unwrap_or_else(|error| panic!("{what}: {error}"));
                // A command goes on in lines that take back the line break before them.
                let begins = (0..=at).rev().find(|line| !text.lines().nth(*line).unwrap().starts_with("{%-")).unwrap();
                let is_there = |error: &RenderError| {
                    let is_missing = error.to_string().contains(": missing: ");
                    is_missing || error.line.is_some_and(|line| (begins + 1..=at + 1).contains(&line))
                };
                assert!(errors.is_empty() || errors.iter().any(is_there), "{what}: told as {errors:?}");
                if errors.is_empty() {
                    unreached.push(what);
                }
            }
        }
    }
    assert!(made > 80, "{made}");
    assert_eq!(unreached, Vec::<String>::new());
}
