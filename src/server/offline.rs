//! What verbs do to a store that no daemon uses.

use std::path::{Path, PathBuf};

use super::engines::StoreTask;
use super::error::ServerError;
use super::key;
use super::operate::secrets::{self, Rotated};
use crate::audit::{Actor, Order};
use crate::site::{KeySource, Mac, Node, Nodes, Site};
use crate::store::{Record, SecretsError, Store};

/// Whether a verb needs the secrets.
#[derive(Debug, Clone)]
pub(crate) enum Need {
    /// It does not: the audit log and backups are accessible without their key.
    Nothing,
    /// It needs them open, with the key in this file if one is named.
    Opened(Option<PathBuf>),
}

/// What is known about a site whose daemon is stopped.
pub(crate) struct Resting {
    /// The site; its store is in `server.state`.
    pub site: Site,
    /// Whether its nodes are those of the site file; otherwise they are those of the store.
    pub knows_its_nodes: bool,
}

/// Opens the site's store, which no daemon uses. Also returns the task to wait for when the store is no longer needed.
/// Damaged secrets stay closed, and can be set again.
pub(crate) async fn at_rest(resting: Resting, need: Need) -> Result<(Site, Store, StoreTask), ServerError> {
    let Resting { mut site, knows_its_nodes } = resting;
    let key = match &need {
        Need::Nothing => None,
        Need::Opened(file) => key::read_at_shell(&site.key, file.as_deref(), "--key-file")?,
    };
    let (store, task) = Store::open(&site.server.state).await?;
    if let Need::Opened(_) = need {
        let opened = store.open_secrets(key.as_ref().map(|key| key.as_slice()), &site.blueprint).await;
        opened.map_err(|source| ServerError::secrets(&site, source))?;
    }
    if !knows_its_nodes {
        site.nodes = known_nodes(&store);
    }
    Ok((site, store, task))
}

/// The nodes that a store knows, by the names that they were installed with.
fn known_nodes(store: &Store) -> Nodes {
    let node = |(mac, record): (Mac, &Record)| {
        let installed = record.installed_as.as_deref();
        let nameless = || format!("mac-{}", mac.hyphenated());
        let name = installed.map_or_else(nameless, |installed| installed.name.clone());
        let role = installed.map(|installed| installed.role.clone()).unwrap_or_default();
        Some(Node::bare(name.parse().ok()?, mac, role))
    };
    let mut nodes: Vec<Node> = store.look(|draft| draft.records().filter_map(node).collect());
    nodes.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    nodes.into()
}

/// Whether the key that the site file names opens the secrets of its store. Changes nothing.
pub(crate) async fn try_key(site: &Site) -> Result<(), ServerError> {
    let (store, task) = Store::open(&site.server.state).await?;
    let outcome = match key::read_at_shell(&site.key, None, "--key-file") {
        Ok(key) => store.try_key(key.as_ref().map(|key| key.as_slice())).await,
        Err(error) => {
            let sealed = store.are_secrets_sealed().await;
            close(store, task).await?;
            return if sealed.unwrap_or(true) { Err(error.into()) } else { Ok(()) };
        }
    };
    close(store, task).await?;
    outcome.map_err(|source| ServerError::secrets(site, source))
}

/// Seals the secrets of a site with the key that its file names. `former` is the file with the former key; `new` is the
/// file with the new key, if the site file names a credential. Returns the number of secrets.
pub(crate) async fn rekey(site: &Site, former: &Path, new: Option<&Path>, actor: &Actor) -> Result<usize, ServerError> {
    let new = key::read_at_shell(&site.key, new, "--new-key")?;
    let new = new.ok_or_else(|| ServerError::secrets(site, SecretsError::Locked))?;
    let before = key::read(&KeySource::File(former.into()))?.ok_or(SecretsError::WrongFormerKey);
    let before = before.map_err(|source| ServerError::secrets(site, source))?;
    let (store, task) = Store::open(&site.server.state).await?;
    let outcome = store.rekey(&before, &new, Order::new(actor, "rekey-secrets", "store")).await;
    close(store, task).await?;
    outcome.map_err(|source| ServerError::secrets(site, source))
}

/// Makes new values for every secret of a site because the stored ones cannot be read any more.
pub(crate) async fn renew_secrets(site: &Site, new: Option<&Path>, actor: &Actor) -> Result<Rotated, ServerError> {
    let key = key::read_at_shell(&site.key, new, "--new-key")?;
    let (store, task) = Store::open(&site.server.state).await?;
    let order = Order::new(actor, "renew-secrets", "store");
    let outcome = store.renew_secrets(key.as_ref().map(|key| key.as_slice()), &site.blueprint, order).await;
    let names: Vec<String> = site.blueprint.secrets.keys().cloned().collect();
    let again = secrets::again(site, &store, &names);
    close(store, task).await?;
    outcome.map_err(|source| ServerError::secrets(site, source))?;
    Ok(Rotated { names, again })
}

/// Closes the store, so that its errors are reported before the answer counts.
async fn close(store: Store, task: StoreTask) -> Result<(), ServerError> {
    drop(store);
    match task.await {
        Ok(closed) => closed.map_err(ServerError::Durability),
        Err(error) => Err(ServerError::Engine { engine: "the store", how: error.to_string() }),
    }
}
