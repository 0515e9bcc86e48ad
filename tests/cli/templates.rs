//! The operator's own templates: what they change, and how a fault in one is reported.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rackstart::config::EXAMPLE;
use tempfile::TempDir;

/// A folder with a site file, an install tree and a template folder `own`.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree/images/pxeboot");
        fs::create_dir_all(&tree).unwrap();
        for file in ["../../.treeinfo", "vmlinuz", "initrd.img"] {
            fs::write(tree.join(file), "").unwrap();
        }
        let path = format!("{}/tree", folder.path().display());
        fs::write(folder.path().join("site.toml"), EXAMPLE.replace("/srv/rackstart/centos6", &path)).unwrap();
        for (name, text) in files {
            let file = folder.path().join("own").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_rackstart"));
        program.current_dir(self.path()).args(["-c", "site.toml"]).args(arguments).env("COLUMNS", "100");
        program.output().unwrap()
    }

    /// What `check` says of the faults.
    fn refused(&self) -> String {
        let output = self.run(&["check", "--templates", "own"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

const KICKSTART: [&str; 3] = ["render", "controller", "kickstart"];

#[test]
fn every_hook_has_its_place_and_is_empty_by_default() {
    let plain = Place::new(&[]).text(&KICKSTART);
    assert!(!plain.contains("rackstart-own-"), "{plain}");
    let place = Place::new(&[
        ("kickstart/snippets/commands.ks.j2", "group --name=ops-{{ node }}\n"),
        ("kickstart/snippets/packages.ks.j2", "vim-enhanced"),
        ("kickstart/snippets/pre.sh.j2", "echo before {{ node }}"),
        ("kickstart/snippets/post.sh.j2", "echo after\n"),
        ("kickstart/snippets/notes.txt~", "left by an editor"),
    ]);
    let text = place.text(&[&KICKSTART[..], &["--templates", "own"]].concat());
    let lines: Vec<&str> = text.lines().collect();
    let at =
        |line: &str| lines.iter().position(|known| *known == line).unwrap_or_else(|| panic!("no {line} in {text}"));
    assert!(at("group --name=ops-controller") < at("zerombr"));
    assert!(at("%packages --nobase") < at("vim-enhanced") && at("vim-enhanced") < at("echo before 'controller'"));
    let ours = lines.iter().position(|line| line.contains("/tmp/rackstart-pre.log")).unwrap();
    assert!(at("echo before 'controller'") < ours && ours < at("echo after"));
    assert!(at("echo after") < lines.iter().position(|line| line.contains("/var/log/rackstart/post.log")).unwrap());
}

#[test]
fn the_site_file_can_name_the_folder_and_the_command_line_stands_above_it() {
    let place = Place::new(&[("kickstart/snippets/commands.ks.j2", "group --name=own\n")]);
    let site = fs::read_to_string(place.path().join("site.toml")).unwrap();
    let key = format!("[site]\ntemplates = \"{}/own\"\n", place.path().display());
    fs::write(place.path().join("site.toml"), site.replace("[site]\n", &key)).unwrap();
    assert!(place.text(&KICKSTART).contains("group --name=own\n"));
    let note = format!("note: templates from {}/own: kickstart/snippets/commands.ks.j2\n", place.path().display());
    assert!(place.text(&["check"]).contains(&note), "{}", place.text(&["check"]));
    let other = place.path().join("other/kickstart/snippets");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("commands.ks.j2"), "group --name=other\n").unwrap();
    let text = place.text(&[&KICKSTART[..], &["--templates", "other"]].concat());
    assert!(text.contains("group --name=other\n") && !text.contains("group --name=own\n"));
}

#[test]
fn own_firstboot_files_travel_in_the_payload() {
    let step = "#!/bin/bash\ncheck() { false; }\napply() { true; }\nverify() { true; }\n";
    let place = Place::new(&[
        ("templates/firstboot/steps/09-monitoring-all/01-agent.sh", step),
        ("templates/firstboot/hosts.j2", "127.0.0.1 localhost\n# own hosts of {{ node }}\n"),
    ]);
    let with = |what: &[&str]| place.text(&[&["render", "compute2"], what, &["--templates", "own"]].concat());
    assert!(with(&["firstboot-list"]).contains("0755      68 steps/09-monitoring-all/01-agent.sh\n"));
    assert_eq!(with(&["firstboot-file", "hosts"]), "127.0.0.1 localhost\n# own hosts of compute2\n");
}

#[test]
fn a_fault_is_told_by_the_operators_file_and_line() {
    for (file, text, expected) in [
        (
            "kickstart/snippets/commands.ks.j2",
            "\n\ngroup --nam=x\n",
            "own/kickstart/snippets/commands.ks.j2:3: `group` of EL6.10 has no option `--nam`",
        ),
        (
            "kickstart/snippets/commands.ks.j2",
            "group --name={{ nod }}\n",
            "own/kickstart/snippets/commands.ks.j2:1: `nod` is not defined",
        ),
        ("kickstart/snippets/commands.ks.j2", "{% if x %}\n", "own/kickstart/snippets/commands.ks.j2:"),
        (
            "kickstart/snippets/commands.ks.j2",
            "clearpart --all --drives=sda\n",
            "commands.ks.j2:1: `clearpart` would reach the installer before the wipe permit",
        ),
        (
            "kickstart/snippets/pre.sh.j2",
            "echo a\nlsblk\n",
            "own/kickstart/snippets/pre.sh.j2:2: the installer of EL6.10 has no `lsblk`",
        ),
        (
            "kickstart/snippets/post.sh.j2",
            "cat <<X\n%packages\nX\n",
            "own/kickstart/snippets/post.sh.j2:2: a line that begins with `%packages` ends %post",
        ),
        (
            "kickstart/snippets/post.sh.j2",
            "echo \"a\n",
            "own/kickstart/snippets/post.sh.j2:1: a double quote is never closed",
        ),
        (
            "templates/firstboot/hosts.j2",
            "{{ nobody }}\n",
            "own/templates/firstboot/hosts.j2:1: `nobody` is not defined",
        ),
        (
            "kickstart/snippets/posst.sh.j2",
            "x",
            "the files in kickstart/snippets/ are commands.ks.j2, packages.ks.j2, pre.sh.j2, post.sh.j2",
        ),
        ("kickstart/base.ks.js", "x", "own/kickstart/base.ks.js replaces no template"),
        ("templates/blueprints/lab.toml", "x", "own/templates/blueprints/lab.toml replaces no template"),
        (
            "templates/firstboot/steps/05-lab-compute/01-hello.sh",
            "echo\n",
            "01-hello.sh does not define `check`, `apply`, `verify`",
        ),
        (
            "templates/firstboot/steps/05-lab-comptue/01-hello.sh",
            "check() { :; }\napply() { :; }\nverify() { :; }\n",
            "is for the target `comptue`, which no node has",
        ),
    ] {
        let said = Place::new(&[(file, text)]).refused();
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(expected), "{file}: {said}");
        assert!(said.contains("help: "), "{said}");
    }
}

#[test]
fn a_storage_command_that_is_lost_or_changed_is_told_once_with_the_plans_wish() {
    let shipped = include_str!("../../kickstart/storage.ks.j2");
    for (from, to, expected) in [
        ("zerombr\n", "", "is not as it must be: own/kickstart/storage.ks.j2: missing: `zerombr`"),
        (
            "--size={{ volume.size }}",
            "--size={{ volume.size + 4 }}",
            "own/kickstart/storage.ks.j2:51: `logvol /` has `--size=10004` where the plan wants `--size=10000`",
        ),
    ] {
        let said = Place::new(&[("kickstart/storage.ks.j2", &shipped.replacen(from, to, 1))]).refused();
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(expected), "{said}");
        assert!(
            flat.contains("and 4 more") && said.matches("of rackstart's own kickstart/storage.ks.j2 does").count() == 1,
            "{said}"
        );
    }
}

#[test]
fn a_fault_of_all_nodes_is_told_once() {
    let said = Place::new(&[("kickstart/snippets/commands.ks.j2", "grup --name=x\n")]).refused();
    assert_eq!(said.matches("did you mean `group`?").count(), 1, "{said}");
    assert!(said.contains("and 4 more"), "{said}");
}

#[test]
fn a_folder_that_is_no_folder_of_templates_is_refused() {
    assert!(Place::new(&[]).refused().contains("the folder of templates own cannot be read: it does not exist"));
    assert!(Place::new(&[("notes.txt", "")]).refused().contains("own holds no template"));
    let stray = Place::new(&[("kickstart/snippets/post.sh.j2", ""), ("foo/bar.j2", ""), ("README.md", "")]).refused();
    assert!(stray.contains("own/foo replaces no template of rackstart"), "{stray}");
}

#[test]
fn what_init_writes_out_changes_nothing_until_it_is_edited() {
    let place = Place::new(&[]);
    let said = place.text(&["init", "--templates", "own"]);
    assert!(said.starts_with("wrote ") && said.contains("templates below own"), "{said}");
    let base = place.path().join("own/kickstart/base.ks.j2");
    assert!(base.exists() && place.path().join("own/templates/firstboot/hosts.j2").exists());
    let with = |arguments: &[&str]| place.text(&[arguments, &["--templates", "own"]].concat());
    assert_eq!(with(&KICKSTART), place.text(&KICKSTART));
    let payload = ["render", "compute2", "firstboot-list"];
    assert_eq!(with(&payload), place.text(&payload));
    assert!(with(&["check"]).contains("templates from own: "));
    fs::write(&base, format!("# ours\n{}", fs::read_to_string(&base).unwrap())).unwrap();
    assert!(with(&KICKSTART).contains("# ours\n"));
    let again = place.run(&["init", "--templates", "own"]);
    assert_eq!(again.status.code(), Some(1));
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(why.contains("own already holds files and was not changed") && why.contains("--force"), "{why}");
    assert!(fs::read_to_string(&base).unwrap().starts_with("# ours"));
}

#[test]
fn a_hook_puts_no_line_of_ours_out_of_force_and_fetches_none_from_elsewhere() {
    for (line, said) in [
        ("selinux --enforcing", "a second line for `selinux`: the installer uses only the last one"),
        ("keyboard de", "a second line for `keyboard`"),
        ("rootpw secret", "a second line for `rootpw`"),
        ("%include http://192.168.0.9/more.ks", "brings lines from elsewhere that nobody has read"),
        ("%ksappend /tmp/more.ks", "brings lines from elsewhere that nobody has read"),
    ] {
        let place = Place::new(&[("kickstart/snippets/commands.ks.j2", &format!("{line}\n"))]);
        let refused = place.refused();
        assert!(refused.contains(&format!("snippets/commands.ks.j2:1: {said}")) || refused.contains(said), "{refused}");
    }
    let place = Place::new(&[("kickstart/snippets/commands.ks.j2", "group --name=rack\r\ngroup --name=more\r\n")]);
    let served = place.text(&[&["--templates", "own"], &KICKSTART[..]].concat());
    assert!(served.contains("\ngroup --name=rack\ngroup --name=more\n") && !served.contains('\r'), "{served}");
}
