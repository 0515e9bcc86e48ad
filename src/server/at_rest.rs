//! What verbs do to a store that no daemon uses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use super::engines::StoreTask;
use super::http::Appliance;
use super::served::Served;
use super::vault::{self, Rotated};
use super::{ServerError, key, neighbours, unix_now};
use crate::audit::{Actor, Order};
use crate::render::Renderer;
use crate::site::{KeySource, Site};
use crate::store::{SecretsError, Store};

/// What a verb needs of the secrets.
#[derive(Debug, Clone)]
pub enum Need {
    /// Nothing: the audit log and a backup are there without their key.
    Nothing,
    /// To open them, with the key in this file where one is named.
    Opened(Option<PathBuf>),
}

/// The admin API of a store that no daemon uses, and the task to wait for when the API is gone. Secrets that are damaged do
/// not open, and can be given a value again.
pub async fn at_rest(site: Site, renderer: Renderer, need: Need) -> Result<(axum::Router, StoreTask), ServerError> {
    let key = match &need {
        Need::Nothing => None,
        Need::Opened(file) => key::read_at_shell(&site.key, file.as_deref(), "--key-file")?,
    };
    let (store, task) = Store::open(&site.server.state).await?;
    if let Need::Opened(_) = need {
        let opened = store.open_secrets_to_mend(key.as_ref().map(|key| key.as_slice()), &site.blueprint).await;
        opened.map_err(|source| ServerError::secrets(&site, source))?;
    }
    let (neighbours, machines) = (neighbours::Arp::on(&site.server.interface), Arc::default());
    let (_, served) = watch::channel(Arc::new(Served::new(site, renderer, unix_now())));
    let (recent, strangers) = (Arc::default(), Arc::default());
    let (reports, health, renewals) = (Arc::default(), Arc::default(), Arc::default());
    let appliance = Appliance { served, store, recent, strangers, reports, neighbours, machines, health, renewals };
    Ok((vault::routes().with_state(appliance), task))
}

/// Seals the secrets of a site with the key that its file names; `former` is the file with the key of before, `new` one with
/// the key that the site file names as a credential. Returns how many there are.
pub async fn rekey(site: &Site, former: &Path, new: Option<&Path>, actor: &Actor) -> Result<usize, ServerError> {
    let new = key::read_at_shell(&site.key, new, "--new-key")?;
    let new = new.ok_or_else(|| ServerError::secrets(site, SecretsError::Locked))?;
    let before = key::read(&KeySource::File(former.into()))?.ok_or(SecretsError::WrongFormerKey);
    let before = before.map_err(|source| ServerError::secrets(site, source))?;
    let (store, task) = Store::open(&site.server.state).await?;
    let outcome = store.rekey(&before, &new, Order::new(actor, "rekey-secrets", "store")).await;
    close(store, task).await?;
    outcome.map_err(|source| ServerError::secrets(site, source))
}

/// Makes every secret of a site anew because those that are stored cannot be read any more.
pub async fn renew_secrets(site: &Site, new: Option<&Path>, actor: &Actor) -> Result<Rotated, ServerError> {
    let key = key::read_at_shell(&site.key, new, "--new-key")?;
    let (store, task) = Store::open(&site.server.state).await?;
    let order = Order::new(actor, "renew-secrets", "store");
    let outcome = store.renew_secrets(key.as_ref().map(|key| key.as_slice()), &site.blueprint, order).await;
    close(store, task).await?;
    outcome.map_err(|source| ServerError::secrets(site, source))?;
    let names: Vec<String> = site.blueprint.secrets.keys().cloned().collect();
    let again = vault::again(site, &names);
    Ok(Rotated { names, again })
}

/// Closed before the answer counts.
async fn close(store: Store, task: StoreTask) -> Result<(), ServerError> {
    drop(store);
    match task.await {
        Ok(closed) => closed.map_err(ServerError::Durability),
        Err(error) => Err(ServerError::Engine { engine: "the store", how: error.to_string() }),
    }
}
