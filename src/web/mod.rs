//! The pages for people: what they say and draw, as plain functions of what is known. `server::api::web` collects the
//! facts, and sends the text.

mod blast;
mod gates;
mod html;
mod lane;
mod rack;
mod strip;
mod tree;
mod words;

use serde::Serialize;

pub(crate) use blast::{Member, Shared, Told, draw as draw_blast};
pub(crate) use gates::{Gates, NodeAt, RoleSteps};
pub(crate) use html::{encode, render};
pub(crate) use lane::{Lane, Said, draw as draw_lanes, usual};
pub(crate) use rack::{Brief, Chosen, Filter, RackPage, Seen, choose, file as rack_file};
pub(crate) use strip::{Found, Keeping, Strip, strips};
pub(crate) use tree::{Leaf, draw as draw_tree};
pub(crate) use words::{Time, query};

/// The style sheet of all pages.
pub(crate) const STYLE: &str = include_str!("../../templates/web/style.css");
/// The script of all pages. Each page works without it; with it, a page changes as things happen.
pub(crate) const SCRIPT: &str = include_str!("../../templates/web/pages.js");
/// The picture in the tab of a browser.
pub(crate) const ICON: &str = include_str!("../../templates/web/icon.svg");

/// What every page has around its content.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Frame {
    /// Title of the page.
    pub title: String,
    /// Name of the site.
    pub site: String,
    /// The part of the navigation that the page belongs to: `rack`, `cloud` or `site`.
    pub here: String,
    /// What the page listens to while it is open; none: it does not change.
    pub live: Option<String>,
    /// The person who looks, if somebody is signed in.
    pub visitor: Option<VisitorView>,
    /// Says that all installations are stopped, by whom and since when.
    pub stopped: Option<String>,
    /// What a person should look at now.
    pub alarms: Vec<String>,
    /// What was just done.
    pub done: Option<String>,
    /// When the page was made.
    pub now: Time,
    /// How the page finds the others: `/` for the daemon's, `` for files of a report.
    pub root: String,
    /// Whether the page is a file of a report, which neither changes nor orders anything.
    pub report: bool,
}

/// The person who looks at a page.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct VisitorView {
    /// As the audit log names the person.
    pub who: String,
    /// The role in words.
    pub role: String,
    /// Whether the person may give orders.
    pub orders: bool,
    /// Whether the person may also do what only an admin may.
    pub admin: bool,
    /// The token that every form carries, so that no page of another site can send it.
    pub csrf: String,
}

/// A page with its content.
#[derive(Debug, Serialize)]
pub(crate) struct Page<'a, T: Serialize> {
    /// What is around the content.
    pub frame: &'a Frame,
    /// The content.
    pub page: T,
}

/// A symbol for each state, so that no colour stands alone.
pub(crate) fn symbol(state: &str) -> &'static str {
    match state {
        "new" => "○",
        "armed" => "◎",
        "installing" => "◐",
        "firstboot" => "◕",
        "ready" => "●",
        "failed" => "✕",
        _ => "▲",
    }
}

/// The states in the order in which a person wants to see them: what needs somebody comes first.
pub(crate) const STATES: [&str; 7] = ["failed", "suspect", "installing", "firstboot", "armed", "new", "ready"];
