//! The question before something that cannot be undone.

use std::io::BufRead;

use super::{Failure, print};

/// Asks for a word, which a person types only after reading what it is for. Anything else changes nothing.
pub(crate) fn type_to_go_on(what: &str, expected: &str) -> Result<(), Failure> {
    print(&format!("type {what} to go on: "))?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(Failure::fixable)?;
    match line.trim() == expected {
        true => Ok(()),
        false => Err(Failure::fixable(format!("that is not {expected}: nothing was changed"))),
    }
}
