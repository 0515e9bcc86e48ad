//! Secrets, audit log and backup over the admin socket. Who shows or changes a secret stands in the audit log first.

use axum::body::Bytes;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::answer::HttpError;
use super::appliance::Appliance;
use super::caller::{Caller, Person};
use crate::audit::{Actor, AuditLine, Head, Order};
use crate::secrets::{self, SecretValue};
use crate::site::{Mac, Node, SecretSpec, Site};
use crate::store::{AuditFilter, BackupError, DecideError, Orders, Origin, SecretsError, Store};

/// A secret as people see it: everything but its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretStatus {
    /// Its name.
    pub name: String,
    /// The nodes that get it.
    pub nodes: Vec<String>,
    /// `generated`, `set`, `paper` for the paper's own value, or `damaged`.
    pub origin: String,
    /// Unix seconds of its last change.
    pub changed: u64,
    /// Whether it is sealed on the disk.
    pub sealed: bool,
}

/// What has to be done after a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotated {
    /// The secrets that changed.
    pub names: Vec<String>,
    /// The nodes that have to learn them, and the steps that each one has to run again, in order.
    pub again: Vec<(String, Vec<String>)>,
}

/// A secret that somebody asked to see.
#[derive(Serialize, Deserialize)]
pub struct Revealed {
    /// Its name.
    pub name: String,
    /// The value itself.
    pub value: String,
}

/// A log that holds together, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerdict {
    /// The end of the chain.
    pub head: Option<String>,
    /// What is wrong; none when all is well.
    pub broken: Option<String>,
}

/// The routes.
pub fn routes() -> Router<Appliance> {
    Router::new()
        .route("/v1/secrets", get(list))
        .route("/v1/secrets/{name}", post(set))
        .route("/v1/secrets/{name}/reveal", post(reveal))
        .route("/v1/secrets/{name}/rotate", post(rotate))
        .route("/v1/secrets-of/{node}", post(file_of))
        .route("/v1/rotate-secrets", post(rotate_all))
        .route("/v1/audit", get(lines))
        .route("/v1/audit/verify", get(verify))
        .route("/v1/backup", post(backup))
        .route("/v1/sealed", get(sealed))
}

async fn list(Shared(appliance): Shared<Appliance>) -> Json<Vec<SecretStatus>> {
    let site = appliance.site();
    let paper = site.security == crate::site::Security::Paper;
    let sealed = appliance.store.seals_secrets();
    let status = |(name, spec): (&String, &SecretSpec)| {
        let kept = appliance.store.kept_secret(name);
        let origin = match &kept {
            _ if appliance.store.is_damaged(name) => "damaged",
            Some(kept) if kept.origin == Origin::Set => "set",
            _ if paper && spec.paper.is_some() => "paper",
            _ => "generated",
        };
        let (changed, origin) = (kept.map_or(0, |kept| kept.changed), origin.to_string());
        SecretStatus { name: name.clone(), nodes: nodes(&site, spec), origin, changed, sealed }
    };
    Json(site.blueprint.secrets.iter().map(status).collect())
}

async fn reveal(
    Shared(appliance): Shared<Appliance>,
    Path(name): Path<String>,
    person: Person,
) -> Result<impl IntoResponse, HttpError> {
    if appliance.store.is_damaged(&name) {
        return Err(SecretsError::Damaged(name).into());
    }
    let value = appliance.store.secrets(&appliance.site()).remove(&name);
    let value = value.ok_or_else(|| unknown(&appliance.site(), &name))?;
    let actor = owner(&appliance, person, "reveal-secret", &name).await?;
    appliance.store.audit(&actor, "reveal-secret", &name, "").await?;
    tracing::warn!(secret = name, by = %actor, "a secret was shown");
    Ok(unkept(Json(Revealed { name, value: value.reveal().into() })))
}

/// The file `secrets` of one node, for an operator who brings rotated values to it.
async fn file_of(
    Shared(appliance): Shared<Appliance>,
    Path(name): Path<String>,
    person: Person,
) -> Result<impl IntoResponse, HttpError> {
    let site = appliance.site();
    let Some(node) = site.node_by_name(&name) else {
        return Err(HttpError::not_found(format!("the running daemon knows no node called `{name}`")));
    };
    let actor = owner(&appliance, person, "reveal-secrets-of-node", &name).await?;
    if let Some(name) = site.blueprint.secrets.keys().find(|name| appliance.store.is_damaged(name)) {
        return Err(SecretsError::Damaged(name.clone()).into());
    }
    let value = crate::render::secrets_file(&site, node, &appliance.store.secrets(&site))?;
    appliance.store.audit(&actor, "reveal-secrets-of-node", &name, "").await?;
    tracing::warn!(node = name, by = %actor, "the secrets of a node were shown");
    Ok(unkept(Json(Revealed { name, value })))
}

async fn set(
    Shared(appliance): Shared<Appliance>,
    Path(name): Path<String>,
    Caller(actor): Caller,
    body: Bytes,
) -> Result<Json<Rotated>, HttpError> {
    let bad = |reason: String| HttpError::new(StatusCode::BAD_REQUEST, reason);
    let text = String::from_utf8(body.to_vec()).map_err(|_| bad("a secret is UTF-8 text".into()))?;
    let value = SecretValue::new(text).map_err(|error| bad(error.to_string()))?;
    let order = Order::new(&actor, "set-secret", &name);
    change(&appliance, vec![(name, Some(value))], vec![order]).await
}

async fn rotate(
    Shared(appliance): Shared<Appliance>,
    Path(name): Path<String>,
    Caller(actor): Caller,
) -> Result<Json<Rotated>, HttpError> {
    let order = Order::new(&actor, "rotate-secret", &name);
    change(&appliance, vec![(name, None)], vec![order]).await
}

async fn rotate_all(Shared(appliance): Shared<Appliance>, Caller(actor): Caller) -> Result<Json<Rotated>, HttpError> {
    let names: Vec<String> = appliance.site().blueprint.secrets.keys().cloned().collect();
    let orders = names.iter().map(|name| Order::new(&actor, "rotate-secret", name)).collect();
    change(&appliance, names.into_iter().map(|name| (name, None)).collect(), orders).await
}

async fn change(
    appliance: &Appliance,
    changes: Vec<(String, Option<SecretValue>)>,
    orders: Vec<Order>,
) -> Result<Json<Rotated>, HttpError> {
    let site = appliance.site();
    let names: Vec<String> = changes.iter().map(|(name, _)| name.clone()).collect();
    if let Some(name) = names.iter().find(|name| !site.blueprint.secrets.contains_key(*name)) {
        return Err(unknown(&site, name));
    }
    appliance.store.change_secrets(&site.blueprint, changes, orders).await?;
    let again = again(&site, &appliance.store, &names);
    Ok(Json(Rotated { names, again }))
}

/// Which installed nodes have a part in these secrets, and the steps of theirs that use them.
pub(super) fn again(site: &Site, store: &Store, names: &[String]) -> Vec<(String, Vec<String>)> {
    let mut again = Vec::new();
    let is_installed = |node: &&Node| store.record(node.mac).is_some_and(|record| record.has_system());
    for node in site.nodes.iter().filter(is_installed) {
        let targets = site.blueprint.targets(&node.role);
        let mut steps: Vec<String> = Vec::new();
        let mut concerned = false;
        for (_, spec) in secrets::of_targets(&site.blueprint, &targets).filter(|(name, _)| names.contains(name)) {
            concerned = true;
            let own = spec.steps.iter().filter(|step| targets.iter().any(|target| is_step_of(step, target)));
            steps.extend(own.cloned());
        }
        steps.sort();
        steps.dedup();
        if concerned {
            again.push((node.name.to_string(), steps));
        }
    }
    again
}

/// Steps are numbered in their order; the last word of their folder is who runs them.
fn is_step_of(step: &str, target: &str) -> bool {
    step.split('/').next().and_then(|folder| folder.rsplit('-').next()) == Some(target)
}

fn nodes(site: &Site, spec: &SecretSpec) -> Vec<String> {
    let has = |role: &str| site.blueprint.targets(role).iter().any(|target| spec.targets.contains(target));
    site.nodes.iter().filter(|node| has(&node.role)).map(|node| node.name.to_string()).collect()
}

async fn lines(
    Shared(appliance): Shared<Appliance>,
    Query(filter): Query<AuditFilter>,
) -> Result<Json<Vec<AuditLine>>, HttpError> {
    let filter = with_both_names(&appliance.site(), filter);
    Ok(Json(appliance.store.audit_lines(filter).await?))
}

/// A node is found by its name and by its MAC, whichever a line has.
pub(super) fn with_both_names(site: &Site, filter: AuditFilter) -> AuditFilter {
    let other = |subject: &String| match subject.parse::<Mac>() {
        Ok(mac) => site.node_by_mac(mac).map(|node| node.name.to_string()),
        Err(_) => site.node_by_name(subject).map(|node| node.mac.to_string()),
    };
    let plain = |subject: String| subject.parse::<Mac>().map_or(subject, |mac| mac.to_string());
    AuditFilter { also: filter.subject.as_ref().and_then(other), subject: filter.subject.map(plain), ..filter }
}

/// A head that the asker has noted elsewhere.
#[derive(Debug, Deserialize)]
struct Noted {
    head: Option<String>,
}

async fn verify(
    Shared(appliance): Shared<Appliance>,
    Query(noted): Query<Noted>,
) -> Result<Json<AuditVerdict>, HttpError> {
    let noted = noted.head.map(|text| text.parse::<Head>()).transpose();
    let noted = noted.map_err(|error| HttpError::new(StatusCode::BAD_REQUEST, error))?;
    let known = noted.into_iter().map(|head| (head, "your own note".to_string())).collect();
    let verdict = appliance.store.verify_audit(known).await?;
    Ok(Json(match verdict {
        Ok(verdict) => AuditVerdict { head: Some(verdict.head.to_string()), broken: None },
        Err(broken) => AuditVerdict { head: None, broken: Some(broken.to_string()) },
    }))
}

/// Whether the secrets lie sealed in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Whether they do; their key is then needed wherever the store goes.
    pub sealed: bool,
}

async fn sealed(Shared(appliance): Shared<Appliance>) -> Result<Json<Sealed>, HttpError> {
    Ok(Json(Sealed { sealed: appliance.store.are_secrets_sealed().await? }))
}

/// What goes into a backup.
#[derive(Debug, Deserialize)]
struct BackupQuery {
    /// With the secrets although they are not sealed.
    #[serde(default)]
    with_secrets: bool,
}

async fn backup(
    Shared(appliance): Shared<Appliance>,
    Query(query): Query<BackupQuery>,
    person: Person,
) -> Result<impl IntoResponse, HttpError> {
    let actor = match query.with_secrets {
        true => owner(&appliance, person, "backup", "store").await?,
        false => person.actor,
    };
    let kept = match (query.with_secrets, appliance.store.are_secrets_sealed().await?) {
        (_, true) => "with sealed secrets",
        (true, false) => "with secrets",
        (false, false) => "without secrets",
    };
    appliance.store.audit(&actor, "backup", "store", kept).await?;
    let bytes = appliance.store.backup(query.with_secrets).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "no-store")], bytes))
}

/// Members of the socket's group may order; a secret in the clear is for the owner alone. The audit log tells who tried.
async fn owner(appliance: &Appliance, person: Person, action: &str, subject: &str) -> Result<Actor, HttpError> {
    if person.is_owner {
        return Ok(person.actor);
    }
    const REASON: &str = "secrets in the clear are for root and the daemon's own user, not for the group of the socket; run it with sudo";
    let asked = Order::new(&person.actor, action, subject);
    let refused = appliance.store.decide(asked, |_, _| Err::<Orders, _>(REASON)).await;
    tracing::warn!(by = %person.actor, action, subject, "refused: {REASON}");
    Err(match refused {
        Err(DecideError::Store(lost)) => lost.into(),
        _ => HttpError::new(StatusCode::FORBIDDEN, REASON),
    })
}

fn unknown(site: &Site, name: &str) -> HttpError {
    let known: Vec<&str> = site.blueprint.secrets.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "it declares none".into() } else { format!("it has {}", known.join(", ")) };
    // Whatever else was typed in its place is not repeated: it may be a value.
    let is_name = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let name = if is_name { format!("`{name}`") } else { "of the name that was typed".into() };
    HttpError::not_found(format!("blueprint `{}` declares no secret {name}; {known}", site.blueprint.name))
}

fn unkept(answer: impl IntoResponse) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], answer)
}

impl From<BackupError> for HttpError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Store(error) => error.into(),
            BackupError::Copy(_) => Self::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()),
        }
    }
}

impl From<SecretsError> for HttpError {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Store(lost) => lost.into(),
            other => Self::new(StatusCode::CONFLICT, other.to_string()),
        }
    }
}
