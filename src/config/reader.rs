//! Reads TOML tables key by key and collects mistakes on the way, instead of stopping at the first one.
//!
//! A missing or mistyped value reads as `None` after it was reported, so callers read everything first and combine
//! last.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::problem::Problem;
use crate::words::{nearest, quote, suggest};

/// Collects mistakes and secrets while a file is read.
#[derive(Default)]
pub(super) struct Collector {
    problems: RefCell<Vec<Problem>>,
    secrets: RefCell<Vec<Range<usize>>>,
}

impl Collector {
    /// Reports a mistake.
    pub(crate) fn add(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Reports a mistake at a place.
    pub(crate) fn report(&self, at: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.add(Problem::new(at, message, help));
    }

    /// Marks a value that must never be shown.
    pub(crate) fn secret(&self, at: Range<usize>) {
        self.secrets.borrow_mut().push(at);
    }

    /// Whether a mistake was reported at exactly this place.
    pub(crate) fn has_at(&self, at: &Range<usize>) -> bool {
        self.problems.borrow().iter().any(|problem| problem.at.as_ref() == Some(at))
    }

    /// How many mistakes were reported so far.
    pub(crate) fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Returns all mistakes and the places of all secrets.
    pub(crate) fn into_parts(self) -> (Vec<Problem>, Vec<Range<usize>>) {
        (self.problems.into_inner(), self.secrets.into_inner())
    }
}

/// One table of the file, with the name that messages use for it.
pub(super) struct Section<'a> {
    /// The name of the section in messages, for example "`[server]`" or "node `srv1`".
    pub place: String,
    /// Where a missing key is shown.
    pub at: Range<usize>,
    /// Where mistakes are collected.
    pub found: &'a Collector,
    table: &'a DeTable<'a>,
    /// Known keys for which an unknown one was probably meant.
    misspelt: Vec<String>,
}

impl<'a> Section<'a> {
    /// Opens a table and reports every key that is not in `keys`.
    pub(crate) fn open(
        place: String,
        at: Range<usize>,
        table: &'a DeTable<'a>,
        keys: &[&str],
        found: &'a Collector,
    ) -> Self {
        let mut misspelt = Vec::new();
        for (key, value) in table.iter() {
            let name: &str = key.get_ref();
            // This also holds when the key is misspelt or in the wrong table: its line may be shown.
            if name.contains("password") {
                found.secret(value.span());
            }
            if !keys.contains(&name) {
                let help = suggest(name, "known keys", keys.iter().copied());
                misspelt.extend(nearest(name, keys.iter().copied()).map(str::to_string));
                found.report(key.span(), format!("{place} has unknown key {}", quote(name)), help);
            }
        }
        Self { place, at, found, table, misspelt }
    }

    /// Whether the key is there, whatever its value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether the value of the key is a whole number.
    pub(crate) fn is_number(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Integer(_)))
    }

    /// Whether the value of the key is a list.
    pub(crate) fn is_list(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| value.get_ref().is_array())
    }

    /// Whether the value of the key is a string.
    pub(crate) fn is_text(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| matches!(value.get_ref(), DeValue::String(_)))
    }

    /// Reports a required key that is missing, unless it is there with a misspelling; `example` is a line to copy.
    pub(crate) fn need(&self, key: &str, example: &str) {
        if !self.has(key) && !self.is_misspelt(key) {
            self.found.report(self.at.clone(), format!("{} has no `{key}`", self.place), format!("add `{example}`"));
        }
    }

    /// Whether an unknown key is present that was probably meant to be this one.
    pub(crate) fn is_misspelt(&self, key: &str) -> bool {
        self.misspelt.iter().any(|meant| meant == key)
    }

    /// Reads a string without control characters.
    pub(crate) fn text(&self, key: &str) -> Option<Spanned<&'a str>> {
        let value = self.table.get(key)?;
        self.as_text(key, value)
    }

    /// Reads a string as a `T`; `what` says what it should be ("an IPv4 address") and `help` how to write one.
    pub(crate) fn parse<T: std::str::FromStr>(&self, key: &str, what: &str, help: &str) -> Option<Spanned<T>> {
        let text = self.text(key)?;
        self.parse_text(text, what, help)
    }

    /// Reads a string that was already found.
    pub(crate) fn parse_text<T: std::str::FromStr>(
        &self,
        text: Spanned<&str>,
        what: &str,
        help: &str,
    ) -> Option<Spanned<T>> {
        match text.get_ref().parse() {
            Ok(value) => Some(Spanned::new(text.span(), value)),
            Err(_) => {
                let message = format!("{}: {} is not {what}", self.place, quote(text.get_ref()));
                self.found.report(text.span(), message, help);
                None
            }
        }
    }

    /// Reads one word of a closed list.
    pub(crate) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<Spanned<T>> {
        let text = self.text(key)?;
        match words.iter().find(|(word, _)| word == text.get_ref()) {
            Some((_, value)) => Some(Spanned::new(text.span(), *value)),
            None => {
                let message = format!("{} has unknown `{key}` {}", self.place, quote(text.get_ref()));
                let help = suggest(text.get_ref(), "possible words", words.iter().map(|(word, _)| *word));
                self.found.report(text.span(), message, help);
                None
            }
        }
    }

    /// Reads a whole number within limits.
    pub(crate) fn number(&self, key: &str, limits: RangeInclusive<u64>) -> Option<Spanned<u64>> {
        let value = self.table.get(key)?;
        let DeValue::Integer(number) = value.get_ref() else {
            self.mistyped(key, value, "a whole number", "write it in digits, without quotes");
            return None;
        };
        match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) if limits.contains(&number) => Some(Spanned::new(value.span(), number)),
            _ => {
                let message = format!("{}: `{key}` cannot be {}", self.place, quote(&number.to_string()));
                let help = format!("write a number from {} to {}", limits.start(), limits.end());
                self.found.report(value.span(), message, help);
                None
            }
        }
    }

    /// Reads `true` or `false`.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        let value = self.table.get(key)?;
        if value.get_ref().as_bool().is_none() {
            self.mistyped(key, value, "true or false", "write `true` or `false` without quotes");
        }
        value.get_ref().as_bool()
    }

    /// Reads a list of strings; empty when the key is missing.
    pub(crate) fn texts(&self, key: &str) -> Vec<Spanned<&'a str>> {
        let Some(array) = self.array(key, "a list of texts", "write it as [\"a\", \"b\"]") else { return Vec::new() };
        array.iter().filter_map(|value| self.as_text(key, value)).collect()
    }

    /// Opens a table below this one.
    pub(crate) fn table(&self, key: &str, example: &str) -> Option<(Range<usize>, &'a DeTable<'a>)> {
        let value = self.table.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some((value.span(), table)),
            _ => {
                self.mistyped(key, value, "a table", &format!("write {example}"));
                None
            }
        }
    }

    /// Opens a list of tables; empty when the key is missing.
    pub(crate) fn tables(&self, key: &str, example: &str) -> Vec<(Range<usize>, &'a DeTable<'a>)> {
        let help = format!("write {example}");
        let Some(array) = self.array(key, "a list of tables", &help) else { return Vec::new() };
        let mut tables = Vec::new();
        for value in array.iter() {
            match value.get_ref() {
                DeValue::Table(table) => tables.push((value.span(), table)),
                _ => self.mistyped(key, value, "a list of tables", &help),
            }
        }
        tables
    }

    fn array(&self, key: &str, wanted: &str, help: &str) -> Option<&'a DeArray<'a>> {
        let value = self.table.get(key)?;
        if value.get_ref().as_array().is_none() {
            self.mistyped(key, value, wanted, help);
        }
        value.get_ref().as_array()
    }

    fn as_text(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Option<Spanned<&'a str>> {
        let Some(text) = value.get_ref().as_str() else {
            self.mistyped(key, value, "a text", "write it in double quotes");
            return None;
        };
        // Every string may end up in a kickstart line, a shell script or a log, so none may contain a line break.
        if let Some(letter) = text.chars().find(|letter| letter.is_control()) {
            let message = format!("{}: `{key}` holds the control character U+{:04X}", self.place, u32::from(letter));
            self.found.report(value.span(), message, "write it as one line of printable text");
            return None;
        }
        Some(Spanned::new(value.span(), text))
    }

    fn mistyped(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str, help: &str) {
        let got = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.found.report(value.span(), format!("{}: `{key}` must be {wanted}, not {got}", self.place), help);
    }
}
