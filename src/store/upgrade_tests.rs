//! Stores of earlier versions: each must open and have its former content, in today's format.

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::anchor::{Anchor, Known};
use super::*;
use crate::lifecycle::State;
use crate::site::testing::paper_site;
use crate::timeline::Cursor;

/// The stores that released versions wrote, by version.
const RELEASED: [(&str, &str); 1] = [("0.1.0", include_str!("../../tests/fixtures/stores/0.1.0.sql"))];

/// Puts the store of a version where a daemon expects it.
async fn place(folder: &Path, sql: &str) {
    private::create(&folder.join("rackstart.sqlite")).unwrap();
    let options = SqliteConnectOptions::new().filename(folder.join("rackstart.sqlite"));
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_string())).execute(&mut connection).await.unwrap();
    let audit = audit::head(&mut connection).await.unwrap();
    Anchor::create(folder, Known { epoch: 1, audit }).unwrap();
}

fn private_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

#[tokio::test]
async fn the_store_of_every_released_version_opens_and_says_what_it_said() {
    for (version, sql) in RELEASED {
        let folder = private_folder();
        place(folder.path(), sql).await;
        for round in ["at first", "again"] {
            let (store, task) = Store::open(folder.path()).await.unwrap_or_else(|e| panic!("{version} {round}: {e}"));
            let mac = |n: u8| Mac([0x52, 0x54, 0, 0xa8, n, 1]);
            let record = |n| store.record(mac(n)).unwrap();
            assert!(matches!(record(2).state, State::Ready { .. }), "{version} {round}");
            assert_eq!((record(3).state, record(3).held), (State::New, true), "disarmed, not failed");
            assert!(record(3).flags.protected);
            assert!(matches!(record(4).state, State::Armed { .. }), "{version} {round}");
            assert_eq!(store.stopped().unwrap().who, "alice, because of smoke");
            store.open_secrets(None, &paper_site().blueprint).await.unwrap();
            assert_eq!(store.kept_secret("GLANCE_MYSQL_PASSWORD").unwrap().value.reveal(), "from the old days");
            let story = TimelineQuery { mac: mac(2), since: 0, after: Cursor::default(), limit: 10 };
            let told: Vec<_> =
                store.timeline(story).await.unwrap().moments.into_iter().map(|m| (m.source, m.ms)).collect();
            assert_eq!(told, [("dhcp".to_string(), 0), ("node".to_string(), 0)]);
            assert!(store.verify_audit(vec![]).await.unwrap().is_ok(), "{version} {round}");
            let note = Change::Note { kind: "a-test", detail: version.into() };
            store.change(mac(9), note).await.unwrap();
            drop(store);
            task.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone_and_says_so() {
    let folder = private_folder();
    let (store, task) = Store::open(folder.path()).await.unwrap();
    drop(store);
    task.await.unwrap().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("rackstart.sqlite"));
    let mut connection = options.connect().await.unwrap();
    let insert = "INSERT INTO _sqlx_migrations VALUES (9999, 'of tomorrow', '2030-01-01', 1, x'00', 1)";
    sqlx::query(insert).execute(&mut connection).await.unwrap();
    drop(connection);
    let error = Store::open(folder.path()).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("was written by a newer rackstart (its shape 9999"), "{error}");
}
