//! The paper's testbed on every release, firmware and layout that is shipped.

use rackstart::config::{self, EXAMPLE};
use rackstart::lifecycle::{BootToken, WipeScope};
use rackstart::render::Renderer;
use rackstart::site::{Node, Site};

/// The releases whose kickstarts differ.
pub const RELEASES: [&str; 6] = ["6.3", "6.10", "7", "8", "9", "10"];

/// The testbed. UEFI nodes get the layout that grows, because no EFI system partition fits beside the paper's tables.
pub fn site(release: &str, firmware: &str) -> Site {
    let layout = if firmware == "uefi" { "grow" } else { "paper" };
    let mut text = String::new();
    for line in EXAMPLE.lines().filter(|line| !line.starts_with("firmware")) {
        let line = match line.split_once(" = ") {
            Some(("layout", _)) => format!("layout = \"{layout}\""),
            Some(("release", _)) => format!("release = \"{release}\""),
            Some(("role", _)) => format!("{line}\nfirmware = \"{firmware}\""),
            _ => line.into(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    let parsed = config::parse(&text, "rackstart.toml");
    let mut site = parsed.unwrap_or_else(|problems| panic!("{release} {firmware}: {problems}"));
    // Reading the file from the disk finds these in a tree of EL8 and later.
    site.install_trees[0].repositories = ["BaseOS", "AppStream"].map(String::from).into();
    site.network.ntp = ["192.168.0.254", "ntp.example.org"].map(String::from).into();
    site
}

/// Every node of every variant: release, firmware, site and the node's name.
pub fn all() -> Vec<(&'static str, &'static str, Site, String)> {
    let mut all = Vec::new();
    for release in RELEASES {
        for firmware in ["bios", "uefi"] {
            let site = site(release, firmware);
            for node in ["controller", "compute1", "compute2"] {
                all.push((release, firmware, site.clone(), node.to_string()));
            }
        }
    }
    all
}

/// The token that people are shown.
pub fn token() -> BootToken {
    BootToken::from_random([0; 16])
}

/// The disk of the operating system by its kernel name.
pub fn on(disk: &str) -> std::collections::BTreeMap<String, String> {
    [("os".to_string(), disk.to_string())].into()
}

/// The node of this name.
pub fn node<'a>(site: &'a Site, name: &str) -> &'a Node {
    site.node_by_name(name).unwrap_or_else(|| panic!("no node {name}"))
}

/// The whole kickstart, with the storage commands in their place.
pub fn whole(site: &Site, name: &str) -> String {
    let renderer = Renderer::new().expect("the embedded templates");
    let node = node(site, name);
    renderer
        .kickstart_whole(site, node, &token(), &on("sda"), WipeScope::BlankDiskOnly)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The body of the script that a line with this beginning opens.
pub fn body(kickstart: &str, opening: &str) -> String {
    let mut lines = kickstart.lines().skip_while(|line| !line.starts_with(opening));
    assert!(lines.next().is_some(), "no section {opening}");
    lines.take_while(|line| *line != "%end").map(|line| format!("{line}\n")).collect()
}
