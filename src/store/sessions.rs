//! The sessions of people who are signed in to the pages, as stored: a hash of each secret, and whom it stands for.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::signed::signed;
use super::sums;

/// One session. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The SHA-256 hash of its secret, in hexadecimal digits.
    pub id: String,
    /// The person, as the audit log names it.
    pub who: String,
    /// The role.
    pub role: String,
    /// The token that it began with: the session ends with it. None for a one-time link.
    pub token: Option<String>,
    /// When the person signed in.
    pub created: u64,
    /// When it ends by itself.
    pub expires: u64,
}

/// Adds a session within the writer's transaction, and drops those that ended by themselves before it.
pub(super) async fn begin(connection: &mut SqliteConnection, session: &StoredSession) -> Result<bool, sqlx::Error> {
    sqlx::query("DELETE FROM session WHERE expires <= ?")
        .bind(signed(session.created))
        .execute(&mut *connection)
        .await?;
    let insert = "INSERT INTO session (id, who, role, token, created, expires) VALUES (?, ?, ?, ?, ?, ?)";
    let query = sqlx::query(insert).bind(&session.id).bind(&session.who).bind(&session.role).bind(&session.token);
    let done = query.bind(signed(session.created)).bind(signed(session.expires)).execute(&mut *connection).await?;
    sums::fill_table(connection, "session").await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a session. Returns false when there is none.
pub(super) async fn end(connection: &mut SqliteConnection, id: &str) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("DELETE FROM session WHERE id = ?").bind(id).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// Ends all sessions: those of a backup belong to another time.
pub(super) async fn end_all(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM session").execute(connection).await.map(drop)
}

/// Reads all sessions. A damaged one is left out: whoever had it signs in again.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Vec<StoredSession>, sqlx::Error> {
    let select = "SELECT id, who, role, token, created, expires, sum FROM session ORDER BY created, id";
    let rows = sqlx::query(select).fetch_all(connection).await?;
    Ok(rows.iter().filter(|row| sums::holds("session", row, 6)).filter_map(|row| session(row).ok()).collect())
}

fn session(row: &SqliteRow) -> Result<StoredSession, sqlx::Error> {
    let time = |column: usize| Ok::<_, sqlx::Error>(row.try_get::<i64, _>(column)?.unsigned_abs());
    Ok(StoredSession {
        id: row.try_get(0)?,
        who: row.try_get(1)?,
        role: row.try_get(2)?,
        token: row.try_get(3)?,
        created: time(4)?,
        expires: time(5)?,
    })
}
