//! `rackstart render`: prints any text that a node can be served, with its token blanked out.

use std::collections::BTreeMap;

use super::{Failure, find_node, print};
use crate::boot::LocalDiskReason;
use crate::config::{Loaded, SitePaths};
use crate::lifecycle::{BootToken, WipeScope};
use crate::plan::{self, NodePlan};
use crate::render::{self, RenderError, Renderer};
use crate::site::{Node, Site};
use crate::words::{quote, suggest};

/// Print a text as a node would get it. Nothing is served, nothing is armed.
///
/// The token of the boot is shown as 32 zeros, passwords as `***`. A kickstart is served without its storage commands:
/// %pre asks for them when it has found the disk. Here they are filled in, unless you ask for the kickstart as it is
/// served.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node.
    node: String,
    /// Which text.
    what: What,
    /// Path of the file, for `firstboot-file`.
    #[arg(required_if_eq("what", "firstboot-file"))]
    path: Option<String>,
    /// Show the kickstart as it is served, with an %include in place of the storage commands.
    #[arg(long)]
    as_served: bool,
    /// The disk that %pre would find [default: the name in the disk rule, else sda]. For a node with several disks,
    /// name each by its slot: `--disk os=sdb --disk data=sda`.
    #[arg(long, value_name = "[SLOT=]NAME")]
    disk: Vec<String>,
    /// The storage commands of a reimage, which may erase data.
    #[arg(long)]
    destroy_data: bool,
    /// The storage commands of a reimage that keeps the node's `keep` volume groups.
    #[arg(long, conflicts_with = "destroy_data")]
    keep: bool,
    /// Show the hash of root's password, which is otherwise shown as `***` and a fingerprint.
    #[arg(long)]
    reveal_hash: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// The kickstart.
    Kickstart,
    /// The storage commands, the answer to a redeemed wipe permit.
    Storage,
    /// The iPXE script that starts the installer.
    BootScript,
    /// The iPXE script that starts the node's own disk.
    LocalDisk,
    /// The files of the firstboot payload.
    FirstbootList,
    /// One file of the firstboot payload.
    FirstbootFile,
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    let Loaded { site, renderer, notes, .. } = crate::config::load_to_plan(place)?;
    super::tell_notes(&notes);
    let site = if args.reveal_hash { site } else { site.masked() };
    let text = show(&site, &renderer, &args)?;
    super::tell_notes(&examples(&site, &args)?);
    print(&text)
}

/// Notes which disk names in the text are examples, because only the machine knows the right ones.
fn examples(site: &Site, args: &Args) -> Result<Vec<String>, Failure> {
    let node = find_node(site, &args.node)?;
    let shows_disks = matches!((args.what, args.as_served), (What::Storage, _) | (What::Kickstart, false));
    let Some(plan) = plan::plan(node).ok().filter(|_| shows_disks) else { return Ok(Vec::new()) };
    let several = plan.disks.len() > 1;
    let is_named = |slot: &str| {
        let by_rule = node.disk(slot).is_some_and(|rule| rule.name.is_some());
        by_rule || args.disk.iter().any(|word| word.split_once('=').map_or(!several, |(named, _)| named == slot))
    };
    let disks = disks(node, &plan, &args.disk)?;
    let note = |(slot, disk): (&String, &String)| {
        format!(
            "`{disk}` stands for the disk of {slot}, which the machine finds by its rule; `--disk {slot}=NAME` names it"
        )
    };
    Ok(disks.iter().filter(|(slot, _)| !is_named(slot)).map(note).collect())
}

fn show(site: &Site, renderer: &Renderer, args: &Args) -> Result<String, Failure> {
    let node = find_node(site, &args.node)?;
    let token = BootToken::from_random([0; 16]);
    let plan = plan::plan(node).map_err(|error| Failure::fixable(&error).hint(error.help()))?;
    if args.keep && node.keep.is_empty() {
        return Err(Failure::fixable(format!("the site file names nothing that a reimage of {} keeps", node.name))
            .hint("give the node `keep = [\"vg_data\"]`, its own volume groups"));
    }
    let disks = disks(node, &plan, &args.disk)?;
    let scope = match (args.keep, args.destroy_data) {
        (true, _) => WipeScope::KeepVolumeGroups,
        (false, true) => WipeScope::DestroyData,
        (false, false) => WipeScope::BlankDiskOnly,
    };
    let text = match args.what {
        What::Kickstart if args.as_served => renderer.kickstart(site, node, &token),
        What::Kickstart => renderer.kickstart_whole(site, node, &token, &disks, scope),
        What::Storage => renderer.storage_section(node, &plan, &disks, scope),
        What::BootScript => renderer.boot_script_install(site, node, &token),
        What::LocalDisk => renderer.boot_script_local_disk(node, &LocalDiskReason::Ready.to_string()),
        What::FirstbootList => {
            let files = renderer.firstboot_files(site, node, &token).map_err(explain)?;
            return Ok(files
                .iter()
                .map(|file| format!("{:04o} {:>7} {}\n", file.mode, file.data.len(), file.path))
                .collect());
        }
        What::FirstbootFile => {
            let wanted = args.path.as_deref().unwrap_or_default();
            let files = renderer.firstboot_files(site, node, &token).map_err(explain)?;
            let file = files.into_iter().find(|file| file.path == wanted).ok_or_else(|| {
                Failure::fixable(format!("the firstboot payload of {} has no file `{wanted}`", node.name))
                    .hint(format!("`rackstart render {} firstboot-list` shows them", node.name))
            })?;
            return Ok(String::from_utf8_lossy(&file.data).into_owned());
        }
    };
    text.map_err(explain)
}

/// The disks of the plan by slot, as the command line names them.
fn disks(node: &Node, plan: &NodePlan, named: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut disks = render::example_disks(node, plan);
    let slots = || plan.disks.iter().map(|disk| disk.slot.as_str());
    for word in named {
        let (slot, name) = match word.split_once('=') {
            Some(named) => named,
            None if plan.disks.len() == 1 => (plan.os_disk().slot.as_str(), word.as_str()),
            None => {
                let all: Vec<&str> = slots().collect();
                return Err(Failure::usage(format!("{} has several disks: {}", node.name, all.join(", ")))
                    .hint(format!("say which one is {}: `--disk {}={word}`", quote(word), all[0])));
            }
        };
        if let Some(whole) = whole_disk(name) {
            return Err(Failure::usage(format!("{} is a partition", quote(name)))
                .hint(format!("the installer is given the whole disk: `--disk {slot}={whole}`")));
        }
        if disks.insert(slot.into(), name.into()).is_none() {
            return Err(Failure::usage(format!("{} has no disk called {}", node.name, quote(slot))).hint(suggest(
                slot,
                "its disks",
                slots(),
            )));
        }
    }
    Ok(disks)
}

/// The whole disk of a partition, by the kernel's naming; `None` for a whole disk.
fn whole_disk(name: &str) -> Option<&str> {
    let bare = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if bare.len() == name.len() {
        return None;
    }
    let is_lettered = ["sd", "hd", "vd", "xvd"].iter().any(|kind| {
        bare.strip_prefix(kind).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase()))
    });
    // nvme0n1 is a disk, nvme0n1p1 a partition on it.
    let numbered = bare.strip_suffix('p').filter(|disk| {
        disk.ends_with(|letter: char| letter.is_ascii_digit())
            && ["nvme", "mmcblk", "md", "cciss", "loop", "nbd"].iter().any(|kind| disk.starts_with(kind))
    });
    if is_lettered { Some(bare) } else { numbered }
}

fn explain(error: RenderError) -> Failure {
    let failure = Failure::fixable(&error);
    match error.help() {
        Some(help) => failure.hint(help),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;

    fn args(what: What) -> Args {
        Args {
            node: "compute2".into(),
            what,
            path: None,
            as_served: false,
            disk: Vec::new(),
            destroy_data: false,
            keep: false,
            reveal_hash: false,
        }
    }

    fn text(what: What, as_served: bool) -> String {
        let args = Args { as_served, ..args(what) };
        show(&paper_site(), &Renderer::new().unwrap(), &args).unwrap()
    }

    #[test]
    fn nothing_is_kept_for_a_node_that_keeps_nothing() {
        let show = |site: &Site| show(site, &Renderer::new().unwrap(), &Args { keep: true, ..args(What::Storage) });
        let mut site = paper_site();
        let failure = show(&site).unwrap_err();
        assert!(failure.to_string().contains("`keep = [\"vg_data\"]`"), "{failure}");
        let index = site.nodes.iter().position(|node| node.name.as_str() == "compute2").unwrap();
        site.nodes[index].keep = vec!["vg_gluster".into()];
        assert!(show(&site).unwrap().contains("--useexisting"));
    }

    #[test]
    fn a_disk_is_named_by_its_slot_or_alone_when_it_is_the_only_one() {
        let storage = |word: &str| {
            let args = Args { disk: vec![word.into()], ..args(What::Storage) };
            show(&paper_site(), &Renderer::new().unwrap(), &args)
        };
        assert!(storage("sdq").unwrap().contains("--ondisk=sdq"));
        assert_eq!(storage("os=sdq"), storage("sdq"));
        assert!(storage("brick=sdq").unwrap_err().to_string().contains("no disk called `brick`"));
    }

    #[test]
    fn a_partition_is_no_disk() {
        let of =
            [("sda1", "sda"), ("vdb12", "vdb"), ("nvme0n1p2", "nvme0n1"), ("mmcblk0p1", "mmcblk0"), ("xvda1", "xvda")];
        for (partition, disk) in of {
            assert_eq!(whole_disk(partition), Some(disk));
            assert_eq!(whole_disk(disk), None);
        }
        for name in ["sdaa", "cciss!c0d0", "md127", "disk/by-id/ata-X_1", "mapper/mpatha"] {
            assert_eq!(whole_disk(name), None, "{name}");
        }
        let args = Args { disk: vec!["sda1".into()], ..args(What::Storage) };
        let failure = show(&paper_site(), &Renderer::new().unwrap(), &args).unwrap_err();
        assert_eq!(failure.kind, crate::failure::Kind::Usage);
        assert!(failure.to_string().contains("`--disk os=sda`"), "{failure}");
    }

    #[test]
    fn the_storage_commands_stand_in_the_kickstart_for_people_only() {
        let whole = text(What::Kickstart, false);
        assert!(whole.contains(&text(What::Storage, false)) && !whole.contains("%include"));
        let served = text(What::Kickstart, true);
        assert!(served.contains("%include /tmp/rackstart-storage.ks\n") && !served.contains("clearpart --all"));
    }

    #[test]
    fn the_token_is_32_zeros() {
        assert!(text(What::BootScript, false).contains(&format!("/kickstart/{} ", "0".repeat(32))));
    }
}
