//! `rackstart reimage`.

use super::Failure;

/// reimage
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_config: Option<&std::path::Path>, _args: Args) -> Result<(), Failure> {
    Err(Failure::bug("`reimage` is being built"))
}
