//! Finds what nobody else may read in a kickstart: passwords, passphrases, hashes and keys.

use std::ops::Range;

/// Options of any command whose value is a secret, or leads to one.
const OPTIONS: [&str; 9] = [
    "--password",
    "--md5pass",
    "--passphrase",
    "--reverse-password",
    "--activation-key",
    "--wepkey",
    "--wpakey",
    "--winbindjoin",
    "--one-time-password",
];

/// Commands whose plain words are secrets.
const COMMANDS: [&str; 2] = ["rootpw", "sshpw"];

/// The secrets in the command lines of a kickstart, as ranges of bytes in the text. Scripts are not searched: only
/// their authors know what they contain.
pub(crate) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut in_section) = (0, false);
    for line in text.split_inclusive('\n') {
        let first = line.split_ascii_whitespace().next().unwrap_or_default();
        if first == "%end" {
            in_section = false;
        } else if first.starts_with('%') && !matches!(first, "%include" | "%ksappend") {
            in_section = true;
        } else if !in_section {
            found.extend(of_line(line).into_iter().map(|at| at.start + start..at.end + start));
        }
        start += line.len();
    }
    found
}

/// The text with three asterisks in place of each of its secrets. Lines keep their numbers.
pub(crate) fn masked(text: &str) -> String {
    let (mut masked, mut at) = (String::with_capacity(text.len()), 0);
    for secret in secrets(text) {
        masked.push_str(&text[at..secret.start]);
        masked.push_str("***");
        at = secret.end;
    }
    masked + &text[at..]
}

/// The secrets of one command line, as ranges of bytes in the line. A commented line may contain one as well.
fn of_line(line: &str) -> Vec<Range<usize>> {
    let code = line.trim_start_matches(['#', ' ', '\t']);
    let offset = line.len() - code.len();
    let words = words(code);
    let Some((command, rest)) = words.split_first() else { return Vec::new() };
    let is_secret_command = COMMANDS.contains(&&code[command.clone()]);
    let mut found = Vec::new();
    let mut is_value = false;
    for at in rest {
        let word = &code[at.clone()];
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let named = OPTIONS.contains(&name);
        if std::mem::take(&mut is_value) || (is_secret_command && !word.starts_with("--")) {
            found.push(at.clone());
        } else if let Some(value) = value.filter(|_| named) {
            found.push(at.end - value.len()..at.end);
        } else {
            is_value = named;
            found.extend(login(word).map(|login| at.start + login.start..at.start + login.end));
        }
    }
    found.into_iter().map(|at| at.start + offset..at.end + offset).collect()
}

/// The password of a login in an address, `http://name:password@host/`; without a colon, all of the login.
fn login(word: &str) -> Option<Range<usize>> {
    let start = word.find("://")? + 3;
    let authority = word[start..].split(['/', '?', '#', '"', '\'']).next().unwrap_or_default();
    let end = start + authority.rfind('@')?;
    let password = word[start..end].find(':').map_or(start, |colon| start + colon + 1);
    (password < end).then_some(password..end)
}

/// Words between blanks that are outside quotations.
fn words(line: &str) -> Vec<Range<usize>> {
    let (mut words, mut start, mut quote) = (Vec::new(), None, None);
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                start.get_or_insert(at);
            }
            (None, ' ' | '\t' | '\n' | '\r') => words.extend(start.take().map(|start| start..at)),
            _ => drop(start.get_or_insert(at)),
        }
    }
    words.extend(start.map(|start| start..line.len()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_of_a_command_line_is_found_and_nothing_else() {
        for (line, expected) in [
            ("rootpw --plaintext geheim", vec!["geheim"]),
            ("rootpw --iscrypted $6$a$b # x", vec!["$6$a$b", "#", "x"]),
            ("user --name=a --password=\"b c\" --uid=5", vec!["\"b c\""]),
            ("user --name=a --password b", vec!["b"]),
            ("  # user --name=a --password=b", vec!["b"]),
            ("part / --encrypted --passphrase='a b'", vec!["'a b'"]),
            ("rhsm --organization=1 --activation-key=k", vec!["k"]),
            ("bootloader --password=x --iscrypted --append=\"a b\"", vec!["x"]),
            ("repo --name=a --baseurl=http://me:ge@heim@mirror/x?y=z@w", vec!["ge@heim"]),
            ("url --url=\"https://token@mirror/x\" --proxy http://me:b@proxy:80", vec!["token", "b"]),
            ("url --url=http://mirror/a@b --noverifyssl", vec![]),
            ("user --name=password", vec![]),
            ("rootpw --lock", vec![]),
        ] {
            let found: Vec<&str> = of_line(line).into_iter().map(|at| &line[at]).collect();
            assert_eq!(found, expected, "{line}");
        }
        let text = "lang a\nrootpw x\n%post\nrootpw y\n%end\nsshpw --username=root z\n";
        let found: Vec<&str> = secrets(text).into_iter().map(|at| &text[at]).collect();
        assert_eq!(found, ["x", "z"]);
    }
}
