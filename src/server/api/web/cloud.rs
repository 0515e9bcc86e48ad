//! The page of the cloud: steps and gates, copies, and what may be reimaged now. It knows no role and no service: all of
//! that is data of the blueprint.

use std::collections::{BTreeMap, HashMap};

use axum::extract::{Extension, State as Shared};
use serde::Serialize;

use super::super::people::Visitor;
use super::{Api, ApiError, PageResult, Viewed, frame_for, shown};
use crate::lifecycle::BootToken;
use crate::server::operate::{NodeStatus, status};
use crate::server::served::Served;
use crate::site::{CopySets, Mac, Node, Site};
use crate::web::{Gates, RoleSteps, symbol};

/// Nodes for which is worked out whether they may be reimaged now.
const JUDGED: usize = 60;
/// Where the steps are in a payload.
const STEPS: &str = "steps/";

#[derive(Serialize)]
struct CloudPage {
    blueprint: String,
    summary: String,
    svg: String,
    gates: Gates,
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
    made(&api, Viewed::By(&visitor))
}

/// The page of the cloud.
pub(super) fn made(api: &Api, viewed: Viewed<'_>) -> PageResult {
    let served = api.appliance.served();
    let site = &served.site;
    let nodes: Vec<NodeStatus> = api
        .appliance
        .store
        .look(|memory| site.nodes.iter().map(|node| status(site, node, memory.record(node.mac))).collect());
    let gates = gates(&served, &nodes)?;
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
        capabilities: capabilities(site, &nodes),
        copies,
        judged: installed().take(JUDGED).map(|node| judged(api, node)).collect(),
        left_out: installed().count().saturating_sub(JUDGED),
    };
    shown("cloud.html", &frame_for(api, viewed, "Cloud", "cloud", "/live"), page)
}

/// The graph, with where the nodes are in it.
fn gates(served: &Served, nodes: &[NodeStatus]) -> Result<Gates, ApiError> {
    let site = &served.site;
    let mut roles: Vec<RoleSteps> = Vec::new();
    for (node, seen) in site.nodes.iter().zip(nodes) {
        let at = (seen.state.clone(), seen.step.as_ref().map(|step| step.name.clone()));
        if let Some(known) = roles.iter_mut().find(|known| known.role == node.role) {
            known.nodes.push(at);
            continue;
        }
        let files = served.renderer.firstboot_files(site, node, &BootToken::from_random([0; 16]))?;
        let step = |file: crate::render::PayloadFile| {
            let path = file.path.strip_prefix(STEPS).filter(|path| path.ends_with(".sh"))?;
            Some((path.to_string(), String::from_utf8_lossy(&file.data).into_owned()))
        };
        let steps = files.into_iter().filter_map(step).collect();
        roles.push(RoleSteps { role: node.role.clone(), steps, nodes: vec![at] });
    }
    let blueprint = &site.blueprint;
    let of = |provide: &str| -> Vec<String> {
        roles.iter().map(|known| known.role.clone()).filter(|role| blueprint.provides(role, provide)).collect()
    };
    let lists: BTreeMap<String, Vec<String>> =
        blueprint.nodes.iter().map(|(name, list)| (name.to_uppercase(), of(&list.provide))).collect();
    Ok(Gates::of(&roles, &lists))
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
    let (may, costs, why) = match api.appliance.foresee_reimage(&node.name) {
        Ok(rehearsal) => {
            let copy = rehearsal.nodes.iter().find_map(|loss| loss.copy.clone());
            (true, copy.map(|copy| format!("its copy at {copy}, unless it keeps its volume groups")), String::new())
        }
        Err(refusal) => (false, None, refusal.to_string()),
    };
    let (name, role, state) = (node.name.clone(), node.role.clone(), node.state.clone());
    Judged { symbol: symbol(&state), name, role, state, may, costs, why }
}
