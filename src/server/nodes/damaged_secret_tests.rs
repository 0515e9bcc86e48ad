//! A secret in the store is damaged: the nodes that use it wait, while the daemon and the other nodes continue.

use std::path::Path;

use super::renewal_tests::cloud;
use super::tests::FakeNode;

/// Overwrites a secret on the disk with garbage.
async fn damage(store: &Path, name: &'static str) {
    use sqlx::{ConnectOptions, Connection};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(store.join("rackstart.sqlite"));
    let mut connection = options.connect().await.unwrap();
    let update = sqlx::query("UPDATE secret SET value = x'ff00' WHERE name = ?").bind(name);
    assert_eq!(update.execute(&mut connection).await.unwrap().rows_affected(), 1);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_node_waits_for_a_damaged_secret_that_it_uses_and_for_no_other() {
    let used = "NOVA_MYSQL_PASSWORD";
    for (name, status) in [(used, 503), ("KEYSTONE_MYSQL_PASSWORD", 200), ("RACKSTART_RENEWAL_KEY", 200)] {
        let folder = tempfile::tempdir().unwrap();
        drop(FakeNode::of(cloud(), folder.path()).await);
        damage(&folder.path().join("store"), name).await;
        let node = FakeNode::of(cloud(), folder.path()).await;
        node.arm(1, crate::lifecycle::WipeScope::BlankDiskOnly).await;
        let token = node.boots().await.unwrap();
        assert_eq!(node.redeems(&token).await.status, 200, "{name}: disks need no secret");
        assert_eq!(node.attests(&token).await.status, 204);
        let payload = node.get(&format!("/firstboot/{token}")).await;
        assert_eq!(payload.status.as_u16(), status, "{name}");
        if status == 503 {
            assert!(payload.text.contains(&format!("`rackstart secrets set {used}`")), "{}", payload.text);
            let store = &node.appliance.store;
            store.change_secrets(&node.appliance.site().blueprint, vec![(used.into(), None)], vec![]).await.unwrap();
            assert_eq!(node.get(&format!("/firstboot/{token}")).await.status, 200, "it has a value again");
        }
    }
}
