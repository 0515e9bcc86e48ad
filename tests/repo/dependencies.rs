//! Every dependency has a use and a reason: `Cargo.toml`, the sources and docs/dependencies.md agree.

use std::fs;
use std::path::Path;

#[test]
fn every_dependency_is_used_and_every_explained_one_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let product = code(&root.join("src"));
    let everything = format!("{product}{}", code(&root.join("tests")));
    let page = fs::read_to_string(root.join("docs/dependencies.md")).unwrap();
    let mut known: Vec<&str> = Vec::new();
    for (table, code) in [("dependencies", &product), ("dev-dependencies", &everything)] {
        for name in manifest[table].as_table().unwrap().keys() {
            let path = format!("{}::", name.replace('-', "_"));
            assert!(code.contains(&path), "Cargo.toml: nothing in [{table}] uses `{name}`");
            assert!(page.contains(&format!("`{name}`")), "docs/dependencies.md does not say what `{name}` is for");
            known.push(name);
        }
    }
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    for name in rows.flat_map(|row| row.split('`').skip(1).step_by(2)) {
        assert!(known.contains(&name), "docs/dependencies.md explains `{name}`, which Cargo.toml does not have");
    }
}

/// All Rust source below a folder, without comments.
fn code(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| match path.extension() {
        _ if path.is_dir() => code(&path),
        Some(extension) if extension == "rs" => {
            let text = fs::read_to_string(&path).unwrap();
            text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
        }
        _ => String::new(),
    });
    texts.collect()
}
