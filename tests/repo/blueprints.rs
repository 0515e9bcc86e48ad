//! A blueprint is data: the program knows no role, no service and no cloud by name, whichever it was first written for.

use std::fs;
use std::path::Path;

/// Parts of words that belong to a cloud.
const OF_CLOUDS: [&str; 19] = [
    "nova",
    "glance",
    "keystone",
    "gluster",
    "openstack",
    "libvirt",
    "qpid",
    "rabbit",
    "horizon",
    "cinder",
    "neutron",
    "essex",
    "epoxy",
    "diablo",
    "cirros",
    "mysql",
    "mariadb",
    "brick",
    "compute node",
];
/// Names of roles and capabilities, where they stand as texts of the program.
const ROLES: [&str; 5] = ["\"compute\"", "\"controller\"", "\"hypervisor\"", "`compute`", "`controller`"];
/// What earlier releases stored, which has their words.
const ALLOWED: [(&str, &str); 3] = [
    ("store/earlier.rs", ""),
    ("store/record.rs", "alias = \"gluster\""),
    ("lifecycle/installed_as.rs", "alias = \"brick\""),
];

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs")
        || name.contains("/tests/")
        || name.ends_with("testing.rs")
        || name.contains("/simulation")
        || name.ends_with("conformance.rs")
}

/// The lines before the unit tests of a file, with their numbers.
fn program(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\nimpl "].iter().filter_map(|mark| text.find(mark)).min();
    text[..end.unwrap_or(text.len())].lines().enumerate().map(|(index, line)| (index + 1, line))
}

#[test]
fn the_program_knows_no_role_and_no_service_of_a_cloud() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut files = 0;
    for path in crate::layering::sources(source.clone()) {
        let name = path.strip_prefix(&source).unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".rs") || is_test(&name) {
            continue;
        }
        files += 1;
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in program(&text) {
            let small = line.to_lowercase();
            let is_named =
                OF_CLOUDS.iter().any(|word| small.contains(word)) || ROLES.iter().any(|word| line.contains(word));
            let is_allowed = ALLOWED.iter().any(|(file, part)| name == *file && line.contains(part));
            if is_named && !is_allowed {
                found.push(format!("src/{name}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(files > 200, "{files} files were read");
    assert!(found.is_empty(), "these belong into templates/:\n{}", found.join("\n"));
}

#[test]
fn every_blueprint_and_step_set_is_in_the_docs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_to_string(root.join("docs/blueprints.md")).unwrap();
    for folder in ["templates/blueprints", "templates/steps"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            assert!(docs.contains(&format!("`{name}`")), "docs/blueprints.md does not name `{name}` of {folder}");
        }
    }
}
