//! Where a text differs from a reference text.

/// One difference: something that a text says differently from its reference, or does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Departure {
    /// Line of the text, from 1; none when the text lacks something.
    pub line: Option<usize>,
    /// Line of the reference, from 1; none when the text has something extra.
    pub measure: Option<usize>,
    /// What is wrong: lower case, no full stop.
    pub what: String,
}

impl Departure {
    /// The text lacks this line of the reference.
    pub(super) fn missing(measure: usize, text: &str) -> Self {
        Self { line: None, measure: Some(measure), what: format!("missing: `{}`", text.trim().escape_debug()) }
    }
}

/// The command lines with their numbers: no comments, no empty lines, and of each section only the line that opens it.
pub(super) fn command_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_section = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let start = line.trim_ascii_start();
        if in_section && !start.starts_with('%') {
            return None;
        }
        let word = start.split_ascii_whitespace().next()?;
        let opens = word.starts_with('%') && !matches!(word, "%include" | "%ksappend" | "%end");
        let is_command = (!in_section || opens) && word != "%end" && !word.starts_with('#');
        in_section = opens || (in_section && word != "%end");
        is_command.then_some((index + 1, line))
    })
}
