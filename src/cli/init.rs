//! `rackstart init`: writes the commented site file that every new site begins with, or the templates for editing.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{Failure, print};
use crate::config::{EXAMPLE, EXAMPLE_PLAIN};
use crate::render;

/// The site files that are inside rackstart.
const SITES: &str = "templates/site/";

/// Write a commented site file: the paper's testbed with every key, or with --plain a short one for servers without a
/// cloud.
///
/// The long file is the manual: it holds every key with its meaning, unit and default. Replace the MACs, the disks and
/// `[server]` with yours, then run `rackstart check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to write it; `-` prints it. Default: what `-c` names, or else `rackstart.toml`.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A short file for plain servers, without a cloud.
    #[arg(long, conflicts_with_all = ["templates", "blueprint"])]
    plain: bool,
    /// The file for this blueprint.
    #[arg(long, value_name = "NAME", conflicts_with = "templates")]
    blueprint: Option<String>,
    /// Overwrite a file that is already there.
    #[arg(long)]
    force: bool,
    /// Write rackstart's own templates below this folder instead; edit them there and name the folder in `[site]
    /// templates`.
    ///
    /// Delete those that you do not change: a copy does not follow the next release.
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    templates: Option<PathBuf>,
}

/// `config` is the path that `-c` or its environment variable names.
pub(crate) fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    if let Some(folder) = &args.templates {
        return write_templates(folder, args.force);
    }
    let output = place(config, args.output.as_deref())?;
    let (text, what) = match (&args.blueprint, args.plain) {
        (Some(name), _) => (for_blueprint(name)?, format!("a site of the blueprint {name}")),
        (None, true) => (EXAMPLE_PLAIN.into(), "plain servers, one with a role of its own".into()),
        (None, false) => (EXAMPLE.into(), "the paper's testbed, five nodes".into()),
    };
    if output == Path::new("-") {
        return print(&text);
    }
    write(output, &text, args.force)?;
    let name = output.display();
    let config = if output == Path::new("rackstart.toml") { String::new() } else { format!(" -c {name}") };
    print(&format!(
        "wrote {name}: {what}\n\
         next: replace the MACs, the disks and [server] with yours, then run `rackstart{config} check`\n"
    ))
}

/// The site file that is for a blueprint, by what it says of itself.
fn for_blueprint(name: &str) -> Result<String, Failure> {
    let files = render::shipped_names().into_iter().filter(|file| file.starts_with(SITES));
    let mut texts: BTreeMap<String, String> = files
        .filter_map(|file| render::shipped_file(&file))
        .filter_map(|text| {
            let named = text.lines().find_map(|line| line.strip_prefix("blueprint = \"")?.strip_suffix('"'))?;
            Some((named.to_string(), text))
        })
        .collect();
    texts.remove(name).ok_or_else(|| {
        let names = texts.into_keys().collect::<Vec<_>>().join(", ");
        Failure::usage(format!("there is no site file for a blueprint `{name}`"))
            .hint(format!("there are those for {names}"))
    })
}

/// Two places are one too many: writing to either would ignore the other.
fn place<'a>(config: Option<&'a Path>, output: Option<&'a Path>) -> Result<&'a Path, Failure> {
    match (config, output) {
        (Some(config), Some(output)) if output != Path::new("-") && output != config => {
            let (config, output) = (config.display(), output.display());
            Err(Failure::usage(format!("`--output {output}` and `-c {config}` name two places for the site file"))
                .hint("name one of them; `-c` may come from the variable RACKSTART_CONFIG"))
        }
        (config, output) => Ok(output.or(config).unwrap_or(Path::new("rackstart.toml"))),
    }
}

/// Writes every template to its place below `folder`.
fn write_templates(folder: &Path, force: bool) -> Result<(), Failure> {
    let (name, shipped) = (folder.display(), render::shipped());
    let there = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if there && !force {
        return Err(Failure::fixable(format!("{name} already holds files and was not changed"))
            .hint("name a new folder, or overwrite with `--force`"));
    }
    let mut made = Vec::new();
    for (template, text) in &shipped {
        let path = folder.join(template);
        let parent = path.parent().unwrap_or(folder);
        let missing: Vec<PathBuf> = parent.ancestors().take_while(|above| !above.exists()).map(PathBuf::from).collect();
        made.extend(missing.into_iter().filter(|above| !above.as_os_str().is_empty()).rev());
        let written = make_folder(parent).and_then(|()| {
            made.extend((!path.exists()).then(|| path.clone()));
            write(&path, text, force)
        });
        if let Err(failure) = written {
            // A partial set of templates would make the next attempt fail, because the folder would hold files.
            made.iter().rev().for_each(|path| {
                let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
            });
            return Err(failure);
        }
    }
    print(&format!(
        "wrote {} templates below {name}\n\
         next: change what you need, delete the others, then run `rackstart check --templates {name}`\n",
        shipped.len()
    ))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| {
        let failure = Failure::fixable(format!("cannot make the folder {}: {error}", path.display()));
        failure.hint(elsewhere(error.kind(), "name a place that you may write to with `--templates DIR`"))
    })
}

/// What to do about a place that cannot be written to.
fn elsewhere(kind: ErrorKind, usual: &'static str) -> &'static str {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room there, or name a place on another disk",
        _ => usual,
    }
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let name = path.display();
    let was_there = path.exists();
    let mut options = OpenOptions::new();
    options.write(true);
    // With `create_new` there is no moment in which a file that just appeared could be overwritten.
    let options = if force { options.create(true).truncate(true) } else { options.create_new(true) };
    let written =
        options.open(path).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    if written.is_err() && !was_there {
        // An empty or half-written site file is of no use to anybody.
        let _ = fs::remove_file(path);
    }
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::fixable(format!("{name} already exists and was not changed"))
            .hint("`--output FILE` writes elsewhere, `--force` overwrites it"),
        ErrorKind::NotFound => Failure::fixable(format!("cannot write {name}: its directory does not exist"))
            .hint("make the directory first, or name another place with `--output FILE`"),
        ErrorKind::PermissionDenied => Failure::fixable(format!("cannot write {name}: permission denied"))
            .hint("name a place that you may write to with `--output FILE`"),
        kind => Failure::fixable(format!("cannot write {name}: {error}"))
            .hint(elsewhere(kind, "name another place with `--output FILE`")),
    })
}
