//! `POST /permit/{token}`: `%pre` found its disk and asks for the storage commands. They leave here once per arming.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::form::{NodeForm, tame};
use super::peer::identify;
use super::{Appliance, HttpError};
use crate::lifecycle::{Event, WipeScope};
use crate::plan;
use crate::site::{DiskRule, NodeName};
use crate::store::Change;

/// The disk that `%pre` chose, in its words.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    disk: String,
    sectors: u64,
    sector_size: u32,
    #[serde(default)]
    serial: String,
    #[serde(default)]
    wwn: String,
    #[serde(default)]
    blank: String,
    #[serde(default)]
    found: String,
}

/// Redeems the wipe permit. 409: the disk is not the planned one, nothing is spent. 410: spent, or an old boot.
pub(super) async fn redeem(
    Shared(appliance): Shared<Appliance>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
    NodeForm(found): NodeForm<Found>,
) -> Result<impl IntoResponse, HttpError> {
    let caller = identify(&appliance, peer, &token)?;
    let node = caller.node();
    let scope = caller.record.state.attempt().map_or(WipeScope::BlankDiskOnly, |attempt| attempt.scope);
    if let Err(reason) = disk_is_as_planned(node.os_disk(), &node.name, &found, scope) {
        tracing::warn!(node = %node.name, mac = %caller.mac, %reason, "the wipe permit was not redeemed");
        return Err(HttpError::new(StatusCode::CONFLICT, reason));
    }
    // Everything that can fail happens before the permit is spent.
    let plan = plan::plan(node).map_err(|error| HttpError::new(StatusCode::CONFLICT, error.to_string()))?;
    let text = appliance.renderer.storage_section(node, &plan, &found.disk, scope)?;
    let disk = format!("{} (serial {}, wwn {})", found.disk, said(&found.serial), said(&found.wwn));
    let event = Event::PermitRedeemed { token: caller.token.hash(), disk };
    appliance.store.change(caller.mac, Change::Event { event, mark: Some("permit") }).await?;
    tracing::info!(node = %node.name, mac = %caller.mac, disk = found.disk, "redeemed its wipe permit");
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text))
}

/// Compares the disk with the rule of the site file. `%pre` has done so already; this is the second line of defence, in
/// a language with tests.
fn disk_is_as_planned(wanted: &DiskRule, node: &NodeName, found: &Found, scope: WipeScope) -> Result<(), String> {
    let disk = tame(&found.disk, 64);
    if (found.sectors, found.sector_size) != (wanted.sectors, wanted.sector_size) {
        return Err(format!(
            "disk {disk} has {} sectors of {} bytes, the site file plans for {} of {}; correct `disk` of {node}",
            found.sectors, found.sector_size, wanted.sectors, wanted.sector_size,
        ));
    }
    let differs = [
        ("name", wanted.name.as_deref(), found.disk.as_str()),
        ("serial number", wanted.serial.as_deref(), found.serial.as_str()),
    ];
    for (what, wanted, found) in differs {
        if wanted.is_some_and(|wanted| wanted != found) {
            let wanted = wanted.unwrap_or_default();
            return Err(format!(
                "the {what} of disk {disk} is `{}`, the site file wants `{wanted}` on {node}",
                said(found)
            ));
        }
    }
    if wanted.wwn.as_deref().is_some_and(|wanted| plain_wwn(wanted) != plain_wwn(&found.wwn)) {
        return Err(format!(
            "the world wide name of disk {disk} is `{}`, not that of the site file on {node}",
            said(&found.wwn)
        ));
    }
    if scope == WipeScope::BlankDiskOnly && found.blank != "yes" {
        return Err(format!(
            "disk {disk} is not blank ({}); a first install never wipes data: run `rackstart reimage {node}` if it may go",
            tame(&found.found, 256).replace('\n', ", "),
        ));
    }
    Ok(())
}

/// One spelling of a world wide name: `0x5000C500A1` and `naa.5000c500a1` are the same.
fn plain_wwn(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let prefixes = ["0x", "naa.", "eui.", "uuid."];
    prefixes.iter().find_map(|prefix| lower.strip_prefix(prefix)).unwrap_or(&lower).to_string()
}

/// The machine's own words, short, on one line.
fn said(text: &str) -> String {
    match tame(text, 64).replace('\n', " ") {
        empty if empty.is_empty() => "none".into(),
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(disk: &str, serial: &str, wwn: &str) -> Found {
        let (disk, serial, wwn) = (disk.into(), serial.into(), wwn.into());
        Found { disk, sectors: 1000, sector_size: 512, serial, wwn, blank: "yes".into(), found: String::new() }
    }

    #[test]
    fn every_given_property_of_the_rule_is_compared_again() {
        let (name, serial, wwn) = (Some("sda".into()), Some("S1".into()), Some("0x5000C500A1".into()));
        let rule = DiskRule { name, serial, wwn, ..DiskRule::of(1000, 512) };
        let node = "compute2".parse().unwrap();
        let judge = |found: Found| disk_is_as_planned(&rule, &node, &found, WipeScope::BlankDiskOnly);
        assert_eq!(judge(found("sda", "S1", "naa.5000c500a1")), Ok(()));
        assert!(judge(found("sdb", "S1", "naa.5000c500a1")).unwrap_err().contains("the name of disk sdb"));
        assert!(judge(found("sda", "", "naa.5000c500a1")).unwrap_err().contains("serial number of disk sda is `none`"));
        assert!(judge(found("sda", "S1", "naa.5000c500a2")).unwrap_err().contains("world wide name"));
    }
}
