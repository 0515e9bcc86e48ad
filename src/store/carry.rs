//! What a restored backup without passwords takes from the store that it replaces: the passwords that the running cloud
//! knows.

use std::path::Path;

use sqlx::sqlite::SqliteConnection;

use super::{seal, sums};

/// Where the passwords of a restored store come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passwords {
    /// The backup holds them.
    Backup,
    /// The backup has none, so those of the former store are used.
    Former,
    /// There are none, which the operator accepted: the daemon makes new ones at its next start.
    New,
}

impl Passwords {
    /// The wording for the operator and the audit log.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Backup => "the passwords are those of the backup",
            Self::Former => "the backup holds no passwords: those of the former store stay",
            Self::New => "there are no passwords: the daemon makes new ones, which no installed node knows",
        }
    }
}

/// Whether the store on this connection has any passwords, open or sealed.
pub(super) async fn has_passwords(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let sql = "SELECT (SELECT count(*) FROM secret) + (SELECT count(*) FROM meta WHERE name = ?)";
    Ok(sqlx::query_scalar::<_, i64>(sql).bind(seal::ROW).fetch_one(connection).await? > 0)
}

/// Copies the passwords of `former`, still sealed if they are; false if it has none.
pub(super) async fn carry(connection: &mut SqliteConnection, former: &Path) -> Result<bool, sqlx::Error> {
    sqlx::query("ATTACH DATABASE ? AS former").bind(former.to_string_lossy()).execute(&mut *connection).await?;
    let knows_sums = "SELECT count(*) FROM pragma_table_info('secret', 'former') WHERE name = 'sum'";
    let knows_sums = sqlx::query_scalar::<_, i64>(knows_sums).fetch_one(&mut *connection).await? > 0;
    // Damaged rows stay recognisable as damaged.
    let (rows, seal) = match knows_sums {
        true => (
            "INSERT INTO secret (name, value, previous, origin, changed, sum) \
             SELECT name, value, previous, origin, changed, sum FROM former.secret",
            "INSERT INTO meta (name, value, sum) SELECT name, value, sum FROM former.meta WHERE name = ?",
        ),
        false => (
            "INSERT INTO secret (name, value, previous, origin, changed) \
             SELECT name, value, previous, origin, changed FROM former.secret",
            "INSERT INTO meta (name, value) SELECT name, value FROM former.meta WHERE name = ?",
        ),
    };
    let (rows, seal) = (sqlx::query(rows), sqlx::query(seal));
    // The copy is a separate file until everything is done, so a failure half way leaves nothing in the store.
    let copied = match rows.execute(&mut *connection).await {
        Ok(done) => seal.bind(seal::ROW).execute(&mut *connection).await.map(|_| done.rows_affected() > 0),
        Err(error) => Err(error),
    };
    sqlx::query("DETACH DATABASE former").execute(&mut *connection).await?;
    for table in ["secret", "meta"] {
        sums::fill_table(connection, table).await?;
    }
    copied
}
