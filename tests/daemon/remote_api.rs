//! The remote API of the real daemon, with curl as in docs/api.md: off until it is set up, guarded, audited by name.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::network_lab::{BRIDGE, CARD, Machine, inside, lay_cable, run, wait_until};
use crate::support::serving::{PROGRAM, Serving};

const URL: &str = "http://127.0.0.1:8081/api/v1";

pub fn with_api(folder: &Path) -> Command {
    add(folder, "[api]\nlisten = \"127.0.0.1:8081\"\n\n[network]");
    Serving::plain(folder)
}

fn add(folder: &Path, section: &str) {
    let file = folder.join("rackstart.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("[network]"));
    std::fs::write(file, text.replacen("[network]", section, 1)).unwrap();
}

/// Status and body of one request.
fn curl(words: &[&str]) -> (String, String) {
    let output = Command::new("curl").args(["-sS", "-m", "10", "-w", "\n%{http_code}"]).args(words).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or_default();
    (status.into(), body.into())
}

#[test]
fn a_token_made_on_the_console_opens_the_api_for_its_role_until_it_is_revoked() {
    inside(|| {
        lay_cable();
        let machine = Machine::plugged_in();
        machine.run(&format!("ip address add 192.168.0.2/24 dev {CARD}"));
        let mut serving = Serving::started(with_api);
        let url = |path: &str| format!("{URL}{path}");
        let (status, body) = curl(&[&url("/states")]);
        assert!(status == "503" && body.contains("rackstart token create"), "{status} {body}");
        assert_eq!(curl(&[&url("/health")]).0, "200");

        let token = serving.says(&["token", "create", "alice", "--role", "operator", "--days", "90"]);
        let token = token.trim_end();
        assert!(token.starts_with("rackstart_") && !token.contains('\n'), "{token}");
        let (code, said) = serving.fails(&["token", "create", "alice", "--role", "viewer"]);
        assert!(code == 1 && said.contains("a valid token is called `alice`"), "{said}");
        let list = serving.says(&["token", "list"]);
        // Whole days that are left: 89 as soon as a second has gone by.
        let days = list.contains("valid     in 90 d") || list.contains("valid     in 89 d");
        assert!(list.contains("alice  operator  ") && days, "{list}");
        let secret = token.rsplit('_').next().unwrap();
        assert!(!list.contains(secret) && !serving.log().contains(secret));

        let bearer = format!("Authorization: Bearer {token}");
        let get = |path: &str| curl(&["-H", &bearer, &url(path)]);
        let post = |path: &str, body: &str| {
            curl(&["-H", &bearer, "-H", "Content-Type: application/json", "-d", body, &url(path)])
        };
        let (status, body) = get("/states");
        assert!(status == "200" && body.contains(r#""states":{"armed":5}"#), "{status} {body}");
        assert!(get("/nodes/compute2").1.contains(r#""state":"armed""#));
        assert!(get("/nodes/compute2/timeline?after=0").1.contains(r#""kind":"armed""#));
        assert!(get("/nodes/compute2/texts/kickstart").1.contains("rootpw"));
        assert_eq!(get("/audit").0, "403", "that takes an admin");
        assert_eq!(post("/reimage/rehearse", r#"{"nodes": ["compute2"]}"#).0, "200");
        let (status, body) = post("/stop", "{}");
        assert!(status == "200" && body.contains("compute2"), "{status} {body}");
        assert!(serving.says(&["status"]).contains("ALL INSTALLATIONS ARE STOPPED, by token alice"));
        assert_eq!(curl(&["-H", &bearer, "-H", "Host: evil.example", &url("/states")]).0, "421");
        assert_eq!(curl(&["-H", &bearer, "-H", "Origin: http://evil.example", &url("/states")]).0, "403");

        // A node finds nobody there, and what is on the disk opens nothing.
        let (api, boot) = ("http://192.168.0.254:8081/api/v1/health", "http://192.168.0.254/boot/52-54-00-a8-02-01");
        let codes = machine.run(&format!("curl -s -m 5 -w %{{http_code}}, -o /dev/null {api} -o /dev/null {boot}"));
        assert_eq!(codes, "000,200,");
        for file in std::fs::read_dir(serving.folder.path().join("state")).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "the secret is stored");
        }

        // Events from the first one on; the stream does not keep the daemon from ending.
        let stream = serving.folder.path().join("stream");
        let file = std::fs::File::create(&stream).unwrap();
        let mut curl = Command::new("curl");
        curl.args(["-sN", "-H", &bearer, "-H", "Last-Event-ID: 0", &url("/events")]).stdin(Stdio::null());
        let mut listener = curl.stdout(file).spawn().unwrap();
        wait_until("events arrive", || std::fs::read_to_string(&stream).unwrap().contains("event: disarmed"));
        let received = std::fs::read_to_string(&stream).unwrap();
        assert!(received.starts_with("id: 1\nevent: armed\n") || received.contains("\nid: 1\n"), "{received}");

        lists_in_json(&serving);

        ends_sessions(&serving, token);

        serving.says(&["token", "create", "bob", "--role", "viewer"]);
        serving.says(&["token", "revoke", "alice"]);
        assert_eq!(get("/states").0, "401");
        let (code, said) = serving.fails(&["token", "revoke", "alice"]);
        assert!(code == 1 && said.contains("no valid token is called `alice`"), "{said}");
        wait_until("the stream ends with its token", || listener.try_wait().unwrap().is_some());
        run(&format!("kill -TERM {}", serving.daemon.id()));
        let mut ended = None;
        wait_until("the daemon ends", || {
            ended = serving.daemon.try_wait().unwrap();
            ended.is_some()
        });
        assert!(ended.unwrap().success(), "{}", serving.log());
    });
}

#[test]
fn a_browser_gets_a_file_of_the_user_and_the_link_in_no_argument() {
    inside(|| {
        lay_cable();
        let _elsewhere = Machine::plugged_in();
        let serving = Serving::started(with_api);
        let place = |name: &str| serving.folder.path().join(name);
        std::fs::create_dir(place("run")).unwrap();
        std::fs::create_dir(place("bin")).unwrap();
        std::fs::write(place("bin/xdg-open"), "#!/bin/sh\nprintf '%s\\n' \"$@\" >said.new && mv said.new said\n")
            .unwrap();
        std::fs::set_permissions(place("bin/xdg-open"), Permissions::from_mode(0o755)).unwrap();
        // It opens a browser only where its output is a terminal, which stays until the browser has started.
        let session = format!("{PROGRAM} open; for _ in $(seq 300); do [ -e said ] && break; sleep 0.1; done");
        let on_a_terminal = Command::new("script")
            .args(["-qec", &session, "/dev/null"])
            .current_dir(serving.folder.path())
            .env("PATH", format!("{}:{}", place("bin").display(), std::env::var("PATH").unwrap()))
            .env("XDG_RUNTIME_DIR", place("run"))
            .env("DISPLAY", ":9")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&on_a_terminal.stdout).into_owned();
        wait_until("the browser is started", || place("said").exists());
        let page = place("run/rackstart-open.html");
        assert_eq!(std::fs::read_to_string(place("said")).unwrap(), format!("{}\n", page.display()));
        let link = printed.split_whitespace().find(|word| word.starts_with("http")).expect(&printed);
        assert!(std::fs::read_to_string(&page).unwrap().contains(&format!("url={link}\"")), "{printed}");
        assert_eq!(std::fs::metadata(&page).unwrap().permissions().mode() & 0o777, 0o600);
    });
}

/// Two people sign in, and somebody else ends that.
fn ends_sessions(serving: &Serving, token: &str) {
    assert_eq!(serving.says(&["session", "list"]), "nobody is signed in to the pages\n");
    let origin = "http://127.0.0.1:8081";
    let sign_in = || {
        let form = format!("token={token}");
        let words = ["-o", "/dev/null", "-D", "-", "-H", &format!("Origin: {origin}"), "--data", &form];
        let (status, head) = curl(&[&words[..], &[&format!("{origin}/sign-in")]].concat());
        assert_eq!(status, "303", "{head}");
        head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap().split(';').next().unwrap().to_string()
    };
    let sees = |cookie: &str| curl(&["-H", &format!("Cookie: {cookie}"), &format!("{origin}/")]).0;
    let cookies = [sign_in(), sign_in()];
    let list = serving.says(&["session", "list"]);
    assert!(list.starts_with("ID ") && list.matches("token alice").count() == 2, "{list}");
    let (code, said) = serving.fails(&["session", "end", "0123456789ab"]);
    assert!(code == 2 && said.contains("there is no session `0123456789ab`"), "{code} {said}");
    let id = list.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap();
    assert_eq!(serving.says(&["session", "end", id]), "1 session is ended\n");
    let mut seen = cookies.each_ref().map(|cookie| sees(cookie));
    seen.sort();
    assert_eq!(seen, ["200", "303"]);
    assert_eq!(serving.says(&["session", "end", "--all"]), "1 session is ended\n");
    assert!(cookies.iter().all(|cookie| sees(cookie) == "303"));
    assert!(serving.says(&["audit"]).contains("session-end"));
}

/// Lists with `--json` are the bodies of the API: that of the console's socket, and of this one where it has them.
fn lists_in_json(serving: &Serving) {
    let json =
        |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let socket = serving.folder.path().join("sock");
    let console = |path: &str| {
        let (status, body) = curl(&["--unix-socket", socket.to_str().unwrap(), &format!("http://console{path}")]);
        assert_eq!(status, "200", "{path}: {body}");
        json(&body)
    };
    let says = |words: &[&str]| serving.says(&[words, &["--json"]].concat());
    assert_eq!(json(&says(&["token", "list"])), console("/api/v1/tokens"));
    assert_eq!(json(&says(&["session", "list"])), console("/api/v1/sessions"));
    assert_eq!(json(&says(&["secrets", "list"])), console("/api/v1/secrets"));
    assert_eq!(json(&says(&["audit", "verify"])), console("/api/v1/audit/verify"));
    let lines: Vec<_> = says(&["audit", "--limit", "5"]).lines().map(json).collect();
    assert!(
        lines.len() == 5 && serde_json::Value::from(lines.clone()) == console("/api/v1/audit?limit=5"),
        "{lines:?}"
    );
    let made = json(&says(&["token", "create", "carol", "--role", "admin", "--days", "9"]));
    let bearer = format!("Authorization: Bearer {}", made["token"].as_str().unwrap());
    let (status, body) = curl(&["-H", &bearer, &format!("{URL}/tokens")]);
    assert_eq!((status.as_str(), json(&body)), ("200", json(&says(&["token", "list"]))));
    assert_eq!(says(&["token", "revoke", "carol"]), "", "the API answers without a body");
}

#[test]
fn an_address_of_the_provisioning_interface_that_the_site_file_cannot_know_stops_the_start() {
    inside(|| {
        lay_cable();
        let _elsewhere = Machine::plugged_in();
        run(&format!("ip address add 10.9.9.9/24 dev {BRIDGE}"));
        let serving = Serving::started(Serving::plain);
        add(serving.folder.path(), "[api]\nlisten = \"10.9.9.9:8081\"\nplain_http = true\n\n[network]");
        run(&format!("kill -TERM {}", serving.daemon.id()));
        wait_until("the first one ended", || serving.cli(&["status"]).status.code() == Some(3));
        let (code, said) = serving.fails(&["serve"]);
        assert!(code == 1 && said.contains("an address of the provisioning interface"), "{code} {said}");
    });
}
