//! What lies at the top of the repository: a file that somebody's try left there is found before it is committed for good.

use std::path::Path;
use std::process::Command;

const KNOWN: [&str; 18] = [
    ".ci",
    ".gitignore",
    ".rustfmt.toml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "deny.toml",
    "docs",
    "firmware",
    "kickstart",
    "packaging",
    "src",
    "templates",
    "tests",
];

#[test]
fn the_top_level_has_only_what_belongs_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // An archive of the sources has no history, and so nothing that slipped into it.
    let Ok(output) = Command::new("git").args(["ls-files"]).current_dir(root).output() else { return };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut there: Vec<&str> = text.lines().filter_map(|path| path.split('/').next()).collect();
    there.sort_unstable();
    there.dedup();
    let strange: Vec<&str> = there.into_iter().filter(|name| !KNOWN.contains(name)).collect();
    assert!(strange.is_empty(), "these do not belong at the top of the repository: {strange:?}");
}
