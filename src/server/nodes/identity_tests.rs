//! A node's GlusterFS identity: reported by the node, kept, and handed back to its next installation.

use axum::http::StatusCode;

use super::tests::FakeNode;
use crate::lifecycle::WipeScope;

const ID: &str = "1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f";

/// The token of a node that is being installed, and the line of `env` in its payload.
async fn handed_back(node: &FakeNode) -> (String, String) {
    let token = node.boots().await.expect("an armed node gets the installer");
    assert_eq!(node.redeems(&token).await.status, StatusCode::OK);
    assert_eq!(node.attests(&token).await.status, StatusCode::NO_CONTENT);
    let payload = node.get(&format!("/firstboot/{token}")).await;
    assert_eq!(payload.status, StatusCode::OK);
    assert_eq!(node.reports(&token, "installed", 3).await, StatusCode::NO_CONTENT);
    let line = payload.text.lines().find(|line| line.starts_with("GLUSTER_UUID=")).expect("a line of env");
    (token, line.into())
}

async fn tells(node: &FakeNode, token: &str, seq: u64, id: &str) -> StatusCode {
    let form = format!("event=step-done&seq={seq}&step=02-a%2F04-b&number=1&total=2&gluster={id}&detail=");
    node.post(&format!("/report/{token}"), &form).await.status
}

#[tokio::test]
async fn a_node_that_is_installed_anew_is_told_who_it_was_to_its_peers() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let (token, line) = handed_back(&node).await;
    assert_eq!(line, "GLUSTER_UUID=''", "a new node was nobody");
    assert_eq!(tells(&node, &token, 1, "'%24(reboot)").await, StatusCode::BAD_REQUEST);
    assert!(node.record().keepsakes.is_empty());
    assert_eq!(tells(&node, &token, 2, ID).await, StatusCode::NO_CONTENT);
    let form = format!("event=ready&seq=3&detail=&keep.GLUSTER_UUID={ID}&keep.OTHER=x");
    let again = node.post(&format!("/report/{token}"), &form).await.status;
    assert_eq!(again, StatusCode::NO_CONTENT, "by its name, as payloads of today tell it");
    let lines = node.appliance.store.events(Some(node.mac), 100).await;
    assert_eq!(lines.iter().filter(|line| line.kind == "keepsake").count(), 1, "once, not with every report");
    assert_eq!(node.reports(&token, "ready", 4).await, StatusCode::NO_CONTENT);
    drop(node);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await; // the writer closes its file

    let node = FakeNode::known(folder.path()).await;
    node.arm(2, WipeScope::DestroyData).await;
    let (_, line) = handed_back(&node).await;
    assert_eq!(line, format!("GLUSTER_UUID='{ID}'"), "kept over a restart and a wiped disk");
    let other = "2d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f";
    assert_eq!(tells(&node, &token, 5, other).await, StatusCode::GONE, "of an earlier attempt");
    assert_eq!(node.record().keepsakes["GLUSTER_UUID"], ID);
}
