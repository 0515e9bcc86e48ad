//! A disk drawn in characters: a bar to scale, then every partition, group and volume with its numbers.

use crate::plan::{Content, DiskPlan, NodePlan, PartitionPlan, Slot, VolumeGroupPlan};
pub(super) use crate::plan::{content_words as contents, options_words as options};
use crate::site::{Mib, Node, RootArchive, Site};

/// Columns of the bar. With its frame it fits a terminal of 100 columns.
const WIDTH: usize = 96;
const COLOURS: [&str; 6] = ["32", "36", "33", "35", "34", "31"];

/// The characters of a drawing.
struct Style {
    pretty: bool,
}

/// One piece of the bar.
struct Piece {
    text: String,
    size: Mib,
    colour: usize,
}

/// One line for every node.
pub(crate) fn list(nodes: &[Node], plans: &[NodePlan]) -> String {
    let width = nodes.iter().map(|node| node.name.as_str().len()).max().unwrap_or(0);
    let mut out = String::new();
    for (node, plan) in nodes.iter().zip(plans) {
        let of_disk = |disk: &DiskPlan| {
            let parts: Vec<String> = disk
                .partitions
                .iter()
                .filter(|partition| partition.slot != Slot::Extended)
                .map(|partition| format!("{}:{} {}", partition.number, name(partition), partition.size.0))
                .collect();
            format!("{}  {}, {} free", disk.label, parts.join(", "), disk.free.0)
        };
        let disks: Vec<String> = plan.disks.iter().map(of_disk).collect();
        out.push_str(&format!("{:width$}  {}\n", node.name.as_str(), disks.join("; ")));
    }
    out
}

/// The drawing of all disks of a node.
pub(crate) fn node(site: &Site, node: &Node, plan: &NodePlan, pretty: bool) -> String {
    let mut out = format!(
        "{}: role {}, layout {}, {}, {} firmware\n",
        plan.node,
        node.role,
        plan.layout,
        site.distribution_of(node),
        plan.firmware
    );
    if let Some(root) = site.root_of(node) {
        let (tree, file, packages) = (&node.install_tree, RootArchive::FILE, root.packages.len());
        out.push_str(&format!(
            "system: {file} of install tree {tree}, {packages} packages, SHA-256 {}\n",
            root.checksum.hex
        ));
    }
    for (index, disk) in plan.disks.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        one_disk(node, plan, disk, &Style { pretty }, &mut out);
    }
    for note in &plan.notes {
        out.push_str(&format!("\nnote: {note}\n"));
    }
    out
}

fn one_disk(node: &Node, plan: &NodePlan, disk: &DiskPlan, style: &Style, out: &mut String) {
    out.push_str(&format!(
        "{}: {} sectors of {} bytes, label {}, {} usable\n\n",
        disk_name(node, disk),
        disk.sectors,
        disk.sector_size,
        disk.label,
        disk.usable_end,
    ));
    out.push_str(&style.bar(&pieces(disk)));
    out.push_str("\n     start      size  MiB\n");
    for (index, partition) in disk.partitions.iter().enumerate() {
        let number = style.paint(index, &format!("{:>3}", partition.number));
        out.push_str(&format!(
            "{number} {:>6} {:>9}  {}\n",
            partition.start.0,
            partition.size.0,
            contents(plan, partition)
        ));
        let of_partition = |group: &&VolumeGroupPlan| group.is_on(&disk.slot, partition.number);
        if let Some(group) = plan.volume_groups.iter().find(of_partition) {
            out.push_str(&volumes(plan, group));
        }
    }
    out.push_str(&format!("    unused {:>9}\n", disk.free.0));
}

/// How people know the disk: by the name in its rule and, where a node has several, by its purpose.
pub(super) fn disk_name(node: &Node, disk: &DiskPlan) -> String {
    let name = node.disk(&disk.slot).and_then(|rule| rule.name.as_deref());
    match (name, node.disks.len()) {
        (Some(name), 1) => name.into(),
        (None, 1) => "disk".into(),
        (Some(name), _) => format!("{} ({name})", disk.slot),
        (None, _) => disk.slot.clone(),
    }
}

fn volumes(plan: &NodePlan, group: &VolumeGroupPlan) -> String {
    let mut out = format!(
        "           {:>9}    {}: {} extents of {}, {} free\n",
        group.size.0, group.name, group.extents, group.extent_size, group.free.0
    );
    for volume in &group.logical_volumes {
        let mount = volume.mount.as_deref().unwrap_or("");
        let line = format!("           {:>9}      {}  {}  {mount}", volume.size.0, volume.name, volume.file_system);
        out.push_str(&format!("{}{}\n", line.trim_end(), options(plan, mount)));
    }
    out
}

pub(super) fn name(partition: &PartitionPlan) -> String {
    match &partition.content {
        Content::Mount { mount, .. } => mount.clone(),
        Content::EfiSystem => "/boot/efi".into(),
        Content::BiosBoot => "biosboot".into(),
        Content::RaidMember { array } => array.clone(),
        Content::Extended => "extended".into(),
        Content::PhysicalVolume { volume_group } => volume_group.clone(),
    }
}

fn pieces(disk: &DiskPlan) -> Vec<Piece> {
    let real = disk.partitions.iter().enumerate().filter(|(_, partition)| partition.slot != Slot::Extended);
    let mut pieces: Vec<Piece> = real
        .map(|(colour, partition)| Piece {
            text: format!("{} {}", partition.number, name(partition)),
            size: partition.size,
            colour,
        })
        .collect();
    if disk.free > Mib(0) {
        pieces.push(Piece { text: "unused".into(), size: disk.free, colour: usize::MAX });
    }
    pieces
}

/// Divides the columns by size; a piece that would vanish keeps room for its number.
fn widths(pieces: &[Piece]) -> Vec<usize> {
    let least = |piece: &Piece| piece.text.split(' ').next().map_or(1, str::len).min(3);
    let total: u64 = pieces.iter().map(|piece| piece.size.0).sum::<u64>().max(1);
    let mut columns = WIDTH.saturating_sub(pieces.len() + 1);
    let mut left = total;
    let mut widths = vec![0; pieces.len()];
    let mut by_size: Vec<usize> = (0..pieces.len()).collect();
    by_size.sort_by_key(|&index| pieces[index].size);
    for index in by_size {
        let piece = &pieces[index];
        let share = (columns as u64 * piece.size.0 / left.max(1)) as usize;
        widths[index] = share.max(least(piece)).min(columns);
        columns -= widths[index];
        left -= piece.size.0;
    }
    widths
}

impl Style {
    fn bar(&self, pieces: &[Piece]) -> String {
        let widths = widths(pieces);
        let [dash, pipe] = if self.pretty { ['─', '│'] } else { ['-', '|'] };
        let rule = |ends: [char; 3]| {
            let lines: Vec<String> = widths.iter().map(|&width| dash.to_string().repeat(width)).collect();
            format!("{}{}{}\n", ends[0], lines.join(&ends[1].to_string()), ends[2])
        };
        let (top, bottom) =
            if self.pretty { (['┌', '┬', '┐'], ['└', '┴', '┘']) } else { (['+'; 3], ['+'; 3]) };
        let mut middle = String::from(pipe);
        for (piece, &width) in pieces.iter().zip(&widths) {
            // A truncated word is worse than none, but the partition's number is always shown.
            let number = piece.text.split(' ').next().filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
            let short = number.unwrap_or_default();
            let label = if piece.text.len() <= width { piece.text.as_str() } else { short };
            let label: String = label.chars().take(width).collect();
            middle.push_str(&self.paint(piece.colour, &format!("{label:<width$}")));
            middle.push(pipe);
        }
        format!("{}{middle}\n{}", rule(top), rule(bottom))
    }

    fn paint(&self, colour: usize, text: &str) -> String {
        match COLOURS.get(colour % (COLOURS.len() + 1)) {
            Some(code) if self.pretty && colour != usize::MAX => format!("\u{1b}[1;{code}m{text}\u{1b}[0m"),
            _ => text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_its_columns_and_no_piece_vanishes() {
        let piece = |size| Piece { text: "1 x".into(), size: Mib(size), colour: 0 };
        for sizes in [vec![1, 500, 21000, 216_973], vec![1, 1, 1], vec![5], vec![1; 15]] {
            let pieces: Vec<Piece> = sizes.into_iter().map(piece).collect();
            let widths = widths(&pieces);
            assert!(widths.iter().all(|&width| width > 0), "{widths:?}");
            assert_eq!(widths.iter().sum::<usize>() + widths.len() + 1, WIDTH);
        }
    }
}
