//! The pure parts, one by one: what a packet, a plan and a text cost without any system call.
//!
//! `cargo bench --bench micro` prints the median of the time of each. `micro NAME COUNT` does one of them so often and
//! prints nothing: `tests/bench/instructions` runs that under callgrind, whose count does not depend on the machine.

#[path = "../../support/dhcp_packets.rs"]
#[allow(dead_code)] // the benchmark needs no replies taken apart
mod dhcp_packets;

use std::hint::black_box;
use std::time::{Duration, Instant};

use rackstart::config::{self, EXAMPLE};
use rackstart::lifecycle::BootToken;
use rackstart::plan::plan;
use rackstart::render::Renderer;
use rackstart::wire::dhcp::answer_to;
use rackstart::wire::tftp::Request;

const ROUNDS: usize = 300;

/// Does a piece of work so often.
type Work = Box<dyn Fn(usize)>;

fn repeat<T>(work: impl Fn() -> T + 'static) -> Work {
    Box::new(move |count| (0..count).for_each(|_| drop(black_box(work()))))
}

/// Name, how often it is done in a round, and the work.
fn all() -> Vec<(&'static str, usize, Work)> {
    let site = || config::parse(EXAMPLE, "rackstart.toml").expect("the example");
    let answer = |kind: &str| {
        let (site, mut packet) = (site(), dhcp_packets::packet(kind));
        let mac = site.nodes[0].mac;
        packet[28..34].copy_from_slice(&mac.0);
        // Decodes, decides and encodes.
        repeat(move || answer_to(&site, &packet))
    };
    let request = b"\0\x01undionly.kpxe\0octet\0tsize\x000\0blksize\x001456\0windowsize\x0016\0";
    let rendered = |what: fn(&Renderer, &rackstart::site::Site, &BootToken) -> usize| {
        let (site, renderer, token) = (site(), Renderer::new().expect("templates"), BootToken::from_random([0; 16]));
        repeat(move || what(&renderer, &site, &token))
    };
    let planned = site();
    vec![
        ("dhcp-discover", 100, answer("bios-rom-discover")),
        ("dhcp-ipxe", 100, answer("undionly-discover")),
        ("tftp-request", 1000, repeat(move || Request::parse(request).is_ok())),
        ("plan", 20, repeat(move || plan(&planned.nodes[1]).is_ok())),
        (
            "boot-script",
            20,
            rendered(|renderer, site, token| {
                renderer.boot_script_install(site, &site.nodes[1], token).expect("a script").len()
            }),
        ),
        (
            "kickstart",
            5,
            rendered(|renderer, site, token| {
                renderer.kickstart(site, &site.nodes[1], token).expect("a kickstart").len()
            }),
        ),
        ("check", 1, repeat(|| config::parse(EXAMPLE, "rackstart.toml").is_ok())),
    ]
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [name, count] = &words[..] {
        let count = count.parse().expect("a number");
        let found = all().into_iter().find(|(known, ..)| known == name);
        let (.., work) = found.unwrap_or_else(|| panic!("`{name}` is not one of the benchmarks"));
        return work(count);
    }
    // `cargo test --all-targets` starts benches too; they are not tests.
    if !words.iter().any(|word| word == "--bench") {
        return;
    }
    println!("{:<16} {:>12} {:>12}", "work", "median", "p99");
    for (name, count, work) in all() {
        let mut times: Vec<Duration> = (0..ROUNDS.min(3000 / count.max(10)))
            .map(|_| {
                let begin = Instant::now();
                work(count);
                begin.elapsed() / count as u32
            })
            .collect();
        times.sort();
        println!("{name:<16} {:>12.2?} {:>12.2?}", times[times.len() / 2], times[times.len() * 99 / 100]);
    }
}
