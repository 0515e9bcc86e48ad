//! The tree of a boot: every answer that a machine can get, by who asks and what is known of it, with those lit that it
//! would get now. It is `explain` as a picture; [`Leaf::of`] names the leaf of each decision, so that none is missing.

use super::html::encode;
use super::words::short;
use crate::boot::{Asking, BootDecision, IgnoreReason, LocalDiskReason};

const WIDTH: f64 = 1000.0;
const ROW: f64 = 30.0;
/// Where the boxes of the two columns begin.
const ASKERS: f64 = 6.0;
const LEAVES: f64 = 330.0;
const ASKER: f64 = 230.0;

/// An end of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Leaf {
    /// The card belongs to a node that boots from another one.
    OtherCard,
    /// No node has the MAC.
    Unknown,
    /// A program by TFTP.
    ByTftp,
    /// A program by HTTP.
    ByHttp,
    /// Nothing runs on its architecture.
    Unsupported,
    /// The site has no program for its architecture.
    NoProgram,
    /// The site wants a signed loader and has none for it.
    NoSigned,
    /// The address of its boot script.
    ScriptAddress,
    /// The installer.
    Install,
    /// A screen that says what to do.
    Screen,
    /// Its own disk: it was never armed.
    NeverArmed,
    /// Its own disk: it booted the installer too often.
    TooManyBoots,
    /// Its own disk: it started as other firmware than planned.
    WrongFirmware,
    /// Its own disk: the permit is spent.
    PermitSpent,
    /// Its own disk: firstboot runs.
    Installed,
    /// Its own disk: it is ready.
    Ready,
    /// Its own disk: it failed.
    Failed,
    /// Its own disk: it is suspect.
    Suspect,
    /// An address and nothing else.
    Address,
}

impl Leaf {
    /// The leaf of a decision.
    pub(crate) fn of(decision: &BootDecision) -> Self {
        match decision {
            BootDecision::Ignore(IgnoreReason::UnknownMac(_)) => Self::Unknown,
            BootDecision::Ignore(IgnoreReason::NotTheBootNic { .. }) => Self::OtherCard,
            BootDecision::Ignore(IgnoreReason::UnsupportedArch(_)) => Self::Unsupported,
            BootDecision::Ignore(IgnoreReason::NoProgram { .. }) => Self::NoProgram,
            BootDecision::Ignore(IgnoreReason::NoSignedChain(_)) => Self::NoSigned,
            BootDecision::AddressOnly => Self::Address,
            BootDecision::ChainloadTftp(_) => Self::ByTftp,
            BootDecision::ChainloadHttp(..) => Self::ByHttp,
            BootDecision::Script(_) => Self::ScriptAddress,
            BootDecision::Install => Self::Install,
            BootDecision::Unknown => Self::Screen,
            BootDecision::LocalDisk(reason) => match reason {
                LocalDiskReason::WrongFirmware(..) => Self::WrongFirmware,
                LocalDiskReason::NeverArmed => Self::NeverArmed,
                LocalDiskReason::TooManyBoots => Self::TooManyBoots,
                LocalDiskReason::PermitSpent => Self::PermitSpent,
                LocalDiskReason::Installed => Self::Installed,
                LocalDiskReason::Ready => Self::Ready,
                LocalDiskReason::Suspect(_) => Self::Suspect,
                LocalDiskReason::Failed(_) => Self::Failed,
            },
        }
    }

    /// When a machine comes here.
    fn condition(self) -> &'static str {
        match self {
            Self::OtherCard => "it boots from a card that is not the node's boot card",
            Self::Unknown => "no node has its MAC, and there is no discovery range",
            Self::ByTftp => "PXE, and there is a program for it",
            Self::ByHttp => "UEFI HTTP boot, and there is a program for it",
            Self::Unsupported => "its architecture is unknown",
            Self::NoProgram => "the site has no program for its architecture",
            Self::NoSigned => "it must have a signed loader, and none fits",
            Self::ScriptAddress => "always",
            Self::Install => "armed, and its firmware is as planned",
            Self::Screen => "no node has its MAC",
            Self::NeverArmed => "new: it was never armed",
            Self::TooManyBoots => "armed, and it booted the installer too often",
            Self::WrongFirmware => "armed, and it started as other firmware than planned",
            Self::PermitSpent => "installing: its wipe permit is spent",
            Self::Installed => "firstboot: it is installed",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Suspect => "suspect",
            Self::Address => "always",
        }
    }

    /// What it is answered there.
    fn answer(self) -> &'static str {
        match self {
            Self::OtherCard | Self::Unknown | Self::Unsupported | Self::NoProgram | Self::NoSigned => "no answer",
            Self::ByTftp => "address, program by TFTP",
            Self::ByHttp => "address, program by HTTP",
            Self::ScriptAddress => "address of its boot script",
            Self::Install => "THE INSTALLER",
            Self::Screen => "a screen with its MAC",
            Self::Address => "address, nothing to boot",
            _ => "its own disk",
        }
    }
}

/// What each asker can be answered, for a machine whose MAC is in the site file and for any other one.
fn branches(known: bool) -> [(Asking, &'static [Leaf]); 4] {
    use Leaf::{
        Address, ByHttp, ByTftp, Failed, Install, Installed, NeverArmed, NoProgram, NoSigned, OtherCard, PermitSpent,
        Ready, Screen, ScriptAddress, Suspect, TooManyBoots, Unknown, Unsupported, WrongFirmware,
    };
    let states = &[NeverArmed, Install, WrongFirmware, TooManyBoots, PermitSpent, Installed, Ready, Failed, Suspect];
    match known {
        true => [
            (Asking::Firmware, &[ByTftp, ByHttp, Unsupported, NoProgram, NoSigned]),
            (Asking::Ipxe, &[ScriptAddress]),
            (Asking::Script, states),
            (Asking::System, &[Address]),
        ],
        false => [
            (Asking::Firmware, &[ByTftp, ByHttp, Unsupported, NoProgram, OtherCard, Unknown]),
            (Asking::Ipxe, &[ScriptAddress, OtherCard, Unknown]),
            (Asking::Script, &[Screen, OtherCard, Unknown]),
            (Asking::System, &[Address, OtherCard, Unknown]),
        ],
    }
}

fn asker(asking: Asking) -> &'static str {
    match asking {
        Asking::Firmware => "firmware, by DHCP",
        Asking::Ipxe => "iPXE, by DHCP",
        Asking::Script => "iPXE, for its script",
        Asking::System => "installer or system",
    }
}

/// Draws the tree. `now` has what each asker would be answered now, with the answer in words.
pub(crate) fn draw(known: bool, now: &[(Asking, Leaf, String)]) -> String {
    let branches = branches(known);
    let rows: usize = branches.iter().map(|(_, leaves)| leaves.len()).sum();
    let height = ROW * rows as f64 + 12.0 * branches.len() as f64;
    let told: Vec<String> = now.iter().map(|(asking, _, words)| format!("{}: {words}", asker(*asking))).collect();
    let mut out = format!(
        "<svg class=\"tree\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">\n",
        encode(&format!("What it is answered, by who asks. {}", told.join("; ")))
    );
    let mut top = 6.0;
    for (asking, leaves) in branches {
        let middle = top + ROW * leaves.len() as f64 / 2.0;
        let reached = now.iter().find(|(by, ..)| *by == asking);
        // Unlit lines first, so that the lit one lies above them.
        for lit in [false, true] {
            for (row, leaf) in leaves.iter().enumerate() {
                let is_lit = reached.is_some_and(|(_, at, _)| at == leaf);
                if is_lit == lit {
                    let y = top + ROW * (row as f64 + 0.5);
                    let (x1, x2, bend) = (ASKERS + ASKER, LEAVES, (ASKERS + ASKER + LEAVES) / 2.0);
                    let class = if lit { "own lit" } else { "own" };
                    out.push_str(&format!(
                        "<path class=\"{class}\" d=\"M{x1:.0} {middle:.0} C{bend:.0} {middle:.0} {bend:.0} {y:.0} {x2:.0} {y:.0}\"/>\n"
                    ));
                }
            }
        }
        out.push_str(&format!(
            "<rect class=\"group{}\" x=\"{ASKERS}\" y=\"{:.0}\" width=\"{ASKER}\" height=\"26\" rx=\"6\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\">{}</text>\n",
            if reached.is_some() { " lit" } else { "" },
            middle - 13.0,
            ASKERS + 12.0,
            middle + 5.0,
            asker(asking)
        ));
        for (row, leaf) in leaves.iter().enumerate() {
            let lit = reached.filter(|(_, at, _)| at == leaf);
            out.push_str(&leaf_row(*leaf, lit.map(|(.., words)| words.as_str()), top + ROW * row as f64));
        }
        top += ROW * leaves.len() as f64 + 12.0;
    }
    out + "</svg>"
}

fn leaf_row(leaf: Leaf, lit: Option<&str>, y: f64) -> String {
    let (class, weight) = if lit.is_some() { ("group lit", " own") } else { ("group", "") };
    let wipes = if leaf == Leaf::Install { " wipes" } else { "" };
    let title = lit.map(|words| format!("<title>now: {}</title>", encode(words))).unwrap_or_default();
    let mark = if lit.is_some() { "▶ " } else { "" };
    format!(
        "<g>{title}<rect class=\"{class}{wipes}\" x=\"{LEAVES}\" y=\"{:.0}\" width=\"{:.0}\" height=\"26\" rx=\"6\"/>\
         <text class=\"tick{weight}\" x=\"{:.0}\" y=\"{ty:.0}\">{mark}{}</text>\
         <text class=\"who{weight}\" x=\"{:.0}\" y=\"{ty:.0}\" text-anchor=\"end\">{}</text></g>\n",
        y + 2.0,
        WIDTH - LEAVES - 6.0,
        LEAVES + 12.0,
        encode(&short(leaf.condition(), 60)),
        WIDTH - 18.0,
        encode(&short(leaf.answer(), 30)),
        ty = y + 20.0,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::boot::{BootRequest, ClientArch, decide};
    use crate::lifecycle::{Attempt, AttemptId, MAX_BOOTS, Stage, State, WipeScope};
    use crate::site::testing::paper_site;
    use crate::site::{Firmware, LoaderChoice, Mac, Site};

    const ASKERS: [Asking; 4] = [Asking::Firmware, Asking::Ipxe, Asking::Script, Asking::System];

    /// Every state, as far as a boot differs by it.
    fn states() -> Vec<Option<State>> {
        let attempt = Attempt::new(AttemptId::from_random([7; 4]), WipeScope::BlankDiskOnly);
        let tired = Attempt { boots: MAX_BOOTS, ..attempt.clone() };
        let failed = |reason: &str| State::Failed {
            attempt: attempt.clone(),
            reason: reason.into(),
            during: Stage::Installer,
            previous: None,
        };
        vec![
            None,
            Some(State::Armed { attempt: attempt.clone(), previous: None }),
            Some(State::Armed { attempt: tired, previous: None }),
            Some(State::Installing { attempt: attempt.clone() }),
            Some(State::Firstboot { attempt: attempt.clone() }),
            Some(State::Ready { attempt: attempt.clone() }),
            Some(failed("<b>")),
            Some(State::Suspect { previous: Box::new(failed("x")), why: "two readers".into() }),
        ]
    }

    /// Every leaf that a machine gets to, by who asks.
    fn reached(site: &Site, mac: Mac) -> BTreeSet<(String, Leaf)> {
        let mut found = BTreeSet::new();
        for asking in ASKERS {
            for arch in (0..50).map(ClientArch::from) {
                for state in states() {
                    for refuses_unsigned in [false, true] {
                        let request = BootRequest { refuses_unsigned, ..BootRequest::new(mac, arch, asking) };
                        found.insert((asking.to_string(), Leaf::of(&decide(site, state.as_ref(), &request))));
                    }
                }
            }
        }
        found
    }

    fn drawn(known: bool) -> BTreeSet<(String, Leaf)> {
        let branches = branches(known).into_iter();
        branches.flat_map(|(by, leaves)| leaves.iter().map(move |leaf| (by.to_string(), *leaf))).collect()
    }

    #[test]
    fn every_leaf_is_reached_by_a_boot_and_every_boot_ends_in_a_leaf() {
        let mut site = paper_site();
        let node = site.node_by_name("compute2").unwrap().clone();
        let mut known = reached(&site, node.mac);
        for firmware in [Firmware::Bios, Firmware::Uefi] {
            let mut signed = site.clone();
            let own = signed.nodes.iter_mut().find(|own| own.mac == node.mac).unwrap();
            (own.loader, own.firmware) = (LoaderChoice::Signed, firmware);
            known.extend(reached(&signed, node.mac));
        }
        assert_eq!(known, drawn(true));
        let other = node.nics.iter().find(|nic| nic.mac != node.mac).unwrap().mac;
        let stranger = Mac([2, 9, 9, 9, 9, 9]);
        let mut unknown = reached(&site, other);
        site.network.discovery = None;
        unknown.extend(reached(&site, stranger));
        site.network.discovery = Some(([10, 0, 0, 5].into(), [10, 0, 0, 9].into()));
        unknown.extend(reached(&site, stranger));
        assert_eq!(unknown, drawn(false));
    }

    #[test]
    fn what_a_machine_gets_now_is_lit_and_its_reason_is_text() {
        let now = [(Asking::Script, Leaf::Failed, "the local disk, because <i>".to_string())];
        let drawn = draw(true, &now);
        assert_eq!(drawn.matches("own lit").count(), 1, "{drawn}");
        assert!(drawn.contains("&lt;i&gt;") && !drawn.contains("<i>"), "{drawn}");
        assert!(!draw(false, &[]).contains(" lit"));
    }
}
