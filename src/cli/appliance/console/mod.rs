//! `rackstart appliance console`: what the appliance shows on its screen and its serial line.
//!
//! It gives nobody a shell. It asks three things, each only where the appliance waits for it: a disk for the state, the
//! card and addresses of a first site file, and a word where an older image or copy was started.

mod dialogue;
mod facts;
mod keys;
mod view;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::termios::{self, OptionalActions, SpecialCodeIndex, Termios};

use self::dialogue::Dialogue;
use self::facts::Facts;
use self::keys::Key;
use self::view::Screen;
use super::{Failure, disks, screen, state, table};

/// Show the live rack of an appliance, with its addresses, alarms and what to do next.
///
/// F1 shows the rack, F2 what happened last, F3 the daemon's log, F4 why the site file is refused; without such keys
/// type 1 to 4. Without a site file it asks for the card and the addresses, and writes one.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the appliance keeps what it waits for.
    #[arg(long, value_name = "DIR", default_value = "/run/appliance", hide = true)]
    run: PathBuf,
    /// Where the partition RACKSTART is mounted.
    #[arg(long, value_name = "DIR", default_value = "/srv/rackstart", hide = true)]
    place: PathBuf,
    /// Where the image is mounted.
    #[arg(long, value_name = "DIR", default_value = "/medium", hide = true)]
    medium: PathBuf,
    /// Where the kernel lists the network cards.
    #[arg(long, value_name = "DIR", default_value = "/sys/class/net", hide = true)]
    cards: PathBuf,
}

/// The time between two pictures without a key, in tenths of a second (termios(3), VTIME).
const BEAT: u8 = 10;

/// The longest time that a line of the kernel stays in the picture.
const REDRAW: Duration = Duration::from_secs(10);

/// What is typed now, and where.
struct Console<'a> {
    args: &'a Args,
    screen: Screen,
    typed: String,
    /// What the last line that was typed led to.
    answer: String,
    dialogue: Option<Dialogue>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let _raw = Raw::set()?;
    // Not through the buffer of standard input, which would keep keys for the next picture.
    let mut terminal = File::from(rustix::io::dup(io::stdin()).map_err(unusable)?);
    let (mut gone, mut last, mut drawn) = (0, String::new(), Instant::now());
    let mut console =
        Console { args, screen: Screen::Rack, typed: String::new(), answer: String::new(), dialogue: None };
    loop {
        let facts = Facts::gather(args, console.screen);
        if facts.wants_site() && console.dialogue.is_none() {
            console.dialogue = Some(Dialogue::new(facts.cards.clone()));
        } else if !facts.wants_site() {
            console.dialogue = None;
        }
        let picture = console.picture(&facts);
        // Now and then anew, because the kernel writes on this terminal, too.
        if picture != last || drawn.elapsed() > REDRAW {
            draw(&picture)?;
            (last, drawn) = (picture, Instant::now());
        }
        let began = Instant::now();
        let pressed = keys::read(&mut terminal)?;
        // A terminal that has gone away has nothing to say at once, again and again.
        gone = if pressed.is_empty() && began.elapsed() < Duration::from_millis(100) { gone + 1 } else { 0 };
        if gone > 20 {
            return Ok(());
        }
        for key in pressed {
            console.press(key, &facts);
        }
    }
}

impl Console<'_> {
    fn picture(&self, facts: &Facts) -> String {
        let (columns, rows) = size();
        view::draw(facts, self.screen, self.dialogue.as_ref(), (&self.typed, &self.answer), (columns, rows))
    }

    fn press(&mut self, key: Key, facts: &Facts) {
        let asks = facts.wants_state || facts.asks.is_some() || self.dialogue.is_some();
        match key {
            Key::Function(number) => self.screen = Screen::of(number).unwrap_or(self.screen),
            // Where nothing is asked, digits do for terminals without F-keys.
            Key::Letter(letter @ '1'..='4') if !asks => {
                self.screen = letter.to_digit(10).and_then(Screen::of).unwrap_or(self.screen);
            }
            Key::Letter(letter) if asks && self.typed.len() < 200 => self.typed.push(letter),
            Key::Letter(_) => {}
            Key::Backspace => drop(self.typed.pop()),
            Key::Escape => {
                self.typed.clear();
                if let Some(dialogue) = &mut self.dialogue {
                    dialogue.back();
                }
            }
            Key::Enter if asks => {
                let line = std::mem::take(&mut self.typed);
                self.answer = self.take(line.trim(), facts).unwrap_or_else(|failure| failure.to_string());
            }
            Key::Enter => {}
        }
    }

    /// A whole line that was typed.
    fn take(&mut self, line: &str, facts: &Facts) -> Result<String, Failure> {
        if facts.wants_state {
            let disks = disks::list()?;
            let chosen = state::chosen(&disks, line)?;
            state::make(&chosen)?;
            return Ok("the disk is ready and is going to be used".into());
        }
        if let Some(word) = &facts.asks {
            if line != word {
                return Ok(format!("type `{word}` to go on"));
            }
            let file = self.args.run.join("confirmed");
            return std::fs::write(&file, "").map(|()| String::new()).map_err(|error| cannot_write(&file, &error));
        }
        let Some(dialogue) = &mut self.dialogue else { return Ok(String::new()) };
        match dialogue.answer(line) {
            Err(why) => Ok(why),
            Ok(None) => Ok(String::new()),
            Ok(Some(text)) => {
                let (file, new) = (self.args.place.join("rackstart.toml"), self.args.place.join("rackstart.toml.new"));
                let written = File::create(&new).and_then(|mut out| {
                    out.write_all(text.as_bytes())?;
                    out.sync_all()
                });
                // Whoever reads `wrote` may pull the plug.
                written
                    .and_then(|()| std::fs::rename(&new, &file))
                    .and_then(|()| File::open(&self.args.place)?.sync_all())
                    .map_err(|error| cannot_write(&file, &error))?;
                Ok(format!("wrote {}", file.display()))
            }
        }
    }
}

fn cannot_write(file: &std::path::Path, error: &io::Error) -> Failure {
    Failure::fixable(format!("cannot write {}: {error}", file.display())).hint("is the disk full, or was it taken out?")
}

fn draw(picture: &str) -> Result<(), Failure> {
    let lines: Vec<String> = picture.lines().map(|line| format!("{line}\x1b[K")).collect();
    super::print(&format!("\x1b[H{}\x1b[J", lines.join("\r\n")))
}

/// Columns and rows; a serial line does not know them.
fn size() -> (usize, usize) {
    let said = termios::tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    said.map_or((80, 24), |size| (size.ws_col.into(), size.ws_row.into()))
}

/// The terminal gives every key at once, waits no longer than [`BEAT`] for one and echoes none, until this is dropped.
struct Raw(Termios);

impl Raw {
    fn set() -> Result<Self, Failure> {
        let before = termios::tcgetattr(io::stdin()).map_err(unusable)?;
        let mut raw = before.clone();
        raw.make_raw();
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = BEAT;
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw).map_err(unusable)?;
        Ok(Self(before))
    }
}

fn unusable(error: rustix::io::Errno) -> Failure {
    Failure::fixable(format!("standard input is no terminal: {error}")).hint("`rackstart watch` prints lines instead")
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
