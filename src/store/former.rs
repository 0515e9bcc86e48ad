//! The store that a restore replaces: what an operator forbade in it, as far as it can still be read.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::memory::Memory;
use super::tokens::{self, StoredToken};
use super::{Record, open, sums};
use crate::lifecycle::{Event, State};

/// What a restore could learn from the store that it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Former {
    /// There is no former store.
    Nothing,
    /// What was forbidden in it is forbidden in the restored store, too.
    Heeded,
    /// It exists, but what was forbidden in it can no longer be read.
    Unreadable(String),
}

/// Everything in the former store that a restore must not lose.
#[derive(Default)]
pub(super) struct Orders {
    pub memory: Memory,
    /// Tokens that were revoked.
    pub revoked: Vec<StoredToken>,
}

impl Former {
    /// The wording for the operator and the audit log.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Nothing => "there was no former store, so only what the backup forbids is forbidden".into(),
            Self::Heeded => "what was forbidden in the former store or in the backup is forbidden now".into(),
            Self::Unreadable(why) => format!(
                "the former store could not be read ({why}): what was forbidden since the backup was made is not known"
            ),
        }
    }
}

/// Reads the former store. Closing it also writes its log into the file, so that it can be moved as a single file.
pub(super) async fn read(path: Option<&Path>) -> (Former, Orders) {
    let Some(path) = path else { return (Former::Nothing, Orders::default()) };
    match try_read(path).await {
        Ok(orders) => (Former::Heeded, orders),
        Err(error) => {
            let why = match &error {
                sqlx::Error::Database(error) => error.message().to_string(),
                other => other.to_string(),
            };
            (Former::Unreadable(why), Orders::default())
        }
    }
}

async fn try_read(path: &Path) -> Result<Orders, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).pragma("trusted_schema", "OFF");
    let mut connection = options.disable_statement_logging().connect().await?;
    let orders = orders(&mut connection).await;
    connection.close().await?;
    orders
}

async fn orders(connection: &mut SqliteConnection) -> Result<Orders, sqlx::Error> {
    let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *connection).await?;
    if verdict != "ok" {
        return Err(sqlx::Error::Decode(verdict.into()));
    }
    // A store from before there were checksums gets them for as long as it is read; the file keeps its form.
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    if !sums::are_there(connection).await? {
        sums::add(connection).await?;
    }
    let memory = open::memory(connection).await?;
    let mut revoked = tokens::read(connection).await?;
    revoked.retain(|token| token.revoked.is_some());
    sqlx::query("ROLLBACK").execute(connection).await?;
    Ok(Orders { memory, revoked })
}

/// The backup's record of a node with all that the former store forbade for the node added, and that in prose; none
/// when nothing is new.
pub(super) fn heed(own: Option<&Record>, former: &Record, now: u64) -> Option<(Record, String)> {
    let mut record = own.cloned().unwrap_or_else(|| Record::new(now));
    let mut words = Vec::new();
    for (mine, theirs, word) in [
        (&mut record.flags.protected, former.flags.protected, "protected"),
        (&mut record.flags.maintenance, former.flags.maintenance, "in maintenance"),
    ] {
        if theirs && !*mine {
            *mine = true;
            words.push(word);
        }
    }
    if let State::Suspect { why, .. } = &former.state
        && let Ok(suspect) = record.state.apply(&Event::Suspected { why: why.clone() })
    {
        // This includes the other machine that was seen, which an operator may have to accept.
        record.hardware = former.hardware.clone();
        (record.state, record.since) = (suspect, now);
        words.push("suspect");
    }
    if former.held && !record.held && record.state == State::New {
        record.held = true;
        words.push("not to be armed by itself");
    }
    (!words.is_empty()).then(|| (record, words.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Flags;

    fn record(protected: bool, maintenance: bool, suspect: bool) -> Record {
        let mut record = Record::new(5);
        record.flags = Flags { protected, maintenance };
        if suspect {
            record.state = State::Suspect { previous: Box::new(State::New), why: "seen twice".into() };
        }
        record
    }

    #[test]
    fn whatever_either_store_forbids_is_forbidden_for_every_pair_of_records() {
        let all = (0..8).map(|n| record(n & 1 > 0, n & 2 > 0, n & 4 > 0)).collect::<Vec<_>>();
        let forbids = |record: &Record| {
            [record.flags.protected, record.flags.maintenance, matches!(record.state, State::Suspect { .. })]
        };
        for own in &all {
            for former in &all {
                let now = heed(Some(own), former, 9).map_or_else(|| own.clone(), |(record, _)| record);
                let either: Vec<bool> = forbids(own).iter().zip(forbids(former)).map(|(a, b)| *a || b).collect();
                assert_eq!(forbids(&now).to_vec(), either, "{own:?} {former:?}");
            }
        }
        assert!(heed(Some(&all[7]), &all[7], 9).is_none(), "nothing new is no change");
        let (record, words) = heed(None, &all[3], 9).expect("a node that the backup does not know");
        assert_eq!((record.flags.protected, words.as_str()), (true, "protected and in maintenance"));
        assert!(heed(None, &all[0], 9).is_none(), "a node that nothing was said of stays unknown");
    }
}
