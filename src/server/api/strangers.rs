//! Machines that are in no site file, and the note that one of them was taken into it.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::Body;
use super::caller::Caller;
use super::error::{ApiError, ErrorBody};
use crate::audit::Order;
use crate::boot::ClientArch;
use crate::server::operate::{Refusal, reload};
use crate::site::{Firmware, Mac, Site};
use crate::store::{DecideError, Orders};

/// A machine that asks and is in no site file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Stranger {
    /// The MAC of the card that asks.
    #[schema(value_type = String)]
    pub mac: Mac,
    /// Its architecture, by the name that docs/firmware.md has.
    pub arch: Option<String>,
    /// `bios` or `uefi`, where its architecture is one that nodes can have.
    pub firmware: Option<String>,
    /// Its SMBIOS UUID.
    pub uuid: Option<String>,
    /// Its serial number, if its loader told it; only iPXE does, where `discovery` lends it an address.
    pub serial: Option<String>,
    /// Its maker, if its loader told it.
    pub vendor: Option<String>,
    /// What its DHCP client calls itself.
    pub client: Option<String>,
    /// The boot program that it loaded last.
    pub loader: Option<String>,
    /// The relay agent through which it asks.
    #[schema(value_type = Option<String>)]
    pub relay: Option<std::net::Ipv4Addr>,
    /// The subnet that it asks from.
    pub network: String,
    /// The address that is lent to it.
    pub address: Option<String>,
    /// Why its last request was not answered.
    pub silence: Option<String>,
    /// How many DHCP requests it sent.
    pub requests: u64,
    /// Unix seconds of its first request that is remembered.
    pub first_seen: u64,
    /// Unix seconds of its last one.
    pub last_seen: u64,
}

/// Returns the machines that ask and are in no site file, the one that asked last first. They are kept in memory: a
/// daemon that was restarted knows those that asked since.
#[utoipa::path(get, path = "/api/v1/strangers", tag = "timelines", responses((status = 200, body = Vec<Stranger>)))]
pub(super) async fn list(Shared(api): Shared<Api>) -> Json<Vec<Stranger>> {
    let site = api.appliance.site();
    let all = api.appliance.sightings.all().into_iter();
    let unknown = all.filter(|(mac, _)| site.nodes.by_card(*mac).is_none());
    Json(
        unknown
            .map(|(mac, seen)| {
                let network = seen.relay.map_or(&site.network, |relay| {
                    site.networks().find(|network| network.relays.contains(&relay)).unwrap_or(&site.network)
                });
                Stranger {
                    mac,
                    arch: seen.arch.map(|arch| arch.to_string()),
                    firmware: seen.arch.and_then(firmware_of).map(|firmware| firmware.to_string()),
                    uuid: seen.uuid.map(|uuid| uuid.to_string()),
                    serial: seen.serial,
                    vendor: seen.maker,
                    client: seen.client,
                    loader: seen.loader,
                    relay: seen.relay,
                    network: network.subnet.to_string(),
                    address: lent(&site, &api, mac),
                    silence: seen.silence,
                    requests: seen.requests,
                    first_seen: seen.first,
                    last_seen: seen.last,
                }
            })
            .collect(),
    )
}

fn lent(site: &Site, api: &Api, mac: Mac) -> Option<String> {
    let address = api.appliance.recent.address_of(mac)?;
    site.lends(address).then(|| address.to_string())
}

fn firmware_of(arch: ClientArch) -> Option<Firmware> {
    [Firmware::Bios, Firmware::Uefi].into_iter().find(|firmware| arch.runs_on(*firmware))
}

/// A machine that an operator wrote into the site file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Adopted {
    /// Its MAC.
    #[schema(value_type = String)]
    pub mac: Mac,
    /// The name of its node.
    #[schema(max_length = 63)]
    pub name: String,
    /// Its role.
    #[schema(max_length = 63)]
    pub role: String,
}

/// Notes in the audit log that a machine was written into the site file; it changes nothing.
#[utoipa::path(post, path = "/api/v1/strangers/adopted", tag = "timelines", request_body = Adopted,
    responses((status = 204), (status = 409, body = ErrorBody)))]
pub(super) async fn adopted(
    Shared(api): Shared<Api>,
    caller: Caller,
    Body(Adopted { mac, name, role }): Body<Adopted>,
) -> Result<axum::http::StatusCode, ApiError> {
    let asked = Order::new(caller.actor(), "adopt", &name).detail(reload::adopted(mac, &role));
    let order = asked.clone();
    let decide = move |_: &crate::store::Draft<'_>, _| -> Result<Orders, Infallible> {
        Ok(Orders { audit: vec![order], ..Orders::default() })
    };
    match api.appliance.store.decide(asked, decide).await {
        Ok(_) => Ok(axum::http::StatusCode::NO_CONTENT),
        Err(DecideError::Store(lost)) => Err(Refusal::Store(lost).into()),
        Err(_) => Ok(axum::http::StatusCode::NO_CONTENT),
    }
}
