//! The page of the rack.

use axum::extract::{Extension, Query, State as Shared};
use axum::response::Html;
use serde::Deserialize;

use super::super::people::Visitor;
use super::{Api, ApiError, PageResult, Viewed, frame_for, shown};
use crate::clock::unix_now;
use crate::server::operate::{NodeStatus, status};
use crate::site::Place;
use crate::web::{Brief, Chosen, Filter, RackPage, Seen, Time, choose};

/// What is shown.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    state: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    group: String,
    page: Option<usize>,
}

pub(super) async fn page(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> PageResult {
    let Wanted { state, role, q, group, page } = wanted;
    let filter = Filter { state, role, name: q.trim().into(), group, page: page.unwrap_or(1), as_file: false };
    made(&api, Viewed::By(&visitor), &filter).map(|(page, _)| page)
}

/// The page, and whether there is another one after it.
pub(super) fn made(api: &Api, viewed: Viewed<'_>, filter: &Filter) -> Result<(Html<String>, bool), ApiError> {
    let (chosen, nodes) = nodes(api, filter);
    let now = unix_now();
    let site = api.appliance.site();
    let place = |name: &str| site.node_by_name(name).and_then(|node| node.place);
    let seen = nodes.into_iter().map(|node| seen(place(&node.name), node, now)).collect();
    let page = RackPage::new(&chosen, seen, filter, |name| viewed.node(name));
    let goes_on = page.goes_on();
    let page = shown("rack.html", &frame_for(api, viewed, "Rack", "rack", "/live"), page)?;
    Ok((page, goes_on))
}

/// The nodes of one page. Only theirs is looked at closely, so that a page of a large site costs little.
fn nodes(api: &Api, filter: &Filter) -> (Chosen, Vec<NodeStatus>) {
    let site = api.appliance.site();
    let (chosen, nodes) = api.appliance.store.look(|memory| {
        let word = |mac| memory.record(mac).map_or("new", |record| record.state.word());
        let brief = |node: &crate::site::Node| word(node.mac);
        let all: Vec<Brief<'_>> = site
            .nodes
            .iter()
            .map(|node| Brief { name: node.name.as_str(), role: &node.role, state: brief(node), place: node.place })
            .collect();
        let chosen = choose(&all, filter);
        let of = |at: &usize| status(&site, &site.nodes[*at], memory.record(site.nodes[*at].mac));
        let nodes: Vec<NodeStatus> = chosen.nodes.iter().map(|(at, _)| of(at)).collect();
        (chosen, nodes)
    });
    (chosen, nodes.into_iter().map(|node| api.appliance.as_seen(node)).collect())
}

/// A node as its tile shows it.
fn seen(place: Option<Place>, node: NodeStatus, now: u64) -> Seen {
    Seen {
        place,
        remark: node.remark(),
        stage: node.stage.clone().filter(|_| matches!(node.state.as_str(), "armed" | "installing")),
        step: node.current_step().map(|step| (step.number, step.total, step.name.clone())),
        since: (node.since > 0).then(|| Time::new(node.since, now)),
        name: node.name,
        role: node.role,
        state: node.state,
    }
}
