//! The disk strip: each disk to scale, as it is planned above as it was found. What is kept, what the installer makes
//! and what is neither are told apart by letters and pattern as well as by colour, with the volumes inside their groups.

use serde::Serialize;

use super::html::encode;
use super::words::short;
use crate::plan::{Content, DiskPlan, Facts, NodePlan, Slot, VolumeGroupPlan, content_words};

const WIDTH: f64 = 1000.0;
const BAR: f64 = 40.0;
/// The least width of a piece, so that a partition of one MiB on a large disk is still visible.
const MIN_WIDTH: f64 = 4.0;
/// Sectors of 512 bytes in a MiB.
const SECTORS: u64 = 2048;
/// What the kernel shows of an extended partition.
const EXTENDED: u64 = 2;

/// What was found on the disks of a node when it was last installed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    /// What that installation had planned.
    pub plan: &'a NodePlan,
    /// Kernel names by slot.
    pub disks: &'a std::collections::BTreeMap<String, String>,
    /// What was found.
    pub facts: &'a Facts,
}

/// One row of the list below the drawing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    /// Number of the partition; empty for a volume.
    pub number: String,
    /// What becomes of it at the next installation: `made`, `kept`, `kept on request` or `foreign`.
    pub fate: &'static str,
    /// Size in MiB.
    pub mib: u64,
    /// What it holds, in words.
    pub what: String,
}

/// One disk.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Strip {
    /// Which disk, in words.
    pub title: String,
    /// The drawing.
    pub svg: String,
    /// The same in words: as planned.
    pub planned: Vec<Row>,
    /// The same in words: as found; empty when nothing was found yet.
    pub found: Vec<Row>,
}

const KEPT: &str = "kept";
const KEPT_ON_REQUEST: &str = "kept on request";

struct Piece {
    start: u64,
    size: u64,
    label: String,
    fate: &'static str,
    /// Name and size of each volume inside.
    inside: Vec<(String, u64)>,
    /// Size of the group inside.
    group: u64,
}

/// What the next installation keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keeping<'a> {
    /// The volume groups.
    pub groups: &'a [String],
    /// Whether that is ordered; otherwise it is only what can be asked for.
    pub is_ordered: bool,
}

impl Keeping<'_> {
    fn fate(self, group: &str) -> Option<&'static str> {
        let word = if self.is_ordered { KEPT } else { KEPT_ON_REQUEST };
        self.groups.iter().any(|kept| kept == group).then_some(word)
    }
}

/// Draws every disk of a plan.
pub(crate) fn strips(plan: &NodePlan, keep: Keeping<'_>, found: Option<Found<'_>>) -> Vec<Strip> {
    plan.disks.iter().map(|disk| strip(plan, disk, keep, found)).collect()
}

fn strip(plan: &NodePlan, disk: &DiskPlan, keep: Keeping<'_>, found: Option<Found<'_>>) -> Strip {
    let planned = planned(plan, disk, keep);
    let there = found.map(|found| pieces_found(found, disk, keep)).unwrap_or_default();
    let size = disk.sectors * u64::from(disk.sector_size) / (1024 * 1024);
    let gib = size as f64 / 1024.0;
    let title = format!("disk {}: {gib:.1} GiB, label {}", disk.slot, disk.label);
    let svg = draw(&title, &planned, &there, size.max(1));
    let planned = rows(&planned, disk, Some(plan));
    Strip { title, svg, planned, found: rows(&there, disk, None) }
}

fn group_on<'a>(plan: &'a NodePlan, disk: &DiskPlan, number: u32) -> Option<&'a VolumeGroupPlan> {
    plan.volume_groups.iter().find(|group| group.is_on(&disk.slot, number))
}

fn planned(plan: &NodePlan, disk: &DiskPlan, keep: Keeping<'_>) -> Vec<Piece> {
    let real = disk.partitions.iter().filter(|partition| partition.slot != Slot::Extended);
    real.map(|partition| {
        let group = group_on(plan, disk, partition.number);
        Piece {
            start: partition.start.0,
            size: partition.size.0,
            label: format!("{} {}", partition.number, name(&partition.content)),
            fate: group.and_then(|group| keep.fate(&group.name)).unwrap_or("made"),
            inside: group.map_or_else(Vec::new, |group| {
                group.logical_volumes.iter().map(|volume| (volume.name.clone(), volume.size.0)).collect()
            }),
            group: group.map_or(0, |group| group.size.0),
        }
    })
    .collect()
}

fn pieces_found(found: Found<'_>, disk: &DiskPlan, keep: Keeping<'_>) -> Vec<Piece> {
    let Found { plan, disks, facts } = found;
    let Some(kernel) = disks.get(&disk.slot) else { return Vec::new() };
    let promised = plan.disks.iter().find(|promised| promised.slot == disk.slot);
    let real = facts.partitions.iter().filter(|fact| fact.disk == *kernel && fact.sectors > EXTENDED);
    let mut pieces: Vec<Piece> = real
        .map(|fact| {
            let known = promised.and_then(|promised| promised.partition(fact.number));
            let group = promised.and_then(|promised| group_on(plan, promised, fact.number));
            let other = if known.is_some() { "made" } else { "foreign" };
            let fate = group.and_then(|group| keep.fate(&group.name)).unwrap_or(other);
            let label = known.map_or_else(|| "not of rackstart".into(), |known| name(&known.content).to_string());
            let inside = group.map_or_else(Vec::new, |group| {
                let own = facts.volumes.iter().filter(|volume| volume.group == group.name);
                own.map(|volume| (volume.name.clone(), volume.sectors / SECTORS)).collect()
            });
            let size = facts.groups.iter().find(|known| group.is_some_and(|group| group.name == known.name));
            Piece {
                start: fact.start / SECTORS,
                size: fact.sectors.div_ceil(SECTORS),
                label: format!("{} {label}", fact.number),
                fate,
                inside,
                group: size.map_or(0, |size| size.extents * size.extent_sectors / SECTORS),
            }
        })
        .collect();
    pieces.sort_by_key(|piece| piece.start);
    pieces
}

/// The shortest name of a content.
fn name(content: &Content) -> &str {
    match content {
        Content::Mount { mount, .. } => mount,
        Content::EfiSystem => "/boot/efi",
        Content::BiosBoot => "biosboot",
        Content::RaidMember { array } => array,
        Content::Extended => "extended",
        Content::PhysicalVolume { volume_group } => volume_group,
    }
}

fn rows(pieces: &[Piece], disk: &DiskPlan, plan: Option<&NodePlan>) -> Vec<Row> {
    let mut rows = Vec::new();
    for piece in pieces {
        let (number, label) = piece.label.split_once(' ').unwrap_or((&piece.label, ""));
        let partition = number.parse().ok().and_then(|number| disk.partition(number));
        let what = match (plan, partition) {
            (Some(plan), Some(partition)) => content_words(plan, partition),
            _ => label.into(),
        };
        rows.push(Row { number: number.into(), fate: piece.fate, mib: piece.size, what });
        let volume = |(name, size): &(String, u64)| Row {
            number: String::new(),
            fate: piece.fate,
            mib: *size,
            what: name.clone(),
        };
        rows.extend(piece.inside.iter().map(volume));
    }
    rows
}

fn draw(title: &str, planned: &[Piece], found: &[Piece], size: u64) -> String {
    let lines: Vec<(&str, &[Piece])> = match found.is_empty() {
        true => vec![("planned", planned)],
        false => vec![("planned", planned), ("found", found)],
    };
    let height = lines.len() as f64 * (BAR + 44.0);
    let mut out = format!(
        "<svg class=\"strip\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">\n\
         <defs><pattern id=\"foreign\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect class=\"hatch\" width=\"3\" height=\"8\"/></pattern></defs>\n",
        encode(&format!("{title}; the table below has every number"))
    );
    for (line, (word, pieces)) in lines.into_iter().enumerate() {
        let top = line as f64 * (BAR + 44.0);
        out.push_str(&format!("<text class=\"who\" x=\"0\" y=\"{:.0}\">{word}</text>\n", top + 13.0));
        let y = top + 18.0;
        out.push_str(&format!("<rect class=\"disk\" x=\"0\" y=\"{y:.0}\" width=\"{WIDTH}\" height=\"{BAR}\"/>\n"));
        let scale = WIDTH / size as f64;
        let mut free: f64 = 0.0;
        for piece in pieces {
            // A piece drawn wider than its share pushes the next ones a little to the right, and hides none of them.
            let x = (piece.start as f64 * scale).max(free).min(WIDTH - MIN_WIDTH);
            let width = ((piece.start + piece.size) as f64 * scale - x).max(MIN_WIDTH).min(WIDTH - x);
            free = x + width;
            let told = encode(&format!("{}: {} MiB, {}", piece.label, piece.size, piece.fate));
            out.push_str(&format!(
                "<rect class=\"f-{}\" x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{BAR}\"><title>{told}</title></rect>\n",
                class(piece.fate)
            ));
            if piece.fate == "foreign" {
                out.push_str(&format!(
                    "<rect fill=\"url(#foreign)\" x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{BAR}\"/>\n"
                ));
            }
            // About 8.4 units per letter; a label that does not fit is in the table below.
            let text =
                if piece.fate == "made" { piece.label.clone() } else { format!("{} ({})", piece.label, piece.fate) };
            let letters = (width / 8.4) as usize;
            if letters > 4 {
                out.push_str(&format!(
                    "<text class=\"on\" x=\"{:.1}\" y=\"{:.0}\">{}</text>\n",
                    x + 6.0,
                    y + 25.0,
                    encode(&short(&text, letters.saturating_sub(1)))
                ));
            }
            volumes(&mut out, piece, x, y + BAR + 3.0, width);
        }
    }
    out + "</svg>"
}

/// The class of a fate in the stylesheet.
fn class(fate: &str) -> &str {
    fate.split(' ').next().unwrap_or_default()
}

/// The volumes of a group as a thin bar under its partition.
fn volumes(out: &mut String, piece: &Piece, x: f64, y: f64, width: f64) {
    let scale = width / piece.group.max(1) as f64;
    let mut left = x;
    for (name, size) in &piece.inside {
        // A volume may span several disks; it never extends past the end of the bar.
        let length = (*size as f64 * scale).min(x + width - left).max(0.0);
        let told = encode(&format!("{name}: {size} MiB"));
        out.push_str(&format!(
            "<rect class=\"v-{}\" x=\"{left:.1}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"9\"><title>{told}</title></rect>\n",
            class(piece.fate)
        ));
        left += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{GroupFact, PartitionFact, VolumeFact, plan};
    use crate::site::testing::paper_site;

    #[test]
    fn what_was_found_lies_below_what_is_planned_and_the_three_fates_are_told_apart() {
        let site = paper_site();
        let node = site.node_by_name("compute2").unwrap();
        let plan = plan(node).unwrap();
        let os = plan.os_disk();
        let fact = |number: u32, start: u64, size: u64| PartitionFact {
            disk: "sda".into(),
            number,
            start: start * SECTORS,
            sectors: size * SECTORS,
        };
        let partitions = os.partitions.iter().map(|known| fact(known.number, known.start.0, known.size.0)).collect();
        let mut facts = Facts { partitions, ..Facts::default() };
        facts.partitions.push(fact(9, os.usable_end.0 - 100, 100));
        facts.partitions.push(PartitionFact { sectors: 2, ..fact(4, 5, 1) });
        let group =
            GroupFact { name: "vg_export".into(), uuid: "u".into(), extent_sectors: 8192, extents: 10, free: 0 };
        facts.groups = vec![group];
        let kept = plan.volume_groups.last().unwrap().name.clone();
        facts.volumes = vec![VolumeFact { group: kept.clone(), name: "lv<x>".into(), uuid: "u".into(), sectors: 4096 }];
        let disks = [(os.slot.clone(), "sda".to_string())].into();
        let found = Found { plan: &plan, disks: &disks, facts: &facts };
        let keep = Keeping { groups: std::slice::from_ref(&kept), is_ordered: false };
        let ordered = super::strips(&plan, Keeping { is_ordered: true, ..keep }, Some(found));
        assert!(ordered[0].svg.contains("(kept)") && !ordered[0].svg.contains("(kept on request)"));
        let strips = strips(&plan, keep, Some(found));
        assert!(strips[0].svg.contains("(kept on request)") && strips[0].svg.contains("class=\"f-kept\""));
        let strip = &strips[0];
        let fates = |rows: &[Row]| {
            let real = rows.iter().filter(|row| !row.number.is_empty());
            real.map(|row| (row.number.clone(), row.fate)).collect::<Vec<_>>()
        };
        assert!(fates(&strip.planned).iter().any(|(_, fate)| *fate == "kept on request"), "{:?}", strip.planned);
        assert_eq!(fates(&strip.found).last().unwrap(), &("9".to_string(), "foreign"));
        assert_eq!(fates(&strip.found).iter().filter(|(number, _)| number == "4").count(), 0, "an extended one");
        assert!(strip.svg.contains(">found</text>") && strip.svg.contains("lv&lt;x&gt;: 2 MiB"), "{}", strip.svg);
        let alone = super::strips(&plan, Keeping { groups: &[], is_ordered: true }, None);
        assert!(!alone[0].svg.contains(">found</text>") && alone[0].found.is_empty());
        assert!(alone[0].planned.iter().all(|row| row.fate == "made"));
    }
}
