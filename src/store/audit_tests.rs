use sqlx::ConnectOptions;

use super::tests::{arm, event, mac, token};
use super::*;
use crate::audit::{Actor, Broken, Head};
use crate::lifecycle::{Event, Reader};

fn order(action: &str) -> Order {
    Order::new(&Actor::socket(0, Some(7)), action, "compute2").detail("in words")
}

async fn lines(store: &Store) -> Vec<AuditLine> {
    store.audit_lines(AuditFilter::default()).await.unwrap()
}

/// Changes the database as an intruder would.
async fn tamper(path: &Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path.join("rackstart.sqlite"));
    let mut connection = options.connect().await.unwrap();
    for trigger in ["DROP TRIGGER audit_is_append_only_update", "DROP TRIGGER audit_is_append_only_delete", sql] {
        sqlx::query(trigger).execute(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn an_order_is_told_with_its_outcome_and_a_permit_that_is_spent_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(&folder.path().join("state")).await.unwrap();
    store.change_as(mac(), arm(1), order("install")).await.unwrap();
    store.change(mac(), event(Event::BootScriptServed { token: token(1).hash() })).await.unwrap();
    let redeem = |n| Change::Redeem {
        token: token(n).hash(),
        words: "sda".into(),
        disks: [("os".to_string(), "sda".to_string())].into(),
        keep: vec![],
        reader: Reader { address: [192, 168, 0, 2].into(), mac: None, serial: None },
    };
    store.change(mac(), redeem(9)).await.unwrap_err();
    store.change(mac(), redeem(1)).await.unwrap();
    store.change(mac(), redeem(1)).await.expect("the same boot may ask again");
    store.change_as(mac(), arm(2), order("reimage")).await.unwrap_err();
    assert_eq!(store.audit(&Actor::daemon(), "reload", "site", "3 nodes").await, Ok(4));
    let told: Vec<_> = lines(&store).await.into_iter().map(|l| (l.id, l.actor.how, l.action, l.outcome)).collect();
    let line = |id, how: &str, action: &str, outcome: &str| (id, how.into(), action.into(), outcome.into());
    let refused = format!("refused: {}", Refused::Busy);
    let node = format!("node {}", mac());
    assert_eq!(
        told,
        [
            line(1, "socket uid 0", "install", "done"),
            line(2, &node, "wipe-permit", "done"),
            line(3, "socket uid 0", "reimage", &refused),
            line(4, "rackstart", "reload", "done"),
        ]
    );
    let of_root = AuditFilter { who: Some("uid 0".into()), action: Some("reimage".into()), ..Default::default() };
    assert_eq!(store.audit_lines(of_root).await.unwrap().len(), 1);
    assert_eq!(store.verify_audit(vec![]).await.unwrap().unwrap().head.id, 4);
}

#[tokio::test]
async fn what_an_intruder_does_to_the_log_is_found() {
    for (sql, expected) in [
        ("UPDATE audit SET detail = 'nothing' WHERE id = 2", "line 2 was edited"),
        ("DELETE FROM audit WHERE id = 2", "line 2 is missing"),
        ("DELETE FROM audit WHERE id > 2", "the end of the log was cut off"),
        (
            "INSERT INTO audit SELECT 4, at, how, source, action, subject, detail, outcome, hash FROM audit WHERE id = 3",
            "line 4 was edited or inserted",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (store, _task) = Store::open(&path).await.unwrap();
        for action in ["install", "reimage", "stop"] {
            store.audit(&Actor::token("alice", "192.0.2.7"), action, "compute1", "").await.unwrap();
        }
        tamper(&path, sql).await;
        let broken = store.verify_audit(vec![]).await.unwrap().unwrap_err();
        assert!(broken.to_string().contains(expected), "{sql}: {broken}");
    }
}

#[tokio::test]
async fn a_head_that_was_noted_elsewhere_is_held_against_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(&folder.path().join("state")).await.unwrap();
    store.audit(&Actor::daemon(), "reload", "site", "").await.unwrap();
    let noted = store.verify_audit(vec![]).await.unwrap().unwrap().head;
    store.audit(&Actor::daemon(), "reload", "site", "").await.unwrap();
    let notebook = |head| vec![(head, "the notebook".to_string())];
    store.verify_audit(notebook(noted.clone())).await.unwrap().expect("the log goes on from it");
    let other = Head { id: 2, hash: noted.hash };
    let broken = store.verify_audit(notebook(other)).await.unwrap().unwrap_err();
    assert_eq!(broken, Broken::OtherChain { id: 2, place: "the notebook".into() });
}

#[tokio::test]
async fn an_older_copy_of_the_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (database, copy) = (path.join("rackstart.sqlite"), folder.path().join("copy"));
    let (store, task) = Store::open(&path).await.unwrap();
    store.change_as(mac(), arm(1), order("install")).await.unwrap();
    drop(store);
    task.await.unwrap().unwrap();
    std::fs::copy(&database, &copy).unwrap();
    let (store, task) = Store::open(&path).await.unwrap();
    store.audit(&Actor::daemon(), "reload", "site", "").await.unwrap();
    drop(store);
    task.await.unwrap().unwrap();
    std::fs::copy(&copy, &database).unwrap();
    let refused = Store::open(&path).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("ends before line 2") && refused.contains("rackstart restore"), "{refused}");
    std::fs::remove_file(&database).unwrap();
    let refused = Store::open(&path).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("it is gone"), "{refused}");
    std::fs::copy(&copy, &database).unwrap();
    std::fs::remove_file(path.join("anchor.json")).unwrap();
    let refused = Store::open(&path).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("copied from elsewhere"), "{refused}");
}
