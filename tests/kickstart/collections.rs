//! Kickstarts that others wrote and test their installers with: COLLECTIONS names what `collections/prepare` made of public
//! collections. What `lint` says is held against pykickstart of the release, and their storage is imported and planned.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rackstart::config::{self, EXAMPLE};
use rackstart::grammar::{self, Weight};
use rackstart::import::{self, Fate};
use rackstart::site::Release;

/// Reads paths, and prints `ok` or why pykickstart of the release in the path refuses the file.
const JUDGE: &str = r#"
import sys, warnings
warnings.simplefilter("ignore")
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion
for path in sys.stdin:
    path = path.rstrip("\n")
    try:
        KickstartParser(makeVersion("RHEL" + path.split("/")[-2]), followIncludes=False).readKickstart(path)
        print("ok")
    except Exception as error:
        print(" ".join(str(error).split()) or type(error).__name__)
"#;

/// Where we are stricter, by a part of what we say, and why.
const STRICTER: [(&str, &str); 2] = [
    ("does not know the section `%certificate`", "`%certificate` is of Fedora 42: EL9's installer is older"),
    (
        "`%certificate` of EL10 has no option `--type`",
        "`%certificate --type` is of Fedora 45: EL10's installer is older",
    ),
];

/// Why storage stays behind, by a part of what is said, and the kind that docs/import.md tells.
const EXCLUDED: [(&str, &str); 9] = [
    ("changes a disk, and nobody has allowed that", "partitions made by `%pre`"),
    ("uses what exists", "partitions or groups that exist (`--onpart`, `--useexisting`)"),
    ("uses a partition that exists", "partitions that exist (`mount`)"),
    ("this partition is in none of its arrays", "a mirror of some partitions of its disks only"),
    ("and no other RAID", "RAID other than mirrors of two disks"),
    ("and not of single partitions", "a mirror of some partitions of its disks only"),
    ("layouts have no snapshots", "snapshots"),
    ("btrfs", "btrfs"),
    ("has no option", "what the release does not know"),
];

/// Commands that make storage.
const MAKERS: [&str; 10] =
    ["autopart", "part", "partition", "raid", "volgroup", "logvol", "btrfs", "mount", "reqpart", "snapshot"];

fn files() -> Vec<PathBuf> {
    let folder = std::env::var_os("COLLECTIONS").expect("COLLECTIONS names no folder");
    let below = |folder: &Path| -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let sets = below(Path::new(&folder));
    let releases = sets.iter().flat_map(|set| below(set));
    let mut files: Vec<PathBuf> = releases.flat_map(|release| below(&release)).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "ks"));
    files.sort();
    files
}

fn verdicts(files: &[PathBuf]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/pykickstart");
    let mut python = Command::new("python3");
    python.args(["-c", JUDGE]).env("PYTHONPATH", folder).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 runs");
    let mut input = python.stdin.take().unwrap();
    let paths: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    let writer = std::thread::spawn(move || input.write_all(paths.as_bytes()));
    let output = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
    writer.join().unwrap().unwrap();
    output.lines().map(str::to_string).collect()
}

/// The kind of a text by the parts of a table, or nothing.
fn kind(table: &[(&str, &'static str)], text: &str) -> Option<&'static str> {
    table.iter().find(|(part, _)| text.contains(part)).map(|(_, kind)| *kind)
}

/// What was counted, for each set and in all.
#[derive(Default)]
struct Counts {
    /// Set, then what is counted.
    of_set: BTreeMap<String, BTreeMap<String, usize>>,
    /// Kind, then set.
    kinds: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Counts {
    fn count(&mut self, set: &str, what: &str) {
        *self.of_set.entry(set.into()).or_default().entry(what.into()).or_default() += 1;
    }

    fn kind(&mut self, set: &str, kind: &str) {
        *self.kinds.entry(kind.into()).or_default().entry(set.into()).or_default() += 1;
    }

    fn sum(&self, what: &str) -> usize {
        self.of_set.values().filter_map(|set| set.get(what)).sum()
    }

    /// The tables of docs/import.md.
    fn tables(&self, commits: &str) -> String {
        let mut text = String::from(
            "\n| collection | commit | kickstarts | `lint` and pykickstart agree | storage sections | imported and planned |\n\
             |---|---|---|---|---|---|\n",
        );
        let of = |set: &str, what: &str| self.of_set.get(set).and_then(|set| set.get(what)).copied().unwrap_or(0);
        for (set, commit) in commits.lines().filter_map(|line| line.split_once(' ')) {
            let _ = writeln!(
                text,
                "| {set} | `{commit}` | {} | {} | {} | {} |",
                of(set, "kickstarts"),
                of(set, "agree"),
                of(set, "storage"),
                of(set, "planned")
            );
        }
        text.push_str("\n| kind | how many |\n|---|---|\n");
        for (kind, sets) in &self.kinds {
            let sets: Vec<String> = sets.iter().map(|(set, count)| format!("{count} in {set}")).collect();
            let _ = writeln!(text, "| {kind} | {} |", sets.join(", "));
        }
        text
    }
}

#[test]
#[ignore = "needs COLLECTIONS: make test-long PART=collections"]
fn public_kickstarts_are_judged_as_pykickstart_does_and_their_storage_is_planned() {
    let files = files();
    assert!(!files.is_empty(), "COLLECTIONS holds no kickstart");
    let theirs = verdicts(&files);
    assert_eq!(theirs.len(), files.len());
    let (mut counts, mut strange) = (Counts::default(), Vec::new());
    for (index, (file, theirs)) in files.iter().zip(&theirs).enumerate() {
        let parts: Vec<String> = file.iter().rev().take(3).map(|part| part.to_string_lossy().into_owned()).collect();
        let [name, release, set] = &parts[..] else { panic!("{}", file.display()) };
        let release: Release = release.parse().unwrap();
        let bytes = std::fs::read(file).unwrap();
        counts.count(set, "kickstarts");
        judge(&mut counts, &mut strange, set, file, theirs, &grammar::lint(release, &bytes));
        let imported = import::import(release, name, "imported", &bytes);
        assert_eq!(
            imported.lines.len(),
            bytes.split(|byte| *byte == b'\n').count() - usize::from(bytes.ends_with(b"\n"))
        );
        storage(&mut counts, &mut strange, set, file, &imported);
        // Everything is rendered for a site with the role: some of them are enough.
        if index % 16 == 0 {
            let site = format!("{EXAMPLE}\n{}", imported.fragment);
            let problems = config::parse(&site, "rackstart.toml").err();
            assert_eq!(problems.map(|problems| problems.to_string()), None, "{}", file.display());
        }
    }
    assert!(strange.is_empty(), "\n{}", strange.join("\n"));
    let commits = Path::new(&std::env::var_os("COLLECTIONS").unwrap()).join("commits");
    println!("{}", counts.tables(&std::fs::read_to_string(commits).unwrap_or_default()));
    let (all, agree) = (counts.sum("kickstarts"), counts.sum("agree"));
    let (storage, planned) = (counts.sum("storage"), counts.sum("planned"));
    assert!(planned * 10 >= storage * 9, "{planned} of {storage}");
    println!(
        "long: {all} kickstarts | `lint` and pykickstart agree on {agree}, the others are explained; {planned} of {storage} \
         storage sections are imported and planned, the others are what docs/import.md excludes"
    );
}

/// Whether both say the same, and why not.
fn judge(counts: &mut Counts, strange: &mut Vec<String>, set: &str, file: &Path, theirs: &str, lint: &grammar::Lint) {
    let errors: Vec<&str> =
        lint.complaints.iter().filter(|c| c.weight == Weight::Fault).map(|c| c.what.as_str()).collect();
    if errors.is_empty() == (theirs == "ok") {
        return counts.count(set, "agree");
    }
    match errors.iter().find_map(|error| kind(&STRICTER, error)) {
        Some(kind) => counts.kind(set, &format!("`lint` refuses, pykickstart does not: {kind}")),
        None => strange.push(format!("{}: we say {errors:?}, pykickstart {theirs}", file.display())),
    }
}

/// Whether a storage section is planned, and why not.
fn storage(counts: &mut Counts, strange: &mut Vec<String>, set: &str, file: &Path, imported: &import::Import) {
    let of_storage: Vec<&import::Line> = commands(imported).filter(|line| MAKERS.contains(&word(line))).collect();
    let includes = commands(imported).any(|line| word(line) == "%include");
    if of_storage.is_empty() && !includes {
        return;
    }
    if imported.layout.is_some() {
        counts.count(set, "storage");
        return counts.count(set, "planned");
    }
    let left = |line: &import::Line| match &line.fate {
        Fate::Left { why, .. } => Some(why.clone()),
        _ => None,
    };
    // Where no line makes storage, a file of `%pre` does, if it changes a disk.
    let whys: Vec<String> = match of_storage.is_empty() {
        true => imported.lines.iter().filter_map(left).filter(|why| why.contains("changes a disk")).collect(),
        false => of_storage.iter().filter_map(|line| left(line)).filter(|why| !why.contains("whole or none")).collect(),
    };
    if of_storage.is_empty() && whys.is_empty() {
        return;
    }
    counts.count(set, "storage");
    match whys.iter().find_map(|why| kind(&EXCLUDED, why)) {
        Some(kind) => counts.kind(set, &format!("storage stays behind: {kind}")),
        None => strange.push(format!("{}: {whys:?}", file.display())),
    }
}

fn word(line: &import::Line) -> &str {
    line.text.split_whitespace().next().unwrap_or_default()
}

/// The lines that stand in no section.
fn commands(imported: &import::Import) -> impl Iterator<Item = &import::Line> {
    let mut in_section = false;
    imported.lines.iter().filter(move |line| {
        let first = word(line);
        let is_within = in_section;
        in_section = match first {
            "%end" => false,
            _ => in_section || (first.starts_with('%') && !matches!(first, "%include" | "%ksappend")),
        };
        !is_within && !in_section && !line.text.trim_start().starts_with('#')
    })
}
