//! A small look at the shell scripts of a kickstart: what is never closed, tools that EL6's installer has not, words
//! newer than its bash 4.1. It follows quotes, substitutions and here-documents; it does not run or expand anything.

use super::{Complaint, stdin};
use crate::site::Release;

/// A script in a kickstart.
pub(super) struct Script<'a> {
    /// The line of the kickstart where it begins.
    pub first_line: usize,
    pub lines: &'a [&'a str],
    /// Whether it runs among the few tools of the installer, not in the installed system.
    pub in_installer: bool,
}

/// Tools that people expect and EL6's installer does not have.
const MISSING_TOOLS: [&str; 7] = ["lsblk", "sgdisk", "partprobe", "jq", "findmnt", "systemctl", "python3"];

/// What bash learnt after 4.1, and when.
const LATER: [(&str, &str); 12] = [
    ("declare -n ", "4.3"),
    ("local -n ", "4.3"),
    ("declare -g ", "4.2"),
    ("mapfile -d ", "4.4"),
    ("readarray -d ", "4.4"),
    ("wait -n", "4.3"),
    ("[[ -v ", "4.2"),
    ("test -v ", "4.2"),
    ("lastpipe", "4.2"),
    ("@Q}", "4.4"),
    ("[-1]}", "4.2"),
    ("$EPOCHSECONDS", "5.0"),
];

/// What is open, and since which line.
#[derive(Clone, Copy)]
enum Open {
    Single,
    Ansi,
    Double,
    Parameter,
    /// `$(`, with plain parentheses and `case` words that are open in it.
    Command(u32, u32),
    Arithmetic(u32),
    Backquote,
}

struct Reader<'a> {
    lines: &'a [&'a str],
    open: Vec<(Open, usize)>,
    /// `if`, `case`, `do` and `{`, each with its line.
    blocks: Vec<(&'static str, usize)>,
    /// Here-documents that begin on the next line: delimiter, and whether tabs before it are dropped.
    heredocs: Vec<(String, bool)>,
    /// Whether the next word is a command.
    command: bool,
    /// Whether the word that is being read is an assignment before a command.
    assigning: bool,
    /// Whether the line before ended in a backslash.
    continued: bool,
    tools: Vec<(&'static str, usize)>,
    trouble: Option<(usize, String)>,
}

/// Lints one script.
pub(super) fn check(release: Release, script: &Script<'_>, found: &mut Vec<Complaint>) {
    let mut reader = Reader {
        lines: script.lines,
        open: Vec::new(),
        blocks: Vec::new(),
        heredocs: Vec::new(),
        command: true,
        assigning: false,
        continued: false,
        tools: Vec::new(),
        trouble: None,
    };
    reader.read();
    let first = script.first_line;
    let line = |index: usize| first + index;
    if let Some((index, what)) = reader.trouble() {
        found.push(Complaint::new(line(index), what, "the shell would read the rest of the script wrongly; close it"));
        return;
    }
    if !release.is_el6() {
        return;
    }
    if script.in_installer {
        for (tool, index) in reader.tools {
            let asked = format!("command -v {tool}");
            if !script.lines.iter().any(|line| line.contains(&asked)) {
                let what = format!("the installer of EL6 has no `{tool}`");
                found.push(Complaint::new(line(index), what, "use parted, blockdev, wipefs or /sys instead"));
            }
        }
    }
    // Most scripts hold none of the words, which one look at the whole tells.
    let whole = script.lines.join("\n");
    let later: Vec<_> = LATER.iter().filter(|(word, _)| whole.contains(word)).collect();
    for (index, text) in script.lines.iter().enumerate().filter(|(_, text)| !text.trim_start().starts_with('#')) {
        if let Some((word, version)) = later.iter().find(|(word, _)| text.contains(word)) {
            let what = format!("`{}` needs bash {version}, and EL6 has 4.1", word.trim());
            found.push(Complaint::new(line(index), what, "write it with what bash 4.1 knows"));
        }
        if stdin::reads(script.lines, index) {
            let what = "this reads standard input, where EL6's installer gives the script its own log";
            found.push(Complaint::new(line(index), what, "give it its input with `<`, `<<<` or a pipe"));
        }
    }
}

impl Reader<'_> {
    fn trouble(&self) -> Option<(usize, String)> {
        if let Some((delimiter, _)) = self.heredocs.first() {
            return Some((self.lines.len().saturating_sub(1), format!("the here-document `{delimiter}` has no end")));
        }
        if let Some((open, line)) = self.open.first() {
            let name = match open {
                Open::Single | Open::Ansi => "a single quote",
                Open::Double => "a double quote",
                Open::Parameter => "`${`",
                Open::Command(..) => "`$(`",
                Open::Arithmetic(_) => "`((`",
                Open::Backquote => "a backquote",
            };
            return Some((*line, format!("{name} is never closed")));
        }
        self.trouble.clone().or_else(|| self.blocks.last().map(|(word, line)| (*line, format!("`{word}` has no end"))))
    }

    fn read(&mut self) {
        let mut index = 0;
        while let Some(line) = self.lines.get(index) {
            self.read_line(line.as_bytes(), index);
            index += 1;
            while let Some((delimiter, tabs)) = self.heredocs.first() {
                let is_end = |line: &&str| if *tabs { line.trim_start_matches('\t') } else { line } == delimiter;
                let Some(length) = self.lines[index.min(self.lines.len())..].iter().position(is_end) else { return };
                index += length + 1;
                self.heredocs.remove(0);
            }
        }
    }

    fn read_line(&mut self, line: &[u8], index: usize) {
        let mut at = 0;
        let mut fresh = true; // at the beginning of a word
        let plain = matches!(self.open.last(), None | Some((Open::Command(..) | Open::Backquote, _)));
        if plain && !std::mem::take(&mut self.continued) {
            self.command = true;
        }
        while at < line.len() {
            let letter = line[at];
            let next = line.get(at + 1).copied().unwrap_or(b'\n');
            let step = match self.open.last().map(|(open, _)| *open) {
                Some(Open::Single) => {
                    if letter == b'\'' {
                        self.open.pop();
                    }
                    1
                }
                Some(Open::Ansi) if letter == b'\\' => 2,
                Some(Open::Ansi) => {
                    if letter == b'\'' {
                        self.open.pop();
                    }
                    1
                }
                _ if letter == b'\\' => {
                    // The line goes on, and with it the command.
                    self.continued = at + 1 == line.len();
                    2
                }
                Some(open @ (Open::Double | Open::Parameter | Open::Arithmetic(_))) => {
                    self.inside(open, letter, line, at, index)
                }
                open => self.plain(open, letter, next, fresh, line, at, index),
            };
            at += step;
            let done = line.get(at - 1).copied().unwrap_or(b' ');
            fresh = matches!(done, b' ' | b'\t' | b';' | b'|' | b'&' | b'(' | b')' | b'`') && letter != b'\\';
        }
        self.assigning = false;
    }

    /// One letter inside `"…"`, `${…}` or `((…))`; returns how many letters are done.
    fn inside(&mut self, open: Open, letter: u8, line: &[u8], at: usize, index: usize) -> usize {
        if let Some(step) = self.substitution(letter, line, at, index) {
            return step;
        }
        match (open, letter) {
            (Open::Double, b'"') | (Open::Parameter, b'}') | (Open::Arithmetic(1), b')') => {
                self.open.pop();
            }
            (Open::Parameter, b'"') => self.open.push((Open::Double, index)),
            // Inside double quotes a single quote in ${…} is a letter like others.
            (Open::Parameter, b'\'') if !self.open.iter().any(|(open, _)| matches!(open, Open::Double)) => {
                self.open.push((Open::Single, index));
            }
            (Open::Arithmetic(depth), b'(' | b')') => {
                let depth = if letter == b'(' { depth + 1 } else { depth - 1 };
                self.replace(Open::Arithmetic(depth));
            }
            _ => {}
        }
        1
    }

    fn replace(&mut self, open: Open) {
        if let Some(last) = self.open.last_mut() {
            last.0 = open;
        }
    }

    /// `$(`, `$((`, `${` and backquotes, which mean the same in and outside double quotes.
    fn substitution(&mut self, letter: u8, line: &[u8], at: usize, index: usize) -> Option<usize> {
        let rest = &line[at..];
        if rest.starts_with(b"$((") {
            self.open.push((Open::Arithmetic(2), index));
            Some(3)
        } else if rest.starts_with(b"$(") {
            self.open.push((Open::Command(0, 0), index));
            self.command = true;
            Some(2)
        } else if rest.starts_with(b"${") {
            self.open.push((Open::Parameter, index));
            Some(2)
        } else if letter == b'`' {
            match self.open.iter().rposition(|(open, _)| matches!(open, Open::Backquote)) {
                Some(place) => self.open.truncate(place),
                None => {
                    self.open.push((Open::Backquote, index));
                    self.command = true;
                }
            }
            Some(1)
        } else {
            None
        }
    }

    #[allow(clippy::too_many_arguments)] // the state of one letter, used here only
    fn plain(
        &mut self,
        open: Option<Open>,
        letter: u8,
        next: u8,
        fresh: bool,
        line: &[u8],
        at: usize,
        index: usize,
    ) -> usize {
        if let Some(step) = self.substitution(letter, line, at, index) {
            return step;
        }
        match letter {
            b'#' if fresh => return line.len() - at,
            b'\'' => self.open.push((Open::Single, index)),
            b'$' if next == b'\'' => {
                self.open.push((Open::Ansi, index));
                return 2;
            }
            b'"' => self.open.push((Open::Double, index)),
            b' ' | b'\t' if self.assigning => {
                self.assigning = false;
                self.command = true;
            }
            b';' | b'|' | b'&' | b'\n' => self.command = true,
            b'(' if next == b'(' && self.command => {
                self.open.push((Open::Arithmetic(2), index));
                return 2;
            }
            b'(' => {
                self.command = true;
                if let Some(Open::Command(parentheses, cases)) = open {
                    self.replace(Open::Command(parentheses + 1, cases));
                }
            }
            b')' => {
                self.command = true;
                match open {
                    Some(Open::Command(0, 0)) => {
                        self.open.pop();
                        self.command = false;
                    }
                    Some(Open::Command(parentheses @ 1.., cases)) => {
                        self.replace(Open::Command(parentheses - 1, cases));
                    }
                    _ => {}
                }
            }
            b'<' if line[at..].starts_with(b"<<<") => return 3,
            b'<' if next == b'<' => return self.heredoc(line, at),
            _ if fresh && is_word(letter) => return self.word(open, line, at, index),
            _ => {}
        }
        1
    }

    fn heredoc(&mut self, line: &[u8], at: usize) -> usize {
        let mut end = at + 2;
        let tabs = line.get(end) == Some(&b'-');
        end += usize::from(tabs);
        while line.get(end) == Some(&b' ') {
            end += 1;
        }
        let start = end;
        while line.get(end).is_some_and(|letter| is_word(*letter) || matches!(letter, b'\'' | b'"' | b'\\')) {
            end += 1;
        }
        let word = String::from_utf8_lossy(&line[start..end]).replace(['\'', '"', '\\'], "");
        self.heredocs.push((word, tabs));
        end - at
    }

    /// A word that begins here: a command, a keyword, an assignment or an argument.
    fn word(&mut self, open: Option<Open>, line: &[u8], at: usize, index: usize) -> usize {
        let end = line[at..].iter().position(|letter| !is_word(*letter)).map_or(line.len(), |length| at + length);
        let after = line.get(end).copied().unwrap_or(b'\n');
        if !self.command {
            return end - at;
        }
        let word = std::str::from_utf8(&line[at..end]).unwrap_or_default();
        self.command = false;
        match word {
            _ if after == b'=' || line[end..].starts_with(b"+=") => self.assigning = true,
            // A pattern of `case`, whatever it reads like.
            _ if after == b')' && word != "esac" && self.blocks.last().is_some_and(|(open, _)| *open == "case") => {}
            "if" | "then" | "else" | "elif" | "do" | "while" | "until" | "!" | "{" | "time" => {
                self.command = true;
                match word {
                    "if" => self.blocks.push(("if", index)),
                    "do" => self.blocks.push(("do", index)),
                    "{" => self.blocks.push(("{", index)),
                    _ => {}
                }
            }
            "case" => {
                self.blocks.push(("case", index));
                if let Some(Open::Command(parentheses, cases)) = open {
                    self.replace(Open::Command(parentheses, cases + 1));
                }
            }
            "fi" => self.close("if", word, index),
            "done" => self.close("do", word, index),
            "}" => self.close("{", word, index),
            "esac" => {
                self.close("case", word, index);
                if let Some(Open::Command(parentheses, cases)) = open {
                    self.replace(Open::Command(parentheses, cases.saturating_sub(1)));
                }
            }
            _ => {
                if let Some(tool) = MISSING_TOOLS.iter().find(|tool| **tool == word) {
                    self.tools.push((tool, index));
                }
            }
        }
        end - at
    }

    fn close(&mut self, opening: &str, word: &str, index: usize) {
        match self.blocks.pop() {
            Some((open, _)) if open == opening => {}
            Some((open, line)) => {
                let what = format!("`{word}` where the end of `{open}` is missing, {} lines above", index - line);
                self.trouble.get_or_insert((index, what));
            }
            None => {
                self.trouble.get_or_insert((index, format!("`{word}` ends nothing")));
            }
        }
    }
}

fn is_word(letter: u8) -> bool {
    letter.is_ascii_alphanumeric()
        || matches!(letter, b'_' | b'-' | b'.' | b'/' | b'{' | b'}' | b'!' | b'[' | b'%' | b'+')
}
