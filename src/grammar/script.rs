//! Reads the commands of a shell script. It follows quotes, substitutions and here-documents, but runs and expands
//! nothing.

/// A word in the position of a command, or the name of a function that is being defined.
pub(super) struct Spoken<'a> {
    pub text: &'a str,
    /// The index of its line, from 0.
    pub line: usize,
    /// The function that contains it.
    pub within: Option<&'a str>,
    /// Whether another command captures its output.
    pub captured: bool,
    /// Whether it is inside a block, such as that of an `if`.
    pub nested: bool,
}

/// The result of reading a script.
pub(super) struct Reading<'a> {
    pub commands: Vec<Spoken<'a>>,
    pub functions: Vec<Spoken<'a>>,
    /// What is never closed, or closes nothing, and on which line.
    pub trouble: Option<(usize, String)>,
}

/// Reads a script.
pub(super) fn read<'a>(lines: &'a [&'a str]) -> Reading<'a> {
    let mut reader = Reader {
        lines,
        open: Vec::new(),
        blocks: Vec::new(),
        heredocs: Vec::new(),
        command: true,
        assigning: false,
        continued: false,
        within: Vec::new(),
        announced: None,
        commands: Vec::new(),
        functions: Vec::new(),
        trouble: None,
    };
    reader.read();
    let trouble = reader.trouble();
    Reading { commands: reader.commands, functions: reader.functions, trouble }
}

/// What is open, and since which line.
#[derive(Clone, Copy)]
enum Open {
    Single,
    Ansi,
    Double,
    Parameter,
    /// `$(`, with the numbers of plain parentheses and `case` words that are open in it.
    Command(u32, u32),
    Arithmetic(u32),
    Backquote,
}

struct Reader<'a> {
    lines: &'a [&'a str],
    open: Vec<(Open, usize)>,
    /// `if`, `case`, `do` and `{`, each with its line.
    blocks: Vec<(&'static str, usize)>,
    /// Here-documents that begin on the next line: the delimiter, and whether leading tabs are removed.
    heredocs: Vec<(String, bool)>,
    /// Whether the next word is a command.
    command: bool,
    /// Whether the word that is being read is an assignment before a command.
    assigning: bool,
    /// Whether the previous line ended with a backslash.
    continued: bool,
    /// Functions that are open, each with the number of open blocks at its end; and one whose body comes next.
    within: Vec<(&'a str, usize)>,
    announced: Option<&'a str>,
    commands: Vec<Spoken<'a>>,
    functions: Vec<Spoken<'a>>,
    trouble: Option<(usize, String)>,
}

impl<'a> Reader<'a> {
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
                    // The line continues, and with it the command.
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

    /// Reads one character inside `"…"`, `${…}` or `((…))`; returns how many characters are consumed.
    fn inside(&mut self, open: Open, letter: u8, line: &[u8], at: usize, index: usize) -> usize {
        if let Some(step) = self.substitution(letter, line, at, index) {
            return step;
        }
        match (open, letter) {
            (Open::Double, b'"') | (Open::Parameter, b'}') | (Open::Arithmetic(1), b')') => {
                self.open.pop();
            }
            (Open::Parameter, b'"') => self.open.push((Open::Double, index)),
            // Inside double quotes, a single quote in ${…} is an ordinary character.
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

    /// `$(`, `$((`, `${` and backquotes, which mean the same inside and outside double quotes.
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

    /// Reads a word that begins here: a command, a keyword, an assignment or an argument.
    fn word(&mut self, open: Option<Open>, line: &[u8], at: usize, index: usize) -> usize {
        let end = line[at..].iter().position(|letter| !is_word(*letter)).map_or(line.len(), |length| at + length);
        let after = line.get(end).copied().unwrap_or(b'\n');
        if !self.command {
            return end - at;
        }
        let word: &'a str = self.lines[index].get(at..end).unwrap_or_default();
        self.command = false;
        match word {
            "function" => self.command = true,
            _ if line[end..].trim_ascii_start().starts_with(b"()") || is_named_function(&line[..at]) => {
                let function = self.spoken(word, index);
                self.functions.push(function);
                self.announced = Some(word);
                // The function's body follows, with or without parentheses before it.
                self.command = true;
            }
            _ if after == b'=' || line[end..].starts_with(b"+=") => self.assigning = true,
            // This is a pattern of `case`, whatever it looks like.
            _ if after == b')' && word != "esac" && self.blocks.last().is_some_and(|(open, _)| *open == "case") => {}
            "if" | "then" | "else" | "elif" | "do" | "while" | "until" | "!" | "{" | "time" => {
                self.command = true;
                match word {
                    "if" => self.blocks.push(("if", index)),
                    "do" => self.blocks.push(("do", index)),
                    "{" => {
                        self.within.extend(self.announced.take().map(|function| (function, self.blocks.len())));
                        self.blocks.push(("{", index));
                    }
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
                let command = self.spoken(word, index);
                self.commands.push(command);
            }
        }
        end - at
    }

    fn spoken(&self, text: &'a str, line: usize) -> Spoken<'a> {
        let captured = self.open.iter().any(|(open, _)| matches!(open, Open::Command(..) | Open::Backquote));
        let within = self.within.last();
        let nested = self.blocks.len() > within.map_or(0, |(_, blocks)| blocks + 1);
        Spoken { text, line, within: within.map(|(name, _)| *name), captured, nested }
    }

    fn close(&mut self, opening: &str, word: &str, index: usize) {
        let closed = self.blocks.pop();
        self.within.pop_if(|(_, blocks)| *blocks == self.blocks.len());
        match closed {
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

/// Whether the keyword `function` precedes the position; bash knows it, and no other shell does.
fn is_named_function(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    before.strip_suffix(b"function").is_some_and(|rest| rest.last().is_none_or(|letter| !is_word(*letter)))
}

fn is_word(letter: u8) -> bool {
    letter.is_ascii_alphanumeric()
        || matches!(letter, b'_' | b'-' | b'.' | b'/' | b'{' | b'}' | b'!' | b'[' | b'%' | b'+')
}
