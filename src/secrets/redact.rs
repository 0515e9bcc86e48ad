//! Removes known secrets from free text: the last lines of a step's log may contain anything.

use super::{MASK, SecretValue};

use crate::percent::percent_encoded;

/// The shortest part of a secret that is also removed where the text was cut off.
const SHORTEST_PART: usize = 6;

/// The secrets to look for, in every spelling in which they may appear.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    /// Longest first, so that a secret that contains another one is replaced as a whole.
    spellings: Vec<zeroize::Zeroizing<String>>,
}

impl Redactor {
    /// Makes a redactor that looks for these values.
    pub(crate) fn new<'a>(values: impl Iterator<Item = &'a SecretValue>) -> Self {
        let mut spellings: Vec<String> = values.flat_map(|value| spellings(value.reveal())).collect();
        spellings.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        spellings.dedup();
        Self { spellings: spellings.into_iter().map(Into::into).collect() }
    }

    /// Returns the text with `***` in place of each secret, and of a part of a secret where the text was cut off;
    /// `None` when the text contains no secret, so that the usual case copies nothing.
    pub(crate) fn find(&self, text: &str) -> Option<String> {
        let mut clean: Option<String> = None;
        for spelling in &self.spellings {
            let seen = clean.as_deref().unwrap_or(text);
            if seen.contains(spelling.as_str()) {
                clean = Some(seen.replace(spelling.as_str(), MASK));
            }
        }
        for spelling in &self.spellings {
            let seen = clean.as_deref().unwrap_or(text);
            if let Some(part) = longest(spelling, |part| seen.starts_with(part), |at| spelling.get(at..)) {
                clean = Some(format!("{MASK}{}", &seen[part..]));
            }
            let seen = clean.as_deref().unwrap_or(text);
            let end = |part: &str| seen.ends_with(part);
            if let Some(part) = longest(spelling, end, |at| spelling.get(..spelling.len() - at)) {
                clean = Some(format!("{}{MASK}", &seen[..seen.len() - part]));
            }
        }
        clean
    }

    /// Returns the text without secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.find(text).unwrap_or_else(|| text.to_string())
    }

    /// Cleans a text in place.
    pub(crate) fn wash(&self, text: &mut String) {
        if let Some(clean) = self.find(text) {
            *text = clean;
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor of {} spellings", self.spellings.len())
    }
}

/// Length of the longest proper part of a secret for which `fits` holds; `part(n)` is the secret without n of its
/// bytes.
fn longest<'a>(secret: &str, fits: impl Fn(&str) -> bool, part: impl Fn(usize) -> Option<&'a str>) -> Option<usize> {
    let left_out = 1..secret.len().saturating_sub(SHORTEST_PART - 1);
    left_out.filter_map(part).find(|part| fits(part)).map(str::len)
}

/// The plain value, and as shells, URLs and JSON write it.
fn spellings(value: &str) -> Vec<String> {
    let json = serde_json::to_string(value).unwrap_or_default();
    let percent = percent_encoded(value);
    let mut all = vec![
        value.to_string(),
        value.replace('\'', "'\\''"),
        percent.clone(),
        // A form writes a blank as a plus sign.
        percent.replace("%20", "+"),
        json.trim_matches('"').to_string(),
        // The spelling of `{:?}` and of a log's own quoting.
        value.escape_debug().to_string(),
        value.replace('\\', "\\\\").replace('"', "\\\""),
        value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
    ];
    all.retain(|spelling| spelling.len() >= SHORTEST_PART);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(values: &[&str]) -> Redactor {
        let values: Vec<SecretValue> = values.iter().map(|v| SecretValue::new(v.to_string()).unwrap()).collect();
        Redactor::new(values.iter())
    }

    #[test]
    fn every_spelling_of_a_secret_goes() {
        let redactor = redactor(&["it's \"5 % & more\" $x"]);
        for text in [
            "mysql -p it's \"5 % & more\" $x done",
            "mysql -p 'it'\\''s \"5 % & more\" $x' done",
            "GET /?p=it%27s%20%225%20%25%20%26%20more%22%20%24x done",
            "GET /?p=it%27s+%225+%25+%26+more%22+%24x done",
            r#"{"p": "it's \"5 % & more\" $x done"}"#,
        ] {
            let clean = redactor.clean(text);
            assert!(clean.contains(MASK) && !clean.contains("more"), "{clean}");
            assert!(clean.contains("done"), "{clean}");
        }
        assert_eq!(redactor.find("nothing to see"), None);
    }

    #[test]
    fn a_secret_that_was_cut_in_two_goes_with_its_text() {
        let redactor = redactor(&["abcdefghijklmnop"]);
        for (text, expected) in [
            ("ghijklmnop is the end of it", "*** is the end of it"),
            ("password: abcdefghi", "password: ***"),
            ("fghijklmnop", "***"),
            ("lmnop is too short to tell", "lmnop is too short to tell"),
        ] {
            assert_eq!(redactor.clean(text), expected);
        }
    }

    #[test]
    fn a_secret_that_holds_another_one_goes_as_a_whole() {
        let redactor = redactor(&["glancepassword", "glancepasswordmysql"]);
        assert_eq!(redactor.clean("a glancepasswordmysql b glancepassword"), "a *** b ***");
    }
}
