//! How far long work is, on stderr: one line that moves on a terminal, and a line now and then in a file.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::{count, size};
use crate::words::duration;

/// What is counted.
pub(super) struct Progress {
    /// What is done: `copied`, `compared`.
    doing: &'static str,
    /// All files.
    all: u64,
    /// The bytes of all files whose length is known.
    all_bytes: u64,
    files: AtomicU64,
    bytes: AtomicU64,
    is_over: AtomicBool,
}

/// How often the line moves on a terminal, and how often a line is added elsewhere.
const PERIODS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

impl Progress {
    pub(super) fn new(doing: &'static str, all: u64, all_bytes: u64) -> Self {
        let zero = || AtomicU64::new(0);
        Self { doing, all, all_bytes, files: zero(), bytes: zero(), is_over: AtomicBool::new(false) }
    }

    /// Counts bytes.
    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// Takes back bytes that were counted and have to come again.
    pub(super) fn take(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    /// Counts one file that is done.
    pub(super) fn file(&self) {
        self.files.fetch_add(1, Relaxed);
    }

    /// The files that are done.
    pub(super) fn files(&self) -> u64 {
        self.files.load(Relaxed)
    }

    /// The bytes that are done.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Runs the work and shows how far it is meanwhile.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            let shown = scope.spawn(|| self.show());
            let done = work();
            self.is_over.store(true, Relaxed);
            shown.thread().unpark();
            let _ = shown.join(); // it cannot panic, and the work is done
            done
        })
    }

    fn show(&self) {
        let moves = std::io::stderr().is_terminal();
        let began = Instant::now();
        let mut last = began;
        while !self.is_over.load(Relaxed) {
            std::thread::park_timeout(if moves { PERIODS.0 } else { PERIODS.1.saturating_sub(last.elapsed()) });
            let is_time = moves || last.elapsed() >= PERIODS.1;
            if is_time && !self.is_over.load(Relaxed) {
                last = Instant::now();
                let line = line(self.doing, (self.files(), self.all), (self.bytes(), self.all_bytes), began.elapsed());
                // stderr may be closed.
                let _ = match moves {
                    true => write!(std::io::stderr(), "\r\x1b[K{line}"),
                    false => writeln!(std::io::stderr(), "{line}"),
                };
            }
        }
        if moves {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// `1,234 of 5,678 files copied, 3.2 of 9.8 GB, 85.0 MB/s, about 2 min left`.
fn line(doing: &str, files: (u64, u64), bytes: (u64, u64), took: Duration) -> String {
    let rate = (bytes.0 as f64 / took.as_secs_f64().max(0.001)) as u64;
    let left = match (bytes.1.saturating_sub(bytes.0), rate) {
        (0, _) | (_, 0) => String::new(),
        (left, rate) => format!(", about {} left", duration(left / rate)),
    };
    let (done, all) = (count(files.0), count(files.1));
    format!("{done} of {all} files {doing}, {} of {}, {}/s{left}", size(bytes.0), size(bytes.1), size(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_much_how_fast_and_how_long() {
        let told = line("copied", (1_234, 5_678), (3_200_000_000, 9_800_000_000), Duration::from_secs(32));
        assert_eq!(told, "1,234 of 5,678 files copied, 3.2 GB of 9.8 GB, 100.0 MB/s, about 66 s left");
        let nothing = line("copied", (0, 0), (0, 0), Duration::ZERO);
        assert_eq!(nothing, "0 of 0 files copied, 0 bytes of 0 bytes, 0 bytes/s");
    }
}
