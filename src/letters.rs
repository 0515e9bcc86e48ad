//! Characters that nobody can see: a line, a name or a password that contains one is not what it looks like.

use std::cmp::Ordering;

/// First and last character of each range, from Unicode 16 including the ranges that it reserves: everything whose
/// property is `Default_Ignorable_Code_Point` or `Bidi_Control`, or whose category is `Cf` (format), `Zl` or `Zp` (line
/// and paragraph separators).
const INVISIBLE: [(char, char); 25] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether the character is invisible, or changes the direction of the visible ones: a text with it can be made to look
/// like another.
pub(crate) fn is_invisible(c: char) -> bool {
    let place = |&(first, last): &(char, char)| match c {
        _ if c < first => Ordering::Greater,
        _ if c > last => Ordering::Less,
        _ => Ordering::Equal,
    };
    INVISIBLE.binary_search_by(place).is_ok()
}

/// Whether the character would control a terminal, break a line, or be invisible.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

#[cfg(test)]
mod tests {
    use regex_syntax::Parser;
    use regex_syntax::hir::{Class, HirKind};

    use super::*;

    #[test]
    fn the_list_is_that_of_unicode() {
        let named = r"[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cf}\p{Zl}\p{Zp}]";
        let HirKind::Class(Class::Unicode(class)) = Parser::new().parse(named).unwrap().into_kind() else {
            panic!("a class")
        };
        let theirs: Vec<(char, char)> = class.ranges().iter().map(|range| (range.start(), range.end())).collect();
        assert_eq!(INVISIBLE.as_slice(), theirs);
    }

    #[test]
    fn words_of_people_are_no_part_of_it() {
        let seen =
            "pässwörd Ελληνικά русский עברית العربية हिन्दी ไทย 漢字 かな 한국어 €½ e\u{301} \u{a0}\u{3000}\u{1f4be}";
        assert_eq!(seen.chars().find(|c| is_unprintable(*c)), None);
        for hidden in ['\u{ad}', '\u{61c}', '\u{180e}', '\u{200b}', '\u{202e}', '\u{2069}', '\u{feff}', '\u{e0041}'] {
            assert!(is_invisible(hidden), "{hidden:?}");
        }
        assert!(is_unprintable('\n') && is_unprintable('\u{85}') && !is_invisible('\n'));
    }
}
