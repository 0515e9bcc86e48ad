//! `rackstart init`.

use super::Failure;

/// Write a commented site file that describes the paper's testbed.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> Result<(), Failure> {
    Err(Failure::bug("`init` is being built"))
}
