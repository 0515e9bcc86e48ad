//! The API with 1,000 nodes and 100 events each, alone and while 100 nodes install: `cargo bench --bench api`. Prints a
//! table and asserts nothing; the figures depend on the machine, and on what else it does.
//!
//! Everything is as in the daemon: one thread for all packets and pages, the store on a real disk (`TMPDIR` chooses
//! which), each change on it before it is acknowledged. The caller has a thread of its own and one kept connection.

mod caller;
mod crowd;

use std::time::{Duration, Instant};

use caller::Caller;
use crowd::Crowd;

const NODES: usize = 1000;
const EVENTS: usize = 100;
/// Requests of each kind.
const ROUNDS: usize = 2000;

const PAGES: [(&str, &str); 7] = [
    ("count of states", "/api/v1/states"),
    ("one node", "/api/v1/nodes/node0500"),
    ("100 nodes", "/api/v1/nodes?limit=100"),
    ("500 nodes", "/api/v1/nodes?limit=500"),
    ("log of one node, 100 events", "/api/v1/nodes/node0500/timeline?limit=100"),
    ("newest 100 events of all", "/api/v1/timeline"),
    ("plan of one node", "/api/v1/nodes/node0500/plan"),
];

/// Pages for people: whole ones, as a browser gets them.
const FOR_PEOPLE: [(&str, &str); 14] = [
    ("rack, 200 tiles", "/"),
    ("rack by role", "/?group=role"),
    ("rack by place", "/?group=place"),
    ("rack, last 200 tiles", "/?page=5"),
    ("cloud", "/cloud"),
    ("site file", "/site"),
    ("difference of one node", "/site/changes/node0500"),
    ("difference of all nodes", "/site/changes"),
    ("stranger", "/strangers/52-54-00-aa-bb-02"),
    ("one node", "/nodes/node0500"),
    ("its kickstart", "/nodes/node0500/texts/kickstart"),
    ("its storage commands", "/nodes/node0500/texts/storage"),
    ("question of a reimage", "/reimage?nodes=node0500"),
    ("question of giving up", "/nodes/node0500/give-up"),
];
/// Times that each of them is opened.
const OPENED: usize = 100;
/// What the page of the site file says while thousands of texts are compared.
const COMPARING: &str = "is being compared";
/// Other pages that are open and change by themselves.
const FOLLOWERS: usize = 99;

fn main() {
    // `cargo test --all-targets` starts benches too; they are not tests.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let began = Instant::now();
    let crowd = Crowd::racked(NODES, EVENTS);
    println!("{NODES} nodes with {EVENTS} events each stored in {:.1} s", began.elapsed().as_secs_f64());
    let mut caller = Caller::of(crowd.address, &crowd.token);
    for (title, changes_per_second) in [("quiet", 0), ("100 nodes install: 100 reports a second", 100)] {
        crowd.report(changes_per_second);
        let before = crowd.written();
        let began = Instant::now();
        println!("\n{title}\n{:<32} {:>9} {:>9} {:>9} {:>9} {:>9}", "page", "kB", "p50 ms", "p99 ms", "max ms", "1/s");
        for (page, path) in PAGES {
            measure(&mut caller, page, path);
        }
        open_logs(&mut caller);
        let rate = (crowd.written() - before) as f64 / began.elapsed().as_secs_f64();
        println!("changes made durable meanwhile: {rate:.0} a second");
    }
    crowd.report(0);
    compared(&crowd);
    pages(&crowd, "pages, quiet");
    crowd.report(100);
    let mut followers: Vec<Caller> = (0..FOLLOWERS).map(|_| Caller::of(crowd.address, &crowd.token)).collect();
    let mut signed_in = Caller::of(crowd.address, &crowd.token); // the first one was idle for too long by now
    signed_in.sign_in(&crowd.token);
    for follower in &mut followers {
        follower.follow(&signed_in);
    }
    pages(&crowd, "pages, while 100 nodes install and 99 others are open");
    crowd.stop();
}

/// Looks at the site file after an edit, until the page says what a reload would change.
fn compared(crowd: &Crowd) {
    let mut person = Caller::of(crowd.address, &crowd.token);
    person.sign_in(&crowd.token);
    let began = Instant::now();
    let (_, first, _) = person.page("/site");
    while person.text("/site").contains(COMPARING) {}
    println!(
        "\nfirst look at an edited site file: first byte after {:.0} ms, {NODES} nodes compared after {:.0} ms",
        milliseconds(first),
        milliseconds(began.elapsed())
    );
}

/// Opens the pages as a person does.
fn pages(crowd: &Crowd, title: &str) {
    let mut person = Caller::of(crowd.address, &crowd.token);
    person.sign_in(&crowd.token);
    println!(
        "\n{title}\n{:<32} {:>9} {:>12} {:>12} {:>12} {:>12}",
        "page", "kB", "first p50", "first p99", "whole p50", "whole p99 ms"
    );
    for (name, path) in FOR_PEOPLE {
        let opened: Vec<_> = (0..OPENED).map(|_| person.page(path)).collect();
        let bytes = opened[0].0 as f64 / 1e3;
        let sorted = |times: Vec<Duration>| {
            let mut times = times;
            times.sort();
            let at = |part: usize| milliseconds(times[(times.len() * part).div_ceil(100) - 1]);
            (at(50), at(99))
        };
        let first = sorted(opened.iter().map(|(_, first, _)| *first).collect());
        let whole = sorted(opened.iter().map(|(.., whole)| *whole).collect());
        println!("{name:<32} {bytes:>9.1} {:>12.2} {:>12.2} {:>12.2} {:>12.2}", first.0, first.1, whole.0, whole.1);
    }
}

fn measure(caller: &mut Caller, page: &str, path: &str) {
    let mut bytes = 0;
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        bytes = caller.get(path).len();
        times.push(began.elapsed());
    }
    times.sort();
    let at = |part: usize| milliseconds(times[(times.len() * part).div_ceil(100) - 1]);
    let rate = ROUNDS as f64 / times.iter().sum::<Duration>().as_secs_f64();
    println!("{page:<32} {:>9.1} {:>9.2} {:>9.2} {:>9.2} {rate:>9.0}", bytes as f64 / 1e3, at(50), at(99), at(100));
}

/// The log of each node, one after the other, and the log of all from its first line to its last.
fn open_logs(caller: &mut Caller) {
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    for node in 0..NODES {
        let one = Instant::now();
        caller.get(&format!("/api/v1/nodes/node{node:04}/timeline?limit={EVENTS}"));
        longest = longest.max(one.elapsed());
    }
    let all = began.elapsed().as_secs_f64();
    println!("logs of {NODES} nodes, one by one: {all:.2} s, the slowest {:.2} ms", milliseconds(longest));
    let began = Instant::now();
    let (mut after, mut pages) = (0, 0);
    loop {
        let text = caller.get(&format!("/api/v1/timeline?limit=1000&after={after}"));
        let page: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        pages += 1;
        let next = page["next"].as_i64().expect("a number");
        if page["events"].as_array().is_none_or(|events| events.len() < 1000) {
            break;
        }
        after = next;
    }
    println!("whole log, {pages} pages of 1,000 events: {:.2} s", began.elapsed().as_secs_f64());
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
