//! `rackstart init` and `rackstart check` as an operator runs them: the real binary, its output and exit codes.

use std::fs;
use std::path::Path;

use crate::support::desk::Desk;

#[test]
fn the_file_that_init_writes_passes_check() {
    let desk = Desk::new();
    desk.site(&desk.tree("6.10"), "", "");
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stderr, "");
    let rows: Vec<&str> = run.stdout.lines().collect();
    assert!(rows[0].starts_with("NODE        ROLE        ADDRESS"), "{}", run.stdout);
    assert!(rows[1].starts_with("compute1    gateway     192.168.0.1  52:54:00:a8:01:01"), "{}", run.stdout);
    assert!(run.stdout.contains("\nok: 5 nodes, 1 install tree in rackstart.toml; blueprint essex, hardened mode\n"));
    assert_eq!(desk.run(&["check", "--quiet"]).stdout, "");
}

#[test]
fn init_says_what_comes_next_and_never_overwrites_by_itself() {
    let desk = Desk::new();
    let run = desk.run(&["init"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("then run `rackstart check`"), "{}", run.stdout);

    fs::write(desk.path("rackstart.toml"), "mine").unwrap();
    let run = desk.run(&["init"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.starts_with("error: rackstart.toml already exists"), "{}", run.stderr);
    assert!(run.stderr.contains("\nhelp: "), "{}", run.stderr);
    assert_eq!(fs::read_to_string(desk.path("rackstart.toml")).unwrap(), "mine");

    assert_eq!(desk.run(&["init", "--force"]).code, 0);
    assert_ne!(fs::read_to_string(desk.path("rackstart.toml")).unwrap(), "mine");
}

#[test]
fn init_prints_the_same_text_that_it_writes() {
    let desk = Desk::new();
    desk.run(&["init", "--output", "elsewhere.toml"]);
    let printed = desk.run(&["init", "--output", "-"]);
    assert_eq!(printed.stdout, fs::read_to_string(desk.path("elsewhere.toml")).unwrap());
    assert!(!desk.path("-").exists() && !desk.path("rackstart.toml").exists());
}

#[test]
fn init_into_a_missing_directory_names_it() {
    let run = Desk::new().run(&["init", "-o", "no/such/place.toml"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.starts_with("error: cannot write no/such/place.toml: its directory does not exist"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_site_with_mistakes_exits_1_and_says_all_of_them_on_stderr_without_colour() {
    let desk = Desk::new();
    desk.site(Path::new("/nonexistent"), "role = \"compute\"", "role = \"comptue\"");
    let run = desk.run(&["check"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(
        run.stderr.contains("error: the install tree /nonexistent cannot be used: it does not exist"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("help: did you mean `compute`?"), "{}", run.stderr);
    assert!(
        run.stderr.ends_with("2 problems in rackstart.toml; nothing is served until they are fixed\n"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
}

#[test]
fn an_incomplete_install_tree_names_what_is_missing() {
    let desk = Desk::new();
    let tree = desk.tree("6.10");
    fs::remove_file(tree.join(".treeinfo")).unwrap();
    fs::remove_file(tree.join("images/pxeboot/initrd.img")).unwrap();
    desk.site(&tree, "", "");
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("no readable .treeinfo, images/pxeboot/initrd.img\n"), "{}", run.stderr);
}

#[test]
fn an_install_tree_of_another_release_is_refused() {
    let desk = Desk::new();
    desk.site(&desk.tree("6.3"), "", "");
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("holds CentOS 6.3, not the release 6.10\n"), "{}", run.stderr);
    desk.site(&desk.tree("6.3"), "release = \"6.10\"", "release = \"6.3\"");
    assert_eq!(desk.run(&["check"]).code, 0);
}

#[test]
fn a_system_is_called_what_its_install_tree_says() {
    for (family, version, release) in [
        ("CentOS Stream", "10", "10"),
        ("Rocky Linux", "9.5", "9"),
        ("AlmaLinux", "9.4", "9.4"),
        ("Red Hat Enterprise Linux", "8.0.0", "8"),
        ("Oracle Linux Server", "7.8", "7"),
    ] {
        let desk = Desk::new();
        desk.site(&desk.tree_of(family, version), "release = \"6.10\"", &format!("release = \"{release}\""));
        let name = format!("{family} {version}");
        for words in [
            &["check"][..],
            &["check", "--json"],
            &["plan", "compute2"],
            &["render", "compute2", "kickstart"],
            &["plan", "compute2", "--svg"],
        ] {
            let run = desk.run(words);
            assert_eq!(run.code, 0, "{words:?} {}", run.stderr);
            assert!(run.stdout.contains(&name), "{words:?} {}", run.stdout);
            assert!(!run.stdout.contains(&format!("{release}.9")), "{words:?} {}", run.stdout);
        }
        let run = desk.run(&["render", "compute2", "boot-script"]);
        assert!(run.stdout.contains(&format!("echo rackstart: installing compute2, {name}\n")), "{}", run.stdout);
        desk.site(&desk.tree_of(family, version), "release = \"6.10\"", "release = \"6.3\"");
        let run = desk.run(&["check"]);
        assert!(run.stderr.contains(&format!("holds {name}, not the release 6.3\n")), "{}", run.stderr);
    }
}

#[test]
fn a_plan_of_a_tree_that_is_not_there_yet_speaks_of_the_release() {
    let desk = Desk::new();
    desk.site(&desk.path("not-there-yet"), "release = \"6.10\"", "release = \"9\"");
    let run = desk.run(&["plan", "compute2"]);
    assert!(run.stdout.starts_with("compute2: role compute, layout paper, EL9, bios firmware\n"), "{}", run.stdout);
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let desk = Desk::new();
    fs::write(desk.path("latin1.toml"), b"[site]\nname = \"caf\xe9\"\n").unwrap();
    fs::create_dir(desk.path("folder")).unwrap();
    for (file, reason) in [
        ("missing.toml", "error: cannot read the site file missing.toml: it does not exist\nhelp: "),
        ("folder", "error: cannot read the site file folder: it is a directory\nhelp: "),
        ("latin1.toml", "error: latin1.toml:2: the site file is not UTF-8 text\nhelp: "),
    ] {
        let run = desk.run(&["-c", file, "check"]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{file}");
        assert!(run.stderr.starts_with(reason), "{}", run.stderr);
    }
}

#[test]
fn without_any_site_file_check_points_to_init() {
    if Path::new("/etc/rackstart/rackstart.toml").exists() {
        return; // This machine is an appliance; its own file is found.
    }
    let run = Desk::new().run(&["check"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("help: `rackstart init` writes one"), "{}", run.stderr);
}

#[test]
fn a_wrong_command_line_exits_2() {
    let desk = Desk::new();
    for args in [&["check", "--colour"][..], &["init", "now"], &["chekc"], &[]] {
        assert_eq!(desk.run(args).code, 2, "{args:?}");
    }
}

#[test]
fn init_writes_where_the_common_option_points() {
    let desk = Desk::new();
    let run = desk.run(&["-c", "mine.toml", "init"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with("wrote mine.toml:") && run.stdout.contains("`rackstart -c mine.toml check`"));
    assert!(!desk.path("rackstart.toml").exists());
    let run = desk.run(&["-c", "mine.toml", "init", "--output", "other.toml"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("`--output other.toml` and `-c mine.toml` name two places"), "{}", run.stderr);
    assert!(!desk.path("other.toml").exists());
    assert_eq!(desk.run(&["-c", "mine.toml", "init", "--output", "-"]).code, 0);
}

#[test]
fn programs_get_the_verdict_as_json_with_the_place_of_each_mistake() {
    let desk = Desk::new();
    let tree = desk.tree("6.10");
    desk.site(&tree, "", "");
    let json = |code| {
        let run = desk.run(&["check", "--json"]);
        assert_eq!((run.code, run.stderr.as_str()), (code, ""), "{}", run.stdout);
        serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap()
    };
    let good = json(0);
    assert_eq!((good["ok"].as_bool(), good["nodes"].as_array().unwrap().len()), (Some(true), 5), "{good}");
    desk.site(&tree, "role = \"compute\"", "role = \"comptue\"");
    let bad = json(1);
    let first = &bad["problems"][0];
    assert_eq!(first["message"], "node `compute2` has unknown role `comptue`", "{bad}");
    let text = std::fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let line = text.lines().position(|line| line.contains("comptue")).unwrap() + 1;
    assert_eq!((first["line"].as_u64(), first["column"].as_u64()), (Some(line as u64), Some(8)), "{bad}");
}
