//! Files that were written for rackstart before blueprints were data: each is accepted, or refused with what replaces
//! it.

use std::fs;
use std::path::Path;

use crate::support::desk::{Desk, Run};

/// A folder with the site file of that time, whose install tree is there.
fn desk() -> Desk {
    let desk = Desk::new();
    let tree = desk.tree("6.10");
    let site = fs::read_to_string(fixture("rackstart.toml")).unwrap();
    let site = site.replacen("/srv/rackstart/centos6", tree.to_str().unwrap(), 1);
    fs::write(desk.path("rackstart.toml"), site).unwrap();
    desk
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/earlier").join(name)
}

/// Checks the site with one of the templates of that time in the operator's folder.
fn with_template(name: &str, place: &str) -> Run {
    let desk = desk();
    let path = desk.path("own").join(place);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(fixture(name), path).unwrap();
    desk.run(&["check", "--templates", "own"])
}

#[test]
fn the_site_file_of_the_first_days_is_still_one() {
    let run = desk().run(&["check"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.contains("blueprint essex, hardened mode"), "{}", run.stdout);
}

#[test]
fn a_template_of_the_first_days_is_used_or_refused_with_what_replaces_it() {
    assert_eq!(with_template("base.ks.j2", "kickstart/base.ks.j2").code, 0);

    let moved = with_template("env.j2", "templates/firstboot/env.j2");
    assert_eq!(moved.code, 1);
    assert!(moved.stderr.contains("did you mean `templates/firstboot/default/env.j2`?"), "{}", moved.stderr);

    let short = with_template("facts.sh.j2", "kickstart/parts/facts.sh.j2");
    assert_eq!(short.code, 1);
    assert!(short.stderr.contains("facts.sh.j2: missing: `"), "{}", short.stderr);
    assert!(short.stderr.contains("help: write it as line"), "{}", short.stderr);
}
