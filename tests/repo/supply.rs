//! What cargo-deny does not check in third-party code (`tests/supply` runs it, deny.toml says what is allowed):
//! libraries in C, and one generation of digests. Read from cargo's own account of the tree, offline.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Ours that hash: all of one generation of `digest`.
const HASHING: [&str; 5] = ["argon2", "hmac", "md-5", "sha1", "sha2"];

fn account() -> Value {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
    // What other systems would need was never fetched here, and is never built.
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn sqlite_is_the_only_library_in_c_beside_the_ciphers_of_ring() {
    let account = account();
    let packages = account["packages"].as_array().unwrap();
    let linking: Vec<_> = packages.iter().filter(|package| !package["links"].is_null()).collect();
    let mut names: Vec<_> = linking.iter().map(|package| package["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["libsqlite3-sys", "ring"], "one more thing to watch");
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
