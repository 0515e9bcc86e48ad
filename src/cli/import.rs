//! `rackstart import`: turns an existing kickstart into a fragment of a site file and hooks, and the file of another
//! installer into a site file.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{Failure, lint, output, print};
use crate::import::{self, Fate, Import, Line, Table, is_role_name, role_name};
use crate::render;
use crate::site::Release;

/// The tables of the files of other installers.
const TABLES: &str = "templates/import/";

/// Turn an existing kickstart into a role, a layout, packages and hooks of a site file.
///
/// A deploy.conf, the file of a deployment tool of 2011, is recognised by what it holds, and becomes a whole site file.
///
/// Without `--out` the fragment of the site file goes to stdout. Lines that are left behind are reported one by one,
/// with the reason and what to do; no line is dropped silently. Passwords, their hashes, passphrases and keys are never
/// copied.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The kickstart, such as `/root/anaconda-ks.cfg` of an installed machine; `-` reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The release that the kickstart is for: 6.3 to 6.10, 7, 8, 9 or 10 [default: what the file says in
    /// `#version=RHEL9`].
    #[arg(short, long)]
    release: Option<Release>,
    /// Name of the role [default: from the name of the file]. Not for a deploy.conf.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// Write `ROLE.toml`, and the hooks in `templates`, below this folder.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite files that are already there.
    #[arg(long, requires = "out")]
    force: bool,
    /// Print JSON: the fragment of the site file, the hooks, and what became of each line.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Report<'a> {
    role: &'a str,
    release: String,
    fragment: &'a str,
    hooks: Vec<Hook<'a>>,
    lines: Vec<Told<'a>>,
}

/// What `--json` prints of a file that becomes a whole site file.
#[derive(serde::Serialize)]
struct WholeSite<'a> {
    site: &'a str,
    lines: Vec<Told<'a>>,
}

#[derive(serde::Serialize)]
struct Hook<'a> {
    file: &'a str,
    text: &'a str,
}

/// A line that has content.
#[derive(serde::Serialize)]
struct Told<'a> {
    line: usize,
    text: &'a str,
    /// `carried` or `left`.
    fate: &'static str,
    /// Why the line was left behind, or what differs.
    note: Option<&'a str>,
    /// One thing to do.
    help: Option<&'a str>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (name, bytes) = lint::read(&args.file)?;
    if let Some(table) = table_for(&bytes)? {
        return whole_site(args, &table, &name, &String::from_utf8_lossy(&bytes));
    }
    let release = lint::release(args.release, &name, &bytes)?;
    let role = args.role.clone().unwrap_or_else(|| role_name(&name));
    if !is_role_name(&role) {
        return Err(Failure::usage(format!("{} is not a name for a role", crate::words::quote(&role)))
            .hint("use up to 32 lower-case letters, digits and inner hyphens, not `all`"));
    }
    let import = import::import(release, &name, &role, &bytes);
    if let Some(template) = &import.template {
        return Err(Failure::fixable(format!("{name}, {template}"))
            .hint(format!("`rackstart lint {}` says how to get the rendered text", args.file.display())));
    }
    let written = match &args.out {
        Some(folder) => Some(write(files(folder, &role, &import), args.force)?),
        None => None,
    };
    if args.json {
        return print(&output::json(&report(&role, release, &import))?);
    }
    let mut told = tell(&import.lines);
    match written {
        Some(files) => {
            told.push_str(&format!("wrote {}\n", files.join(", ")));
            told.push_str(&next(&import));
            print(&told)
        }
        None => {
            if !import.hooks.is_empty() {
                told.push_str(&format!("not shown: {} with its scripts; `--out DIR` writes them\n", hooks(&import)));
            }
            // stderr may be closed; the fragment says the same.
            let _ = std::io::stderr().write_all(told.as_bytes());
            print(&import.fragment)
        }
    }
}

fn hooks(import: &Import) -> String {
    let count = import.hooks.len();
    format!("{count} {}", if count == 1 { "hook" } else { "hooks" })
}

fn next(import: &Import) -> String {
    let templates = if import.hooks.is_empty() { "" } else { ", name the folder of the hooks in `[site] templates`" };
    format!("next: copy the role into the site file, give it nodes{templates}, and run `rackstart check`\n")
}

fn report<'a>(role: &'a str, release: Release, import: &'a Import) -> Report<'a> {
    let hook = |(file, text): &'a (String, String)| Hook { file, text };
    Report {
        role,
        release: release.to_string(),
        fragment: &import.fragment,
        hooks: import.hooks.iter().map(hook).collect(),
        lines: told(&import.lines),
    }
}

/// The lines that have content, for `--json`.
fn told(lines: &[Line]) -> Vec<Told<'_>> {
    let told = lines.iter().filter_map(|line| {
        let (fate, note, help) = match &line.fate {
            Fate::Silent => return None,
            Fate::Carried(note) => ("carried", note.as_deref(), None),
            Fate::Left { why, todo } => ("left", Some(why.as_str()), Some(todo.as_str())),
        };
        Some(Told { line: line.number, text: &line.text, fate, note, help })
    });
    told.collect()
}

/// The table for files of this kind; none for a kickstart.
fn table_for(bytes: &[u8]) -> Result<Option<Table>, Failure> {
    let text = String::from_utf8_lossy(bytes);
    for name in render::shipped_names().into_iter().filter(|name| name.starts_with(TABLES)) {
        let table = Table::read(&render::shipped_file(&name).unwrap_or_default())
            .map_err(|error| Failure::bug(format!("{name}: {error}")))?;
        if table.knows(&text) {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

/// Makes a site file of the file of another installer.
fn whole_site(args: &Args, table: &Table, name: &str, text: &str) -> Result<(), Failure> {
    if let Some(option) = args.role.as_ref().map(|_| "--role").or(args.release.map(|_| "--release")) {
        return Err(Failure::usage(format!("{name} is a {}, for which `{option}` means nothing", table.kind))
            .hint(format!("leave `{option}` out")));
    }
    let start = render::shipped_file(&table.site).unwrap_or_default();
    let answers = import::import_answers(table, name, text, &start);
    let written = match &args.out {
        Some(folder) => Some(write(vec![(folder.join("rackstart.toml"), answers.site.clone())], args.force)?),
        None => None,
    };
    if args.json {
        return print(&output::json(&WholeSite { site: &answers.site, lines: told(&answers.lines) })?);
    }
    let mut told = tell(&answers.lines);
    match written {
        Some(files) => {
            told.push_str(&format!(
                "wrote {}\nnext: replace MACs, addresses, disks and `[server]` by yours, and run `rackstart check`\n",
                files.join(", ")
            ));
            print(&told)
        }
        None => {
            // stderr may be closed; the site file says the same.
            let _ = std::io::stderr().write_all(told.as_bytes());
            print(&answers.site)
        }
    }
}

/// Lists what differs and what was left behind, and counts the lines of each kind.
fn tell(lines: &[Line]) -> String {
    let (mut text, mut last) = (String::new(), None);
    let mut counts = [0; 3];
    for line in lines {
        let said = match &line.fate {
            Fate::Silent => {
                counts[2] += 1;
                None
            }
            Fate::Carried(note) => {
                counts[0] += 1;
                note.as_ref().map(|note| format!("carried, but {note}"))
            }
            Fate::Left { why, todo } => {
                counts[1] += 1;
                Some(format!("left: {why}; {todo}"))
            }
        };
        let Some(said) = said else {
            last = None;
            continue;
        };
        // A section is reported once, at its first line.
        if last.replace(said.clone()).is_none_or(|last| last != said) {
            text.push_str(&format!("line {}: {}\n    {said}\n", line.number, line.text.trim()));
        }
    }
    let [carried, left, silent] = counts;
    text.push_str(&format!(
        "{} lines: {carried} carried over, {left} left behind, {silent} blank or comments\n",
        lines.len()
    ));
    text
}

/// The fragment and the hooks below a folder.
fn files(folder: &Path, role: &str, import: &Import) -> Vec<(PathBuf, String)> {
    let hook = |(path, text): &(String, String)| (folder.join("templates").join(path), text.clone());
    let fragment = (folder.join(format!("{role}.toml")), import.fragment.clone());
    std::iter::once(fragment).chain(import.hooks.iter().map(hook)).collect()
}

/// Writes all files, or none when any of them already exists.
fn write(files: Vec<(PathBuf, String)>, force: bool) -> Result<Vec<String>, Failure> {
    if let Some((there, _)) = files.iter().find(|(path, _)| !force && path.exists()) {
        return Err(Failure::fixable(format!("{} is already there", there.display()))
            .hint("name another folder, or overwrite it with `--force`"));
    }
    for (path, text) in &files {
        put(path, text, force)
            .map_err(|error| Failure::fixable(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(files.iter().map(|(path, _)| path.display().to_string()).collect())
}

fn put(path: &Path, text: &str, force: bool) -> Result<(), std::io::Error> {
    fs::create_dir_all(path.parent().ok_or(ErrorKind::InvalidInput)?)?;
    let mut options = OpenOptions::new();
    options.write(true).truncate(true);
    if force {
        options.create(true)
    } else {
        options.create_new(true)
    };
    options.open(path)?.write_all(text.as_bytes())
}
