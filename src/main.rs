//! Parses the command line, runs the verb, turns a failure into text and an exit code.

use std::io::Write;
use std::panic;
use std::process::ExitCode;

use rackstart::cli::Cli;
use rackstart::failure::{self, Failure};

fn main() -> ExitCode {
    // Tells the panics of the daemon's tasks too, which end the task and not the process.
    panic::set_hook(Box::new(|panic| say(&Failure::panicked(panic))));
    match failure::guard(|| Cli::read().run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure);
            failure.exit_code()
        }
    }
}

/// Says it on stderr, if anybody is there to read it.
fn say(failure: &Failure) {
    let text = failure.to_string();
    if !text.is_empty() {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}
