//! Kills the process that owns the store: 200 times at random moments, and once at every call that writes, syncs, renames
//! or removes. Whatever it had acknowledged is there afterwards, no wipe permit is unspent again, and the store opens
//! without help. Failing disks too: nothing is acknowledged that is not on the disk.
//!
//! The victim is this same program, started again with another test name; it prints what was acknowledged to it.
//! CRASH_KILLS sets the number of random kills (200), CRASH_STRIDE looks at every n-th call only (1 is every one).

mod facts;
mod points;
mod random;
mod victim;

use std::env;

/// A number of the environment.
fn setting(name: &str, default: usize) -> usize {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
