//! `rackstart completions` and the hidden `rackstart man`: what `make install` puts beside the program.

use std::path::{Path, PathBuf};

use clap_complete::Shell;

use super::{Failure, print, verbs};

/// Print a shell's completions of verbs and options; `make install` puts them in place.
///
/// Bash, for one session: `source <(rackstart completions bash)`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut verbs::command(), "rackstart", &mut text);
    print(&String::from_utf8_lossy(&text))
}

/// Write the man pages, one for each verb, into a folder.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The folder; it is created when it is missing.
    folder: PathBuf,
}

pub(crate) fn man(args: ManArgs) -> Result<(), Failure> {
    let folder = args.folder.as_path();
    let cannot = |error| Failure::fixable(format!("cannot write man pages to {}: {error}", folder.display()));
    write_pages(folder).map_err(cannot)
}

fn write_pages(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(verbs::command(), folder)
}
