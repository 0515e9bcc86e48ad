//! The files for the monitoring system, held against the real promtool and against the figures that the daemon really has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// tests/repo/setup unpacks it; one of the system will do too.
fn promtool() -> Option<PathBuf> {
    let unpacked = root().join("build/promtool/promtool");
    let found = [unpacked, "/usr/bin/promtool".into()].into_iter().find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED: there is no promtool; tests/repo/setup unpacks it");
    }
    found
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join("packaging/monitoring").join(name)).unwrap()
}

#[test]
fn promtool_takes_the_scrape_and_the_rules_and_they_ring_as_told() {
    let Some(promtool) = promtool() else { return };
    let folder = tempfile::tempdir().unwrap();
    // The operator's token is not here.
    std::fs::write(folder.path().join("token"), "x").unwrap();
    let token = folder.path().join("token").display().to_string();
    let scrape = text("prometheus.yml").replace("/etc/prometheus/rackstart.token", &token);
    std::fs::write(folder.path().join("prometheus.yml"), scrape).unwrap();
    for name in ["rackstart.rules.yml", "rackstart.rules.test.yml"] {
        std::fs::write(folder.path().join(name), text(name)).unwrap();
    }
    for words in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "rackstart.rules.yml"],
        ["test", "rules", "rackstart.rules.test.yml"],
    ] {
        let output = Command::new(&promtool).current_dir(folder.path()).args(words).output().unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "promtool {}:\n{told}", words.join(" "));
    }
}

/// Every name of a figure in a text.
fn names(text: &str) -> BTreeSet<String> {
    let pieces = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    pieces.filter(|piece| piece.starts_with("rackstart_")).map(String::from).collect()
}

#[test]
fn rules_and_dashboard_and_page_name_only_figures_that_there_are() {
    let page = std::fs::read_to_string(root().join("docs/monitoring.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `rackstart_"));
    let told: BTreeSet<String> = rows.flat_map(names).collect();
    assert!(told.len() > 20, "{told:?}");
    for file in ["rackstart.rules.yml", "rackstart.rules.test.yml", "dashboard.json"] {
        let unknown: Vec<String> = names(&text(file)).into_iter().filter(|name| !told.contains(name)).collect();
        assert!(unknown.is_empty(), "{file} names figures that docs/monitoring.md has not: {unknown:?}");
    }
    serde_json::from_str::<serde_json::Value>(&text("dashboard.json")).expect("the dashboard is JSON");
}
