//! A disk drawn in characters: a bar to scale, then every partition, group and volume with its numbers.

use crate::plan::{Content, NodePlan, PartitionPlan, Slot, VolumeGroupPlan};
use crate::site::{Mib, Node};

/// Columns of the bar. Together with its frame it fits a terminal of 100.
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
pub fn list(nodes: &[Node], plans: &[NodePlan]) -> String {
    let width = nodes.iter().map(|node| node.name.as_str().len()).max().unwrap_or(0);
    let mut out = String::new();
    for (node, plan) in nodes.iter().zip(plans) {
        let parts: Vec<String> = plan
            .os_disk()
            .partitions
            .iter()
            .filter(|partition| partition.slot != Slot::Extended)
            .map(|partition| format!("{}:{} {}", partition.number, name(partition), partition.size.0))
            .collect();
        let free = plan.os_disk().free.0;
        out.push_str(&format!(
            "{:width$}  {}  {}, {free} free\n",
            node.name.as_str(),
            plan.os_disk().label,
            parts.join(", ")
        ));
    }
    out
}

/// The drawing of one disk.
pub fn disk(node: &Node, plan: &NodePlan, pretty: bool) -> String {
    let style = Style { pretty };
    let disk = node.os_disk().name.as_deref().unwrap_or("disk");
    let mut out = format!(
        "{}: role {}, layout {}, CentOS {}, {} firmware\n{disk}: {} sectors of {} bytes, label {}, {} usable\n\n",
        plan.node,
        node.role,
        plan.layout,
        plan.release,
        plan.firmware,
        plan.os_disk().sectors,
        plan.os_disk().sector_size,
        plan.os_disk().label,
        plan.os_disk().usable_end,
    );
    out.push_str(&style.bar(&pieces(plan)));
    out.push_str("\n     start      size  MiB\n");
    for (index, partition) in plan.os_disk().partitions.iter().enumerate() {
        let what = match &partition.content {
            Content::Mount { mount, file_system } => format!("{mount}  {file_system}"),
            Content::EfiSystem => "/boot/efi  EFI system partition".into(),
            Content::BiosBoot => "biosboot".into(),
            Content::RaidMember { array } => format!("half of the mirror {array}"),
            Content::Extended => "extended, around the logical partitions".into(),
            Content::PhysicalVolume { volume_group } => format!("physical volume of {volume_group}"),
        };
        let number = style.paint(index, &format!("{:>3}", partition.number));
        out.push_str(&format!("{number} {:>6} {:>9}  {what}\n", partition.start.0, partition.size.0));
        let of_partition = |group: &&VolumeGroupPlan| group.is_on(&plan.os_disk().slot, partition.number);
        if let Some(group) = plan.volume_groups.iter().find(of_partition) {
            out.push_str(&volumes(group));
        }
    }
    out.push_str(&format!("    unused {:>9}\n", plan.os_disk().free.0));
    for note in &plan.notes {
        out.push_str(&format!("\nnote: {note}\n"));
    }
    out
}

fn volumes(group: &VolumeGroupPlan) -> String {
    let mut out = format!(
        "           {:>9}    {}: {} extents of {}, {} free\n",
        group.size.0, group.name, group.extents, group.extent_size, group.free.0
    );
    for volume in &group.logical_volumes {
        let mount = volume.mount.as_deref().unwrap_or("");
        let line = format!("           {:>9}      {}  {}  {mount}", volume.size.0, volume.name, volume.file_system);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn name(partition: &PartitionPlan) -> String {
    match &partition.content {
        Content::Mount { mount, .. } => mount.clone(),
        Content::EfiSystem => "/boot/efi".into(),
        Content::BiosBoot => "biosboot".into(),
        Content::RaidMember { array } => array.clone(),
        Content::Extended => "extended".into(),
        Content::PhysicalVolume { volume_group } => volume_group.clone(),
    }
}

fn pieces(plan: &NodePlan) -> Vec<Piece> {
    let real = plan.os_disk().partitions.iter().enumerate().filter(|(_, partition)| partition.slot != Slot::Extended);
    let mut pieces: Vec<Piece> = real
        .map(|(colour, partition)| Piece {
            text: format!("{} {}", partition.number, name(partition)),
            size: partition.size,
            colour,
        })
        .collect();
    if plan.os_disk().free > Mib(0) {
        pieces.push(Piece { text: "unused".into(), size: plan.os_disk().free, colour: usize::MAX });
    }
    pieces
}

/// Shares the columns by size; a piece that would vanish keeps room for its number.
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
            // A word that does not fit is worse than none; a number that does not fit is still a number.
            let numbered = piece.text.starts_with(|c: char| c.is_ascii_digit());
            let fits = numbered || piece.text.len() <= width;
            let label: String = if fits { piece.text.chars().take(width).collect() } else { String::new() };
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
