//! The pages: who may open them, and what they say whatever a machine sent.

use super::*;
use crate::lifecycle::{Attempt, AttemptId, Stage, State, WipeScope};
use crate::store::{Change, Record};

const COOKIE: &str = "rackstart-session=";

/// A browser with its cookie.
struct Browser<'d> {
    desk: &'d Desk,
    cookie: String,
}

impl Desk {
    fn form(path: &str, cookie: &str, fields: &str) -> Request<Body> {
        let request = Request::post(path).header("host", "127.0.0.1:8081").header("cookie", cookie);
        let request = request.header("origin", "http://127.0.0.1:8081").header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(Body::from(fields.to_string())).unwrap()
    }

    /// A browser in which somebody signed in with a token of this role.
    async fn browser(&self, role: Role) -> Browser<'_> {
        let token = self.token(role).await;
        let answer = self.ask(Self::form("/sign-in", "", &format!("token={token}"))).await;
        assert_eq!(
            (answer.status.as_u16(), answer.headers["location"].to_str().unwrap()),
            (303, "/"),
            "{}",
            answer.text
        );
        Browser { desk: self, cookie: cookie_of(&answer) }
    }
}

fn cookie_of(answer: &Answer) -> String {
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for word in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(word), "{set}");
    }
    set.split(';').next().unwrap().into()
}

impl Browser<'_> {
    async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header("host", "127.0.0.1:8081").header("cookie", &self.cookie);
        self.desk.ask(request.body(Body::empty()).unwrap()).await
    }

    async fn csrf(&self) -> String {
        let text = self.get("/").await.text;
        text.split("name=\"csrf\" value=\"").nth(1).unwrap_or_default().split('"').next().unwrap().into()
    }

    /// Sends a form as a page of the session does.
    async fn post(&self, path: &str, fields: &str) -> Answer {
        let csrf = self.csrf().await;
        self.desk.ask(Desk::form(path, &self.cookie, &format!("csrf={csrf}&{fields}"))).await
    }
}

#[tokio::test]
async fn somebody_signs_in_with_a_token_and_is_out_when_they_or_the_token_end() {
    let desk = Desk::new().await;
    let nobody = Browser { desk: &desk, cookie: String::new() };
    let sent = nobody.get("/?state=failed").await;
    assert_eq!(sent.status, 303);
    assert_eq!(sent.headers["location"], "/sign-in?to=%2F%3Fstate%3Dfailed");
    assert_eq!(nobody.get("/live").await.status, 401);
    assert!(nobody.get("/sign-in").await.text.contains("<h1>Sign in</h1>"));
    let wrong = desk.ask(Desk::form("/sign-in", "", &format!("token=rackstart_00000000_{}", "0".repeat(64)))).await;
    assert!(wrong.status == 403 && !wrong.headers.contains_key("set-cookie"), "{}", wrong.text);
    let metrics = desk.token(Role::Metrics).await;
    assert_eq!(desk.ask(Desk::form("/sign-in", "", &format!("token={metrics}"))).await.status, 403);

    let viewer = desk.browser(Role::Viewer).await;
    let page = viewer.get("/").await;
    assert!(page.status == 200 && page.text.contains(">compute2</a>") && page.text.contains("token viewer, viewer"));
    assert!(!page.text.contains("/orders/stop"), "a viewer sees no order");
    let other = desk.browser(Role::Admin).await;
    assert!(other.get("/").await.text.contains("/orders/stop"));
    // The store has no secret, and the session is there after a restart.
    let kept = Keeper::open(desk.store.clone()).await.unwrap();
    let secret = other.cookie.strip_prefix(COOKIE).unwrap();
    let peer = "127.0.0.1".parse().unwrap();
    assert_eq!(kept.visitor(secret, peer).map(|visitor| visitor.who).as_deref(), Some("token admin"));
    assert!(desk.store.sessions().await.unwrap().iter().all(|session| !session.id.contains(secret)));

    assert_eq!(viewer.post("/sign-out", "").await.status, 303);
    assert_eq!(viewer.get("/").await.status, 303, "the cookie opens nothing any more");
    desk.api.keeper.revoke("admin", &Actor::socket(0, None)).await.unwrap();
    assert_eq!(other.get("/").await.status, 303, "the session ends with its token");
    assert_eq!(kept.visitor("0123", peer), None);
    let lines = desk.store.sessions().await.unwrap();
    assert_eq!(lines.len(), 1, "a session that was ended is gone");
}

#[tokio::test]
async fn a_link_signs_in_once_and_is_not_used_up_by_looking() {
    let desk = Desk::new().await;
    let link = desk.api.keeper.make_link(&Actor::socket(0, None), Role::Operator);
    let nobody = Browser { desk: &desk, cookie: String::new() };
    for _ in 0..2 {
        let page = nobody.get(&format!("/sign-in/{link}")).await;
        assert!(page.text.contains("as <strong>socket uid 0</strong>"), "{}", page.text);
    }
    let form = || Desk::form("/sign-in", "", &format!("link={link}"));
    let answer = desk.ask(form()).await;
    let browser = Browser { desk: &desk, cookie: cookie_of(&answer) };
    assert!(browser.get("/").await.text.contains("socket uid 0, operator"));
    let again = desk.ask(form()).await;
    assert!(again.status == 403 && again.text.contains("used before"), "{}", again.text);
    assert!(nobody.get(&format!("/sign-in/{link}")).await.text.contains("used before"));
}

#[tokio::test]
async fn a_path_that_is_none_is_a_page_for_people_and_json_for_programs() {
    let desk = Desk::new().await;
    let viewer = desk.browser(Role::Viewer).await;
    let nobody = Browser { desk: &desk, cookie: String::new() };
    for path in ["/nope", "/nodes/compute2/nope", "/nodes/", "/apis"] {
        let page = viewer.get(path).await;
        assert!(page.status == 404 && page.text.contains("there is no such page"), "{path}: {}", page.text);
        assert!(page.text.contains("token viewer, viewer"), "the way to the other pages is there");
        let page = nobody.get(path).await;
        assert!(page.status == 404 && !page.text.contains(&desk.api.appliance.site().name), "{path}");
    }
    for path in ["/api/v1/nope", "/api/", "/api/v2/nodes"] {
        let answer = nobody.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.error().0), (404, 404), "{path}");
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
    }
}

#[tokio::test]
async fn an_admin_sees_who_is_signed_in_and_ends_it() {
    let desk = Desk::new().await;
    let link = desk.api.keeper.make_link(&Actor::socket(0, None), Role::Operator);
    let answer = desk.ask(Desk::form("/sign-in", "", &format!("link={link}"))).await;
    let lost = Browser { desk: &desk, cookie: cookie_of(&answer) };
    let viewer = desk.browser(Role::Viewer).await;
    let admin = desk.token(Role::Admin).await;
    let sessions = async || desk.get("/api/v1/sessions", &admin).await.json();
    let listed = sessions().await;
    let who = |session: &Value| session["who"].as_str().unwrap().to_string();
    let found = listed.as_array().unwrap().iter().find(|session| who(session) == "socket uid 0").unwrap();
    let id = found["id"].as_str().unwrap();
    assert!(id.len() == 12 && found["role"] == "operator" && !lost.cookie.contains(id), "{found}");
    let end = format!("/api/v1/sessions/{id}/end");
    let operator = desk.token(Role::Operator).await;
    assert_eq!(desk.get("/api/v1/sessions", &operator).await.status, 403);
    assert_eq!(desk.post(&end, &operator, "{}").await.status, 403);
    assert_eq!(lost.get("/").await.status, 200);
    assert_eq!(desk.post(&end, &admin, "{}").await.status, 204);
    assert_eq!(lost.get("/").await.status, 303, "asked to sign in");
    let again = desk.post(&end, &admin, "{}").await;
    assert!(again.status == 404 && again.text.contains("session list"), "{}", again.text);
    assert_eq!(viewer.get("/").await.status, 200, "nobody else is out");
    let left: Vec<_> = sessions().await.as_array().unwrap().iter().map(who).collect();
    assert_eq!(left, ["token viewer"]);
    let kept: Vec<_> = desk.store.sessions().await.unwrap().into_iter().map(|session| session.who).collect();
    assert_eq!(kept, left, "also after a restart");
}

#[tokio::test]
async fn what_the_store_cannot_take_uses_no_link_up_and_ends_no_session_for_a_while_only() {
    let folder = tempfile::tempdir().unwrap();
    let (store, writer) = Store::open(&folder.path().join("state")).await.unwrap();
    let keeper = Keeper::open(store).await.unwrap();
    let peer = "127.0.0.1".parse().unwrap();
    let links = [(); 2].map(|()| keeper.make_link(&Actor::socket(0, None), Role::Operator));
    let secret = keeper.follow_link(&links[0], peer).await.unwrap().expect("a session");
    let visitor = keeper.visitor(&secret, peer).expect("signed in");
    writer.abort(); // from here on no change is taken
    let _ = writer.await;
    assert!(keeper.follow_link(&links[1], peer).await.is_err());
    assert!(keeper.look_at_link(&links[1]).is_some(), "nobody was signed in by it");
    assert!(keeper.look_at_link(&links[0]).is_none());
    assert!(keeper.sign_out(&visitor).await.is_err());
    assert!(keeper.visitor(&secret, peer).is_some(), "after a restart it would be back");
}

#[tokio::test]
async fn a_token_begins_a_few_sessions_a_minute() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    let signs_in = async || desk.ask(Desk::form("/sign-in", "", &format!("token={token}"))).await;
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(signs_in().await.status.as_u16());
    }
    assert_eq!(answers, [&[303; 10][..], &[429; 2]].concat());
    assert!(signs_in().await.text.contains("wait a minute"));
    assert_eq!(desk.store.sessions().await.unwrap().len(), 10);
    let other = desk.browser(Role::Operator).await;
    assert_eq!(other.get("/").await.status, 200, "the limit is that token's own");
}

#[tokio::test]
async fn no_form_without_the_token_of_its_session_and_none_of_another_site_does_anything() {
    let desk = Desk::new().await;
    let (one, other) = (desk.browser(Role::Operator).await, desk.browser(Role::Admin).await);
    let foreign = other.csrf().await;
    for fields in [String::new(), "csrf=".into(), format!("csrf={foreign}"), "csrf[]=x".into()] {
        let answer = desk.ask(Desk::form("/sign-out", &one.cookie, &fields)).await;
        assert!(answer.status == 403 && answer.text.contains("not from a page of this session"), "{fields}");
    }
    let csrf = one.csrf().await;
    for (name, value) in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")] {
        let mut request = Desk::form("/sign-out", &one.cookie, &format!("csrf={csrf}"));
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(desk.ask(request).await.status, 403, "{name}");
    }
    assert_eq!(one.get("/").await.status, 200, "still signed in");
    // A link on another site may lead here; a frame or a script of it may not.
    for (destination, status) in [("document", 200), ("iframe", 403)] {
        let request = Request::get("/").header("host", "127.0.0.1:8081").header("cookie", &one.cookie);
        let request = request.header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate");
        let request = request.header("sec-fetch-dest", destination).body(Body::empty()).unwrap();
        assert_eq!(desk.ask(request).await.status.as_u16(), status, "{destination}");
    }
}

#[tokio::test]
async fn pages_are_dressed_and_the_provisioning_network_and_foreign_names_get_none() {
    let desk = Desk::new().await;
    let browser = desk.browser(Role::Viewer).await;
    for path in ["/", "/sign-in", "/web/style.css", "/web/pages.js", "/web/nothing", "/?page=x"] {
        let answer = browser.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(
            answer.headers["referrer-policy"], "same-origin",
            "{path}: no-referrer would make our forms foreign"
        );
    }
    let refused = browser.get("/?page=x").await;
    assert!(refused.status == 400 && refused.text.contains("<h1>"), "a refusal is a page: {}", refused.text);
    let ask = |host: &str| Request::get("/sign-in").header("host", host).body(Body::empty()).unwrap();
    assert_eq!(desk.ask_from("192.168.0.2:4000", ask("127.0.0.1:8081")).await.status, 403);
    assert_eq!(desk.ask(ask("evil.example")).await.status, 421);
    let script = browser.get("/web/pages.js").await.text;
    assert!(script.len() < 15_000, "{}", script.len());
}

#[tokio::test]
async fn hostile_words_are_text_and_a_large_page_stays_below_300_kb() {
    let desk = Desk::new().await;
    let hostile = "</p><script>alert(1)</script>\u{1b}[2J\u{202e}gpj.exe";
    let node = site().nodes[2].clone();
    let mut record = Record::new(5);
    let attempt = Attempt::new(AttemptId::from_random([1; 4]), WipeScope::BlankDiskOnly);
    record.state = State::Failed { attempt, during: Stage::Installer, reason: hostile.into(), previous: None };
    desk.store.change(node.mac, Change::Become(Box::new(record))).await.unwrap();
    let page = desk.browser(Role::Viewer).await.get("/").await.text;
    assert!(!page.contains("<script>alert") && !page.contains('\u{1b}') && !page.contains('\u{202e}'), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\u{1b}[2J\\u{202e}gpj.exe"), "{page}");
    assert!(page.len() * 40 < 300_000, "200 nodes instead of five: {}", page.len());
}

#[tokio::test]
async fn an_order_takes_the_right_and_what_the_shell_would_ask_for() {
    let desk = Desk::new().await;
    let (viewer, operator) = (desk.browser(Role::Viewer).await, desk.browser(Role::Operator).await);
    for path in ["/orders/stop", "/nodes/compute2/orders/protect", "/nodes/compute2/give-up", "/reimage"] {
        let refused = viewer.post(path, "nodes=compute2&typed=compute2&reason=x").await;
        assert!(refused.status == 403 && refused.text.contains("this needs operator"), "{path}: {}", refused.text);
    }
    assert_eq!(operator.post("/orders/lift", "").await.status, 403, "that takes an admin");
    assert_eq!(operator.post("/nodes/compute2/orders/unprotect", "").await.status, 403, "and so does that");
    assert_eq!(operator.post("/nodes/compute2/orders/shout", "").await.status, 404);
    let page = operator.get("/reimage?nodes=compute2").await;
    assert!(page.text.contains("the next network boot WIPES the disk"), "{}", page.text);
    let wipe = async |typed: &str| {
        operator
            .post("/reimage", &format!("nodes=compute2&act=wipe&read=wipe+compute2&no_drain=why&typed={typed}"))
            .await
    };
    let wrong = wipe("compute3").await;
    assert!(wrong.status == 422 && wrong.text.contains("that is not compute2: nothing was changed"), "{}", wrong.text);
    let state = || desk.store.record(site().nodes[2].mac).map_or("new", |record| record.state.word());
    assert_eq!(state(), "new");
    let done = wipe("compute2").await;
    assert_eq!(
        (done.status.as_u16(), done.headers["location"].to_str().unwrap()),
        (303, "/nodes/compute2?done=reimage")
    );
    assert_eq!(state(), "armed");
    assert!(operator.get("/nodes/compute2?done=reimage").await.text.contains("It is armed. Reboot it now"));
    assert!(!operator.get("/nodes/compute2?done=Call+0900").await.text.contains("0900"), "no link makes a page speak");
    assert_eq!(operator.post("/nodes/compute2/orders/protect", "").await.status, 303);
    let refused = operator.get("/reimage?nodes=compute2").await;
    assert!(refused.text.contains("It would be refused") && refused.text.contains("protected"), "{}", refused.text);
    assert_eq!(operator.post("/orders/stop", "").await.status, 303);
    assert!(viewer.get("/").await.text.contains("ALL INSTALLATIONS ARE STOPPED, by token operator"));
    let admin = desk.token(Role::Admin).await;
    let lines = desk.get("/api/v1/audit?action=reimage&subject=compute2", &admin).await.json();
    let line = lines.as_array().unwrap().iter().find(|line| line["outcome"] == "done").unwrap().clone();
    assert!(line["who"] == "token operator" && line["from"] == "127.0.0.1, at a page", "{line}");
}

#[tokio::test]
async fn every_page_is_there_and_shows_no_secret() {
    let desk = Desk::new().await;
    let admin = desk.browser(Role::Admin).await;
    for (path, word) in [
        ("/nodes/compute2", "If it asks now"),
        ("/nodes/compute2/texts/kickstart", "rootpw"),
        ("/nodes/compute2/give-up", "declared dead"),
        ("/reimage", "by their exact names"),
        ("/cloud", "Steps and gates"),
        ("/site", "The site that is served"),
    ] {
        let page = admin.get(path).await;
        assert!(page.status == 200 && page.text.contains(word), "{path}: {}", page.text);
        assert!(!page.text.contains("PlantedRootHash"), "{path}");
    }
    for path in ["/nodes/nobody", "/nodes/compute2/texts/passwords", "/nodes/nobody/give-up", "/live?node=nobody"] {
        assert_eq!(admin.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_report_is_the_same_pages_as_files_that_order_nothing_and_lead_to_each_other() {
    let desk = Desk::new().await;
    let app = routes::at_the_socket(desk.api.clone());
    let mut request = Request::get("/api/v1/report").header("host", "rackstart").body(Body::empty()).unwrap();
    request.extensions_mut().insert(socket::Peer::new(0, None));
    let answer = app.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let mut files = std::collections::BTreeMap::new();
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        files.insert(path, text);
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert!(names.len() == 10 && names.contains(&"nodes/compute2.html"), "{names:?}");
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".html")) {
        assert!(!text.contains("<form") && !text.contains("<script") && !text.contains("PlantedRootHash"), "{name}");
        for link in text.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let folder = std::path::Path::new(name).parent().unwrap();
            let to = folder.join(link).display().to_string().replace("nodes/../", "");
            assert!(link.starts_with('#') || files.contains_key(&to), "{name}: {link}");
        }
    }
}

#[tokio::test]
async fn a_stranger_is_listed_and_only_an_admin_writes_it_into_the_file() {
    let desk = Desk::new().await;
    let ours = "52:54:00:a8:02:01".parse().unwrap();
    let mac: crate::site::Mac = "52:54:00:aa:bb:cc".parse().unwrap();
    desk.api.appliance.heard(ours, 0);
    desk.api.appliance.heard(mac, 7);
    let viewer = desk.browser(Role::Viewer).await;
    let site = viewer.get("/site").await.text;
    assert!(site.contains("52:54:00:aa:bb:cc") && !site.contains("52:54:00:a8:02:01"), "{site}");
    let path = "/strangers/52-54-00-aa-bb-cc";
    assert!(viewer.get(path).await.text.contains("An operator can add it."));
    assert_eq!(viewer.get("/strangers/52-54-00-a8-02-01").await.status, 409, "that is a node");
    assert_eq!(viewer.get("/strangers/x").await.status, 400);
    let fields = "name=compute9&role=%3Cb%3E&address=192.168.0.9&disk_by=serial&disk=%22%20x&card=eth0&firmware=uefi";
    let operator = desk.browser(Role::Operator).await;
    let page = operator.get(&format!("{path}?{fields}")).await.text;
    assert!(page.contains("firmware = &quot;uefi&quot;") && page.contains("serial = &#39;&quot; x&#39;"), "{page}");
    assert!(page.contains("cannot read the site file") && !page.contains("<b>"), "{page}");
    assert_eq!(operator.post(path, fields).await.status, 403);
    let admin = desk.browser(Role::Admin).await;
    assert_eq!(admin.post(path, fields).await.status, 409, "the file of this test does not exist");
    assert_eq!(admin.post(path, "name=x").await.status, 409);
}
