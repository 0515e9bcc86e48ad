//! The why-lane: the minutes of an attempt as one lane, beside those of the node's peers on the same scale. A wait is
//! drawn as a wait, a silence as a silence, and the usual duration as a line.

use serde::Serialize;

use super::html::encode;
use super::words::short;
use crate::words::duration;

/// Seconds without a word after which a lane says that nothing was heard. Packages take the longest between two lines of
/// an installer's log that is not sent.
const SILENT: u64 = 300;
/// Units of the drawing.
const WIDTH: f64 = 1000.0;
const LABEL: f64 = 150.0;
const ROW: f64 = 34.0;
/// The least width of a piece that a person can still see.
const MIN_WIDTH: f64 = 2.0;

/// One line of the event log of a node, or of its timeline, which has no attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Unix seconds.
    pub at: u64,
    /// The kind of event in one word.
    pub kind: String,
    /// The attempt that it belongs to.
    pub attempt: Option<String>,
    /// The text.
    pub text: String,
}

/// What a piece of a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Armed, and not booted yet.
    Power,
    /// Firmware and boot loader, until the kickstart is fetched.
    Loader,
    /// The installer before it may write: it looks for the right disk.
    Look,
    /// The installer makes the disks and installs the packages.
    Install,
    /// The installer's last scripts, and the restart from the node's own disk.
    Restart,
    /// A step of firstboot.
    Step,
    /// A step that waits for something on another node.
    Wait,
    /// It failed, and nothing goes on.
    Failed,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Power => "waits for its boot",
            Self::Loader => "firmware and loader",
            Self::Look => "installer looks at the disks",
            Self::Install => "storage and packages",
            Self::Restart => "last scripts and restart",
            Self::Step => "step",
            Self::Wait => "waits for",
            Self::Failed => "failed",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Loader => "loader",
            Self::Look => "look",
            Self::Install => "install",
            Self::Restart => "restart",
            Self::Step => "step",
            Self::Wait => "wait",
            Self::Failed => "fail",
        }
    }
}

/// One piece of a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Seconds from the beginning of the lane.
    pub from: u64,
    /// Seconds from the beginning of the lane.
    pub to: u64,
    /// What it is, in words.
    pub what: String,
    /// How long it took, in words.
    pub took: String,
}

/// The lane of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Lane {
    /// The node.
    pub name: String,
    /// When the attempt began, in Unix seconds.
    pub began: u64,
    /// Its pieces in order.
    pub pieces: Vec<Piece>,
    /// From when to when nothing was heard, in seconds from the beginning.
    pub silences: Vec<(u64, u64)>,
    /// Whether the attempt is over, well or not.
    pub over: bool,
}

impl Lane {
    /// The lane of the newest attempt; none when there was none. `heard` are further moments at which something was
    /// heard.
    pub(crate) fn of(name: &str, said: &[Said], heard: &[u64], now: u64) -> Option<Self> {
        let attempt = said.iter().rev().find_map(|line| line.attempt.clone())?;
        let lines: Vec<&Said> = said.iter().filter(|line| line.attempt.as_ref() == Some(&attempt)).collect();
        let began = lines.first()?.at;
        let mut lane = Self { name: name.into(), began, ..Self::default() };
        let mut open: Option<(Kind, String, u64)> = None;
        let mut last = began;
        for line in lines {
            last = line.at;
            let next = match line.kind.as_str() {
                "armed" => Some((Kind::Power, String::new())),
                "boot-script" => Some((Kind::Loader, String::new())),
                "kickstart" | "pre-started" => Some((Kind::Look, String::new())),
                "permit" | "permit-redeemed" => Some((Kind::Install, String::new())),
                "attested" | "post-started" | "installed" => Some((Kind::Restart, String::new())),
                "firstboot-started" => Some((Kind::Step, "firstboot begins".into())),
                "step-started" => Some((Kind::Step, head(&line.text))),
                "waiting" => Some((Kind::Wait, line.text.clone())),
                "ready" => {
                    lane.over = true;
                    lane.close(&mut open, line.at);
                    break;
                }
                "failed" | "step-failed" | "refused" | "install-failed" | "given-up" => {
                    lane.close(&mut open, line.at);
                    lane.over = true;
                    lane.push(Kind::Failed, line.text.clone(), line.at, line.at);
                    continue;
                }
                _ => None,
            };
            let Some((kind, what)) = next else { continue };
            lane.over = false;
            if open.as_ref().is_some_and(|(known, text, _)| *known == kind && *text == what) {
                continue;
            }
            lane.close(&mut open, line.at);
            open = Some((kind, what, line.at));
        }
        let end = if lane.over { last } else { now };
        lane.close(&mut open, end);
        let mut moments: Vec<u64> = said.iter().map(|line| line.at).chain(heard.iter().copied()).collect();
        moments.retain(|at| (began..=end).contains(at));
        moments.push(end);
        moments.sort_unstable();
        let gaps = moments.windows(2).filter(|pair| pair[1] - pair[0] >= SILENT);
        // A node that waits says so every minute, of which the log keeps the first time. Before the end it was heard.
        let waits = |from: u64, to: u64| {
            let within = |piece: &&Piece| piece.from <= from && to <= piece.to;
            lane.pieces.iter().any(|piece| piece.kind == Kind::Wait && within(&piece))
        };
        let gaps = gaps.map(|pair| (pair[0] - began, pair[1] - began));
        lane.silences = gaps.filter(|(from, to)| began + to == end && !lane.over || !waits(*from, *to)).collect();
        Some(lane)
    }

    fn close(&mut self, open: &mut Option<(Kind, String, u64)>, at: u64) {
        if let Some((kind, what, from)) = open.take() {
            self.push(kind, what, from, at);
        }
    }

    fn push(&mut self, kind: Kind, what: String, from: u64, to: u64) {
        let what = if what.is_empty() { kind.words().into() } else { format!("{}: {what}", kind.words()) };
        let what = if kind == Kind::Wait { what.replacen(": ", " ", 1) } else { what };
        let from = from.saturating_sub(self.began);
        // A clock that was set back may put the end before the beginning.
        let to = to.saturating_sub(self.began).max(from);
        self.pieces.push(Piece { kind, from, to, what, took: duration(to - from) });
    }

    /// How long it took, or has taken, in seconds.
    pub(crate) fn length(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.to).max().unwrap_or(0)
    }
}

/// The name of a step, without what it says.
fn head(text: &str) -> String {
    text.split(':').next().unwrap_or(text).into()
}

/// The usual duration: the median of the lanes that came to their end well. None when there are too few.
pub(crate) fn usual(lanes: &[Lane]) -> Option<u64> {
    let is_done = |lane: &&Lane| lane.over && lane.pieces.iter().all(|piece| piece.kind != Kind::Failed);
    let mut lengths: Vec<u64> = lanes.iter().filter(is_done).map(Lane::length).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().filter(|length| *length > 0)
}

/// Draws lanes below each other on one scale; the first one is the node that the page is about.
pub(crate) fn draw(lanes: &[Lane], usual: Option<u64>) -> String {
    let longest = lanes.iter().map(Lane::length).chain(usual).max().unwrap_or(0).max(1);
    let scale = (WIDTH - LABEL - 10.0) / longest as f64;
    let height = ROW * lanes.len() as f64 + 34.0;
    let mut out = format!(
        "<svg class=\"lanes\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">\n\
         <defs><pattern id=\"silence\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect class=\"hatch\" width=\"3\" height=\"8\"/></pattern></defs>\n",
        encode(&spoken(lanes, usual))
    );
    for (row, lane) in lanes.iter().enumerate() {
        let y = ROW * row as f64 + 4.0;
        let weight = if row == 0 { " own" } else { "" };
        out.push_str(&format!(
            "<text class=\"who{weight}\" x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\n",
            LABEL - 10.0,
            y + 18.0,
            encode(&short(&lane.name, 17))
        ));
        for piece in &lane.pieces {
            let (x, width) = (LABEL + piece.from as f64 * scale, (piece.to - piece.from) as f64 * scale);
            let title = encode(&format!("{}, {}", piece.what, piece.took));
            out.push_str(&format!(
                "<rect class=\"k-{}\" x=\"{x:.1}\" y=\"{y:.0}\" width=\"{:.1}\" height=\"24\"><title>{title}</title></rect>\n",
                piece.kind.class(),
                width.max(MIN_WIDTH)
            ));
        }
        for (from, to) in &lane.silences {
            let (x, width) = (LABEL + *from as f64 * scale, (to - from) as f64 * scale);
            out.push_str(&format!(
                "<rect class=\"quiet\" fill=\"url(#silence)\" x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"24\">\
                 <title>nothing was heard for {}</title></rect>\n",
                duration(to - from)
            ));
        }
    }
    let bottom = ROW * lanes.len() as f64;
    if let Some(usual) = usual {
        let x = LABEL + usual as f64 * scale;
        out.push_str(&format!(
            "<line class=\"usual\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{bottom:.0}\"><title>usual: {}</title></line>\n",
            duration(usual)
        ));
    }
    let step = tick(longest);
    for at in (0..).map(|n| n * step).take_while(|at| *at <= longest) {
        let x = LABEL + at as f64 * scale;
        out.push_str(&format!(
            "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom:.0}\" y2=\"{:.0}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>\n",
            bottom + 5.0,
            bottom + 22.0,
            if at == 0 { "0".into() } else { duration(at) }
        ));
    }
    out + "</svg>"
}

/// The drawing in a sentence, for people who do not see it.
fn spoken(lanes: &[Lane], usual: Option<u64>) -> String {
    let Some(own) = lanes.first() else { return "no attempt yet".into() };
    let last = own.pieces.last().map_or_else(String::new, |piece| format!(", now or at last {}", piece.what));
    let usual = usual.map_or_else(String::new, |usual| format!("; its peers usually take {}", duration(usual)));
    format!("{} has taken {}{last}{usual}", own.name, duration(own.length()))
}

/// A distance between marks that gives at most eight of them.
fn tick(longest: u64) -> u64 {
    [10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 43_200, 86_400]
        .into_iter()
        .find(|step| longest / step <= 8)
        .unwrap_or(longest.div_ceil(8).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[(u64, &str, &str)]) -> Vec<Said> {
        let line = |(at, kind, text): &(u64, &str, &str)| Said {
            at: *at,
            kind: (*kind).into(),
            attempt: Some("0a".into()),
            text: (*text).into(),
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn a_clock_that_was_set_back_draws_no_piece_backwards() {
        let lines = said(&[(100, "armed", ""), (900, "boot-script", ""), (400, "kickstart", "")]);
        let lane = Lane::of("n", &lines, &[], 300).unwrap();
        assert!(lane.pieces.iter().all(|piece| piece.from <= piece.to), "{:?}", lane.pieces);
        assert!(draw(&[lane], None).starts_with("<svg"));
    }

    fn life() -> Vec<Said> {
        let mut lines = said(&[
            (100, "armed", ""),
            (160, "boot-script", "boot 1 of the installer"),
            (190, "kickstart", ""),
            (200, "permit-redeemed", "disk sda"),
            (800, "attested", ""),
            (860, "installed", ""),
            (900, "firstboot-started", ""),
            (905, "step-started", "02-glusterfs-all/03-install"),
            (950, "waiting", "peer compute1 to be connected"),
            (1000, "waiting", "peer compute1 to be connected"),
            (1300, "step-done", "02-glusterfs-all/03-install"),
            (1310, "step-started", "03-x: y"),
            (1400, "ready", ""),
        ]);
        lines.insert(0, Said { at: 5, kind: "armed".into(), attempt: Some("09".into()), text: String::new() });
        lines
    }

    #[test]
    fn a_life_has_its_pieces_in_order_and_a_wait_is_told_once() {
        let lane = Lane::of("compute2", &life(), &[], 9999).unwrap();
        let told: Vec<_> = lane.pieces.iter().map(|piece| (piece.kind, piece.from, piece.to)).collect();
        assert_eq!(
            told,
            [
                (Kind::Power, 0, 60),
                (Kind::Loader, 60, 90),
                (Kind::Look, 90, 100),
                (Kind::Install, 100, 700),
                (Kind::Restart, 700, 800),
                (Kind::Step, 800, 805),
                (Kind::Step, 805, 850),
                (Kind::Wait, 850, 1210),
                (Kind::Step, 1210, 1300),
            ]
        );
        assert_eq!(lane.pieces[7].what, "waits for peer compute1 to be connected");
        assert_eq!((lane.over, lane.length(), lane.began), (true, 1300, 100), "only the newest attempt");
        assert_eq!(lane.silences, [(100, 700)], "a wait is no silence");
        let heard: Vec<u64> = (200..1400).step_by(60).collect();
        assert!(Lane::of("compute2", &life(), &heard, 9999).unwrap().silences.is_empty(), "the log was heard");
    }

    #[test]
    fn what_goes_on_reaches_until_now_and_what_failed_says_why() {
        let begun = &life()[..5];
        let lane = Lane::of("x", begun, &[], 700).unwrap();
        assert_eq!((lane.over, lane.length()), (false, 600));
        let mut failed = begun.to_vec();
        failed.extend(said(&[(500, "failed", "no disk <matches>")]));
        let lane = Lane::of("x", &failed, &[], 9000).unwrap();
        assert!(lane.over && lane.length() == 400, "{lane:?}");
        let drawn = draw(&[lane], None);
        assert!(drawn.contains("no disk &lt;matches&gt;") && !drawn.contains("<matches>"), "{drawn}");
        assert_eq!(Lane::of("x", &[], &[], 5), None);
    }

    #[test]
    fn the_usual_duration_is_that_of_those_who_came_to_their_end() {
        let lane = |length: u64, over: bool| Lane {
            pieces: vec![Piece { kind: Kind::Step, from: 0, to: length, what: String::new(), took: String::new() }],
            over,
            ..Lane::default()
        };
        assert_eq!(usual(&[lane(10, true), lane(30, true), lane(20, true), lane(500, false)]), Some(20));
        assert_eq!(usual(&[lane(500, false)]), None);
        let drawn = draw(&[lane(10, true), lane(30, true)], Some(20));
        assert!(drawn.contains("class=\"usual\"") && drawn.ends_with("</svg>"), "{drawn}");
    }
}
