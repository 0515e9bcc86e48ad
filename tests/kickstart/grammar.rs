//! Every kickstart is read by the readers of its release: pykickstart's ksvalidator, bash, and for EL6 a stricter list
//! of our own, because ksvalidator lets pass what EL6's parser dies on.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rackstart::site::Release;

use crate::variants::{all, body, site, whole};

/// Where `make setup` puts pykickstart.
fn pykickstart() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/pykickstart");
    let program = folder.join("bin/ksvalidator");
    assert!(program.exists(), "{} is missing: `make setup` (or tests/kickstart/setup) installs it", program.display());
    folder
}

/// What ksvalidator says of these files, without the names of the files that it reads; nothing when all is well.
fn ksvalidator(syntax: &str, files: &[PathBuf]) -> String {
    let folder = pykickstart();
    let output = Command::new("python3")
        .arg(folder.join("bin/ksvalidator"))
        .args(["-v", syntax])
        .args(files)
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 runs");
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat();
    let said: String = said
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("Checking kickstart file "))
        .map(|line| format!("{line}\n"))
        .collect();
    if said.is_empty() && !output.status.success() { output.status.to_string() } else { said }
}

#[test]
fn ksvalidator_has_nothing_to_say_about_any_kickstart() {
    let folder = tempfile::tempdir().unwrap();
    let mut by_syntax: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (release, firmware, site, node) in all() {
        let file = folder.path().join(format!("{release}-{firmware}-{node}.ks"));
        std::fs::write(&file, whole(&site, &node)).unwrap();
        by_syntax.entry(release.parse::<Release>().unwrap().syntax()).or_default().push(file);
    }
    assert_eq!(by_syntax.len(), 5);
    for (syntax, files) in by_syntax {
        let said = ksvalidator(&syntax, &files);
        assert!(said.is_empty(), "{syntax}: {said}");
    }
}

#[test]
fn ksvalidator_sees_a_fault_when_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kickstart.ks");
    std::fs::write(&file, "lang en_US\nclearprt --all\n").unwrap();
    assert!(ksvalidator("RHEL6", &[file]).contains("clearprt"));
}

/// How the scripts of a release begin.
fn scripts(release: &str) -> [&'static str; 4] {
    let failed = if ["8", "9", "10"].contains(&release) { "%onerror" } else { "%traceback" };
    ["%pre", failed, "%post --nochroot", "%post --interpreter"]
}

/// Commands of the EL6 installer, as its own parser knows them, that our kickstarts use.
const EL6_COMMANDS: [&str; 22] = [
    "install",
    "url",
    "cmdline",
    "lang",
    "keyboard",
    "timezone",
    "rootpw",
    "authconfig",
    "firewall",
    "selinux",
    "services",
    "firstboot",
    "skipx",
    "reboot",
    "network",
    "zerombr",
    "ignoredisk",
    "clearpart",
    "bootloader",
    "part",
    "volgroup",
    "logvol",
];

#[test]
fn el6_gets_only_commands_and_sections_that_its_own_parser_knows() {
    for (release, firmware, site, node) in all() {
        if !release.starts_with("6.") {
            continue;
        }
        let kickstart = whole(&site, &node);
        let mut section = false;
        for line in kickstart.lines() {
            let word = line.split_whitespace().next().unwrap_or_default();
            if section {
                section = word != "%end";
                assert!(
                    !section || !word.starts_with('%'),
                    "{release} {firmware} {node}: a script would end at {line}"
                );
            } else if word.starts_with('%') {
                assert!(["%pre", "%post", "%packages", "%include", "%traceback"].contains(&word), "{line}");
                section = word != "%include";
            } else if !word.is_empty() && !word.starts_with('#') {
                let known = EL6_COMMANDS.contains(&word) || (word == "unsupported_hardware" && release != "6.3");
                assert!(known, "{release} {firmware} {node}: {line}");
            }
            let later = ["--disklabel", "--boot-drive", "--bindto", "--activate", "--domain"];
            assert!(section || !later.iter().any(|option| line.contains(option)), "{line}");
        }
        assert!(!section, "a section has no end");
    }
}

#[test]
fn every_wipe_names_its_disk() {
    for (.., site, node) in all() {
        let kickstart = whole(&site, &node);
        let lines: Vec<&str> = kickstart.lines().collect();
        let at = |start: &str| lines.iter().filter(|line| line.starts_with(start)).copied().collect::<Vec<_>>();
        assert_eq!(at("ignoredisk "), ["ignoredisk --only-use=sda"]);
        assert!(matches!(at("clearpart ")[..], [line] if line.contains(" --drives=sda")));
        assert!(at("part ").iter().all(|line| line.contains(" --ondisk=sda")));
        assert!(at("volgroup ").iter().all(|line| line.contains(" --pesize=4096 ")));
    }
}

#[test]
fn shellcheck_has_nothing_to_say_about_the_scripts() {
    for (release, firmware, node) in [("6.10", "bios", "controller"), ("9", "uefi", "compute2")] {
        let kickstart = whole(&site(release, firmware), node);
        for opening in scripts(release) {
            let mut program = Command::new("shellcheck");
            program.args(["-s", "bash", "-f", "gcc", "-"]).stdin(Stdio::piped());
            let started = program.stdout(Stdio::piped()).spawn();
            let mut shellcheck = started.expect("shellcheck is missing: `make setup` installs it");
            shellcheck.stdin.take().unwrap().write_all(body(&kickstart, opening).as_bytes()).unwrap();
            let output = shellcheck.wait_with_output().unwrap();
            assert!(output.status.success(), "{node} {opening}: {}", String::from_utf8_lossy(&output.stdout));
        }
    }
}

#[test]
fn bash_reads_every_script() {
    for (release, firmware, site, node) in all() {
        let kickstart = whole(&site, &node);
        for opening in scripts(release) {
            let mut bash =
                Command::new("bash").args(["-n", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            bash.stdin.take().unwrap().write_all(body(&kickstart, opening).as_bytes()).unwrap();
            let output = bash.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{release} {firmware} {node} {opening}: {said}");
        }
    }
}
