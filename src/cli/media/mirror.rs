//! A whole tree or repository from a web server. Nodes that install meanwhile find the former copy complete: the files
//! that name others take their places last.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, statvfs, syncfs};
use sha2::{Digest, Sha256};

use super::fetch::{Got, beside, fetch};
use super::progress::Progress;
use super::web::{Refused, Web};
use super::{Failure, count, on_threads, size};
use crate::config::HeldKind;
use crate::hex::hex;
use crate::media::{CopyRecord, MAX_INDEX_BYTES, SEVERAL, read_packages};
use crate::mirror::{INDEX, Piece, TREEINFO, below, of_treeinfo};
use crate::packages::{self, Kind};

/// What a new list is called until everything that it names is there.
const NEW: &str = ".new";
/// How many files that did not come are named.
const MAX_NAMED: usize = 5;
const AGAIN: &str = "run the same command again: it goes on where it stopped";

/// A copy that is complete.
pub(super) struct Copied {
    /// Its record.
    pub record: CopyRecord,
    /// How many of its files were there before.
    pub kept: u64,
    /// What somebody should know of it.
    pub notes: Vec<String>,
}

/// Copies what is at the address of `web` into that folder, with so many connections.
pub(super) fn copy(web: &Web, kind: HeldKind, folder: &Path, connections: usize) -> Result<Copied, Failure> {
    claim(folder, &web.url)?;
    let _locked = lock(folder)?;
    let lists = Lists::fetch(web, kind)?;
    let parts = lists.parts()?;
    let counted = Progress::new("copied", parts.len() as u64, known_bytes(&parts));
    let held = |piece: &Piece| beside(&folder.join(&piece.path), NEW);
    all_of(web, &parts, &counted, connections, &|piece| {
        // A list that did not change needs no second name.
        let here = folder.join(&piece.path);
        if here.exists() && !held(piece).exists() { here } else { held(piece) }
    })?;
    let newest =
        |piece: &Piece| Some(held(piece)).filter(|new| new.exists()).unwrap_or_else(|| folder.join(&piece.path));
    let pieces = lists.pieces(&newest)?;
    let bytes = known_bytes(&pieces);
    room(folder, &pieces)?;
    let progress = Progress::new("copied", pieces.len() as u64, bytes);
    let got = all_of(web, &pieces, &progress, connections, &|piece| folder.join(&piece.path))?;
    let unwritten =
        |error: io::Error| Failure::fixable(format!("cannot write {}: {error}", folder.display())).hint(AGAIN);
    for piece in &parts {
        let new = held(piece);
        if new.exists() {
            fs::rename(&new, folder.join(&piece.path)).map_err(unwritten)?;
        }
    }
    for (path, text) in &lists.texts {
        put(folder, path, text).map_err(unwritten)?;
    }
    let here = |got: &&Got| **got != Got::Absent;
    let record = CopyRecord {
        url: web.url.clone(),
        finished: Some(crate::clock::unix_now()),
        files: got.iter().filter(here).count() as u64 + parts.len() as u64 + lists.texts.len() as u64,
        bytes: progress.bytes() + counted.bytes(),
        roots: lists.texts.iter().map(|(path, text)| (path.clone(), hex(&Sha256::digest(text)))).collect(),
    };
    File::open(folder).and_then(|folder| Ok(syncfs(folder)?)).map_err(unwritten)?;
    record.write(folder).map_err(unwritten)?;
    let mut notes = Vec::new();
    if web.url.starts_with("http://") {
        notes.push(
            "it came over HTTP: the checksums show damage, and not whether somebody changed it on the way".into(),
        );
    }
    Ok(Copied { record, kept: got.iter().filter(|got| **got == Got::Kept).count() as u64, notes })
}

/// The files from which all others are known, as the server has them now.
struct Lists {
    folders: Vec<String>,
    /// By path, in the order in which they take their places.
    texts: Vec<(String, Vec<u8>)>,
}

impl Lists {
    fn fetch(web: &Web, kind: HeldKind) -> Result<Self, Failure> {
        let text = |path: &str, most: u64| match web.text(path, most) {
            Ok(text) => Ok(Some(text)),
            Err(Refused::Missing) => Ok(None),
            Err(why) => {
                let help = match why {
                    Refused::Untrusted(_) => "name the certificate of the authority that signs for it with `--ca`",
                    _ => "look at the address in a browser; behind a proxy set `https_proxy` or `http_proxy`",
                };
                Err(Failure::fixable(format!("cannot fetch {path} from {}: {why}", web.url)).hint(help))
            }
        };
        let mut found = BTreeMap::new();
        for folder in std::iter::once("").chain(SEVERAL) {
            if folder.is_empty() || !found.contains_key("") {
                found.extend(text(&below(folder, INDEX), MAX_INDEX_BYTES)?.map(|text| (folder.to_string(), text)));
            }
        }
        let nothing = |file: &str, help: &str| Failure::fixable(format!("{} has no {file}", web.url)).hint(help);
        if found.is_empty() {
            return Err(nothing(INDEX, "name the folder that holds `repodata`, such as …/BaseOS/x86_64/os"));
        }
        let folders = found.keys().cloned().collect();
        let mut texts: Vec<_> = found.into_iter().map(|(folder, text)| (below(&folder, INDEX), text)).collect();
        if kind == HeldKind::Tree {
            let help = "it has packages but no installer: add it with `--repository`, or name an install tree";
            texts.push((TREEINFO.into(), text(TREEINFO, 1 << 20)?.ok_or_else(|| nothing(TREEINFO, help))?));
        }
        Ok(Self { folders, texts })
    }

    /// The other metadata of all repositories.
    fn parts(&self) -> Result<Vec<Piece>, Failure> {
        let of = |folder: &String| Ok(self.index(folder)?.iter().map(|part| Piece::of_part(folder, part)).collect());
        let all: Result<Vec<Vec<Piece>>, Failure> = self.folders.iter().map(of).collect();
        all.map(|all| all.concat())
    }

    fn index(&self, folder: &str) -> Result<Vec<packages::Part>, Failure> {
        let path = below(folder, INDEX);
        let text = self.texts.iter().find(|(known, _)| *known == path).map_or(&[][..], |(_, text)| text);
        packages::index(text).map_err(|why| Failure::fixable(format!("{path}: {why}")).hint("choose another mirror"))
    }

    /// The packages, and the files of the installer; `place` says where a part is.
    fn pieces(&self, place: &dyn Fn(&Piece) -> PathBuf) -> Result<Vec<Piece>, Failure> {
        let mut pieces = Vec::new();
        let damaged = |path: &str, why: &dyn std::fmt::Display| {
            Failure::fixable(format!("{path}: {why}")).hint("choose another mirror")
        };
        for folder in &self.folders {
            for part in self.index(folder)?.iter().filter(|part| part.kind == Kind::Primary) {
                let piece = Piece::of_part(folder, part);
                let file = File::open(place(&piece)).map_err(|error| damaged(&piece.path, &error))?;
                let mut keep = |package| pieces.push(Piece::of_package(folder, package));
                read_packages(file.take(1 << 30), &mut keep).map_err(|why| damaged(&piece.path, &why))?;
            }
        }
        if let Some((path, text)) = self.texts.iter().find(|(path, _)| path == TREEINFO) {
            pieces.extend(of_treeinfo(&String::from_utf8_lossy(text)).map_err(|why| damaged(path, &why))?);
        }
        // Two connections that fetch one file would write into one another.
        pieces.sort_by(|one, other| one.path.cmp(&other.path));
        pieces.dedup_by(|one, other| one.path == other.path);
        Ok(pieces)
    }
}

/// Fetches all of them; the error names some of those that did not come.
fn all_of(
    web: &Web,
    pieces: &[Piece],
    progress: &Progress,
    connections: usize,
    place: &(dyn Fn(&Piece) -> PathBuf + Sync),
) -> Result<Vec<Got>, Failure> {
    let one = |piece: &Piece| fetch(web, piece, &place(piece), progress);
    let got = progress.during(|| on_threads(pieces, connections, one));
    let wrong: Vec<_> =
        pieces.iter().zip(&got).filter_map(|(piece, got)| Some((piece, got.as_ref()?.as_ref().err()?))).collect();
    if wrong.is_empty() {
        return Ok(got.into_iter().flatten().flatten().collect());
    }
    let named = wrong.iter().take(MAX_NAMED).map(|(piece, why)| format!("{}: {why}", piece.path)).collect::<Vec<_>>();
    let more = if wrong.len() > MAX_NAMED { ", and others" } else { "" };
    Err(Failure::fixable(format!("not copied from {}: {}{more}", web.url, named.join("; "))).hint(AGAIN))
}

fn known_bytes(pieces: &[Piece]) -> u64 {
    pieces.iter().filter_map(|piece| piece.size).sum()
}

/// Refuses when the rest has no room, before it is fetched.
fn room(folder: &Path, pieces: &[Piece]) -> Result<(), Failure> {
    let here = |piece: &Piece| fs::metadata(folder.join(&piece.path)).map_or(0, |about| about.len());
    let wanted: u64 = pieces.iter().map(|piece| piece.size.unwrap_or(0).saturating_sub(here(piece))).sum();
    let about =
        statvfs(folder).map_err(|error| Failure::fixable(format!("cannot look at {}: {error}", folder.display())))?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    if wanted <= free {
        return Ok(());
    }
    let (files, wanted, free) = (count(pieces.len() as u64), size(wanted), size(free));
    Err(Failure::fixable(format!(
        "{} has room for {free}, and {wanted} of {files} files are to come",
        folder.display()
    ))
    .hint("make room, or name another folder with `--to`"))
}

/// Makes the folder a copy of that address, unless it is something else.
fn claim(folder: &Path, url: &str) -> Result<(), Failure> {
    let shown = folder.display();
    let unusable = |error: io::Error| {
        Failure::fixable(format!("cannot use the folder {shown}: {error}")).hint("name another one with `--to`")
    };
    if let Some(record) = CopyRecord::read(folder) {
        return match record.url == url {
            true => Ok(()),
            false => Err(Failure::fixable(format!("{shown} is a copy of {}", record.url))
                .hint("name another folder with `--to`, or remove that copy first")),
        };
    }
    fs::create_dir_all(folder).map_err(unusable)?;
    if fs::read_dir(folder).map_err(unusable)?.next().is_some() {
        return Err(Failure::fixable(format!("{shown} holds something else than a copy that rackstart made"))
            .hint("name an empty folder with `--to`; a DVD that was copied by hand needs no URL"));
    }
    CopyRecord { url: url.into(), ..CopyRecord::default() }.write(folder).map_err(unusable)
}

/// Holds the folder, so that two commands do not write into one another.
fn lock(folder: &Path) -> Result<File, Failure> {
    let held = File::open(folder).and_then(|open| {
        flock(&open, FlockOperation::NonBlockingLockExclusive)?;
        Ok(open)
    });
    held.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Failure::fixable(format!("another command copies into {}", folder.display())),
        _ => Failure::fixable(format!("cannot hold {}: {error}", folder.display())),
    })
}

/// Writes a list; readers see the former one or this one.
fn put(folder: &Path, path: &str, text: &[u8]) -> io::Result<()> {
    let target = folder.join(path);
    let new = beside(&target, NEW);
    fs::create_dir_all(target.parent().unwrap_or(folder))?;
    fs::write(&new, text)?;
    File::open(&new)?.sync_all()?;
    fs::rename(new, target)
}
