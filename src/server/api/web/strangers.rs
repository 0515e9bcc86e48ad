//! Machines that asked and are not in the site file, and how one of them becomes a node.

use axum::extract::{Extension, Form, Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::super::people::Visitor;
use super::super::timeline;
use super::node::{Line, line, tree};
use super::{Api, ApiError, PageResult, Viewed, frame, shown};
use crate::clock::unix_now;
use crate::config::{Excerpt, LoadError, NewNode, disk_rule};
use crate::server::operate::reload::NotAdded;
use crate::server::timeline::sightings::Sighting;
use crate::site::{Firmware, Mac, NodeName};
use crate::store::TimelineQuery;
use crate::timeline::Cursor;
use crate::web::{Time, query};

/// Strangers that a page lists, the newest first.
const LISTED: usize = 50;
/// Lines of its timeline that a page shows.
const LINES: u32 = 30;
/// The keys of a disk rule that the form offers.
const DISK_BY: [&str; 3] = ["name", "serial", "wwn"];

/// A machine that asked and is not in the site file.
#[derive(Serialize)]
pub(super) struct Stranger {
    mac: String,
    asked: Time,
    what: String,
    href: Option<String>,
}

/// The strangers, the newest first, and how many there are more.
pub(super) fn list(api: &Api, viewed: Viewed<'_>) -> (Vec<Stranger>, usize) {
    let (site, now) = (api.appliance.site(), unix_now());
    let mut all = api.appliance.sightings.all();
    all.retain(|(mac, _)| site.nodes.by_card(*mac).is_none());
    let more = all.len().saturating_sub(LISTED);
    let stranger = |(mac, seen): (Mac, Sighting)| Stranger {
        mac: mac.to_string(),
        asked: Time::new(seen.last, now),
        what: what(&seen),
        href: match viewed {
            Viewed::By(_) => Some(format!("/strangers/{}", mac.hyphenated())),
            Viewed::AsFile(_) => None,
        },
    };
    (all.into_iter().take(LISTED).map(stranger).collect(), more)
}

/// What a machine is, as far as it showed it.
fn what(seen: &Sighting) -> String {
    let mut words = vec![match seen.arch {
        Some(arch) => format!("boots as {arch}"),
        None => "wants an address, and asked for nothing to boot".into(),
    }];
    words.extend(seen.maker.clone());
    words.extend(seen.serial.as_ref().map(|serial| format!("serial number {serial}")));
    words.extend(seen.relay.map(|relay| format!("through {relay}")));
    words.join(", ")
}

/// What a person says about the new node.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    firmware: String,
    #[serde(default)]
    disk_by: String,
    #[serde(default)]
    disk: String,
    #[serde(default)]
    size: String,
    #[serde(default)]
    card: String,
    #[serde(default)]
    place: String,
}

impl Wanted {
    fn node(&self, mac: Mac) -> Result<NewNode, String> {
        let text = |text: &str| text.trim().to_string();
        let place = text(&self.place);
        let by = DISK_BY.into_iter().find(|key| *key == self.disk_by).unwrap_or("name");
        let disk = text(&self.disk);
        if disk.is_empty() {
            return Err("say how its disk is found: by its name, serial number or WWN".into());
        }
        Ok(NewNode {
            name: text(&self.name).parse::<NodeName>().map_err(|error| format!("{error}"))?.to_string(),
            role: Some(text(&self.role)),
            address: text(&self.address).parse().map_err(|_| "the address is not an IPv4 address".to_string())?,
            firmware: Some(if self.firmware == "uefi" { Firmware::Uefi } else { Firmware::Bios }),
            disk: disk_rule(by, &disk, &text(&self.size)),
            card: text(&self.card),
            mac,
            place: match place.as_str() {
                "" => None,
                text => Some(text.parse().map_err(|_| "the place is not like r3u12".to_string())?),
            },
        })
    }
}

#[derive(Serialize)]
struct StrangerPage {
    mac: String,
    path: String,
    asked: Option<Time>,
    what: String,
    tree: String,
    story: Vec<Line>,
    file: String,
    roles: Vec<String>,
    name: String,
    role: String,
    address: String,
    uefi: bool,
    disk_by: String,
    disk: String,
    size: String,
    card: String,
    place: String,
    problem: Option<String>,
    excerpts: Vec<Excerpt>,
    /// The block, once all its values have a meaning.
    block: Option<String>,
    /// Whether the file is good with that block, and this person may write it.
    may_write: bool,
}

pub(super) async fn page(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(mac): Path<String>,
    Query(wanted): Query<Wanted>,
) -> PageResult {
    let mac = stranger(&api, &mac)?;
    made(&api, &visitor, mac, wanted, None).await
}

/// The MAC of a machine that is not in the site file.
fn stranger(api: &Api, text: &str) -> Result<Mac, ApiError> {
    let mac = timeline::mac(&text.replace('-', ":"))?;
    let site = api.appliance.site();
    match site.nodes.by_mac(mac).map(|node| node.name.to_string()) {
        None => Ok(mac),
        Some(name) => {
            let error = format!("{mac} is the node {name}");
            Err(ApiError::new(StatusCode::CONFLICT, error, "go to its page"))
        }
    }
}

async fn made(api: &Api, visitor: &Visitor, mac: Mac, wanted: Wanted, failed: Option<String>) -> PageResult {
    let (site, now) = (api.appliance.site(), unix_now());
    let seen = api.appliance.sightings.of(mac);
    let arch = seen.as_ref().and_then(|seen| seen.arch);
    let newest = TimelineQuery { mac, since: 0, after: Cursor::default(), limit: LINES };
    let story = timeline::read(&api.appliance, newest).await?.moments;
    let asks = !wanted.name.is_empty();
    let (mut problem, mut excerpts, mut block, mut may_write) = (failed, Vec::new(), None, false);
    if asks {
        match wanted.node(mac) {
            Err(why) => problem = Some(why),
            Ok(node) => {
                match api.reloader.add_node(&visitor.actor(), &node, false).await {
                    Ok(()) => may_write = visitor.role >= super::Role::Admin,
                    Err(NotAdded::Refused(LoadError::Problems(problems))) => {
                        problem = Some("with this node the file would have problems".into());
                        excerpts = problems.excerpts();
                    }
                    Err(why) => problem = Some(words(&why)),
                }
                block = Some(node.block());
            }
        }
    }
    let or = |text: String, usual: &str| if text.is_empty() { usual.to_string() } else { text };
    let page = StrangerPage {
        mac: mac.to_string(),
        path: mac.hyphenated(),
        asked: seen.as_ref().map(|seen| Time::new(seen.last, now)),
        what: what(&seen.unwrap_or_default()),
        tree: tree(api, mac, false),
        story: story.iter().rev().map(line).collect(),
        file: api.reloader.file().display().to_string(),
        roles: site.blueprint.roles.keys().cloned().collect(),
        uefi: match wanted.firmware.as_str() {
            "" => arch.is_some_and(|arch| arch.runs_on(Firmware::Uefi)),
            word => word == "uefi",
        },
        name: wanted.name,
        role: wanted.role,
        address: wanted.address,
        disk_by: or(wanted.disk_by, "name"),
        disk: or(wanted.disk, "sda"),
        size: wanted.size,
        card: or(wanted.card, "eth0"),
        place: wanted.place,
        problem,
        excerpts,
        block,
        may_write,
    };
    shown("stranger.html", &frame(api, Some(visitor), &mac.to_string(), "site"), page)
}

/// Writes the node into the site file.
pub(super) async fn add(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(mac): Path<String>,
    Form(wanted): Form<Wanted>,
) -> Result<Response, ApiError> {
    let mac = stranger(&api, &mac)?;
    let outcome = match wanted.node(mac) {
        Err(why) => Err(why),
        Ok(node) => {
            let added = api.reloader.add_node(&visitor.actor(), &node, true).await;
            added.map_err(|why| words(&why))
        }
    };
    match outcome {
        Ok(()) => Ok(Redirect::to(&format!("/site{}", query(&[("done", "add-node")]))).into_response()),
        Err(why) => {
            let page = made(&api, &visitor, mac, wanted, Some(why)).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
    }
}

fn words(why: &NotAdded) -> String {
    match why {
        NotAdded::Refused(LoadError::Problems(_)) => "with this node the file would have problems".into(),
        NotAdded::Refused(LoadError::Unreadable(failure)) => format!("{failure}"),
        NotAdded::NoPlace(why) => format!("{why}: add the block below to it yourself"),
        NotAdded::Changed => "somebody changed the file just now: look again".into(),
        NotAdded::Unwritable(error) => {
            format!("the daemon may not write the file ({error}): add the block below to it yourself")
        }
        NotAdded::Broken(why) => why.clone(),
    }
}
