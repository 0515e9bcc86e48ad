//! The pages: thin handlers that collect what a page says, and pass orders on. `crate::web` makes the text. They share
//! the listener of the API over TCP with its checks; a session in a cookie takes the place of the token.

mod blast;
mod cloud;
mod door;
mod files;
mod live;
mod node;
mod orders;
mod power;
mod rack;
pub(super) mod report;
mod sign_in;
mod site;
mod strangers;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Html;
use axum::routing::{MethodRouter, get, post};
use serde::Serialize;

use super::Api;
use super::error::ApiError;
use super::people::Visitor;
use super::role::Role::{self, Operator, Viewer};
pub(super) use cloud::Design;

use crate::clock::unix_now;
use crate::server::operate::stopped_words;
use crate::web::{Frame, Page, Time, VisitorView, render};
use crate::words::duration;

/// Largest form, in bytes.
const FORM: usize = 64 * 1024;

/// Who may open a page or send a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nobody has to be signed in.
    Nothing,
    /// Somebody with this role or a higher one.
    Role(Role),
}

/// One page, or one form.
struct Entry {
    path: &'static str,
    needs: Needs,
    handler: MethodRouter<Api>,
}

/// All pages and forms.
fn table() -> Vec<Entry> {
    let entry = |needs, path, handler| Entry { path, needs, handler };
    let public = |path, handler| entry(Needs::Nothing, path, handler);
    let viewer = |path, handler| entry(Needs::Role(Viewer), path, handler);
    let operator = |path, handler| entry(Needs::Role(Operator), path, handler);
    vec![
        public("/web/{file}", get(files::file)),
        public("/sign-in", get(sign_in::page).post(sign_in::by_form)),
        public("/sign-in/{link}", get(sign_in::link)),
        viewer("/sign-out", post(sign_in::out)),
        viewer("/", get(rack::page)),
        viewer("/live", get(live::changes)),
        viewer("/nodes/{name}", get(node::page)),
        viewer("/nodes/{name}/texts/{text}", get(node::text)),
        viewer("/cloud", get(cloud::page)),
        viewer("/site", get(site::page)),
        operator("/site/changes", get(site::shared_change)),
        operator("/site/changes/{name}", get(site::change)),
        viewer("/strangers/{mac}", get(strangers::page)),
        entry(Needs::Role(Role::Admin), "/strangers/{mac}", post(strangers::add)),
        operator("/nodes/{name}/orders/{verb}", post(orders::simple)),
        operator("/nodes/{name}/give-up", get(orders::ask_give_up).post(orders::give_up)),
        operator("/nodes/{name}/power", get(power::page).post(power::switch)),
        operator("/reimage", get(orders::ask_wipe).post(orders::wipe)),
        operator("/orders/stop", post(orders::stop)),
        entry(Needs::Role(Role::Admin), "/orders/lift", post(orders::lift)),
        public("/{*path}", get(door::nowhere).post(door::nowhere)),
    ]
}

/// The pages with their checks.
pub(super) fn router(api: &Api) -> Router<Api> {
    let mut router = Router::new();
    for Entry { path, needs, handler } in table() {
        router = router.route(path, handler.route_layer(from_fn_with_state((api.clone(), needs), door::admit)));
    }
    router.layer(DefaultBodyLimit::max(FORM)).layer(from_fn_with_state(api.clone(), door::door))
}

/// What a handler answers: a page, or why there is none.
type PageResult = Result<Html<String>, ApiError>;

/// Who looks at a page: a person with a browser, or whoever opens the file of a report.
#[derive(Debug, Clone, Copy)]
enum Viewed<'a> {
    By(&'a Visitor),
    /// With the way from the file to the others.
    AsFile(&'static str),
}

impl Viewed<'_> {
    fn may(self, needed: Role) -> bool {
        match self {
            Self::By(visitor) => visitor.role >= needed,
            // Only people at the socket make reports, and they may see everything.
            Self::AsFile(_) => true,
        }
    }

    /// The address of a node's page.
    fn node(self, name: &str) -> String {
        match self {
            Self::By(_) => format!("/nodes/{name}"),
            Self::AsFile(root) => format!("{root}nodes/{name}.html"),
        }
    }
}

/// What is around a page; `live` is what it listens to while it is open in a browser.
fn frame_for(api: &Api, viewed: Viewed<'_>, title: &str, here: &str, live: &str) -> Frame {
    match viewed {
        Viewed::By(visitor) => Frame { live: Some(live.into()), ..frame(api, Some(visitor), title, here) },
        Viewed::AsFile(root) => {
            let (now, served) = (unix_now(), api.appliance.served());
            let stopped = api.appliance.store.stopped().map(|stop| stopped_words(&stop, now));
            let (title, site, here, root) = (title.into(), served.site.name.clone(), here.into(), root.into());
            let now = Time::new(now, now);
            Frame { title, site, here, stopped, now, root, report: true, ..Frame::default() }
        }
    }
}

/// What is around every page for this person.
fn frame(api: &Api, visitor: Option<&Visitor>, title: &str, here: &str) -> Frame {
    let now = unix_now();
    let (served, stopped) = (api.appliance.served(), api.appliance.store.stopped());
    let known = visitor.is_some();
    let alarms = api.appliance.health.alarms.ringing().into_iter();
    let told = alarms.map(|alarm| format!("{} (for {})", alarm.text, duration(now.saturating_sub(alarm.since))));
    Frame {
        title: title.into(),
        site: if known { served.site.name.clone() } else { String::new() },
        here: here.into(),
        visitor: visitor.map(|visitor| VisitorView {
            who: visitor.who.clone(),
            role: visitor.role.to_string(),
            orders: visitor.role >= Operator,
            admin: visitor.role >= Role::Admin,
            csrf: visitor.csrf.clone(),
        }),
        stopped: stopped.filter(|_| known).map(|stop| stopped_words(&stop, now)),
        alarms: if known { told.collect() } else { Vec::new() },
        now: if known { Time::new(now, now) } else { Time::default() },
        root: "/".into(),
        ..Frame::default()
    }
}

/// Renders a page. A template that fails is a fault of rackstart's, which a page says like any other refusal.
fn shown(template: &str, frame: &Frame, page: impl Serialize) -> PageResult {
    render(template, &Page { frame, page }).map(Html).map_err(|why| {
        tracing::error!(template, why, "a page could not be made");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "this page could not be made", "look at the daemon's log")
    })
}
