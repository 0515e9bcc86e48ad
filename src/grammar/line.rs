//! One command line: split as Python's shlex does it, then checked against the table.

use super::Complaint;
use super::table::{self, Command, Takes};
use super::{combine, facts};
use crate::site::Release;
use crate::words::did_you_mean;

/// What rackstart's own installer for Debian reads (`firmware/installer/commands`), of the syntax of EL10.
const OWN_INSTALLER: [&str; 20] = [
    "bootloader",
    "clearpart",
    "cmdline",
    "firewall",
    "ignoredisk",
    "keyboard",
    "lang",
    "liveimg",
    "logvol",
    "network",
    "part",
    "reboot",
    "rootpw",
    "services",
    "sshkey",
    "timesource",
    "timezone",
    "user",
    "volgroup",
    "zerombr",
];

/// Checks one command line; `number` is its line.
pub(super) fn check(release: Release, number: usize, line: &str, found: &mut Vec<Complaint>) {
    let words = match split(line) {
        Ok(words) => words,
        Err((what, help)) => return found.push(Complaint::new(number, what, help)),
    };
    let Some((name, words)) = words.split_first() else { return };
    if release.is_debian() && !OWN_INSTALLER.contains(&name.as_str()) {
        let what = format!("the installer of {} does not know the command `{}`", release.system(), name.escape_debug());
        let help = did_you_mean(name, OWN_INSTALLER).unwrap_or_else(|| "do it in a %post, or take it out".into());
        return found.push(Complaint::new(number, what, help));
    }
    let Some(command) = table::command(name).filter(|command| command.releases.holds(release)) else {
        return found.push(unknown_command(release, number, name));
    };
    if !command.free {
        check_words(release, number, name, command, words, found);
        combine::check(release, number, name, words, found);
    }
    facts::check_line(release, number, name, words, found);
}

fn unknown_command(release: Release, number: usize, name: &str) -> Complaint {
    let system = release.system();
    if table::command(name).is_some_and(|command| command.ignored("", release).is_some()) {
        let what = format!("{system} reads `{name}`, warns and ignores it");
        return Complaint::doubt(number, what, "remove the line");
    }
    let what = format!("{system} does not know the command `{}`", name.escape_debug());
    let help = match table::command(name) {
        Some(command) => format!("it exists {}; take it out for this release", command.releases.in_words()),
        None => did_you_mean(name, table::names(release))
            .unwrap_or_else(|| "an unknown command stops the installer; correct or remove the line".into()),
    };
    Complaint::new(number, what, help)
}

fn check_words(
    release: Release,
    number: usize,
    name: &str,
    command: &Command,
    words: &[String],
    found: &mut Vec<Complaint>,
) {
    let system = release.system();
    let mut given: Vec<&str> = Vec::new();
    let mut plain = 0;
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if !word.starts_with("--") || word == "--" {
            plain += 1;
            continue;
        }
        let (option, value) =
            word.split_once('=').map_or((word.as_str(), None), |(option, value)| (option, Some(value)));
        let facts = match command.option(option, release) {
            Ok(facts) => facts,
            Err(elsewhere) => {
                if let Some(ignored) = command.ignored(option, release) {
                    let what = format!("{system} reads `{option}` of `{name}`, warns and ignores it");
                    found.push(Complaint::doubt(number, what, "remove it"));
                    if value.is_none() && ignored.takes != Takes::Nothing {
                        words.next_if(|word| !word.starts_with('-'));
                    }
                    continue;
                }
                let what = format!("`{name}` of {system} has no option `{}`", option.escape_debug());
                let known = || command.options(release).map(|option| option.name);
                let help = match elsewhere {
                    Some(span) => format!("it exists {}; take it out for this release", span.in_words()),
                    None => did_you_mean(option, known()).unwrap_or_else(|| "correct or remove it".into()),
                };
                found.push(Complaint::new(number, what, help));
                continue;
            }
        };
        given.push(facts.name);
        // As in argparse, a value may follow `=` or be the next word.
        let wants = !matches!(facts.takes, Takes::Nothing | Takes::Maybe);
        let value = if wants {
            value.or_else(|| words.next_if(|word| !word.starts_with('-')).map(String::as_str))
        } else {
            value
        };
        if let Some((what, help)) = value_problem(facts.takes, value) {
            found.push(Complaint::new(number, format!("`{option}` of `{name}` {what}"), help));
        }
    }
    for option in command.options(release).filter(|option| option.needed && !given.contains(&option.name)) {
        let what = format!("`{name}` has no `{}`", option.name);
        found.push(Complaint::new(number, what, format!("add `{}=…`", option.name)));
    }
    let (least, most) = command.words(release);
    if plain < least || plain > most {
        let takes = match (least, most) {
            (0, 0) => "none".into(),
            (least, most) if least == most => least.to_string(),
            (least, usize::MAX) => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        let what = format!("`{name}` has {plain} words that are not options, and takes {takes}");
        found.push(Complaint::new(number, what, "quote a value that holds blanks, or remove the extra words"));
    }
}

fn value_problem(takes: Takes, value: Option<&str>) -> Option<(String, String)> {
    match (takes, value) {
        (Takes::Nothing, Some(_)) => Some(("takes no value".into(), "remove `=` and what follows it".into())),
        (Takes::Nothing | Takes::Maybe, _) | (Takes::Text, Some(_)) => None,
        (_, None) => Some(("has no value".into(), "write one after `=`".into())),
        (Takes::Number, Some(value)) if value.parse::<i64>().is_err() => {
            Some((format!("is `{}`, which is not a whole number", value.escape_debug()), "write digits only".into()))
        }
        (Takes::Word(words), Some(value)) if !words.split('|').any(|word| word == value) => {
            let help = format!("possible words: {}", words.replace('|', ", "));
            Some((format!("cannot be `{}`", value.escape_debug()), help))
        }
        _ => None,
    }
}

/// Splits a line into words, observing blanks, both kinds of quotes, backslashes, and comments that begin with `#`.
pub(super) fn split(line: &str) -> Result<Vec<String>, (String, String)> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => words.extend(word.take()),
            '#' if word.is_none() => break,
            '#' => {
                let what = "holds a `#` inside a word, where EL6 begins a comment".to_string();
                return Err((format!("the line {what}"), "put the word in double quotes".into()));
            }
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                quoted(letter, &mut letters, word).ok_or_else(|| {
                    let what = format!("a quotation that begins with {letter} has no end on its line");
                    (what, "close it, or put a backslash before the letter".to_string())
                })?;
            }
            '\\' => word.get_or_insert_default().extend(letters.next()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Reads up to the closing quote; none when there is none.
fn quoted(quote: char, letters: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match letters.next()? {
            letter if letter == quote => return Some(()),
            '\\' if quote == '"' => match letters.next()? {
                letter @ ('"' | '\\') => word.push(letter),
                other => word.extend(['\\', other]),
            },
            letter => word.push(letter),
        }
    }
}
