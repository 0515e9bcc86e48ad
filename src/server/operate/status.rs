//! All nodes at once, as `status` and `watch` show them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NodeStatus, status};
use crate::clock::unix_now;
use crate::lifecycle::Stopped;
use crate::server::alarms::Alarm;
use crate::server::appliance::Appliance;
use crate::server::served::RefusedReload;
use crate::site::Site;
use crate::store::Store;
use crate::words::duration;

/// All nodes as `status` and `watch` show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct StatusReport {
    /// Name of the site.
    pub site: String,
    /// Unix seconds of the answer.
    pub now: u64,
    /// Since when this site has been served: the start, or the last reload that was not refused.
    #[serde(default)]
    pub since: u64,
    /// The last reload, if it was refused: the nodes below then differ from the site file.
    #[serde(default)]
    pub refused: Option<RefusedReload>,
    /// The nodes, in the order of the site file.
    pub nodes: Vec<NodeStatus>,
    /// Set while all installations are stopped.
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// What a person should look at now.
    #[serde(default)]
    pub alarms: Vec<Alarm>,
}

/// Says that all installations are stopped, by whom and since when.
pub(crate) fn stopped_words(stop: &Stopped, now: u64) -> String {
    let since = duration(now.saturating_sub(stop.since));
    format!("ALL INSTALLATIONS ARE STOPPED, by {} {since} ago; `rackstart stop --lift` allows them again", stop.who)
}

impl StatusReport {
    /// What the store knows, when no daemon runs that would know more.
    pub(crate) fn at_rest(site: &Site, store: &Store) -> Self {
        let nodes =
            store.look(|memory| site.nodes.iter().map(|node| status(site, node, memory.record(node.mac))).collect());
        let (now, site) = (unix_now(), site.name.clone());
        Self { site, now, since: now, refused: None, nodes, stopped: store.stopped(), alarms: Vec::new() }
    }
}

impl Appliance {
    /// All nodes, and what a person should know about the site.
    pub(crate) fn status(&self) -> StatusReport {
        let served = self.served();
        let report = StatusReport::at_rest(&served.site, &self.store);
        let nodes = report.nodes.into_iter().map(|node| self.as_seen(node)).collect();
        let (refused, alarms) = (served.refused.clone(), self.health.alarms.ringing());
        StatusReport { nodes, since: served.since, refused, alarms, ..report }
    }

    /// Adds what is known about a node besides its record.
    pub(crate) fn as_seen(&self, node: NodeStatus) -> NodeStatus {
        let (silence, out_of_reach) = (self.recent.silence(node.mac), self.renewals.out_of_reach(node.mac));
        NodeStatus { silence, out_of_reach, ..node }
    }
}
