//! A layout that the planner refuses is worth nothing, so the planner is asked before anything is written.

use std::net::Ipv4Addr;

use crate::plan;
use crate::site::{DiskRule, DiskSlot, Firmware, Layout, LoaderChoice, Mac, Node, NodeName, OS_SLOT, Release};

/// The size of the disks on which a layout is tried, in sectors: 1 TiB.
const SECTORS: u64 = 1 << 31;

/// Checks whether machines can have the layout. When the planner refuses both kinds of firmware, the error is its text
/// for BIOS; otherwise the result says what one kind of firmware cannot have.
pub(crate) fn prove(release: Release, layout: &Layout) -> Result<Option<String>, (String, String)> {
    let tried = [Firmware::Bios, Firmware::Uefi].map(|firmware| {
        let node = example(release, layout, firmware)?;
        plan::plan(&node).err().map(|error| (error.to_string(), error.help()))
    });
    match tried {
        [None, None] => Ok(None),
        [Some((why, _)), None] => Ok(Some(format!("not for machines that start by BIOS: {why}"))),
        [None, Some((why, _))] => Ok(Some(format!("not for machines that start by UEFI: {why}"))),
        [Some(refusal), Some(_)] => Err(refusal),
    }
}

/// A node with the layout on its own disks. It is never none, because the name and the MAC are valid.
fn example(release: Release, layout: &Layout, firmware: Firmware) -> Option<Node> {
    let name: NodeName = "example".parse().ok()?;
    let mac: Mac = "52:54:00:00:00:01".parse().ok()?;
    let mut slots: Vec<&str> = layout.slots().into_iter().filter(|slot| *slot != OS_SLOT).collect();
    slots.insert(0, OS_SLOT);
    let disk = |slot: &str| DiskSlot { slot: slot.into(), rule: DiskRule::of(SECTORS, 512) };
    Some(Node {
        name,
        role: "example".into(),
        mac,
        address: Ipv4Addr::LOCALHOST,
        firmware,
        loader: LoaderChoice::Auto,
        boot_disk: 0,
        disks: slots.into_iter().map(disk).collect(),
        nics: Vec::new(),
        bonds: Vec::new(),
        vlans: Vec::new(),
        layout: layout.clone(),
        keep: Vec::new(),
        install_tree: "example".into(),
        release,
        kernel_args: String::new(),
        container: None,
        tang: None,
        place: None,
        power: None,
    })
}
