//! What an operator may ask and order about secrets. Showing or changing one is audited before it happens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Person, Refusal};
use crate::audit::{Actor, Order};
use crate::secrets::{self, DISK_PASSPHRASE, SecretValue};
use crate::site::{Node, SecretSpec, Security, Site};
use crate::store::{DecideError, Orders, Origin, Record, SecretsError, Store};

/// A secret without its value, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SecretStatus {
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

/// What must be done after a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Rotated {
    /// The secrets that changed.
    pub names: Vec<String>,
    /// The nodes that must learn the new values, and the steps that each one must run again, in order.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    pub again: Vec<(String, Vec<String>)>,
}

/// A secret that was shown.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct Revealed {
    /// Its name.
    pub name: String,
    /// The value itself.
    pub value: String,
}

/// All secrets of the blueprint, without their values.
pub(crate) fn list(site: &Site, store: &Store) -> Vec<SecretStatus> {
    let paper = site.security == Security::Paper;
    let sealed = store.seals_secrets();
    let status = |(name, spec): (&String, &SecretSpec)| {
        let kept = store.kept_secret(name);
        let origin = match &kept {
            _ if store.is_damaged(name) => "damaged",
            Some(kept) if kept.origin == Origin::Set => "set",
            _ if paper && spec.paper.is_some() => "paper",
            _ => "generated",
        };
        let (changed, origin) = (kept.map_or(0, |kept| kept.changed), origin.to_string());
        SecretStatus { name: name.clone(), nodes: nodes(site, spec), origin, changed, sealed }
    };
    site.blueprint.secrets.iter().map(status).collect()
}

/// Shows one secret in the clear.
pub(crate) async fn reveal(site: &Site, store: &Store, person: &Person, name: String) -> Result<Revealed, Refusal> {
    if store.is_damaged(&name) {
        return Err(SecretsError::Damaged(name).into());
    }
    let value = store.secrets(site).remove(&name).ok_or_else(|| unknown(site, &name))?;
    let actor = owner(store, person, "reveal-secret", &name).await?;
    store.audit(actor, "reveal-secret", &name, "").await?;
    tracing::warn!(secret = name, by = %actor, "a secret was shown");
    Ok(Revealed { name, value: value.reveal().into() })
}

/// The `secrets` file of one node, for an operator who brings rotated values to it.
pub(crate) async fn reveal_of_node(
    site: &Site,
    store: &Store,
    person: &Person,
    name: String,
) -> Result<Revealed, Refusal> {
    let node = site.node_by_name(&name).ok_or_else(|| Refusal::UnknownNode(name.clone()))?;
    let actor = owner(store, person, "reveal-secrets-of-node", &name).await?;
    if let Some(name) = site.blueprint.secrets.keys().find(|name| store.is_damaged(name)) {
        return Err(SecretsError::Damaged(name.clone()).into());
    }
    let value = crate::render::secrets_file(site, node, &store.secrets(site))?;
    store.audit(actor, "reveal-secrets-of-node", &name, "").await?;
    tracing::warn!(node = name, by = %actor, "the secrets of a node were shown");
    Ok(Revealed { name, value })
}

/// Sets a secret to the operator's value.
pub(crate) async fn set(
    site: &Site,
    store: &Store,
    who: &Actor,
    name: String,
    value: String,
) -> Result<Rotated, Refusal> {
    let value = SecretValue::new(value).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    if name == DISK_PASSPHRASE && !crate::render::carries_passphrase(value.reveal()) {
        let why = "a disk passphrase is typed on a console and written into a kickstart: use only letters, digits and @%+=:,./_-$*!";
        return Err(Refusal::Unreadable(why.into()));
    }
    let order = Order::new(who, "set-secret", &name);
    change(site, store, vec![(name, Some(value))], vec![order]).await
}

/// Makes a new value for one secret, or for all of them.
pub(crate) async fn rotate(site: &Site, store: &Store, who: &Actor, name: Option<String>) -> Result<Rotated, Refusal> {
    // Rotating all secrets skips the passphrase while disks are encrypted with it, and passwords of registries and BMCs.
    let changes = |name: &&String| match name.as_str() {
        DISK_PASSPHRASE => opened_by_passphrase(site, store).is_none(),
        name => account_of(site, name).is_none(),
    };
    if let Some(registry) = name.as_deref().and_then(|name| account_of(site, name)) {
        return Err(Refusal::OthersPassword(registry));
    }
    let all = || site.blueprint.secrets.keys().filter(changes).cloned().collect();
    let names = name.map_or_else(all, |name| vec![name]);
    let orders = names.iter().map(|name| Order::new(who, "rotate-secret", name)).collect();
    change(site, store, names.into_iter().map(|name| (name, None)).collect(), orders).await
}

async fn change(
    site: &Site,
    store: &Store,
    changes: Vec<(String, Option<SecretValue>)>,
    orders: Vec<Order>,
) -> Result<Rotated, Refusal> {
    let names: Vec<String> = changes.iter().map(|(name, _)| name.clone()).collect();
    if let Some(node) = opened_by_passphrase(site, store).filter(|_| names.iter().any(|name| name == DISK_PASSPHRASE)) {
        return Err(Refusal::DisksOpenWith(node));
    }
    if let Some(name) = names.iter().find(|name| !site.blueprint.secrets.contains_key(*name)) {
        return Err(unknown(site, name));
    }
    store.change_secrets(&site.blueprint, changes, orders).await?;
    let again = again(site, store, &names);
    Ok(Rotated { names, again })
}

/// The registry or the BMC whose password a secret is.
fn account_of(site: &Site, name: &str) -> Option<String> {
    let bmc = site.nodes.iter().filter_map(|node| node.power.as_ref()).find(|power| power.secret == name);
    if let Some(power) = bmc {
        return Some(format!("the BMC ({})", power.bmc));
    }
    let containers = site.nodes.iter().filter_map(|node| node.container.as_ref());
    let mut accounts = containers.filter(|container| container.user.is_some());
    accounts.find(|container| container.password() == name).map(|container| container.registry().to_string())
}

/// A node whose disks were encrypted with the stored passphrase and still are, as far as is known.
fn opened_by_passphrase(site: &Site, store: &Store) -> Option<String> {
    let encrypted = |record: &Record, node: &Node| match &record.installed {
        Some(installed) => installed.promise.plan.volume_groups.iter().any(|group| group.encrypted),
        None => record.written.is_some() && node.layout.is_encrypted(),
    };
    let opens = |node: &&Node| store.record(node.mac).is_some_and(|record| encrypted(&record, node));
    site.nodes.iter().find(opens).map(|node| node.name.to_string())
}

/// The installed nodes that use these secrets, and which of their steps do.
pub(in crate::server) fn again(site: &Site, store: &Store, names: &[String]) -> Vec<(String, Vec<String>)> {
    let mut again = Vec::new();
    let is_installed = |node: &&Node| store.record(node.mac).is_some_and(|record| record.has_system());
    for node in site.nodes.iter().filter(is_installed) {
        let targets = site.blueprint.targets(&node.role);
        let mut steps: Vec<String> = Vec::new();
        let mut concerned = false;
        for (_, spec) in secrets::of_targets(&site.blueprint, &targets).filter(|(name, _)| names.contains(name)) {
            concerned = true;
            let here = spec.steps.iter().filter_map(|step| site.said(step));
            let own = here.filter(|step| targets.iter().any(|target| is_step_of(step, target)));
            steps.extend(own.map(String::from));
        }
        steps.sort();
        steps.dedup();
        if concerned {
            again.push((node.name.to_string(), steps));
        }
    }
    again
}

/// Steps are numbered in order; the last word of the folder is the target that runs them.
fn is_step_of(step: &str, target: &str) -> bool {
    step.split('/').next().and_then(|folder| folder.rsplit('-').next()) == Some(target)
}

fn nodes(site: &Site, spec: &SecretSpec) -> Vec<String> {
    let has = |role: &str| site.blueprint.targets(role).iter().any(|target| spec.targets.contains(target));
    site.nodes.iter().filter(|node| has(&node.role)).map(|node| node.name.to_string()).collect()
}

/// Members of the socket's group may give orders; a secret in the clear is only for the owner. The audit log records
/// the attempt.
pub(super) async fn owner<'a>(
    store: &Store,
    person: &'a Person,
    action: &str,
    subject: &str,
) -> Result<&'a Actor, Refusal> {
    if person.is_owner {
        return Ok(&person.actor);
    }
    const REASON: &str =
        "secrets in the clear are for root and the daemon's own user, not for the socket's group; run it with sudo";
    let asked = Order::new(&person.actor, action, subject);
    let refused = store.decide(asked, |_, _| Err::<Orders, _>(REASON)).await;
    tracing::warn!(by = %person.actor, action, subject, "refused: {REASON}");
    Err(match refused {
        Err(DecideError::Store(lost)) => lost.into(),
        _ => Refusal::NotOwner(REASON),
    })
}

fn unknown(site: &Site, name: &str) -> Refusal {
    let known: Vec<&str> = site.blueprint.secrets.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "it declares none".into() } else { format!("it has {}", known.join(", ")) };
    // Anything else that was typed in place of a name is not repeated: it may be a value.
    let is_name = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let name = if is_name { format!("`{name}`") } else { "of the name that was typed".into() };
    Refusal::UnknownSecret(format!("blueprint `{}` declares no secret {name}; {known}", site.blueprint.name))
}
