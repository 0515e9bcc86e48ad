//! What a node reports and gets back after a reimage: an identity by which its peers recognise it.

use std::collections::BTreeMap;

/// The longest value that is kept, in bytes.
const LONGEST: usize = 128;

/// The values that a node reported, by the name of the keepsake.
pub type Keepsakes = BTreeMap<String, String>;

/// A value that outlives the content of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepsake {
    /// What it is, for people.
    pub summary: String,
    /// How it is written.
    pub form: ValueForm,
    /// The key under which payloads of an earlier release report it.
    pub formerly: Option<String>,
}

/// The form of a value. A machine reports it and it becomes part of a shell text, so no form is unrestricted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueForm {
    /// Lower-case hexadecimal digits in groups of 8, 4, 4, 4 and 12; not all zeros.
    Uuid,
    /// Decimal digits.
    Number,
    /// Letters, digits, dots, hyphens, underscores and colons.
    Word,
}

/// A value was not kept because its form is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a value for {name}: {expected}")]
pub struct NotAKeepsake {
    /// The keepsake.
    pub name: String,
    /// The reported value, truncated.
    pub value: String,
    /// The form that the value must have.
    pub expected: &'static str,
}

impl ValueForm {
    /// The words for the forms in a blueprint.
    pub(crate) const WORDS: [(&'static str, Self); 3] =
        [("uuid", Self::Uuid), ("number", Self::Number), ("word", Self::Word)];

    fn expected(self) -> &'static str {
        match self {
            Self::Uuid => "it is written like 1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f and is not all zeros",
            Self::Number => "it is a number",
            Self::Word => "it is made of letters, digits, dots, hyphens, underscores and colons",
        }
    }

    fn allows(self, value: &str) -> bool {
        let letters = |allowed: fn(u8) -> bool| !value.is_empty() && value.bytes().all(allowed);
        match self {
            Self::Uuid => {
                let groups = value.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
                let small = letters(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
                groups && small && value.bytes().any(|byte| !matches!(byte, b'0' | b'-'))
            }
            Self::Number => letters(|byte| byte.is_ascii_digit()),
            Self::Word => letters(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':')),
        }
    }
}

impl Keepsake {
    /// Whether it can have this value; `name` is for the error.
    pub(crate) fn check(&self, name: &str, value: &str) -> Result<(), NotAKeepsake> {
        if value.len() <= LONGEST && self.form.allows(value) {
            return Ok(());
        }
        let value = value.chars().take(40).collect();
        Err(NotAKeepsake { name: name.into(), value, expected: self.form.expected() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_its_form_allows_and_nothing_else() {
        let uuid = "1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f";
        let long = "1".repeat(LONGEST + 1);
        for (form, value, good) in [
            (ValueForm::Uuid, uuid, true),
            (ValueForm::Uuid, "", false),
            (ValueForm::Uuid, "00000000-0000-0000-0000-000000000000", false),
            (ValueForm::Uuid, "1D2E3F40-5A6B-4C7D-8E9F-0A1B2C3D4E5F", false),
            (ValueForm::Uuid, "1d2e3f405a6b4c7d8e9f0a1b2c3d4e5f", false),
            (ValueForm::Uuid, "1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f\nTOKEN=x", false),
            (ValueForm::Uuid, "'; reboot; 'xxx-5a6b-4c7d-8e9f-0a1b2c3d4e5f", false),
            (ValueForm::Number, "12", true),
            (ValueForm::Number, "-1", false),
            (ValueForm::Number, long.as_str(), false),
            (ValueForm::Word, "node-1.example_a:2", true),
            (ValueForm::Word, "a b", false),
            (ValueForm::Word, "$(reboot)", false),
        ] {
            let keepsake = Keepsake { summary: String::new(), form, formerly: None };
            assert_eq!(keepsake.check("ID", value).is_ok(), good, "{form:?} {value}");
        }
    }
}
