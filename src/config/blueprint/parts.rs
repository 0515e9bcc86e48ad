//! Reads the tables of a blueprint beside its roles. Each of them names variables and capabilities to say what would
//! otherwise be code. `references` checks that these names exist.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::super::reader::{Collector, Section};
use crate::site::{Caller, Capability, Copies, Drain, Keepsake, NodeList, Sentence, TreeImage, Trial, ValueForm};
use crate::words::quote;

/// Reads every table below `key` by its name; `read` is called with its section.
fn named<'a, T>(
    top: &Section<'a>,
    key: &str,
    keys: &[&str],
    read: impl Fn(&str, &Section<'a>) -> Option<T>,
) -> BTreeMap<String, T> {
    let Some((_, table)) = top.table(key, &format!("`[{key}.NAME]`")) else { return BTreeMap::new() };
    let mut all = BTreeMap::new();
    for (name, value) in table.iter() {
        let place = format!("{key} {}", quote(name.get_ref()));
        let Some(below) = value.get_ref().as_table() else {
            top.found.report(value.span(), format!("{place} is not a table"), format!("write `[{key}.NAME]`"));
            continue;
        };
        let section = Section::open(place, value.span(), below, keys, top.found);
        all.extend(read(name.get_ref(), &section).map(|value| (name.get_ref().to_string(), value)));
    }
    all
}

/// Opens a table that occurs at most once.
fn single<'a>(top: &Section<'a>, key: &str, keys: &[&str]) -> Option<Section<'a>> {
    let label = format!("`[{key}]`");
    let (at, table): (Range<usize>, &'a DeTable<'a>) = top.table(key, &label)?;
    Some(Section::open(label, at, table, keys, top.found))
}

/// A string that must be there.
fn word(section: &Section<'_>, key: &str, example: &str) -> Option<String> {
    section.need(key, &format!("{key} = \"{example}\""));
    section.text(key).map(|text| text.into_inner().to_string())
}

/// Checks a name by which steps know something, in capital letters; their templates use it in lower case.
fn is_variable(name: &str, section: &Section<'_>) -> Option<()> {
    if super::super::secrets::is_variable(name) {
        return Some(());
    }
    let message = format!("{} is not a name for the steps", quote(name));
    section.found.report(section.at.clone(), message, "use capital letters, digits and underscores");
    None
}

pub(super) fn capabilities(top: &Section<'_>) -> BTreeMap<String, Capability> {
    named(top, "capability", &["summary", "at_least", "at_most"], |_, section| {
        section.need("summary", "summary = \"what its nodes bring, in one sentence\"");
        let count = |key: &str| section.number(key, 0..=10_000).map(|number| *number.get_ref() as usize);
        Some(Capability {
            summary: section.text("summary")?.into_inner().into(),
            at_least: count("at_least").unwrap_or(0),
            at_most: count("at_most"),
        })
    })
}

pub(super) fn nodes(top: &Section<'_>) -> BTreeMap<String, NodeList> {
    named(top, "nodes", &["provide", "first"], |name, section| {
        is_variable(name, section)?;
        let provide = word(section, "provide", "control")?;
        Some(NodeList { provide, first: section.flag("first").unwrap_or(false) })
    })
}

pub(super) fn callers(top: &Section<'_>) -> BTreeMap<String, Caller> {
    named(top, "callers", &["network", "bridge", "bridges", "first", "count"], |name, section| {
        is_variable(&Caller::variable(name).to_uppercase(), section)?;
        let text = |key: &str| section.text(key).map(|text| text.into_inner().to_string());
        match (text("network"), text("bridge"), text("bridges")) {
            (Some(variable), None, None) => Some(Caller::Network(variable)),
            (None, Some(variable), None) => Some(Caller::Bridge(variable)),
            (None, None, Some(prefix)) => {
                let (first, count) = (word(section, "first", "vlan_start"), word(section, "count", "networks"));
                Some(Caller::Bridges { prefix, first: first?, count: count? })
            }
            _ => {
                let message = format!("{} needs one of `network`, `bridge` and `bridges`", section.place);
                let help = "name the variable with it: `network = \"guest_network\"`";
                section.found.report(section.at.clone(), message, help);
                None
            }
        }
    })
}

pub(super) fn keepsakes(top: &Section<'_>) -> BTreeMap<String, Keepsake> {
    named(top, "keepsake", &["summary", "form", "formerly"], |name, section| {
        is_variable(name, section)?;
        section.need("form", "form = \"uuid\"");
        section.need("summary", "summary = \"what it is, in one sentence\"");
        Some(Keepsake {
            summary: section.text("summary")?.into_inner().into(),
            form: section.word("form", &ValueForm::WORDS)?.into_inner(),
            formerly: section.text("formerly").map(|text| text.into_inner().to_string()),
        })
    })
}

pub(super) fn copies(top: &Section<'_>) -> Option<Copies> {
    let section = single(top, "copies", &["of", "volume", "mount", "number", "members", "usual", "all_of"])?;
    let count = |key: &str| section.number(key, 1..=64).map(|number| *number.get_ref() as usize);
    let copies = Copies {
        of: word(&section, "of", "store")?,
        volume: word(&section, "volume", "volume")?,
        mount: word(&section, "mount", "store_mount")?,
        number: word(&section, "number", "replica")?,
        members: word(&section, "members", "HOLDERS")?,
        usual: count("usual").unwrap_or(3),
        all_of: count("all_of"),
    };
    is_variable(&copies.members, &section)?;
    Some(copies)
}

pub(super) fn drain(top: &Section<'_>) -> Option<Drain> {
    let section = single(top, "drain", &["served", "keeper"])?;
    let (served, keeper) = (word(&section, "served", "worker"), word(&section, "keeper", "control"));
    Some(Drain { served: served?, keeper: keeper? })
}

pub(super) fn trial(top: &Section<'_>) -> Option<Trial> {
    let section = single(top, "trial", &["variable", "image", "without_image", "group"])?;
    Some(Trial {
        variable: word(&section, "variable", "acceptance")?,
        image: word(&section, "image", "test_image")?,
        without_image: section.texts("without_image").iter().map(|word| word.get_ref().to_string()).collect(),
        group: word(&section, "group", "10")?,
    })
}

pub(super) fn tree_images(top: &Section<'_>) -> Vec<TreeImage> {
    let read = |(at, table): (Range<usize>, &DeTable<'_>)| {
        let section = Section::open("a tree image".into(), at, table, &["of", "name", "variable", "file"], top.found);
        let (of, file) = (word(&section, "of", "images"), word(&section, "file", "image_file"));
        let text = |key: &str| section.text(key).map(|text| text.into_inner().to_string());
        let (name, is_variable) = match (text("name"), text("variable")) {
            (Some(name), None) => (name, false),
            (None, Some(variable)) => (variable, true),
            _ => {
                let message = "a tree image needs either `name` or `variable`";
                section.found.report(
                    section.at.clone(),
                    message,
                    "write the name of the image, or the variable that has it",
                );
                return None;
            }
        };
        Some(TreeImage { of: of?, name, is_variable, file: file? })
    };
    top.tables("tree_image", "`[[tree_image]]` with two brackets").into_iter().filter_map(read).collect()
}

pub(super) fn sentences(top: &Section<'_>) -> Vec<Sentence> {
    let tables = top.tables("sentence", "`[[sentence]]` with two brackets");
    tables.into_iter().filter_map(|(at, table)| sentence(at, table, top.found)).collect()
}

fn sentence<'a>(at: Range<usize>, table: &'a DeTable<'a>, found: &'a Collector) -> Option<Sentence> {
    let section = Section::open(
        "a sentence".into(),
        at,
        table,
        &["of", "not_of", "when", "about", "is", "hardened", "paper"],
        found,
    );
    let about = word(&section, "about", "console")?;
    let text = |key: &str| section.text(key).map(|text| text.into_inner().to_string());
    let (hardened, paper) = match (text("is"), text("hardened"), text("paper")) {
        (Some(is), None, None) => (is.clone(), is),
        (None, Some(hardened), Some(paper)) => (hardened, paper),
        _ => {
            let message = format!("{} needs either `is`, or `hardened` and `paper`", section.place);
            section.found.report(section.at.clone(), message, "write `is = \"what is true of it\"`");
            return None;
        }
    };
    let when = text("when").unwrap_or_default();
    Some(Sentence { of: text("of"), not_of: text("not_of"), when, about, hardened, paper })
}
