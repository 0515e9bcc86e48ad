//! The words of the command line, `key=value`.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

pub struct Settings(HashMap<String, String>);

impl Settings {
    pub fn of(words: impl Iterator<Item = String>) -> Self {
        let pair = |word: String| {
            let (key, value) = word.split_once('=').unwrap_or_else(|| panic!("`{word}` is not key=value"));
            (key.to_string(), value.to_string())
        };
        Self(words.map(pair).collect())
    }

    pub fn maybe<T: FromStr<Err: Display>>(&self, key: &str) -> Option<T> {
        let text = self.0.get(key)?;
        Some(text.parse().unwrap_or_else(|error| panic!("{key}={text}: {error}")))
    }

    pub fn get<T: FromStr<Err: Display>>(&self, key: &str, default: T) -> T {
        self.maybe(key).unwrap_or(default)
    }

    pub fn need<T: FromStr<Err: Display>>(&self, key: &str) -> T {
        self.maybe(key).unwrap_or_else(|| panic!("{key}= is missing"))
    }
}
