//! The operating system's random source: the only place where ids and tokens are born.

use crate::lifecycle::{AttemptId, BootToken};

/// Makes the public id of a new attempt.
pub(crate) fn attempt_id() -> AttemptId {
    AttemptId::from_random(bytes())
}

/// Makes the secret of one boot.
pub(crate) fn boot_token() -> BootToken {
    BootToken::from_random(bytes())
}

pub(super) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness no token is secret, so there is nothing left to serve.
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    bytes
}
