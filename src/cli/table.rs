//! Plain columns for the terminal: readable without colour, stable for scripts that must not parse JSON.

use super::screen::fold;
use crate::server::alarms::Alarm;
pub(crate) use crate::server::operate::stopped_words as stopped;
use crate::server::operate::{NodeStatus, StatusReport};
pub(crate) use crate::words::duration;

/// The smallest number of columns for a node's remark beside its row; on narrower terminals the remark goes below the
/// row.
const BESIDE: usize = 30;
/// How far such a remark is indented.
const INDENT: usize = 4;

/// Draws the nodes of a status report as lines of text, followed by what is wrong with the site file now. If the width
/// of the terminal is known, remarks are folded to it.
pub(crate) fn nodes(report: &StatusReport, width: Option<usize>) -> String {
    let mut rows = vec![["NODE", "ROLE", "ADDRESS", "STATE", "FOR", "STEP", ""].map(String::from)];
    rows.extend(report.nodes.iter().map(|node| row(node, report.now)));
    let stop = report.stopped.as_ref().map(|stop| format!("{}\n\n", stopped(stop, report.now))).unwrap_or_default();
    let mut text = alarms(report) + &stop + &folded(&rows, width);
    if report.nodes.iter().any(|node| node.held) {
        let lines = fold(TAKEN_BACK, width.unwrap_or(usize::MAX));
        text.push_str(&format!("\n{}\n", lines.join("\n")));
    }
    if let Some(refused) = &report.refused {
        let ago = duration(report.now.saturating_sub(refused.at));
        let first = refused.why.lines().next().unwrap_or_default();
        text.push_str(&format!(
            "\nthe last reload ({ago} ago) was refused: {first}\n\
             help: `rackstart reload` tries the file as it is now and lists every reason; the table shows the site that \
             was loaded before\n"
        ));
    }
    text
}

/// What to do about nodes whose arming was taken back; said once for all of them.
const TAKEN_BACK: &str =
    "where an arming was taken back, the node was never installed: `rackstart install NODE` arms it again";

/// What a person should look at first, above everything else.
fn alarms(report: &StatusReport) -> String {
    let told = |alarm: &Alarm| {
        let since = duration(report.now.saturating_sub(alarm.since));
        format!("{} (for {since})\n\n", alarm.text)
    };
    report.alarms.iter().map(told).collect()
}

fn row(node: &NodeStatus, now: u64) -> [String; 7] {
    let step = match (node.current_step(), &node.step, node.state.as_str()) {
        (Some(step), ..) => format!("{}/{} {}", step.number, step.total, step.name),
        (None, Some(step), "ready") => format!("{}/{}", step.total, step.total),
        (None, None, "armed" | "installing") => node.stage.clone().unwrap_or_default(),
        _ => String::new(),
    };
    [
        node.name.clone(),
        node.role.clone(),
        node.address.clone(),
        node.state.clone(),
        // 0 means that nothing has happened to the node yet.
        if node.since == 0 { String::new() } else { duration(now.saturating_sub(node.since)) },
        step,
        node.remark(),
    ]
}

/// Columns padded to their widest cell, without trailing blanks.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Columns whose last one is folded so that no line is wider than the terminal.
fn folded<const N: usize>(rows: &[[String; N]], width: Option<usize>) -> String {
    let Some(width) = width else { return columns(rows) };
    let words = |row: &[String; N]| row[N - 1].clone();
    let before = |row: &[String; N]| {
        let mut row = row.clone();
        row[N - 1] = String::new();
        row
    };
    let plain = columns(&rows.iter().map(before).collect::<Vec<_>>());
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let column = (0..N - 1).map(|column| widest(column) + 2).sum::<usize>();
    let is_beside = column + BESIDE <= width;
    let indent = if is_beside { column } else { INDENT };
    let mut text = String::new();
    for (line, row) in plain.lines().zip(rows) {
        let said = if words(row).is_empty() { Vec::new() } else { fold(&words(row), width.saturating_sub(indent)) };
        let (first, rest) = match said.split_first() {
            Some((first, rest)) if is_beside => (format!("{line:<column$}{first}"), rest),
            _ => (line.to_string(), &said[..]),
        };
        text.push_str(&format!("{first}\n"));
        text.extend(rest.iter().map(|line| format!("{:indent$}{line}\n", "")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_folded_beside_its_row_or_below_it_and_whole_in_a_file() {
        let reason = "the disk holds a partition table and will not be touched";
        let rows = [["NODE", "STATE", ""], ["compute2", "failed", reason], ["compute3", "ready", ""]];
        let rows = rows.map(|row| row.map(String::from));
        assert_eq!(folded(&rows, None), columns(&rows));
        assert_eq!(folded(&rows, Some(200)), columns(&rows));
        assert_eq!(
            folded(&rows, Some(50)),
            "NODE      STATE\n\
             compute2  failed  the disk holds a partition table\n\
            \x20                 and will not be touched\n\
             compute3  ready\n"
        );
        assert_eq!(
            folded(&rows, Some(40)),
            "NODE      STATE\n\
             compute2  failed\n\
            \x20   the disk holds a partition table and\n\
            \x20   will not be touched\n\
             compute3  ready\n"
        );
    }

    #[test]
    fn what_to_do_about_armings_that_were_taken_back_is_said_once() {
        let site = crate::site::testing::paper_site();
        let mut held = crate::store::Record::new(0);
        held.held = true;
        let nodes = site.nodes.iter().map(|node| crate::server::operate::status(&site, node, Some(&held))).collect();
        let (site, now) = (site.name.clone(), 10);
        let report = StatusReport { site, now, since: now, refused: None, nodes, stopped: None, alarms: Vec::new() };
        let text = super::nodes(&report, None);
        assert_eq!(text.matches("`rackstart install").count(), 1, "{text}");
        assert_eq!(text.matches("its arming was taken back").count(), 5, "{text}");
    }

    #[test]
    fn a_reason_of_several_lines_is_told_by_the_first_that_says_something() {
        let site = crate::site::testing::paper_site();
        let mut node = crate::server::operate::status(&site, &site.nodes[0], None);
        node.state = "failed".into();
        let mut told = |reason: &str| {
            node.detail = Some(reason.into());
            node.remark()
        };
        let reason = "the disks are not as planned:\nvg_base/lv_home is missing\nnothing is mounted at /home";
        assert_eq!(told(reason), "the disks are not as planned: vg_base/lv_home is missing");
        assert_eq!(told("no space left\nTraceback"), "no space left");
        assert_eq!(told("ends in a colon:"), "ends in a colon:");
    }

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_blanks() {
        let rows = [["A".to_string(), "B".into()], ["long".into(), String::new()]];
        assert_eq!(columns(&rows), "A     B\nlong\n");
    }
}
