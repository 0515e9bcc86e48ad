//! Our own table of commands against pykickstart's: what we accept, it accepts; where we are stricter is known.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rackstart::grammar::{self, Takes};
use rackstart::site::Release;

/// Prints what pykickstart knows: syntax, command, option, and what the option takes.
const ASK: &str = r#"
import warnings
warnings.simplefilter("ignore")
from pykickstart.base import DeprecatedCommand, RemovedCommand
from pykickstart.version import makeVersion
for major in range(6, 11):
    for name, command in makeVersion("RHEL%d" % major).commands.items():
        if command is None or isinstance(command, RemovedCommand):
            continue
        old = isinstance(command, DeprecatedCommand)
        print(major, name, "old" if old else "command", sep="\t")
        parser = getattr(command, "op", None)
        for action in parser._actions if parser and not old else []:
            takes = "nothing" if action.nargs == 0 else "maybe" if action.nargs == "?" else "value"
            old = getattr(action, "deprecated", None) or getattr(action, "removed", None)
            for option in action.option_strings:
                print(major, name, option, takes, "needed" if action.required else "", "old" if old else "", sep="\t")
"#;

/// Commands that pykickstart reads and we refuse: they ask somebody, or its own parser forgets them at once.
const REFUSED: [&str; 5] = ["deviceprobe", "interactive", "method", "monitor", "upgrade"];

/// Commands whose options pykickstart hands to a program of that name unread.
const UNREAD: [&str; 3] = ["auth", "authconfig", "authselect"];

struct Theirs {
    commands: BTreeSet<(u8, String)>,
    old_commands: BTreeSet<(u8, String)>,
    /// Release, command, option: what it takes, needed, old.
    options: BTreeMap<(u8, String, String), (String, bool, bool)>,
}

fn theirs() -> Theirs {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/pykickstart");
    assert!(folder.exists(), "{} is missing: `make setup` installs it", folder.display());
    let mut python = Command::new("python3");
    python.args(["-c", ASK]).env("PYTHONPATH", &folder).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = python.output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut theirs = Theirs { commands: BTreeSet::new(), old_commands: BTreeSet::new(), options: BTreeMap::new() };
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let (major, name) = (fields[0].parse().unwrap(), fields[1].to_string());
        match fields[2] {
            "command" => drop(theirs.commands.insert((major, name))),
            "old" => drop(theirs.old_commands.insert((major, name))),
            option => {
                let facts = (fields[3].to_string(), fields[4] == "needed", fields[5] == "old");
                theirs.options.insert((major, name, option.to_string()), facts);
            }
        }
    }
    theirs
}

/// The last point release that we know of each, which is what pykickstart models.
fn releases() -> impl Iterator<Item = Release> {
    ["6.10", "7", "8", "9", "10"].into_iter().map(|text| text.parse().unwrap())
}

#[test]
fn whatever_our_table_accepts_pykickstart_accepts() {
    let theirs = theirs();
    for release in releases() {
        for command in grammar::facts_of(release) {
            let key = (release.major, command.name.to_string());
            assert!(theirs.commands.contains(&key), "{release}: {}", command.name);
            if UNREAD.contains(&command.name) {
                continue;
            }
            for option in command.options.into_iter().flatten() {
                let key = (release.major, command.name.to_string(), option.name.to_string());
                let name = format!("{release}: {} {}", command.name, option.name);
                let (takes, needed, old) = theirs.options.get(&key).unwrap_or_else(|| panic!("{name} is unknown"));
                let ours = match option.takes {
                    Takes::Nothing => "nothing",
                    Takes::Maybe => "maybe",
                    Takes::Text | Takes::Number | Takes::Word(_) => "value",
                };
                assert_eq!((ours, option.needed, false), (takes.as_str(), *needed, *old), "{name}");
            }
        }
    }
}

#[test]
fn where_we_are_stricter_than_pykickstart_is_known() {
    let theirs = theirs();
    let mut stricter = Vec::new();
    for release in releases() {
        let ours: BTreeMap<_, _> =
            grammar::facts_of(release).into_iter().map(|command| (command.name, command.options)).collect();
        for (_, name) in theirs.commands.range((release.major, String::new())..(release.major + 1, String::new())) {
            match ours.get(name.as_str()) {
                None if REFUSED.contains(&name.as_str()) => {}
                None => stricter.push(format!("{release} {name}")),
                Some(None) => {}
                Some(Some(options)) => {
                    let of_command = theirs.options.iter().filter(|((major, command, option), (.., old))| {
                        *major == release.major && command == name && option.starts_with("--") && !old
                    });
                    let unknown = of_command.filter(|((.., option), _)| !options.iter().any(|o| o.name == option));
                    stricter.extend(unknown.map(|((.., option), _)| format!("{release} {name} {option}")));
                }
            }
        }
        // What pykickstart only warns of is not in our table: ksvalidator counts the warning as a problem.
        assert!(theirs.old_commands.iter().all(|(major, name)| *major != release.major || !ours.contains_key(&**name)));
    }
    assert_eq!(stricter, Vec::<String>::new());
}

#[test]
fn what_pykickstart_warns_of_and_ignores_we_say_so_of() {
    let theirs = theirs();
    for release in releases() {
        let of_release = |major: &u8| *major == release.major;
        let commands =
            theirs.old_commands.iter().filter(|(major, name)| of_release(major) && !REFUSED.contains(&&**name));
        let options = theirs.options.iter().filter(|((major, ..), (.., old))| of_release(major) && *old);
        let mut old: Vec<(&str, &str)> = commands.map(|(_, name)| (name.as_str(), "")).collect();
        old.extend(options.map(|((_, name, option), _)| (name.as_str(), option.as_str())));
        old.retain(|(name, _)| *name != "xconfig"); // whose options nobody checks
        old.sort_unstable();
        assert_eq!(grammar::ignored_of(release), old, "{release}");
    }
}

/// Reads lines `RELEASE<tab>KICKSTART LINE` and prints what becomes of each.
const JUDGE: &str = r#"
import sys, warnings
warnings.simplefilter("ignore")
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion
for line in sys.stdin:
    release, text = line.rstrip("\n").split("\t")
    try:
        KickstartParser(makeVersion("RHEL" + release)).readKickstartFromString(text + "\n")
        print("ok")
    except Exception:
        print("refused")
"#;

/// What a command needs in any case.
fn needed(command: &str) -> &'static str {
    match command {
        "part" | "partition" => "/x",
        "logvol" => "/x --vgname=a --name=b --size=1",
        "raid" => "/x --device=md0 --level=1 raid.1",
        "repo" => "--name=x",
        "harddrive" => "--dir=/x",
        _ => "",
    }
}

#[test]
fn options_that_need_or_exclude_each_other_are_those_of_pykickstart() {
    use rackstart::grammar::{RULES, Rule};
    let mut asked: Vec<(String, &str, Release)> = Vec::new();
    for (commands, first, last, rule) in &RULES {
        for (command, release) in commands.iter().flat_map(|command| releases().map(move |release| (command, release)))
        {
            if !(*first..=*last).contains(&release.major) {
                continue;
            }
            let facts = grammar::facts_of(release).into_iter().find(|facts| facts.name == *command).unwrap();
            let word = |option: &&str| match facts.options.iter().flatten().find(|facts| facts.name == *option) {
                _ if option.is_empty() => Some("us".to_string()),
                None => None, // not in this release
                Some(facts) if matches!(facts.takes, Takes::Nothing | Takes::Maybe) => Some(option.to_string()),
                Some(_) => Some(format!("{option}=1")),
            };
            let line = |options: Vec<String>| {
                let bare = needed(command)
                    .split(' ')
                    .filter(|word| !options.iter().any(|o| o.split('=').next() == word.split('=').next()));
                let bare: Vec<&str> = bare.collect();
                format!("{command} {} {}", bare.join(" "), options.join(" "))
            };
            let mut ask = |options: Vec<String>, verdict| asked.push((line(options), verdict, release));
            let known = |options: &[&str]| options.iter().filter_map(word).collect::<Vec<_>>();
            match rule {
                Rule::One(options) | Rule::Any(options) | Rule::Apart(options) => {
                    let one = |option| {
                        if *command == "repo" || matches!(rule, Rule::One(_) | Rule::Any(_)) {
                            Some(vec![option])
                        } else {
                            None
                        }
                    };
                    for options in known(options).into_iter().filter_map(one) {
                        ask(options, "ok");
                    }
                    if matches!(rule, Rule::One(_) | Rule::Any(_)) {
                        ask(Vec::new(), "refused");
                    }
                    if matches!(rule, Rule::One(_) | Rule::Apart(_)) && known(options).len() > 1 {
                        ask(known(options)[..2].to_vec(), "refused");
                    }
                }
                Rule::Wants(option, _) => ask(known(&[option]), "refused"),
            }
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/pykickstart");
    let mut python = Command::new("python3");
    python.args(["-c", JUDGE]).env("PYTHONPATH", &folder).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: String = asked.iter().map(|(line, _, release)| format!("{}\t{line}\n", release.major)).collect();
    python.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
    let verdicts: Vec<&str> = output.lines().collect();
    assert_eq!(verdicts.len(), asked.len());
    let differ = asked.iter().zip(&verdicts).filter(|((_, expected, _), said)| expected != *said);
    let differ: Vec<String> = differ.map(|((line, _, release), said)| format!("{release} {said}: {line}")).collect();
    assert!(differ.is_empty(), "\n{}", differ.join("\n"));
    // Ours says the same of each line, for the reason of the rule.
    for (line, expected, release) in asked {
        let found = grammar::check(release, &format!("{line}\n"));
        let reasons = ["exclude each other", "has none of", "works only with"];
        let blamed = found.iter().any(|complaint| reasons.iter().any(|reason| complaint.what.contains(reason)));
        assert_eq!(blamed, expected == "refused", "{release} {line}: {found:?}");
    }
}

#[test]
fn the_point_releases_of_el6_know_less_than_pykickstart_thinks() {
    let names = |text: &str| {
        let facts = grammar::facts_of(text.parse().unwrap());
        let options = facts.iter().flat_map(|command| {
            let options = command.options.iter().flatten().map(|option| format!("{} {}", command.name, option.name));
            std::iter::once(command.name.to_string()).chain(options).collect::<Vec<_>>()
        });
        options.collect::<BTreeSet<String>>()
    };
    let later: Vec<String> = names("6.10").difference(&names("6.3")).cloned().collect();
    assert_eq!(later, ["network --bondopts", "network --bondslaves", "network --vlanid", "unsupported_hardware"]);
}
