//! How long one kickstart takes to render: `cargo bench --bench render`. The median and the slowest of many runs, for
//! each release; the limit of the project is one millisecond.

use std::time::{Duration, Instant};

use rackstart::config::{self, EXAMPLE};
use rackstart::lifecycle::{BootToken, WipeScope};
use rackstart::plan::plan;
use rackstart::render::{Renderer, example_disks};

const ROUNDS: usize = 500;
const MOST: Duration = Duration::from_millis(1);

/// The median and the 99th percentile of the time that `work` takes.
fn times(mut work: impl FnMut() -> usize) -> (Duration, Duration) {
    let mut bytes = 0;
    let mut all: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            bytes += work();
            begin.elapsed()
        })
        .collect();
    assert!(bytes > 0);
    all.sort();
    (all[ROUNDS / 2], all[ROUNDS * 99 / 100])
}

fn main() {
    // `cargo test --all-targets` starts benches too; they are not tests.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let renderer = Renderer::new().expect("the embedded templates");
    let token = BootToken::from_random([0; 16]);
    println!(
        "{:<10} {:<12} {:>14} {:>10} {:>16} {:>10}",
        "release", "node", "served, median", "p99", "whole, median", "p99"
    );
    let mut slow = false;
    for release in ["6.3", "6.10", "7", "8", "9", "10"] {
        let text = EXAMPLE.replace("release = \"6.10\"", &format!("release = \"{release}\""));
        let site = config::parse(&text, "rackstart.toml").expect("the example");
        for name in ["controller", "compute1"] {
            let node = site.node_by_name(name).expect("a node of the example");
            let plan = plan(node).expect("a plan");
            let disks = example_disks(node, &plan);
            let scope = WipeScope::BlankDiskOnly;
            let served = times(|| renderer.kickstart_planned(&site, node, &plan, &token).expect("a kickstart").len());
            let whole =
                times(|| renderer.kickstart_whole(&site, node, &token, &disks, scope).expect("a kickstart").len());
            slow |= served.0 > MOST || whole.0 > MOST;
            println!(
                "{release:<10} {name:<12} {:>14.0?} {:>10.0?} {:>16.0?} {:>10.0?}",
                served.0, served.1, whole.0, whole.1
            );
        }
    }
    if slow {
        eprintln!("a median is above {MOST:?}");
        std::process::exit(1);
    }
}
