//! Rust source with its grouped imports written out, so that a search for `std::fs` also finds `use std::{fmt, fs};`.

/// Returns the lines of a source with their numbers, without comments; an import becomes one line for every name, under
/// the number of its first line, with a semicolon at its end.
pub fn expanded(source: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let mut lines = source.lines().map(|line| line.split("//").next().unwrap_or_default().trim()).zip(1..);
    while let Some((line, number)) = lines.next() {
        if !is_import(line) {
            out.push((number, line.to_string()));
            continue;
        }
        let mut import = line.to_string();
        while !import.contains(';') {
            let Some((more, _)) = lines.next() else { break };
            import.push_str(more);
        }
        let (import, rest) = import.split_once(';').unwrap_or((&import, ""));
        out.extend(names(import).into_iter().map(|name| (number, format!("{name};"))));
        out.push((number, rest.to_string()));
    }
    out
}

/// `use`, `pub use`, `pub(crate) use`.
fn is_import(line: &str) -> bool {
    let line = line.strip_prefix("pub").map_or(line, |rest| rest.split_once(' ').map_or("", |(_, rest)| rest));
    line.starts_with("use ")
}

/// `a::{b, c::{self, d}}` as `a::b`, `a::c`, `a::c::d`.
fn names(tree: &str) -> Vec<String> {
    let Some((stem, inner)) = tree.split_once('{') else {
        return vec![tree.trim().trim_end_matches("::self").to_string()];
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let (mut depth, mut from, mut branches) = (0, 0, Vec::new());
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    branches.push(&inner[from..]);
    let branches = branches.into_iter().map(str::trim).filter(|branch| !branch.is_empty());
    branches.flat_map(|branch| names(&format!("{}{branch}", stem.trim()))).collect()
}
