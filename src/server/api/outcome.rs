//! What an order came to: the bodies of the API, which the command line prints too.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::server::operate::{Armed, NodeStatus};

/// What an order to arm came to.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ArmedView {
    /// These are armed: their next network boot installs them.
    pub armed: Vec<String>,
    /// Of these, an earlier arming was replaced.
    pub replaced: Vec<String>,
    /// These were too many for this minute and were left as they are.
    pub later: Vec<String>,
    /// In so many seconds there is room for more; 0 when nothing was left out.
    pub again_in: u64,
}

impl From<Armed> for ArmedView {
    fn from(armed: Armed) -> Self {
        let Armed { nodes, replaced, later, again_in } = armed;
        Self { armed: nodes.into_iter().map(|node| node.name).collect(), replaced, later, again_in }
    }
}

impl ArmedView {
    /// Several orders in one answer.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.armed.extend(other.armed);
        self.replaced.extend(other.replaced);
        self.later.extend(other.later);
        Self { again_in: self.again_in.max(other.again_in), ..self }
    }
}

/// Where a node stands after an order.
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

/// What the order to stop came to.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct StoppedView {
    /// The nodes whose arming was taken back.
    pub disarmed: Vec<String>,
}
