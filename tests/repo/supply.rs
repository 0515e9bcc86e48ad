//! Where the code of others comes from, under which licences, and what must not come in: read from cargo's own account of
//! the tree, offline. cargo-deny would ask the same of the same tables; to build it takes a continuous integration machine longer
//! than the rest of the lint.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Licences that this project may be passed on with.
const LICENCES: [&str; 9] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-3-Clause",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];
/// What must not come in: TLS and its C libraries have no place in a daemon that speaks none.
const BANNED: [&str; 7] = ["aws-lc-rs", "native-tls", "openssl", "openssl-sys", "reqwest", "ring", "rustls"];
/// Crates that are there twice, and because of whom. A new one needs a line here.
const TWICE: [(&str, &str); 7] = [
    ("block-buffer", "sqlx-core 0.9 hashes with the former generation of `digest`"),
    ("cpufeatures", "the same"),
    ("crypto-common", "the same"),
    ("digest", "the same"),
    ("sha2", "the same"),
    ("hashbrown", "hashlink of sqlx-core is a version behind indexmap"),
    ("syn", "derive macros change over one by one"),
];
/// Ours that hash: all of one generation of `digest`.
const HASHING: [&str; 5] = ["argon2", "hmac", "md-5", "sha1", "sha2"];
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn account() -> Value {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
    // What other systems would need was never fetched here, and is never built.
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(account: &Value) -> impl Iterator<Item = &Value> {
    account["packages"].as_array().unwrap().iter()
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

/// Splits at a word that stands outside of all parentheses.
fn split<'a>(expression: &'a str, word: &str) -> Vec<&'a str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_i32, 0);
    for (at, letter) in expression.char_indices() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if depth == 0 && at >= from && expression[at..].starts_with(word) {
            parts.push(&expression[from..at]);
            from = at + word.len();
        }
    }
    parts.push(&expression[from..]);
    parts
}

/// Whether an SPDX expression leaves a choice that is allowed; `/` is how it was written before.
fn may_be_used(expression: &str) -> bool {
    let expression = expression.trim();
    let bare = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    if let Some(bare) = bare.filter(|bare| !bare.contains(['(', ')'])) {
        return may_be_used(bare);
    }
    let any = split(expression, " OR ");
    let all = split(expression, " AND ");
    match (any.len(), all.len()) {
        (2.., _) => any.into_iter().any(may_be_used),
        (_, 2..) => all.into_iter().all(may_be_used),
        _ => LICENCES.contains(&expression),
    }
}

#[test]
fn the_reader_of_licences_is_strict() {
    for good in ["MIT", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception OR X"]
    {
        assert!(may_be_used(good), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(GPL-3.0 OR LGPL-2.1) AND MIT", "MIT WITH Something"] {
        assert!(!may_be_used(bad), "{bad}");
    }
}

#[test]
fn every_crate_has_a_licence_that_fits_and_comes_from_the_registry_with_a_checksum() {
    let account = account();
    let lock: toml::Table =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap().parse().unwrap();
    let locked = lock["package"].as_array().unwrap().iter().filter(|package| package.get("checksum").is_some());
    let checked: BTreeSet<_> = locked.map(|package| (package["name"].as_str(), package["version"].as_str())).collect();
    let mut slips = Vec::new();
    for package in packages(&account) {
        let (name, version) = (text(package, "name"), text(package, "version"));
        let licence = text(package, "license").replace(" / ", " OR ").replace('/', " OR ");
        if !may_be_used(&licence) {
            slips.push(format!("{name} {version} has the licence `{licence}`"));
        }
        let is_ours = package["source"].is_null() && name == "rackstart";
        if !is_ours && (package["source"] != CRATES_IO || !checked.contains(&(Some(name), Some(version)))) {
            slips.push(format!("{name} {version} comes from {} or has no checksum in Cargo.lock", package["source"]));
        }
    }
    assert!(slips.is_empty(), "{}", slips.join("\n"));
}

#[test]
fn nothing_banned_comes_in_and_what_is_there_twice_has_a_reason() {
    let account = account();
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for package in packages(&account) {
        let name = text(package, "name");
        assert!(!BANNED.contains(&name), "{name} is banned; `cargo tree -i {name}` shows who wants it");
        // A library in C is one more thing to watch.
        assert!(package["links"].is_null() || name == "libsqlite3-sys", "{name} links {}", package["links"]);
        *versions.entry(name).or_default() += 1;
    }
    let twice: BTreeSet<_> = versions.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect();
    assert_eq!(twice, TWICE.into_iter().map(|(name, _)| name).collect());
}

#[test]
fn what_hashes_for_us_is_of_one_generation() {
    let account = account();
    let nodes = account["resolve"]["nodes"].as_array().unwrap();
    let node = |id: &Value| nodes.iter().find(|node| node["id"] == *id).unwrap();
    let version_in = |id: &str| id.rsplit(['@', '#']).next().unwrap_or_default().to_string();
    let root = node(&account["resolve"]["root"]);
    let mut generations = BTreeSet::new();
    for dependency in root["dependencies"].as_array().unwrap() {
        let id = dependency.as_str().unwrap();
        if HASHING.iter().any(|name| id.contains(&format!("#{name}@"))) {
            let below = node(dependency)["dependencies"].as_array().unwrap().iter().filter_map(Value::as_str);
            generations.extend(below.filter(|id| id.contains("#digest@")).map(version_in));
        }
    }
    assert_eq!(generations.len(), 1, "{generations:?}");
}
