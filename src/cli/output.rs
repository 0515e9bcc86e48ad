//! How an order prints its result: in words, or with `--json` as the bodies of the API.

use std::io::Write;

use serde::Serialize;

use super::{Failure, print};
use crate::server::api::error::ErrorBody;

/// Words for people, or JSON for programs.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Output {
    /// Print JSON: the API's answer to this order, or the `error` and `help` of a refusal.
    #[arg(long)]
    pub json: bool,
}

impl Output {
    /// Runs the verb. With `--json` a refusal goes to stdout, and the exit code stays the same.
    pub(crate) fn of(self, verb: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        let failure = match verb() {
            Err(failure) if self.json && !failure.error.is_empty() => failure,
            other => return other,
        };
        let body = ErrorBody { error: failure.error, help: failure.hints.join("; ") };
        print(&json(&body)?)?;
        Err(Failure { error: String::new(), hints: Vec::new(), ..failure })
    }

    /// Prints the answer as JSON, or else in words.
    pub(crate) fn tell<T>(
        self,
        answer: T,
        words: impl FnOnce(&T) -> String,
        body: impl FnOnce(T) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        if self.json { print(&body(answer)?) } else { print(&words(&answer)) }
    }

    /// Prints progress for people: on stdout, or on stderr when a program reads stdout.
    pub(crate) fn meanwhile(self, text: &str) -> Result<(), Failure> {
        if !self.json {
            return print(text);
        }
        // stderr may be closed.
        let _ = write!(std::io::stderr(), "{text}");
        Ok(())
    }
}

/// A value as JSON, formatted as every verb prints it.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value).map_err(Failure::bug)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn a_refusal_keeps_its_exit_code_and_is_told_once() {
        let refused = || Err(Failure::unreachable("the daemon does not answer").hint("start it").hint("or name it"));
        let told = Output { json: true }.of(refused).unwrap_err();
        assert_eq!((told.kind, told.to_string().as_str()), (Kind::Unreachable, ""));
        let told = Output { json: false }.of(refused).unwrap_err();
        assert!(told.to_string().starts_with("error: the daemon does not answer\nhelp: start it\n"));
    }
}
