//! Our own table of commands against pykickstart's: what we accept, it accepts; where we are stricter is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

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
