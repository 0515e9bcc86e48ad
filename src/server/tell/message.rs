//! The notification: one JSON object, documented in docs/monitoring.md. New keys may be added; existing ones keep their
//! meaning.

use serde::Serialize;

use crate::server::alarms::Alarm;
use crate::site::Node;
use crate::store::NumberedEvent;

/// Longest text in it, in characters. It may come from a machine.
const LONGEST: usize = 2000;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Message {
    /// `failed`, `suspect`, `ready`, or the kind of the alarm.
    pub event: String,
    /// Name of the site.
    pub site: String,
    /// When it happened, in Unix seconds.
    pub at: u64,
    /// Name of the node; `None` for an alarm, or if it has left the site file.
    pub node: Option<String>,
    /// Its MAC.
    pub mac: Option<String>,
    /// Its role.
    pub role: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// Number of the event in the event log; the same number means the same event, sent again.
    pub id: Option<i64>,
    /// What an alarm is about.
    pub subject: Option<String>,
    /// Details in words. Some of them may come from a machine: do not trust them.
    pub text: String,
}

/// How urgently somebody should hear of it, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A node needs a person.
    Node,
    /// rackstart needs a person.
    Alarm,
    /// All is well.
    Ready,
    /// An alarm that anybody on the provisioning network can trigger as often as they like.
    Rival,
}

impl Rank {
    pub(super) const ALL: [Self; 4] = [Self::Node, Self::Alarm, Self::Ready, Self::Rival];
}

impl Message {
    pub(super) fn rank(&self) -> Rank {
        match self.event.as_str() {
            "failed" | "suspect" => Rank::Node,
            "ready" => Rank::Ready,
            "rival" | "passive" => Rank::Rival,
            _ => Rank::Alarm,
        }
    }

    pub(super) fn of_node(site: &str, node: Option<&Node>, event: &NumberedEvent) -> Self {
        Self {
            event: event.state.clone(),
            site: site.into(),
            at: event.at,
            node: node.map(|node| node.name.to_string()),
            mac: Some(event.mac.to_string()),
            role: node.map(|node| node.role.clone()),
            address: node.map(|node| node.address.to_string()),
            id: Some(event.id),
            subject: None,
            text: event.detail.chars().take(LONGEST).collect(),
        }
    }

    pub(super) fn of_alarm(site: &str, alarm: &Alarm) -> Self {
        Self {
            event: alarm.kind.clone(),
            site: site.into(),
            at: alarm.since,
            node: None,
            mac: None,
            role: None,
            address: None,
            id: None,
            subject: Some(alarm.subject.clone()),
            text: alarm.text.chars().take(LONGEST).collect(),
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers")
    }
}
