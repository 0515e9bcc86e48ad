//! Parses the command line, runs the verb, and turns a failure into a text and an exit code.

use std::io::Write;
use std::panic;
use std::process::ExitCode;

use rackstart::cli::Cli;
use rackstart::failure::{self, Failure};

fn main() -> ExitCode {
    // This also prints the panics of the daemon's tasks, which end the task but not the process.
    panic::set_hook(Box::new(|panic| say(&Failure::panicked(panic))));
    match failure::guard(|| Cli::read().run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure);
            failure.exit_code()
        }
    }
}

/// Prints the failure on stderr, if somebody is there to read it.
fn say(failure: &Failure) {
    let text = failure.to_string();
    if !text.is_empty() {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}
