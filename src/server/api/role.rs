//! What a token may do. Each role includes the ones before it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A role. The roles are ordered by what they may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads the metrics and nothing else: for the monitoring system.
    Metrics,
    /// Reads everything that is not a secret.
    Viewer,
    /// Arms, disarms, stops and protects.
    Operator,
    /// Removes protection, reads the audit log and the list of tokens.
    Admin,
}

impl Role {
    /// All roles.
    pub(crate) const ALL: [Self; 4] = [Self::Metrics, Self::Viewer, Self::Operator, Self::Admin];

    /// The role's name in words.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.word() == text);
        found.ok_or_else(|| {
            format!("no role is called `{}`; roles: metrics, viewer, operator, admin", text.escape_debug())
        })
    }
}

/// The callers that a route admits. At the socket they are all that may open it, unless the rule requires the owner:
/// root or the daemon's own user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Anybody who reaches a listener.
    Public,
    /// Over TCP, a token of this role or a higher one.
    AtLeast(Role),
    /// Over TCP, a token of this role or a higher one; at the socket, the owner.
    AtLeastOrOwner(Role),
    /// Only at the socket; no token suffices.
    Socket,
    /// Only at the socket, and only for the owner; no token suffices.
    Owner,
}

impl Rule {
    /// Whether the route exists over TCP.
    pub(crate) fn is_remote(self) -> bool {
        !matches!(self, Self::Socket | Self::Owner)
    }

    /// Whether the socket's group may not call the route.
    #[cfg(test)]
    pub(crate) fn is_owners(self) -> bool {
        matches!(self, Self::AtLeastOrOwner(_) | Self::Owner)
    }
}

impl From<Role> for Rule {
    fn from(role: Role) -> Self {
        Self::AtLeast(role)
    }
}
