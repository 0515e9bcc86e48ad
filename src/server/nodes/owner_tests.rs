//! What members of the socket's group may ask about secrets, and what only the owner of the daemon may.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::tests::FakeNode;
use crate::server::api::socket::Peer;
use crate::server::api::tests::at_the_socket;
use crate::site::testing::paper_site;
use crate::store::AuditFilter;

/// Every route about secrets and copies of the store, and whether it is only for the owner. `docs/security.md` says the
/// same.
const ROUTES: [(&str, &str, bool); 9] = [
    ("GET", "/api/v1/secrets", false),
    ("POST", "/api/v1/secrets/NOVA_MYSQL_PASSWORD/reveal", true),
    ("POST", "/api/v1/nodes/compute2/reveal-secrets", true),
    ("POST", "/api/v1/backup?with_secrets=true", true),
    ("POST", "/api/v1/backup", false),
    ("POST", "/api/v1/secrets/NOVA_MYSQL_PASSWORD/rotate", false),
    ("POST", "/api/v1/rotate-secrets", false),
    ("GET", "/api/v1/audit", false),
    ("GET", "/api/v1/audit/verify", false),
];

async fn ask(node: &FakeNode, method: &str, path: &str, peer: Peer) -> (u16, Vec<u8>) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .extension(peer)
        .header("content-type", "application/json")
        .body(Body::from("{}"))
        .unwrap();
    let response = at_the_socket(&node.appliance).await.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn a_member_of_the_group_orders_and_sees_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = paper_site();
    site.security = crate::site::Security::Hardened;
    let node = FakeNode::of(site.clone(), folder.path()).await;
    let store = &node.appliance.store;
    let own = rustix::process::geteuid().as_raw();
    let owners = [Peer::new(0, Some(7)), Peer::new(own, Some(7))];
    let member = Peer::new(60_001, Some(4711));
    store.open_secrets(None, &site.blueprint).await.unwrap();
    for (method, path, is_owners) in ROUTES {
        for owner in &owners {
            assert_eq!(ask(&node, method, path, owner.clone()).await.0, 200, "{path} {owner:?}");
        }
        let values = store.secrets(&site);
        let (status, body) = ask(&node, method, path, member.clone()).await;
        assert_eq!(status, if is_owners { 403 } else { 200 }, "{path}");
        for (name, value) in values.iter().chain(&store.secrets(&site)) {
            let value = value.reveal().as_bytes();
            assert!(!body.windows(value.len()).any(|window| window == value), "{path} tells {name}");
        }
        assert!(!is_owners || String::from_utf8(body).unwrap().contains("run it with sudo"), "{path}");
    }
    let tried = AuditFilter { who: Some("uid 60001".into()), limit: Some(100), ..AuditFilter::default() };
    let tried = store.audit_lines(tried).await.unwrap();
    let refused: Vec<_> = tried.iter().filter(|line| line.outcome.starts_with("refused: ")).collect();
    let what: Vec<_> = refused.iter().map(|line| (line.action.as_str(), line.subject.as_str())).collect();
    let expected =
        [("reveal-secret", "NOVA_MYSQL_PASSWORD"), ("reveal-secrets-of-node", "compute2"), ("backup", "store")];
    assert_eq!(what, expected, "the audit log tells who tried");
}
