//! Turns an existing kickstart into a role, a layout, packages and hooks of a site file, and the file of another
//! installer into a site file (`answers`). Text in, texts out.
//!
//! Every line is accounted for: it is carried over, carried over with a difference that is stated, left behind with a
//! reason and something to do, or it means nothing (blanks and comments).

mod answers;
#[cfg(test)]
mod answers_tests;
mod arrange;
mod autopart;
mod commands;
mod prove;
mod read;
mod scripts;
mod sizes;
mod storage;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use answers::{Table, import as import_answers};

use crate::grammar::{self, Weight};
use crate::site::{Layout, Release};

/// What became of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A blank line, or a comment of the file itself.
    Silent,
    /// The line is in the fragment or in a hook; with the difference, if there is one.
    Carried(Option<String>),
    /// The line was left behind.
    Left {
        /// The reason: lower case, no full stop.
        why: String,
        /// One thing to do.
        todo: String,
    },
}

/// A line of the file and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The line number, from 1.
    pub number: usize,
    /// The line, with asterisks in place of its secrets.
    pub text: String,
    /// What became of it.
    pub fate: Fate,
}

/// What a kickstart becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// A piece of a site file: the role with its layout, and users.
    pub fragment: String,
    /// Hooks by their path below the folder of templates.
    pub hooks: Vec<(String, String)>,
    /// Every line of the kickstart, in order.
    pub lines: Vec<Line>,
    /// The layout that the storage lines became; none when one that the layout cannot do without was left behind.
    pub layout: Option<Layout>,
    /// The kind of template that the text is instead of a kickstart, in prose.
    pub template: Option<String>,
}

impl Fate {
    fn carried() -> Self {
        Self::Carried(None)
    }

    fn differs(how: impl Into<String>) -> Self {
        Self::Carried(Some(how.into()))
    }

    fn left(why: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::Left { why: why.into(), todo: todo.into() }
    }
}

/// Whether the name can be that of a role: lower-case letters, digits and inner hyphens.
pub(crate) fn is_role_name(name: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    (1..=32).contains(&name.len())
        && name.chars().all(letters)
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !name.ends_with('-')
        && name != "all"
}

/// Derives a name for a role from the name of a file.
pub(crate) fn role_name(file: &str) -> String {
    let stem = file.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
    let letters = stem.to_ascii_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let name: String = letters.trim_matches(|letter: char| !letter.is_ascii_lowercase()).chars().take(32).collect();
    let name = name.trim_end_matches('-');
    if is_role_name(name) { name.into() } else { "imported".into() }
}

/// Reads a kickstart for a release. `file` is its name for messages, and `role` the name of the role that it becomes.
pub fn import(release: Release, file: &str, role: &str, bytes: &[u8]) -> Import {
    let lint = grammar::lint(release, bytes);
    let items = read::items(&lint.text);
    let mut fates = vec![Fate::Silent; lint.text.lines().count()];
    let mut role = write::RoleParts::new(role, file, release);
    // What the installer of the release would reject cannot be carried over either.
    let faults = lint.complaints.iter().filter(|complaint| complaint.weight == Weight::Fault);
    let faults: Vec<&grammar::Complaint> = faults.collect();
    // In `%packages` each line counts by itself.
    let fault = |item: &read::Item<'_>| {
        let head = item.lines.start..item.lines.start + 1;
        let lines = if item.name() == "%packages" { head } else { item.lines.clone() };
        faults.iter().find(|complaint| lines.contains(&complaint.line))
    };
    let (mut storage, mut scripts) = (storage::Reader::new(release), scripts::Reader::new(release));
    for item in &items {
        let fate = match fault(item) {
            Some(complaint) if storage::is_maker(item.name()) => {
                storage.refuse(item, &complaint.what, &complaint.help);
                None
            }
            Some(complaint) => Some(Fate::left(complaint.what.clone(), complaint.help.clone())),
            None => match &item.kind {
                read::Kind::Section { .. } => Some(scripts.add(item, &mut role, &mut fates)),
                read::Kind::Command => match storage.add(item) {
                    true => None,
                    false => Some(commands::fate(release, item, &mut role)),
                },
            },
        };
        if let Some(fate) = fate {
            item.set(&mut fates, &fate);
        }
    }
    let layout = storage.finish(&mut fates);
    role.layout = Some(layout.clone().unwrap_or_else(|| autopart::layout(release, &[])));
    role.is_own_layout = layout.is_some();
    let masked = grammar::masked(&lint.text);
    let numbered = masked.lines().zip(fates).enumerate();
    let lines: Vec<Line> =
        numbered.map(|(index, (text, fate))| Line { number: index + 1, text: text.into(), fate }).collect();
    let template = lint.complaints.iter().find(|complaint| complaint.what.starts_with("this is a"));
    Import {
        fragment: role.fragment(&lines),
        hooks: role.hooks(),
        lines,
        layout,
        template: template.map(|complaint| format!("line {}: {}", complaint.line, complaint.what)),
    }
}
