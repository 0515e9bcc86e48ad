//! `rackstart appliance`: images of one's own, sticks, and the console of the machine that runs from one.

mod build;
mod console;
mod disks;
mod state;
mod write;

use super::{Failure, print, screen, table};
use crate::config::SitePaths;

/// Make an image that boots into a serving rackstart, write it to a stick, and run its console.
///
/// `make appliance` makes the plain image; docs/appliance.md goes from there to the first node.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Build(build::Args),
    Write(write::Args),
    Console(console::Args),
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    match args.action {
        Action::Build(args) => build::run(place.templates, &args),
        Action::Write(args) => write::run(&args),
        Action::Console(args) => console::run(&args),
    }
}
