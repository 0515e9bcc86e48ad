//! Changes the key of the secrets while no daemon runs: the daemon would go on with the former one.

use std::path::Path;

use super::{ServerError, key};
use crate::audit::{Actor, Order};
use crate::site::{KeySource, Site};
use crate::store::{SecretsError, Store};

/// Seals the secrets of a site with the key that its file names; `former` is the file with the key of before. Returns how
/// many there are.
pub async fn rekey(site: &Site, former: &Path, actor: &Actor) -> Result<usize, ServerError> {
    let new = key::read(&site.key)?.ok_or(SecretsError::Locked)?;
    let before = key::read(&KeySource::File(former.into()))?.ok_or(SecretsError::WrongFormerKey)?;
    let (store, task) = Store::open(&site.server.state).await?;
    let outcome = store.rekey(&before, &new, Order::new(actor, "rekey-secrets", "store")).await;
    drop(store);
    // Closed before the answer counts.
    match task.await {
        Ok(closed) => closed.map_err(ServerError::Durability)?,
        Err(error) => return Err(ServerError::Engine { engine: "the store", how: error.to_string() }),
    }
    Ok(outcome?)
}
