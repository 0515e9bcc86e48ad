//! `kill -9` of the whole daemon. CROWD_KILLS (2) kills, from CROWD_SEED (1) on.

use std::time::{Duration, Instant};

use super::link::Link;
use super::outages::{self, NODES, Plan, Server};
use super::setting;
use super::site::Rack;
use crate::support::dice::Dice;
use crate::support::network_lab::inside;

/// A daemon on this machine.
struct Daemon {
    rack: Rack,
    slowest: Duration,
}

impl Server for Daemon {
    fn fails(&mut self) {
        self.rack.kill();
    }

    fn serves(&mut self) -> Result<(), String> {
        let starts = Instant::now();
        self.rack.serve();
        self.slowest = self.slowest.max(starts.elapsed());
        Ok(())
    }

    fn asks(&self, words: &[&str]) -> Result<String, String> {
        self.rack.asks(words)
    }

    fn log(&self) -> String {
        self.rack.log()
    }
}

#[test]
fn a_daemon_that_is_killed_under_traffic_forgets_nothing_that_a_node_was_told() {
    inside(|| {
        let link = Link::laid(1, 0);
        let mut daemon = Daemon { rack: Rack::powered(NODES), slowest: Duration::ZERO };
        let (kills, mut dice) = (setting("CROWD_KILLS", 2), Dice::new(setting("CROWD_SEED", 1)));
        let plan = Plan {
            outages: kills,
            pauses: (0..kills).map(|_| Duration::from_millis(50 + dice.below(1500) as u64)).collect(),
            poll: Duration::from_millis(300),
            patience: Duration::from_secs(30),
        };
        let began = Instant::now();
        let facts = outages::survives(&mut daemon, &link, &plan);
        let facts = facts.unwrap_or_else(|what| panic!("{what}\n{}", daemon.log_end()));
        println!(
            "long: {kills} kills in {:.0?}, {facts} facts of {NODES} nodes acknowledged | none was lost, no permit was spent \
             twice; back after {:.1?} at most",
            began.elapsed(),
            daemon.slowest,
        );
    });
}
