//! Keys from the bytes of a terminal: the Linux console, a serial line, tmux.

use std::io::{self, Read};

use super::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// F1 is 1.
    Function(u32),
    Letter(char),
    Enter,
    Backspace,
    Escape,
}

/// The ends of escape sequences for F1 to F4: of the Linux console, of xterm, of the VT220.
const FUNCTIONS: [[&str; 4]; 3] =
    [["[[A", "[[B", "[[C", "[[D"], ["OP", "OQ", "OR", "OS"], ["[11~", "[12~", "[13~", "[14~"]];

/// The keys that were pressed; none when the terminal's time was over.
pub(super) fn read(terminal: &mut impl Read) -> Result<Vec<Key>, Failure> {
    let mut bytes = [0; 256];
    match terminal.read(&mut bytes) {
        Ok(length) => Ok(keys(&String::from_utf8_lossy(&bytes[..length]))),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
        Err(error) => Err(Failure::fixable(format!("cannot read the terminal: {error}"))),
    }
}

fn keys(mut text: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    while let Some(letter) = text.chars().next() {
        let rest = &text[letter.len_utf8()..];
        let (key, after) = match letter {
            '\x1b' => escaped(rest),
            '\r' | '\n' => (Some(Key::Enter), rest),
            '\x08' | '\x7f' => (Some(Key::Backspace), rest),
            letter if letter.is_control() => (None, rest),
            letter => (Some(Key::Letter(letter)), rest),
        };
        keys.extend(key);
        text = after;
    }
    keys
}

/// What follows an escape: a function key, another sequence, which is skipped, or nothing.
fn escaped(rest: &str) -> (Option<Key>, &str) {
    for set in FUNCTIONS {
        for (number, end) in (1..).zip(set) {
            if let Some(after) = rest.strip_prefix(end) {
                return (Some(Key::Function(number)), after);
            }
        }
    }
    match rest.strip_prefix(['[', 'O']) {
        Some(sequence) => {
            let end = sequence.find(|letter: char| matches!(letter, '@'..='~') && letter != '[');
            (None, end.map_or("", |end| &sequence[end + 1..]))
        }
        None => (Some(Key::Escape), rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_keys_of_every_terminal_are_known_and_other_sequences_type_nothing() {
        for (text, number) in [("\x1b[[A", 1), ("\x1bOQ", 2), ("\x1b[13~", 3), ("\x1b[[D", 4)] {
            assert_eq!(keys(text), [Key::Function(number)], "{text:?}");
        }
        assert_eq!(keys("\x1b[A\x1b[5~x"), [Key::Letter('x')]);
        assert_eq!(keys("a\x7f\r\x1b"), [Key::Letter('a'), Key::Backspace, Key::Enter, Key::Escape]);
        assert_eq!(keys("\x03ü"), [Key::Letter('ü')]);
    }
}
