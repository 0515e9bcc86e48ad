//! What an operator forbade after the backup was made stays forbidden after its restore.

use super::former::Former;
use super::tests::{arm, close, event, mac};
use super::*;
use crate::audit::Actor;
use crate::lifecycle::{Event, Flag};

fn order() -> Order {
    Order::new(&Actor::console(0), "restore", "backup")
}

fn node(n: u8) -> Mac {
    Mac([0x52, 0x54, 0, 0xa8, 2, n])
}

async fn stop(store: &Store, who: &str) {
    let stopped = Stopped { since: 5, who: who.into() };
    let orders = Orders { stopped: Some(Some(stopped)), ..Orders::default() };
    store.decide(order(), move |_, _| Ok::<_, String>(orders)).await.unwrap();
}

fn token(id: &str, revoked: Option<u64>) -> StoredToken {
    let (name, role, hash) = (format!("of {id}"), "viewer".into(), format!("hash {id}"));
    StoredToken { id: id.into(), name, role, hash, created: 1, expires: None, revoked }
}

#[tokio::test]
async fn what_was_forbidden_since_the_backup_or_in_it_is_forbidden_after_the_restore() {
    let folder = tempfile::tempdir().unwrap();
    let (place, file) = (folder.path().join("state"), folder.path().join("backup"));
    let flag = |flag| Change::Flag { flag, on: true };
    let (store, task) = Store::open(&place).await.unwrap();
    store.change(node(1), arm(1)).await.unwrap();
    store.change(node(2), flag(Flag::Protected)).await.unwrap();
    for id in ["stays", "goes"] {
        store.change_token(TokenChange::Create(token(id, None)), order()).await.unwrap();
    }
    write_private(&file, &store.backup(false).await.unwrap()).unwrap();
    store.change(node(1), flag(Flag::Protected)).await.unwrap();
    store.change(node(2), Change::Flag { flag: Flag::Protected, on: false }).await.unwrap();
    store.change(node(2), flag(Flag::Maintenance)).await.unwrap();
    store.change(node(3), event(Event::Suspected { why: "read twice".into() })).await.unwrap();
    store.change_token(TokenChange::Revoke { name: "of goes".into(), at: 77 }, order()).await.unwrap();
    stop(&store, "alice, because of smoke").await;
    close(store, task).await;

    let restored = restore(&place, &file, order(), true).await.unwrap();
    let words: Vec<_> = restored.forbidden.iter().map(|(mac, words)| (*mac, words.as_str())).collect();
    assert_eq!(words, [(node(1), "protected"), (node(2), "in maintenance"), (node(3), "suspect")]);
    assert_eq!((restored.ended, restored.heard), (vec![node(1)], Former::Heeded));
    assert_eq!((restored.revoked, restored.stopped.who.as_str()), (vec!["of goes".into()], "alice, because of smoke"));
    let (store, _task) = Store::open(&place).await.unwrap();
    let record = |n| store.record(node(n)).unwrap();
    assert!(record(1).flags.protected && record(1).state.word() == "new" && record(1).held, "disarmed, too");
    assert!(record(2).flags.protected && record(2).flags.maintenance, "by the backup, and since");
    assert_eq!(record(3).state.word(), "suspect");
    assert_eq!(store.stopped().map(|stopped| stopped.who), Some("alice, because of smoke".into()));
    assert_eq!(store.change(node(9), arm(9)).await, Err(ChangeError::Refused(Refused::Stopped)));
    let revoked = |id: &str, tokens: &[StoredToken]| tokens.iter().find(|token| token.id == id).unwrap().revoked;
    let tokens = store.tokens().await.unwrap();
    assert_eq!((revoked("stays", &tokens), revoked("goes", &tokens)), (None, Some(77)));
    let told = store.events(Some(node(3)), 9).await.pop().unwrap();
    assert_eq!((told.kind.as_str(), told.state.as_str()), ("restored", "suspect"));
}

#[tokio::test]
async fn without_a_former_store_or_with_one_that_cannot_be_read_it_is_stopped_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let (place, file) = (folder.path().join("state"), folder.path().join("backup"));
    let (store, task) = Store::open(&place).await.unwrap();
    store.change(mac(), arm(1)).await.unwrap();
    write_private(&file, &store.backup(false).await.unwrap()).unwrap();
    close(store, task).await;
    for bytes in [&b"no database at all, though long enough to be taken for one"[..], &[0; 64], &[7; 8192]] {
        std::fs::write(place.join("rackstart.sqlite"), bytes).unwrap();
        let restored = restore(&place, &file, order(), true).await.unwrap();
        assert!(matches!(restored.heard, Former::Unreadable(_)), "{:?}", restored.heard);
        assert!(restored.heard.words().contains("is not known"));
        assert_eq!(std::fs::read(restored.former.unwrap()).unwrap(), bytes, "it lies aside as it was");
        let (store, task) = Store::open(&place).await.unwrap();
        assert!(store.stopped().unwrap().who.contains("a restore, ordered by console uid 0"));
        close(store, task).await;
    }
    let other = folder.path().join("other");
    let restored = restore(&other, &file, order(), true).await.unwrap();
    assert_eq!((restored.heard, restored.former), (Former::Nothing, None));
    let (store, _task) = Store::open(&other).await.unwrap();
    assert!(store.stopped().is_some());
}
