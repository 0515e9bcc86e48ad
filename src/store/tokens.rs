//! The bearer tokens of the remote API as stored: what the server knows about a token that it cannot show again.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::oneshot;

use super::sessions::{self, StoredSession};
use super::signed::signed;
use super::{ChangeError, Command, DAMAGED, Store, answered, sums};
use crate::audit::Order;

/// One token. Times are Unix seconds.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The public beginning of the token.
    pub id: String,
    /// Its holder, as the audit log names it.
    pub name: String,
    /// The role that it grants.
    pub role: String,
    /// Its argon2 hash, a PHC string.
    pub hash: String,
    /// When it was made.
    pub created: u64,
    /// When it expires, if it does.
    pub expires: Option<u64>,
    /// When it was revoked, if it was.
    pub revoked: Option<u64>,
}

impl std::fmt::Debug for StoredToken {
    /// Shows everything but the hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "token {} of {} ({})", self.id, self.name, self.role)
    }
}

/// A change of who may use the API: its tokens, and the sessions of its pages.
#[derive(Debug, Clone)]
pub enum TokenChange {
    /// A new token; refused when a valid token has its name.
    Create(StoredToken),
    /// Revokes the valid token with a name.
    Revoke {
        /// The name of the token.
        name: String,
        /// When it is revoked, in Unix seconds.
        at: u64,
    },
    /// A person signed in.
    BeginSession(StoredSession),
    /// A session ended.
    EndSession {
        /// The hash of its secret.
        id: String,
    },
}

impl Store {
    /// Makes a change and its audit line durable. Returns `false` when nothing changed, because a valid token has the
    /// name already, or there is no such token or session.
    pub async fn change_token(&self, change: TokenChange, order: Order) -> Result<bool, ChangeError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Token { change, order, reply }).await?;
        answered(answer).await
    }
}

/// Applies a change within the writer's transaction.
pub(super) async fn apply(connection: &mut SqliteConnection, change: &TokenChange) -> Result<bool, sqlx::Error> {
    let done = match change {
        TokenChange::Create(token) => {
            let insert = "INSERT INTO api_token (id, name, role, hash, created, expires, revoked) \
                          VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
            let query = sqlx::query(insert).bind(&token.id).bind(&token.name).bind(&token.role).bind(&token.hash);
            let query = query.bind(signed(token.created)).bind(token.expires.map(signed));
            query.bind(token.revoked.map(signed)).execute(&mut *connection).await?
        }
        TokenChange::Revoke { name, at } => {
            let update = "UPDATE api_token SET revoked = ?, sum = 0 WHERE name = ? AND revoked IS NULL";
            sqlx::query(update).bind(signed(*at)).bind(name).execute(&mut *connection).await?
        }
        TokenChange::BeginSession(session) => return sessions::begin(connection, session).await,
        TokenChange::EndSession { id } => return sessions::end(connection, id).await,
    };
    sums::fill_table(connection, "api_token").await?;
    Ok(done.rows_affected() > 0)
}

/// Revokes the token that was revoked in another store, as of the same time; a different token may have the same name.
/// Returns false when it is not valid here.
pub(super) async fn revoke_by_id(connection: &mut SqliteConnection, token: &StoredToken) -> Result<bool, sqlx::Error> {
    let update = "UPDATE api_token SET revoked = ?, sum = 0 WHERE id = ? AND hash = ? AND revoked IS NULL";
    let query = sqlx::query(update).bind(token.revoked.map(signed)).bind(&token.id).bind(&token.hash);
    let is_ended = query.execute(&mut *connection).await?.rows_affected() > 0;
    sums::fill_table(connection, "api_token").await?;
    Ok(is_ended)
}

/// Reads all tokens, including revoked ones. A damaged one grants nothing, whatever it says.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Vec<StoredToken>, sqlx::Error> {
    let select = "SELECT id, name, role, hash, created, expires, revoked, sum FROM api_token ORDER BY created, id";
    let rows = sqlx::query(select).fetch_all(connection).await?;
    Ok(rows.iter().map(|row| token(row).unwrap_or_else(|_| damaged(row))).collect())
}

fn token(row: &SqliteRow) -> Result<StoredToken, sqlx::Error> {
    if !sums::holds("api_token", row, 7) {
        return Err(sqlx::Error::Decode("its checksum does not match".into()));
    }
    let time = |column: usize| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(i64::unsigned_abs));
    Ok(StoredToken {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        role: row.try_get(2)?,
        hash: row.try_get(3)?,
        created: time(4)?.unwrap_or_default(),
        expires: time(5)?,
        revoked: time(6)?,
    })
}

fn damaged(row: &SqliteRow) -> StoredToken {
    let text = |column: usize| row.try_get(column).unwrap_or_default();
    let (id, name) = (text(0), text(1));
    StoredToken { id, name, role: DAMAGED.into(), hash: String::new(), created: 0, expires: Some(0), revoked: None }
}
