//! The page of the site file: its problems where they stand, what a reload would change for each node, and the machines
//! that asked and are not in it.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::{Extension, Path, Query, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::super::people::Visitor;
use super::super::texts::{self, SiteDigest};
use super::strangers::{self, Stranger};
use super::{Api, ApiError, PageResult, Role, Viewed, frame, frame_for, shown};
use crate::clock::unix_now;
use crate::config::{Excerpt, LoadError};
use crate::render::{RenderError, Texts, texts_of_node};
use crate::server::operate::reload::Foreseen;
use crate::server::served::Proven;
use crate::unified;
use crate::web::{Frame, Time};

/// Bytes of differences that a page shows, with the markup of their lines: a page stays below 300 kB.
const LONGEST: usize = 250_000;
/// Bytes of the markup of a line.
const MARKUP: usize = 40;

/// Nodes that are listed with a change; the others are counted.
const LISTED: usize = 100;

#[derive(Serialize)]
struct SitePage {
    file: String,
    loaded: Time,
    facts: Vec<(&'static str, String)>,
    /// Why the file as it is now cannot be loaded; none: it can be.
    problem: Option<String>,
    excerpts: Vec<Excerpt>,
    may_see_problems: bool,
    against: Vec<(String, String)>,
    changes: Vec<(String, &'static str)>,
    more: usize,
    restarts: Vec<String>,
    shared: bool,
    is_same: bool,
    /// Whether the texts are still being compared; the page is loaded again then.
    comparing: bool,
    /// Whether the differences are pages of their own.
    has_pages: bool,
    strangers: Vec<Stranger>,
    more_strangers: usize,
}

/// How long a page waits for the comparison of thousands of nodes before it says that it goes on.
const COMPARED_WITHIN: Duration = Duration::from_millis(250);

/// What was just done.
#[derive(Deserialize)]
pub(super) struct Wanted {
    done: Option<String>,
}

pub(super) async fn page(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let is_added = wanted.done.as_deref() == Some("add-node");
    let done =
        is_added.then_some("The node is in the file. Look at what a reload would change, then run `rackstart reload`.");
    Ok(match with(&api, Viewed::By(&visitor), done).await? {
        // Also without script.
        (page, true) => ([(header::REFRESH, "2")], page).into_response(),
        (page, false) => page.into_response(),
    })
}

/// The page of the site file.
pub(super) async fn made(api: &Api, viewed: Viewed<'_>) -> PageResult {
    Ok(with(api, viewed, None).await?.0)
}

/// The page, and whether it has more to say in a moment.
async fn with(api: &Api, viewed: Viewed<'_>, done: Option<&str>) -> Result<(Html<String>, bool), ApiError> {
    let (served, now) = (api.appliance.served(), unix_now());
    let site = &served.site;
    let facts = vec![
        ("site", site.name.clone()),
        ("blueprint", site.blueprint.name.clone()),
        ("security", site.security.to_string()),
        ("interface", format!("{}, {}", site.server.interface, site.server.address)),
        ("provisioning networks", site.subnets().map(|subnet| subnet.to_string()).collect::<Vec<_>>().join(", ")),
        ("nodes", site.nodes.len().to_string()),
        ("time zone of the nodes", site.timezone.clone()),
    ];
    let (strangers, more_strangers) = strangers::list(api, viewed);
    let mut page = SitePage {
        file: api.reloader.file().display().to_string(),
        loaded: Time::new(served.since, now),
        facts,
        problem: None,
        excerpts: Vec::new(),
        may_see_problems: viewed.may(Role::Operator),
        against: Vec::new(),
        changes: Vec::new(),
        more: 0,
        restarts: Vec::new(),
        shared: false,
        is_same: false,
        comparing: false,
        has_pages: matches!(viewed, Viewed::By(visitor) if visitor.role >= Role::Operator),
        strangers,
        more_strangers,
    };
    match api.reloader.preview().await {
        Err(LoadError::Unreadable(failure)) => page.problem = Some(failure.to_string()),
        Err(LoadError::Problems(problems)) => {
            page.problem = Some(counted(problems.list().len()));
            page.excerpts = problems.excerpts();
        }
        // The usual case needs no texts, which take seconds for thousands of nodes.
        Ok(preview) if preview.file.is_same(&served.proven()) => {
            page.against = hindrances(preview.foreseen);
            page.is_same = true;
        }
        Ok(preview) => {
            page.against = hindrances(preview.foreseen);
            let old = api.digests.of(&served.proven());
            let new = api.digests.of(&preview.file);
            let both = async { Ok::<_, ApiError>((old.wait().await?, new.wait().await?)) };
            // A report has nobody who could look again.
            let patience = if matches!(viewed, Viewed::AsFile(_)) { Duration::MAX } else { COMPARED_WITHIN };
            match tokio::time::timeout(patience, both).await {
                Ok(both) => {
                    let (old, new) = both?;
                    page.compare(&old, &new);
                }
                Err(_) => page.comparing = true,
            }
        }
    }
    // A line of the file that is quoted may hold a password's hash, which a viewer may not see.
    if !page.may_see_problems {
        page.excerpts.iter_mut().for_each(|one| one.lines.clear());
    }
    // It changes when somebody edits the file, which no event tells.
    let done = done.map(String::from);
    let frame = Frame { live: None, done, ..frame_for(api, viewed, "Site", "site", "") };
    let comparing = page.comparing;
    Ok((shown("site.html", &frame, page)?, comparing))
}

impl SitePage {
    /// Says what differs between what is served and the file.
    fn compare(&mut self, old: &SiteDigest, new: &SiteDigest) {
        let mut changes: Vec<(String, &'static str)> = Vec::new();
        for (name, digest) in &new.nodes {
            match old.nodes.get(name) {
                None => changes.push((name.clone(), "new")),
                Some(known) if known != digest => changes.push((name.clone(), "changed")),
                Some(_) => {}
            }
        }
        let gone = old.nodes.keys().filter(|name| !new.nodes.contains_key(*name));
        changes.extend(gone.map(|name| (name.clone(), "gone")));
        let restarts = new.read_once.iter().filter(|(key, value)| old.read_once.get(*key) != Some(*value));
        self.restarts = restarts.map(|(key, value)| format!("{key}: {value}")).collect();
        self.shared = old.shared != new.shared;
        self.is_same = changes.is_empty() && self.restarts.is_empty() && !self.shared;
        self.more = changes.len().saturating_sub(LISTED);
        changes.truncate(LISTED);
        self.changes = changes;
    }
}

fn hindrances(foreseen: Foreseen) -> Vec<(String, String)> {
    foreseen.against.into_iter().map(|against| (against.what, against.help)).collect()
}

fn counted(problems: usize) -> String {
    if problems == 1 { "it has 1 problem".into() } else { format!("it has {problems} problems") }
}

#[derive(Serialize)]
struct ChangePage {
    who: String,
    texts: Vec<TextChange>,
    cut: bool,
}

#[derive(Serialize)]
struct TextChange {
    name: String,
    added: usize,
    removed: usize,
    /// Each line with its kind: `add`, `del`, `at` or nothing.
    lines: Vec<(&'static str, String)>,
}

/// What a reload would change for one node, line by line.
pub(super) async fn change(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> PageResult {
    let served = api.appliance.served();
    let file = loadable(&api).await?;
    let wanted = name.clone();
    let texts = texts::blocking(move || {
        let old = of_node(&served.renderer, &served.site, &wanted)?;
        let new = of_node(&file.renderer, &file.site, &wanted)?;
        Ok((old.is_some() || new.is_some()).then(|| (old.unwrap_or_default(), new.unwrap_or_default())))
    });
    let (old, new) = texts.await?.ok_or_else(|| ApiError::no_such_node(&name))?;
    changed(&api, &visitor, &name, &old, &new)
}

/// What a reload would change for all nodes.
pub(super) async fn shared_change(Shared(api): Shared<Api>, Extension(visitor): Extension<Visitor>) -> PageResult {
    let served = api.appliance.served();
    let file = loadable(&api).await?;
    let old = api.digests.shared(&served.proven()).await?;
    let new = api.digests.shared(&file).await?;
    changed(&api, &visitor, "every node", &old, &new)
}

async fn loadable(api: &Api) -> Result<Proven, ApiError> {
    api.reloader.preview().await.map(|preview| preview.file).map_err(|_| {
        let error = "the site file as it is now cannot be loaded";
        ApiError::new(StatusCode::CONFLICT, error, "the page Site shows its problems")
    })
}

fn of_node(
    renderer: &crate::render::Renderer,
    site: &crate::site::Site,
    name: &str,
) -> Result<Option<Texts>, RenderError> {
    let site = site.masked();
    site.node_by_name(name).map(|node| texts_of_node(renderer, &site, node)).transpose()
}

fn changed(api: &Api, visitor: &Visitor, who: &str, old: &Texts, new: &Texts) -> PageResult {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let text = |texts: &Texts, name: &String| texts.get(name).cloned().unwrap_or_default();
    let (mut texts, mut room) = (Vec::new(), LONGEST);
    let mut cut = false;
    for name in names {
        let diff = unified::diff(name, &text(old, name), &text(new, name));
        let (added, removed) = unified::count(&diff);
        let mut lines = Vec::new();
        for line in diff.lines().skip(2) {
            // As text of a page, which is longer.
            let length = crate::web::encode(line).len() + MARKUP;
            cut |= room < length;
            if cut {
                break;
            }
            room -= length;
            let kind = match line.as_bytes().first() {
                Some(b'+') => "add",
                Some(b'-') => "del",
                Some(b'@') => "at",
                _ => "",
            };
            lines.push((kind, line.to_string()));
        }
        if added + removed > 0 {
            texts.push(TextChange { name: name.clone(), added, removed, lines });
        }
    }
    let page = ChangePage { who: who.into(), texts, cut };
    shown("change.html", &frame(api, Some(visitor), &format!("{who} after a reload"), "site"), page)
}
