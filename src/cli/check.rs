//! `rackstart check`: every mistake of the site file on stderr, or a table of what it describes on stdout.

use std::path::Path;

use super::{Failure, output, print, table};
use crate::config::{self, Spot};
use crate::render::LAST_GROUP;
use crate::site::{Container, CopySets, DiskRule, Firmware, Node, Site};

/// Read the site file and report everything that is wrong with it.
///
/// Checks names, addresses, MACs, roles, install trees and whether each layout fits its disk, renders everything that
/// could be served for every node, and reads each kickstart as the installer of its release does. All problems are
/// reported at once, each with its line and one thing to do. `serve` does the same before it listens, so a site that
/// does not pass here is never served.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print nothing when all is well.
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON: the problems with their places, or the nodes and notes of a site that passes.
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct CheckReport {
    /// Whether the site can be served.
    ok: bool,
    problems: Vec<Spot>,
    /// What is allowed but worth a second look.
    notes: Vec<String>,
    /// The nodes, in the order of the site file.
    nodes: Vec<Checked>,
}

/// A node of a site that passes.
#[derive(serde::Serialize)]
struct Checked {
    name: String,
    role: String,
    address: String,
    mac: String,
    firmware: String,
    release: String,
    /// The distribution that its install tree claims to hold.
    distribution: String,
    layout: String,
}

impl Checked {
    fn of(site: &Site, node: &Node) -> Self {
        Self {
            name: node.name.to_string(),
            role: node.role.clone(),
            address: node.address.to_string(),
            mac: node.mac.to_string(),
            firmware: node.firmware.to_string(),
            release: node.release.to_string(),
            distribution: site.distribution_of(node),
            layout: node.layout.name.clone(),
        }
    }
}

fn verdict(place: config::SitePaths<'_>) -> Result<(), Failure> {
    let verdict = match config::read(&config::find(place.file)?, place.templates) {
        Ok(loaded) => {
            let notes = loaded.notes.iter().cloned().chain(notes(&loaded.site)).collect();
            let nodes = loaded.site.nodes.iter().map(|node| Checked::of(&loaded.site, node)).collect();
            CheckReport { ok: true, problems: Vec::new(), notes, nodes }
        }
        Err(config::LoadError::Unreadable(failure)) => return Err(failure),
        Err(config::LoadError::Problems(problems)) => {
            CheckReport { ok: false, problems: problems.spots(), notes: Vec::new(), nodes: Vec::new() }
        }
    };
    print(&output::json(&verdict)?)?;
    // The problems have been printed; the exit code says that there are some.
    if verdict.ok { Ok(()) } else { Err(Failure::fixable("")) }
}

pub(crate) fn run(place: config::SitePaths<'_>, args: Args) -> Result<(), Failure> {
    if args.json {
        return verdict(place);
    }
    let loaded = config::load(place)?;
    if args.quiet { Ok(()) } else { print(&report(&loaded.site, &loaded.path, &loaded.notes)) }
}

fn report(site: &Site, path: &Path, seen: &[String]) -> String {
    let heading = ["NODE", "ROLE", "ADDRESS", "BOOT MAC", "FIRMWARE", "SYSTEM", "LAYOUT", "DISK"].map(String::from);
    let mut rows = vec![heading];
    rows.extend(site.nodes.iter().map(|node| {
        [
            node.name.to_string(),
            node.role.clone(),
            node.address.to_string(),
            node.mac.to_string(),
            node.firmware.to_string(),
            site.distribution_of(node),
            node.layout.name.clone(),
            disk(node.os_disk()),
        ]
    }));
    let mut out = table::columns(&rows);
    out.push_str(&format!(
        "\nok: {}, {} in {}; blueprint {}, {} mode\n",
        count(site.nodes.len(), "node"),
        count(site.install_trees.len(), "install tree"),
        path.display(),
        site.blueprint.name,
        site.security,
    ));
    for note in seen.iter().cloned().chain(notes(site)) {
        out.push_str(&format!("note: {note}\n"));
    }
    out
}

/// Lists what is allowed but still worth a second look.
fn notes(site: &Site) -> Vec<String> {
    let mut notes = Vec::new();
    let keys = &site.access.ssh_keys;
    let users_can = site.users.iter().any(|user| user.password_hash.is_some() || !user.ssh_keys.is_empty());
    if site.access.root_password_hash.is_none() && keys.is_empty() && !users_can {
        notes.push("nobody can log in to the nodes; `[access]` takes keys and a password hash".into());
    }
    let el6: Vec<&Node> = site.nodes.iter().filter(|node| node.release.is_el6()).collect();
    let modern = |key: &String| key.starts_with("ssh-ed25519") || key.starts_with("sk-");
    if !el6.is_empty() && site.access.root_password_hash.is_none() && !keys.is_empty() && keys.iter().all(modern) {
        notes.push("OpenSSH 5.3 of EL6 knows none of the keys in `[access]`: add an ssh-rsa key".into());
    }
    for user in site.users.iter().filter(|user| user.password_hash.is_none() && user.ssh_keys.is_empty()) {
        notes.push(format!("nobody can log in as {}: it has neither a password hash nor keys", user.name));
    }
    for node in el6.iter().filter(|node| node.firmware == Firmware::Uefi) {
        notes.push(format!(
            "{}: the kernel of EL6 may lack the EFI stub that iPXE needs on UEFI; set the server to legacy BIOS if you can",
            node.name
        ));
    }
    notes.extend(disk_order(site));
    notes.extend(without_copy(site));
    notes.extend(unused_space(site));
    notes.extend(copies(site));
    notes.extend(images(site));
    notes.extend(containers(site));
    notes.push("a running `rackstart serve` takes over a changed file with `rackstart reload`".into());
    notes
}

/// BIOS firmware boots the first disk of its own order, and a boot script cannot name another one by its Linux name.
fn disk_order(site: &Site) -> Option<String> {
    let several = |node: &&Node| node.firmware == Firmware::Bios && node.disks.len() > 1;
    let names: Vec<&str> = site.nodes.iter().filter(several).map(|node| node.name.as_str()).collect();
    let (who, have) = match names.as_slice() {
        [] => return None,
        [one] => (one.to_string(), "has"),
        [first, more @ ..] => (format!("{first} and {} more", more.len()), "have"),
    };
    Some(format!(
        "{who} {have} several disks and legacy BIOS: put the system disk first in the firmware's disk order, \
         because a boot from the local disk starts that one"
    ))
}

/// Notes nodes whose steps wait for a file system that their layout does not have.
fn without_copy(site: &Site) -> Option<String> {
    let rule = site.blueprint.copies.as_ref()?;
    let (noun, mount) = (&rule.of, site.blueprint.variable(&rule.mount)?);
    let without: Vec<&str> =
        site.nodes_with(noun).filter(|node| !node.layout.mounts(mount)).map(|n| n.name.as_str()).collect();
    let first = without.first()?;
    let who = match without.len() {
        1 => format!("{first} mounts"),
        several => format!("{first} and {} more mount", several - 1),
    };
    Some(format!(
        "{who} nothing at `{mount}`, and its firstboot waits for its {noun} there: give the layout a volume with that mount \
         point"
    ))
}

/// Notes second file systems whose names suggest copies of the volume's data, but which hold none.
fn unused_space(site: &Site) -> Option<String> {
    let rule = site.blueprint.copies.as_ref()?;
    let (noun, held) = (&rule.of, site.blueprint.variable(&rule.mount)?);
    let (above, name) = held.rsplit_once('/')?;
    let family = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let is_another = |mount: &str| {
        let number = mount.rsplit_once('/').filter(|(folder, _)| *folder == above);
        let number = number.and_then(|(_, name)| name.strip_prefix(family));
        mount != held && number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut unused: Vec<String> = Vec::new();
    for node in site.nodes_with(noun).filter(|node| node.layout.mounts(held)) {
        let more: Vec<String> =
            node.layout.mount_points().filter(|mount| is_another(mount)).map(crate::words::quote).collect();
        if !more.is_empty() {
            unused.push(format!("{} of {}", more.join(", "), node.name));
        }
    }
    (!unused.is_empty()).then(|| {
        format!(
            "{}: created and mounted, but not used: the volume has one {noun} of each node, `{held}`; `spans = true` \
             on one group makes one {noun} of several disks",
            unused.join("; ")
        )
    })
}

/// Says how many copies of the nodes' data were chosen, and which space is not used yet.
fn copies(site: &Site) -> Option<String> {
    let rule = site.blueprint.copies.as_ref()?;
    let (noun, key) = (&rule.of, &rule.number);
    let CopySets { copies, named, sets, spare } = CopySets::of(site);
    let holders = sets.iter().flatten().count() + spare.len();
    if holders < 2 {
        return None;
    }
    let why = match (named, copies) {
        (true, 2) => " as the site file says; two that differ have no majority".to_string(),
        (true, _) => " as the site file says".to_string(),
        (false, all) if rule.all_of == Some(all) => {
            format!(", as many as there are; before another node is added, name `{key}` under `[variables]`")
        }
        (false, _) => format!(", the least with a majority; `{key}` under `[variables]` names another number"),
    };
    let waits = match spare.as_slice() {
        [] => String::new(),
        [first, more @ ..] => {
            let names: Vec<&str> = std::iter::once(first).chain(more).map(|node| node.name.as_str()).collect();
            format!("; no set is left for {}: the volume does not use their space yet", names.join(", "))
        }
    };
    Some(format!("{holders} {noun}s make {} of {copies} copies{why}{waits}", count(sets.len(), "set")))
}

/// Names what is left out because there is no image for it.
pub(super) fn images(site: &Site) -> Option<String> {
    let trial = site.blueprint.trial.as_ref()?;
    let variable = |name: &str| site.blueprint.variable(name).unwrap_or_default();
    let (name, wanted) = (variable(&trial.image), variable(&trial.variable));
    let needs_image = |word: &&str| !trial.without_image.iter().any(|free| free == word);
    let left_out: Vec<&str> = wanted.split_whitespace().filter(needs_image).collect();
    let is_tried = site.blueprint.variable(LAST_GROUP).is_none_or(|last| last >= trial.group.as_str());
    if !is_tried || site.test_image().is_some() || left_out.is_empty() {
        return None;
    }
    Some(format!(
        "there is no image `{name}`, so acceptance boots no test machine ({} without {}); `[[image]]` names one",
        trial.variable,
        left_out.join(", ")
    ))
}

/// Containers whose signature is not checked, and those whose registry wants a password.
fn containers(site: &Site) -> Vec<String> {
    let mut seen: Vec<&Container> = Vec::new();
    for container in site.nodes.iter().filter_map(|node| node.container.as_ref()) {
        if !seen.iter().any(|known| known.name == container.name) {
            seen.push(container);
        }
    }
    let unchecked = seen.iter().filter(|container| container.signed_by.is_none()).map(|container| {
        format!(
            "container `{}`: the signature of {} is not checked: anybody who can write to that registry decides \
             what nodes start",
            container.name, container.image
        )
    });
    let login = seen.iter().filter_map(|container| {
        let user = container.user.as_ref()?;
        Some(format!(
            "container `{}`: nodes log in to {} as {user}; `rackstart secrets set {}` takes the password before the first \
             installation",
            container.name,
            container.registry(),
            container.password()
        ))
    });
    unchecked.chain(login).collect()
}

/// Describes a disk as people know it: the name it must have, and its size as printed on its label (decimal gigabytes).
fn disk(rule: &DiskRule) -> String {
    let by = |word: &str, value: &Option<String>| value.as_ref().map(|value| format!("{word}{value}"));
    let words = [by("", &rule.name), by("serial ", &rule.serial), by("wwn ", &rule.wwn)];
    let mut words: Vec<String> = words.into_iter().flatten().collect();
    words.push(format!("{:.1} GB", rule.bytes() as f64 / 1e9));
    words.join(", ")
}

fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing;

    #[test]
    fn the_report_is_one_line_per_node_and_a_summary() {
        let report = report(&testing::paper_site(), Path::new("rackstart.toml"), &[]);
        let lines: Vec<&str> = report.lines().collect();
        assert_eq!(
            lines[1],
            "controller  controller  192.168.0.5  52:54:00:a8:05:00  bios      EL6.10  paper   sda, 80.0 GB"
        );
        assert_eq!(lines[7], "ok: 5 nodes, 1 install tree in rackstart.toml; blueprint essex, hardened mode");
    }

    #[test]
    fn the_order_of_several_disks_is_for_the_firmware() {
        let mut site = testing::paper_site();
        assert_eq!(disk_order(&site), None);
        let second = site.nodes[1].disks[0].clone();
        site.nodes[1].disks.push(second);
        assert!(disk_order(&site).unwrap().starts_with("compute1 has several disks and legacy BIOS: "));
        site.nodes[1].firmware = Firmware::Uefi;
        assert_eq!(disk_order(&site), None);
    }

    #[test]
    fn what_is_allowed_and_still_worth_a_second_look_is_noted() {
        let mut site = testing::paper_site();
        site.access.ssh_keys = vec!["ssh-ed25519 AAAA someone".into()];
        site.nodes[1].firmware = Firmware::Uefi;
        let notes = notes(&site).join("\n");
        assert!(notes.contains("add an ssh-rsa key") && notes.contains("compute1: the kernel of EL6"), "{notes}");
        site.access.ssh_keys.push("ssh-rsa AAAA someone".into());
        assert!(!super::notes(&site).join("\n").contains("OpenSSH"));
        assert!(!notes.contains("/export/gluster"), "{notes}");
        site.blueprint.variables.insert("brick_mount".into(), "/data".into());
        let notes = super::notes(&site).join("\n");
        assert!(notes.contains("compute1 and 3 more mount nothing at `/data`"), "{notes}");
    }

    #[test]
    fn a_second_brick_that_nothing_uses_is_noted() {
        let mut site = testing::paper_site();
        assert_eq!(unused_space(&site), None);
        let mounts = |volume: &crate::site::LogicalVolumeSpec| volume.mount.as_deref() == Some("/export/gluster");
        let layout = &mut site.nodes[1].layout;
        let groups = &mut layout.volume_groups;
        let brick =
            groups.iter().flat_map(|group| &group.logical_volumes).find(|volume| mounts(volume)).unwrap().clone();
        for mount in ["/export/gluster2", "/export/glusters", "/export/other"] {
            let more = crate::site::LogicalVolumeSpec { mount: Some(mount.into()), ..brick.clone() };
            groups[0].logical_volumes.push(more);
        }
        let note = unused_space(&site).unwrap();
        assert!(note.starts_with("`/export/gluster2` of compute1: created and mounted, but not used"), "{note}");
    }

    #[test]
    fn what_was_chosen_about_copies_is_explained_and_who_has_to_wait() {
        let site = testing::paper_site();
        assert!(
            copies(&site).unwrap().starts_with("4 bricks make 1 set of 4 copies, as many as there are; before another")
        );
        let mut site = testing::paper_site();
        site.blueprint.variables.insert("replica".into(), "3".into());
        let said = copies(&site).unwrap();
        assert!(said.contains("1 set of 3 copies as the site file says; no set is left for compute4"), "{said}");
        site.blueprint.variables.insert("replica".into(), "2".into());
        assert!(
            copies(&site)
                .unwrap()
                .contains("2 sets of 2 copies as the site file says; two that differ have no majority")
        );
    }
}
