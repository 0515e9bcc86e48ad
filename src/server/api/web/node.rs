//! The page of one node, and its texts.

use axum::extract::{Extension, Path, Query, State as Shared};
use serde::{Deserialize, Serialize};

use super::super::people::Visitor;
use super::super::{explain, logs, texts, timeline};
use super::orders::{Choice, choices, done_words};
use super::{Api, ApiError, PageResult, Role, Viewed, blast, frame, frame_for, shown};
use crate::clock::unix_now;
use crate::lifecycle::{State, WipeScope};
use crate::plan;
use crate::server::operate::{NodeStatus, records, status};
use crate::site::{Mac, Node, Site};
use crate::store::{AuditFilter, EventPage, NumberedEvent, TimelineQuery};
use crate::timeline::{Cursor, Moment, utc, utc_ms};
use crate::web::{
    Found, Keeping, Lane, Leaf, Said, Strip, Time, Told, draw_blast, draw_lanes, draw_tree, strips, symbol, usual,
};

/// Peers whose lanes stand below that of the node.
const PEERS: usize = 5;
/// Events of each of them that are read, the newest ones; an attempt has a few hundred.
const EVENTS: u32 = 1000;
/// Lines of the timeline that are shown.
const LINES: usize = 60;
/// Lines of the audit log that are shown.
const AUDITED: u32 = 20;

#[derive(Serialize)]
struct NodePage {
    name: String,
    role: String,
    state: String,
    symbol: &'static str,
    since: Option<Time>,
    remark: String,
    step: Option<(u32, u32, String)>,
    facts: Vec<(&'static str, String)>,
    answers: Vec<(&'static str, String)>,
    tree: String,
    blast: Option<BlastView>,
    hardware: Vec<(&'static str, String)>,
    orders: Vec<Choice>,
    lanes: Option<Lanes>,
    strips: Vec<Strip>,
    no_plan: Option<String>,
    texts: Vec<&'static str>,
    story: Vec<Line>,
    log: Option<Log>,
    audit: Option<Vec<Line>>,
}

/// What others would lose with nodes that are wiped.
#[derive(Serialize)]
pub(super) struct BlastView {
    svg: String,
    rows: Vec<Told>,
}

/// What others would lose with these nodes; none when nobody shares anything with them.
pub(super) fn blast_of(api: &Api, names: &[&str], keeps: bool) -> Option<BlastView> {
    let rows = blast::of(api, names, keeps);
    (!rows.is_empty()).then(|| BlastView { svg: draw_blast(&rows), rows: rows.iter().map(|row| row.told()).collect() })
}

#[derive(Serialize)]
struct Lanes {
    svg: String,
    own: Lane,
    usual: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Line {
    time: String,
    what: String,
    text: String,
}

#[derive(Serialize)]
struct Log {
    attempt: String,
    text: String,
    cut: bool,
}

/// What was just done.
#[derive(Deserialize)]
pub(super) struct Wanted {
    done: Option<String>,
}

pub(super) async fn page(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> PageResult {
    let done = wanted.done.as_deref().and_then(done_words);
    made(&api, Viewed::By(&visitor), &name, done).await
}

/// The page of a node.
pub(super) async fn made(api: &Api, viewed: Viewed<'_>, name: &str, done: Option<&str>) -> PageResult {
    let site = api.appliance.site();
    let node = site.node_by_name(name).ok_or_else(|| ApiError::no_such_node(name))?;
    let seen = api.appliance.store.look(|memory| status(&site, node, memory.record(node.mac)));
    let seen = api.appliance.as_seen(seen);
    let now = unix_now();
    let explanation = explain::of(&api.appliance, node.mac).await?;
    let page = TimelineQuery { mac: node.mac, since: 0, after: Cursor::default(), limit: EVENTS };
    let story = timeline::read(&api.appliance, page).await?.moments;
    let (strips, no_plan) = disks(api, node);
    let page = NodePage {
        symbol: symbol(&seen.state),
        since: (seen.since > 0).then(|| Time::new(seen.since, now)),
        remark: seen.remark(),
        step: seen.current_step().map(|step| (step.number, step.total, step.name.clone())),
        facts: facts(node, &seen),
        tree: tree(api, node.mac, true),
        blast: blast_of(api, &[name], false),
        hardware: hardware(api, node, &seen),
        answers: explanation.answers.into_iter().map(|(who, answer)| (explain::asker(&who), answer)).collect(),
        orders: match viewed {
            Viewed::By(visitor) => choices(&seen, node.power.is_some(), visitor.role),
            Viewed::AsFile(_) => Vec::new(),
        },
        lanes: lanes(api, &site, node, &story, now).await?,
        strips,
        no_plan,
        texts: texts::TEXTS.to_vec(),
        story: story.iter().rev().take(LINES).map(line).collect(),
        log: logs::tail(&site, name).await.map(|(attempt, text, cut)| Log { attempt, text, cut }),
        audit: audit(api, &site, viewed, name).await?,
        name: seen.name,
        role: seen.role,
        state: seen.state,
    };
    let mut frame = frame_for(api, viewed, name, "rack", &format!("/live?node={}", node.name));
    frame.done = done.map(String::from);
    shown("node.html", &frame, page)
}

/// What is known about the machine and its place, without what the page says elsewhere.
fn facts(planned: &Node, node: &NodeStatus) -> Vec<(&'static str, String)> {
    let words = [
        ("place", planned.place.map(|place| place.to_string())),
        ("MAC", Some(node.mac.to_string())),
        ("address", Some(node.address.clone())),
        ("system", Some(node.distribution.clone()).filter(|text| !text.is_empty())),
        ("wipes", Some(node.disks.join("; "))),
        ("keeps, on request", Some(node.keep.join(", ")).filter(|text| !text.is_empty())),
        ("differs from the site file", node.differs.clone()),
        ("flags", Some(node.flags.join(", ")).filter(|text| !text.is_empty())),
        (
            "drain",
            node.drain.as_ref().map(|drain| match &node.drain_text {
                Some(text) if !text.is_empty() => format!("{drain}: {text}"),
                _ => drain.clone(),
            }),
        ),
        ("attempt", node.attempt.clone()),
        ("last heard", (node.updated > 0).then(|| utc(node.updated))),
    ];
    words.into_iter().filter_map(|(word, said)| Some((word, said?))).collect()
}

/// The tree of a boot, with what this machine would be answered now.
pub(super) fn tree(api: &Api, mac: Mac, known: bool) -> String {
    let now = explain::decisions(&api.appliance, mac);
    draw_tree(known, &now.map(|(asking, decision, words)| (asking, Leaf::of(&decision), words)))
}

/// What the machine has shown of itself, beside what the site file says of it.
fn hardware(api: &Api, node: &Node, seen: &NodeStatus) -> Vec<(&'static str, String)> {
    let (appliance, firmware) = (&api.appliance, node.firmware.to_string());
    let record = appliance.store.record(node.mac);
    let installed = record.as_ref().and_then(|record| record.installed.as_ref());
    let found = installed.map(|installed| {
        let disk = |(slot, kernel): (&String, &String)| format!("{slot} is {kernel}");
        installed.promise.disks.iter().map(disk).collect::<Vec<_>>().join(", ")
    });
    let cards = node.nics.iter().map(|nic| format!("{} {}", nic.name, nic.mac));
    let words = [
        ("machine", seen.machine.clone()),
        ("another machine booted as it", seen.other_machine.clone()),
        ("sent by DHCP", appliance.machines.of(node.mac).map(|uuid| format!("UUID {uuid}"))),
        ("firmware", Some(format!("{firmware}, as the site file says"))),
        ("last asked as", appliance.recent.arch(node.mac).map(|arch| arch.to_string())),
        ("did not start", appliance.machines.refused(node.mac)),
        ("disks, as found", found),
        ("disks, as last written", seen.written.clone()),
        ("cards, as the site file says", Some(cards.collect::<Vec<_>>().join("; "))),
    ];
    words.into_iter().filter_map(|(word, said)| Some((word, said?))).collect()
}

pub(super) fn line(moment: &Moment) -> Line {
    let again = match (moment.times, moment.until) {
        (1, _) => String::new(),
        (times, until) => format!(" (again, {times} times until {})", &utc(until)[11..]),
    };
    let (time, text) = (utc_ms(moment.at, moment.ms), format!("{}{again}", moment.text));
    Line { time, what: moment.source.clone(), text }
}

/// The lanes of the node and of peers of its role.
async fn lanes(api: &Api, site: &Site, node: &Node, story: &[Moment], now: u64) -> Result<Option<Lanes>, ApiError> {
    let said =
        |event: NumberedEvent| Said { at: event.at, kind: event.kind, attempt: event.attempt, text: event.detail };
    let events = async |mac: Mac| -> Result<Vec<Said>, ApiError> {
        let page = EventPage { mac: Some(mac), after: None, limit: EVENTS };
        Ok(api.appliance.store.event_page(page).await?.into_iter().map(said).collect())
    };
    // When it was last heard is not in the log if it only said again that it waits.
    let updated = |mac| api.appliance.store.record(mac).map(|record| record.updated);
    let heard = story.iter().filter(|moment| moment.source != "silence").map(|moment| moment.until);
    let heard: Vec<u64> = heard.chain(updated(node.mac)).collect();
    let Some(own) = Lane::of(node.name.as_str(), &events(node.mac).await?, &heard, now) else { return Ok(None) };
    let mut all = vec![own.clone()];
    let peers = site.nodes.iter().filter(|peer| peer.role == node.role && peer.mac != node.mac);
    for peer in peers.take(PEERS) {
        all.extend(Lane::of(peer.name.as_str(), &events(peer.mac).await?, updated(peer.mac).as_slice(), now));
    }
    let usual = usual(&all[1..]);
    let svg = draw_lanes(&all, usual);
    Ok(Some(Lanes { svg, own, usual: usual.map(crate::words::duration) }))
}

fn disks(api: &Api, node: &Node) -> (Vec<Strip>, Option<String>) {
    let record = api.appliance.store.record(node.mac);
    // Once it is armed, its order says what is kept.
    let ordered = record.as_ref().and_then(|record| match &record.state {
        State::Armed { attempt, .. } | State::Installing { attempt } => Some(attempt.scope),
        _ => None,
    });
    let groups =
        if ordered.is_none_or(|scope| scope == WipeScope::KeepVolumeGroups) { node.keep.as_slice() } else { &[] };
    let keep = Keeping { groups, is_ordered: ordered.is_some() };
    let installed = record.and_then(|record| record.installed);
    let found = installed.as_ref().map(|installed| Found {
        plan: &installed.promise.plan,
        disks: &installed.promise.disks,
        facts: &installed.facts,
    });
    match plan::plan(node) {
        Ok(plan) => (strips(&plan, keep, found), None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    }
}

/// The lines of the audit log about the node; only an admin reads it.
async fn audit(api: &Api, site: &Site, viewed: Viewed<'_>, name: &str) -> Result<Option<Vec<Line>>, ApiError> {
    if !viewed.may(Role::Admin) {
        return Ok(None);
    }
    let filter = AuditFilter { subject: Some(name.into()), limit: Some(AUDITED), ..AuditFilter::default() };
    let lines = records::audit_lines(site, &api.appliance.store, filter).await?;
    let line = |line: crate::audit::AuditLine| Line {
        time: utc(line.at),
        what: line.action,
        text: [line.actor.to_string(), line.detail, line.outcome].join("; ").replace("; ;", ";"),
    };
    Ok(Some(lines.into_iter().rev().map(line).collect()))
}

#[derive(Serialize)]
struct TextPage {
    name: String,
    text_name: String,
    text: String,
    others: Vec<&'static str>,
}

/// A text as the node would be sent it, with secrets hidden.
pub(super) async fn text(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Path((name, text)): Path<(String, String)>,
) -> PageResult {
    let page = TextPage {
        text: texts::of(&api.appliance.served(), &name, &text)?,
        name: name.clone(),
        text_name: text.clone(),
        others: texts::TEXTS.to_vec(),
    };
    shown("text.html", &frame(&api, Some(&visitor), &format!("{text} of {name}"), "rack"), page)
}
