//! Syslog as installers send it: RFC 3164 and RFC 5424, parsed leniently, because an odd line is still worth reading.

mod frames;

use std::fmt;

pub use frames::Frames;

/// The longest message that is kept, in bytes; the rest is skipped. RFC 5424 says that receivers should accept 2048.
pub(crate) const LONGEST: usize = 8192;

/// How severe a message is; the numbers are those of the RFC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// 0
    Emergency,
    /// 1
    Alert,
    /// 2
    Critical,
    /// 3
    Error,
    /// 4
    Warning,
    /// 5
    Notice,
    /// 6
    Info,
    /// 7
    Debug,
}

impl Severity {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Emergency, "emergency"),
        (Self::Alert, "alert"),
        (Self::Critical, "critical"),
        (Self::Error, "error"),
        (Self::Warning, "warning"),
        (Self::Notice, "notice"),
        (Self::Info, "info"),
        (Self::Debug, "debug"),
    ];
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(severity, _)| severity == self).map_or("", |(_, word)| word);
        f.write_str(word)
    }
}

/// One message. Its text is the machine's own: untrusted and not yet sanitised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How severe it is.
    pub severity: Severity,
    /// The program that logged it; empty when the line does not say.
    pub program: String,
    /// The text of the message.
    pub text: String,
}

/// Parses one message. Never fails: a line of no known format is all text. The time and the host name in it are
/// skipped, because an installer's clock and name mean nothing yet.
pub fn parse(bytes: &[u8]) -> Message {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]);
    let (severity, rest) = priority(text.trim_end_matches(['\n', '\r', '\0']));
    let (program, text) = structured(rest).or_else(|| traditional(rest)).unwrap_or(("", rest));
    let text = text.trim_start_matches('\u{feff}').trim();
    Message { severity, program: program.into(), text: text.into() }
}

/// `<13>` is facility 1 and severity 5, which is also what a line without a priority means (RFC 3164, 4.3.3).
fn priority(text: &str) -> (Severity, &str) {
    let read = || {
        let (number, rest) = text.strip_prefix('<')?.split_once('>')?;
        let number: usize = (number.len() <= 3).then(|| number.parse().ok())??;
        (number <= 191).then(|| (Severity::ALL[number % 8].0, rest))
    };
    read().unwrap_or((Severity::Notice, text))
}

/// RFC 5424: `1 TIME HOST PROGRAM PROCESS MESSAGE-ID DATA TEXT`; a field that is not known is `-`.
fn structured(text: &str) -> Option<(&str, &str)> {
    let mut rest = text.strip_prefix("1 ")?;
    let mut fields = [""; 5];
    for field in &mut fields {
        (*field, rest) = rest.split_once(' ')?;
    }
    let program = if fields[2] == "-" { "" } else { fields[2] };
    let text = match rest.strip_prefix('-') {
        Some(text) => text,
        None => after_data(rest)?,
    };
    Some((program, text.strip_prefix(' ').unwrap_or(text)))
}

/// Returns what follows `[id name="value"]…`; a value may contain `\]`.
fn after_data(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('[') {
        let mut escaped = false;
        let end = inside.char_indices().find(|(_, c)| {
            let ends = *c == ']' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        })?;
        rest = &inside[end.0 + 1..];
    }
    (rest.len() < text.len()).then_some(rest)
}

/// RFC 3164: `Nov 20 08:15:43 HOST program[12]: text`. Some senders omit the host, so the colon decides.
fn traditional(text: &str) -> Option<(&str, &str)> {
    let rest = after_time(text).unwrap_or(text);
    let (head, said) = rest.split_once(':')?;
    let words: Vec<&str> = head.split(' ').filter(|word| !word.is_empty()).collect();
    let tag = match words[..] {
        [tag] | [_, tag] => tag,
        _ => return None,
    };
    let program = tag.split('[').next().unwrap_or(tag);
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./()".contains(c);
    (!program.is_empty() && program.len() <= 48 && program.chars().all(fits)).then_some((program, said))
}

fn after_time(text: &str) -> Option<&str> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (time, rest) = text.split_at_checked(16)?;
    let colons = time.as_bytes().get(9) == Some(&b':') && time.as_bytes().get(12) == Some(&b':');
    (colons && MONTHS.iter().any(|month| time.starts_with(month)) && time.ends_with(' ')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Severity, String, String) {
        let Message { severity, program, text } = parse(text.as_bytes());
        (severity, program, text)
    }

    #[test]
    fn what_installers_send_is_taken_apart() {
        let said = |severity, program: &str, text: &str| (severity, program.to_string(), text.to_string());
        for (line, wanted) in [
            // rsyslog's traditional forwarding format, as EL6 and later send it
            (
                "<14>Nov 20 08:15:43 localhost anaconda: Running kickstart",
                said(Severity::Info, "anaconda", "Running kickstart"),
            ),
            (
                "<4>Nov  2 08:15:43 compute2 kernel:[   12.5] ata1: link is slow",
                said(Severity::Warning, "kernel", "[   12.5] ata1: link is slow"),
            ),
            (
                "<11>Nov 20 08:15:43 localhost program[712]: mkfs failed\n",
                said(Severity::Error, "program", "mkfs failed"),
            ),
            // busybox and util-linux logger
            ("<13>Nov 20 08:15:43 root: hello", said(Severity::Notice, "root", "hello")),
            // RFC 5424
            (
                "<27>1 2026-11-20T08:15:43.1Z host anaconda 71 - - failed: no disk",
                said(Severity::Error, "anaconda", "failed: no disk"),
            ),
            ("<27>1 - - - - - [a b=\"x\\]y\"][c] \u{feff}text", said(Severity::Error, "", "text")),
            // no known format
            ("plain words", said(Severity::Notice, "", "plain words")),
            ("<999>odd", said(Severity::Notice, "", "<999>odd")),
            ("", said(Severity::Notice, "", "")),
            ("<4>", said(Severity::Warning, "", "")),
            (
                "<14>Nov 20 08:15:43 host two words here: text",
                said(Severity::Info, "", "Nov 20 08:15:43 host two words here: text"),
            ),
        ] {
            assert_eq!(read(line), wanted, "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_the_text_is_never_longer(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let message = parse(&bytes);
            // A byte that is not valid UTF-8 becomes three.
            proptest::prop_assert!(message.text.len() <= 3 * bytes.len());
        }

        #[test]
        fn any_priority_and_structure_is_survived(priority in 0u32..1000, rest in "[ -~]{0,80}") {
            parse(format!("<{priority}>1 {rest}").as_bytes());
            parse(format!("<{priority}>Nov 20 08:15:43 {rest}").as_bytes());
        }
    }
}
