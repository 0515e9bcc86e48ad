//! What the terminal can do: whether it understands escape sequences, and how wide it is.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use crate::config::{knows_escapes, refuses_colour};

/// With fewer columns than this there is no room for words.
const NARROWEST: usize = 24;

/// Whether the cursor of the terminal behind `stream` can be moved.
pub(crate) fn can_move(stream: &(impl IsTerminal + AsFd)) -> bool {
    stream.is_terminal() && knows_escapes()
}

/// Whether `stream` may be given colours (<https://no-color.org>).
pub(crate) fn is_coloured(stream: &(impl IsTerminal + AsFd)) -> bool {
    stream.is_terminal() && !refuses_colour()
}

/// The columns of the terminal behind `stream`; none when it is a file or a pipe, or does not say.
pub(crate) fn width(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(stream).ok()?.ws_col;
    Some(usize::from(columns)).filter(|columns| *columns >= NARROWEST)
}

/// Breaks a text between words into lines of at most `room` columns; a longer word is cut.
pub(crate) fn fold(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + word.len() > room {
            lines.push(String::new());
            used = 0;
        }
        while word.len() > room {
            let rest = word.split_off(room);
            push(&mut lines, word.iter());
            lines.push(String::new());
            word = rest;
        }
        if used > 0 {
            push(&mut lines, [' '].iter());
            used += 1;
        }
        push(&mut lines, word.iter());
        used += word.len();
    }
    lines
}

fn push<'a>(lines: &mut [String], letters: impl Iterator<Item = &'a char>) {
    if let Some(last) = lines.last_mut() {
        last.extend(letters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_between_words_and_no_line_is_longer_than_there_is_room() {
        assert_eq!(fold("", 10), [""]);
        assert_eq!(fold("a few words", 20), ["a few words"]);
        assert_eq!(fold("a few words of text", 9), ["a few", "words of", "text"]);
        assert_eq!(fold("see 0123456789ab cd", 6), ["see", "012345", "6789ab", "cd"]);
        for room in 1..40 {
            let text = "its disk holds a GPT and an LVM2 member: /dev/disk/by-id/ata-Samsung_SSD_860 grüßt";
            let lines = fold(text, room);
            assert!(lines.iter().all(|line| line.chars().count() <= room), "{room}: {lines:?}");
            let letters = |text: &str| text.replace(' ', "");
            assert_eq!(letters(&lines.concat()), letters(text), "nothing is lost");
        }
    }
}
