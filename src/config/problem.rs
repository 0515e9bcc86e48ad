//! One mistake in a site file, and how all of them are shown: the source line, a caret, and one thing to do.
//!
//! This file does not know what the keys mean. It masks secrets, so no caller can print one by accident.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// How many mistakes are shown: nobody fixes more in one go, and drawing thousands of source lines would take minutes.
const MAX_SHOWN: usize = 100;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong with which thing: lower case, no full stop, without the word `error`.
    pub message: String,
    /// Where it is, as a range of bytes in the text; none when no line is to blame.
    pub at: Option<Range<usize>>,
    /// A related place, and what is there: for example the first of two equal MACs.
    pub also: Option<(Range<usize>, String)>,
    /// One thing to do.
    pub help: String,
    /// Whether it is only a doubt, which does not stop anything.
    pub doubtful: bool,
}

impl Problem {
    /// A mistake at a place of the text.
    pub(crate) fn new(at: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at: Some(at), ..Self::nowhere(message, help) }
    }

    /// A mistake that no line of the text is to blame for.
    pub(crate) fn nowhere(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), at: None, also: None, help: help.into(), doubtful: false }
    }

    /// Adds a second place.
    pub(crate) fn also(mut self, at: Range<usize>, label: impl Into<String>) -> Self {
        self.also = Some((at, label.into()));
        self
    }
}

/// One mistake, for programs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Spot {
    /// What is wrong with which thing.
    pub message: String,
    /// One thing to do.
    pub help: String,
    /// The name of the file.
    pub file: String,
    /// Its line, from 1; none when no line is to blame.
    pub line: Option<usize>,
    /// The character of that line, from 1.
    pub column: Option<usize>,
}

/// A mistake with the lines of the file around it, for a page. Secrets are masked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Excerpt {
    /// What is wrong with which thing.
    pub message: String,
    /// One thing to do.
    pub help: String,
    /// Whether it is only a doubt.
    pub doubtful: bool,
    /// Number of the line, its text, and whether it is the one that is meant; none when no line is to blame.
    pub lines: Vec<(usize, String, bool)>,
}

/// Lines that an excerpt shows before and after the one that is meant.
const AROUND: usize = 2;
/// Letters of a line that an excerpt shows.
const MAX_LINE: usize = 200;

/// Everything that is wrong with one file, in line order. It is never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    file_name: String,
    text: String,
    list: Vec<Problem>,
}

impl Problems {
    /// Collects the mistakes of one text; `secrets` are byte ranges that are never shown.
    pub(crate) fn new(file_name: &str, text: &str, mut list: Vec<Problem>, secrets: &[Range<usize>]) -> Self {
        list.sort_by_key(|problem| problem.at.as_ref().map_or(usize::MAX, |at| at.start));
        list.dedup();
        Self { file_name: file_name.into(), text: mask(text, secrets), list }
    }

    /// The mistakes, in the order of the lines.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// Each mistake with its place, for programs. Lines and columns count from 1, columns in characters.
    pub(crate) fn spots(&self) -> Vec<Spot> {
        self.list.iter().map(|problem| self.spot(problem)).collect()
    }

    /// Each mistake with the lines around it; of very many, the first ones.
    pub(crate) fn excerpts(&self) -> Vec<Excerpt> {
        let lines: Vec<&str> = self.text.lines().collect();
        let excerpt = |problem: &Problem| {
            let meant = self.spot(problem).line.filter(|line| *line <= lines.len());
            let around = meant.map_or(0..0, |line| line.saturating_sub(AROUND + 1)..(line + AROUND).min(lines.len()));
            let short = |line: &str| line.chars().take(MAX_LINE).collect::<String>();
            let shown = around.map(|at| (at + 1, short(lines[at]), meant == Some(at + 1)));
            let (message, help) = (problem.message.clone(), problem.help.clone());
            Excerpt { message, help, doubtful: problem.doubtful, lines: shown.collect() }
        };
        self.list.iter().take(MAX_SHOWN).map(excerpt).collect()
    }

    fn spot(&self, problem: &Problem) -> Spot {
        let (message, help, file) = (problem.message.clone(), problem.help.clone(), self.file_name.clone());
        let Some(at) = &problem.at else { return Spot { message, help, file, line: None, column: None } };
        let before = &self.text[..self.clamp(at).start];
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Spot { message, help, file, line: Some(before.matches('\n').count() + 1), column: Some(column) }
    }

    /// The text for people: each mistake, its line, and what to do.
    pub(crate) fn show(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for problem in self.list.iter().take(MAX_SHOWN) {
            out.push_str(&renderer.render(&[self.group(problem), help(problem)]));
            out.push_str("\n\n");
        }
        out
    }

    /// How many mistakes `show` leaves out.
    pub(crate) fn unshown(&self) -> usize {
        self.list.len().saturating_sub(MAX_SHOWN)
    }

    /// The text for people: each mistake, then one line that counts them.
    pub fn render(&self, colour: bool) -> String {
        let mut out = self.show(colour);
        let (count, them) = match self.list.len() {
            1 => ("1 problem".to_string(), "it is"),
            many if many > MAX_SHOWN => (format!("first {MAX_SHOWN} of {many} problems"), "all are"),
            many => (format!("{many} problems"), "they are"),
        };
        out.push_str(&format!("{count} in {}; nothing is served until {them} fixed\n", self.file_name));
        out
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let level = if problem.doubtful { Level::WARNING } else { Level::ERROR };
        let title = level.primary_title(&problem.message);
        let Some(at) = &problem.at else {
            return title.element(Origin::path(&self.file_name));
        };
        let mut snippet =
            Snippet::source(&self.text).path(&self.file_name).annotation(AnnotationKind::Primary.span(self.clamp(at)));
        if let Some((at, label)) = &problem.also {
            snippet = snippet.annotation(AnnotationKind::Context.span(self.clamp(at)).label(label));
        }
        title.element(snippet)
    }

    /// Limits a span to the text: spans come from the parser, and an error at the end of the text may point past it.
    fn clamp(&self, at: &Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(at.start.min(self.text.len()));
        let end = self.text.ceil_char_boundary(at.end.min(self.text.len()));
        // Of a value over several lines (a whole array or table), only the first line is shown.
        let line_end = self.text[start..end].find('\n').map_or(end, |offset| start + offset);
        start..line_end
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

fn help(problem: &Problem) -> Group<'_> {
    Group::with_title(Level::HELP.secondary_title(&problem.help))
}

/// Replaces the bytes of secrets by asterisks, keeping every offset and line.
fn mask(text: &str, secrets: &[Range<usize>]) -> String {
    let mut hidden = vec![false; text.len()];
    for range in secrets {
        let end = range.end.min(text.len());
        hidden[range.start.min(end)..end].fill(true);
    }
    let mut masked = String::with_capacity(text.len());
    for (offset, letter) in text.char_indices() {
        if letter != '\n' && hidden[offset] {
            masked.extend(std::iter::repeat_n('*', letter.len_utf8()));
        } else {
            masked.push(letter);
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_secret_keeps_every_offset() {
        let text = "a = 'é\nx'\nb = 1";
        let masked = mask(text, std::slice::from_ref(&(4..10)));
        assert_eq!(masked, "a = ***\n**\nb = 1");
        assert_eq!(masked.len(), text.len());
    }

    #[test]
    fn programs_get_line_and_column() {
        let list = vec![Problem::new(6..7, "no value", "write one")];
        let spots = Problems::new("f", "a = é\nb = 1", list, &[]).spots();
        assert_eq!((spots[0].line, spots[0].column, spots[0].message.as_str()), (Some(1), Some(6), "no value"));
        let list = vec![Problem::new(7..8, "no value", "write one")];
        assert_eq!(Problems::new("f", "a = é\nb = 1", list, &[]).spots()[0].line, Some(2));
    }

    #[test]
    fn of_very_many_problems_the_first_are_shown_and_all_are_counted() {
        let list = (0..150).map(|at| Problem::new(at..at + 1, format!("wrong {at}"), "mend it")).collect();
        let shown = Problems::new("f", &"x".repeat(150), list, &[]).to_string();
        assert!(shown.contains("wrong 99\n") && !shown.contains("wrong 100\n"), "{shown}");
        assert!(
            shown.ends_with("\nfirst 100 of 150 problems in f; nothing is served until all are fixed\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_span_behind_the_end_is_shown_at_the_end() {
        let problems = Problems::new("f", "a = ", vec![Problem::new(9..12, "no value", "write one")], &[]);
        assert!(problems.to_string().starts_with("error: no value\n --> f:1:5"), "{problems}");
    }
}
