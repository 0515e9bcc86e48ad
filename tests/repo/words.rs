//! Prose and comments stay within the 120 columns of docs/words.md, so that they can be read beside a diff. `cargo fmt` looks
//! after Rust; this test reads the pages and the comments of the templates.

use std::fs;
use std::path::{Path, PathBuf};

const MAX_COLUMNS: usize = 120;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder of the project, by its path from the root. Fixtures are other people's files.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root()).unwrap().to_path_buf();
        if !path.is_dir() {
            found.push(name);
        } else if !name.ends_with("fixtures") {
            found.extend(files(name.to_str().unwrap()));
        }
    }
    found
}

/// The lines of a page that a person wraps: not code, and no table, whose rows cannot be broken.
fn prose(page: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for (index, line) in page.lines().enumerate() {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        if !in_code && !is_fence && !line.starts_with('|') {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// The lines of a script or a template that are comments, those of several lines included. A line that is rendered is as
/// long as its values.
fn comments(script: &str) -> Vec<(usize, &str)> {
    let mut in_block = false;
    let mut lines = Vec::new();
    for (index, line) in script.lines().enumerate() {
        in_block |= line.trim_start().starts_with("{#");
        let is_rendered = line.contains("{{") || line.contains("{%");
        if (in_block || line.trim_start().starts_with('#')) && !is_rendered {
            lines.push((index + 1, line));
        }
        in_block &= !line.contains("#}");
    }
    lines
}

fn too_long(file: &Path, lines: Vec<(usize, &str)>) -> Vec<String> {
    let long = lines.into_iter().filter(|(_, line)| line.chars().count() > MAX_COLUMNS);
    long.map(|(number, line)| format!("{}:{number}: {} columns", file.display(), line.chars().count())).collect()
}

#[test]
fn no_line_of_prose_is_longer_than_120_columns() {
    let folders = ["docs", "firmware", "kickstart", "packaging", "templates", "tests"];
    let mut pages: Vec<PathBuf> = folders.into_iter().flat_map(files).collect();
    pages.retain(|name| name.extension().is_some_and(|ext| ext == "md"));
    pages.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(PathBuf::from));
    assert!(pages.len() > 20, "{pages:?}");
    let text = |name: &PathBuf| fs::read_to_string(root().join(name)).unwrap();
    let found: Vec<String> = pages.iter().flat_map(|name| too_long(name, prose(&text(name)))).collect();
    assert!(found.is_empty(), "wrap these lines:\n{}", found.join("\n"));
}

#[test]
fn no_comment_of_a_template_is_longer_than_120_columns() {
    let mut found = Vec::new();
    let mut read = 0;
    for name in ["kickstart", "templates"].into_iter().flat_map(files) {
        let Ok(text) = fs::read_to_string(root().join(&name)) else { continue };
        if name.extension().is_none_or(|ext| ext != "md") {
            read += 1;
            found.extend(too_long(&name, comments(&text)));
        }
    }
    assert!(read > 100, "{read}");
    assert!(found.is_empty(), "wrap these comments:\n{}", found.join("\n"));
}

#[test]
fn code_and_tables_are_no_prose_and_every_kind_of_comment_is_found() {
    let page = "one\n```\ntwo\n```\n| three |\nfour";
    assert_eq!(prose(page), [(1, "one"), (6, "four")]);
    let script = "a=1\n  # one\n{# two\nthree #}\nb=${#a}\n# {{ four }}\nd=3\n{# five #}";
    assert_eq!(comments(script), [(2, "  # one"), (3, "{# two"), (4, "three #}"), (8, "{# five #}")]);
    assert_eq!(too_long(Path::new("x"), vec![(7, &"é".repeat(120)), (8, &"é".repeat(121))]), ["x:8: 121 columns"]);
}
