//! The page of the site file: its problems where they stand, and what a reload would change for each node.

use axum::extract::{Extension, State as Shared};
use serde::Serialize;

use super::super::people::Visitor;
use super::super::texts::{self, SiteDigest};
use super::{Api, PageResult, Role, Viewed, frame_for, shown};
use crate::clock::unix_now;
use crate::web::{Frame, Time};

/// Nodes that are listed with a change; the others are counted.
const LISTED: usize = 100;

#[derive(Serialize)]
struct SitePage {
    file: String,
    loaded: Time,
    facts: Vec<(&'static str, String)>,
    /// Problems of the file as it is now; none: it can be loaded.
    problems: Option<String>,
    may_see_problems: bool,
    against: Vec<(String, String)>,
    changes: Vec<(String, &'static str)>,
    more: usize,
    restarts: Vec<String>,
    shared: bool,
    is_same: bool,
}

pub(super) async fn page(Shared(api): Shared<Api>, Extension(visitor): Extension<Visitor>) -> PageResult {
    made(&api, Viewed::By(&visitor)).await
}

/// The page of the site file.
pub(super) async fn made(api: &Api, viewed: Viewed<'_>) -> PageResult {
    let (served, now) = (api.appliance.served(), unix_now());
    let site = &served.site;
    let facts = vec![
        ("site", site.name.clone()),
        ("blueprint", site.blueprint.name.clone()),
        ("security", site.security.to_string()),
        ("interface", format!("{}, {}", site.server.interface, site.server.address)),
        ("provisioning network", site.network.subnet.to_string()),
        ("nodes", site.nodes.len().to_string()),
        ("time zone of the nodes", site.timezone.clone()),
    ];
    let mut page = SitePage {
        file: api.reloader.file().display().to_string(),
        loaded: Time::new(served.since, now),
        facts,
        problems: None,
        may_see_problems: viewed.may(Role::Operator),
        against: Vec::new(),
        changes: Vec::new(),
        more: 0,
        restarts: Vec::new(),
        shared: false,
        is_same: false,
    };
    match api.reloader.preview().await {
        Err(why) => page.problems = Some(why),
        Ok((loaded, foreseen)) => {
            page.against = foreseen.against.into_iter().map(|against| (against.what, against.help)).collect();
            let digests = texts::blocking(move || {
                let new = SiteDigest::new(&loaded.renderer, &loaded.site)?;
                Ok((SiteDigest::new(&served.renderer, &served.site)?, new))
            });
            let (old, new) = digests.await?;
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
            page.restarts = restarts.map(|(key, value)| format!("{key}: {value}")).collect();
            page.shared = old.shared != new.shared;
            page.is_same = changes.is_empty() && page.restarts.is_empty() && !page.shared;
            page.more = changes.len().saturating_sub(LISTED);
            changes.truncate(LISTED);
            page.changes = changes;
        }
    }
    // A line of the file that is quoted may hold a password's hash, which a viewer may not see.
    if !page.may_see_problems {
        page.problems = page.problems.map(|why| why.lines().next().unwrap_or_default().to_string());
    }
    // It changes when somebody edits the file, which no event tells.
    let frame = Frame { live: None, ..frame_for(api, viewed, "Site", "site", "") };
    shown("site.html", &frame, page)
}
