//! A rack without sockets, disks or clocks: real decisions, real changes, and everything that can go wrong around them.
//! Machines lose power at any point, in a third of their exchanges the request or the answer is lost, the daemon is
//! killed before and after its commits, old requests are repeated, and an operator gives random orders. After each step
//! the monitor, which keeps its own records, checks that nothing happened that must never happen.
//!
//! A seed determines the story completely. `RACKSTART_SEEDS=10000` runs more of them.

mod daemon;
mod machine;
mod monitor;
mod operator;

use daemon::Daemon;
use machine::Machine;
use monitor::Tally;

/// Random numbers, determined by the seed (SplitMix64, Steele and others 2014).
pub(super) struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// True in `cases` out of a thousand cases.
    fn permille(&mut self, cases: u64) -> bool {
        self.next() % 1000 < cases
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }
}

/// Steps of one story while everything goes wrong.
const STEPS: usize = 1200;
/// Steps that a healed rack gets to become ready.
const HEALING: usize = 4000;

fn tell(seed: u64) -> Tally {
    let mut dice = Dice(seed);
    let mut daemon = Daemon::new(dice.next());
    let mut machines: Vec<Machine> =
        daemon.site.nodes.iter().map(|node| Machine::new(node.mac, dice.permille(500))).collect();
    for _ in 0..STEPS {
        daemon.pass(dice.next() % 40);
        match dice.below(100) {
            0..10 => operator::orders_something(&mut daemon, &mut dice),
            10..14 => machine::repeats_something_old(&mut daemon, &mut dice),
            14 => daemon.is_killed(),
            15 if dice.permille(100) => operator::looks_away_for_hours(&mut daemon),
            _ => {
                let one = dice.below(machines.len());
                machines[one].goes_on(&mut daemon, &mut dice);
            }
        }
        daemon.check();
    }
    daemon.comes_to_rest();
    operator::heals(&mut daemon);
    daemon.nothing_fails_any_more();
    for step in 0.. {
        daemon.pass(5);
        let one = dice.below(machines.len());
        machines[one].goes_on(&mut daemon, &mut dice);
        daemon.check();
        if daemon.all_are_ready() {
            break;
        }
        assert!(step < HEALING, "a healed rack does not become ready: {}", daemon.states());
    }
    daemon.monitor.tally
}

#[test]
fn two_thousand_installations_wipe_once_per_arming_and_never_uninvited() {
    let stories = std::env::var("RACKSTART_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(120);
    let mut sum = Tally::default();
    for seed in 1..=stories {
        match std::panic::catch_unwind(|| tell(seed)) {
            Ok(tally) => sum += tally,
            Err(_) => panic!("the story of seed {seed} ends badly; the reason stands above"),
        }
    }
    println!("{stories} stories: {sum:?}");
    let Tally { installs, wipes, power_cuts, kills, lost, repeated, answered_again, refused_old, ready, suspects } =
        sum;
    // What never happens in a simulation is not tested by it.
    assert!(installs >= 2000 || stories < 120, "{sum:?}");
    assert!(installs >= 10 * stories && wipes >= 8 * stories && ready >= 4 * stories, "{sum:?}");
    assert!(power_cuts >= stories && kills >= stories && lost >= stories && repeated >= stories, "{sum:?}");
    assert!(answered_again > 0 && refused_old > 0 && suspects > 0, "{sum:?}");
}
