//! `rackstart watch`.

use super::Failure;

/// watch
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_config: Option<&std::path::Path>, _args: Args) -> Result<(), Failure> {
    Err(Failure::bug("`watch` is being built"))
}
