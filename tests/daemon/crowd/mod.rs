//! A whole rack boots at once over a bad link, beside strangers who want everything: real packets against the real daemon,
//! in namespaces of the test's own. Every node is installed, none twice.
//!
//! With CROWD_WATCHED one Chromium and 99 event streams look at the pages all the while (`tests/bench/onlookers`).
//!
//! CROWD_NODES (15) nodes come within CROWD_RAMP (2) seconds, CROWD_HOSTILE (5) addresses attack all the time, CROWD_LOSS (5) of
//! a hundred frames are lost each way, beside 3 that come twice and 20 that come late; CROWD_SEED (1) says which. CROWD_DAEMON names
//! another build of the daemon.

mod full;
mod hostile;
mod kills;
mod link;
mod node;
mod onlookers;
mod outages;
mod power;
mod site;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use node::Told;
use tokio::task::JoinSet;

use crate::support::network_lab::inside;

/// A number of the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn nodes_that_boot_at_once_over_a_bad_link_beside_attackers_are_all_installed_and_none_twice() {
    inside(|| {
        let (nodes, hostile) = (setting("CROWD_NODES", 15) as u16, setting("CROWD_HOSTILE", 5) as u16);
        let ramp = Duration::from_secs(setting("CROWD_RAMP", 2));
        let link = link::Link::laid(setting("CROWD_SEED", 1), setting("CROWD_LOSS", 5));
        let rack = site::Rack::powered(nodes);
        let _onlookers = (setting("CROWD_WATCHED", 0) > 0).then(|| onlookers::Onlookers::of(&rack));
        let (began, cpu) = (Instant::now(), rack.cpu());
        let told = link.on_the_other_side(|| {
            node::runs(async |dhcp| {
                let attack: Vec<_> = (0..hostile).map(|n| tokio::spawn(hostile::attacks(n, nodes))).collect();
                let mut crowd = JoinSet::new();
                for n in 0..nodes {
                    let dhcp = dhcp.clone();
                    let comes = ramp * u32::from(n) / u32::from(nodes);
                    crowd.spawn(async move {
                        tokio::time::sleep(comes).await;
                        node::lives(n, dhcp).await
                    });
                }
                let told = crowd.join_all().await;
                attack.iter().for_each(|task| task.abort());
                told
            })
        });
        let (took, cpu) = (began.elapsed(), rack.cpu() - cpu);
        let lost: Vec<&String> = told.iter().filter_map(|told| told.as_ref().err()).collect();
        assert!(lost.is_empty(), "{} of {nodes} nodes were not installed: {lost:#?}\n{}", lost.len(), rack.log_end());
        let told: Vec<Told> = told.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            rack.states(),
            BTreeMap::from([("armed".to_string(), 2), ("ready".to_string(), usize::from(nodes))])
        );
        assert_eq!(rack.permits().len(), usize::from(nodes), "one permit for each node");
        assert!(rack.permits().values().all(|count| *count == 1), "{:?}", rack.permits());
        assert!(!rack.log().contains("this is a bug"), "{}", rack.log_end());
        let slowest = |what: fn(&Told) -> Duration| {
            let mut all: Vec<Duration> = told.iter().map(what).collect();
            all.sort();
            format!("{:.1?} in the middle, {:.1?} at most", all[all.len() / 2], all[all.len() - 1])
        };
        let mut offers: Vec<f64> =
            told.iter().flat_map(|told| told.offers).map(|offer| offer.as_secs_f64() * 1e3).collect();
        offers.sort_by(f64::total_cmp);
        let of_offers = |part: usize| offers[(offers.len() * part).div_ceil(100) - 1];
        // For `tests/bench/storm`: the last node is ready once the whole crowd is.
        println!(
            "storm: nodes={nodes} last_s={:.1} cpu_ms={:.2} mib={} p50_ms={:.2} p99_ms={:.2}",
            took.as_secs_f64(),
            cpu.as_secs_f64() * 1e3 / f64::from(nodes),
            rack.peak_mib(),
            of_offers(50),
            of_offers(99),
        );
        println!(
            "long: {nodes} nodes within {ramp:?}, {hostile} hostile addresses; of {} frames {} lost, {} doubled, {} late | \
             all installed and ready in {took:.0?}, none twice; DHCPOFFER {}, boot script {}, whole life {}; {} MiB at most",
            link.count.frames(),
            link.count.lost(),
            link.count.doubled(),
            link.count.late(),
            slowest(|told| told.offers[0]),
            slowest(|told| told.script),
            slowest(|told| told.life),
            rack.peak_mib(),
        );
    });
}
