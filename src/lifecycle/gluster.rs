//! A node's identity among its GlusterFS peers.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The UUID in a node's `glusterd.info`. Peers know each other by it, not by name: a node that was installed anew is
/// rejected unless it has the one it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GlusterId(String);

impl GlusterId {
    /// As `glusterd.info` has it: hex digits in small letters, in groups of 8, 4, 4, 4 and 12.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the UUID of a glusterd: it is written like 1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f and is not all zeros"
)]
pub struct NotAGlusterId(String);

impl FromStr for GlusterId {
    type Err = NotAGlusterId;
    fn from_str(text: &str) -> Result<Self, NotAGlusterId> {
        let groups: Vec<&str> = text.split('-').collect();
        let lengths = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]);
        let hex = groups.concat();
        let small = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if lengths && small && hex.bytes().any(|b| b != b'0') {
            return Ok(Self(text.into()));
        }
        Err(NotAGlusterId(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for GlusterId {
    type Error = NotAGlusterId;
    fn try_from(text: String) -> Result<Self, NotAGlusterId> {
        text.parse()
    }
}

impl From<GlusterId> for String {
    fn from(id: GlusterId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_a_uuid_and_nothing_else() {
        let good = "1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f";
        assert_eq!(good.parse::<GlusterId>().unwrap().as_str(), good);
        for bad in [
            "",
            "00000000-0000-0000-0000-000000000000",
            "1D2E3F40-5A6B-4C7D-8E9F-0A1B2C3D4E5F",
            "1d2e3f405a6b4c7d8e9f0a1b2c3d4e5f",
            "1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f\nTOKEN=x",
            "'; reboot; 'xxx-5a6b-4c7d-8e9f-0a1b2c3d4e5f",
        ] {
            assert!(bad.parse::<GlusterId>().is_err(), "{bad}");
        }
    }
}
