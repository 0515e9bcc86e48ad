//! Which packages a node will install: those of its kickstart, and those that its firstboot steps name.
//!
//! Both are read from what the node is sent: the `%packages` section as rendered, and the line `packages="..."` of each
//! step, which the step itself uses.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::lifecycle::BootToken;
use crate::packages::Needs;
use crate::plan;
use crate::site::{Blueprint, Firmware, Node, Release, Security, Site};

use super::access;
use super::engine::Engine;
use super::firstboot::belongs;
use super::kickstart::KickstartValues;
use super::payload;
use super::templates::is_hook;
use super::{KICKSTART, RenderError, RenderProblem, Renderer};

const PACKAGES: &str = "kickstart/parts/packages.ks.j2";
/// The name given to the kickstart where it is the reason for a package.
const INSTALLER: &str = "kickstart";
/// What may follow the name of a package.
const ARCHITECTURES: [&str; 4] = [".x86_64", ".i686", ".noarch", ".aarch64"];
/// Beginning of the lines in which a step names its packages: for every release, and from EL7 on.
const LINE: &str = "packages=\"";
const LINE_EL7: &str = "packages_el7=\"";
/// Beginning of the line by which a step applies only to some sites.
const ONLY_IF: &str = "only_if=\"";

/// What a node installs; each name with the part that needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PackageNeeds {
    /// Installed by the installer: packages, groups with `@`, and with `-` what is left out.
    pub kickstart: Needs,
    /// Installed later, by firstboot.
    pub steps: Needs,
}

impl Renderer {
    /// Everything that the node will install.
    pub(crate) fn packages(&self, site: &Site, node: &Node) -> Result<PackageNeeds, RenderError> {
        // An image brings all its packages, so no repository is asked for them.
        if node.container.is_some() {
            return Ok(PackageNeeds::default());
        }
        let mut needs = PackageNeeds::default();
        if node.release.is_debian() {
            needs.kickstart = of_archive(site, node);
        } else {
            let plan = plan::plan(node).map_err(|error| RenderError::new(KICKSTART, error.into()))?;
            let token = BootToken::from_random([0; 16]);
            let text = self.engine.render(PACKAGES, &KickstartValues::new(site, node, &plan, &token))?;
            for name in of_section(&text) {
                needs.kickstart.entry(name.into()).or_default().insert(INSTALLER.into());
            }
        }
        let targets = site.blueprint.targets(&node.role);
        for (step, text) in steps(&self.engine, &site.blueprint, &targets)? {
            if !condition_of(&text).is_none_or(|condition| site.says(condition)) {
                continue;
            }
            for name in of_step(&text, node.release) {
                needs.steps.entry(name.into()).or_default().insert(step.clone());
            }
        }
        Ok(needs)
    }

    /// The group numbers of a blueprint's steps, including the operator's.
    pub(crate) fn step_groups(&self, blueprint: &Blueprint) -> BTreeSet<String> {
        let of = |path: &String| path.strip_prefix("steps/")?.split_once('-').map(|(group, _)| group.to_string());
        payload::of(&self.engine, blueprint).keys().filter_map(of).collect()
    }

    /// Whether the operator's hook may name different packages for each node.
    pub(crate) fn has_own_packages(&self) -> bool {
        let own = self.engine.own_names();
        own.into_iter().any(|name| is_hook(name, "packages") || name == PACKAGES)
    }
}

/// What the archive of a Debian node must have: for the installer, for its services, and what the site file names.
fn of_archive(site: &Site, node: &Node) -> Needs {
    let firmware = match node.firmware {
        Firmware::Bios => &["grub-pc-bin"][..],
        Firmware::Uefi => &["grub-efi-amd64-bin", "dosfstools"],
    };
    let filter = (site.security == Security::Hardened).then_some("iptables-persistent");
    let clock = (!site.network_of(node).ntp.is_empty()).then_some("chrony");
    let mut needs = Needs::new();
    for name in ["curl", "grub2-common", "lvm2", "openssh-server"].iter().chain(firmware).chain(&filter).chain(&clock) {
        needs.entry(name.to_string()).or_default().insert(INSTALLER.into());
    }
    for name in access::software(site, node).packages {
        needs.entry(name).or_default().insert("site file".into());
    }
    needs
}

/// The names in a `%packages` section, without the architecture that may follow them. Patterns are left out: they name
/// no package that could be looked up.
fn of_section(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let named = |line: &&str| !line.is_empty() && !line.starts_with(['%', '/']) && !line.contains(['*', '?', '[']);
    lines.filter(named).map(|line| {
        let bare = ARCHITECTURES.iter().find_map(|architecture| line.strip_suffix(architecture));
        bare.unwrap_or(line)
    })
}

/// The variables of the site on which a step depends.
fn condition_of(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix(ONLY_IF)?.split('"').next())
}

/// The packages that a step names.
fn of_step(text: &str, release: Release) -> impl Iterator<Item = &str> {
    let value = move |line: &'_ str| {
        let later = (release.major >= 7).then(|| line.strip_prefix(LINE_EL7)).flatten();
        let rest = line.len() - line.strip_prefix(LINE).or(later)?.len();
        let end = line[rest..].find('"')?;
        Some(rest..rest + end)
    };
    text.lines().filter_map(move |line| value(line).map(|range| &line[range])).flat_map(str::split_whitespace)
}

/// The variable that names the last group of steps to run; if it is empty or absent, all groups run.
pub(crate) const LAST_GROUP: &str = "last_group";

/// Name and text of every step of a node, up to its last group.
fn steps(engine: &Engine, blueprint: &Blueprint, targets: &[String]) -> Result<Vec<(String, String)>, RenderError> {
    let last = blueprint.variable(LAST_GROUP);
    let mut steps = Vec::new();
    for (path, name) in payload::of(engine, blueprint) {
        let Some(step) = path.strip_prefix("steps/").and_then(|step| step.strip_suffix(".sh")) else { continue };
        let is_in_time = last.is_none_or(|last| step.get(..2).is_some_and(|group| group <= last));
        if belongs(&path, targets) && is_in_time {
            let data = engine.file(&name).ok_or_else(|| RenderError::new(&name, RenderProblem::Missing))?;
            steps.push((step.to_string(), String::from_utf8_lossy(&data).into_owned()));
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;

    fn needs(node: &str, last: &str) -> PackageNeeds {
        let mut site = paper_site();
        site.blueprint.variables.insert("last_group".into(), last.into());
        site.software.packages = vec!["tmux".into(), "-plymouth".into()];
        Renderer::new().unwrap().packages(&site, site.node_by_name(node).unwrap()).unwrap()
    }

    #[test]
    fn a_node_needs_what_its_kickstart_and_the_steps_of_its_own_targets_name() {
        let controller = needs("controller", "10");
        for name in ["@core", "bash", "lvm2", "tmux", "-plymouth"] {
            assert!(controller.kickstart[name].contains("kickstart"), "{name}");
        }
        assert!(controller.steps["mysql-server"].contains("07-openstack-controller/02-mysql-install"));
        assert!(controller.steps.contains_key("glusterfs-server") && !controller.steps.contains_key("qemu-kvm"));
        let gateway = needs("compute1", "10");
        for name in ["qemu-kvm", "openstack-nova-compute", "openstack-nova-network", "openstack-dashboard"] {
            assert!(gateway.steps.contains_key(name), "{name}");
        }
        assert!(!gateway.steps.contains_key("mysql-server"));
    }

    #[test]
    fn a_step_of_other_sites_needs_nothing_here() {
        let mut site = paper_site();
        let renderer = Renderer::new().unwrap();
        for (value, expected) in [("", false), ("yes", true)] {
            site.blueprint.variables.insert("multi_host".into(), value.into());
            let needs = renderer.packages(&site, site.node_by_name("compute2").unwrap()).unwrap();
            assert_eq!(needs.steps.contains_key("openstack-nova-network"), expected, "{value}");
        }
    }

    #[test]
    fn the_archive_of_debian_must_have_what_its_nodes_name_and_its_loader() {
        let mut site = paper_site();
        site.software.packages = vec!["tmux".into()];
        site.nodes[0].release = "debian13".parse().unwrap();
        let needs = Renderer::new().unwrap().packages(&site, &site.nodes[0]).unwrap().kickstart;
        assert!(needs["tmux"].contains("site file") && needs["grub-pc-bin"].contains("kickstart"), "{needs:?}");
        assert!(needs.contains_key("iptables-persistent") && !needs.contains_key("@core"), "{needs:?}");
    }

    #[test]
    fn steps_behind_the_last_group_need_nothing() {
        let compute = needs("compute2", "04");
        assert!(compute.steps.contains_key("glusterfs-server"));
        assert!(!compute.steps.contains_key("qemu-kvm"), "{:?}", compute.steps);
    }

    #[test]
    fn a_section_names_packages_and_no_patterns() {
        let text =
            "%packages --nobase\n@core\n# no\nbash  # yes\nglibc.i686\n-kernel-*\nperl-*\n/bin/sh\nlibstdc++\n%end\n";
        assert_eq!(of_section(text).collect::<Vec<_>>(), ["@core", "bash", "glibc", "libstdc++"]);
    }

    #[test]
    fn what_a_step_says_is_read_from_its_line() {
        let text = "# packages=\"no\"\npackages=\"a b\"\n  packages=\"no\"\npackages_el7=\"c\"\n";
        let on = |release: &str| of_step(text, release.parse().unwrap()).collect::<Vec<_>>().join(" ");
        assert_eq!((on("6.10").as_str(), on("7").as_str()), ("a b", "a b c"));
    }
}
