//! The bearer tokens of the remote API as stored: what the server knows of a token that it cannot show again.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::oneshot;

use super::{ChangeError, Command, Store};
use crate::audit::Order;

/// One token. Times are Unix seconds.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The public beginning of the token.
    pub id: String,
    /// Who has it; in the audit log.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// Its argon2 hash, a PHC string.
    pub hash: String,
    /// When it was made.
    pub created: u64,
    /// From when on it is worth nothing; none: never.
    pub expires: Option<u64>,
    /// Since when it is worth nothing; none: it is valid.
    pub revoked: Option<u64>,
}

impl std::fmt::Debug for StoredToken {
    /// Without the hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "token {} of {} ({})", self.id, self.name, self.role)
    }
}

/// A change of the list.
#[derive(Debug, Clone)]
pub enum TokenChange {
    /// A new one; refused when a valid token has its name.
    Create(StoredToken),
    /// Ends the valid token of a name.
    Revoke {
        /// Whose.
        name: String,
        /// Since when, in Unix seconds.
        at: u64,
    },
}

impl Store {
    /// Makes a change of the tokens and its audit line durable. `false`: nothing changed, because the name was taken, or no token has it.
    pub async fn change_token(&self, change: TokenChange, order: Order) -> Result<bool, ChangeError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Token { change, order, reply }).await.map_err(|_| ChangeError::Stopped)?;
        answer.await.map_err(|_| ChangeError::Stopped)
    }
}

/// Works a change into the transaction of the writer.
pub(super) async fn apply(connection: &mut SqliteConnection, change: &TokenChange) -> Result<bool, sqlx::Error> {
    let done = match change {
        TokenChange::Create(token) => {
            let insert = "INSERT INTO api_token (id, name, role, hash, created, expires, revoked) \
                          VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
            let query = sqlx::query(insert).bind(&token.id).bind(&token.name).bind(&token.role).bind(&token.hash);
            let query = query.bind(signed(token.created)).bind(token.expires.map(signed));
            query.bind(token.revoked.map(signed)).execute(connection).await?
        }
        TokenChange::Revoke { name, at } => {
            let update = "UPDATE api_token SET revoked = ? WHERE name = ? AND revoked IS NULL";
            sqlx::query(update).bind(signed(*at)).bind(name).execute(connection).await?
        }
    };
    Ok(done.rows_affected() > 0)
}

/// Ends the very token that was ended elsewhere, since then; another one may have its name. False: it is not valid here.
pub(super) async fn revoke_by_id(connection: &mut SqliteConnection, token: &StoredToken) -> Result<bool, sqlx::Error> {
    let update = "UPDATE api_token SET revoked = ? WHERE id = ? AND hash = ? AND revoked IS NULL";
    let query = sqlx::query(update).bind(token.revoked.map(signed)).bind(&token.id).bind(&token.hash);
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

/// Reads all of them, the revoked ones too.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Vec<StoredToken>, sqlx::Error> {
    let select = "SELECT id, name, role, hash, created, expires, revoked FROM api_token ORDER BY created, id";
    let rows = sqlx::query(select).fetch_all(connection).await?;
    Ok(rows.iter().map(token).collect())
}

fn token(row: &SqliteRow) -> StoredToken {
    let time = |column: usize| row.get::<Option<i64>, _>(column).map(i64::unsigned_abs);
    StoredToken {
        id: row.get(0),
        name: row.get(1),
        role: row.get(2),
        hash: row.get(3),
        created: time(4).unwrap_or_default(),
        expires: time(5),
        revoked: time(6),
    }
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
