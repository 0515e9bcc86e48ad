//! The disks of a node as an SVG drawing: each disk is a bar to scale, with its contents listed below.

use crate::plan::{DiskPlan, NodePlan, Slot, VolumeGroupPlan};
use crate::site::{Mib, Node, Site};
use crate::web::encode;

use super::draw::{contents, disk_name, name};

const WIDTH: f64 = 1000.0;
const MARGIN: f64 = 24.0;
const ROW: f64 = 20.0;
const BAR: f64 = 44.0;
/// Colours that people with red-green colour blindness can also tell apart.
const COLOURS: [&str; 7] = ["#4477aa", "#11748a", "#228833", "#8f7400", "#c04050", "#882266", "#666633"];
/// The smallest width of a piece, so that a partition of one MiB on a large disk is still visible.
const MIN_PIECE_WIDTH: f64 = 3.0;

/// A picture that grows downwards.
struct Picture {
    body: String,
    y: f64,
}

/// The drawing of all disks of a node.
pub(crate) fn node(site: &Site, node: &Node, plan: &NodePlan) -> String {
    let mut picture = Picture { body: String::new(), y: MARGIN + 14.0 };
    picture.text(MARGIN, "font-size=\"18\" font-weight=\"bold\"", &plan.node.to_string());
    picture.y += ROW;
    let about = format!(
        "role {}, layout {}, {}, {} firmware; sizes in MiB",
        node.role,
        plan.layout,
        site.distribution_of(node),
        plan.firmware
    );
    picture.text(MARGIN, "fill=\"#555\"", &about);
    for disk in &plan.disks {
        picture.disk(node, plan, disk);
    }
    for note in &plan.notes {
        picture.y += ROW / 2.0;
        for line in wrapped(&format!("note: {note}")) {
            picture.y += ROW;
            picture.text(MARGIN, "fill=\"#555\"", &line);
        }
    }
    let height = picture.y + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
        picture.body
    )
}

impl Picture {
    fn text(&mut self, x: f64, style: &str, text: &str) {
        let text = encode(text);
        self.body.push_str(&format!("<text x=\"{x:.1}\" y=\"{:.1}\" {style}>{text}</text>\n", self.y));
    }

    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, style: &str) {
        let size = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"");
        self.body.push_str(&format!("<rect {size} {style}/>\n"));
    }

    fn disk(&mut self, node: &Node, plan: &NodePlan, disk: &DiskPlan) {
        self.y += 2.0 * ROW;
        let title = format!(
            "{}: {} sectors of {} bytes, label {}",
            disk_name(node, disk),
            disk.sectors,
            disk.sector_size,
            disk.label
        );
        self.text(MARGIN, "font-weight=\"bold\"", &title);
        self.y += 10.0;
        let top = self.y;
        let scale = (WIDTH - 2.0 * MARGIN) / disk.usable_end.0.max(1) as f64;
        self.rect(MARGIN, top, WIDTH - 2.0 * MARGIN, BAR, "fill=\"#eee\" stroke=\"#999\"");
        let real = || disk.partitions.iter().filter(|partition| partition.slot != Slot::Extended);
        let mut free = MARGIN;
        for (index, partition) in real().enumerate() {
            // A piece drawn wider than its share pushes the next ones a little to the right, and hides none of them.
            let x = (MARGIN + partition.start.0 as f64 * scale).max(free).min(WIDTH - MARGIN - MIN_PIECE_WIDTH);
            let width = (MARGIN + partition.end().0 as f64 * scale - x).max(MIN_PIECE_WIDTH).min(WIDTH - MARGIN - x);
            free = x + width;
            let colour = COLOURS[index % COLOURS.len()];
            self.rect(x, top, width, BAR, &format!("fill=\"{colour}\" stroke=\"white\""));
            let label = format!("{} {}", partition.number, name(partition));
            // About 7.5 units per letter; a label that does not fit is in the list below.
            if label.len() as f64 * 7.5 < width {
                self.y = top + BAR / 2.0 + 5.0;
                self.text(x + 6.0, "fill=\"white\" font-weight=\"bold\"", &label);
            }
            if let Some(group) = group_on(plan, disk, partition.number) {
                self.volumes(group, x, top + BAR + 3.0, width, colour);
            }
        }
        self.y = top + BAR + 14.0;
        let mut colours = COLOURS.iter().cycle();
        for partition in &disk.partitions {
            self.y += ROW;
            let square = self.y - 11.0;
            let colour = match partition.slot {
                Slot::Extended => "fill=\"none\" stroke=\"#999\"".into(),
                _ => format!("fill=\"{}\"", colours.next().unwrap_or(&COLOURS[0])),
            };
            self.rect(MARGIN, square, 12.0, 12.0, &colour);
            self.row(20.0, &partition.number.to_string(), partition.size, &contents(plan, partition));
            if let Some(group) = group_on(plan, disk, partition.number) {
                for volume in &group.logical_volumes {
                    self.y += ROW;
                    let mount = volume.mount.as_deref().unwrap_or_default();
                    let what = format!("{}  {}  {mount}", volume.name, volume.file_system);
                    self.row(60.0, "", volume.size, what.trim_end());
                }
                if group.free > Mib(0) || group.logical_volumes.is_empty() {
                    self.y += ROW;
                    self.row(60.0, "", group.free, &format!("free in {}", group.name));
                }
            }
        }
        self.y += ROW;
        self.row(20.0, "", disk.free, "unused");
    }

    /// Draws the volumes of a group as a thin bar under its partition.
    fn volumes(&mut self, group: &VolumeGroupPlan, x: f64, y: f64, width: f64, colour: &str) {
        let scale = width / group.size.0.max(1) as f64;
        let mut left = x;
        for volume in &group.logical_volumes {
            // A volume may span several disks; it never extends past the end of the bar.
            let length = (volume.size.0 as f64 * scale).min(x + width - left);
            self.rect(left, y, length, 8.0, &format!("fill=\"{colour}\" fill-opacity=\"0.55\" stroke=\"white\""));
            left += length;
        }
    }

    fn row(&mut self, indent: f64, number: &str, size: Mib, what: &str) {
        self.text(MARGIN + indent, "", number);
        self.text(MARGIN + indent + 110.0, "text-anchor=\"end\"", &size.0.to_string());
        self.text(MARGIN + indent + 126.0, "", what);
    }
}

/// Lines that fit the picture, at about 6.8 units per letter.
fn wrapped(text: &str) -> Vec<String> {
    let most = ((WIDTH - 2.0 * MARGIN) / 6.8) as usize;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().filter(|line| line.is_empty() || line.len() + 1 + word.len() <= most);
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => line.extend([" ", word]),
            None => lines.push(word.into()),
        }
    }
    lines
}

fn group_on<'a>(plan: &'a NodePlan, disk: &DiskPlan, number: u32) -> Option<&'a VolumeGroupPlan> {
    plan.volume_groups.iter().find(|group| group.is_on(&disk.slot, number))
}

/// Whether the drawing names every partition's contents; for the tests.
#[cfg(test)]
pub(super) fn has_content(plan: &NodePlan, text: &str) -> bool {
    let mut all = plan.disks.iter().flat_map(|disk| &disk.partitions);
    all.all(|partition| text.contains(&contents(plan, partition)))
}
