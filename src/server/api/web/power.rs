//! The power of a node: what its BMC shows now, and orders to switch it. What can stop its system asks for its name, as
//! the shell does.

use axum::extract::{Extension, Form, Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::super::people::Visitor;
use super::{Api, ApiError, PageResult, frame, shown};
use crate::power::Action;
use crate::server::operate::{Refusal, status};
use crate::web::query;

#[derive(Serialize)]
struct PowerPage {
    name: String,
    /// What the node is, in one word.
    state: String,
    /// The order that was chosen before.
    chosen: &'static str,
    /// Whether it is on, as the BMC says; empty when it does not answer.
    power: String,
    facts: Vec<(&'static str, String)>,
    /// Why the BMC shows nothing, with what to do.
    refusal: Option<String>,
    help: Vec<String>,
    gentle: Vec<Offer>,
    stopping: Vec<Offer>,
    problem: Option<String>,
}

/// One order, and what it does.
#[derive(Serialize)]
struct Offer {
    action: &'static str,
    label: &'static str,
    about: &'static str,
}

impl Offer {
    fn of(action: Action) -> Self {
        let label = match action {
            Action::On => "Switch it on",
            Action::Off => "Shut it down",
            Action::ForceOff => "Switch it off",
            Action::Cycle => "Restart it",
            Action::Pxe => "Boot from the network next time",
            Action::PxeCycle => "Restart it from the network",
        };
        Self { action: action.word(), label, about: action.warning() }
    }
}

/// What was just done.
#[derive(Deserialize)]
pub(super) struct Wanted {
    done: Option<Action>,
}

/// Asks the BMC, which takes a moment, and offers what can be ordered.
pub(super) async fn page(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> PageResult {
    asked(&api, &visitor, name, wanted.done, None).await
}

async fn asked(
    api: &Api,
    visitor: &Visitor,
    name: String,
    done: Option<Action>,
    wrong: Option<(Action, String)>,
) -> PageResult {
    let site = api.appliance.site();
    let node = site.node_by_name(&name).ok_or_else(|| ApiError::no_such_node(&name))?;
    let state = api.appliance.store.look(|memory| status(&site, node, memory.record(node.mac))).state;
    let (power, facts, refusal) = match api.appliance.power_of(&name).await {
        Ok(seen) => (seen.power.clone(), seen.facts(), None),
        Err(refusal @ Refusal::Bmc { .. }) => (String::new(), Vec::new(), Some(refusal)),
        Err(refusal) => return Err(refusal.into()),
    };
    let (stopping, gentle): (Vec<Action>, Vec<Action>) = Action::ALL
        .into_iter()
        .filter(|action| !(*action == Action::On && power == "on"))
        .partition(|action| action.stops());
    let offers = |actions: Vec<Action>| actions.into_iter().map(Offer::of).collect();
    let mut frame = frame(api, Some(visitor), &format!("Power of {name}"), "rack");
    frame.done = done.map(|action| format!("{name} {}.", action.done()));
    let page = PowerPage {
        name,
        state,
        chosen: wrong.as_ref().map(|(action, _)| action.word()).unwrap_or_default(),
        power,
        facts,
        help: refusal.as_ref().map(Refusal::help).unwrap_or_default(),
        refusal: refusal.map(|refusal| refusal.to_string()),
        gentle: offers(gentle),
        stopping: offers(stopping),
        problem: wrong.map(|(_, problem)| problem),
    };
    shown("power.html", &frame, page)
}

/// An order, as a form has it.
#[derive(Deserialize)]
pub(super) struct Switch {
    action: Action,
    #[serde(default)]
    typed: String,
}

/// Switches the node. Whatever could stop its system needs its name.
pub(super) async fn switch(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    Form(Switch { action, typed }): Form<Switch>,
) -> Result<Response, ApiError> {
    if action.stops() && typed.trim() != name {
        let problem = format!("that is not {name}: nothing was changed");
        let page = asked(&api, &visitor, name, None, Some((action, problem))).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    api.appliance.switch(&visitor.actor(), &name, action).await?;
    Ok(Redirect::to(&format!("/nodes/{name}/power{}", query(&[("done", action.word())]))).into_response())
}
