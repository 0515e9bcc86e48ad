//! Orders: each is what the shell has, with its rehearsal, its question and its refusals, by somebody who is signed in.

use std::collections::HashSet;

use axum::extract::{Extension, Form, Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::Redirect;
use serde::{Deserialize, Serialize};

use super::super::people::Visitor;
use super::node::{BlastView, blast_of};
use super::{Api, ApiError, PageResult, Role, frame, shown};
use crate::clock::unix_now;
use crate::server::operate::{NodeStatus, Reimage, status};
use crate::web::query;
use crate::words::duration;

/// One order that a page offers.
#[derive(Debug, Serialize)]
pub(super) struct Choice {
    /// What the button says.
    word: &'static str,
    /// Where its form goes; a link when `asks`.
    href: String,
    /// Whether another page asks before anything happens.
    asks: bool,
    /// What it does, in a sentence.
    about: &'static str,
}

/// The orders that make sense for a node now, for a person of this role.
pub(super) fn choices(node: &NodeStatus, has_bmc: bool, role: Role) -> Vec<Choice> {
    let name = &node.name;
    let is = |flag: &str| node.flags.iter().any(|known| known == flag);
    let in_work = matches!(node.state.as_str(), "installing" | "firstboot");
    let wipes = format!("/reimage{}", query(&[("nodes", name)]));
    let keeps = format!("/reimage{}", query(&[("nodes", name), ("keep", "on")]));
    let order = |verb: &str| format!("/nodes/{name}/orders/{verb}");
    let all = [
        (
            node.state == "new" || (node.state == "failed" && node.written.is_none()),
            "Install",
            order("install"),
            false,
            "Arms it for a blank disk: a disk with data is left alone.",
        ),
        (
            !node.keep.is_empty() && node.state != "new",
            "Reimage, keep its data…",
            keeps,
            true,
            "Wipes the system and keeps the volume groups that the site file names.",
        ),
        (
            node.state != "new",
            "Reimage…",
            wipes,
            true,
            "Wipes its disks and installs it anew. Says first what is lost.",
        ),
        (
            node.state == "armed" || node.drain.is_some(),
            "Disarm",
            order("disarm"),
            false,
            "Takes its wipe permit or its drain back.",
        ),
        (
            in_work,
            "Give up…",
            format!("/nodes/{name}/give-up"),
            true,
            "Says that its installation is dead: it is failed, and can be armed again.",
        ),
        (has_bmc, "Power…", format!("/nodes/{name}/power"), true, "Asks its BMC whether it is on, and switches it."),
        (!is("protected"), "Protect", order("protect"), false, "It is never armed, whoever orders it."),
        (is("protected"), "Unprotect", order("unprotect"), false, "It can be armed again."),
        (
            !is("maintenance"),
            "Begin maintenance",
            order("maintenance"),
            false,
            "It is never armed, and its silence raises no alarm.",
        ),
        (is("maintenance"), "End maintenance", order("maintenance-over"), false, "It is watched again."),
        (
            node.state == "suspect",
            "Clear suspicion",
            order("clear-suspect"),
            false,
            "Trusts it again, after somebody found out why it was suspected.",
        ),
    ];
    let fits = all.into_iter().filter(|(fits, _, href, ..)| *fits && role >= needed(href));
    fits.map(|(_, word, href, asks, about)| Choice { word, href, asks, about }).collect()
}

/// The role that an order needs, by the last part of its path. What takes a protection back needs more.
fn needed(order: &str) -> Role {
    match order.rsplit('/').next() {
        Some("unprotect" | "clear-suspect") => Role::Admin,
        _ => Role::Operator,
    }
}

/// What a page says after an order. The address has only the word, so that no link can make a page say anything else.
pub(super) fn done_words(done: &str) -> Option<&'static str> {
    Some(match done {
        "install" | "reimage" => "It is armed. Reboot it now: rackstart never does that by itself.",
        "drain" => "Its drain has begun. It is armed only when the cloud can do without it.",
        "disarm" => "It is no longer armed.",
        "give-up" => "It is given up, and can be armed again.",
        "protect" => "It is protected: nobody can arm it.",
        "unprotect" => "It is no longer protected.",
        "maintenance" => "Its maintenance has begun.",
        "maintenance-over" => "Its maintenance is over.",
        "clear-suspect" => "It is trusted again.",
        _ => return None,
    })
}

fn back(name: &str, done: &str) -> Redirect {
    Redirect::to(&format!("/nodes/{name}{}", query(&[("done", done)])))
}

/// An order about one node that wipes nothing, so that nobody is asked again.
pub(super) async fn simple(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Path((name, verb)): Path<(String, String)>,
) -> Result<Redirect, ApiError> {
    let (appliance, who) = (&api.appliance, visitor.actor());
    may(&visitor, needed(&verb))?;
    match verb.as_str() {
        "install" => appliance.install(&who, &name).await.map(drop),
        "disarm" => appliance.disarm(&who, &name).await.map(drop),
        "protect" => appliance.protect(&who, &name, true).await.map(drop),
        "unprotect" => appliance.protect(&who, &name, false).await.map(drop),
        "maintenance" => appliance.maintenance(&who, &name, true).await.map(drop),
        "maintenance-over" => appliance.maintenance(&who, &name, false).await.map(drop),
        "clear-suspect" => appliance.clear_suspect(&who, &name).await.map(drop),
        _ => return Err(ApiError::new(StatusCode::NOT_FOUND, "there is no such order", "go back to the node")),
    }?;
    Ok(back(&name, &verb))
}

fn may(visitor: &Visitor, needed: Role) -> Result<(), ApiError> {
    if visitor.role >= needed {
        return Ok(());
    }
    Err(super::door::role_too_low(visitor, needed))
}

/// Stops all installations, at once: it can only prevent a wipe.
pub(super) async fn stop(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Redirect, ApiError> {
    api.appliance.stop(&visitor.actor()).await?;
    Ok(Redirect::to("/"))
}

/// Allows installations again.
pub(super) async fn lift(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Redirect, ApiError> {
    api.appliance.lift_stop(&visitor.actor()).await?;
    Ok(Redirect::to("/"))
}

#[derive(Serialize)]
struct GiveUpPage {
    name: String,
}

pub(super) async fn ask_give_up(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> PageResult {
    if api.appliance.site().node_by_name(&name).is_none() {
        return Err(ApiError::no_such_node(&name));
    }
    shown("give_up.html", &frame(&api, Some(&visitor), &format!("Give {name} up"), "rack"), GiveUpPage { name })
}

/// Why.
#[derive(Deserialize)]
pub(super) struct Reason {
    #[serde(default)]
    reason: String,
}

pub(super) async fn give_up(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    Form(Reason { reason }): Form<Reason>,
) -> Result<Redirect, ApiError> {
    api.appliance.give_up(&visitor.actor(), &name, &reason).await?;
    Ok(back(&name, "give-up"))
}

/// An order to wipe, as a form or an address has it. A box that is not ticked is not sent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wipe {
    #[serde(default)]
    nodes: String,
    keep: Option<String>,
    #[serde(default)]
    typed: String,
    #[serde(default)]
    force: String,
    #[serde(default)]
    no_drain: String,
    /// `rehearse`, `drain` or `wipe`.
    #[serde(default)]
    act: String,
    /// What the answers were when the page said what would be lost.
    #[serde(default)]
    read: String,
}

impl Wipe {
    fn names(&self) -> Vec<String> {
        // A form has room for thousands of names, so none of them is looked for among the others.
        let mut known = HashSet::new();
        let names = self.nodes.split([' ', ',', '\n', '\r', '\t']).filter(|name| !name.is_empty());
        names.filter(|name| known.insert(*name)).map(String::from).collect()
    }

    /// The answers that decide what is lost, as one text.
    fn answers(&self) -> String {
        let keep = if self.keep.is_some() { "keep" } else { "wipe" };
        format!("{keep} {}", self.names().join(" "))
    }

    /// The address of the page with these answers.
    fn address(&self) -> String {
        let keep = if self.keep.is_some() { "on" } else { "" };
        format!("/reimage{}", query(&[("nodes", &self.names().join(" ")), ("keep", keep), ("force", &self.force)]))
    }

    fn order(&self) -> Reimage {
        let nodes = self.names();
        let reason = |text: &str| Some(text.trim().to_string()).filter(|text| !text.is_empty());
        let count = Some(nodes.len());
        let (forced, undrained) = (reason(&self.force), reason(&self.no_drain));
        Reimage { nodes, keep: self.keep.is_some(), count, forced, undrained }
    }

    /// What a person has to type to go on: the name of one node, or how many there are.
    fn expected(&self) -> String {
        match self.names().as_slice() {
            [name] => name.clone(),
            names => names.len().to_string(),
        }
    }
}

#[derive(Serialize)]
struct WipePage {
    nodes: String,
    /// The answers that the losses are those of.
    read: String,
    count: usize,
    keep: bool,
    force: String,
    no_drain: String,
    losses: Vec<String>,
    blast: Option<BlastView>,
    refusal: Option<String>,
    help: Vec<String>,
    drains: Vec<DrainView>,
    needs_drain: bool,
    problem: Option<String>,
    can_keep: bool,
}

#[derive(Serialize)]
struct DrainView {
    name: String,
    state: String,
    drain: String,
    text: String,
}

pub(super) async fn ask_wipe(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Query(wipe): Query<Wipe>,
) -> PageResult {
    wipe_page(&api, &visitor, &wipe, None).await
}

async fn wipe_page(api: &Api, visitor: &Visitor, wipe: &Wipe, problem: Option<String>) -> PageResult {
    let site = api.appliance.site();
    let (now, names) = (unix_now(), wipe.names());
    let nodes: Vec<NodeStatus> = names
        .iter()
        .filter_map(|name| site.node_by_name(name))
        .map(|node| api.appliance.store.look(|memory| status(&site, node, memory.record(node.mac))))
        .collect();
    let (losses, refused) = match names.is_empty() {
        true => (Vec::new(), None),
        // Whoever only looks has ordered nothing.
        false => match api.appliance.foresee(&wipe.order()) {
            Ok(rehearsal) => (rehearsal.nodes.iter().map(|loss| loss.words(now)).collect(), None),
            Err(refusal) => (Vec::new(), Some(refusal)),
        },
    };
    let runs = |node: &&NodeStatus| matches!(node.state.as_str(), "ready" | "firstboot" | "failed");
    let view = |node: &NodeStatus| DrainView {
        name: node.name.clone(),
        state: node.state.clone(),
        drain: node.drain.clone().unwrap_or_else(|| "not begun".into()),
        text: node.drain_text.clone().unwrap_or_default(),
    };
    let is_over = |node: &&NodeStatus| match node.drain.as_deref() {
        Some("drained") => true,
        Some("unreached") => node.state != "ready",
        _ => false,
    };
    let page = WipePage {
        nodes: names.join(" "),
        read: wipe.answers(),
        count: names.len(),
        keep: wipe.keep.is_some(),
        force: wipe.force.clone(),
        no_drain: wipe.no_drain.clone(),
        losses,
        blast: blast_of(api, &names.iter().map(String::as_str).collect::<Vec<_>>(), wipe.keep.is_some()),
        help: refused.as_ref().map(|refusal| refusal.help()).unwrap_or_default(),
        refusal: refused.map(|refusal| refusal.to_string()),
        needs_drain: nodes.iter().filter(runs).any(|node| !is_over(&node)) && wipe.no_drain.trim().is_empty(),
        drains: nodes.iter().filter(runs).map(view).collect(),
        problem,
        can_keep: !nodes.is_empty() && nodes.iter().all(|node| !node.keep.is_empty()),
    };
    let mut frame = frame(api, Some(visitor), "Reimage", "rack");
    frame.live = (names.len() == 1 && nodes.len() == 1).then(|| format!("/live?node={}", names[0]));
    shown("reimage.html", &frame, page)
}

/// Drains or arms, if what was typed is what the shell would ask for.
pub(super) async fn wipe(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Form(wipe): Form<Wipe>,
) -> Result<axum::response::Response, ApiError> {
    use axum::response::IntoResponse as _;
    let names = wipe.names();
    if wipe.act == "rehearse" {
        return Ok(Redirect::to(&wipe.address()).into_response());
    }
    // A box may have been ticked since the page said what would be lost.
    let expected = wipe.expected();
    let problem = if wipe.read != wipe.answers() {
        Some("The answers were changed, so nothing was: read again what would be lost".into())
    } else if wipe.act == "wipe" && wipe.typed.trim() != expected {
        Some(format!("that is not {expected}: nothing was changed"))
    } else {
        None
    };
    if problem.is_some() {
        let page = wipe_page(&api, &visitor, &wipe, problem).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    if wipe.act == "drain" {
        api.appliance.drain(&visitor.actor(), wipe.order()).await?;
        return Ok(Redirect::to(&wipe.address()).into_response());
    }
    if wipe.act != "wipe" {
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "there is no such order", "go back to the page"));
    }
    let armed = api.appliance.reimage(&visitor.actor(), wipe.order()).await?;
    if !armed.later.is_empty() {
        let error = format!("not armed, because the limit of wipes per minute is reached: {}", armed.later.join(" "));
        let help = format!("try again with these in {}", duration(armed.again_in));
        return Err(ApiError::new(StatusCode::CONFLICT, error, help));
    }
    Ok(match names.as_slice() {
        [name] => back(name, "reimage").into_response(),
        _ => Redirect::to("/?state=armed").into_response(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_a_number_is_asked_for_as_the_shell_does() {
        let wipe = |nodes: &str| Wipe { nodes: nodes.into(), ..Wipe::default() };
        assert_eq!(wipe(" compute2 ").expected(), "compute2");
        assert_eq!(wipe("compute2, compute3\ncompute2").expected(), "2");
        assert_eq!(wipe("a b").order().count, Some(2));
        assert_eq!(wipe("").expected(), "0");
        let (kept, wiped) = (Wipe { keep: Some("on".into()), ..wipe("a b") }, wipe("b  a"));
        assert_eq!((kept.answers().as_str(), wiped.answers().as_str()), ("keep a b", "wipe b a"));
        let forced = Wipe { force: "  ".into(), no_drain: " why ".into(), ..wipe("a") }.order();
        assert_eq!((forced.forced, forced.undrained.as_deref()), (None, Some("why")));
    }
}
