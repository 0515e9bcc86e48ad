//! Walks the table of routes: what it lists is served, described, and guarded.

use std::collections::BTreeSet;

use super::super::role::Rule;
use super::super::routes::{self, Route};
use super::super::{describe, token::Token};
use super::*;
use crate::audit::Order;
use crate::store::{StoredToken, TokenChange};

/// The routes that a token may call over TCP.
fn table() -> Vec<Route> {
    routes::table().into_iter().filter(|route| route.rule.is_remote()).collect()
}

/// A path with its parameters filled in, and a body that its handler accepts.
fn example(route: &Route) -> (String, &'static str) {
    let path =
        route.path.replace("{name}", "compute2").replace("{text}", "kickstart").replace("{mac}", "52-54-00-a8-02-01");
    let path = path.replace("{secret}", "NOVA_MYSQL_PASSWORD").replace("{id}", "0123456789ab");
    let body = match route.path {
        "/api/v1/reimage" | "/api/v1/reimage/rehearse" | "/api/v1/reimage/drain" => r#"{"nodes": ["compute2"]}"#,
        "/api/v1/nodes/{name}/maintenance" => r#"{"on": true}"#,
        "/api/v1/nodes/{name}/power" => r#"{"action": "on"}"#,
        "/api/v1/tokens" => r#"{"name": "walk", "role": "viewer", "days": null}"#,
        "/api/v1/links" => r#"{"role": "viewer"}"#,
        "/api/v1/strangers/adopted" => r#"{"mac": "02:00:00:00:00:01", "name": "a", "role": "b"}"#,
        "/api/v1/secrets/{secret}" => r#"{"value": "walked through"}"#,
        "/api/v1/nodes/{name}/give-up" => r#"{"reason": "smoke"}"#,
        _ => "{}",
    };
    (path, body)
}

impl Desk {
    async fn try_route(&self, route: &Route, token: Option<&str>) -> Answer {
        let (path, body) = example(route);
        let request = Self::request(route.method.clone(), &path, token);
        let request =
            request.body(if route.method == Method::POST { Body::from(body) } else { Body::empty() }).unwrap();
        // A stream never ends; its head is all that is needed here.
        if route.path == "/api/v1/events" {
            let mut request = request;
            request.extensions_mut().insert(ConnectInfo("127.0.0.1:1".parse::<SocketAddr>().unwrap()));
            let (parts, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
            let text = match parts.status {
                StatusCode::OK => String::new(),
                _ => String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
            };
            return Answer { status: parts.status, headers: parts.headers, text };
        }
        self.ask(request).await
    }

    /// A token that was valid once, put into the store as it would be after `days`.
    async fn stale(&self, id: u8, expires: Option<u64>, revoked: Option<u64>) -> String {
        let token = Token::from_random([id; 4], [id; 32]);
        let stored = StoredToken {
            id: token.id().into(),
            name: format!("stale{id}"),
            role: "admin".into(),
            hash: token.hash().unwrap(),
            created: 1,
            expires,
            revoked,
        };
        let order = Order::new(&Actor::daemon(), "create-token", "stale");
        assert!(self.store.change_token(TokenChange::Create(stored), order).await.unwrap());
        token.reveal().into()
    }
}

#[tokio::test]
async fn every_route_of_the_router_is_described_and_nothing_else_is() {
    let described = describe::description();
    let word = |method: &Method, path: &str| format!("{method} {path}");
    let served: BTreeSet<String> = routes::table().iter().map(|route| word(&route.method, route.path)).collect();
    let mut said = BTreeSet::new();
    for (path, item) in &described.paths.paths {
        let methods = [
            (Method::GET, &item.get),
            (Method::POST, &item.post),
            (Method::PUT, &item.put),
            (Method::DELETE, &item.delete),
            (Method::PATCH, &item.patch),
            (Method::HEAD, &item.head),
            (Method::OPTIONS, &item.options),
        ];
        said.extend(methods.iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| word(method, path)));
    }
    assert_eq!(said, served);
    assert_eq!(served.len(), routes::table().len(), "no line of the table is there twice");
    // And the router serves what the table says: nobody gets a 404 or a 405 for a listed route, and everybody does for
    // any other.
    let desk = Desk::new().await;
    let admin = desk.token(Role::Admin).await;
    for route in routes::table().iter().filter(|route| !route.rule.is_remote()) {
        let status = desk.try_route(route, Some(&admin)).await.status;
        assert!([404, 405].contains(&status.as_u16()), "{} {} by token: {status}", route.method, route.path);
    }
    for route in table() {
        let status = desk.try_route(&route, None).await.status;
        assert!(![404, 405].contains(&status.as_u16()), "{} {}: {status}", route.method, route.path);
    }
}

#[tokio::test]
async fn the_description_is_openapi_3_1_names_the_rules_and_every_schema_it_refers_to() {
    let desk = Desk::new().await;
    let answer = desk.ask(Desk::request(Method::GET, "/api/v1/openapi.json", None).body(Body::empty()).unwrap()).await;
    let value = answer.json();
    assert_eq!((answer.status.as_u16(), &value["openapi"]), (200, &Value::from("3.1.0")));
    for route in routes::table() {
        let operation = &value["paths"][route.path][route.method.as_str().to_lowercase()];
        let words = operation["description"].as_str().unwrap_or_default();
        match route.rule {
            Rule::Public => assert!(words.contains("Anybody") && operation["security"].is_null(), "{}", route.path),
            Rule::AtLeast(role) | Rule::AtLeastOrOwner(role) => {
                assert!(words.contains(&format!("the role {role} ")), "{}: {words}", route.path);
                assert!(operation["security"][0]["token"].is_array(), "{}", route.path);
            }
            Rule::Socket | Rule::Owner => {
                assert!(words.contains("at the socket") && operation["security"].is_null(), "{}: {words}", route.path);
                assert_eq!(operation["tags"][0], "socket", "{}", route.path);
            }
        }
    }
    let mut refs = answer.text.split("\"#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
    assert!(refs.clone().count() > 20);
    assert_eq!(refs.find(|name| value["components"]["schemas"][name].is_null()), None, "a schema is missing");
}

#[tokio::test]
async fn without_any_token_the_api_says_how_to_set_it_up() {
    let desk = Desk::new().await;
    for route in table() {
        let answer = desk.try_route(&route, None).await;
        match route.rule {
            Rule::Public => assert_eq!(answer.status, 200, "{}", route.path),
            _ => {
                let (status, error) = answer.error();
                assert_eq!((status, error.contains("not set up")), (503, true), "{}", route.path);
                assert!(answer.text.contains("rackstart token create"), "{}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn every_route_refuses_who_has_no_token_a_wrong_an_expired_or_a_revoked_one() {
    let desk = Desk::new().await;
    let expired = desk.stale(1, Some(unix_now() - 1), None).await;
    let revoked = desk.stale(2, None, Some(2)).await;
    let of_another = desk.stale(3, None, None).await.replace("03", "04"); // right shape, unknown id
    let wrong_secret = {
        let right = desk.stale(5, None, None).await;
        format!("{}6", &right[..right.len() - 1])
    };
    // The keeper loads the store as a restarted daemon does.
    let keeper = Keeper::open(desk.store.clone()).await.unwrap();
    let valid = keeper.create("valid", Role::Metrics, None, &Actor::socket(0, None)).await.unwrap();
    let guarded: Vec<_> = table().into_iter().filter(|route| route.rule != Rule::Public).collect();
    assert_eq!(table().len() - guarded.len(), 2, "health and the description are public, nothing else is");
    for route in &guarded {
        // Each route gets a keeper that has seen no attempt yet; otherwise the limit would answer for the later ones.
        let keeper = Keeper::open(desk.store.clone()).await.unwrap();
        let api = Api { keeper, ..desk.api.clone() };
        let fresh = Desk { app: routes::app(api.clone()), api, ..Desk::new().await };
        for shown in [None, Some(&expired), Some(&revoked), Some(&of_another), Some(&wrong_secret), Some(&"x".into())] {
            let answer = fresh.try_route(route, shown.map(String::as_str)).await;
            assert_eq!(answer.error().0, 401, "{} with {shown:?}: {}", route.path, answer.text);
            assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"rackstart\"");
            assert!(
                !answer.text.contains("expired") && !answer.text.contains("revoked"),
                "not told which: {}",
                answer.text
            );
        }
        assert_ne!(fresh.try_route(route, Some(valid.reveal())).await.status, 401, "{}", route.path);
    }
}

#[tokio::test]
async fn every_route_refuses_each_role_below_its_own_and_no_role_from_it_on() {
    let desk = Desk::new().await;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((role, desk.token(role).await));
    }
    for route in table() {
        for (role, token) in &tokens {
            let answer = desk.try_route(&route, Some(token)).await;
            let may = match route.rule {
                Rule::Public => true,
                Rule::AtLeast(needed) | Rule::AtLeastOrOwner(needed) => *role >= needed,
                Rule::Socket | Rule::Owner => false,
            };
            let at = format!("{} {} as {role}: {} {}", route.method, route.path, answer.status, answer.text);
            match may {
                false => {
                    let (status, error) = answer.error();
                    assert!(status == 403 && error.contains("has the role"), "{at}");
                }
                // Nobody is signed in.
                true if route.path.ends_with("/end") => assert_eq!(answer.status, 404, "{at}"),
                true => assert!(answer.status.is_success() || answer.status == 409, "{at}"),
            }
        }
    }
}

#[tokio::test]
async fn at_the_socket_its_group_may_all_but_what_is_its_owners_alone() {
    let own = rustix::process::geteuid().as_raw();
    for (uid, is_owner) in [(0, true), (own, true), (60_001, false)] {
        let desk = Desk::new().await;
        desk.store.open_secrets(None, &desk.api.appliance.site().blueprint).await.unwrap();
        let app = at_the_socket(&desk.api.appliance).await;
        for route in routes::table().into_iter().filter(|route| route.path != "/api/v1/events") {
            let (path, body) = example(&route);
            let request =
                Request::builder().method(&route.method).uri(&path).header("content-type", "application/json");
            let request = request.extension(socket::Peer::new(uid, Some(7))).body(Body::from(body)).unwrap();
            let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
            let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
            let at = format!("{} {path} as {uid}: {} {text}", route.method, parts.status);
            if route.rule.is_owners() && !is_owner {
                assert!(parts.status == 403 && text.contains("run it with sudo"), "{at}");
            } else {
                // No installer has logged, no token exists and nobody is signed in.
                let is_missing = ["/log", "/revoke", "/end"].iter().any(|end| route.path.ends_with(end));
                let is_fine = parts.status.is_success() || parts.status == 409;
                assert!(is_fine || is_missing && parts.status == 404, "{at}");
            }
            assert_eq!(parts.headers["cache-control"], "no-store", "{at}");
        }
        // A caller that the kernel did not identify is refused.
        let unnamed = Request::get("/api/v1/status").body(Body::empty()).unwrap();
        assert_eq!(app.oneshot(unnamed).await.unwrap().status(), 404);
    }
}

#[tokio::test]
async fn a_token_that_is_revoked_or_expires_opens_nothing_from_that_moment_on() {
    let desk = Desk::new().await;
    let admin = desk.token(Role::Admin).await;
    let viewer = desk.token(Role::Viewer).await;
    for _ in 0..3 {
        assert_eq!(desk.get("/api/v1/site", &viewer).await.status, 200);
    }
    desk.api.keeper.revoke("viewer", &Actor::socket(0, None)).await.unwrap();
    assert_eq!(desk.get("/api/v1/site", &viewer).await.status, 401);
    assert_eq!(desk.get("/api/v1/site", &admin).await.status, 200, "the others stay");
    // The name is free again, and the old token is not the new one.
    let again = desk.token(Role::Viewer).await;
    assert_eq!(desk.get("/api/v1/site", &again).await.status, 200);
    assert_eq!(desk.get("/api/v1/site", &viewer).await.status, 401);
    let listed = desk.get("/api/v1/tokens", &admin).await.json();
    let standing: Vec<_> = listed.as_array().unwrap().iter().map(|t| t["standing"].as_str().unwrap()).collect();
    assert_eq!(standing.iter().filter(|word| **word == "revoked").count(), 1, "{standing:?}");
}

/// Every page of the API except the stream, by its path, as an administrator reads it: for tests that search the pages
/// for what must not be there.
pub(in crate::server) async fn every_page(appliance: Appliance) -> Vec<(String, String)> {
    let keeper = Keeper::open(appliance.store.clone()).await.unwrap();
    let token = keeper.create("canary", Role::Admin, None, &Actor::socket(0, None)).await.unwrap();
    let app = routes::app(Api::new(appliance.clone(), keeper, reloader(&appliance), CancellationToken::new()));
    let mut pages = Vec::new();
    let reads = |route: &Route| route.method == Method::GET && route.path != "/api/v1/events";
    for route in table().into_iter().filter(reads) {
        for text in ["kickstart", "storage", "boot-script", "local-disk"] {
            let path = route.path.replace("{text}", text).replace("{name}", "compute2");
            let path = path.replace("{mac}", "52-54-00-a8-02-01");
            if pages.iter().any(|(known, _)| *known == path) {
                continue;
            }
            let request = Desk::request(Method::GET, &path, Some(token.reveal()));
            let mut request = request.body(Body::empty()).unwrap();
            request.extensions_mut().insert(ConnectInfo("127.0.0.1:1".parse::<SocketAddr>().unwrap()));
            let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
            // No node of these tests has a BMC.
            let expected = if path.ends_with("/power") { 409 } else { 200 };
            assert_eq!(parts.status, expected, "{path}");
            let bytes = body.collect().await.unwrap().to_bytes();
            pages.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    pages
}
