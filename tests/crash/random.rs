//! `kill -9` at random moments of a long life, always the same store.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::facts::Acknowledged;
use super::{setting, victim};

/// Numbers that look random and can be had again: the seed is printed.
struct Dice(u64);

impl Dice {
    /// From 0 to `most`, by xorshift64.
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % (most + 1)
    }
}

#[test]
fn two_hundred_kills_at_random_moments_lose_no_acknowledged_fact() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("state");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seed = std::process::id().into();
    let mut dice = Dice(seed);
    let (kills, began) = (setting("CRASH_KILLS", 200), Instant::now());
    let (mut known, mut midway) = (Acknowledged::default(), 0);
    // Some die while they open the store, most while they write. How long that takes depends on the machine.
    let mut usual = Duration::from_millis(150);
    for kill in 0..kills {
        let started = Instant::now();
        let mut child = victim::started(&place, 100_000).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            let mut chunk = [0; 4096];
            let mut first = None;
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                text.extend_from_slice(&chunk[..count]);
                if first.is_none() && String::from_utf8_lossy(&text).contains("FACT OPEN") {
                    first = Some(Instant::now());
                }
            }
            (String::from_utf8_lossy(&text).into_owned(), first)
        });
        let wait = Duration::from_micros(dice.up_to(4 * usual.as_micros() as u64));
        std::thread::sleep(wait);
        child.kill().unwrap();
        child.wait().unwrap();
        let (text, opened) = reader.join().unwrap();
        // Those that were killed while they opened the store took longer than was thought.
        usual = match opened {
            Some(opened) => (usual * 7 + (opened - started)) / 8,
            None => (usual * 9 / 8).min(Duration::from_secs(5)),
        };
        let before = known.count;
        known.read(&text);
        midway += usize::from(known.count > before + 1);
        runtime.block_on(known.hold_against(&place, &format!("kill {kill} of seed {seed}, after {wait:?}")));
    }
    let words = format!(
        "{kills} kills (seed {seed}), {midway} of them among acknowledged facts, {} facts in all: none was lost, in {:?}\n",
        known.count,
        began.elapsed()
    );
    std::io::stderr().write_all(words.as_bytes()).unwrap();
    assert!(midway * 5 >= kills, "only {midway} of {kills} kills came while facts were acknowledged; {words}");
}
