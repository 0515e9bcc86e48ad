//! The checks that all routes share: the caller's address, the host name, the origin of a page, and the headers of
//! answers.

use super::*;

impl Desk {
    async fn site_with(&self, token: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get("/api/v1/site").header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn only_our_own_names_are_answered() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    for host in
        ["127.0.0.1:8081", "127.0.0.1", "localhost:8081", "LOCALHOST", "rack.example.org", "Rack.Example.org:443"]
    {
        assert_eq!(desk.site_with(&token, &[("host", host)]).await.status, 200, "{host}");
    }
    let foreign = [
        "evil.example",
        "127.0.0.1.evil.example:8081",
        "localhost.evil.example",
        "10.0.0.1:8081",
        "",
        ":8081",
        "[::1]:8081",
        "rack.example.org.",
        "evil.example:80:127.0.0.1",
    ];
    for host in foreign {
        assert_eq!(desk.site_with(&token, &[("host", host)]).await.error().0, 421, "{host}");
    }
    assert_eq!(desk.site_with(&token, &[]).await.error().0, 421, "no name at all");
    let two = [("host", "127.0.0.1:8081"), ("host", "evil.example")];
    assert_eq!(desk.site_with(&token, &two).await.error().0, 421, "two names");
    let whole = Request::get("http://evil.example/api/v1/site").header("host", "localhost");
    assert_eq!(desk.ask(whole.body(Body::empty()).unwrap()).await.error().0, 421, "a whole address in the first line");
    // The public routes pass the same checks.
    let health = Request::get("/api/v1/health").header("host", "evil.example");
    assert_eq!(desk.ask(health.body(Body::empty()).unwrap()).await.error().0, 421);
}

#[tokio::test]
async fn a_page_of_another_site_is_refused_and_our_own_is_not() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    let host = ("host", "127.0.0.1:8081");
    for own in [
        ("origin", "http://127.0.0.1:8081"),
        ("origin", "https://rack.example.org"),
        ("sec-fetch-site", "none"),
        ("sec-fetch-site", "same-origin"),
    ] {
        assert_eq!(desk.site_with(&token, &[host, own]).await.status, 200, "{own:?}");
    }
    let foreign = [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", ""),
        ("origin", "file://localhost"),
        ("origin", "http://localhost.evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ];
    for header in foreign {
        assert_eq!(desk.site_with(&token, &[host, header]).await.error().0, 403, "{header:?}");
    }
}

#[tokio::test]
async fn nobody_of_the_provisioning_network_is_let_in_whatever_token_it_has() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Admin).await;
    let ask = async |peer: &str| {
        let request = Desk::request(Method::GET, "/api/v1/site", Some(&token)).body(Body::empty()).unwrap();
        desk.ask_from(peer, request).await
    };
    assert_eq!(ask("192.168.0.2:40000").await.error().0, 403);
    assert_eq!(ask("[::ffff:192.168.0.2]:40000").await.error().0, 403, "the same address in another dress");
    assert_eq!(ask("192.168.0.254:40000").await.status, 200, "that is this machine itself");
    assert_eq!(ask("10.1.2.3:40000").await.status, 200);
}

#[tokio::test]
async fn a_post_is_json_of_a_bounded_size_and_nothing_else() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Operator).await;
    let path = "/api/v1/nodes/compute2/maintenance";
    let post = async |kind: Option<&str>, body: String| {
        let mut request =
            Request::post(path).header("host", "localhost").header("authorization", format!("Bearer {token}"));
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        desk.ask(request.body(Body::from(body)).unwrap()).await
    };
    let on = || r#"{"on": true}"#.to_string();
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("multipart/form-data")] {
        assert_eq!(post(kind, on()).await.error().0, 415, "{kind:?}");
    }
    let json = Some("application/json; charset=utf-8");
    assert_eq!(post(json, on()).await.status, 200);
    for (body, status) in [("{", 400), ("{}", 422), (r#"{"on": 1}"#, 422), (r#"{"on": true, "also": 1}"#, 422)] {
        assert_eq!(post(json, body.into()).await.error().0, status, "{body}");
    }
    let long = format!(r#"{{"on": true{}}}"#, " ".repeat(20_000));
    assert_eq!(post(json, long).await.error().0, 413);
}

#[tokio::test]
async fn every_answer_is_dressed_for_browsers_and_every_refusal_has_error_and_help() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    let answers = [
        (200, desk.get("/api/v1/site", &token).await),
        (200, desk.get("/api/v1/nodes/compute2/texts/kickstart", &token).await),
        (404, desk.get("/api/v1/nothing", &token).await),
        (404, desk.get("/api/", &token).await),
        (404, desk.get("/api/v1/nodes/nobody", &token).await),
        (404, desk.get("/api/v1/nodes/compute2/texts/passwords", &token).await),
        (404, desk.get("/api/v1/nodes?after=nobody", &token).await),
        (400, desk.get("/api/v1/nodes?limit=x", &token).await),
        (400, desk.get("/api/v1/nodes?limt=1", &token).await),
        (400, desk.get("/api/v1/nodes/%ff", &token).await),
        (405, desk.post("/api/v1/site", &token, "{}").await),
        (403, desk.post("/api/v1/stop", &token, "{}").await),
        (401, desk.get("/api/v1/site", "x").await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")));
        if status >= 400 {
            assert_eq!(header("content-type"), "application/json");
            answer.error();
        }
    }
}

#[tokio::test]
async fn a_list_is_no_order_and_a_refused_method_names_those_of_the_description() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Admin).await;
    for route in routes::table().iter().filter(|route| route.rule.is_remote() && route.method == Method::POST) {
        let path = route.path.replace("{name}", "compute2");
        for list in ["[]", " \n[[\"compute2\"], false, null, null, null]", "[true]"] {
            let answer = desk.post(&path, &token, list).await;
            assert_eq!(answer.status.as_u16(), 422, "{path} {list}: {}", answer.text);
            assert!(answer.error().1.contains("an order is an object"), "{path}: {}", answer.text);
        }
    }
    let options = desk.ask(Desk::request(Method::OPTIONS, "/api/v1/tokens", Some(&token)).body(Body::empty()).unwrap());
    let allowed = options.await.headers["allow"].to_str().unwrap().to_string();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn guessing_is_limited_and_audited_and_keeps_nobody_out_who_is_known() {
    let desk = Desk::new().await;
    let known = desk.token(Role::Admin).await;
    assert_eq!(desk.get("/api/v1/site", &known).await.status, 200);
    let guess = |n: usize| format!("rackstart_0000000{n}_{}", "0".repeat(64));
    let mut answers = Vec::new();
    for n in 0..8 {
        answers.push(desk.get("/api/v1/site", &guess(n)).await.error().0);
    }
    assert_eq!(answers, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(desk.get("/api/v1/site", &guess(0)).await.headers["retry-after"], "60");
    assert_eq!(desk.get("/api/v1/site", &known).await.status, 200, "from the same address");
    // A known id with a wrong secret has its own limit; the right secret is still recognised.
    let wrong = format!("{}{}", &known[..known.len() - 1], if known.ends_with('0') { '1' } else { '0' });
    let mut answers = Vec::new();
    for _ in 0..7 {
        answers.push(desk.get("/api/v1/site", &wrong).await.error().0);
    }
    assert!(answers.contains(&401) && answers.ends_with(&[429]), "{answers:?}");
    assert_eq!(desk.get("/api/v1/site", &known).await.status, 200);
    let lines = desk.get("/api/v1/audit?action=api-login-failed", &known).await.json();
    let lines = lines.as_array().unwrap();
    assert!((1..=4).contains(&lines.len()), "some lines, not one for each guess: {lines:?}");
    assert!(lines.iter().all(|line| line["from"] == "127.0.0.1" && line["who"] == "nobody"));
}

#[tokio::test]
async fn after_a_restart_a_token_is_proved_whatever_is_invented_and_guessed_beside_it() {
    let desk = Desk::new().await;
    let (mine, other) = (desk.token(Role::Viewer).await, desk.token(Role::Admin).await);
    // Has the tokens of the store, none of which is verified yet.
    let keeper = Keeper::open(desk.store.clone()).await.unwrap();
    let wrong = format!("{}{}", &other[..other.len() - 1], if other.ends_with('0') { '1' } else { '0' });
    let address = |n: u32| std::net::IpAddr::from((0x0a00_0000 + n).to_be_bytes());
    for n in 0..40 {
        let invented = format!("rackstart_{n:08x}_{}", "0".repeat(64));
        assert!(keeper.holder(Some(&invented), address(n)).await.is_err());
        assert!(keeper.holder(Some(&wrong), address(n)).await.is_err());
    }
    let refused = keeper.holder(Some(&wrong), address(41)).await;
    // More requests at once from one address than it may have verified per minute.
    let requests = (0..20).map(|_| keeper.holder(Some(&mine), address(50)));
    for holder in futures_util::future::join_all(requests).await {
        assert_eq!(holder.map(|holder| holder.name), Ok("viewer".into()), "{refused:?} beside it");
    }
}
