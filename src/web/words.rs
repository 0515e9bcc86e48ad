//! Times, addresses and names of pages, as people and browsers read them.

use serde::Serialize;

use crate::percent::percent_encoded;
use crate::timeline::utc;
use crate::words::duration;

/// A moment on a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Time {
    /// For machines: `2026-11-20T08:15:43Z`.
    pub iso: String,
    /// For people: `2026-11-20 08:15:43Z`.
    pub text: String,
    /// How long ago it was, in words.
    pub ago: String,
}

impl Time {
    /// The moment `at`, seen from `now`; both in Unix seconds.
    pub(crate) fn new(at: u64, now: u64) -> Self {
        let text = utc(at);
        Self { iso: text.replace(' ', "T"), text, ago: duration(now.saturating_sub(at)) }
    }
}

/// The part of an address behind its path; parameters without a value are left out.
pub(crate) fn query(parameters: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(if out.is_empty() { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.push_str(&percent_encoded(value));
    }
    out
}

/// A text of at most so many letters.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.into();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_an_address_ends_nothing_and_begins_nothing() {
        let text = query(&[("state", ""), ("q", "a b&c=d#é/?"), ("page", "2")]);
        assert_eq!(text, "?q=a%20b%26c%3Dd%23%C3%A9%2F%3F&page=2");
        assert_eq!(query(&[("q", "")]), "");
        let time = Time::new(951_782_399, 951_782_399 + 180);
        assert_eq!((time.iso.as_str(), time.ago.as_str()), ("2000-02-28T23:59:59Z", "3 min"));
    }
}
