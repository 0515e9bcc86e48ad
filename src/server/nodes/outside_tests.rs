//! Files outside a tree are never served, and special files cannot block the server.

use std::os::unix::fs::symlink;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::*;

/// A node, and a tree with a kernel in it.
async fn with_tree(folder: &tempfile::TempDir) -> FakeNode {
    let node = FakeNode::racked(folder.path()).await;
    let images = folder.path().join("tree/images/pxeboot");
    std::fs::create_dir_all(&images).unwrap();
    std::fs::write(images.join("vmlinuz"), b"0123456789").unwrap();
    node
}

#[tokio::test]
async fn a_link_out_of_a_tree_is_no_file_and_one_inside_is() {
    let folder = tempfile::tempdir().unwrap();
    let node = with_tree(&folder).await;
    let tree = folder.path().join("tree");
    std::fs::write(folder.path().join("secret"), b"secret").unwrap();
    symlink("images/pxeboot/vmlinuz", tree.join("inner")).unwrap();
    symlink(folder.path().join("secret"), tree.join("outer")).unwrap();
    symlink("../store", tree.join("up")).unwrap();
    symlink("/", tree.join("root")).unwrap();
    assert_eq!(node.get("/tree/centos6/inner").await.text, "0123456789");
    for path in ["outer", "up/rackstart.sqlite", "root/etc/passwd", "inner/../../secret"] {
        let answer = node.get(&format!("/tree/centos6/{path}")).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        assert!(!answer.text.is_empty() && answer.text != "secret", "{path}: {}", answer.text);
    }
    assert!(node.get("/tree/centos6/outer").await.text.contains("leads out of the folder"));
}

#[tokio::test]
async fn another_name_of_the_store_or_of_a_key_is_no_file_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let node = with_tree(&folder).await;
    let (tree, store, key) = (folder.path().join("tree"), folder.path().join("store"), folder.path().join("key"));
    std::fs::write(&key, b"secret").unwrap();
    std::fs::hard_link(store.join("rackstart.sqlite"), tree.join("images/one")).unwrap();
    std::fs::hard_link(&key, tree.join("two")).unwrap();
    std::fs::hard_link(tree.join("images/pxeboot/vmlinuz"), tree.join("three")).unwrap();
    assert!(node.get("/tree/centos6/images/one").await.status.is_success(), "nothing is guarded yet");
    node.edit(|site| {
        site.guarded = vec![store, key];
        let checksum = crate::packages::Checksum::new(crate::packages::Algorithm::Md5, &"0".repeat(32)).unwrap();
        site.images.push(crate::site::Image {
            name: "two".into(),
            path: tree.join("two"),
            checksum,
            format: "raw".into(),
        });
    });
    for path in ["/tree/centos6/images/one", "/tree/centos6/two", "/image/two"] {
        let answer = node.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text.contains("another name of a file that nobody may fetch"), "{path}: {}", answer.text);
    }
    assert_eq!(node.get("/tree/centos6/three").await.text, "0123456789", "trees may share files among themselves");
}

#[tokio::test]
async fn a_zero_byte_in_a_path_is_no_file_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let node = with_tree(&folder).await;
    for path in ["images/pxeboot/vmlinuz%00.txt", "%00", "images%00/pxeboot/vmlinuz"] {
        let answer = node.get(&format!("/tree/centos6/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text.contains("zero byte"), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_fifo_in_a_tree_is_answered_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let node = with_tree(&folder).await;
    let fifo = folder.path().join("tree/fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in ["/tree/centos6/fifo", "/tree/centos6/images"] {
        let answer = tokio::time::timeout(Duration::from_secs(10), node.get(path)).await.expect("nobody waits");
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text.contains("that can be served"), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn an_image_in_a_tree_follows_the_rules_of_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let node = with_tree(&folder).await;
    std::fs::write(folder.path().join("secret"), b"secret").unwrap();
    symlink(folder.path().join("secret"), folder.path().join("tree/images/cirros.img")).unwrap();
    node.edit(|site| {
        let checksum = crate::packages::Checksum::new(crate::packages::Algorithm::Md5, &"0".repeat(32)).unwrap();
        let path = site.install_trees[0].path.join("images/cirros.img");
        site.images.push(crate::site::Image { name: "cirros".into(), path, checksum, format: "raw".into() });
    });
    assert_eq!(node.get("/image/cirros").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_client_that_has_a_file_already_is_told_so_and_one_with_another_gets_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let node = with_tree(&folder).await;
    let path = "/tree/centos6/images/pxeboot/vmlinuz";
    let file = std::fs::File::open(folder.path().join("tree/images/pxeboot/vmlinuz")).unwrap();
    let modified = httpdate::fmt_http_date(file.metadata().unwrap().modified().unwrap());
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = node.ask(request.body(Body::empty()).unwrap()).await;
        (answer.status.as_u16(), answer.text)
    };
    let old = "Thu, 01 Jan 2015 00:00:00 GMT";
    assert_eq!(ask(&[("if-modified-since", &modified)]).await, (304, String::new()));
    assert_eq!(ask(&[("if-modified-since", old)]).await, (200, "0123456789".into()));
    assert_eq!(ask(&[("if-modified-since", "yesterday")]).await, (200, "0123456789".into()));
    let range = ("range", "bytes=2-4");
    assert_eq!(ask(&[range, ("if-range", &modified)]).await, (206, "234".into()));
    assert_eq!(ask(&[range, ("if-range", old)]).await, (200, "0123456789".into()));
    assert_eq!(ask(&[range, ("if-range", "\"a tag\"")]).await, (200, "0123456789".into()));
    assert_eq!(ask(&[("range", "bytes=10-")]).await.0, 416);
}

#[tokio::test]
async fn a_head_uses_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let node = with_tree(&folder).await;
    let boot = format!("/boot/{}", node.mac.hyphenated());
    let head = async |path: &str| {
        let answer = node.ask(Request::head(path).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, ""), "{path}");
    };
    for _ in 0..5 {
        head(&boot).await;
    }
    assert_eq!(node.record().state.attempt().unwrap().boots, 0);
    let token = node.boots().await.expect("it still gets the installer");
    head(&format!("/kickstart/{token}")).await;
    assert_eq!(node.get(&format!("/kickstart/{token}")).await.status, StatusCode::OK, "and is its first reader");
    assert_eq!(node.state(), "armed");
}
