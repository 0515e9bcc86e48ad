//! Secrets in the store: made once per site, sealed when there is a key, and in memory while the daemon runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::seal::{self, Seal};
use super::secret_rows::{SecretRow, SecretWrite, Stored};
use super::{ChangeError, Command, Store, answered};
use crate::audit::Order;
use crate::clock::unix_now;
use crate::secrets::{Redactor, SITE_SECRET, SecretValue, Secrets, in_use, of_targets};
use crate::site::{Blueprint, Security, Site};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// rackstart generated it.
    Generated,
    /// An operator set it; it is used in paper mode, too.
    Set,
}

/// One secret as it is kept in memory.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The value.
    pub value: SecretValue,
    /// The former value, which nodes may still use.
    pub previous: Option<SecretValue>,
    /// Where it comes from.
    pub origin: Origin,
    /// Unix seconds of its last change.
    pub changed: u64,
}

/// All secrets in memory, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Vault {
    kept: BTreeMap<String, Kept>,
    redactor: Arc<Redactor>,
    seal: Option<Seal>,
    /// Names of the secrets that do not open. Nodes that use one get no payload until it has a value again.
    damaged: BTreeSet<String>,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

pub(super) type Shared = Arc<RwLock<Vault>>;

/// Why the secrets cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// The secrets are sealed, and there is no key.
    #[error(
        "the secrets in the store are sealed, and the site file names no key: write `key_file = \"...\"` or \
             `credential = \"...\"` under `[secrets]`, the key that they were sealed with; if that is lost for good, \
             `rackstart secrets rekey --new-secrets` makes new ones"
    )]
    Locked,
    /// The key is not the right one.
    #[error(
        "the key that `[secrets]` names does not open the secrets of the store; give it the key that they were sealed with, or, \
             if that is lost for good, make new secrets with `rackstart secrets rekey --new-secrets`"
    )]
    WrongKey,
    /// The secrets are not sealed, so the key cannot be changed.
    #[error(
        "the secrets in the store are not sealed: the daemon seals them at its next start with the key that `[secrets]` names"
    )]
    NotSealed,
    /// The new key is the current one.
    #[error("the secrets in the store are sealed with the key that `[secrets]` names already")]
    SameKey,
    /// The former key that was given is not the current one.
    #[error("`--old-key` is not the key that the secrets in the store are sealed with: nothing was changed")]
    WrongFormerKey,
    /// A row that no key opens.
    #[error(
        "the secret {0} in the store is damaged; give it the value that the nodes know with `rackstart secrets set {0}`, or a \
             new one with `rackstart secrets rotate {0}`"
    )]
    Damaged(String),
    /// The record of the seal is damaged, so no key opens anything.
    #[error(
        "how the secrets in the store were sealed can no longer be read; restore a backup, or make new secrets with \
             `rackstart secrets rekey --new-secrets`"
    )]
    DamagedSeal,
    /// Nothing is lost that would have to be made anew.
    #[error(
        "every secret of the store can be read, so nothing was changed; `rackstart secrets rotate --all` makes new ones"
    )]
    NotLost,
    /// The blueprint does not declare the name.
    #[error("the blueprint declares no secret `{0}`")]
    Unknown(String),
    /// The store has stopped.
    #[error(transparent)]
    Store(#[from] ChangeError),
}

impl Store {
    /// Reads the secrets, opens them, generates those that the blueprint declares and that do not exist yet, and seals
    /// open ones when there is a key. No node gets a secret before this. A damaged secret stays as it is until an
    /// operator sets a new value; the others are usable.
    pub async fn open_secrets(&self, key: Option<&[u8]>, blueprint: &Blueprint) -> Result<(), SecretsError> {
        let _alone = self.secrets_change.lock().await;
        let stored = self.stored_secrets().await?;
        if stored.seal_is_damaged {
            return Err(SecretsError::DamagedSeal);
        }
        let (seal, fresh) = match (key, &stored.seal) {
            (None, None) => (None, None),
            (None, Some(_)) => return Err(SecretsError::Locked),
            (Some(key), Some(record)) => (Some(Seal::again(key, record).map_err(|_| SecretsError::WrongKey)?), None),
            (Some(key), None) => {
                let (seal, record) = Seal::first(key).map_err(|_| SecretsError::WrongKey)?;
                (Some(seal), Some(record))
            }
        };
        let opener = seal.as_ref().filter(|_| stored.seal.is_some());
        let (mut kept, mut damaged) = (BTreeMap::new(), BTreeSet::new());
        let is_stored = |name: &str| stored.rows.iter().any(|row| row.name == name);
        for row in &stored.rows {
            match row.open(opener) {
                Ok(one) => drop(kept.insert(row.name.clone(), one)),
                // Only payloads for running systems are sealed with it: replacing it costs those, and no password.
                Err(_) if row.name == SITE_SECRET => {
                    tracing::error!(
                        "the secret behind newer payloads is damaged: nodes installed from now on get a new one"
                    );
                }
                Err(_) => {
                    // If the name is damaged too, it may have been that of any secret that is missing now.
                    let lost = |name: &&String| **name == row.name || row.is_damaged && !is_stored(name);
                    damaged.extend(blueprint.secrets.keys().filter(lost).cloned());
                    damaged.insert(row.name.clone());
                }
            }
        }
        let mut written: BTreeSet<&String> = BTreeSet::new();
        let now = unix_now();
        let is_there = |name: &&String| kept.contains_key(*name) || damaged.contains(*name);
        let own = SITE_SECRET.to_string();
        let names = blueprint.secrets.keys().chain([&own]);
        for name in names.filter(|name| !is_there(name)).collect::<Vec<_>>() {
            let (value, previous, origin) = (generate(), None, Origin::Generated);
            kept.insert(name.clone(), Kept { value, previous, origin, changed: now });
            written.insert(name);
        }
        let rows = kept.iter().filter(|(name, _)| fresh.is_some() || written.contains(name));
        let rows = rows.map(|(name, kept)| SecretRow::of(name, kept, seal.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if !rows.is_empty() || fresh.is_some() {
            self.write_secrets(SecretWrite { rows, seal: fresh, forgets: false }, vec![]).await?;
        }
        self.hold(Vault { damaged, ..Vault::new(kept, seal) });
        Ok(())
    }

    /// Checks whether this key opens the secrets; an error says why not. It changes nothing.
    pub(crate) async fn try_key(&self, key: Option<&[u8]>) -> Result<(), SecretsError> {
        let stored = self.stored_secrets().await?;
        match (key, &stored.seal) {
            _ if stored.seal_is_damaged => Err(SecretsError::DamagedSeal),
            (None, Some(_)) => Err(SecretsError::Locked),
            (Some(key), Some(record)) => Seal::again(key, record).map(drop).map_err(|_| SecretsError::WrongKey),
            (_, None) => Ok(()),
        }
    }

    /// Whether the secrets are sealed on the disk, whether or not they can be opened.
    pub(crate) async fn are_secrets_sealed(&self) -> Result<bool, SecretsError> {
        let stored = self.stored_secrets().await?;
        Ok(stored.seal.is_some() || stored.seal_is_damaged)
    }

    /// Whether a secret is in the store and does not open.
    pub(crate) fn is_damaged(&self, name: &str) -> bool {
        self.vault.read().expect("no holder of this lock panics").damaged.contains(name)
    }

    /// Names of the secrets that are in the store and do not open.
    pub fn damaged_secrets(&self) -> BTreeSet<String> {
        self.vault.read().expect("no holder of this lock panics").damaged.clone()
    }

    /// A damaged secret that nodes of this role use, if there is one. The values of paper mode are not in the store.
    pub(crate) fn damaged_secret_of(&self, site: &Site, role: &str) -> Option<String> {
        let damaged = self.damaged_secrets();
        if damaged.is_empty() {
            return None; // the usual case, and every running node asks
        }
        let in_use = self.secrets(site);
        let is_lost = |name: &&String| damaged.contains(*name) && !in_use.contains_key(*name);
        of_targets(&site.blueprint, &site.blueprint.targets(role)).map(|(name, _)| name).find(is_lost).cloned()
    }

    /// The secrets in use at a site, by name.
    pub(crate) fn secrets(&self, site: &Site) -> Secrets {
        let vault = self.vault.read().expect("no holder of this lock panics");
        let stored: Secrets = vault.kept.iter().map(|(name, kept)| (name.clone(), kept.value.clone())).collect();
        let set = |name: &str| vault.kept.get(name).is_some_and(|kept| kept.origin == Origin::Set);
        in_use(&site.blueprint, &stored, set, site.security == Security::Paper)
    }

    /// The stored value of a secret, once the secrets are open.
    pub fn kept_secret(&self, name: &str) -> Option<Kept> {
        self.vault.read().expect("no holder of this lock panics").kept.get(name).cloned()
    }

    /// The value from which the keys that seal payloads for running nodes are derived; none before the secrets are
    /// open.
    pub(crate) fn renewal_secret(&self) -> Option<SecretValue> {
        self.kept_secret(SITE_SECRET).map(|kept| kept.value)
    }

    /// Whether the secrets are sealed on the disk.
    pub(crate) fn seals_secrets(&self) -> bool {
        self.vault.read().expect("no holder of this lock panics").seal.is_some()
    }

    /// The redactor that removes every known secret from a text.
    pub(crate) fn redactor(&self) -> Arc<Redactor> {
        self.vault.read().expect("no holder of this lock panics").redactor.clone()
    }

    /// A function that returns the redactor of any later moment, without keeping the store open.
    pub(crate) fn redactors(&self) -> impl Fn() -> Arc<Redactor> + Send + Sync + use<> {
        let vault = self.vault.clone();
        move || vault.read().expect("no holder of this lock panics").redactor()
    }

    /// Gives secrets new values, all in one transaction with their audit lines. Where no value is given, one is
    /// generated.
    pub async fn change_secrets(
        &self,
        blueprint: &Blueprint,
        changes: Vec<(String, Option<SecretValue>)>,
        orders: Vec<Order>,
    ) -> Result<(), SecretsError> {
        if let Some((name, _)) = changes.iter().find(|(name, _)| !blueprint.secrets.contains_key(name)) {
            return Err(SecretsError::Unknown(name.clone()));
        }
        let _alone = self.secrets_change.lock().await;
        let Vault { mut kept, seal, mut damaged, .. } =
            self.vault.read().expect("no holder of this lock panics").clone();
        let mut rows = Vec::new();
        for (name, value) in changes {
            let origin = if value.is_some() { Origin::Set } else { Origin::Generated };
            let value = value.unwrap_or_else(generate);
            let previous = kept.remove(&name).map(|kept| kept.value);
            let new = Kept { value, previous, origin, changed: unix_now() };
            rows.push(SecretRow::of(&name, &new, seal.as_ref())?);
            damaged.remove(&name);
            kept.insert(name, new);
        }
        self.write_secrets(SecretWrite { rows, seal: None, forgets: false }, orders).await?;
        self.hold(Vault { damaged, ..Vault::new(kept, seal) });
        Ok(())
    }

    pub(super) async fn stored_secrets(&self) -> Result<Stored, SecretsError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::SecretRows { reply }).await?;
        Ok(answer.await.map_err(|_| ChangeError::Stopped)?)
    }

    pub(super) async fn write_secrets(&self, write: SecretWrite, orders: Vec<Order>) -> Result<(), SecretsError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::WriteSecrets { write, orders, reply }).await?;
        Ok(answered(answer).await?)
    }

    /// Puts these secrets into use.
    pub(super) fn hold(&self, vault: Vault) {
        *self.vault.write().expect("no holder of this lock panics") = vault;
    }

    pub(super) async fn tell(&self, command: Command) -> Result<(), ChangeError> {
        self.commands.send(command).await.map_err(|_| ChangeError::Stopped)
    }
}

impl Vault {
    /// The redactor that removes these secrets from texts.
    pub(super) fn redactor(&self) -> Arc<Redactor> {
        self.redactor.clone()
    }

    pub(super) fn new(kept: BTreeMap<String, Kept>, seal: Option<Seal>) -> Self {
        let values = kept.values().flat_map(|kept| std::iter::once(&kept.value).chain(&kept.previous));
        let redactor = Arc::new(Redactor::new(values));
        Self { kept, redactor, seal, damaged: BTreeSet::new() }
    }
}

/// Generates a value for a secret.
pub(super) fn generate() -> SecretValue {
    loop {
        let bytes = zeroize::Zeroizing::new(seal::random::<64>());
        if let Some(value) = SecretValue::from_random(bytes.as_slice()) {
            return value;
        }
    }
}
