//! One picture of the console, as lines of text.

use super::dialogue::Dialogue;
use super::facts::{Facts, plain};
use super::screen::fold;
use super::table;
use crate::timeline::utc;

/// What is shown, by its F-key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screen {
    Rack,
    Events,
    Log,
    Problem,
}

impl Screen {
    pub(super) fn of(number: u32) -> Option<Self> {
        [Self::Rack, Self::Events, Self::Log, Self::Problem].get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
    }
}

const FOOTER: &str = "F1 rack   F2 timeline   F3 log   F4 site file";

/// Draws a picture of exactly `rows` lines; `typed` is the line that is being typed, and what the last one led to.
pub(super) fn draw(
    facts: &Facts,
    screen: Screen,
    dialogue: Option<&Dialogue>,
    (typed, answer): (&str, &str),
    (columns, rows): (usize, usize),
) -> String {
    let mut lines = vec![head(facts, columns), String::new()];
    let mut ask = None;
    let body: Vec<String> = match screen {
        Screen::Rack if facts.wants_state => {
            ask = Some("serial");
            state_lines(facts)
        }
        Screen::Rack if facts.asks.is_some() => {
            ask = Some("word");
            vec![facts.status.clone()]
        }
        Screen::Rack => match dialogue {
            Some(dialogue) => {
                ask = Some("answer");
                dialogue.lines()
            }
            None => rack(facts, columns),
        },
        Screen::Events => events(facts),
        Screen::Log => facts.log.clone(),
        Screen::Problem => problem(facts),
    };
    let mut body: Vec<String> =
        body.iter().flat_map(|text| text.split('\n')).flat_map(|line| folded(line, columns)).collect();
    if let Some(what) = ask {
        if !answer.is_empty() {
            body.push(String::new());
            body.extend(answer.split('\n').flat_map(|line| folded(line, columns)));
        }
        body.push(String::new());
        body.push(format!("{what}> {typed}_"));
    }
    let room = rows.saturating_sub(4).max(1);
    // Of what happened, the end counts; of everything else, the beginning.
    let first = if matches!(screen, Screen::Events | Screen::Log) || ask.is_some() {
        body.len().saturating_sub(room)
    } else {
        0
    };
    lines.extend(body.into_iter().skip(first).take(room));
    lines.resize(rows.saturating_sub(1).max(3), String::new());
    lines.push(reversed(&format!("{FOOTER}   {}", facts.memory), columns));
    lines.join("\n")
}

/// Columns of a table keep their blanks where they fit.
fn folded(line: &str, columns: usize) -> Vec<String> {
    if line.chars().count() <= columns { vec![line.into()] } else { fold(line.trim_end(), columns) }
}

fn reversed(text: &str, columns: usize) -> String {
    let text: String = text.chars().take(columns).collect();
    format!("\x1b[7m{text:<columns$}\x1b[0m")
}

fn head(facts: &Facts, columns: usize) -> String {
    let site = facts.report.as_ref().map(|report| format!("{}  ", report.site)).unwrap_or_default();
    let addresses = if facts.addresses.is_empty() { "no address".into() } else { facts.addresses.join(", ") };
    let status = facts.status.split(':').next().unwrap_or_default();
    reversed(&format!(" rackstart {}  {site}{addresses}  {status}", env!("CARGO_PKG_VERSION")), columns)
}

fn state_lines(facts: &Facts) -> Vec<String> {
    let mut lines = vec![
        "No disk is labelled RACKSTART, so nothing would survive a power cut: nothing is served, and no disk of a node".into(),
        "is wiped. Plug the disk with the state in, or make one here: everything on the disk that you choose is erased.".into(),
        String::new(),
    ];
    lines.extend(facts.disks.iter().cloned());
    lines.push(String::new());
    lines.push("Type the serial of a disk, or the serials of two for a mirror.".into());
    lines
}

fn rack(facts: &Facts, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if facts.status != "serving" {
        lines.extend([facts.status.clone(), String::new()]);
    }
    if !facts.has_time {
        lines.push("The time of this machine is not checked by anybody: certificates and logs may be wrong.".into());
        lines.push(String::new());
    }
    let Some(report) = &facts.report else {
        lines.extend(facts.unreachable.clone().filter(|_| facts.status == "serving"));
        return lines;
    };
    if report.nodes.is_empty() {
        // The alarms of the table are said all the same.
        lines.extend(report.alarms.iter().map(|alarm| alarm.text.clone()));
        lines.push(
            "No node is in the site file yet. Switch the servers on, with the network first in their boot order."
                .into(),
        );
    } else {
        lines.extend(table::nodes(report, Some(columns)).lines().map(String::from));
    }
    lines.push(String::new());
    if !facts.strangers.is_empty() {
        lines.push("Machines that are in no site file; nothing is installed on them:".into());
        lines.extend(facts.strangers.iter().map(|mac| format!("  {mac}")));
        lines.push(String::new());
    }
    if report.nodes.is_empty() || !facts.strangers.is_empty() {
        let file = facts.site_file.as_deref().unwrap_or("rackstart.toml");
        lines.push(format!("Next: add them to {file}, which lies on the partition RACKSTART ({}).", facts.state));
        lines.push(
            "It is edited over ssh once a key stands in it, or in another computer; it is read again by itself.".into(),
        );
    }
    lines
}

fn events(facts: &Facts) -> Vec<String> {
    if facts.events.is_empty() {
        return vec!["Nothing has happened yet.".into()];
    }
    facts.events.iter().map(|event| format!("{}  {}  {}", utc(event.at), event.mac, plain(&event.text))).collect()
}

fn problem(facts: &Facts) -> Vec<String> {
    if facts.problem.is_empty() {
        let file = facts.site_file.as_deref().unwrap_or("none yet");
        return vec![format!("The site file is accepted: {file}")];
    }
    facts.problem.lines().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(facts: &Facts, screen: Screen, size: (usize, usize)) -> Vec<String> {
        draw(facts, screen, None, ("ab", ""), size).lines().map(String::from).collect()
    }

    #[test]
    fn a_picture_fills_the_terminal_and_no_line_is_wider() {
        let mut facts = Facts { status: "serving".into(), ..Facts::default() };
        facts.log = (0..100)
            .map(|n| format!("{n} a line of the log that is longer than the screen is wide, much longer"))
            .collect();
        facts.wants_state = true;
        facts.disks = vec!["DISK".into()];
        for size in [(80, 24), (40, 10), (132, 50)] {
            for screen in [Screen::Rack, Screen::Events, Screen::Log, Screen::Problem] {
                let lines = text(&facts, screen, size);
                assert_eq!(lines.len(), size.1, "{screen:?} {size:?}");
                let plain = |line: &String| line.replace("\x1b[7m", "").replace("\x1b[0m", "").chars().count();
                assert!(lines.iter().all(|line| plain(line) <= size.0), "{screen:?} {size:?} {lines:?}");
            }
        }
        assert!(text(&facts, Screen::Log, (80, 24)).iter().any(|line| line.starts_with("99 a line")), "the end counts");
    }

    #[test]
    fn without_a_disk_it_says_that_nothing_is_served_and_asks_for_a_serial() {
        let facts = Facts { wants_state: true, disks: vec!["/dev/sda A1".into()], ..Facts::default() };
        let lines = text(&facts, Screen::Rack, (120, 24)).join("\n");
        assert!(
            lines.contains("nothing is served") && lines.contains("/dev/sda A1") && lines.contains("serial> ab_"),
            "{lines}"
        );
    }

    #[test]
    fn an_f_key_names_its_screen() {
        assert_eq!((Screen::of(1), Screen::of(4)), (Some(Screen::Rack), Some(Screen::Problem)));
        assert_eq!((Screen::of(0), Screen::of(5)), (None, None));
    }
}
