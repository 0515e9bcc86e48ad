//! Secrets in the store: made once per site, sealed when there is a key, and in memory while the daemon runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;

use super::seal::{self, Seal, SealRecord};
use super::{ChangeError, Command, Store};
use crate::audit::Order;
use crate::clock::unix_now;
use crate::secrets::{Redactor, SecretValue, Secrets, in_use};
use crate::site::{Blueprint, Security, Site};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Made by rackstart.
    Generated,
    /// Given by an operator; it counts in paper mode too.
    Set,
}

/// One secret as it is kept in memory.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The value.
    pub value: SecretValue,
    /// The one before, which nodes may still use.
    pub previous: Option<SecretValue>,
    /// Where it comes from.
    pub origin: Origin,
    /// Unix seconds of its last change.
    pub changed: u64,
}

/// All secrets at hand, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Vault {
    kept: BTreeMap<String, Kept>,
    redactor: Arc<Redactor>,
    seal: Option<Seal>,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

pub(super) type Shared = Arc<RwLock<Vault>>;

/// One row as stored.
#[derive(Debug, Clone)]
pub(super) struct SecretRow {
    pub name: String,
    pub value: Vec<u8>,
    pub previous: Option<Vec<u8>>,
    pub origin: Origin,
    pub changed: u64,
}

/// The whole table, and how it is sealed.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub seal: Option<SealRecord>,
    pub rows: Vec<SecretRow>,
}

/// Rows to write, and how they are sealed from now on.
#[derive(Debug)]
pub(super) struct SecretWrite {
    pub rows: Vec<SecretRow>,
    pub seal: Option<SealRecord>,
}

/// Why the secrets cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// No key, but a seal.
    #[error(
        "the secrets in the store are sealed, and the site file names no key: write `key_file = \"...\"` or \
             `credential = \"...\"` under `[secrets]`, the key that they were sealed with"
    )]
    Locked,
    /// A key, but another one.
    #[error(
        "the key that `[secrets]` names does not open the secrets of the store; give it the key that they were sealed with"
    )]
    WrongKey,
    /// Nothing to change.
    #[error(
        "the secrets in the store are not sealed: the daemon seals them at its next start with the key that `[secrets]` names"
    )]
    NotSealed,
    /// Nothing to change, either.
    #[error("the secrets in the store are sealed with the key that `[secrets]` names already")]
    SameKey,
    /// Another key than the one before.
    #[error("`--old-key` is not the key that the secrets in the store are sealed with: nothing was changed")]
    WrongFormerKey,
    /// A row that no key opens.
    #[error("the secret {0} in the store is damaged; give it a value again with `rackstart secrets set {0}`")]
    Damaged(String),
    /// A name that the blueprint does not have.
    #[error("the blueprint declares no secret `{0}`")]
    Unknown(String),
    /// The store is gone.
    #[error(transparent)]
    Store(#[from] ChangeError),
}

impl Store {
    /// Reads the secrets, unseals them, makes those that the blueprint declares and that are not there yet, and seals
    /// what lies open when there is a key. Before this, no node gets a secret.
    pub async fn open_secrets(&self, key: Option<&[u8]>, blueprint: &Blueprint) -> Result<(), SecretsError> {
        let _alone = self.secrets_change.lock().await;
        let (reply, answer) = oneshot::channel();
        self.tell(Command::SecretRows { reply }).await?;
        let stored: Stored = answer.await.map_err(|_| ChangeError::Stopped)?;
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
        let mut kept = BTreeMap::new();
        for row in &stored.rows {
            kept.insert(row.name.clone(), row.open(opener)?);
        }
        let mut written: BTreeSet<&String> = BTreeSet::new();
        let now = unix_now();
        for name in blueprint.secrets.keys().filter(|name| !kept.contains_key(*name)).collect::<Vec<_>>() {
            let (value, previous, origin) = (generate(), None, Origin::Generated);
            kept.insert(name.clone(), Kept { value, previous, origin, changed: now });
            written.insert(name);
        }
        let rows = kept.iter().filter(|(name, _)| fresh.is_some() || written.contains(name));
        let rows = rows.map(|(name, kept)| SecretRow::of(name, kept, seal.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if !rows.is_empty() || fresh.is_some() {
            self.write_secrets(rows, fresh, None).await?;
        }
        *self.vault.write().expect("no holder of this lock panics") = Vault::new(kept, seal);
        Ok(())
    }

    /// The secrets in use at a site, by name.
    pub fn secrets(&self, site: &Site) -> Secrets {
        let vault = self.vault.read().expect("no holder of this lock panics");
        let stored: Secrets = vault.kept.iter().map(|(name, kept)| (name.clone(), kept.value.clone())).collect();
        let set = |name: &str| vault.kept.get(name).is_some_and(|kept| kept.origin == Origin::Set);
        in_use(&site.blueprint, &stored, set, site.security == Security::Paper)
    }

    /// What is kept of a secret, as far as the secrets were opened.
    pub fn kept_secret(&self, name: &str) -> Option<Kept> {
        self.vault.read().expect("no holder of this lock panics").kept.get(name).cloned()
    }

    /// Whether the secrets are sealed on the disk.
    pub fn seals_secrets(&self) -> bool {
        self.vault.read().expect("no holder of this lock panics").seal.is_some()
    }

    /// Takes every known secret out of a text.
    pub fn redactor(&self) -> Arc<Redactor> {
        self.vault.read().expect("no holder of this lock panics").redactor.clone()
    }

    /// The same for every moment to come, without keeping the store open.
    pub fn redactors(&self) -> impl Fn() -> Arc<Redactor> + Send + Sync + use<> {
        let vault = self.vault.clone();
        move || vault.read().expect("no holder of this lock panics").redactor()
    }

    /// Gives secrets new values, all in one transaction with their audit lines. Values that are none are generated.
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
        let (mut kept, seal) = {
            let vault = self.vault.read().expect("no holder of this lock panics");
            (vault.kept.clone(), vault.seal.clone())
        };
        let mut rows = Vec::new();
        for (name, value) in changes {
            let origin = if value.is_some() { Origin::Set } else { Origin::Generated };
            let value = value.unwrap_or_else(generate);
            let previous = kept.remove(&name).map(|kept| kept.value);
            let new = Kept { value, previous, origin, changed: unix_now() };
            rows.push(SecretRow::of(&name, &new, seal.as_ref())?);
            kept.insert(name, new);
        }
        self.write_secrets(rows, None, Some(orders)).await?;
        *self.vault.write().expect("no holder of this lock panics") = Vault::new(kept, seal);
        Ok(())
    }

    pub(super) async fn write_secrets(
        &self,
        rows: Vec<SecretRow>,
        seal: Option<SealRecord>,
        orders: Option<Vec<Order>>,
    ) -> Result<(), SecretsError> {
        let (reply, answer) = oneshot::channel();
        let orders = orders.unwrap_or_default();
        let write = SecretWrite { rows, seal };
        self.tell(Command::WriteSecrets { write, orders, reply }).await?;
        Ok(answer.await.map_err(|_| ChangeError::Stopped)?)
    }

    pub(super) async fn tell(&self, command: Command) -> Result<(), ChangeError> {
        self.commands.send(command).await.map_err(|_| ChangeError::Stopped)
    }
}

impl Vault {
    /// Takes these secrets out of texts.
    pub(super) fn redactor(&self) -> Arc<Redactor> {
        self.redactor.clone()
    }

    pub(super) fn new(kept: BTreeMap<String, Kept>, seal: Option<Seal>) -> Self {
        let values = kept.values().flat_map(|kept| std::iter::once(&kept.value).chain(&kept.previous));
        let redactor = Arc::new(Redactor::new(values));
        Self { kept, redactor, seal }
    }
}

impl SecretRow {
    pub(super) fn of(name: &str, kept: &Kept, seal: Option<&Seal>) -> Result<Self, SecretsError> {
        let close = |value: &SecretValue| match seal {
            Some(seal) => seal.close(name, value.reveal().as_bytes()).map_err(|_| SecretsError::WrongKey),
            None => Ok(value.reveal().as_bytes().to_vec()),
        };
        Ok(Self {
            name: name.into(),
            value: close(&kept.value)?,
            previous: kept.previous.as_ref().map(close).transpose()?,
            origin: kept.origin,
            changed: kept.changed,
        })
    }

    pub(super) fn open(&self, seal: Option<&Seal>) -> Result<Kept, SecretsError> {
        let damaged = || SecretsError::Damaged(self.name.clone());
        let open = |bytes: &Vec<u8>| {
            let clear = match seal {
                Some(seal) => seal.open(&self.name, bytes).map_err(|_| damaged())?,
                None => bytes.clone().into(),
            };
            let text = String::from_utf8(clear.to_vec()).map_err(|_| damaged())?;
            SecretValue::new(text).map_err(|_| damaged())
        };
        Ok(Kept {
            value: open(&self.value)?,
            previous: self.previous.as_ref().map(open).transpose()?,
            origin: self.origin,
            changed: self.changed,
        })
    }
}

fn generate() -> SecretValue {
    loop {
        let bytes = zeroize::Zeroizing::new(seal::random::<64>());
        if let Some(value) = SecretValue::from_random(bytes.as_slice()) {
            return value;
        }
    }
}

/// Reads the whole table.
pub(super) async fn rows(connection: &mut SqliteConnection) -> Result<Stored, sqlx::Error> {
    let seal: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = ?")
        .bind(seal::ROW)
        .fetch_optional(&mut *connection)
        .await?;
    let seal = seal.map(|text| serde_json::from_str(&text)).transpose();
    let seal = seal.map_err(|error| sqlx::Error::Decode(error.into()))?;
    let select = "SELECT name, value, previous, origin, changed FROM secret ORDER BY name";
    let row = |row: &sqlx::sqlite::SqliteRow| SecretRow {
        name: row.get(0),
        value: row.get(1),
        previous: row.get(2),
        origin: if row.get::<String, _>(3) == "set" { Origin::Set } else { Origin::Generated },
        changed: u64::try_from(row.get::<i64, _>(4)).unwrap_or(0),
    };
    let rows = sqlx::query(select).fetch_all(connection).await?.iter().map(row).collect();
    Ok(Stored { seal, rows })
}

/// Writes them.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    SecretWrite { rows, seal }: SecretWrite,
) -> Result<(), sqlx::Error> {
    if let Some(record) = seal {
        let text = serde_json::to_string(&record).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let upsert =
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        sqlx::query(upsert).bind(seal::ROW).bind(text).execute(&mut *connection).await?;
    }
    for row in rows {
        let upsert = "INSERT INTO secret (name, value, previous, origin, changed) VALUES (?, ?, ?, ?, ?) \
                      ON CONFLICT (name) DO UPDATE SET value = excluded.value, previous = excluded.previous, \
                      origin = excluded.origin, changed = excluded.changed";
        let origin = match row.origin {
            Origin::Generated => "generated",
            Origin::Set => "set",
        };
        let changed = i64::try_from(row.changed).unwrap_or(i64::MAX);
        let query = sqlx::query(upsert).bind(row.name).bind(row.value).bind(row.previous).bind(origin).bind(changed);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
