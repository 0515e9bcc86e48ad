//! Conditions on the variables of a site, which occur as data in steps, in rows of the table of ports and in steps of a
//! secret.

use super::Site;

impl Site {
    /// Whether the site's variables satisfy the condition: `NAME=VALUE`, `NAME=` for an empty value, `NAME` for any
    /// other, and several joined by `&`. It must agree with `site_is` in the payload's `lib/node.sh`.
    pub(crate) fn says(&self, condition: &str) -> bool {
        let value = |name: &str| self.blueprint.variables.get(name).map(String::as_str).unwrap_or_default();
        condition.split('&').all(|word| match word.split_once('=') {
            Some((name, wanted)) => value(name) == wanted,
            None => !value(word).is_empty(),
        })
    }

    /// Returns what precedes a `?` if the condition after it holds here, or the whole text if there is no `?`.
    pub(crate) fn said<'a>(&self, text: &'a str) -> Option<&'a str> {
        match text.split_once('?') {
            Some((what, condition)) => self.says(condition).then_some(what),
            None => Some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::site::testing::paper_site;

    #[test]
    fn a_condition_is_about_the_values_of_the_site() {
        let mut site = paper_site();
        site.blueprint.variables.extend([("a".into(), "1".into()), ("b".into(), String::new())]);
        for (condition, expected) in [
            ("a=1", true),
            ("a=2", false),
            ("a", true),
            ("b", false),
            ("b=", true),
            ("a=", false),
            ("a=1&b=", true),
            ("a=1&b", false),
        ] {
            assert_eq!(site.says(condition), expected, "{condition}");
        }
        assert_eq!([site.said("x"), site.said("x?a=1"), site.said("x?a=2")], [Some("x"), Some("x"), None]);
    }
}
