//! `rackstart media verify`.

use std::path::Path;

use super::progress::Progress;
use super::{Failure, File, Output, count, on_threads, print, size};
use crate::cli::output::json;
use crate::config::Held;
use crate::media::{self, Media};

/// How many wrong files are named.
const MAX_NAMED: usize = 20;

/// Read every file that the lists of a tree or a repository name, and compare it with its checksum.
///
/// `.treeinfo` proves the installer's files, `repomd.xml` the metadata, these the packages, and SHA256SUMS what rackstart
/// made for Debian. For a copy, the lists too are those that came. Nothing is changed: `rackstart media add NAME` fetches
/// again what is wrong in a copy. Exit code 1 when anything is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which of them [default: all of the site file].
    names: Vec<String>,
    #[command(flatten)]
    pub output: Output,
}

/// What was found in one of them.
#[derive(Debug, serde::Serialize)]
struct Verdict {
    name: String,
    kind: &'static str,
    path: String,
    files: u64,
    bytes: u64,
    /// Files of which nothing says what they should be.
    unproved: u64,
    wrong: Vec<Wrong>,
}

#[derive(Debug, serde::Serialize)]
struct Wrong {
    path: String,
    why: String,
}

pub(super) fn run(named: Option<&Path>, args: &Args) -> Result<(), Failure> {
    let file = File::open(named)?;
    for name in args.names.iter().filter(|name| file.shelf.iter().all(|held| held.name != **name)) {
        file.find(None, name)?; // says what is near
    }
    let is_chosen = |held: &&Held| args.names.is_empty() || args.names.contains(&held.name);
    let chosen = file.shelf.iter().filter(is_chosen);
    let verdicts: Vec<Verdict> = chosen.map(verify).collect();
    let wrong = verdicts.iter().any(|verdict| !verdict.wrong.is_empty());
    match args.output.json {
        true => print(&json(&verdicts)?)?,
        false => print(&verdicts.iter().map(text).collect::<String>())?,
    }
    if wrong { Err(Failure { error: String::new(), ..Failure::fixable("") }) } else { Ok(()) }
}

fn verify(held: &Held) -> Verdict {
    let mut verdict = Verdict {
        name: held.name.clone(),
        kind: held.kind.word(),
        path: held.path.display().to_string(),
        files: 0,
        bytes: 0,
        unproved: 0,
        wrong: Vec::new(),
    };
    let whole = |why: String| vec![Wrong { path: held.path.display().to_string(), why }];
    let medium = match Media::open(&held.path) {
        Ok(medium) => medium,
        Err(error) => return Verdict { wrong: whole(error.to_string()), ..verdict },
    };
    let pieces = match media::pieces(&medium) {
        Ok(pieces) => pieces,
        Err(why) => return Verdict { wrong: whole(why), ..verdict },
    };
    let all = pieces.iter().filter_map(|piece| piece.size).sum();
    let progress = Progress::new("compared", pieces.len() as u64, all);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let one = |piece: &crate::mirror::Piece| {
        let found = media::examine(&medium, piece);
        progress.add(*found.as_ref().unwrap_or(&0));
        progress.file();
        // An error here would end the others.
        Ok::<_, ()>(found)
    };
    let found = progress.during(|| on_threads(&pieces, threads, one));
    for (piece, found) in pieces.iter().zip(found) {
        match found {
            Some(Ok(Ok(bytes))) => {
                verdict.files += u64::from(bytes > 0 || !piece.is_optional);
                verdict.bytes += bytes;
                verdict.unproved += u64::from(piece.checksum.is_none() && bytes > 0);
            }
            Some(Ok(Err(why))) => verdict.wrong.push(Wrong { path: piece.path.clone(), why }),
            _ => {}
        }
    }
    if pieces.is_empty() {
        verdict.wrong = whole("it has no list that could prove it: no .treeinfo, repodata or SHA256SUMS".into());
    }
    verdict
}

fn text(verdict: &Verdict) -> String {
    let (files, bytes) = (count(verdict.files), size(verdict.bytes));
    let mut text = format!("{} `{}`: {files} files, {bytes}", verdict.kind, verdict.name);
    if verdict.unproved > 0 {
        text.push_str(&format!(", {} of them in no list", count(verdict.unproved)));
    }
    text.push_str(match verdict.wrong.is_empty() {
        true => ": as their lists say\n",
        false => "\n",
    });
    for wrong in verdict.wrong.iter().take(MAX_NAMED) {
        text.push_str(&format!("  wrong: {}: {}\n", wrong.path, wrong.why));
    }
    if verdict.wrong.len() > MAX_NAMED {
        text.push_str(&format!("  and {} more\n", count((verdict.wrong.len() - MAX_NAMED) as u64)));
    }
    text
}
