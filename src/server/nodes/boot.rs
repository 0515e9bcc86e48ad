//! `GET /boot/{mac}`: a loader asks for its boot script.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{Path, Query, State as Shared};
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;

use super::asker::Asker;
use super::authority::{card_of, refuse, ring};
use super::{Appliance, HttpError, unkept};
use crate::boot::{
    Asking, BootDecision, BootRequest, ClientArch, LocalDiskReason, Plane, authorize_script, decide, known_uuid,
};
use crate::clock::unix_now;
use crate::lifecycle::{Event, Hardware, InstalledAs, Shown, Sight, State, TokenHash, WipeScope};
use crate::plan::{self, NodePlan, PlanError};
use crate::render::ScriptFor;
use crate::server::net::listen::Arrival;
use crate::server::random;
use crate::server::served::Served;
use crate::site::{Mac, Node, Site, SmbiosUuid};
use crate::store::{Change, ChangeError, Record};
use crate::timeline::Given;

/// What a loader tells of its machine.
#[derive(Debug, Default, serde::Deserialize)]
pub(in crate::server) struct Told {
    arch: Option<String>,
    /// What iPXE calls its firmware, where another server answered its DHCP request: `pcbios` or `efi`.
    platform: Option<String>,
    uuid: Option<String>,
    serial: Option<String>,
    /// Its maker, which only strangers are asked for.
    maker: Option<String>,
}

impl Told {
    /// What GRUB and pxelinux tell. They do not say on which firmware they run; its DHCP request did.
    pub(in crate::server) fn by_grub(uuid: Option<&str>, arch: Option<ClientArch>) -> Self {
        Self { arch: arch.map(|arch| arch.to_string()), platform: None, uuid: uuid.map(Into::into), ..Self::default() }
    }
}

/// Serves the installer to an armed node and the local disk to every other one, as a script for iPXE.
pub(super) async fn script(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    Path(mac): Path<String>,
    uri: Uri,
) -> Result<impl IntoResponse, HttpError> {
    let Query(told) = Query::<Told>::try_from_uri(&uri).unwrap_or_default();
    script_for(&appliance, &asker, parse(&mac)?, ScriptFor::Ipxe, told).await.map(unkept)
}

/// The same, as a script for GRUB that loads files over HTTP.
pub(super) async fn grub_script(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    Path((mac, uuid)): Path<(String, String)>,
) -> Result<impl IntoResponse, HttpError> {
    let mac = parse(&mac)?;
    let told = Told::by_grub(known_uuid(&uuid), appliance.recent.arch(mac));
    script_for(&appliance, &asker, mac, ScriptFor::Grub { http: true }, told).await.map(unkept)
}

/// The same by TFTP, which listens on the provisioning interface alone.
pub(in crate::server) async fn script_by_tftp(
    appliance: &Appliance,
    client: Ipv4Addr,
    mac: Mac,
    reader: ScriptFor,
    told: Told,
) -> Result<String, HttpError> {
    let asker = Asker {
        plane: Plane::Provisioning,
        address: client,
        port: 0,
        arrival: Arrival::now(),
        macs: None,
        serial: None,
    };
    script_for(appliance, &asker, mac, reader, told).await
}

fn parse(mac: &str) -> Result<Mac, HttpError> {
    mac.parse().map_err(|error| HttpError::new(StatusCode::BAD_REQUEST, format!("{error}")))
}

async fn script_for(
    appliance: &Appliance,
    asker: &Asker,
    mac: Mac,
    reader: ScriptFor,
    told: Told,
) -> Result<String, HttpError> {
    let served = appliance.served();
    let site = &served.site;
    let Some(node) = site.node_by_mac(mac) else {
        let text = served.renderer.unknown_script(reader, mac)?;
        let lent = site.lends(asker.address);
        let request = BootRequest::new(mac, ClientArch::BIOS, Asking::Script);
        if lent && decide(site, None, &request) == BootDecision::Unknown {
            tracing::info!(%mac, peer = %asker.address, "a stranger is shown its MAC and what to do");
            appliance.recent.note(mac, "http", "boot script: its MAC and what to do");
            appliance.recent.gave(mac, None);
            let Told { uuid, serial, maker, .. } = &told;
            let told = (uuid.as_deref(), serial.as_deref(), maker.as_deref());
            appliance.sightings.told(mac, told.0, told.1, told.2, unix_now());
            return Ok(text);
        }
        if let Some(held_back) = appliance.strangers.ask(IpAddr::V4(asker.address)) {
            tracing::warn!(%mac, peer = %asker.address, held_back, "a boot script was asked for a MAC that no node has");
        }
        return Err(HttpError::not_found(text));
    };
    let neighbour = card_of(appliance, asker).await;
    if let Err(refusal) = authorize_script(asker.plane, asker.address, node, neighbour) {
        return refuse(appliance, Some(node), asker.address, refusal).await;
    }
    let seen = look_at(appliance, node, &told).await;
    let platform = told.platform.as_deref().and_then(|platform| match platform {
        "pcbios" => Some(ClientArch::BIOS),
        "efi" => Some(ClientArch::EFI_X64),
        _ => None,
    });
    let said = told.arch.as_deref().and_then(ClientArch::from_word).or(platform);
    let arch = said.unwrap_or_else(|| ClientArch::of(node.firmware));
    match answer(appliance, &served, node, asker.arrival, reader, arch, seen).await {
        Ok(text) => Ok(text),
        // No loader shows the text of an error, and a person at the machine should see the reason.
        Err(error) => {
            tracing::error!(node = %node.name, mac = %node.mac, reason = error.reason, "has no boot script");
            appliance.recent.note(node.mac, "http", format!("boot script: a screen that says: {}", error.reason));
            served.renderer.refused_script(reader, node, &error.reason).map_err(|_| error)
        }
    }
}

/// Another node whose board has the same UUID, as whole batches of boards do.
fn twin(appliance: &Appliance, node: &Node, uuid: SmbiosUuid) -> Option<String> {
    let site = appliance.site();
    appliance.store.look(|draft| {
        let is_twin = |other: &&Node| {
            let shown = draft.record(other.mac).and_then(|record| record.hardware.pinned.uuid);
            other.mac != node.mac && shown.is_some_and(|shown| shown.is(uuid))
        };
        site.nodes.iter().find(is_twin).map(|other| other.name.to_string())
    })
}

/// Records a node's machine when it is first seen. Another machine gets no installer until a person accepts it.
async fn look_at(appliance: &Appliance, node: &Node, told: &Told) -> Result<(), HttpError> {
    let shown = Shown::of(told.uuid.as_deref(), told.serial.as_deref());
    let hardware = appliance.store.record(node.mac).map(|record| record.hardware).unwrap_or_default();
    warn_of_another(appliance, node, &shown, &hardware);
    match hardware.sees(&shown) {
        Sight::Known => {}
        Sight::Pinned(now) => {
            tracing::info!(node = %node.name, mac = %node.mac, machine = %now.pinned, "its machine is now recorded");
            let twin = now.pinned.uuid.and_then(|uuid| twin(appliance, node, uuid));
            appliance.store.change(node.mac, Change::Hardware(now)).await?;
            if let Some(twin) = twin {
                let text = format!(
                    "its SMBIOS UUID is that of {twin} too; the MAC tells them apart, and its \
                     hypervisor gets a UUID of its own"
                );
                tracing::warn!(node = %node.name, mac = %node.mac, "{text}");
                appliance.recent.note(node.mac, "http", text);
            }
        }
        Sight::Other(now) => {
            if now != hardware {
                appliance.store.change(node.mac, Change::Hardware(now)).await?;
            }
            let (name, pinned) = (&node.name, &hardware.pinned);
            let why = format!(
                "another machine boots as {name}: it shows {shown}, but {pinned} is recorded; \
                 `rackstart accept-hardware {name}` if that is right"
            );
            ring(appliance, node, why).await?;
        }
    }
    Ok(())
}

/// What only DHCP sent proves nothing: anybody on the link can send it in one packet. So it records nothing and makes
/// no node suspect; if iPXE itself sends no UUID, a difference is reported to people.
fn warn_of_another(appliance: &Appliance, node: &Node, shown: &Shown, hardware: &Hardware) {
    let Some(told) = appliance.machines.of(node.mac).filter(|_| shown.uuid.is_none()) else { return };
    if let Some(pinned) = hardware.pinned.uuid
        && !pinned.is(told)
    {
        let line = format!(
            "this card sent the UUID {told} by DHCP, but {pinned} is recorded: another machine, or a forged packet"
        );
        if let Some(held_back) = appliance.strangers.ask(node.address.into()) {
            tracing::warn!(node = %node.name, mac = %node.mac, held_back, "{line}");
        }
        appliance.recent.note(node.mac, "http", line);
    }
}

pub(in crate::server) async fn answer(
    appliance: &Appliance,
    served: &Served,
    node: &Node,
    arrival: Arrival,
    reader: ScriptFor,
    arch: ClientArch,
    seen: Result<(), HttpError>,
) -> Result<String, HttpError> {
    let Some(_turn) = appliance.turns.take(node.mac, arrival).await else {
        let why = "a newer request of this machine was answered, and its boot is the one that counts";
        return Err(HttpError::new(StatusCode::CONFLICT, why));
    };
    match decision(appliance, &served.site, node, arch) {
        // The machine could not be recorded: the local disk does not depend on that, but an installer does.
        BootDecision::Install => match seen {
            Ok(()) => installer(appliance, served, node, reader).await,
            Err(unknown) => Err(unknown),
        },
        BootDecision::LocalDisk(reason) => {
            note_unfinished(appliance, node, &reason).await?;
            local_disk(appliance, served, node, reader, &reason)
        }
        other => Err(HttpError::not_found(format!("no boot script: {other:?}"))),
    }
}

fn decision(appliance: &Appliance, site: &Site, node: &Node, arch: ClientArch) -> BootDecision {
    let request = BootRequest::new(node.mac, arch, Asking::Script);
    let state = appliance.store.record(node.mac).map(|record| record.state);
    decide(site, state.as_ref(), &request)
}

async fn installer(
    appliance: &Appliance,
    served: &Served,
    node: &Node,
    reader: ScriptFor,
) -> Result<String, HttpError> {
    let site = &served.site;
    let token = random::boot_token();
    // Rendered first: a template that fails must not use up one of the boots.
    let text = served.renderer.install_script(reader, site, node, &token)?;
    let plan = planned(appliance, node).map_err(|error| HttpError::new(StatusCode::CONFLICT, error.to_string()))?;
    // The site file may have been edited since the request arrived: an installer is only for what the node is now.
    if appliance.site().node_by_mac(node.mac) != Some(node) {
        let why = "the site file was edited at this very moment, and this node with it: boot again";
        return Err(HttpError::new(StatusCode::CONFLICT, why));
    }
    let installed_as = Box::new(InstalledAs::of(site, node));
    let change = Change::Boot { token: token.hash(), plan: Box::new(plan), installed_as };
    match appliance.store.change(node.mac, change).await {
        Ok(Record { state: State::Armed { attempt, .. }, .. }) => {
            let (attempt, boot) = (&attempt.id, attempt.boots);
            tracing::info!(node = %node.name, mac = %node.mac, %attempt, boot, "boots the installer");
            appliance.recent.gave(node.mac, Some(Given::Installer));
            Ok(text)
        }
        // Another request changed the state between the decision and this change. An HTTP error would cost UEFI
        // firmware minutes of other attempts; the local disk is right for whatever the state is now.
        Ok(_) | Err(ChangeError::Refused(_)) => match decision(appliance, site, node, ClientArch::of(node.firmware)) {
            BootDecision::LocalDisk(reason) => local_disk(appliance, served, node, reader, &reason),
            _ => local_disk(appliance, served, node, reader, &LocalDiskReason::PermitSpent),
        },
        Err(stopped) => Err(stopped.into()),
    }
}

/// The plan that this boot is promised. A reimage that keeps volume groups uses the sizes that were recorded.
fn planned(appliance: &Appliance, node: &Node) -> Result<NodePlan, PlanError> {
    let record = appliance.store.record(node.mac).unwrap_or_else(|| Record::new(0));
    let keeps = record.state.attempt().is_some_and(|attempt| attempt.scope == WipeScope::KeepVolumeGroups);
    match record.installed.filter(|_| keeps) {
        Some(installed) => plan::keep(node, &installed.promise.plan, &node.keep),
        None => plan::plan(node),
    }
}

/// A node that boots again although its installer never finished, or too often, has failed; people should see it now.
async fn note_unfinished(appliance: &Appliance, node: &Node, reason: &LocalDiskReason) -> Result<(), HttpError> {
    if let LocalDiskReason::WrongFirmware(..) = reason {
        let note = Change::Mark { mark: "wrong-firmware", detail: reason.to_string() };
        if let Some(held_back) = appliance.strangers.node(node.mac) {
            tracing::warn!(node = %node.name, mac = %node.mac, %reason, held_back, "not installed");
        }
        return settled(appliance.store.change(node.mac, note).await);
    }
    let Some(event) = unfinished(reason, || random::boot_token().hash()) else { return Ok(()) };
    match appliance.store.change(node.mac, Change::Event { event, mark: None }).await {
        Ok(record) if record.flags.maintenance => {
            tracing::info!(node = %node.name, mac = %node.mac, %reason, "failed, in maintenance");
        }
        Ok(_) => tracing::warn!(node = %node.name, mac = %node.mac, %reason, "failed"),
        other => settled(other)?,
    }
    Ok(())
}

/// The local disk boots even if the note cannot be stored: a second request at the same moment was first, or the disk
/// of the store is full and the next boot reports it again.
fn settled(noted: Result<Record, ChangeError>) -> Result<(), HttpError> {
    match noted {
        Ok(_) | Err(ChangeError::Refused(_) | ChangeError::NoRoom) => Ok(()),
        Err(stopped) => Err(stopped.into()),
    }
}

/// What it means for the attempt that the boot script is the local disk.
pub(in crate::server) fn unfinished(reason: &LocalDiskReason, token: impl FnOnce() -> TokenHash) -> Option<Event> {
    match reason {
        LocalDiskReason::PermitSpent => Some(Event::CameBackUnfinished),
        LocalDiskReason::TooManyBoots => Some(Event::BootScriptServed { token: token() }),
        _ => None,
    }
}

fn local_disk(
    appliance: &Appliance,
    served: &Served,
    node: &Node,
    reader: ScriptFor,
    reason: &LocalDiskReason,
) -> Result<String, HttpError> {
    if let Some(held_back) = appliance.strangers.node(node.mac) {
        tracing::info!(node = %node.name, mac = %node.mac, %reason, held_back, "boots its local disk");
    }
    appliance.recent.note(node.mac, "http", format!("boot script: the local disk, because {reason}"));
    appliance.recent.gave(node.mac, None);
    Ok(served.renderer.local_disk_script(reader, node, &reason.to_string())?)
}
