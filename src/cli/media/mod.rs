//! `rackstart media`: install trees and repositories, from wherever they come to the site file.

mod add;
mod fetch;
mod list;
mod mirror;
mod progress;
mod remove;
mod verify;
mod web;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use super::output::Output;
use super::site_text::SiteText;
use super::{Failure, print, tell_notes};
use crate::config::{self, Held, HeldKind, SitePaths};
use crate::words::{quote, suggest};

/// Add, list, verify and remove install trees and repositories.
///
/// An ISO image or a folder is served where it lies; an URL is copied to this machine, so that nodes need no way out. A
/// copy that was interrupted goes on where it stopped, and each file of it is compared with the checksum of its list.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Add(add::Args),
    List(list::Args),
    Verify(verify::Args),
    Remove(remove::Args),
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    match args.what {
        What::Add(args) => {
            let output = args.output;
            output.of(|| add::run(place, &args))
        }
        What::List(args) => list::run(place.file, &args),
        What::Verify(args) => {
            let output = args.output;
            output.of(|| verify::run(place.file, &args))
        }
        What::Remove(args) => {
            let output = args.output;
            output.of(|| remove::run(place, &args))
        }
    }
}

/// The site file as text: `check` may refuse it, because a tree is not there yet.
struct File {
    site: SiteText,
    shelf: Vec<Held>,
}

impl File {
    fn open(named: Option<&Path>) -> Result<Self, Failure> {
        let site = SiteText::open(named)?;
        let shelf = config::shelf(&site.text);
        Ok(Self { site, shelf })
    }

    /// Whatever has that name.
    fn find(&self, kind: Option<HeldKind>, name: &str) -> Result<&Held, Failure> {
        let mut found = self.shelf.iter().filter(|held| held.name == name && kind.is_none_or(|kind| kind == held.kind));
        match (found.next(), found.next()) {
            (Some(held), None) => Ok(held),
            (Some(_), Some(_)) => Err(Failure::usage(format!("an install tree and a repository are called {name}"))
                .hint("say `--repository` for the repository")),
            _ => {
                let names = self.shelf.iter().map(|held| held.name.as_str());
                Err(Failure::usage(format!("no install tree or repository is called {}", quote(name)))
                    .hint(suggest(name, "names", names)))
            }
        }
    }

    /// Proves the edited text, and puts it in the place of the file. Another tree may be missing: it may be the next one
    /// that is added.
    fn replace(&self, edited: &str, templates: Option<&Path>) -> Result<(), Failure> {
        tell_notes(&config::load_edited_to_plan(&self.site.path, edited, templates)?.notes);
        self.site.replace(edited)
    }
}

/// Does the work for each item, on so many threads, and returns the results in the order of the items. After some errors
/// nothing new is begun, and what was not begun has no result.
fn on_threads<T: Sync, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Vec<Option<Result<R, E>>> {
    const MAX_ERRORS: usize = 6;
    let (next, errors) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Vec<Mutex<Option<Result<R, E>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let some = || {
        while errors.load(Relaxed) < MAX_ERRORS {
            let at = next.fetch_add(1, Relaxed);
            let (Some(item), Some(result)) = (items.get(at), results.get(at)) else { break };
            let done = work(item);
            errors.fetch_add(usize::from(done.is_err()), Relaxed);
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        }
    };
    std::thread::scope(|scope| (0..threads.clamp(1, items.len().max(1))).for_each(|_| drop(scope.spawn(some))));
    results.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// Bytes as people read them, in the units of vendors: `3.2 GB`.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, word)) => format!("{}.{} {word}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

/// A number with its thousands apart.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_numbers_read_as_people_say_them() {
        let sizes = [0, 999, 1_000, 1_250_000, 3_290_000_000, 12_000_000_000_000].map(size);
        assert_eq!(sizes, ["0 bytes", "999 bytes", "1.0 kB", "1.2 MB", "3.2 GB", "12.0 TB"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
