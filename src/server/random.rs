//! The operating system's random source: the only place where ids and tokens are generated.

use crate::lifecycle::{AttemptId, BootToken};

/// Generates the public id of a new attempt.
pub(crate) fn attempt_id() -> AttemptId {
    AttemptId::from_random(bytes())
}

/// Generates the token of one boot.
pub(crate) fn boot_token() -> BootToken {
    BootToken::from_random(bytes())
}

pub(super) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness no token is secret, so there is no point in serving.
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    bytes
}
