//! What a generator found out.

use std::time::Duration;

use serde_json::{Value, json};

/// How often something was done, how long each took, and what went wrong.
#[derive(Default)]
pub struct Figures {
    pub times: Vec<Duration>,
    pub bytes: u64,
    /// Without an answer in time.
    pub lost: u64,
    /// Answered with an error, or the connection was closed.
    pub refused: u64,
    /// Answered with other bytes than expected.
    pub wrong: u64,
}

impl Figures {
    /// As JSON, for the time that it took altogether.
    pub fn over(mut self, took: Duration) -> Value {
        self.times.sort();
        let at = |share: f64| {
            let index = ((self.times.len() as f64 * share).ceil() as usize).saturating_sub(1);
            self.times.get(index).map(|time| time.as_secs_f64() * 1e3)
        };
        json!({
            "done": self.times.len(), "seconds": took.as_secs_f64(), "bytes": self.bytes,
            "rate": self.times.len() as f64 / took.as_secs_f64(),
            "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0),
            "lost": self.lost, "refused": self.refused, "wrong": self.wrong,
        })
    }
}
