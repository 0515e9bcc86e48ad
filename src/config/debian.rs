//! What rackstart's own installer for Debian cannot do yet: each is refused with one sentence.

use std::ops::Range;

use super::reader::Collector;
use super::site_file::SiteFile;
use crate::site::{Blueprint, Node};

/// The step set in which `rpm`, `yum` and the names of packages and services get their meaning on Debian.
const PLATFORM: &str = "platform";

/// Reports everything that keeps a node from being installed with Debian; what a layout of the site file or a blueprint
/// is to blame for, once.
pub(super) fn check(file: &SiteFile<'_>, blueprint: &Blueprint, node: &Node, at: Range<usize>, found: &Collector) {
    if !node.release.is_debian() {
        return;
    }
    let own = blueprint.roles.get(&node.role).and_then(|role| file.own.place(role, &node.layout.name));
    let at_layout = own.unwrap_or_else(|| at.clone());
    for (why, help) in of_layout(node) {
        if at_layout == at || !found.has_at(&at_layout) {
            found.report(
                at_layout.clone(),
                format!("node `{}` cannot be installed with Debian: {why}", node.name),
                help,
            );
        }
    }
    for (why, help) in of_node(blueprint, node) {
        found.report(at.clone(), format!("node `{}` cannot be installed with Debian: {why}", node.name), help);
    }
}

fn of_layout(node: &Node) -> Vec<(String, &'static str)> {
    let layout = &node.layout;
    let mut all = Vec::new();
    if layout.mirror.is_some() {
        let why = format!("layout `{}` mirrors its disks, and the installer for Debian makes no arrays", layout.name);
        all.push((why, "use a layout without `mirror`, or a release of EL"));
    }
    if layout.is_encrypted() {
        let why = format!("layout `{}` is encrypted, and the installer for Debian encrypts nothing", layout.name);
        all.push((why, "encrypt nothing on it, or use a release of EL"));
    }
    all
}

fn of_node(blueprint: &Blueprint, node: &Node) -> Vec<(String, &'static str)> {
    let mut all = Vec::new();
    if let Some(bond) = node.bonds.first() {
        let why = format!("it has the bond `{}`, and the installer for Debian makes none", bond.name);
        all.push((why, "take `bonds` out and make the bond in a firstboot step, or use a release of EL"));
    }
    if let Some(vlan) = node.vlans.first() {
        let why = format!("it has the VLAN {}, and the installer for Debian makes none", vlan.id);
        all.push((why, "take `vlans` out and make the VLAN in a firstboot step, or use a release of EL"));
    }
    if !blueprint.steps.is_empty() && !blueprint.steps.iter().any(|set| set == PLATFORM) {
        let why = format!("the steps of blueprint `{}` are for EL alone", blueprint.name);
        all.push((why, "use the blueprint `plain`, one whose steps have the set `platform`, or a release of EL"));
    }
    all
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    const SITE: &str = include_str!("../../templates/site/plain.toml");

    fn told(change: impl Fn(String) -> String) -> String {
        let debian = SITE.replace("release = \"9\" ", "release = \"debian13\" ");
        assert_ne!(debian, SITE);
        parse(&change(debian), "f").err().map(|problems| problems.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_plain_site_may_be_installed_with_debian() {
        assert_eq!(told(|site| site), "");
    }

    #[test]
    fn what_the_installer_cannot_do_is_refused_with_its_name() {
        let nics = "nics = [{ name = \"eth0\", mac = \"52:54:00:00:00:11\", network = \"lan\" }]";
        assert!(SITE.contains(nics));
        let with_nics = |new: &str| told(|site| site.replace(nics, new));
        let vlan = format!("{nics}\nvlans = [{{ id = 7, over = \"eth0\", network = \"none\" }}]");
        let bond = "nics = [{ name = \"eth0\", mac = \"52:54:00:00:00:11\" }, { name = \"eth1\", mac = \"52:54:00:00:00:12\" }]\n\
                    bonds = [{ name = \"bond0\", cards = [\"eth0\", \"eth1\"], network = \"lan\" }]";
        for (said, expected) in [
            (with_nics(&vlan), "has the VLAN 7, and the installer for Debian makes none"),
            (with_nics(bond), "has the bond `bond0`, and the installer for Debian makes none"),
            (
                told(|site| {
                    site.replace("name = \"vg_data\"", "name = \"vg_data\"\nencrypted = true").replace("keep = ", "# ")
                }),
                "is encrypted, and the installer for Debian encrypts nothing",
            ),
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
            assert_eq!(said.matches("cannot be installed with Debian").count(), 1, "{said}");
        }
    }

    #[test]
    fn a_blueprint_whose_steps_know_el_alone_is_refused() {
        let essex = crate::config::EXAMPLE.replacen("release = \"6.10\"", "release = \"debian13\"", 1);
        let said = parse(&essex, "f").unwrap_err().to_string();
        assert!(said.contains("the steps of blueprint `essex` are for EL alone"), "{said}");
    }
}
