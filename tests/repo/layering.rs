//! The pure folders hold decisions, arithmetic and rendering. They may not know sockets, clocks, files or tasks, nor the
//! modules above them. This test reads their source, so a slip fails with its file and line.

use std::fs;
use std::path::{Path, PathBuf};

use crate::imports;

/// Words that no pure folder may use.
const IMPURE: [&str; 20] = [
    "tokio",
    "axum",
    "sqlx",
    "socket2",
    "rustix",
    "hyper::",
    "std::fs",
    "std::net;",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime::now",
    "Instant::now",
    "getrandom",
    "crate::clock",
    "crate::failure",
    "print!",
    "println!",
];

/// What a file on the ground floor must not name.
const ALL: [&str; 12] =
    ["site", "plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli", "secrets", "timeline"];

/// Each pure folder, and the modules of ours it must not name.
const PURE: [(&str, &[&str]); 22] = [
    ("hex.rs", &ALL),
    ("letters.rs", &ALL),
    ("one_line.rs", &ALL),
    ("percent.rs", &ALL),
    ("unified.rs", &ALL),
    ("words.rs", &ALL),
    ("secrets", &["plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("doctor", &["plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("power", &["plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("audit", &["plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("site", &["plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("plan", &["lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("lifecycle", &["plan", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("boot", &["plan", "render", "wire", "config", "store", "server", "cli"]),
    ("render", &["wire", "config", "store", "server", "cli"]),
    ("grammar", &["plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("import", &["lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("timeline", &["plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("iso9660.rs", &["site", "plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("packages", &["plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("web", &["wire", "config", "store", "server", "cli"]),
    ("wire", &["plan", "render", "config", "store", "server", "cli"]),
];

/// Folders above the pure ones, and what they must not name.
const UPPER: [(&str, &[&str]); 5] = [
    ("failure.rs", &["site", "plan", "lifecycle", "boot", "render", "wire", "config", "store", "server", "cli"]),
    ("media", &["plan", "lifecycle", "boot", "render", "config", "store", "server", "cli"]),
    ("config", &["store", "server", "cli"]),
    ("store", &["boot", "render", "config", "server", "cli"]),
    ("server", &["cli"]),
];

#[test]
fn pure_folders_know_no_io_and_no_module_above_them() {
    let mut slips = Vec::new();
    for (folder, above) in PURE {
        let above: Vec<String> = above.iter().map(|module| format!("crate::{module}")).collect();
        let words: Vec<&str> = IMPURE.iter().copied().chain(above.iter().map(String::as_str)).collect();
        slips.extend(find(folder, &words));
    }
    assert!(slips.is_empty(), "\n{}\nmove the I/O into server, store, config::load or cli", slips.join("\n"));
}

#[test]
fn upper_folders_do_not_reach_upwards() {
    let mut slips = Vec::new();
    for (folder, above) in UPPER {
        let above: Vec<String> = above.iter().map(|module| format!("crate::{module}")).collect();
        slips.extend(find(folder, &above.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    assert!(slips.is_empty(), "\n{}", slips.join("\n"));
}

#[test]
fn files_stay_small_enough_to_read_at_one_sitting() {
    let files = sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    let long: Vec<String> = files.iter().filter(|f| lines(f) > 600).map(|f| f.display().to_string()).collect();
    assert!(long.is_empty(), "over 600 lines: {}", long.join(", "));
    let over = files.iter().filter(|f| lines(f) > 350).count();
    assert!(over * 10 <= files.len(), "{over} of {} files are over 350 lines", files.len());
}

#[test]
fn the_search_itself_finds_a_planted_slip() {
    let code = "//! tokio in a comment is no use of it\nuse std::fs;\n#[cfg(test)]\nmod tests { use std::env; }\n";
    assert_eq!(slips_in("x.rs", code, &["tokio", "std::fs", "std::env"]), ["x.rs:2: std::fs"]);
    let code = "use std::{fmt, fs};\nuse crate::{\n    site, // values\n    store::{self, Store},\n};\nfs::read(1);\n";
    assert_eq!(slips_in("x.rs", code, &["std::fs", "crate::store"]), ["x.rs:1: std::fs", "x.rs:2: crate::store"]);
    let code = "pub(crate) use std::{\n  net::{Ipv4Addr, TcpStream},\n  time::Duration};\nuse std::{net, io};";
    let words = ["std::net;", "std::net::TcpStream", "std::net::UdpSocket"];
    assert_eq!(slips_in("x.rs", code, &words), ["x.rs:1: std::net::TcpStream", "x.rs:4: std::net;"]);
}

fn find(folder: &str, words: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = sources(root.join("src").join(folder));
    assert!(!files.is_empty(), "src/{folder} has no source");
    let check = |path: &PathBuf| {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        slips_in(&name, &fs::read_to_string(path).unwrap(), words)
    };
    // Whole test files may read fixtures.
    files.iter().filter(|f| !f.ends_with("tests.rs") && !f.iter().any(|p| p == "tests")).flat_map(check).collect()
}

fn slips_in(name: &str, code: &str, words: &[&str]) -> Vec<String> {
    let product = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut slips = Vec::new();
    for (number, text) in imports::expanded(product) {
        slips.extend(words.iter().filter(|w| text.contains(*w)).map(|word| format!("{name}:{number}: {word}")));
    }
    slips.dedup();
    slips
}

pub fn sources(folder: PathBuf) -> Vec<PathBuf> {
    if folder.is_file() {
        return vec![folder];
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => files.extend(sources(path)),
            path if path.extension().is_some_and(|e| e == "rs") => files.push(path),
            _ => {}
        }
    }
    files
}
