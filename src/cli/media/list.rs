//! `rackstart media list`.

use std::path::Path;

use super::{Failure, File, print, size};
use crate::cli::output::json;
use crate::cli::table;
use crate::config::{self, Held};
use crate::media::{self, CopyRecord, Media};
use crate::words::duration;

/// List the install trees and repositories of the site file: what each holds, and how old a copy is.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// One of them.
#[derive(Debug, serde::Serialize)]
struct Line {
    name: String,
    kind: &'static str,
    path: String,
    /// `folder`, `image`, `copy`, `unfinished copy` or `missing`.
    form: &'static str,
    /// What its `.treeinfo` calls it.
    holds: Option<String>,
    /// Bytes, of a copy or an image.
    bytes: Option<u64>,
    /// Where a copy came from.
    url: Option<String>,
    /// When a copy was made, in seconds since 1970.
    copied: Option<u64>,
}

pub(super) fn run(named: Option<&Path>, args: &Args) -> Result<(), Failure> {
    let file = File::open(named)?;
    let lines: Vec<Line> = file.shelf.iter().map(line).collect();
    if args.json {
        return print(&json(&lines)?);
    }
    print(&text(&lines, crate::clock::unix_now()))
}

fn line(held: &Held) -> Line {
    let medium = Media::open(&held.path).ok();
    let record = medium.as_ref().and_then(CopyRecord::of);
    let (form, bytes) = match (&medium, &record) {
        (None, _) => ("missing", None),
        (Some(Media::Image(_, bytes)), _) => ("image", Some(*bytes)),
        (Some(_), Some(record)) if record.finished.is_some() => ("copy", Some(record.bytes)),
        (Some(_), Some(_)) => ("unfinished copy", None),
        (Some(_), None) => ("folder", None),
    };
    let holds = medium.as_ref().and_then(|medium| match media::folders(medium).is_empty() {
        true => config::tree_name(medium),
        false => Some(config::tree_name(medium).unwrap_or_else(|| "packages".into())),
    });
    Line {
        name: held.name.clone(),
        kind: held.kind.word(),
        path: held.path.display().to_string(),
        form,
        holds,
        bytes,
        copied: record.as_ref().and_then(|record| record.finished),
        url: record.map(|record| record.url).or_else(|| held.url.clone()),
    }
}

fn text(lines: &[Line], now: u64) -> String {
    if lines.is_empty() {
        return "the site file names no install tree and no repository; `rackstart media add` puts one into it\n"
            .into();
    }
    let mut rows = vec![["NAME", "KIND", "HOLDS", "FORM", "SIZE", "AGE", "PATH", "FROM"].map(String::from)];
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    rows.extend(lines.iter().map(|line| {
        [
            line.name.clone(),
            line.kind.into(),
            or_dash(line.holds.clone()),
            line.form.into(),
            or_dash(line.bytes.map(size)),
            or_dash(line.copied.map(|copied| duration(now.saturating_sub(copied)))),
            line.path.clone(),
            or_dash(line.url.clone()),
        ]
    }));
    table::columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_tells_its_age_and_its_origin_and_what_is_unknown_is_a_dash() {
        let line = |form, copied| Line {
            name: "rocky9".into(),
            kind: "install tree",
            path: "/srv/rackstart/rocky9".into(),
            form,
            holds: None,
            bytes: Some(1_300_000_000),
            url: Some("https://mirror.example/9".into()),
            copied,
        };
        let told = text(&[line("copy", Some(1000)), line("missing", None)], 1000 + 12 * 86_400);
        let lines: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines[1].join(" "),
            "rocky9 install tree - copy 1.3 GB 12 d /srv/rackstart/rocky9 https://mirror.example/9"
        );
        assert!(lines[2].join(" ").contains("missing 1.3 GB - /srv"), "{told}");
        assert!(text(&[], 0).contains("rackstart media add"));
    }
}
