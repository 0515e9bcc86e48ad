//! `rackstart status`.

use super::Failure;

/// status
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_config: Option<&std::path::Path>, _args: Args) -> Result<(), Failure> {
    Err(Failure::bug("`status` is being built"))
}
