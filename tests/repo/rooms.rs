//! The rooms of `src/server`, a file or a folder each: none leads back to itself by way of another. Arrows that only point
//! down let a reader begin anywhere at the bottom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::imports;
use crate::layering::sources;

/// Which room names which others, and where first.
type Arrows = BTreeMap<String, BTreeMap<String, String>>;

#[test]
fn no_room_of_the_server_leads_back_to_itself() {
    let (arrows, slips) = arrows(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server"));
    assert!(arrows.len() > 15, "{arrows:?}");
    assert!(slips.is_empty(), "\n{}\nmove it into a room: everybody is below server/mod.rs", slips.join("\n"));
    let circle = circle(&arrows);
    assert!(circle.is_empty(), "\n{}\nmove what both need to a room below both", circle.join("\n"));
}

#[test]
fn a_planted_circle_and_a_name_of_the_root_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), text).unwrap();
    };
    write("mod.rs", "use nodes::app;\n");
    write("nodes/mod.rs", "use super::{net::listen, store};\n#[cfg(test)]\nmod tests { use crate::server::api; }\n");
    write("nodes/boot.rs", "use super::app;\nfn f() { crate::server::net::g(); }\n");
    write("nodes/tests.rs", "use crate::server::api;\n");
    write("net.rs", "// super::nodes\npub(in crate::server) fn g() {}\n");
    write("api.rs", "use super::nodes;\n");
    let (arrows_there, slips) = arrows(folder.path());
    assert_eq!(slips, ["nodes/mod.rs:1: `store` is no room"]);
    assert!(circle(&arrows_there).is_empty(), "{arrows_there:?}");
    write("net.rs", "use super::api;\n");
    let (arrows, _) = arrows(folder.path());
    let found = circle(&arrows);
    let expected = ["api -> nodes: api.rs:1", "net -> api: net.rs:1", "nodes -> net: nodes/boot.rs:2"];
    assert_eq!(found, expected);
}

fn arrows(server: &Path) -> (Arrows, Vec<String>) {
    let files = sources(server.to_path_buf());
    let name = |file: &PathBuf| file.strip_prefix(server).unwrap().with_extension("").display().to_string();
    let mut names: Vec<(String, &PathBuf)> = files.iter().map(|file| (name(file), file)).collect();
    names.sort();
    let rooms: BTreeSet<String> = names.iter().map(|(name, _)| name.split('/').next().unwrap().to_string()).collect();
    let (mut arrows, mut slips) = (Arrows::new(), Vec::new());
    for (name, file) in &names {
        let module: Vec<&str> = name.split('/').filter(|part| *part != "mod").collect();
        let is_test = module.iter().any(|part| part.ends_with("tests") || *part == "simulation");
        let Some(room) = module.first().filter(|_| !is_test) else { continue };
        let source = fs::read_to_string(file).unwrap();
        let product = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (number, line) in imports::expanded(product) {
            let place = format!("{}:{number}", file.strip_prefix(server).unwrap().display());
            for other in named(&line, module.len()) {
                if !rooms.contains(other) {
                    slips.push(format!("{place}: `{other}` is no room"));
                } else if other != *room {
                    let to = arrows.entry(room.to_string()).or_default();
                    to.entry(other.to_string()).or_insert_with(|| place.clone());
                }
            }
        }
    }
    (arrows, slips)
}

/// What a line of a module so deep names of the server itself.
fn named(line: &str, depth: usize) -> Vec<&str> {
    let up = "super::".repeat(depth);
    let word = |rest: &str| rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let mut found = Vec::new();
    for start in ["crate::server::", up.as_str()] {
        for (at, _) in line.match_indices(start) {
            let is_longer = start != "crate::server::" && line[..at].ends_with("super::");
            let rest = &line[at + start.len()..];
            if !is_longer && !rest.starts_with("super::") && word(rest) > 0 {
                found.push(&rest[..word(rest)]);
            }
        }
    }
    found
}

/// Every arrow of the rooms that lead back to themselves.
fn circle(arrows: &Arrows) -> Vec<String> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        arrows.keys().map(|room| (room, reached_from(arrows, room))).collect();
    let leads = |from: &String, to: &String| reached.get(from).is_some_and(|seen| seen.contains(to));
    let all = arrows.iter().flat_map(|(room, others)| others.iter().map(move |(other, place)| (room, other, place)));
    let back = all.filter(|(room, other, _)| leads(other, room));
    back.map(|(room, other, place)| format!("{room} -> {other}: {place}")).collect()
}

fn reached_from<'a>(arrows: &'a Arrows, from: &'a String) -> BTreeSet<&'a String> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(room) = next.pop() {
        next.extend(arrows.get(room).into_iter().flat_map(BTreeMap::keys).filter(|other| seen.insert(*other)));
    }
    seen
}
