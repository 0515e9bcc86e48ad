//! Turns one node as written into a node as meant: cards counted, layout and install tree looked up, disk proved.

use toml::Spanned;

use super::cards;
use super::container;
use super::debian;
use super::node::NodeKeys;
use super::prove;
use super::reader::Collector;
use super::site_file::{SiteFile, SiteKeys};
use super::tang;
use crate::site::{Blueprint, Firmware, Layout, Node, PartitionUse, Tang};
use crate::words::{quote, suggest};

/// The layout of sites and nodes that name none.
const DEFAULT_LAYOUT: &str = "grow";

/// Builds the node, or reports why that is impossible.
pub(super) fn resolve_node(
    file: &SiteFile<'_>,
    site: &SiteKeys<'_>,
    blueprint: &Blueprint,
    node: &NodeKeys<'_>,
    found: &Collector,
) -> Option<Node> {
    let all = file.defaults_of(node);
    let release = all.release.as_ref().map(|release| *release.get_ref());
    cards::check(node, found);
    check_tree_name(file, &node.place, node.own.install_tree.as_ref(), found);
    let firmware = all.firmware.as_ref().map(|word| *word.get_ref()).unwrap_or_default();
    let layout = resolve_layout(site, blueprint, node, firmware, found);
    if let Some(layout) = &layout {
        check_keep(node, layout, found);
    }
    let text = |text: &Option<Spanned<&str>>| text.as_ref().map(|text| text.get_ref().to_string());
    let (nics, bonds, vlans) = cards::resolve(node)?;
    let layout = layout?;
    let servers = file.tang.as_ref().and_then(|keys| keys.tang.as_ref());
    let node_value = Node {
        name: node.name.as_ref()?.get_ref().clone(),
        role: node.role.as_ref()?.get_ref().to_string(),
        mac: cards::boot_mac(node)?,
        address: *node.address.as_ref()?.get_ref(),
        firmware,
        loader: all.loader.as_ref().map(|word| *word.get_ref()).unwrap_or_default(),
        boot_disk: all.boot_disk.as_ref().map_or(0, |number| *number.get_ref() as u8),
        disks: node.disks.as_ref()?.slots.clone(),
        nics,
        bonds,
        vlans,
        tang: Tang::of_layout(servers, &layout),
        layout,
        keep: node.keep.iter().map(|group| group.get_ref().to_string()).collect(),
        install_tree: text(&all.install_tree)?,
        release: release?,
        kernel_args: text(&all.kernel_args).unwrap_or_default(),
        container: container::of_role(file, node.role.as_ref()?.get_ref(), found),
        place: node.rack_place.as_ref().map(|place| *place.get_ref()),
        power: match &node.power {
            Some(keys) => Some(keys.power.clone()?),
            None => None,
        },
    };
    container::check(file, blueprint, &node_value, found);
    debian::check(file, blueprint, &node_value, node.at.clone(), found);
    tang::check(file.tang.as_ref(), &node_value, found);
    let own = blueprint.roles.get(&node_value.role).and_then(|role| file.own.place(role, &node_value.layout.name));
    if own.is_some() && file.own.has_problems {
        // A half-read layout says nothing about the disk.
        return Some(node_value);
    }
    if let Err(fault) = prove::fits(&node_value, own.is_some()) {
        let disk = node.disks.as_ref().map_or(node.at.clone(), |disks| disks.at.clone());
        match own.filter(|_| fault.blames_layout) {
            // A layout of the site file is reported once, not once for every node that has it.
            Some(at) if found.has_at(&at) => {}
            Some(at) => found.add(super::Problem::new(at, fault.message, fault.help).also(disk, "for this disk")),
            None => found.report(disk, fault.message, fault.help),
        }
    }
    Some(node_value)
}

fn resolve_layout(
    site: &SiteKeys<'_>,
    blueprint: &Blueprint,
    node: &NodeKeys<'_>,
    firmware: Firmware,
    found: &Collector,
) -> Option<Layout> {
    let role = blueprint.roles.get(*node.role.as_ref()?.get_ref())?;
    let written = match role.default_layout {
        Some(_) => node.layout.as_ref(),
        None => node.layout.as_ref().or(site.layout.as_ref()),
    };
    let name = written.map(|text| *text.get_ref()).or(role.default_layout.as_deref()).unwrap_or(DEFAULT_LAYOUT);
    let Some(layout) = role.layouts.get(name) else {
        if written.is_none() && role.default_layout.is_some() {
            return None; // reported at the role
        }
        let at = written.map_or(node.at.clone(), Spanned::span);
        // A layout of `[site]` is reported once, not once for every node.
        if !found.has_at(&at) {
            let message = format!("role `{}` has no layout {}", role.name, quote(name));
            found.report(at, message, suggest(name, "its layouts", role.layouts.keys().map(String::as_str)));
        }
        return None;
    };
    let mut layout = layout.clone();
    if firmware == Firmware::Bios {
        layout.partitions.retain(|partition| partition.purpose != PartitionUse::EfiSystem);
    }
    Some(layout)
}

/// Reports groups in `keep` that cannot be kept.
fn check_keep(node: &NodeKeys<'_>, layout: &Layout, found: &Collector) {
    if let (Some(name), Some(_)) = (node.keep.first(), &layout.mirror) {
        let message = format!("{} keeps {}, and its layout mirrors its disks", node.place, quote(name.get_ref()));
        let help = "leave out `keep`, or use a layout without `mirror`: a reimage cannot make one half of it anew";
        return found.report(name.span(), message, help);
    }
    if let Some(name) = node.keep.first().filter(|_| layout.is_encrypted()) {
        let message = format!("{} keeps {}, and its layout is encrypted", node.place, quote(name.get_ref()));
        let help = "leave out `keep`, or encrypt nothing: a kickstart cannot keep what it has to open first";
        return found.report(name.span(), message, help);
    }
    for name in &node.keep {
        let Some(group) = layout.volume_groups.iter().find(|group| group.name == *name.get_ref()) else {
            let message = format!("{} keeps unknown volume group {}", node.place, quote(name.get_ref()));
            let groups = layout.volume_groups.iter().map(|group| group.name.as_str());
            found.report(name.span(), message, suggest(name.get_ref(), "volume groups of its layout", groups));
            continue;
        };
        if group.logical_volumes.iter().any(|volume| volume.mount.as_deref() == Some("/")) {
            let message = format!("{} keeps {}, which holds `/`", node.place, quote(name.get_ref()));
            found.report(name.span(), message, "keep the groups that hold data only; `/` is always recreated");
        }
    }
}

/// Reports the name of an install tree that is not in the file.
pub(super) fn check_tree_name(file: &SiteFile<'_>, place: &str, name: Option<&Spanned<&str>>, found: &Collector) {
    let Some(name) = name else { return };
    // An install tree whose own name could not be read may be the one that is meant.
    let all_read = file.trees.iter().all(|tree| tree.name.is_some()) && file.has_trees != file.trees.is_empty();
    let mut known = file.trees.iter().filter_map(|tree| Some(*tree.name.as_ref()?.get_ref()));
    if all_read && !known.any(|known| known == *name.get_ref()) {
        let known = file.trees.iter().filter_map(|tree| Some(*tree.name.as_ref()?.get_ref()));
        let message = format!("{place} names unknown install tree {}", quote(name.get_ref()));
        let help = match file.trees.is_empty() {
            true => "add an `[[install_tree]]` with its name and path".into(),
            false => suggest(name.get_ref(), "install trees", known),
        };
        found.report(name.span(), message, help);
    }
}
