//! TFTP beside its peers, over loopback: `cargo bench --bench tftp`. Prints a table and asserts nothing; the figures
//! depend on the machine, so compare only what one run prints. Peers that are not installed are named and left out.

mod client;
mod peers;

use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use client::{Terms, fetch};
use peers::Server;

/// A network boot program (the size of undionly.kpxe) and an installer's initrd.
const FILES: [(&str, usize); 2] = [("nbp", 74_000), ("initrd", 40_000_000)];

struct Case {
    title: &'static str,
    file: &'static str,
    terms: Terms,
    clients: usize,
    /// Downloads of each client.
    rounds: usize,
}

const fn case(title: &'static str, file: &'static str, terms: Terms, clients: usize, rounds: usize) -> Case {
    Case { title, file, terms, clients, rounds }
}

const fn terms(windowsize: u16, loses_every: Option<u32>) -> Terms {
    Terms { blksize: 1468, windowsize, loses_every }
}

const CASES: [Case; 7] = [
    case("40 MB, lock-step", "initrd", terms(1, None), 1, 1),
    case("40 MB, window 16", "initrd", terms(16, None), 1, 1),
    case("40 MB, window 64", "initrd", terms(64, None), 1, 1),
    case("74 kB, lock-step, 100 clients x 10", "nbp", terms(1, None), 100, 10),
    case("74 kB, window 4, 100 clients x 10", "nbp", terms(4, None), 100, 10),
    case("74 kB, lock-step, 1 % lost, 20 clients x 10", "nbp", terms(1, Some(100)), 20, 10),
    case("74 kB, window 16, 1 % lost, 20 clients x 10", "nbp", terms(16, Some(100)), 20, 10),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, peers::SERVE, directory] => return peers::serve(directory.as_ref()),
        // `cargo test --all-targets` starts benches too; they are not tests.
        _ if !arguments.iter().any(|argument| argument == "--bench") => return,
        _ => {}
    }
    let directory = tempfile::tempdir().expect("a directory for the files");
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("readable");
    for (name, len) in FILES {
        let content: Vec<u8> = (0..len).map(|at| (at ^ (at >> 9)) as u8).collect();
        std::fs::write(directory.path().join(name), content).expect("files to serve");
    }
    let servers = peers::start_all(directory.path());
    println!("{:<44} {:<12} {:>8} {:>11} {:>9} {:>9}", "case", "server", "MB/s", "transfers/s", "p99 ms", "CPU s");
    for case in &CASES {
        for server in &servers {
            measure(case, server);
        }
    }
}

fn measure(case: &Case, server: &Server) {
    let cpu_before = server.cpu_seconds();
    let started = Instant::now();
    let mut times = run_clients(case, server.address);
    let elapsed = started.elapsed().as_secs_f64();
    let cpu = match (cpu_before, server.cpu_seconds()) {
        (Some(before), Some(after)) => format!("{:.2}", after - before),
        _ => "-".into(),
    };
    let wanted = case.clients * case.rounds;
    let failed = wanted - times.len();
    times.sort();
    let p99 = times.get((times.len() * 99).div_ceil(100).saturating_sub(1)).map_or(f64::NAN, Duration::as_secs_f64);
    let bytes = FILES.iter().find(|(name, _)| *name == case.file).map_or(0, |(_, len)| *len) * times.len();
    let failed = if failed == 0 { String::new() } else { format!("  {failed} of {wanted} failed") };
    println!(
        "{:<44} {:<12} {:>8.1} {:>11.0} {:>9.1} {:>9}{failed}",
        case.title,
        server.name,
        bytes as f64 / 1e6 / elapsed,
        times.len() as f64 / elapsed,
        p99 * 1e3,
        cpu
    );
}

/// The times of the downloads that succeeded.
fn run_clients(case: &Case, server: SocketAddrV4) -> Vec<Duration> {
    let client = |n: usize| {
        // Machines differ by address, so each gets one: servers limit what one machine may take.
        let address = std::net::Ipv4Addr::new(127, 2, (n / 250) as u8, (n % 250 + 1) as u8);
        let mut turn = n as u32;
        let fetch = |_| fetch(address, server, case.file, &case.terms, &mut turn).ok();
        (0..case.rounds).filter_map(fetch).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..case.clients).map(|n| scope.spawn(move || client(n))).collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client that does not panic")).collect()
    })
}
