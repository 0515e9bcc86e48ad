//! Makes machines' own words fit to be kept and shown: no tokens, no control characters, and a bounded length.

use crate::letters::is_unprintable;

/// Hexadecimal digits of a boot token.
const TOKEN: usize = 32;

/// Makes a text fit to be kept: one line, at most `limit` bytes, and every boot token in it replaced by `TOKEN`. Tokens
/// reach logs in many ways; the URL of the kickstart, for example, is on the kernel's command line, which every
/// installer logs.
pub(crate) fn harmless(text: &str, limit: usize) -> String {
    if text.len() <= limit && is_plain(text) {
        return text.trim_end_matches([' ', '|']).to_string();
    }
    let mut out = String::with_capacity(text.len().min(limit));
    let mut digits = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() {
            digits.push(c);
            continue;
        }
        out.push_str(if digits.len() == TOKEN { "TOKEN" } else { &digits });
        digits.clear();
        match c {
            '\0' => {}
            '\n' => out.push_str(" | "),
            '\t' => out.push(' '),
            c if is_unprintable(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
        if out.len() > limit {
            break;
        }
    }
    out.truncate(out.floor_char_boundary(limit));
    out.truncate(out.trim_end_matches([' ', '|']).len());
    out
}

/// Whether nothing in the text has to be changed, as in most lines, of which each packet makes one.
fn is_plain(text: &str) -> bool {
    let mut digits = 0;
    text.bytes().all(|byte| {
        digits = if byte.is_ascii_hexdigit() { digits + 1 } else { 0 };
        digits < TOKEN && matches!(byte, b' '..=b'~')
    })
}

#[cfg(test)]
mod tests {
    use super::{harmless, is_plain};

    #[test]
    fn what_is_plain_stays_as_it_is() {
        let line = "DHCPREQUEST from its firmware (bios): DHCPACK 10.0.0.1, boot file undionly.kpxe";
        assert!(is_plain(line));
        assert_eq!(harmless(line, 1000), line);
        assert_eq!(harmless("ends | ", 1000), "ends");
        for changed in ["a\tb", "é", "\u{7f}", &"a".repeat(TOKEN_LENGTH), &"0".repeat(TOKEN_LENGTH + 1)] {
            assert!(!is_plain(changed), "{changed:?}");
        }
        assert!(is_plain(&"0".repeat(TOKEN_LENGTH - 1)));
    }

    const TOKEN_LENGTH: usize = super::TOKEN;

    #[test]
    fn a_token_is_never_kept_and_other_digits_are() {
        let token = "0123456789abcdef0123456789abcdef";
        let line = format!("cmdline: ks=http://192.168.0.254/kickstart/{token} BOOTIF=01-52-54");
        assert_eq!(harmless(&line, 1000), "cmdline: ks=http://192.168.0.254/kickstart/TOKEN BOOTIF=01-52-54");
        assert_eq!(harmless(&token.to_uppercase(), 1000), "TOKEN");
        let sum = format!("{token}{token}");
        assert_eq!(harmless(&sum, 1000), sum, "a SHA-256 sum is no token");
        assert_eq!(harmless("deadbeef facade", 1000), "deadbeef facade");
    }

    #[test]
    fn control_characters_are_shown_and_obey_nobody() {
        assert_eq!(harmless("a\u{1b}[31mred\r\nb\u{202e}c\0d\te", 1000), "a\\u{1b}[31mred\\u{d} | b\\u{202e}cd e");
        assert_eq!(harmless("lines\n\n", 1000), "lines");
        assert_eq!(harmless("a\u{ad}b\u{61c}c\u{180e}d", 1000), "a\\u{ad}b\\u{61c}c\\u{180e}d");
    }

    #[test]
    fn length_is_capped_at_a_character() {
        assert_eq!(harmless("ééé", 5), "éé");
        assert!(harmless(&"x".repeat(1_000_000), 1000).len() == 1000);
        assert!(harmless(&"\u{1b}".repeat(1000), 100).len() <= 100);
    }
}
