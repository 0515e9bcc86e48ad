//! The results of orders: bodies of the API, which the command line also prints.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::server::operate::{Armed, NodeStatus};

/// The result of an order to arm.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ArmedView {
    /// The nodes that were armed: their next network boot installs them.
    pub armed: Vec<String>,
    /// Those of them whose earlier arming was replaced.
    pub replaced: Vec<String>,
    /// The nodes that exceeded this minute's limit and were not armed.
    pub later: Vec<String>,
    /// Seconds until more nodes can be armed; 0 when none was left out.
    pub again_in: u64,
}

impl From<Armed> for ArmedView {
    fn from(armed: Armed) -> Self {
        let Armed { nodes, replaced, later, again_in } = armed;
        Self { armed: nodes.into_iter().map(|node| node.name).collect(), replaced, later, again_in }
    }
}

impl ArmedView {
    /// Merges the results of several orders into one answer.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.armed.extend(other.armed);
        self.replaced.extend(other.replaced);
        self.later.extend(other.later);
        Self { again_in: self.again_in.max(other.again_in), ..self }
    }
}

/// The state of a node after an order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Standing {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: String,
    /// `protected`, `maintenance`, both or none.
    pub flags: Vec<String>,
}

impl From<NodeStatus> for Standing {
    fn from(status: NodeStatus) -> Self {
        Self { name: status.name, state: status.state, flags: status.flags }
    }
}

/// The result of an order to stop.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct StoppedView {
    /// The nodes whose arming was taken back.
    pub disarmed: Vec<String>,
}
