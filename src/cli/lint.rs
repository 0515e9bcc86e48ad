//! `rackstart lint`: kickstarts of any origin, read as the installer of a release reads them.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::{Failure, output, print};
use crate::config::{Problem, Problems, Spot, wants_colour};
use crate::grammar::{self, Lint, Weight};
use crate::site::Release;

/// Read kickstarts as the installer of a release does, and report everything that it would stumble over.
///
/// Needs no site file. It is stricter than `ksvalidator` where the installer is: scripts are checked for quotes and
/// blocks that never end, names of disks and groups for ones that nothing creates, and leftovers of templates are
/// named. An error stops the installer or makes it do something other than what the line says; a warning marks a line
/// that the installer accepts but whose result hardly anybody wants. Warnings alone exit with 0.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The kickstarts; `-` reads one from standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The release whose installer reads them: 6.3 to 6.10, 7, 8, 9 or 10, of any family [default: what the file says
    /// in `#version=RHEL9`, as Anaconda writes it].
    #[arg(short, long)]
    release: Option<Release>,
    /// Print JSON: each file with its problems, and each problem with its place.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Report {
    /// Whether all files are free of errors.
    ok: bool,
    files: Vec<LintedFile>,
}

#[derive(serde::Serialize)]
struct LintedFile {
    file: String,
    release: String,
    ok: bool,
    problems: Vec<Told>,
}

#[derive(serde::Serialize)]
struct Told {
    severity: &'static str,
    #[serde(flatten)]
    spot: Spot,
}

/// A file that was read, with all its problems.
struct Linted {
    name: String,
    release: Release,
    problems: Problems,
    errors: usize,
    warnings: usize,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let read = args.files.iter().map(|file| {
        let (name, bytes) = read(file)?;
        let release = release(args.release, &name, &bytes)?;
        Ok(linted(name, release, &grammar::lint(release, &bytes)))
    });
    let linted: Vec<Linted> = read.collect::<Result<_, Failure>>()?;
    let is_good = linted.iter().all(|file| file.errors == 0);
    if args.json {
        let files = linted.iter().map(verdict).collect();
        print(&output::json(&Report { ok: is_good, files })?)?;
    } else {
        tell(&linted)?;
    }
    // The problems have been printed; the exit code says that there are some.
    if is_good { Ok(()) } else { Err(Failure::fixable("")) }
}

/// Reads a file; returns its name for messages and its content.
pub(super) fn read(file: &Path) -> Result<(String, Vec<u8>), Failure> {
    let is_stdin = file == Path::new("-");
    let name = if is_stdin { "standard input".into() } else { file.display().to_string() };
    let mut bytes = Vec::new();
    let read = if is_stdin { std::io::stdin().read_to_end(&mut bytes).map(|_| bytes) } else { std::fs::read(file) };
    match read {
        Ok(bytes) => Ok((name, bytes)),
        Err(error) => Err(Failure::fixable(format!("cannot read {name}: {error}"))),
    }
}

/// The release that the command line or the file names.
pub(super) fn release(named: Option<Release>, name: &str, bytes: &[u8]) -> Result<Release, Failure> {
    named.or_else(|| grammar::release_of(bytes)).ok_or_else(|| {
        Failure::usage(format!("{name} does not say which release it is for"))
            .hint("name it: `--release 9`; an installer of another release may read other commands")
    })
}

fn linted(name: String, release: Release, lint: &Lint) -> Linted {
    let starts: Vec<usize> = std::iter::once(0).chain(lint.text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let lines: Vec<&str> = lint.text.lines().collect();
    let problems = lint.complaints.iter().map(|complaint| {
        let line = lines.get(complaint.line.saturating_sub(1)).copied().unwrap_or_default();
        let start = starts.get(complaint.line.saturating_sub(1)).copied().unwrap_or(lint.text.len());
        let span = complaint.span(line);
        let doubtful = complaint.weight == Weight::Doubt;
        Problem { doubtful, ..Problem::new(start + span.start..start + span.end, &complaint.what, &complaint.help) }
    });
    let problems = Problems::new(&name, &lint.text, problems.collect(), &grammar::secrets(&lint.text));
    let warnings = problems.list().iter().filter(|problem| problem.doubtful).count();
    let errors = problems.list().len() - warnings;
    Linted { name, release, problems, errors, warnings }
}

fn verdict(file: &Linted) -> LintedFile {
    let severity = |problem: &Problem| if problem.doubtful { "warning" } else { "error" };
    let told = file.problems.list().iter().map(severity).zip(file.problems.spots());
    LintedFile {
        file: file.name.clone(),
        release: file.release.to_string(),
        ok: file.errors == 0,
        problems: told.map(|(severity, spot)| Told { severity, spot }).collect(),
    }
}

/// Prints problems to stderr, and the names of good files to stdout.
fn tell(linted: &[Linted]) -> Result<(), Failure> {
    for file in linted {
        let Linted { name, release, problems, errors, warnings } = file;
        if problems.list().is_empty() {
            print(&format!("ok: {name}, for release {release}\n"))?;
            continue;
        }
        let counted = [count(*errors, "error"), count(*warnings, "warning")].into_iter().flatten().collect::<Vec<_>>();
        let mut text = problems.show(wants_colour());
        text.push_str(&format!("{} in {name}, for release {release}", counted.join(" and ")));
        match problems.unshown() {
            0 => text.push('\n'),
            more => text.push_str(&format!("; the last {more} are not shown\n")),
        }
        // stderr may be closed; the exit code says the same.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    Ok(())
}

fn count(number: usize, what: &str) -> Option<String> {
    match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        many => Some(format!("{many} {what}s")),
    }
}
