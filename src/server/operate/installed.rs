//! What nodes were installed as, for stores older than that record, and whether it can be kept.

use crate::lifecycle::InstalledAs;
use crate::plan::{self, NodePlan};
use crate::site::Site;
use crate::store::{Change, ChangeError, Installed, Record, Store};

/// Records what nodes were installed as. Older stores lack it; it is taken from the site file, which is trusted for
/// this one last time.
pub(in crate::server) async fn record_what_is_installed(site: &Site, store: &Store) -> Result<(), ChangeError> {
    for node in &site.nodes {
        let lacks = |record: &Record| record.installed_as.is_none() && record.has_system();
        if !store.record(node.mac).as_ref().is_some_and(lacks) {
            continue;
        }
        let change = Change::InstalledAs(Box::new(InstalledAs::of(site, node)));
        match store.change(node.mac, change).await {
            // If the disk is full it is tried again at the next start or reload.
            Ok(_) | Err(ChangeError::Refused(_) | ChangeError::NoRoom) => {}
            Err(stopped) => return Err(stopped),
        }
    }
    Ok(())
}

/// Why a node without `keep` is not reimaged around its data.
pub(in crate::server) const NOTHING_TO_KEEP: &str =
    "the site file names nothing to keep: give the node `keep = [\"vg_data\"]`";

/// The identities of the groups to keep, or why they cannot be kept under this plan.
pub(in crate::server) fn keepable(
    installed: &Installed,
    plan: &NodePlan,
    keep: &[String],
) -> Result<Vec<String>, String> {
    if keep.is_empty() {
        return Err(NOTHING_TO_KEEP.into());
    }
    if installed.promise.plan.release.major > plan.release.major {
        let (old, new) = (installed.promise.plan.release, plan.release);
        return Err(format!("file systems made by release {old} cannot be read by release {new}"));
    }
    let differences = plan::differences(plan, &installed.promise.disks, keep, &installed.facts);
    if !differences.is_empty() {
        return Err(format!("what is installed is not what the site file plans now: {}", differences.join("; ")));
    }
    let ours = |group: &str, volume: &str| {
        let groups = plan.volume_groups.iter().filter(|planned| planned.name == group);
        groups.flat_map(|group| &group.logical_volumes).any(|planned| planned.name == volume)
    };
    let identities = installed.facts.identities(keep, ours);
    match keep.iter().find(|group| !identities.iter().any(|line| line.starts_with(&format!("vg {group} ")))) {
        Some(group) => Err(format!("the volume group {group} was never recorded")),
        None => Ok(identities),
    }
}
