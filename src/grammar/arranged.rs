//! A command line in canonical form, whatever the order and the spelling of its options.

use super::line;
use super::table::{self, Takes};
use crate::site::Release;

/// Pairs of spellings that mean the same.
const ALIASES: [(&str, &str); 3] = [("partition", "part"), ("--ondrive", "--ondisk"), ("--usepart", "--onpart")];

/// A command with its words and options.
pub(crate) struct Arranged {
    /// The command, in the canonical one of its spellings.
    pub name: String,
    /// Words that are not options, in their order.
    pub plain: Vec<String>,
    /// Options as `--name` or `--name=value`, sorted.
    pub options: Vec<String>,
}

impl Arranged {
    /// Reads a line; none when it is empty, no release knows its command, or a quotation is not closed.
    pub(crate) fn read(release: Release, text: &str) -> Option<Self> {
        let words = line::split(text).ok()?;
        let (name, words) = words.split_first()?;
        let command = table::command(name)?;
        let mut arranged = Self { name: plain_name(name).into(), plain: Vec::new(), options: Vec::new() };
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            if !word.starts_with("--") {
                arranged.plain.push(word.clone());
                continue;
            }
            let (option, value) =
                word.split_once('=').map_or((word.as_str(), None), |(option, value)| (option, Some(value)));
            let takes = command.option(option, release).map_or(Takes::Nothing, |facts| facts.takes);
            // As in argparse, a value may follow `=` or be the next word.
            let next = match value {
                None if !matches!(takes, Takes::Nothing | Takes::Maybe) => words.next_if(|word| !word.starts_with('-')),
                _ => None,
            };
            let option = plain_name(option);
            let value = value.or_else(|| next.map(String::as_str));
            arranged.options.push(value.map_or_else(|| option.into(), |value| format!("{option}={value}")));
        }
        arranged.options.sort();
        Some(arranged)
    }

    /// Whether the option is given.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|given| option_name(given) == option)
    }

    /// The value of an option, if it has one.
    pub(crate) fn value(&self, option: &str) -> Option<&str> {
        self.options.iter().find_map(|given| given.strip_prefix(option)?.strip_prefix('='))
    }
}

/// Returns `--size` for `--size=500`.
pub(super) fn option_name(word: &str) -> &str {
    word.split('=').next().unwrap_or(word)
}

fn plain_name(word: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == word).map_or(word, |(_, name)| name)
}
