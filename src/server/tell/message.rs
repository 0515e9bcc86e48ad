//! What is told: one JSON object, documented in docs/monitoring.md. New keys may come; those that are there keep their meaning.

use serde::Serialize;

use crate::server::alarms::Alarm;
use crate::site::Node;
use crate::store::NumberedEvent;

/// Longest text in it, in characters. A machine may have said it.
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
    /// Name of the node; none for an alarm, or when it left the site file.
    pub node: Option<String>,
    /// Its MAC.
    pub mac: Option<String>,
    /// Its role.
    pub role: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// Number of the event in the event log; the same number is the same event, told again.
    pub id: Option<i64>,
    /// What an alarm is about.
    pub subject: Option<String>,
    /// In words. A machine may have said some of them: do not trust it.
    pub text: String,
}

/// How much depends on somebody hearing of it, the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A node needs somebody.
    Node,
    /// rackstart needs somebody.
    Alarm,
    /// All is well.
    Ready,
    /// Anybody on the provisioning network can make up as many as they like.
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
