//! Builds the mutants of a crate once instead of once for each: every mutant that cargo-mutants lists becomes a branch that
//! the environment variable MUTANT takes. `switched CRATE MUTANTS.json OMIT` rewrites CRATE/src in place; the numbers in
//! OMIT, one a line, are left out (a branch of its own did not compile). It prints the numbers that have no branch.

mod branches;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use branches::{Branches, Mutant, Place};
use serde::Deserialize;
use syn::visit_mut::VisitMut;

#[derive(Deserialize)]
struct Listed {
    file: String,
    genre: String,
    replacement: String,
    span: Span,
}

#[derive(Deserialize)]
struct Span {
    start: Point,
}

#[derive(Deserialize)]
struct Point {
    line: usize,
    column: usize,
}

/// Reads MUTANT once; without it every branch is as it was written.
const SWITCH: &str = r#"
pub fn switched(number: u32) -> bool {
    static CHOSEN: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        let chosen = std::env::var("MUTANT").ok().and_then(|text| text.parse().ok()).unwrap_or(u32::MAX);
        if chosen != u32::MAX {
            // The first test that fails is enough; it ends this process.
            std::panic::set_hook(Box::new(|what| {
                eprintln!("caught: {what}");
                std::process::exit(101);
            }));
        }
        chosen
    });
    *CHOSEN == number
}
"#;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, list, omit] = arguments.as_slice() else { panic!("switched CRATE MUTANTS.json OMIT") };
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let omit: BTreeSet<u32> = read(omit).lines().map(|line| line.parse().expect("a number")).collect();
    let listed: Vec<Listed> = serde_json::from_str(&read(list)).expect("the list of cargo-mutants");
    let mut of_files: BTreeMap<String, Vec<Mutant>> = BTreeMap::new();
    for (number, mutant) in (0..).zip(listed) {
        let place = Place { line: mutant.span.start.line, column: mutant.span.start.column - 1 };
        of_files.entry(mutant.file).or_default().push(Mutant {
            number,
            genre: mutant.genre,
            place,
            replacement: mutant.replacement,
        });
    }
    for (file, mutants) in of_files {
        let path = Path::new(folder).join(&file).display().to_string();
        let mut tree = syn::parse_file(&read(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let all: BTreeSet<u32> = mutants.iter().map(|mutant| mutant.number).collect();
        let mut branches = Branches::new(mutants.into_iter().filter(|mutant| !omit.contains(&mutant.number)).collect());
        branches.visit_file_mut(&mut tree);
        std::fs::write(&path, prettyplease::unparse(&tree)).unwrap_or_else(|error| panic!("{path}: {error}"));
        for number in all.difference(&branches.done) {
            println!("{number}");
        }
    }
    let root = Path::new(folder).join("src/lib.rs");
    let text = read(&root.display().to_string());
    std::fs::write(&root, text + SWITCH).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
}
