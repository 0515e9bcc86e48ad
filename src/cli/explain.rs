//! `rackstart explain`.

use super::Failure;

/// explain
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_config: Option<&std::path::Path>, _args: Args) -> Result<(), Failure> {
    Err(Failure::bug("`explain` is being built"))
}
