//! The power of the whole machine is cut, its disk's included, and what was not flushed is lost in part.
//! `make test-long PART=power-cuts` sets POWER_PARTS, a folder with `kernel` and `initrd`, and says how many (CROWD_CUTS, 3) from which
//! CROWD_SEED (1) on, on which file system (POWER_KIND, ext4).

mod disk;
mod guest;
mod nbd;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::guest::Guest;
use super::link::Link;
use super::outages::{self, NODES, Plan, Server};
use super::setting;
use crate::support::dice::Dice;
use crate::support::network_lab::inside;

/// A machine with a fresh file system and a link to it. Its disk is seen to lose what was not flushed, and only that.
fn installed() -> (Guest, Link) {
    let parts =
        PathBuf::from(std::env::var_os("POWER_PARTS").expect("POWER_PARTS: use `make test-long PART=power-cuts`"));
    let kind = if std::env::var("POWER_KIND").is_ok_and(|kind| kind == "xfs") { "xfs" } else { "ext4" };
    let mut seed = setting("CROWD_SEED", 1);
    loop {
        let (mut guest, cable) = Guest::racked(&parts, kind, seed);
        let (flushed, written) = guest.formats();
        assert_eq!(flushed, 2048, "what was flushed is there");
        // For some seeds a disk keeps everything.
        if written < 2048 {
            return (guest, Link::laid_to(cable, seed, 0));
        }
        seed += 1_000_003;
    }
}

fn plan(cuts: u64, dice: &mut Dice) -> Plan {
    Plan {
        outages: cuts,
        pauses: (0..cuts).map(|_| Duration::from_millis(dice.below(3000) as u64)).collect(),
        poll: Duration::from_secs(2),
        patience: Duration::from_secs(10),
    }
}

#[test]
#[ignore = "tests/long/power-cuts makes the machine"]
fn a_machine_whose_power_is_cut_forgets_nothing_that_a_node_was_told() {
    inside(|| {
        let began = Instant::now();
        let (mut guest, link) = installed();
        let fail = |guest: &Guest, what: String| -> ! { panic!("{what}\n{}", guest.log_end()) };
        guest.serves().unwrap_or_else(|what| fail(&guest, what));
        let mut dice = Dice::new(setting("CROWD_SEED", 1) + 7);
        let plan = plan(setting("CROWD_CUTS", 3), &mut dice);
        let facts = outages::survives(&mut guest, &link, &plan).unwrap_or_else(|what| fail(&guest, what));
        guest.shuts_down().unwrap_or_else(|what| fail(&guest, what));
        println!(
            "long: {} cuts in {:.0?}, {} of them while something was written, {facts} facts of {NODES} nodes acknowledged, {} of {} \
             pieces not flushed were lost | back after {:.1?} at most",
            guest.cuts,
            began.elapsed(),
            guest.hits,
            guest.loss.lost,
            guest.loss.of,
            guest.slowest,
        );
    });
}

/// The test above can fail: this disk says that it flushed and did not.
#[test]
#[ignore = "tests/long/power-cuts makes the machine"]
fn a_disk_that_lies_is_found_out() {
    inside(|| {
        let (mut guest, link) = installed();
        guest.serves().unwrap();
        guest.disk.lock().unwrap().lies = true;
        let end = outages::survives(&mut guest, &link, &plan(10, &mut Dice::new(setting("CROWD_SEED", 1))));
        let what = end.expect_err("nothing was lost");
        // Or a node goes on from what the daemon forgot, and is called failed.
        assert!(what.contains(" was told ") || what.contains(" is failed "), "{what}\n{}", guest.log_end());
        println!("long: a disk that lies about flushes, after {} cuts | {what}", guest.cuts);
    });
}
