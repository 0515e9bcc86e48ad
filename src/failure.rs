//! What a verb says when it cannot do its work, and the exit code that goes with it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::panic::{PanicHookInfo, UnwindSafe, catch_unwind};
use std::process::ExitCode;

/// The kind of a failure: who has to act. It alone determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The reader can fix it: exit code 1.
    Fixable,
    /// The command line is wrong, or `diff` cannot tell a difference: exit code 2.
    Usage,
    /// The daemon is not reachable: exit code 3.
    Unreachable,
    /// A defect of rackstart: exit code 70.
    Bug,
}

/// One failure, ready to print: what is wrong, and things to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The party that has to act.
    pub kind: Kind,
    /// What is wrong with which thing, without the word `error`. Empty when the text was already printed.
    pub error: String,
    /// One line each: something to do.
    pub hints: Vec<String>,
}

impl Failure {
    /// A problem that the reader can fix.
    pub(crate) fn fixable(error: impl fmt::Display) -> Self {
        Self { kind: Kind::Fixable, error: error.to_string(), hints: Vec::new() }
    }

    /// A wrong command line.
    pub(crate) fn usage(error: impl fmt::Display) -> Self {
        Self { kind: Kind::Usage, ..Self::fixable(error) }
    }

    /// The daemon does not answer.
    pub(crate) fn unreachable(error: impl fmt::Display) -> Self {
        Self { kind: Kind::Unreachable, ..Self::fixable(error) }
    }

    /// Our own defect.
    pub(crate) fn bug(error: impl fmt::Display) -> Self {
        Self { kind: Kind::Bug, ..Self::fixable(error) }
    }

    /// A panic, in one line. With RUST_BACKTRACE=1 the backtrace follows.
    pub fn panicked(panic: &PanicHookInfo<'_>) -> Self {
        let what = panic.payload_as_str().unwrap_or("no message").replace('\n', " ");
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        let mut error = format!("this is a bug of rackstart {version}, please report it: {what}{place}");
        let way = Backtrace::capture();
        if way.status() == BacktraceStatus::Captured {
            error.push_str(&format!("\n{way}"));
        }
        Self::bug(error)
    }

    /// Adds something to do.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    /// The exit code of the process.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Fixable => 1,
            Kind::Usage => 2,
            Kind::Unreachable => 3,
            Kind::Bug => 70,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.error.is_empty() {
            write!(f, "error: {}", self.error)?;
        }
        for hint in &self.hints {
            write!(f, "\nhelp: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Runs a verb. A panic, which the panic hook has already printed, becomes a failure with an empty text.
pub fn guard(verb: impl FnOnce() -> Result<(), Failure> + UnwindSafe) -> Result<(), Failure> {
    catch_unwind(verb).unwrap_or_else(|_| Err(Failure::bug("")))
}
