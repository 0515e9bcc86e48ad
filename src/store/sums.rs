//! Checksums of records: what SQLite returns is what was written, or is known not to be. SQLite itself only detects
//! pages that make no sense: to it, a record in which a digit has changed is valid.
//!
//! The checksums detect damage, not malice: anybody who may write to the database can compute them.

use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Decode, Row, Sqlite, TypeInfo, Value, ValueRef};

use super::database::Failed;

/// One value of a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    None,
    Number(i64),
    /// A text or a blob.
    Bytes(&'a [u8]),
}

impl From<i64> for Field<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Field<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, T: Into<Field<'a>>> From<Option<T>> for Field<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

/// The checksum of a record of this table: the first eight bytes of a SHA-256 hash of its fields, each preceded by its
/// kind and its length.
pub(super) fn sum(table: &str, fields: &[Field<'_>]) -> i64 {
    let mut digest = Sha256::new();
    digest.update(b"rackstart record, version 1\n");
    digest.update(table);
    for field in fields {
        match field {
            Field::None => digest.update([0]),
            Field::Number(number) => {
                digest.update([1]);
                digest.update(number.to_be_bytes());
            }
            Field::Bytes(bytes) => {
                digest.update([2]);
                digest.update((bytes.len() as u64).to_be_bytes());
                digest.update(bytes);
            }
        }
    }
    let bytes: [u8; 32] = digest.finalize().into();
    i64::from_be_bytes(bytes[..8].try_into().expect("eight bytes are eight bytes"))
}

/// Whether the first `count` columns of a row of this table match the checksum in the column after them.
pub(super) fn holds(table: &str, row: &SqliteRow, count: usize) -> bool {
    let stored = row.try_get::<i64, _>(count);
    stored.is_ok_and(|stored| of_row(table, row, count).is_ok_and(|sum| sum == stored))
}

fn of_row(table: &str, row: &SqliteRow, count: usize) -> Result<i64, Failed> {
    let values =
        (0..count).map(|column| Ok(row.try_get_raw(column)?.to_owned())).collect::<Result<Vec<_>, Failed>>()?;
    let mut fields = Vec::with_capacity(count);
    for value in &values {
        let value = value.as_ref();
        let wrong = sqlx::Error::Decode;
        fields.push(match value.is_null() {
            true => Field::None,
            false if value.type_info().name() == "INTEGER" => {
                Field::Number(<i64 as Decode<Sqlite>>::decode(value).map_err(wrong)?)
            }
            false => Field::Bytes(<&[u8] as Decode<Sqlite>>::decode(value).map_err(wrong)?),
        });
    }
    Ok(sum(table, &fields))
}

/// The columns that are covered in each table, in the order in which they are hashed.
const TABLES: [(&str, &str, &str); 8] = [
    ("node", NODE, "UPDATE node SET sum = ? WHERE rowid = ?"),
    ("event", EVENT, "UPDATE event SET sum = ? WHERE rowid = ?"),
    ("site_wide", SITE_WIDE, "UPDATE site_wide SET sum = ? WHERE rowid = ?"),
    ("meta", META, "UPDATE meta SET sum = ? WHERE rowid = ?"),
    ("secret", SECRET, "UPDATE secret SET sum = ? WHERE rowid = ?"),
    ("api_token", API_TOKEN, "UPDATE api_token SET sum = ? WHERE rowid = ?"),
    ("session", SESSION, "UPDATE session SET sum = ? WHERE rowid = ?"),
    ("moment", MOMENT, "UPDATE moment SET sum = ? WHERE rowid = ?"),
];
const NODE: &str =
    "SELECT mac, record, updated, sum, rowid FROM node WHERE sum = 0 AND rowid > ? ORDER BY rowid LIMIT 5000";
const EVENT: &str = "SELECT at, ms, mac, kind, state, attempt, detail, sum, rowid FROM event \
                     WHERE sum = 0 AND rowid > ? ORDER BY rowid LIMIT 5000";
const SITE_WIDE: &str =
    "SELECT key, value, sum, rowid FROM site_wide WHERE sum = 0 AND rowid > ? ORDER BY rowid LIMIT 5000";
const META: &str = "SELECT name, value, sum, rowid FROM meta WHERE sum = 0 AND rowid > ? ORDER BY rowid LIMIT 5000";
const SECRET: &str = "SELECT name, value, previous, origin, changed, sum, rowid FROM secret \
                      WHERE sum = 0 AND rowid > ? ORDER BY rowid LIMIT 5000";
const API_TOKEN: &str = "SELECT id, name, role, hash, created, expires, revoked, sum, rowid FROM api_token \
                         WHERE sum = 0 AND rowid > ? ORDER BY rowid LIMIT 5000";
const SESSION: &str = "SELECT id, who, role, token, created, expires, sum, rowid FROM session \
                       WHERE sum = 0 AND rowid > ? ORDER BY rowid LIMIT 5000";
const MOMENT: &str = "SELECT at, ms, until, mac, source, text, times, sum, rowid FROM moment \
                      WHERE sum = 0 AND rowid > ? ORDER BY rowid LIMIT 5000";

/// The row of `meta` which says that every record has its checksum. Once it exists, a record without one is damaged.
pub(super) const DONE: &str = "sums";
/// As created by the first migration. The event log is append-only except for this one time.
const TRIGGER: &str = "CREATE TRIGGER event_is_append_only_update BEFORE UPDATE ON event\n\
                       BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END";

/// Adds checksums, once, to the records of a store from before they existed.
pub(super) async fn fill_in(connection: &mut SqliteConnection) -> Result<(), Failed> {
    let done = sqlx::query("SELECT value FROM meta WHERE name = ?").bind(DONE).fetch_optional(&mut *connection).await?;
    if done.is_some() {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    fill(&mut transaction).await?;
    transaction.commit().await
}

/// Whether the store was written by a rackstart that has checksums.
pub(super) async fn are_there(connection: &mut SqliteConnection) -> Result<bool, Failed> {
    let select = "SELECT count(*) FROM pragma_table_info('node') WHERE name = 'sum'";
    Ok(sqlx::query_scalar::<_, i64>(select).fetch_one(connection).await? > 0)
}

/// Adds checksums to what a restore reads from an older store, within the caller's transaction.
pub(super) async fn add(connection: &mut SqliteConnection) -> Result<(), Failed> {
    sqlx::raw_sql(include_str!("migrations/0050_sums.sql")).execute(&mut *connection).await?;
    for table in ["node", "site_wide", "api_token"] {
        fill_table(connection, table).await?;
    }
    Ok(())
}

/// Fills in missing checksums within the caller's transaction.
async fn fill(connection: &mut SqliteConnection) -> Result<(), Failed> {
    sqlx::query("DROP TRIGGER IF EXISTS event_is_append_only_update").execute(&mut *connection).await?;
    sqlx::query("INSERT OR IGNORE INTO meta (name, value) VALUES (?, 'complete')")
        .bind(DONE)
        .execute(&mut *connection)
        .await?;
    for (table, ..) in TABLES {
        fill_table(connection, table).await?;
    }
    sqlx::query(TRIGGER).execute(connection).await.map(drop)
}

/// Computes the checksums of the rows of one table that have none (0).
pub(super) async fn fill_table(connection: &mut SqliteConnection, table: &str) -> Result<(), Failed> {
    let Some((_, select, update)) = TABLES.iter().find(|(name, ..)| *name == table) else { return Ok(()) };
    let mut after = i64::MIN;
    loop {
        let rows = sqlx::query(*select).bind(after).fetch_all(&mut *connection).await?;
        for row in &rows {
            let count = row.len() - 2;
            after = row.try_get(count + 1)?;
            let sum = of_row(table, row, count)?;
            sqlx::query(*update).bind(sum).bind(after).execute(&mut *connection).await?;
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_and_its_border_counts() {
        let base = sum("node", &["ab".into(), "c".into(), 7.into(), Field::None]);
        for other in [
            sum("event", &["ab".into(), "c".into(), 7.into(), Field::None]),
            sum("node", &["a".into(), "bc".into(), 7.into(), Field::None]),
            sum("node", &["ab".into(), "c".into(), 8.into(), Field::None]),
            sum("node", &["ab".into(), "c".into(), 7.into(), "".into()]),
            sum("node", &["ab".into(), "c".into(), 7.into()]),
        ] {
            assert_ne!(base, other);
        }
    }
}
