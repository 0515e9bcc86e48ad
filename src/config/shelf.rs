//! The install trees and repositories that a site file names, as a shelf that things are put on and taken from. Pure: it
//! reads and edits a text, also one that `check` would refuse for another reason; whoever writes the result proves it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeTable;

use super::edit::{CannotEdit, blocks, only_blocks_differ, text as quoted, with_block};
use super::site_file::SiteFile;

/// The two kinds of things on the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeldKind {
    /// `[[install_tree]]`.
    Tree,
    /// `[[repository]]`.
    Repository,
}

impl HeldKind {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Tree, Self::Repository];

    /// Its word for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Tree => "install tree",
            Self::Repository => "repository",
        }
    }

    /// Its word in the site file.
    fn key(self) -> &'static str {
        match self {
            Self::Tree => "install_tree",
            Self::Repository => "repository",
        }
    }
}

/// An install tree or a repository of the site file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// What it is.
    pub kind: HeldKind,
    /// Its name; unique within its kind.
    pub name: String,
    /// The folder or the disc image that is served.
    pub path: PathBuf,
    /// Where it is copied from; none when somebody put it there.
    pub url: Option<String>,
}

impl Held {
    /// The block as it stands in the file.
    pub(crate) fn block(&self) -> String {
        let path = quoted(&self.path.to_string_lossy());
        let mut block = format!("[[{}]]\nname = {}\npath = {path}\n", self.kind.key(), quoted(&self.name));
        if let Some(url) = &self.url {
            // Writing into a String cannot fail.
            let _ = writeln!(block, "url = {}", quoted(url));
        }
        block
    }
}

/// Everything on the shelf that has a name and a path, in the order of the file; nothing when the text is no TOML.
pub(crate) fn shelf(text: &str) -> Vec<Held> {
    let document = text.parse::<toml::Table>().unwrap_or_default();
    let of = |kind: HeldKind| {
        let blocks = document.get(kind.key()).and_then(toml::Value::as_array);
        blocks.into_iter().flatten().filter_map(move |block| {
            let text = |key| block.get(key).and_then(toml::Value::as_str);
            let (name, path) = (text("name")?.to_string(), PathBuf::from(text("path")?));
            Some(Held { kind, name, path, url: text("url").map(String::from) })
        })
    };
    HeldKind::ALL.into_iter().flat_map(of).collect()
}

/// A key with its place in the file.
type Written<'a> = Option<Spanned<&'a str>>;

/// What of a file that was read already is copied from somewhere.
pub(super) fn copies(file: &SiteFile<'_>) -> Vec<Held> {
    let trees = file.trees.iter().map(|keys| (HeldKind::Tree, [&keys.name, &keys.path, &keys.url]));
    let repositories = file.repositories.iter().map(|keys| (HeldKind::Repository, [&keys.name, &keys.path, &keys.url]));
    let text = |value: &Written<'_>| value.as_ref().map(|value| value.get_ref().to_string());
    let copy = |(kind, [name, path, url]): (_, [&Written<'_>; 3])| {
        Some(Held { kind, name: text(name)?, path: text(path)?.into(), url: Some(text(url)?) })
    };
    trees.chain(repositories).filter_map(copy).collect()
}

/// The text with one more thing on the shelf.
pub(crate) fn with_held(text: &str, held: &Held) -> Result<String, CannotEdit> {
    with_block(text, held.kind.key(), &held.block(), &["name", "path", "url"])?.ok_or(CannotEdit::NotOneBlock)
}

/// The text without the block of that thing. Comments above the block stay.
pub(crate) fn without(text: &str, held: &Held) -> Result<String, CannotEdit> {
    let document = DeTable::parse(text).map_err(|_| CannotEdit::NotToml)?;
    let key = held.kind.key();
    let places = blocks(text, document.get_ref(), key)?;
    let listed = document.get_ref().get(key).and_then(|blocks| blocks.get_ref().as_array());
    let is_it =
        |block: &toml::de::DeValue<'_>| block.get("name").and_then(|name| name.get_ref().as_str()) == Some(&held.name);
    let at = listed.and_then(|list| list.iter().position(|block| is_it(block.get_ref())));
    let place = at.and_then(|at| places.get(at)).ok_or(CannotEdit::NotOneBlock)?;
    let (head, tail) = (&text[..place.start], &text[place.end..]);
    // One of the two empty lines that would meet.
    let tail = match head.is_empty() || head.ends_with("\n\n") || head.ends_with("\r\n\r\n") {
        true => tail.strip_prefix("\r\n").or_else(|| tail.strip_prefix('\n')).unwrap_or(tail),
        false => tail,
    };
    let edited = format!("{head}{tail}");
    match is_one_less(text, &edited, key, &held.name, &held.path) {
        true => Ok(edited),
        false => Err(CannotEdit::NotOneBlock),
    }
}

/// Whether the second text says what the first one says without one block, and nothing else.
fn is_one_less(before: &str, after: &str, key: &str, name: &str, path: &Path) -> bool {
    let Some((mut old, new)) = only_blocks_differ(before, after, key) else { return false };
    let text = |block: &toml::Value, key| block.get(key).and_then(toml::Value::as_str).map(String::from);
    let is_it = |block: &toml::Value| {
        text(block, "name").as_deref() == Some(name) && text(block, "path").map(PathBuf::from).as_deref() == Some(path)
    };
    let Some(at) = old.iter().position(is_it) else { return false };
    old.remove(at);
    old == new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EXAMPLE, EXAMPLE_PLAIN};

    fn tree() -> Held {
        Held {
            kind: HeldKind::Tree,
            name: "rocky9".into(),
            path: "/srv/rackstart/rocky9".into(),
            url: Some("https://mirror.example/9/BaseOS/x86_64/os".into()),
        }
    }

    #[test]
    fn what_is_put_on_the_shelf_is_found_there_and_taking_it_back_leaves_the_file_as_it_was() {
        for text in [EXAMPLE, EXAMPLE_PLAIN, "", "[site]\nname = \"a\"\n"] {
            for held in [tree(), Held { kind: HeldKind::Repository, url: None, ..tree() }] {
                let edited = with_held(text, &held).unwrap();
                assert!(shelf(&edited).contains(&held));
                assert_eq!(shelf(&edited).len(), shelf(text).len() + 1);
                let again = without(&edited, &held).unwrap();
                assert_eq!(again.trim(), text.trim());
            }
        }
    }

    #[test]
    fn the_right_one_of_several_is_taken_and_comments_around_it_stay() {
        let text = "# trees\r\n[[install_tree]]\r\nname = \"a\"\r\npath = \"/a\" # the old one\r\n\r\n# and\r\n\
                    [[install_tree]]\r\nname = \"b\"\r\npath = \"/b\"\r\n\r\n[site]\r\n";
        let held = Held { name: "a".into(), path: "/a".into(), url: None, ..tree() };
        assert_eq!(
            without(text, &held).unwrap(),
            "# trees\r\n\r\n# and\r\n[[install_tree]]\r\nname = \"b\"\r\npath = \"/b\"\r\n\r\n[site]\r\n"
        );
        assert_eq!(without(text, &Held { name: "c".into(), ..held }), Err(CannotEdit::NotOneBlock));
    }

    #[test]
    fn no_value_ends_its_string_and_adds_a_key() {
        let hostile = "x\"\n[server]\nstate = \"/";
        let held = Held { name: hostile.into(), path: hostile.into(), url: Some(hostile.into()), ..tree() };
        assert_eq!(shelf(&with_held("", &held).unwrap()), [held]);
        let list = "install_tree = [{ name = \"rocky9\", path = \"/x\" }]\n";
        assert_eq!(with_held(list, &tree()), Err(CannotEdit::OneList("install_tree")));
        assert_eq!(without(list, &tree()), Err(CannotEdit::OneList("install_tree")));
        assert_eq!(with_held("[", &tree()), Err(CannotEdit::NotToml));
    }
}
