//! What the answers contain, and what they never contain.

use std::collections::BTreeSet;

use super::*;
use crate::lifecycle::{AttemptId, BootToken, Event, WipeScope};
use crate::store::Change;

impl Desk {
    /// compute2 was armed, has booted the installer, and is wiped.
    async fn compute2_is_installing(&self) {
        let mac = "52:54:00:a8:02:01".parse().unwrap();
        let token = BootToken::from_random([7; 16]).hash();
        for event in [
            Event::Armed { id: AttemptId::from_random([1; 4]), scope: WipeScope::BlankDiskOnly },
            Event::BootScriptServed { token: token.clone() },
            Event::PermitRedeemed { token, disk: "sda".into() },
        ] {
            self.store.change(mac, Change::Event { event, mark: None }).await.unwrap();
        }
    }
}

#[tokio::test]
async fn nodes_come_in_pages_and_by_state_and_role() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    desk.compute2_is_installing().await;
    let names = async |query: &str| {
        let page = desk.get(&format!("/api/v1/nodes{query}"), &token).await.json();
        let names: Vec<_> =
            page["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap().to_string()).collect();
        (names.join(" "), page["next"].as_str().map(String::from))
    };
    assert_eq!(names("").await, ("controller compute1 compute2 compute3 compute4".into(), None));
    assert_eq!(names("?limit=2").await, ("controller compute1".into(), Some("compute1".into())));
    assert_eq!(names("?limit=2&after=compute1").await, ("compute2 compute3".into(), Some("compute3".into())));
    assert_eq!(names("?limit=2&after=compute3").await, ("compute4".into(), None));
    assert_eq!(names("?state=installing").await, ("compute2".into(), None));
    assert_eq!(names("?role=compute&limit=2").await, ("compute2 compute3".into(), Some("compute3".into())));
    assert_eq!(names("?state=ready").await, (String::new(), None));
    let node = desk.get("/api/v1/nodes/compute2", &token).await.json();
    assert_eq!((&node["state"], &node["mac"]), (&"installing".into(), &"52:54:00:a8:02:01".into()));
    assert_eq!(node["timings"].as_object().unwrap().len(), 1);
    let states = desk.get("/api/v1/states", &token).await.json();
    assert_eq!(
        (&states["nodes"], &states["states"]["installing"], &states["states"]["new"]),
        (&5.into(), &1.into(), &4.into())
    );
}

#[tokio::test]
async fn a_timeline_can_be_read_from_any_number_on() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    desk.compute2_is_installing().await;
    let read = async |path: &str| {
        let page = desk.get(path, &token).await.json();
        let kinds: Vec<_> =
            page["events"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap().to_string()).collect();
        (kinds.join(" "), page["next"].as_i64().unwrap())
    };
    let whole = ("armed boot-script permit-redeemed".to_string(), 3);
    assert_eq!(read("/api/v1/timeline").await, whole);
    assert_eq!(read("/api/v1/nodes/compute2/timeline").await, whole);
    assert_eq!(read("/api/v1/nodes/compute2/timeline?after=0").await, whole);
    assert_eq!(read("/api/v1/nodes/compute2/timeline?after=0&limit=1").await, ("armed".into(), 1));
    assert_eq!(read("/api/v1/nodes/compute2/timeline?after=1&limit=1").await, ("boot-script".into(), 2));
    assert_eq!(read("/api/v1/nodes/compute2/timeline?limit=1").await, ("permit-redeemed".into(), 3), "the newest");
    assert_eq!(read("/api/v1/nodes/compute2/timeline?after=3").await, (String::new(), 3));
    assert_eq!(read("/api/v1/nodes/compute3/timeline").await, (String::new(), 0));
}

#[tokio::test]
async fn a_story_holds_packets_and_events_also_of_machines_that_no_node_is() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    desk.compute2_is_installing().await;
    let moment = |mac: &str, text| crate::timeline::Moment::new(unix_now(), mac.parse().unwrap(), "dhcp", text);
    let (node, stranger) = ("52:54:00:a8:02:01", "52:54:00:99:00:01");
    desk.store.keep(vec![moment(node, "DHCPDISCOVER: its address"), moment(stranger, "no answer")]).await.unwrap();
    let story = desk.get(&format!("/api/v1/stories/{node}"), &token).await.json();
    let lines = story["lines"].as_array().unwrap();
    let from = |source: &str| lines.iter().filter(|line| line["source"] == source).count();
    assert_eq!((from("dhcp"), from("node")), (1, 3), "{story}");
    let (moment, event) = (&story["next"]["moment"], &story["next"]["event"]);
    let rest = desk.get(&format!("/api/v1/stories/{node}?moment={moment}&event={event}"), &token).await.json();
    assert_eq!(rest["lines"].as_array().unwrap().len(), 0);
    let story = desk.get(&format!("/api/v1/stories/{stranger}"), &token).await.json();
    assert_eq!(story["lines"][0]["text"], "no answer");
    assert_eq!(desk.get("/api/v1/stories/nobody", &token).await.error().0, 400);
}

#[tokio::test]
async fn plan_and_texts_are_those_of_the_node_and_hold_no_secret() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    let plan = desk.get("/api/v1/nodes/compute2/plan", &token).await.json();
    assert_eq!(plan["disks"][0]["slot"], "os");
    let text = async |what: &str| {
        let answer = desk.get(&format!("/api/v1/nodes/compute2/texts/{what}"), &token).await;
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        answer.text
    };
    let (kickstart, boot) = (text("kickstart").await, text("boot-script").await);
    assert!(kickstart.contains("rootpw --iscrypted") && kickstart.contains("***"), "{kickstart}");
    assert!(boot.starts_with("#!ipxe") && boot.contains(&"0".repeat(32)));
    assert!(text("storage").await.contains("clearpart") && text("local-disk").await.starts_with("#!ipxe"));
    // Everything that can be read, with the highest role, while a node is being installed.
    desk.compute2_is_installing().await;
    let admin = desk.token(Role::Admin).await;
    let (secret, boot_token) = (HASH.rsplit('$').next().unwrap(), BootToken::from_random([7; 16]));
    for route in routes::table()
        .iter()
        .filter(|route| route.rule.is_remote() && route.method == Method::GET && route.path != "/api/v1/events")
    {
        for what in ["kickstart", "storage", "boot-script", "local-disk"] {
            let path =
                route.path.replace("{name}", "compute2").replace("{text}", what).replace("{mac}", "52:54:00:a8:02:01");
            let answer = desk.get(&path, &admin).await;
            // The site of these tests names no BMC.
            let expected = if path.ends_with("/power") { 409 } else { 200 };
            assert_eq!(answer.status, expected, "{path}: {}", answer.text);
            assert!(!answer.text.contains(secret), "{path} holds the root hash");
            assert!(!answer.text.contains(boot_token.reveal()), "{path} holds a boot's token");
            assert!(!answer.text.contains(&admin) && !answer.text.contains("$argon2"), "{path} holds a token");
        }
    }
}

#[tokio::test]
async fn orders_are_followed_or_refused_with_the_reason_and_the_audit_log_names_the_token() {
    let desk = Desk::new().await;
    let (operator, admin) = (desk.token(Role::Operator).await, desk.token(Role::Admin).await);
    let armed = desk.post("/api/v1/nodes/compute2/install", &operator, "{}").await;
    assert_eq!((armed.status.as_u16(), &armed.json()["armed"][0]), (200, &"compute2".into()), "{}", armed.text);
    assert_eq!(desk.get("/api/v1/nodes/compute2", &operator).await.json()["state"], "armed");
    let stopped = desk.post("/api/v1/stop", &operator, "{}").await;
    assert_eq!(stopped.json()["disarmed"][0], "compute2");
    assert_eq!(
        desk.get("/api/v1/states", &operator).await.json()["stopped"]["who"]
            .as_str()
            .map(|who| who.contains("token operator")),
        Some(true)
    );
    let refused = desk.post("/api/v1/nodes/compute2/install", &operator, "{}").await;
    assert_eq!(refused.error().0, 409, "{}", refused.text);
    assert_eq!(desk.post("/api/v1/stop/lift", &operator, "{}").await.error().0, 403, "that takes an admin");
    assert_eq!(desk.post("/api/v1/stop/lift", &admin, "{}").await.status, 204);
    assert_eq!(desk.post("/api/v1/nodes/compute2/protect", &operator, "{}").await.json()["flags"][0], "protected");
    let refused = desk.post("/api/v1/reimage", &operator, r#"{"nodes": ["compute2"]}"#).await;
    assert!(refused.error().0 == 409 && refused.error().1.contains("protected"), "{}", refused.text);
    assert_eq!(desk.post("/api/v1/reimage/rehearse", &operator, r#"{"nodes": ["compute2"]}"#).await.status, 409);
    assert_eq!(desk.post("/api/v1/nodes/compute2/unprotect", &admin, "{}").await.status, 200);
    assert_eq!(desk.post("/api/v1/reimage/rehearse", &operator, r#"{"nodes": ["compute2"]}"#).await.status, 200);
    assert_eq!(desk.post("/api/v1/reimage", &operator, r#"{"nodes": ["compute2"]}"#).await.status, 200);
    let refused = desk.post("/api/v1/reimage", &operator, r#"{"nodes": ["compute22"]}"#).await;
    assert_eq!(refused.error().0, 404);
    assert_eq!(desk.post("/api/v1/reimage", &operator, r#"{"nodes": []}"#).await.error().0, 400);
    let lines = desk.get("/api/v1/audit?who=token%20operator", &admin).await.json();
    let lines = lines.as_array().unwrap();
    assert!(lines.len() >= 6, "{lines:#?}");
    assert!(lines.iter().all(|line| line["who"] == "token operator" && line["from"] == "127.0.0.1"), "{lines:#?}");
    assert!(lines.iter().any(|line| line["outcome"].as_str().unwrap().starts_with("refused")), "refusals are told too");
}

#[tokio::test]
async fn metrics_have_every_figure_that_the_page_explains() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Metrics).await;
    desk.compute2_is_installing().await;
    desk.get("/api/v1/site", "x").await;
    let answer = desk.get("/api/v1/metrics", &token).await;
    for line in [
        "rackstart_nodes{state=\"installing\"} 1",
        "rackstart_nodes{state=\"new\"} 4",
        "rackstart_nodes{state=\"failed\"} 0",
        "rackstart_api_answers_total{class=\"4xx\"} 1",
        "rackstart_api_refused_total 1",
        "# EOF",
    ] {
        assert!(answer.text.lines().any(|found| found == line), "{line} is missing in\n{}", answer.text);
    }
    assert!(
        answer.text.contains("rackstart_node_state_seconds{node=\"compute2\",state=\"installing\"} "),
        "{}",
        answer.text
    );
    // Every figure on the page exists, and every existing figure is on the page.
    let page = include_str!("../../../../docs/monitoring.md");
    let told = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(['{', '`']).next());
    let told: BTreeSet<&str> = told.filter(|name| name.starts_with("rackstart_")).collect();
    let samples = answer.text.lines().filter(|line| !line.starts_with('#'));
    let found: BTreeSet<&str> = samples.filter_map(|line| line.split(['{', ' ']).next()).collect();
    assert_eq!(found, told);
}
