//! The page of the cloud: steps and gates, copies, and what may be reimaged now. It knows no role and no service: all of
//! that is data of the blueprint.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use axum::extract::{Extension, State as Shared};
use serde::Serialize;

use super::super::people::Visitor;
use super::{Api, ApiError, PageResult, Viewed, frame_for, shown};
use crate::clock::unix_now;
use crate::lifecycle::BootToken;
use crate::render::Renderer;
use crate::server::lock::lock;
use crate::server::operate::{NodeStatus, Reimage, status};
use crate::server::served::Served;
use crate::site::{CopySets, Mac, Node, Site};
use crate::store::EventPage;
use crate::web::{Gates, NodeAt, RoleSteps, Time, symbol};

/// Nodes for which is worked out whether they may be reimaged now.
const JUDGED: usize = 20;
/// Nodes whose word about the acceptance is looked for; a blueprint has it on one.
const JUDGES: usize = 5;
/// Events of each of them that are read, the newest ones.
const EVENTS: u32 = 1000;
/// Where the steps are in a payload.
const STEPS: &str = "steps/";

#[derive(Serialize)]
struct CloudPage {
    blueprint: String,
    summary: String,
    svg: String,
    gates: Gates,
    acceptance: Option<Acceptance>,
    capabilities: Vec<CapabilityView>,
    copies: Option<CopiesView>,
    judged: Vec<Judged>,
    left_out: usize,
}

#[derive(Serialize)]
struct CapabilityView {
    name: String,
    about: String,
    needs: String,
    here: usize,
    ready: usize,
    enough: bool,
}

#[derive(Serialize)]
struct CopiesView {
    copies: usize,
    sets: Vec<Vec<Member>>,
    spare: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    name: String,
    state: String,
    symbol: &'static str,
}

/// Whether a node may be reimaged now, with every reason against it.
#[derive(Serialize)]
struct Judged {
    name: String,
    role: String,
    state: String,
    symbol: &'static str,
    may: bool,
    costs: Option<String>,
    why: String,
}

pub(super) async fn page(Shared(api): Shared<Api>, Extension(visitor): Extension<Visitor>) -> PageResult {
    made(&api, Viewed::By(&visitor)).await
}

/// The page of the cloud.
pub(super) async fn made(api: &Api, viewed: Viewed<'_>) -> PageResult {
    let served = api.appliance.served();
    let site = &served.site;
    let nodes: Vec<NodeStatus> = api
        .appliance
        .store
        .look(|memory| site.nodes.iter().map(|node| status(site, node, memory.record(node.mac))).collect());
    let design = api.design.of(&served)?;
    let acceptance = acceptance(api, site, &design).await?;
    let at = nodes.iter().map(|node| NodeAt {
        role: &node.role,
        state: &node.state,
        step: node.step.as_ref().map(|step| step.name.as_str()),
    });
    let gates = design.with(&at.collect::<Vec<_>>());
    let states: HashMap<Mac, &str> = nodes.iter().map(|node| (node.mac, node.state.as_str())).collect();
    let member = |node: &&Node| {
        let state = states.get(&node.mac).copied().unwrap_or("new");
        Member { name: node.name.to_string(), state: state.into(), symbol: symbol(state) }
    };
    let sets = CopySets::of(site);
    let copies = (sets.copies > 0).then(|| CopiesView {
        copies: sets.copies,
        sets: sets.sets.iter().map(|set| set.iter().map(member).collect()).collect(),
        spare: sets.spare.iter().map(member).collect(),
    });
    let installed = || nodes.iter().filter(|node| node.state != "new");
    let page = CloudPage {
        blueprint: site.blueprint.name.clone(),
        summary: site.blueprint.summary.clone(),
        svg: gates.draw(),
        gates,
        acceptance,
        capabilities: capabilities(site, &nodes),
        copies,
        judged: installed().take(JUDGED).map(|node| judged(api, node)).collect(),
        left_out: installed().count().saturating_sub(JUDGED),
    };
    shown("cloud.html", &frame_for(api, viewed, "Cloud", "cloud", "/live"), page)
}

/// The graph of the site that is served. Reading it renders a payload for each role, so it is kept until another site is
/// loaded.
#[derive(Default)]
pub(in crate::server::api) struct Design(Mutex<Option<Kept>>);

/// A graph, and what it was read from.
struct Kept {
    site: Arc<Site>,
    renderer: Arc<Renderer>,
    gates: Arc<Gates>,
}

impl Design {
    fn of(&self, served: &Served) -> Result<Arc<Gates>, ApiError> {
        if let Some(kept) = &*lock(&self.0)
            && Arc::ptr_eq(&kept.site, &served.site)
            && Arc::ptr_eq(&kept.renderer, &served.renderer)
        {
            return Ok(kept.gates.clone());
        }
        let gates = Arc::new(design(served)?);
        let (site, renderer) = (served.site.clone(), served.renderer.clone());
        *lock(&self.0) = Some(Kept { site, renderer, gates: gates.clone() });
        Ok(gates)
    }
}

/// The graph before anything runs.
fn design(served: &Served) -> Result<Gates, ApiError> {
    let site = &served.site;
    let mut roles: Vec<RoleSteps> = Vec::new();
    for node in &site.nodes {
        if roles.iter().any(|known| known.role == node.role) {
            continue;
        }
        let files = served.renderer.firstboot_files(site, node, &BootToken::from_random([0; 16]))?;
        let step = |file: crate::render::PayloadFile| {
            let path = file.path.strip_prefix(STEPS).filter(|path| path.ends_with(".sh"))?;
            Some((path.to_string(), String::from_utf8_lossy(&file.data).into_owned()))
        };
        let steps = files.into_iter().filter_map(step).collect();
        roles.push(RoleSteps { role: node.role.clone(), steps });
    }
    let blueprint = &site.blueprint;
    let of = |provide: &str| -> Vec<String> {
        roles.iter().map(|known| known.role.clone()).filter(|role| blueprint.provides(role, provide)).collect()
    };
    let lists: BTreeMap<String, Vec<String>> =
        blueprint.nodes.iter().map(|(name, list)| (name.to_uppercase(), of(&list.provide))).collect();
    Ok(Gates::of(&roles, &lists))
}

/// How the last acceptance went: the newest word of the steps that the blueprint has for it.
#[derive(Serialize)]
struct Acceptance {
    tests: String,
    group: String,
    said: Option<Verdict>,
}

#[derive(Serialize)]
struct Verdict {
    at: Time,
    name: String,
    mark: &'static str,
    text: String,
}

async fn acceptance(api: &Api, site: &Site, gates: &Gates) -> Result<Option<Acceptance>, ApiError> {
    let Some(trial) = &site.blueprint.trial else { return Ok(None) };
    let is_of = |folder: &str| folder.split('-').next() == Some(trial.group.as_str());
    let rows = gates.rows.iter().filter(|row| row.groups.iter().any(|group| is_of(&group.name)));
    let roles: Vec<&str> = rows.map(|row| row.role.as_str()).collect();
    let mut said: Option<(u64, Verdict)> = None;
    for node in site.nodes.iter().filter(|node| roles.contains(&node.role.as_str())).take(JUDGES) {
        let page = EventPage { mac: Some(node.mac), after: None, limit: EVENTS };
        let events = api.appliance.store.event_page(page).await?;
        let newest = events
            .into_iter()
            .rev()
            .find(|event| matches!(event.kind.as_str(), "step-done" | "step-failed") && is_of(&event.detail));
        let Some(event) = newest.filter(|event| said.as_ref().is_none_or(|(at, _)| event.at > *at)) else { continue };
        let mark = if event.kind == "step-done" { "✓" } else { "✕" };
        let at = Time::new(event.at, unix_now());
        said = Some((event.at, Verdict { at, name: node.name.to_string(), mark, text: event.detail }));
    }
    let tests = site.blueprint.variable(&trial.variable).unwrap_or_default().to_string();
    Ok(Some(Acceptance { tests, group: trial.group.clone(), said: said.map(|(_, verdict)| verdict) }))
}

fn capabilities(site: &Site, nodes: &[NodeStatus]) -> Vec<CapabilityView> {
    let view = |(name, capability): (&String, &crate::site::Capability)| {
        let own = || nodes.iter().filter(|node| site.blueprint.provides(&node.role, name));
        let ready = own().filter(|node| node.state == "ready").count();
        let needs = match (capability.at_least, capability.at_most) {
            (least, Some(most)) if least == most => format!("exactly {least}"),
            (least, Some(most)) => format!("{least} to {most}"),
            (0, None) => "any number".into(),
            (least, None) => format!("at least {least}"),
        };
        let enough = ready >= capability.at_least;
        CapabilityView {
            name: name.clone(),
            about: capability.summary.clone(),
            needs,
            here: own().count(),
            ready,
            enough,
        }
    };
    site.blueprint.capabilities.iter().map(view).collect()
}

/// What the shell would say to `reimage --rehearse`, without an order of anybody.
fn judged(api: &Api, node: &NodeStatus) -> Judged {
    let nodes = vec![node.name.clone()];
    let order = Reimage { nodes, keep: false, count: Some(1), forced: None, undrained: None };
    let (may, costs, why) = match api.appliance.foresee(&order) {
        Ok(rehearsal) => {
            let copy = rehearsal.nodes.iter().find_map(|loss| loss.copy.clone());
            (true, copy.map(|copy| format!("its copy at {copy}, unless it keeps its volume groups")), String::new())
        }
        Err(refusal) => (false, None, refusal.to_string().replace('\n', "; ")),
    };
    let (name, role, state) = (node.name.clone(), node.role.clone(), node.state.clone());
    Judged { symbol: symbol(&state), name, role, state, may, costs, why }
}
