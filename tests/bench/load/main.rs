//! The load generators of `make bench`, and servers that answer without any work, which show how much the generators
//! themselves can do: `load KIND key=value...`, where KIND is a function of this file. Prints one line of JSON.
//!
//! Each generator is one thread that waits in epoll, compares every byte that arrives, and counts what fails.

mod dhcp;
mod figures;
mod http;
mod null;
mod settings;
mod sys;
mod tftp;

use settings::Settings;

fn main() {
    let mut words = std::env::args().skip(1);
    let kind = words.next().unwrap_or_default();
    // `cargo test --all-targets` starts benches too, with words of its own; they are not tests.
    if kind.is_empty() || kind.starts_with('-') {
        return;
    }
    let settings = Settings::of(words);
    let figures = match kind.as_str() {
        "dhcp" => dhcp::load(&settings),
        "tftp" => tftp::load(&settings),
        "http" => http::load(&settings),
        "null-dhcp" => null::dhcp(&settings),
        "null-tftp" => null::tftp(&settings),
        "null-http" => null::http(&settings),
        other => panic!("`{other}` is no kind of load"),
    };
    println!("{figures}");
}
