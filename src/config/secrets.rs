//! Reads `[secret.NAME]` of a blueprint, and from `[secrets]` of the site file where the key for the secrets is.

use std::collections::BTreeMap;

use super::reader::Section;
use super::text;
use crate::site::{KeySource, SecretSpec};
use crate::words::quote;

/// Reads every `[secret.NAME]`.
pub(super) fn read(top: &Section<'_>) -> BTreeMap<String, SecretSpec> {
    let Some((_, table)) = top.table("secret", "`[secret.NAME]`") else { return BTreeMap::new() };
    let mut secrets = BTreeMap::new();
    for (name, value) in table.iter() {
        let place = format!("secret {}", quote(name.get_ref()));
        let Some(secret) = value.get_ref().as_table() else {
            top.found.report(value.span(), format!("{place} is not a table"), "write `[secret.NAME]`");
            continue;
        };
        if !is_variable(name.get_ref()) {
            let help = "use capital letters, digits and underscores: it becomes a variable of the steps";
            top.found.report(name.span(), format!("{} is not a name for a secret", quote(name.get_ref())), help);
            continue;
        }
        let section = Section::open(place, value.span(), secret, &["targets", "paper", "steps"], top.found);
        section.need("targets", "targets = [\"all\"]");
        let texts = |key: &str| section.texts(key).iter().map(|text| text.get_ref().to_string()).collect();
        let paper = section.text("paper").map(|text| text.into_inner().to_string());
        let spec = SecretSpec { targets: texts("targets"), paper, steps: texts("steps") };
        secrets.insert(name.get_ref().to_string(), spec);
    }
    secrets
}

/// Whether the name can be a variable of the steps.
pub(super) fn is_variable(name: &str) -> bool {
    let letters = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(letters) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Reads where the key is: in one place, not in two.
pub(super) fn key(section: &Section<'_>) -> KeySource {
    let file = text::absolute_path(section, "key_file");
    let credential = section.text("credential");
    match (file, credential) {
        (Some(_), Some(credential)) => {
            let message = format!("{} names a `key_file` and a `credential`", section.place);
            section.found.report(credential.span(), message, "keep one of the two");
            KeySource::None
        }
        (Some(file), None) => KeySource::File((*file.get_ref()).into()),
        (None, Some(name)) => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            if !name.get_ref().is_empty() && name.get_ref().bytes().all(plain) && !name.get_ref().starts_with('.') {
                return KeySource::Credential(name.into_inner().into());
            }
            let message = format!("{} is not the name of a systemd credential", quote(name.get_ref()));
            let help = "write the NAME of `LoadCredential=NAME:PATH`: letters, digits, hyphens, dots, underscores";
            section.found.report(name.span(), message, help);
            KeySource::None
        }
        (None, None) => KeySource::None,
    }
}
