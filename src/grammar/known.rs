//! Scripts that were linted and found clean: thousands of nodes have the same scripts, except for a few quoted words.

use std::collections::HashSet;

/// The scripts that were found clean so far. A script with a fault is never among them, so every fault is reported
/// wherever it occurs.
#[derive(Debug, Default)]
pub(crate) struct KnownScripts {
    clean: HashSet<String>,
}

impl KnownScripts {
    /// Whether an equivalent script was clean. Two scripts are equivalent when they differ only in plain words within
    /// single quotes, such as a node's own name and MAC: neither a shell nor the lint interprets those.
    pub(super) fn has(&self, key: &str) -> bool {
        self.clean.contains(key)
    }

    /// Records a clean script.
    pub(super) fn add(&mut self, key: String) {
        self.clean.insert(key);
    }
}

/// The script without the plain words in single quotes, together with what else the lint depends on.
pub(super) fn key(is_el6: bool, in_installer: bool, lines: &[&str]) -> String {
    let mut key = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum::<usize>() + 2);
    key.push(if is_el6 { '6' } else { '7' });
    key.push(if in_installer { 'i' } else { 's' });
    for line in lines {
        let mut rest = *line;
        while let Some(quote) = rest.find('\'') {
            let (before, from) = rest.split_at(quote + 1);
            key.push_str(before);
            // The value of a whole assignment may contain blanks; between other quotes they could separate two words of
            // a command.
            let others: &[u8] = if is_assignment(&line[..line.len() - from.len()]) { b"._:- ,/" } else { b"._:-" };
            let plain = |letter: &u8| letter.is_ascii_alphanumeric() || others.contains(letter);
            let length = from.bytes().take_while(|letter| plain(letter)).count();
            // The word after `<<` must be kept, because the end of a here-document is searched by it.
            let is_delimiter = before[..quote].trim_end_matches(['-', ' ']).ends_with("<<");
            if length == 0 || is_delimiter || from.as_bytes().get(length) != Some(&b'\'') {
                rest = from;
            } else {
                key.push('\'');
                rest = &from[length + 1..];
            }
        }
        key.push_str(rest);
        key.push('\n');
    }
    key
}

/// Whether the text is `name='` and nothing else.
fn is_assignment(text: &str) -> bool {
    let name = text.trim_start().strip_suffix("='").unwrap_or_default();
    !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_alphabetic() || letter == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_differ_in_a_quoted_word_read_alike_and_others_do_not() {
        let of = |line: &str| key(true, true, &[line]);
        assert_eq!(of("node='compute1' mac='52:54:00:a8:01:01'"), of("node='c2' mac='52:54:00:a8:02:01'"));
        assert_eq!(of("  want_words='serial WD-1, 1 TB'"), of("  want_words='serial WD-2, 2 TB'"));
        for (one, other) in [
            ("node=compute1", "node=compute2"),
            ("x 'a b'", "x 'c d'"),
            ("}' x='a b'", "}' x='c d'"),
            ("x='a$b'", "x='a$c'"),
            ("cat <<'EOF' >x", "cat <<'EOG' >x"),
            ("cat <<- 'EOF' >x", "cat <<- 'EOG' >x"),
            ("x='open", "x='shut"),
            ("x='a'", "x='a' b"),
        ] {
            assert_ne!(of(one), of(other), "{one}");
        }
        assert_ne!(key(true, true, &["a"]), key(true, false, &["a"]));
        assert_ne!(key(true, true, &["a"]), key(false, true, &["a"]));
    }
}
