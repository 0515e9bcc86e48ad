//! Parses the command line, runs the verb, turns a failure into text and an exit code.

use std::process::ExitCode;

use clap::Parser;
use rackstart::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                eprintln!("{text}");
            }
            failure.exit_code()
        }
    }
}
