//! `rackstart plan`.

use super::Failure;

/// plan
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_config: Option<&std::path::Path>, _args: Args) -> Result<(), Failure> {
    Err(Failure::bug("`plan` is being built"))
}
