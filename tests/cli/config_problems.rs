//! Every `fixtures/bad/*.toml` against the text beside it, and proof that no input makes the reader panic.
//!
//! `UPDATE_GOLDEN=1 cargo test --test cli config_problems` rewrites the texts and still fails, so that the diff is read.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rackstart::config;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bad");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn every_bad_file_is_refused_with_the_text_beside_it() {
    let rewrite = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut differ = Vec::new();
    for path in fixtures() {
        let text = fs::read_to_string(&path).unwrap();
        let shown = match config::parse(&text, &name(&path)) {
            Ok(_) => panic!("{} passes", name(&path)),
            Err(problems) => problems.to_string(),
        };
        let golden = path.with_extension("stderr");
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if shown != expected {
            if rewrite {
                fs::write(&golden, &shown).unwrap();
            }
            differ.push(format!("{}\n--- expected\n{expected}--- shown\n{shown}", name(&path)));
        }
    }
    assert!(fixtures().len() >= 25, "fixtures are missing");
    assert!(differ.is_empty(), "{} texts differ\n{}", differ.len(), differ.join("\n"));
}

#[test]
fn ten_mistakes_are_reported_in_one_run() {
    let path = fixtures().into_iter().find(|path| name(path) == "ten-problems.toml").unwrap();
    let problems = config::parse(&fs::read_to_string(path).unwrap(), "f").unwrap_err();
    assert!(problems.list().len() >= 10, "{problems}");
}

#[test]
fn every_problem_says_where_and_what_to_do_in_the_house_style() {
    for path in fixtures() {
        let text = fs::read_to_string(&path).unwrap();
        for problem in config::parse(&text, "f").unwrap_err().list() {
            let first = problem.message.chars().next().unwrap();
            assert!(!first.is_uppercase(), "{}: {}", name(&path), problem.message);
            assert!(!problem.message.ends_with('.'), "{}: {}", name(&path), problem.message);
            assert!(!problem.help.is_empty() && !problem.help.ends_with('.'), "{}: {}", name(&path), problem.help);
            assert!(!problem.message.contains("Spanned") && !problem.message.contains("::"), "{}", problem.message);
        }
    }
}

#[test]
fn no_password_is_ever_shown() {
    for path in fixtures() {
        let text = fs::read_to_string(&path).unwrap();
        let problems = config::parse(&text, "f").unwrap_err();
        assert!(!problems.render(true).contains("correct horse"), "{}", name(&path));
        assert!(!problems.render(false).contains("correct horse"), "{}", name(&path));
    }
}

/// One change of a text at a place, given as a fraction of its length.
#[derive(Debug, Clone)]
enum Change {
    Delete(f64, usize),
    Insert(f64, String),
    Repeat(f64, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let place = 0.0..1.0f64;
    let bits = prop_oneof![
        Just("\"".to_string()),
        Just("\n".to_string()),
        Just("[[node]]\n".to_string()),
        Just("nics = [{}, 3]\n".to_string()),
        Just("= { a.b = 1979-05-27, c = [[[]]] }".to_string()),
        Just("\u{202e}é\u{0}".to_string()),
        "\\PC{0,8}",
    ];
    let change = prop_oneof![
        (place.clone(), 1..60usize).prop_map(|(at, length)| Change::Delete(at, length)),
        (place.clone(), bits).prop_map(|(at, text)| Change::Insert(at, text)),
        (place, 1..200usize).prop_map(|(at, length)| Change::Repeat(at, length)),
    ];
    prop::collection::vec(change, 1..6)
}

fn apply(text: &str, changes: &[Change]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for change in changes {
        let (Change::Delete(place, _) | Change::Insert(place, _) | Change::Repeat(place, _)) = change;
        let at = (*place * letters.len() as f64) as usize;
        match change {
            Change::Delete(_, length) => drop(letters.drain(at..(at + length).min(letters.len()))),
            Change::Insert(_, text) => drop(letters.splice(at..at, text.chars())),
            Change::Repeat(_, length) => {
                let piece = letters[at..(at + length).min(letters.len())].to_vec();
                drop(letters.splice(at..at, piece));
            }
        }
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_file_is_read_or_refused_but_never_panics(changes in changes()) {
        let text = apply(config::EXAMPLE, &changes);
        if let Err(problems) = config::parse(&text, "f") {
            prop_assert!(!problems.list().is_empty());
            prop_assert!(!problems.render(true).is_empty());
            prop_assert!(problems.render(false).contains("nothing is served"));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_but_never_panics(text in "\\PC{0,200}") {
        if let Err(problems) = config::parse(&text, "f") {
            prop_assert!(!problems.to_string().is_empty());
        }
        let _ = config::parse_blueprint(&text, "f");
    }
}
