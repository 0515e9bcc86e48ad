//! `POST /permit/{token}`: `%pre` has found its disks and asks for the storage commands. They are handed out once per
//! arming.

use std::collections::{BTreeMap, HashMap};

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::asker::Asker;
use super::authority::{AdmittedNode, admit};
use super::disk_report::{FoundDisk, all_different};
use super::form::{NodeForm, tame};
use super::{Appliance, HttpError, unkept};
use crate::boot::Asked;
use crate::lifecycle::{Delivery, Refused, WipeScope};
use crate::plan::NodePlan;
use crate::render::StorageSecrets;
use crate::secrets::DISK_PASSPHRASE;
use crate::server::operate::installed::keepable;
use crate::store::{Change, ChangeError, Origin};

/// Redeems the wipe permit. 409: a disk is not the planned one, and the permit is not spent. 410: the permit is spent,
/// or the boot is an old one.
pub(super) async fn redeem(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    Path(token): Path<String>,
    NodeForm(form): NodeForm<HashMap<String, String>>,
) -> Result<impl IntoResponse, HttpError> {
    let caller = admit(&appliance, &asker, &token, Asked::Secret(Delivery::StorageCommands)).await?;
    let node = caller.node();
    let scope = caller.record.state.attempt().map_or(WipeScope::BlankDiskOnly, |attempt| attempt.scope);
    let plan = caller.promised_plan()?;
    let found = read(&plan, &form).map_err(|reason| HttpError::new(StatusCode::BAD_REQUEST, reason))?;
    let refuse = |reason: String| {
        if let Some(held_back) = appliance.strangers.node(caller.mac) {
            tracing::warn!(node = %node.name, mac = %caller.mac, %reason, held_back, "the wipe permit was not redeemed");
        }
        HttpError::new(StatusCode::CONFLICT, reason)
    };
    check_disks(&caller, &plan, &found, scope).map_err(refuse)?;
    let identities = match scope {
        WipeScope::KeepVolumeGroups => {
            let given = form.get("identities").map(String::as_str).unwrap_or_default();
            kept(&caller, &plan, &found, given).map_err(refuse)?
        }
        WipeScope::BlankDiskOnly | WipeScope::DestroyData => Vec::new(),
    };
    let disks: BTreeMap<String, String> =
        found.iter().map(|(slot, found)| (slot.clone(), found.disk.clone())).collect();
    // Everything that can fail happens before the permit is spent.
    let secrets = secrets(&appliance, &caller, &plan).map_err(refuse)?;
    let text = caller.renderer.storage_answer(node, &plan, &disks, scope, &identities, &secrets)?;
    let words: Vec<String> = found.iter().map(|(slot, found)| found.words(slot)).collect();
    let (words, keep) = (words.join(", "), if identities.is_empty() { Vec::new() } else { node.keep.clone() });
    tracing::info!(node = %node.name, mac = %caller.mac, disks = words, "redeems its wipe permit");
    let change =
        Change::Redeem { token: caller.token.hash(), words: words.clone(), disks, keep, reader: caller.reader.clone() };
    match appliance.store.change(caller.mac, change).await {
        Ok(_) => Ok(unkept(text)),
        Err(ChangeError::Refused(Refused::OtherDisks)) => Err(other_disks(&appliance, &caller, &words).await),
        Err(error) => Err(caller.refused(&appliance, Delivery::StorageCommands, error).await),
    }
}

/// The secrets to send with the storage commands, or why they cannot be sent.
fn secrets(appliance: &Appliance, caller: &AdmittedNode, plan: &NodePlan) -> Result<StorageSecrets, String> {
    let mut all = appliance.store.secrets(&caller.site);
    let passphrase = all.remove(DISK_PASSPHRASE);
    if passphrase.is_none() && plan.volume_groups.iter().any(|group| group.encrypted) {
        return Err("the passphrase of its disks cannot be opened here; see the log of the server".into());
    }
    let account = caller.node().container.as_ref().filter(|container| container.user.is_some());
    let Some(container) = account else { return Ok(StorageSecrets { passphrase, registry: None }) };
    let name = container.password();
    // A password that rackstart generated opens no registry.
    let is_given = appliance.store.kept_secret(&name).is_some_and(|kept| kept.origin == Origin::Set);
    match all.remove(&name).filter(|_| is_given) {
        Some(password) => Ok(StorageSecrets { passphrase, registry: Some(password) }),
        None => Err(format!(
            "the password at {} was never given; `rackstart secrets set {name}` takes it",
            container.registry()
        )),
    }
}

/// Handles a second request of the same permit for other disks: either the disks changed their names, or it is not the
/// same boot. Both need a person.
async fn other_disks(appliance: &Appliance, caller: &AdmittedNode, asked: &str) -> HttpError {
    let redeemed = caller.record.written.as_deref().unwrap_or("other disks");
    let detail = format!("it asked again, for {asked}; its wipe permit was redeemed for {redeemed}");
    tracing::warn!(node = %caller.node().name, mac = %caller.mac, "other disks: {detail}");
    // A few lines per minute, for the quarter of an hour in which a boot may ask again.
    if appliance.strangers.ask(caller.reader.address.into()).is_some() {
        let note = Change::Note { kind: "other-disks", detail };
        if let Err(stopped) = appliance.store.change(caller.mac, note).await {
            return stopped.into();
        }
    }
    ChangeError::Refused(Refused::OtherDisks).into()
}

/// Reads the disk of each slot of the plan.
fn read(plan: &NodePlan, form: &HashMap<String, String>) -> Result<BTreeMap<String, FoundDisk>, String> {
    let slots = plan.disks.iter().enumerate();
    slots.map(|(index, disk)| Ok((disk.slot.clone(), FoundDisk::read(form, &disk.slot, index == 0)?))).collect()
}

/// Compares every disk with the rule of its slot.
fn check_disks(
    caller: &AdmittedNode,
    plan: &NodePlan,
    found: &BTreeMap<String, FoundDisk>,
    scope: WipeScope,
) -> Result<(), String> {
    let node = caller.node();
    for disk in &plan.disks {
        let rule =
            node.disk(&disk.slot).ok_or_else(|| format!("the site file has no disk `{}` any more", disk.slot))?;
        let found = &found[&disk.slot];
        found.check(rule, node.name.as_str(), scope)?;
        let needed = disk.sectors.saturating_mul(u64::from(disk.sector_size));
        if found.sectors.saturating_mul(u64::from(found.sector_size)) < needed {
            return Err(format!(
                "disk {} is smaller than the plan of this boot; reboot the node",
                tame(&found.disk, 64)
            ));
        }
    }
    all_different(&found.iter().map(|(slot, found)| (slot.clone(), found.disk.clone())).collect())
}

/// What a reimage with `keep` must find again, if the node keeps anything: the UUIDs that were recorded when it was
/// installed.
fn kept(
    caller: &AdmittedNode,
    plan: &NodePlan,
    found: &BTreeMap<String, FoundDisk>,
    given: &str,
) -> Result<Vec<String>, String> {
    let node = caller.node();
    let installed = caller.record.installed.as_ref();
    let installed = installed.ok_or_else(|| format!("what is on the disks of {} was never recorded", node.name))?;
    let expected = keepable(installed, plan, &node.keep)?;
    let given: Vec<&str> = given.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for line in &expected {
        if !given.contains(&line.as_str()) {
            let here = tame(&given.join(", "), 1000);
            return Err(format!("what should be kept is not on the disks of {}: {line}; found: {here}", node.name));
        }
    }
    let strange = given.iter().find(|line| !line.starts_with("lv ") && !expected.iter().any(|known| known == *line));
    if let Some(line) = strange {
        return Err(format!("the disks of {} hold more than was recorded: {}", node.name, tame(line, 200)));
    }
    for disk in &plan.disks {
        found[&disk.slot].check_table(disk)?;
    }
    Ok(expected)
}
