use super::former::Former;
use super::tests::{arm, close, event, mac, token};
use super::*;
use crate::audit::{Actor, Order};
use crate::lifecycle::{Event, Reader};

fn order() -> Order {
    Order::new(&Actor::console(0), "restore", "backup")
}

async fn lift(store: &Store) {
    let orders = Orders { stopped: Some(None), ..Orders::default() };
    store.decide(order(), move |_, _| Ok::<_, String>(orders)).await.unwrap();
}

fn served() -> Change {
    event(Event::BootScriptServed { token: token(1).hash() })
}

fn redeem() -> Change {
    event(Event::PermitRedeemed { token: token(1).hash(), disk: "sda".into() })
}

/// A store whose node is armed, and a backup of that moment.
async fn armed(place: &Path, file: &Path) -> (Store, JoinHandle<Result<(), sqlx::Error>>) {
    let (store, task) = Store::open(place).await.unwrap();
    store.change_as(mac(), arm(1), order()).await.unwrap();
    store.change(mac(), served()).await.unwrap();
    write_private(file, &store.backup(false).await.unwrap()).unwrap();
    (store, task)
}

#[tokio::test]
async fn a_permit_that_was_spent_after_the_backup_stays_spent_after_the_restore() {
    let folder = tempfile::tempdir().unwrap();
    let (place, file) = (folder.path().join("state"), folder.path().join("backup"));
    let (store, task) = armed(&place, &file).await;
    store.change(mac(), redeem()).await.unwrap();
    assert!(
        matches!(restore(&place, &file, order(), true).await, Err(OpenError::InUse(_))),
        "not under a running daemon"
    );
    close(store, task).await;
    let restored = restore(&place, &file, order(), true).await.unwrap();
    assert_eq!((restored.epoch, restored.ended), (2, vec![mac()]));
    assert!(restored.former.unwrap().exists(), "the former store is moved aside");
    let (store, task) = Store::open(&place).await.unwrap();
    assert_ne!(store.record(mac()).unwrap().state.word(), "armed");
    assert!(store.change(mac(), redeem()).await.is_err(), "the permit is dead");
    assert!(store.change(mac(), served()).await.is_err(), "and no installer is served");
    let lines = store.audit_lines(AuditFilter::default()).await.unwrap();
    assert_eq!(lines.last().unwrap().action, "restore");
    store.verify_audit(vec![]).await.unwrap().expect("the log goes on from that of the backup");
    close(store, task).await;
    // The same backup is restored again, and then one of a node that was being installed.
    assert_eq!(restore(&place, &file, order(), true).await.unwrap().epoch, 3);
    let (store, task) = Store::open(&place).await.unwrap();
    let stopped = store.change_as(mac(), arm(2), order()).await;
    assert_eq!(stopped, Err(ChangeError::Refused(Refused::Stopped)), "not before an operator lifts it");
    lift(&store).await;
    store.change_as(mac(), arm(2), order()).await.unwrap();
    store.change(mac(), served()).await.unwrap();
    store.change(mac(), redeem()).await.unwrap();
    write_private(&file, &store.backup(false).await.unwrap()).unwrap();
    close(store, task).await;
    assert_eq!(restore(&place, &file, order(), true).await.unwrap().epoch, 4);
    let (store, _task) = Store::open(&place).await.unwrap();
    assert_eq!(store.record(mac()).unwrap().state.word(), "failed");
    assert!(store.change(mac(), redeem()).await.is_err(), "not even for the boot that had it");
}

#[tokio::test]
async fn a_backup_put_in_place_by_hand_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let (place, file) = (folder.path().join("state"), folder.path().join("backup"));
    let (store, task) = armed(&place, &file).await;
    store
        .change(
            mac(),
            Change::Redeem {
                token: token(1).hash(),
                words: "sda".into(),
                disks: Default::default(),
                keep: vec![],
                reader: Reader { address: [192, 168, 0, 2].into(), mac: None, serial: None },
            },
        )
        .await
        .unwrap();
    close(store, task).await;
    std::fs::copy(&file, place.join("rackstart.sqlite")).unwrap();
    let refused = Store::open(&place).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("rackstart restore"), "the spent permit moved the anchor: {refused}");
    // On a new machine there is no anchor, so the database itself must tell.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::copy(&file, other.join("rackstart.sqlite")).unwrap();
    let refused = Store::open(&other).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("rackstart restore"), "{refused}");
    std::fs::remove_file(other.join("rackstart.sqlite")).unwrap();
    assert_eq!(restore(&other, &file, order(), true).await.unwrap().epoch, 2);
    let (store, _task) = Store::open(&other).await.unwrap();
    assert!(store.change(mac(), redeem()).await.is_err());
}

#[tokio::test]
async fn a_restore_that_was_interrupted_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let (place, file) = (folder.path().join("state"), folder.path().join("backup"));
    let (store, task) = armed(&place, &file).await;
    close(store, task).await;
    // The restore was killed after moving the former store aside and before moving the new one in, with what SQLite
    // leaves after a kill.
    std::fs::rename(place.join("rackstart.sqlite"), place.join("rackstart.sqlite.before-epoch-2")).unwrap();
    let former = std::fs::read(place.join("rackstart.sqlite.before-epoch-2")).unwrap();
    write_private(&place.join("rackstart.sqlite-wal"), b"of the former database").unwrap();
    write_private(&place.join("restore.new"), b"half a fi").unwrap();
    assert!(matches!(Store::open(&place).await, Err(OpenError::Older { .. })), "never empty over what was there");
    let again = restore(&place, &file, order(), true).await.unwrap();
    assert_eq!((again.heard, again.former), (Former::Heeded, Some(place.join("rackstart.sqlite.before-epoch-2"))));
    let (store, task) = Store::open(&place).await.unwrap();
    assert_ne!(store.record(mac()).unwrap().state.word(), "armed");
    close(store, task).await;
    let lies_aside = std::fs::read(place.join("rackstart.sqlite.before-epoch-2")).unwrap();
    assert!(lies_aside == former, "the former store is not overwritten");
    // The restore was killed while it wrote its copy and not repeated: the next start must leave no passwords behind.
    for name in ["restore.new", "restore.new.new", "restore.new-journal", "backup.new"] {
        write_private(&place.join(name), b"half a fi").unwrap();
    }
    let (store, task) = Store::open(&place).await.unwrap();
    close(store, task).await;
    let left = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.contains(".new")).collect::<Vec<_>>(), [""; 0]);
    // The restore was killed between the database and the anchor.
    let anchor = std::fs::read(place.join("anchor.json")).unwrap();
    restore(&place, &file, order(), true).await.unwrap();
    std::fs::write(place.join("anchor.json"), anchor).unwrap();
    let refused = Store::open(&place).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("epoch 4") && refused.contains("epoch 3"), "{refused}");
    restore(&place, &file, order(), true).await.unwrap();
    Store::open(&place).await.unwrap();
}

#[tokio::test]
async fn what_is_no_backup_of_ours_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (place, file) = (folder.path().join("state"), folder.path().join("backup"));
    let (store, task) = armed(&place, &file).await;
    close(store, task).await;
    let before = std::fs::read(place.join("rackstart.sqlite")).unwrap();
    let backup = std::fs::read(&file).unwrap();
    let mut of_another_program = backup.clone();
    of_another_program[68..72].copy_from_slice(b"none");
    for bytes in [&b"a text"[..], &b"SQLite format 3\0"[..], &[], &[7; 8192], &of_another_program] {
        std::fs::write(&file, bytes).unwrap();
        assert!(matches!(restore(&place, &file, order(), true).await, Err(OpenError::NotABackup(_))));
    }
    // Only the beginning of a file is read: the first one never ends, and a directory has none.
    for other in ["/dev/zero", "/"] {
        let refused = restore(&place, Path::new(other), order(), true).await.unwrap_err().to_string();
        assert!(refused.starts_with(&format!("{other} is not a backup of rackstart")), "{refused}");
    }
    std::fs::write(&file, &backup[..backup.len() / 2]).unwrap();
    let damaged = restore(&place, &file, order(), true).await.unwrap_err();
    assert!(matches!(damaged, OpenError::DamagedBackup { .. }), "{damaged}");
    assert!(!place.join("restore.new").exists(), "no copy is left");
    std::fs::remove_file(&file).unwrap();
    let missing = restore(&place, &file, order(), true).await.unwrap_err().to_string();
    assert!(missing.contains("backup"), "{missing}");
    assert_eq!(std::fs::read(place.join("rackstart.sqlite")).unwrap(), before);
    Store::open(&place).await.expect("the store is as it was");
}

#[tokio::test]
async fn a_restore_that_is_refused_leaves_no_directory_that_was_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let (place, file) = (folder.path().join("state"), folder.path().join("backup"));
    let (store, task) = armed(&place, &file).await;
    close(store, task).await;
    let backup = std::fs::read(&file).unwrap();
    std::fs::write(&file, &backup[..backup.len() / 2]).unwrap();
    let empty = folder.path().join("empty");
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&empty).unwrap();
    for other in ["new", "far/down/new", "empty"] {
        let refused = restore(&folder.path().join(other), &file, order(), true).await.unwrap_err();
        assert!(matches!(refused, OpenError::DamagedBackup { .. }), "{refused}");
    }
    let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["backup", "empty", "state"]);
    std::fs::write(&file, &backup).unwrap();
    restore(&folder.path().join("far/down/new"), &file, order(), true).await.expect("nothing is in its way");
}

#[tokio::test]
async fn a_store_that_others_may_open_or_that_is_a_link_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("state");
    let (store, task) = Store::open(&place).await.unwrap();
    for name in ["rackstart.sqlite", "rackstart.sqlite-wal", "anchor.json"] {
        let mode = std::fs::metadata(place.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    close(store, task).await;
    let database = place.join("rackstart.sqlite");
    std::fs::set_permissions(&database, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Store::open(&place).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
    std::fs::set_permissions(&database, std::fs::Permissions::from_mode(0o600)).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(&database, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &database).unwrap();
    assert!(matches!(Store::open(&place).await, Err(OpenError::Link(_))));
}

#[tokio::test]
async fn a_backup_without_passwords_takes_those_of_the_store_that_it_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let (place, file) = (folder.path().join("state"), folder.path().join("backup"));
    let site = crate::site::testing::paper_site();
    let values = |store: &Store| -> Vec<(String, String)> {
        store.secrets(&site).iter().map(|(name, value)| (name.clone(), value.reveal().to_string())).collect()
    };
    let (store, task) = Store::open(&place).await.unwrap();
    store.open_secrets(None, &site.blueprint).await.unwrap();
    let known = values(&store);
    assert!(!known.is_empty());
    write_private(&file, &store.backup(false).await.unwrap()).unwrap();
    close(store, task).await;
    let restored = restore(&place, &file, order(), false).await.unwrap();
    assert_eq!(restored.passwords, Passwords::Former);
    let (store, task) = Store::open(&place).await.unwrap();
    store.open_secrets(None, &site.blueprint).await.unwrap();
    assert_eq!(values(&store), known, "the cloud's own");
    let lines = store.audit_lines(AuditFilter::default()).await.unwrap();
    assert!(lines.last().unwrap().detail.contains("those of the former store stay"));
    close(store, task).await;
    // On another machine there is no former store to take them from.
    let other = folder.path().join("other");
    let refused = restore(&other, &file, order(), false).await.unwrap_err().to_string();
    assert!(refused.contains("--new-secrets"), "{refused}");
    assert!(!other.join("rackstart.sqlite").exists(), "nothing is half done");
    assert_eq!(restore(&other, &file, order(), true).await.unwrap().passwords, Passwords::New);
}
