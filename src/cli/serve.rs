//! `rackstart serve`.

use super::Failure;

/// serve
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_config: Option<&std::path::Path>, _args: Args) -> Result<(), Failure> {
    Err(Failure::bug("`serve` is being built"))
}
