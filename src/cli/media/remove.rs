//! `rackstart media remove`.

use std::fs;
use std::path::Path;

use super::{Failure, File, Output, print};
use crate::cli::output::json;
use crate::cli::question::type_to_go_on;
use crate::config::{self, HeldKind, SitePaths};
use crate::media::CopyRecord;

/// Take an install tree or a repository out of the site file; its files stay unless you say otherwise.
///
/// The edited file is checked before it is replaced: while a node uses the tree, nothing changes. `--delete` deletes a
/// copy that rackstart made, after reading its name from you, and nothing else: an ISO image, or a folder that somebody
/// put there, is never deleted.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The name in the site file.
    name: String,
    /// The repository of that name, and not the install tree.
    #[arg(long)]
    repository: bool,
    /// Delete the copy as well.
    #[arg(long)]
    delete: bool,
    /// Do not ask, for scripts.
    #[arg(long, requires = "delete")]
    yes: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(serde::Serialize)]
struct Told<'a> {
    name: &'a str,
    path: &'a Path,
    deleted: bool,
}

pub(super) fn run(place: SitePaths<'_>, args: &Args) -> Result<(), Failure> {
    let file = File::open(place.file)?;
    let held = file.find(args.repository.then_some(HeldKind::Repository), &args.name)?;
    let path = held.path.display();
    if args.delete {
        if CopyRecord::read(&held.path).is_none() {
            return Err(Failure::fixable(format!("{path} is no copy that rackstart made, so it is not deleted"))
                .hint("leave `--delete` out, and delete it yourself"));
        }
        if file.shelf.iter().any(|other| other != held && other.path.starts_with(&held.path)) {
            return Err(Failure::fixable(format!("something else of the site file lies in {path}"))
                .hint("leave `--delete` out, or remove the other first"));
        }
    }
    let edited = config::without(&file.site.text, held)
        .map_err(|why| Failure::fixable(why).hint(format!("take the block of {} out by hand", held.name)))?;
    if args.delete && !args.yes {
        print(&format!("{path} is going to be deleted: {} `{}`\n", held.kind.word(), held.name))?;
        type_to_go_on("its name", &held.name)?;
    }
    file.replace(&edited, place.templates)?;
    if args.delete {
        fs::remove_dir_all(&held.path).map_err(|error| {
            Failure::fixable(format!("it is out of the site file, but {path} cannot be deleted: {error}"))
                .hint("delete the rest of it yourself")
        })?;
    }
    if args.output.json {
        return print(&json(&Told { name: &held.name, path: &held.path, deleted: args.delete })?);
    }
    let files = if args.delete { "its copy is deleted" } else { "its files stay" };
    print(&format!("`{}` is out of {}; {files}\nnext: `rackstart reload`\n", held.name, file.site.path.display()))
}
