//! What a reimage would cost, told before it is ordered: in the same words for the command line and the API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::site::{Node, Site};
use crate::store::Record;
use crate::words::duration;

/// An order that would be accepted now, and what it would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Rehearsal {
    /// The nodes, each once, in the order in which they were named.
    pub nodes: Vec<Loss>,
}

/// What the reimage of one node would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Loss {
    /// Host name.
    pub name: String,
    /// Role in the site file.
    pub role: String,
    /// MAC of the boot NIC.
    pub mac: String,
    /// Reserved address.
    pub address: String,
    /// Its state.
    pub state: String,
    /// Unix seconds since which it has been in this state; 0 when nothing has happened to it yet.
    pub since: u64,
    /// The disk rules: these disks are wiped, except for what is kept.
    pub disks: Vec<String>,
    /// The volume groups that are kept.
    pub kept: Vec<String>,
    /// The volume groups that the site file keeps but this order does not: they are wiped with everything in them.
    pub forgotten: Vec<String>,
    /// Where its installation mounted its copy of shared data, if that is wiped: one copy fewer.
    pub copy: Option<String>,
    /// How the site file differs from what the node was installed as, in words.
    pub differs: Option<String>,
    /// The disks that a rackstart installer last wrote, in words.
    pub written: Option<String>,
    /// The UUID and the serial number that the machine showed first.
    pub machine: Option<String>,
}

impl Loss {
    /// What would be lost on a node with this record.
    pub(super) fn of(site: &Site, node: &Node, record: Option<Record>, keep: bool) -> Self {
        let record = record.unwrap_or_else(|| Record::new(0));
        let (kept, forgotten) = if keep { (node.keep.clone(), Vec::new()) } else { (Vec::new(), node.keep.clone()) };
        let differs = super::differs(site, node, &record);
        let copy = record.installed_as.as_ref().and_then(|installed| installed.copy.clone());
        Self {
            name: node.name.to_string(),
            role: node.role.clone(),
            mac: node.mac.to_string(),
            address: node.address.to_string(),
            state: record.state.word().into(),
            since: record.since,
            disks: node.disks.iter().map(|disk| disk.rule.to_string()).collect(),
            copy: copy.filter(|_| kept.is_empty()),
            kept,
            forgotten,
            differs,
            written: record.written,
            machine: Some(record.hardware.pinned.to_string()).filter(|machine| machine != "nothing"),
        }
    }

    /// What it costs, in lines for people.
    pub(crate) fn words(&self, now: u64) -> String {
        let kept = match self.kept.as_slice() {
            [] => String::new(),
            groups => format!(", except {}", groups.join(", ")),
        };
        let mut text = format!(
            "{} ({}, MAC {}, {}), {} for {}\n  the next network boot WIPES the disk with {}{kept}\n",
            self.name,
            self.role,
            self.mac,
            self.address,
            self.state,
            duration(now.saturating_sub(self.since)),
            self.disks.join("; "),
        );
        if !self.forgotten.is_empty() {
            let groups = self.forgotten.join(", ");
            text.push_str(&format!("  `keep` names {groups}, and --keep was not given: WIPED with everything in it\n"));
        }
        if let Some(copy) = &self.copy {
            text.push_str(&format!("  its copy at {copy} is lost: one copy fewer of the data it shares with others\n"));
        }
        for (word, said) in
            [("", &self.differs), ("last written: disk ", &self.written), ("its machine: ", &self.machine)]
        {
            text.extend(said.iter().map(|said| format!("  {word}{said}\n")));
        }
        text
    }
}
