//! Secrets as they lie in the database, open or sealed one by one.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::seal::{self, Seal, SealRecord};
use super::secrets::{Kept, Origin, SecretsError};
use crate::secrets::SecretValue;

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
    /// There is a seal, and nobody can read how it was made.
    pub seal_is_damaged: bool,
    pub rows: Vec<SecretRow>,
}

/// Rows to write, and how they are sealed from now on.
#[derive(Debug)]
pub(super) struct SecretWrite {
    pub rows: Vec<SecretRow>,
    pub seal: Option<SealRecord>,
    /// Nothing of before stays, neither rows nor seal.
    pub forgets: bool,
}

impl Stored {
    /// Whether every secret can be had with this key, or without one.
    pub fn opens_with(&self, key: Option<&[u8]>) -> bool {
        let seal = match (key, &self.seal) {
            _ if self.seal_is_damaged => return false,
            (_, None) => None,
            (None, Some(_)) => return false,
            (Some(key), Some(record)) => match Seal::again(key, record) {
                Ok(seal) => Some(seal),
                Err(_) => return false,
            },
        };
        self.rows.iter().all(|row| row.open(seal.as_ref()).is_ok())
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

/// Reads the whole table.
pub(super) async fn rows(connection: &mut SqliteConnection) -> Result<Stored, sqlx::Error> {
    let seal: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = ?")
        .bind(seal::ROW)
        .fetch_optional(&mut *connection)
        .await?;
    let record = seal.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let seal_is_damaged = seal.is_some() && record.is_none();
    let select = "SELECT name, value, previous, origin, changed FROM secret ORDER BY name";
    let row = |row: &sqlx::sqlite::SqliteRow| SecretRow {
        name: row.get(0),
        value: row.get(1),
        previous: row.get(2),
        origin: if row.get::<String, _>(3) == "set" { Origin::Set } else { Origin::Generated },
        changed: u64::try_from(row.get::<i64, _>(4)).unwrap_or(0),
    };
    let rows = sqlx::query(select).fetch_all(connection).await?.iter().map(row).collect();
    Ok(Stored { seal: record, seal_is_damaged, rows })
}

/// Writes them.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    SecretWrite { rows, seal, forgets }: SecretWrite,
) -> Result<(), sqlx::Error> {
    if forgets {
        sqlx::query("DELETE FROM secret").execute(&mut *connection).await?;
        sqlx::query("DELETE FROM meta WHERE name = ?").bind(seal::ROW).execute(&mut *connection).await?;
    }
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
