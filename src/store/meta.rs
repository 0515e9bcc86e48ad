//! Facts about the store itself, by name.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::database::Failed;
use super::{seal, sums};

/// The names of all facts.
const NAMES: [&str; 3] = ["epoch", seal::ROW, sums::DONE];

/// Reads a fact; an error means that it can no longer be known.
pub(super) async fn get(connection: &mut SqliteConnection, name: &str) -> Result<Option<String>, Failed> {
    let rows = sqlx::query("SELECT name, value, sum FROM meta").fetch_all(connection).await?;
    let name_of = |row: &SqliteRow| row.try_get::<String, _>(0).unwrap_or_default();
    let (good, bad): (Vec<&SqliteRow>, Vec<&SqliteRow>) = rows.iter().partition(|row| sums::holds("meta", row, 2));
    if let Some(row) = good.iter().find(|row| name_of(row) == name) {
        return row.try_get(1).map(Some);
    }
    // The damaged part may be the name; a row with the valid name of another fact is that fact.
    let may_be_it = |row: &&SqliteRow| !NAMES.iter().any(|other| *other != name && *other == name_of(row));
    match bad.iter().any(may_be_it) {
        true => {
            Err(sqlx::Error::Decode(format!("`{name}` cannot be read any more: a record of `meta` is damaged").into()))
        }
        false => Ok(None),
    }
}

/// Sets a fact.
pub(super) async fn put(connection: &mut SqliteConnection, name: &str, value: &str) -> Result<(), Failed> {
    let upsert = "INSERT INTO meta (name, value, sum) VALUES (?, ?, ?) \
                  ON CONFLICT (name) DO UPDATE SET value = excluded.value, sum = excluded.sum";
    let sum = sums::sum("meta", &[name.into(), value.into()]);
    sqlx::query(upsert).bind(name).bind(value).bind(sum).execute(connection).await.map(drop)
}
