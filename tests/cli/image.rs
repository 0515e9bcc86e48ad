//! Install trees of Debian: what `image build` would make of a site file, and what `check` and `plan` say of a tree.

use std::fs;

use crate::support::desk::Desk;

/// A desk with the site of `init --plain` for Debian, whose tree is `tree`.
fn desk() -> Desk {
    let desk = Desk::new();
    assert_eq!(desk.run(&["init", "--plain"]).code, 0);
    let text = fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let text = text
        .replace("release = \"9\" ", "release = \"debian13\" ")
        .replace("packages = [\"postgresql-server\"]", "packages = [\"postgresql\"]")
        .replace("/srv/rackstart/Rocky-9-x86_64-dvd.iso", desk.path("tree").to_str().unwrap());
    fs::write(desk.path("rackstart.toml"), text).unwrap();
    desk
}

/// Gives it a tree with these packages.
fn tree(desk: &Desk, packages: &str) {
    let tree = desk.tree_of("Debian", "13");
    fs::write(tree.join("root.tar.zst"), "archive").unwrap();
    fs::write(tree.join("SHA256SUMS"), format!("{}  root.tar.zst\n", "ab".repeat(32))).unwrap();
    let list: String = packages.split(' ').map(|name| format!("{name} 1.0-1\n")).collect();
    fs::write(tree.join("packages"), list).unwrap();
}

const NEEDED: &str = "chrony curl dosfstools grub-efi-amd64-bin grub2-common iptables-persistent lvm2 openssh-server";

#[test]
fn the_packages_of_the_site_file_are_in_the_archive_and_its_tree_is_the_place() {
    let run = desk().run(&["image", "build", "--dry-run", "--package", "vim"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.lines().next().unwrap().ends_with("/tree from http://deb.debian.org/debian"), "{run:?}");
    for name in ["postgresql", "vim", "linux-image-amd64", "grub-efi-amd64-bin"] {
        assert!(run.stdout.contains(&format!(" {name}")), "{name}: {run:?}");
    }
    let group = desk().run(&["image", "build", "--dry-run", "--package", "@core"]);
    assert!(group.code == 1 && group.stderr.contains("`@core` is no package of Debian"), "{group:?}");
}

#[test]
fn a_site_without_debian_has_to_be_told_where() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["init"]).code, 0);
    let run = desk.run(&["image", "build", "--dry-run"]);
    assert!(run.code == 2 && run.stderr.contains("no directory is named"), "{run:?}");
    let run = desk.run(&["image", "build", "here", "--dry-run"]);
    assert!(run.code == 0 && run.stdout.starts_with("here from "), "{run:?}");
}

#[test]
fn a_tree_that_is_missing_or_no_tree_of_debian_is_refused_with_the_verb_that_makes_it() {
    let desk = desk();
    let run = desk.run(&["check"]);
    assert!(run.code == 1 && run.stderr.contains("make it with `rackstart image build"), "{run:?}");
    desk.tree_of("Debian", "13");
    let run = desk.run(&["check"]);
    assert!(run.stderr.contains("has no root file system") && run.stderr.contains("make it again"), "{run:?}");
    tree(&desk, NEEDED);
    desk.tree_of("Rocky Linux", "9");
    let run = desk.run(&["check"]);
    assert!(run.stderr.contains("holds Rocky Linux 9, not the release debian13"), "{run:?}");
    assert_eq!(desk.run(&["image", "build", "--dry-run"]).code, 0, "it can be made anew in its place");
}

#[test]
fn check_names_what_the_archive_lacks_and_plan_its_checksum() {
    let desk = desk();
    tree(&desk, NEEDED);
    let run = desk.run(&["check"]);
    let said = "node `db1` of role `database`: the archive of install tree `el9` lacks postgresql";
    assert!(run.code == 1 && run.stderr.contains(said), "{run:?}");
    tree(&desk, &format!("{NEEDED} postgresql"));
    let run = desk.run(&["check"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert!(!run.stdout.contains("repodata"), "{run:?}");
    let run = desk.run(&["plan", "db1"]);
    assert!(
        run.stdout.contains("Debian 13") && run.stdout.contains(&format!("SHA-256 {}", "ab".repeat(32))),
        "{run:?}"
    );
    assert!(run.stdout.contains("%pre makes the partitions"), "{run:?}");
    let run = desk.run(&["render", "db1", "kickstart"]);
    assert!(run.stdout.contains(&format!("root.tar.zst --checksum={}\n", "ab".repeat(32))), "{run:?}");
}
