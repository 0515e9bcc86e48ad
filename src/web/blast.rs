//! The blast radius of a reimage: what others would lose with a node, drawn as rows of dots. A row is a set of copies or
//! a capability of the cloud, a dot is a node, and the line says how many are needed.

use serde::Serialize;

use super::html::encode;
use super::symbol;
use super::words::short;

const WIDTH: f64 = 1000.0;
const ROW: f64 = 54.0;
/// Where the dots begin.
const LABEL: f64 = 430.0;
const DOT: f64 = 26.0;
/// Letters before the dots.
const LETTERS: usize = 56;
/// Dots of one row; the other nodes are a number.
const DOTS: usize = 16;

/// One node of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Host name.
    pub name: String,
    /// Its state in one word.
    pub state: String,
    /// Whether it would be wiped.
    pub goes: bool,
}

impl Member {
    fn counts(&self) -> bool {
        self.state == "ready"
    }
}

/// What several nodes give together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shared {
    /// What it is: `set 2 of the copies`, or the name of a capability.
    pub what: String,
    /// Its nodes.
    pub members: Vec<Member>,
    /// How many of them have to be ready.
    pub needed: usize,
    /// Whether its members hold copies of the same data, so that each one that goes is a copy fewer.
    pub is_copy: bool,
}

/// How bad it would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Harm {
    /// Enough nodes stay.
    None,
    /// A copy fewer, and others stay.
    Fewer,
    /// Fewer nodes than needed, or no copy at all.
    Lost,
}

/// A row in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Told {
    /// What it is.
    pub what: String,
    /// How bad it would be.
    pub harm: Harm,
    /// What would be left, in words.
    pub words: String,
}

impl Shared {
    /// How many of its nodes are ready now, and how many would be.
    fn ready(&self) -> (usize, usize) {
        let now = self.members.iter().filter(|member| member.counts());
        (now.clone().count(), now.filter(|member| !member.goes).count())
    }

    /// The row in words.
    pub(crate) fn told(&self) -> Told {
        let (now, after) = self.ready();
        let harm = match (self.is_copy, after) {
            _ if after < self.needed => Harm::Lost,
            (true, _) if self.members.iter().any(|member| member.goes) => Harm::Fewer,
            _ => Harm::None,
        };
        let thing = if self.is_copy { "copies" } else { "nodes" };
        let words = match harm {
            Harm::Lost if after == 0 && self.is_copy => "✕ no ready copy would be left".into(),
            Harm::Lost => format!("✕ {after} of {now} ready {thing} would be left, and {} are needed", self.needed),
            Harm::Fewer => format!("▲ {after} of {now} ready copies would be left"),
            Harm::None => format!("✓ {after} of {now} ready {thing} would be left"),
        };
        Told { what: self.what.clone(), harm, words }
    }
}

/// Draws the rows below each other.
pub(crate) fn draw(rows: &[Shared]) -> String {
    let height = ROW * rows.len() as f64 + 4.0;
    let spoken: Vec<String> =
        rows.iter().map(Shared::told).map(|told| format!("{}: {}", told.what, told.words)).collect();
    let mut out = format!(
        "<svg class=\"blast\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">\n",
        encode(&spoken.join("; "))
    );
    for (row, shared) in rows.iter().enumerate() {
        let y = ROW * row as f64 + 4.0;
        let told = shared.told();
        out.push_str(&format!(
            "<text class=\"own\" x=\"0\" y=\"{:.0}\">{}</text><text class=\"harm-{}\" x=\"0\" y=\"{:.0}\">{}</text>\n",
            y + 16.0,
            encode(&short(&shared.what, LETTERS)),
            class(told.harm),
            y + 36.0,
            encode(&told.words)
        ));
        // Who stays comes first, so that the line after the needed ones shows whether enough stay.
        let mut members: Vec<&Member> = shared.members.iter().collect();
        members.sort_by_key(|member| (member.goes, !member.counts()));
        for (n, member) in members.iter().take(DOTS).enumerate() {
            let x = LABEL + n as f64 * DOT + DOT / 2.0;
            let fate = if member.goes { "would be wiped" } else { member.state.as_str() };
            let title = encode(&format!("{}, {fate}", member.name));
            let (kind, mark) =
                if member.goes { ("goes", "✕") } else { (member.state.as_str(), symbol(&member.state)) };
            out.push_str(&format!(
                "<g class=\"dot d-{}\"><title>{title}</title><circle cx=\"{x:.0}\" cy=\"{:.0}\" r=\"10\"/>\
                 <text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{mark}</text></g>\n",
                encode(kind),
                y + 20.0,
                y + 25.0
            ));
        }
        if members.len() > DOTS {
            let x = LABEL + DOTS as f64 * DOT + 8.0;
            out.push_str(&format!(
                "<text class=\"tick\" x=\"{x:.0}\" y=\"{:.0}\">and {} more</text>\n",
                y + 25.0,
                members.len() - DOTS
            ));
        }
        if shared.needed > 0 && shared.needed <= DOTS {
            let x = LABEL + shared.needed as f64 * DOT;
            out.push_str(&format!(
                "<line class=\"usual\" x1=\"{x:.0}\" x2=\"{x:.0}\" y1=\"{:.0}\" y2=\"{:.0}\"><title>needed: {}</title></line>\n",
                y + 4.0,
                y + 40.0,
                shared.needed
            ));
        }
    }
    out + "</svg>"
}

fn class(harm: Harm) -> &'static str {
    match harm {
        Harm::None => "none",
        Harm::Fewer => "fewer",
        Harm::Lost => "lost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(states: &[(&str, bool)], needed: usize, is_copy: bool) -> Shared {
        let member = |(n, (state, goes)): (usize, &(&str, bool))| Member {
            name: format!("n<{n}>"),
            state: (*state).into(),
            goes: *goes,
        };
        Shared { what: "a & b".into(), members: states.iter().enumerate().map(member).collect(), needed, is_copy }
    }

    #[test]
    fn what_is_left_decides_how_bad_it_is() {
        let harm = |states: &[(&str, bool)], needed, is_copy| shared(states, needed, is_copy).told().harm;
        assert_eq!(harm(&[("ready", true), ("ready", false)], 1, true), Harm::Fewer);
        assert_eq!(harm(&[("ready", true), ("failed", false)], 1, true), Harm::Lost, "the other one does not count");
        assert_eq!(harm(&[("ready", true)], 1, false), Harm::Lost);
        assert_eq!(harm(&[("ready", true), ("ready", false)], 1, false), Harm::None);
        assert_eq!(harm(&[("ready", true)], 0, false), Harm::None, "nobody needs one");
        let words = shared(&[("ready", true), ("ready", false)], 2, false).told().words;
        assert_eq!(words, "✕ 1 of 2 ready nodes would be left, and 2 are needed");
    }

    #[test]
    fn names_are_text_and_a_large_cloud_ends_in_a_number() {
        let drawn = draw(&[shared(&[("ready", false); 40], 3, false)]);
        assert!(drawn.contains("n&lt;0&gt;") && !drawn.contains("n<0>") && drawn.contains("a &amp; b"), "{drawn}");
        assert_eq!((drawn.matches("<circle").count(), drawn.contains("and 24 more")), (DOTS, true));
        assert!(drawn.contains("class=\"usual\""));
    }
}
