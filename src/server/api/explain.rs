//! What a machine would be answered now, and what it did lately.

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::{Api, timeline};
use crate::boot::{Asking, BootDecision, BootRequest, ClientArch, decide};
use crate::lifecycle::{State, Stopped};
use crate::server::appliance::Appliance;
use crate::site::Mac;
use crate::store::{ChangeError, TimelineQuery};
use crate::timeline::{Cursor, Moment};

/// Lines of the timeline that are shown.
const EXPLAINED: u32 = 50;

/// What the machine would be answered now, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Explanation {
    /// The MAC that was asked about.
    #[schema(value_type = String)]
    pub mac: Mac,
    /// Name of its node, if it has one.
    pub node: Option<String>,
    /// Its state.
    pub state: Option<String>,
    /// `protected`, `maintenance`, both or none.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Why the node is suspect.
    #[serde(default)]
    pub suspicion: Option<String>,
    /// The UUID and the serial number that the machine showed first.
    #[serde(default)]
    pub machine: Option<String>,
    /// UUID and serial number of another machine that booted as this node.
    #[serde(default)]
    pub other_machine: Option<String>,
    /// Set while all installations are stopped.
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// Each kind of request that the machine may send, with its answer.
    #[schema(value_type = Vec<Vec<String>>)]
    pub answers: Vec<(String, String)>,
    /// The end of its timeline, oldest first.
    pub timeline: Vec<Moment>,
}

/// Says what a machine would be answered now, and why.
#[utoipa::path(get, path = "/api/v1/explain/{mac}", tag = "timelines",
    params(("mac" = String, Path, description = "the MAC of a machine")),
    responses((status = 200, body = Explanation), (status = 400, description = "not a MAC", body = ErrorBody)))]
pub(super) async fn explain(Shared(api): Shared<Api>, Path(mac): Path<String>) -> Result<Json<Explanation>, ApiError> {
    Ok(Json(of(&api.appliance, timeline::mac(&mac)?).await?))
}

/// What each kind of client on this machine would be answered now, with the words for it.
pub(super) fn decisions(appliance: &Appliance, mac: Mac) -> [(Asking, BootDecision, String); 4] {
    let site = appliance.site();
    let node = site.node_by_mac(mac);
    let state = appliance.store.record(mac).filter(|_| node.is_some()).map(|record| record.state);
    // An unknown machine has the architecture that it reported last.
    let stranger = || appliance.recent.arch(mac).unwrap_or(ClientArch::BIOS);
    let firmware = node.map_or_else(stranger, |node| ClientArch::of(node.firmware));
    let installs = match &state {
        Some(State::Armed { attempt, .. }) => format!("the installer, which {}", attempt.scope),
        _ => String::new(),
    };
    let refuses_unsigned = appliance.machines.refused(mac).is_some();
    [Asking::Firmware, Asking::Ipxe, Asking::Script, Asking::System].map(|asking| {
        let request = BootRequest { refuses_unsigned, ..BootRequest::new(mac, firmware, asking) };
        let decision = decide(&site, state.as_ref(), &request);
        let words = in_words(&decision, &installs);
        (asking, decision, words)
    })
}

/// What this machine would be answered now, and why.
pub(super) async fn of(appliance: &Appliance, mac: Mac) -> Result<Explanation, ChangeError> {
    let site = appliance.site();
    let node = site.node_by_mac(mac);
    let record = appliance.store.record(mac).filter(|_| node.is_some());
    let flags = record.as_ref().map(|record| record.flags).unwrap_or_default();
    let hardware = record.as_ref().map(|record| record.hardware.clone()).unwrap_or_default();
    let state = record.map(|record| record.state);
    let newest = TimelineQuery { mac, since: 0, after: Cursor::default(), limit: EXPLAINED };
    Ok(Explanation {
        mac,
        node: node.map(|node| node.name.to_string()),
        state: state.as_ref().map(|state| state.word().to_string()),
        flags: flags.words().into_iter().map(String::from).collect(),
        suspicion: match &state {
            Some(State::Suspect { why, .. }) => Some(why.clone()),
            _ => None,
        },
        machine: Some(hardware.pinned.to_string()).filter(|machine| machine != "nothing"),
        other_machine: hardware.other.map(|shown| shown.to_string()),
        stopped: appliance.store.stopped(),
        answers: decisions(appliance, mac).map(|(asking, _, words)| (asking.to_string(), words)).to_vec(),
        timeline: timeline::read(appliance, newest).await?.moments,
    })
}

/// Who asks, in words for people.
pub(crate) fn asker(who: &str) -> &'static str {
    match who {
        "firmware" => "its firmware, by DHCP",
        "ipxe" => "iPXE, by DHCP",
        "script" => "iPXE, for its boot script",
        _ => "an installer or installed system",
    }
}

fn in_words(decision: &BootDecision, installs: &str) -> String {
    match decision {
        BootDecision::Ignore(reason) => format!("no answer: {reason}"),
        BootDecision::AddressOnly => "its address, nothing to boot".into(),
        BootDecision::ChainloadTftp(file) => format!("its address and `{}` by TFTP", file.name()),
        BootDecision::ChainloadHttp(_, url) => format!("its address and {}", without_query(url)),
        BootDecision::Script(url) => format!("its address and the boot script {}", without_query(url)),
        BootDecision::Install => installs.into(),
        BootDecision::LocalDisk(reason) => format!("the local disk, because {reason}"),
        BootDecision::Unknown => "a screen with its MAC and what to do, then its next boot device".into(),
    }
}

/// Placeholders that iPXE fills in are of no use to people.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
