//! `rackstart plan`: what the disks will look like, before anything touches them; and what a node will open.

mod draw;
mod security;
mod svg;

use super::{Failure, find_node, print};
use crate::config::{Loaded, SitePaths};
use crate::plan::{DiskPlan, NodePlan, PlanError, plan};
use crate::site::{Node, Site};

/// Show what the disks of a node will look like after the installation: every partition, group and volume in MiB.
///
/// The numbers are the ones that the installer of the node's release will produce; nothing is rounded, and a layout
/// that is not possible exactly is refused with the reason. No disk is read or written.
///
/// With --security it shows instead what the node exposes in the site's security mode: each port, from where, to which
/// service, what needs no password, and which secrets the node holds (names only). The firewall is made from the same
/// table.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node; may be left out with --all.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    node: Option<String>,
    /// One line for every node.
    #[arg(long)]
    all: bool,
    /// Print JSON, for comparison with what parted and LVM show: an object, or with --all an array.
    #[arg(long)]
    json: bool,
    /// Print an SVG drawing to scale.
    #[arg(long, conflicts_with_all = ["all", "json"])]
    svg: bool,
    /// Show what the node exposes instead of its disks; also with --all and --json.
    #[arg(long, conflicts_with = "svg")]
    security: bool,
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    let loaded = crate::config::load_to_plan(place)?;
    super::tell_notes(&loaded.notes);
    let site = &loaded.site;
    if args.security {
        return print(&exposed(&loaded, &args)?);
    }
    let pretty = crate::cli::screen::is_coloured(&std::io::stdout());
    let left_out = super::check::images(site).filter(|_| !args.json && !args.svg);
    let note = left_out.map(|text| format!("\nnote: {text}\n")).unwrap_or_default();
    print(&(show(site, &args, pretty)? + &note))
}

fn exposed(loaded: &Loaded, args: &Args) -> Result<String, Failure> {
    let site = &loaded.site;
    let nodes = match &args.node {
        Some(name) => vec![find_node(site, name)?],
        None => site.nodes.iter().collect(),
    };
    let exposure = |node: &&Node| loaded.renderer.exposure(site, node).map_err(Failure::bug);
    let all = nodes.iter().map(exposure).collect::<Result<Vec<_>, _>>()?;
    let json = |value: serde_json::Result<String>| value.map(|text| text + "\n").map_err(Failure::bug);
    match (args.json, args.all) {
        (true, true) => json(serde_json::to_string_pretty(&all)),
        (true, false) => json(serde_json::to_string_pretty(&all[0])),
        _ => Ok(all.iter().map(security::node).collect::<Vec<_>>().join("\n")),
    }
}

fn show(site: &Site, args: &Args, pretty: bool) -> Result<String, Failure> {
    let json = |value: serde_json::Result<String>| value.map(|text| text + "\n").map_err(Failure::bug);
    let Some(name) = &args.node else {
        let plans = site.nodes.iter().map(planned).collect::<Result<Vec<_>, _>>()?;
        if args.json {
            return json(serde_json::to_string_pretty(&plans.iter().map(Shown::new).collect::<Vec<_>>()));
        }
        return Ok(draw::list(&site.nodes, &plans));
    };
    let node = find_node(site, name)?;
    let plan = planned(node)?;
    match (args.json, args.svg) {
        (true, _) => json(serde_json::to_string_pretty(&Shown::new(&plan))),
        (_, true) => Ok(svg::node(site, node, &plan)),
        _ => Ok(draw::node(site, node, &plan, pretty)),
    }
}

/// A plan as JSON. The first disk is also given on its own, for readers that know of only one disk.
#[derive(serde::Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    plan: &'a NodePlan,
    disk: &'a DiskPlan,
}

impl<'a> Shown<'a> {
    fn new(plan: &'a NodePlan) -> Self {
        Self { plan, disk: plan.os_disk() }
    }
}

fn planned(node: &Node) -> Result<NodePlan, Failure> {
    plan(node).map_err(|error: PlanError| Failure::fixable(&error).hint(error.help()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;

    fn args(node: Option<&str>, json: bool) -> Args {
        Args { node: node.map(Into::into), all: node.is_none(), json, svg: false, security: false }
    }

    #[test]
    fn the_drawing_of_table_3_names_every_partition_and_volume() {
        let text = show(&paper_site(), &args(Some("controller"), false), false).unwrap();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_list_has_one_line_for_every_node() {
        let text = show(&paper_site(), &args(None, false), false).unwrap();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_svg_has_every_partition_and_volume_inside_its_frame() {
        let site = paper_site();
        let node = find_node(&site, "controller").unwrap();
        let plan = planned(node).unwrap();
        let text = svg::node(&site, node, &plan);
        assert!(svg::has_content(&plan, &text), "{text}");
        assert!(text.contains("lv_images") && text.contains(">28788<") && text.ends_with("</svg>\n"), "{text}");
        for rect in text.lines().filter(|line| line.starts_with("<rect x=")) {
            let number = |name: &str| {
                let rest = rect.split_once(&format!(" {name}=\"")).unwrap().1;
                rest.split('"').next().unwrap().parse::<f64>().unwrap()
            };
            assert!(number("x") >= 24.0 && number("x") + number("width") <= 976.1, "{rect}");
        }
    }

    #[test]
    fn small_partitions_of_a_large_disk_do_not_hide_each_other() {
        let site = paper_site();
        let mut node = find_node(&site, "compute2").unwrap().clone();
        node.release = "10".parse().unwrap();
        node.os_disk_mut().sectors = 7_814_037_168;
        let text = svg::node(&site, &node, &planned(&node).unwrap());
        let number = |rect: &str, name: &str| {
            let rest = rect.split_once(&format!(" {name}=\"")).unwrap().1;
            rest.split('"').next().unwrap().parse::<f64>().unwrap()
        };
        let bars: Vec<&str> =
            text.lines().filter(|line| line.contains("height=\"44.0\"") && !line.contains("#eee")).collect();
        assert_eq!(bars.len(), 4, "{text}");
        for pair in bars.windows(2) {
            assert!(number(pair[0], "x") + number(pair[0], "width") <= number(pair[1], "x") + 0.11, "{pair:?}");
        }
    }

    #[test]
    fn the_json_has_the_numbers_that_parted_and_lvm_show() {
        let text = show(&paper_site(), &args(Some("compute2"), true), false).unwrap();
        let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(plan["disk"]["label"], "msdos");
        assert_eq!(plan["disk"]["partitions"][2]["size"], 216_974);
        assert_eq!(plan["disk"]["partitions"][1]["volume_group"], "vg_base");
        assert_eq!(plan["volume_groups"][0]["extents"], 5249);
        assert_eq!(plan["volume_groups"][1]["logical_volumes"][0]["mount"], "/export/gluster");
    }
}
