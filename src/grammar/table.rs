//! The table of `commands.txt`, read once: which command and option exists in which release.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::site::Release;

const TEXT: &str = include_str!("commands.txt");

static TABLE: LazyLock<HashMap<&'static str, Command>> = LazyLock::new(|| read(TEXT));

/// The value that an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// Any string.
    Text,
    /// A string, or nothing.
    Maybe,
    /// A whole number.
    Number,
    /// One of several words, which are separated by `|`.
    Word(&'static str),
}

/// An option of a command in one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionFacts {
    /// The name with its two hyphens.
    pub name: &'static str,
    /// The value that it takes.
    pub takes: Takes,
    /// Whether the command requires it.
    pub needed: bool,
}

/// A command in one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandFacts {
    /// The name of the command.
    pub name: &'static str,
    /// Its options; none when they are not checked.
    pub options: Option<Vec<OptionFacts>>,
    /// The smallest and largest number of plain words.
    pub words: (usize, usize),
}

/// Releases from the first to the last, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    first: (u8, u8),
    last: (u8, u8),
}

/// A command over all releases.
pub(super) struct Command {
    pub releases: Span,
    /// Whether nothing is known about its words and options.
    pub free: bool,
    words: Vec<(Span, usize, usize)>,
    options: Vec<(Span, OptionFacts)>,
    /// Options that are read and ignored; an empty name stands for the command itself.
    ignored: Vec<(Span, OptionFacts)>,
}

impl Span {
    pub(crate) fn holds(self, release: Release) -> bool {
        let release = release.reads_like();
        (self.first..=self.last).contains(&(release.major, release.minor))
    }

    /// The releases in prose.
    pub(crate) fn in_words(self) -> String {
        let name = |(major, minor): (u8, u8)| match minor {
            0 | u8::MAX => major.to_string(),
            minor => format!("{major}.{minor}"),
        };
        match (self.first <= (6, 3), self.last.0 >= 10) {
            (true, _) => format!("up to {}", name(self.last)),
            (false, true) => format!("from {} on", name(self.first)),
            (false, false) => format!("from {} to {}", name(self.first), name(self.last)),
        }
    }
}

impl Command {
    /// The option in this release; or else the releases that know it, if any.
    pub(crate) fn option(&self, name: &str, release: Release) -> Result<OptionFacts, Option<Span>> {
        let mut of_name = self.options.iter().filter(|(_, option)| option.name == name);
        let known = of_name.clone().find(|(span, _)| span.holds(release));
        known.map(|(_, option)| *option).ok_or_else(|| of_name.next().map(|(span, _)| *span))
    }

    pub(crate) fn options(&self, release: Release) -> impl Iterator<Item = OptionFacts> + '_ {
        self.options.iter().filter(move |(span, _)| span.holds(release)).map(|(_, option)| *option)
    }

    /// The option, when the release reads and ignores it; an empty name asks about the command itself.
    pub(crate) fn ignored(&self, option: &str, release: Release) -> Option<OptionFacts> {
        let known = self.ignored.iter().find(|(span, ignored)| ignored.name == option && span.holds(release));
        known.map(|(_, ignored)| *ignored)
    }

    pub(crate) fn words(&self, release: Release) -> (usize, usize) {
        let found = self.words.iter().find(|(span, ..)| span.holds(release));
        found.map_or((0, 0), |(_, least, most)| (*least, *most))
    }
}

/// The command of this name in any release.
pub(super) fn command(name: &str) -> Option<&'static Command> {
    TABLE.get(name)
}

/// The names of all commands of a release.
pub(super) fn names(release: Release) -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(move |(_, command)| command.releases.holds(release)).map(|(name, _)| *name)
}

/// Everything the table says about a release, by the name of the command; for comparison with other readers.
pub fn facts_of(release: Release) -> Vec<CommandFacts> {
    let mut facts: Vec<CommandFacts> = names(release)
        .filter_map(|name| {
            let command = command(name)?;
            let options = (!command.free).then(|| command.options(release).collect());
            Some(CommandFacts { name, options, words: command.words(release) })
        })
        .collect();
    facts.sort_by_key(|command| command.name);
    facts
}

/// What a release reads and ignores: a command, with an option or an empty name; for comparison with other readers.
pub fn ignored_of(release: Release) -> Vec<(&'static str, &'static str)> {
    let of_command = |(name, command): (&&'static str, &'static Command)| {
        let ignored = command.ignored.iter().filter(|(span, _)| span.holds(release));
        ignored.map(|(_, option)| (*name, option.name)).collect::<Vec<_>>()
    };
    let mut ignored: Vec<_> = TABLE.iter().flat_map(of_command).collect();
    ignored.sort_unstable();
    ignored
}

fn read(text: &'static str) -> HashMap<&'static str, Command> {
    let mut table = HashMap::new();
    let mut name = "";
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut tokens = line.split_whitespace();
        if !line.starts_with(' ') {
            let Some(head) = tokens.next() else { continue };
            let (word, releases) = split_span(head);
            name = word;
            table.insert(name, Command::of(releases));
        }
        let Some(command) = table.get_mut(name) else { continue };
        for token in tokens {
            command.add(token);
        }
    }
    table
}

impl Command {
    fn of(releases: Span) -> Self {
        Self { releases, free: false, words: Vec::new(), options: Vec::new(), ignored: Vec::new() }
    }

    fn add(&mut self, token: &'static str) {
        let (token, span) = split_span(token);
        if let Some(ignored) = token.strip_prefix('~') {
            self.ignored.push((span, option_facts(ignored)));
        } else if token == "*" {
            self.free = true;
        } else if let Some((least, most)) = token.split_once("..") {
            self.words.push((span, least.parse().unwrap_or(0), most.parse().unwrap_or(usize::MAX)));
        } else {
            self.options.push((span, option_facts(token)));
        }
    }
}

/// Reads `--name=a|b!`.
fn option_facts(token: &'static str) -> OptionFacts {
    let (token, needed) = token.strip_suffix('!').map_or((token, false), |token| (token, true));
    let (name, takes) = match token.split_once('=') {
        None => (token, Takes::Nothing),
        Some((name, "")) => (name, Takes::Text),
        Some((name, "?")) => (name, Takes::Maybe),
        Some((name, "#")) => (name, Takes::Number),
        Some((name, words)) => (name, Takes::Word(words)),
    };
    OptionFacts { name, takes, needed }
}

/// Splits `name@6.4-8`.
fn split_span(token: &'static str) -> (&'static str, Span) {
    let (name, releases) = token.split_once('@').unwrap_or((token, "-"));
    let (first, last) = releases.split_once('-').unwrap_or((releases, releases));
    let end = |text: &str, open: (u8, u8), minor: u8| match text.split_once('.') {
        _ if text.is_empty() => open,
        Some((major, minor)) => (major.parse().unwrap_or(0), minor.parse().unwrap_or(0)),
        None => (text.parse().unwrap_or(0), minor),
    };
    (name, Span { first: end(first, (0, 0), 0), last: end(last, (u8::MAX, u8::MAX), u8::MAX) })
}
