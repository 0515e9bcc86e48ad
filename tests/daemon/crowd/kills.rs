//! `kill -9` of the whole daemon at random moments while nodes install, report and are reimaged. What a node was told once is
//! so afterwards, and no permit is spent twice. CROWD_KILLS (2) kills, from CROWD_SEED (1) on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::link::Link;
use super::node::{self, Node};
use super::setting;
use super::site::{Rack, name};
use crate::support::dice::Dice;
use crate::support::network_lab::inside;

const NODES: u16 = 8;

/// Ends the lives when the test ends, also when it fails: the threads of a scope are waited for.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How far each node is known to be: four steps a life, armed, installing, firstboot, ready.
type Known = Arc<Mutex<BTreeMap<String, usize>>>;

/// One node through life after life, until it is told to stop at the end of one.
async fn lives_again(n: u16, known: Known, over: Arc<AtomicBool>) -> Result<(), String> {
    let node = Node::of(n);
    let path = format!("/boot/52-54-0a-4d-00-{:02x}", n + 1);
    let knows = |life: usize, step: usize| {
        known.lock().unwrap().insert(name(n), 4 * life + step);
    };
    for life in 0.. {
        // Until its operator has armed it, it boots its disk.
        let token = loop {
            if over.load(Ordering::Relaxed) {
                return Ok(());
            }
            match node::token(&node.gets(&path).await?) {
                Some(token) => break token,
                None => tokio::time::sleep(Duration::from_millis(300)).await,
            }
        };
        knows(life, 1);
        node.installs(&token, |step| knows(life, step)).await?;
        if node::token(&node.gets(&path).await?).is_some() {
            return Err(format!("{} is installed again in life {life}", name(n)));
        }
        node.becomes_ready(&token).await?;
        knows(life, 4);
    }
    Ok(())
}

/// Where the daemon says that every node is, in the same count.
fn found(rack: &Rack) -> BTreeMap<String, usize> {
    // Traffic goes on: a permit that is spent between the two questions would put its node a life back.
    let (permits, nodes) = loop {
        let before = rack.permits();
        let nodes = rack.nodes();
        if rack.permits() == before {
            break (before, nodes);
        }
    };
    let place = |(name, state): (String, String)| {
        let spent = permits.get(&name).copied().unwrap_or(0);
        let place = match state.as_str() {
            "armed" => 4 * spent + 1,
            "installing" => 4 * (spent - 1) + 2,
            "firstboot" => 4 * (spent - 1) + 3,
            "ready" => 4 * (spent - 1) + 4,
            other => panic!("{name} is {other}\n{}", rack.log_end()),
        };
        (name, place)
    };
    nodes.into_iter().filter(|(name, _)| name.starts_with("node")).map(place).collect()
}

#[test]
fn a_daemon_that_is_killed_under_traffic_forgets_nothing_that_a_node_was_told() {
    inside(|| {
        let link = Link::laid(1, 0);
        let mut rack = Rack::powered(NODES);
        let (kills, mut dice) = (setting("CROWD_KILLS", 2), Dice::new(setting("CROWD_SEED", 1)));
        let (known, over) = (Known::default(), Arc::new(AtomicBool::new(false)));
        let (mut facts, mut slowest, began) = (0, Duration::ZERO, Instant::now());
        std::thread::scope(|scope| {
            let traffic = scope.spawn(|| {
                link.on_the_other_side(|| {
                    node::runs(async |_| {
                        let each = |n| tokio::spawn(lives_again(n, known.clone(), over.clone()));
                        let nodes: Vec<_> = (0..NODES).map(each).collect();
                        let mut ends = Vec::new();
                        for node in nodes {
                            ends.push(node.await.unwrap());
                        }
                        ends
                    })
                })
            });
            let end = Over(over.clone());
            for kill in 0..kills {
                std::thread::sleep(Duration::from_millis(50 + dice.below(1500) as u64));
                assert!(!traffic.is_finished(), "after {kill} kills: {:?}", traffic.join());
                rack.kill();
                let before = known.lock().unwrap().clone();
                let starts = Instant::now();
                rack.serve();
                slowest = slowest.max(starts.elapsed());
                let found = found(&rack);
                for (name, step) in &before {
                    // A step more may be there that was on its way; after the daemon is back, traffic goes on.
                    assert!(found[name] >= *step, "kill {kill}: {name} was told {step} and is at {}", found[name]);
                }
                facts = before.values().sum::<usize>();
                for (name, step) in &found {
                    if step % 4 == 0 {
                        let order =
                            ["reimage", name, "--yes", "--force", "--reason", "test", "--no-drain", "it is played"];
                        rack.says(&order);
                    }
                }
            }
            drop(end);
            for end in traffic.join().unwrap() {
                assert_eq!(end, Ok(()), "{}", rack.log_end());
            }
        });
        let permits = rack.permits();
        for (name, step) in known.lock().unwrap().iter() {
            let lives = step.div_ceil(4);
            assert_eq!(permits.get(name).copied().unwrap_or(0), lives, "permits of {name} in {lives} lives");
        }
        rack.says(&["audit", "verify"]); // fails when the chain does
        assert!(!rack.log().contains("this is a bug"), "{}", rack.log_end());
        println!(
            "long: {kills} kills in {:.0?}, {facts} facts of {NODES} nodes acknowledged | none was lost, no permit was spent \
             twice; back after {slowest:.1?} at most",
            began.elapsed()
        );
    });
}
