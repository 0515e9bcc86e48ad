//! `rackstart media add`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::web::Web;
use super::{Failure, File, Output, count, mirror, print, size, tell_notes};
use crate::cli::output::json;
use crate::config::{self, Held, HeldKind, SitePaths};
use crate::media::{self, Media};
use crate::words::duration;

/// Where copies go that nobody gives another place.
const SHELF: &str = "/srv/rackstart";

/// Put an install tree or a repository into the site file, and copy it first when it is at an URL.
///
/// SOURCE is an ISO image or a folder, which is served where it lies, or the URL of a folder: that of `.treeinfo` for an
/// install tree (…/9/BaseOS/x86_64/os), that of `repodata` for a repository. A copy has all files that the metadata name;
/// each is compared with its checksum. An interrupted copy goes on where it stopped, and the same command later fetches
/// what is newer; nodes that install meanwhile find the former lists until everything that the new ones name is there.
///
/// The site file gets one block, and is checked before it is replaced; other install trees may be missing meanwhile. Of a
/// NAME that it has already, only the copy is made or renewed; its `url` is the default of SOURCE.
///
/// Example: rackstart media add rocky9 https://mirror.example/rocky/9/BaseOS/x86_64/os
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The name in the site file and in URLs.
    name: String,
    /// An ISO image, a folder, or an URL [default: the `url` in the site file].
    source: Option<String>,
    /// It is a repository, without an installer.
    #[arg(long)]
    repository: bool,
    /// The folder for a copy [default: that of the site file, else /srv/rackstart/NAME].
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Files that are fetched at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    connections: u8,
    /// Certificates of the authorities that sign for HTTPS servers, in PEM [default: those of this machine].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(serde::Serialize)]
struct Told<'a> {
    name: &'a str,
    path: &'a Path,
    url: Option<&'a str>,
    files: Option<u64>,
    bytes: Option<u64>,
    kept: Option<u64>,
    written: bool,
}

pub(super) fn run(place: SitePaths<'_>, args: &Args) -> Result<(), Failure> {
    let file = File::open(place.file)?;
    let kind = if args.repository { HeldKind::Repository } else { HeldKind::Tree };
    let known = file.shelf.iter().find(|held| held.kind == kind && held.name == args.name);
    let source = args.source.clone().or_else(|| known.and_then(|held| held.url.clone())).ok_or_else(|| {
        Failure::usage(format!("where should {} come from?", args.name))
            .hint("name an ISO image, a folder, or an URL behind the name")
    })?;
    let is_url = source.contains("://");
    let held = if is_url { at_url(args, kind, known, &source)? } else { here(args, kind, &source)? };
    if let Some(known) = known.filter(|known| known.path != held.path) {
        return Err(Failure::usage(format!("the site file has {} at {}", args.name, known.path.display()))
            .hint(format!("choose another name, or `rackstart media remove {}` first", args.name)));
    }
    let began = Instant::now();
    let copied = match &held.url {
        Some(url) => {
            let web = Web::new(url, args.ca.as_deref())?;
            Some(mirror::copy(&web, kind, &held.path, usize::from(args.connections))?)
        }
        None => None,
    };
    let block = held.block();
    let written = known.is_none();
    if written {
        let by_hand = |failure: Failure| {
            failure.hint(format!("{} is complete; its block for the site file is:\n{block}", held.path.display()))
        };
        let edited = config::with_held(&file.site.text, &held).map_err(|why| by_hand(Failure::fixable(why)))?;
        file.replace(&edited, place.templates).map_err(by_hand)?;
    }
    let mut notes = copied.as_ref().map(|copied| copied.notes.clone()).unwrap_or_default();
    if known.is_some_and(|known| known.url != held.url) && held.url.is_some() {
        notes.push(format!("the site file does not name where it comes from: add `url = \"{source}\"` to its block"));
    }
    tell_notes(&notes);
    if args.output.json {
        let record = copied.as_ref().map(|copied| &copied.record);
        return print(&json(&Told {
            name: &held.name,
            path: &held.path,
            url: held.url.as_deref(),
            files: record.map(|record| record.files),
            bytes: record.map(|record| record.bytes),
            kept: copied.as_ref().map(|copied| copied.kept),
            written,
        })?);
    }
    let mut text = String::new();
    if let Some(copied) = &copied {
        let (files, bytes, kept) = (count(copied.record.files), size(copied.record.bytes), count(copied.kept));
        let took = duration(began.elapsed().as_secs());
        let path = held.path.display();
        text.push_str(&format!(
            "{files} files, {bytes}, are in {path} after {took}; {kept} of them were there before\n"
        ));
    }
    if written {
        let next = match kind {
            HeldKind::Tree => format!("next: `install_tree = \"{}\"` for the nodes that use it", held.name),
            HeldKind::Repository => "next: `releases`, `roles` or `install_trees` say which nodes use it".into(),
        };
        text.push_str(&format!(
            "\n{block}\nwritten to {}\n{next}, then `rackstart reload`\n",
            file.site.path.display()
        ));
    } else if copied.is_none() {
        text.push_str(&format!("the site file has it already: {}\n", held.path.display()));
    }
    print(&text)
}

/// What is at an URL, and where its copy belongs.
fn at_url(args: &Args, kind: HeldKind, known: Option<&Held>, url: &str) -> Result<Held, Failure> {
    if !crate::mirror::is_address(url) {
        return Err(Failure::usage(format!(
            "{} is not the address of a folder on a web server",
            crate::words::quote(url)
        ))
        .hint("write http://HOST/PATH or https://HOST/PATH, without an account in it"));
    }
    let path = args.to.clone().or_else(|| known.map(|held| held.path.clone()));
    let path =
        std::path::absolute(path.unwrap_or_else(|| Path::new(SHELF).join(&args.name))).map_err(Failure::fixable)?;
    Ok(Held { kind, name: args.name.clone(), path, url: Some(url.trim_end_matches('/').into()) })
}

/// What is on this machine.
fn here(args: &Args, kind: HeldKind, source: &str) -> Result<Held, Failure> {
    if args.to.is_some() {
        return Err(Failure::usage("`--to` is for an URL").hint("an ISO image or a folder is served where it lies"));
    }
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::fixable(format!("{source} cannot be used: {error}")).hint("name an ISO image or a folder, or an URL")
    };
    let path = std::fs::canonicalize(source).map_err(|error| unusable(&error))?;
    let found = Media::open(&path).map_err(|error| unusable(&error))?;
    if kind == HeldKind::Repository && media::folders(&found).is_empty() {
        return Err(unusable(&"it has no repodata/repomd.xml").hint("`createrepo` makes one"));
    }
    Ok(Held { kind, name: args.name.clone(), path, url: None })
}
