//! Secrets as stored in the database, each either open or sealed.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::seal::{self, Seal, SealRecord};
use super::secrets::{Kept, Origin, SecretsError};
use super::{meta, sums};
use crate::secrets::SecretValue;

/// One row as stored.
#[derive(Debug, Clone)]
pub(super) struct SecretRow {
    pub name: String,
    pub value: Vec<u8>,
    pub previous: Option<Vec<u8>>,
    pub origin: Origin,
    pub changed: u64,
    /// The row differs from what was written: its value is unusable, and its name may be wrong, too.
    pub is_damaged: bool,
}

/// The whole table, and how it is sealed.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub seal: Option<SealRecord>,
    /// There is a seal, but its parameters cannot be read.
    pub seal_is_damaged: bool,
    pub rows: Vec<SecretRow>,
}

/// Rows to write, and how they are sealed from now on.
#[derive(Debug)]
pub(super) struct SecretWrite {
    pub rows: Vec<SecretRow>,
    pub seal: Option<SealRecord>,
    /// Whether everything older is removed, rows and seal.
    pub forgets: bool,
}

impl Stored {
    /// Whether every secret can be read with this key, or without one.
    pub(crate) fn opens_with(&self, key: Option<&[u8]>) -> bool {
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
            is_damaged: false,
        })
    }

    pub(super) fn open(&self, seal: Option<&Seal>) -> Result<Kept, SecretsError> {
        let damaged = || SecretsError::Damaged(self.name.clone());
        if self.is_damaged {
            return Err(damaged());
        }
        let open = |bytes: &Vec<u8>| -> Result<SecretValue, SecretsError> {
            let clear = match seal {
                Some(seal) => seal.open(&self.name, bytes).map_err(|_| damaged())?,
                None => bytes.clone().into(),
            };
            let text = String::from_utf8(clear.to_vec()).map_err(|_| damaged())?;
            Ok(SecretValue::kept(text))
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
    let seal = meta::get(connection, seal::ROW).await;
    let record = seal.as_ref().ok().and_then(|seal| serde_json::from_str(seal.as_deref()?).ok());
    let seal_is_damaged = record.is_none() && !matches!(seal, Ok(None));
    let select = "SELECT name, value, previous, origin, changed, sum FROM secret ORDER BY name";
    let rows = sqlx::query(select).fetch_all(connection).await?;
    let rows = rows.iter().map(|row| row_of(row).unwrap_or_else(|_| damaged(row))).collect();
    Ok(Stored { seal: record, seal_is_damaged, rows })
}

fn row_of(row: &SqliteRow) -> Result<SecretRow, sqlx::Error> {
    if !sums::holds("secret", row, 5) {
        return Err(sqlx::Error::Decode("its checksum does not match".into()));
    }
    Ok(SecretRow {
        name: row.try_get(0)?,
        value: row.try_get(1)?,
        previous: row.try_get(2)?,
        origin: if row.try_get::<&str, _>(3)? == "set" { Origin::Set } else { Origin::Generated },
        changed: u64::try_from(row.try_get::<i64, _>(4)?).unwrap_or(0),
        is_damaged: false,
    })
}

fn damaged(row: &SqliteRow) -> SecretRow {
    let name = row.try_get(0).unwrap_or_else(|_| "of an unreadable name".into());
    SecretRow { name, value: vec![], previous: None, origin: Origin::Generated, changed: 0, is_damaged: true }
}

/// Writes the rows.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    SecretWrite { rows, seal, forgets }: SecretWrite,
) -> Result<(), sqlx::Error> {
    if forgets {
        sqlx::query("DELETE FROM secret").execute(&mut *connection).await?;
        // This also removes whatever may have been the seal before it was damaged.
        let delete = "DELETE FROM meta WHERE name NOT IN ('epoch', 'sums')";
        sqlx::query(delete).execute(&mut *connection).await?;
    }
    if let Some(record) = seal {
        let text = serde_json::to_string(&record).map_err(|error| sqlx::Error::Encode(error.into()))?;
        meta::put(connection, seal::ROW, &text).await?;
    }
    for row in rows {
        let upsert = "INSERT INTO secret (name, value, previous, origin, changed, sum) VALUES (?, ?, ?, ?, ?, ?) \
                      ON CONFLICT (name) DO UPDATE SET value = excluded.value, previous = excluded.previous, \
                      origin = excluded.origin, changed = excluded.changed, sum = excluded.sum";
        let origin = match row.origin {
            Origin::Generated => "generated",
            Origin::Set => "set",
        };
        let changed = i64::try_from(row.changed).unwrap_or(i64::MAX);
        let (name, value, previous) =
            (row.name.as_str().into(), row.value.as_slice().into(), row.previous.as_deref().into());
        let sum = sums::sum("secret", &[name, value, previous, origin.into(), changed.into()]);
        let query = sqlx::query(upsert).bind(row.name).bind(row.value).bind(row.previous).bind(origin).bind(changed);
        query.bind(sum).execute(&mut *connection).await?;
    }
    Ok(())
}
