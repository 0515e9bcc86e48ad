//! Twenty planted secrets and a node's whole life, with everything that can go wrong in it. Afterwards nothing that the
//! appliance wrote, sent or left behind contains one of them, except the two answers that are meant to.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;

use super::tests::{FakeNode, facts_as_planned};
use crate::config::blueprint;
use crate::lifecycle::WipeScope;
use crate::server::api::socket::Peer;
use crate::server::api::tests::at_the_socket;
use crate::server::operate::secrets::{Revealed, Rotated};
use crate::server::wash::Wash;
use crate::site::SecretSpec;
use crate::site::testing::paper_site;
use crate::store::Store;

/// Everything that was logged, at every level.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Paper {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything that left the appliance or stayed in it, by where it was found.
#[derive(Default)]
struct Finds(BTreeMap<String, Vec<u8>>);

impl Finds {
    fn add(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.entry(place.into()).or_default().extend(bytes.into());
    }

    fn add_folder(&mut self, label: &str, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_file() {
                let name = format!("{label}: {}", entry.file_name().unwrap().to_string_lossy());
                self.add(name, std::fs::read(&entry).unwrap());
            }
        }
    }

    /// The places that contain a text, either all of it or its first or last 12 letters.
    fn with(&self, canary: &str) -> Vec<&str> {
        let (head, tail) = (&canary.as_bytes()[..12], &canary.as_bytes()[canary.len() - 12..]);
        let holds = |bytes: &[u8]| bytes.windows(12).any(|window| window == head || window == tail);
        self.0.iter().filter(|(_, bytes)| holds(bytes)).map(|(place, _)| place.as_str()).collect()
    }
}

async fn admin(node: &FakeNode, method: &str, path: &str, body: &str) -> (StatusCode, Vec<u8>) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.extension(Peer::new(0, Some(1)));
    let request = request.body(Body::from(body.to_string())).unwrap();
    let response = at_the_socket(&node.appliance).await.oneshot(request).await.unwrap();
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

/// Secrets of the blueprint that are planted; compute2 may have some of them. The hash and two keys are planted as
/// well.
const PLANTED: usize = 17;

#[tokio::test]
async fn none_of_twenty_planted_secrets_is_found_outside_the_answers_that_are_meant_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = paper_site();
    site.blueprint.secrets = blueprint("essex", &Default::default()).unwrap().unwrap().secrets;
    for n in site.blueprint.secrets.len()..PLANTED {
        let targets = vec![if n % 2 == 0 { "compute" } else { "controller" }.to_string()];
        site.blueprint.secrets.insert(format!("OWN_{n}"), SecretSpec { targets, paper: None, steps: vec![] });
    }
    let hash = "$6$HASHCANARYsalt$HASHCANARYk1l2m3n4o5p6q7r8s9t0u1v2w3x4y5z6a7b8c9d0e1f2g3h4i5j6k7l8m9n0HASHCANARY";
    site.access.root_password_hash = Some(hash.into());
    let key = b"KEYCANARY-the-passphrase-of-this-site".to_vec();
    let node = FakeNode::of(site.clone(), folder.path()).await;
    let store = &node.appliance.store;
    let paper = Paper::default();
    let wash = Wash::new(paper.clone());
    wash.with(store.redactors());
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(wash).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let mut finds = Finds::default();
    store.open_secrets(Some(&key), &site.blueprint).await.unwrap();

    let set = |value: &str| serde_json::json!({ "value": value }).to_string();
    // Planted by an operator, some with every character that has a special meaning somewhere.
    let canary =
        |n: usize, name: &str| format!("{}-canary{n:02}'\"$&\\ %#;<>{name}-{}", "Qx7".repeat(3), "Zv9".repeat(4));
    let names: Vec<String> = site.blueprint.secrets.keys().cloned().collect();
    let mut canaries: BTreeMap<String, String> = BTreeMap::new();
    for (n, name) in names.iter().enumerate() {
        // Half of them are plain, like generated ones.
        let value = match n % 2 {
            0 => canary(n, name),
            _ => format!("Canary{n:02}k3J8m2Q5w9E4r7T1y6U0{n:02}"),
        };
        let (status, body) = admin(&node, "POST", &format!("/api/v1/secrets/{name}"), &set(&value)).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        finds.add(format!("answer to set {name}"), body);
        canaries.insert(name.clone(), value);
    }
    assert_eq!(canaries.len(), PLANTED);

    // The whole life of compute2.
    node.arm(1, WipeScope::BlankDiskOnly).await;
    let token = node.boots().await.expect("armed");
    let kickstart = node.get(&format!("/kickstart/{token}")).await;
    assert!(kickstart.text.contains("HASHCANARY"), "the hash belongs into the kickstart");
    let early = node.get(&format!("/firstboot/{token}")).await;
    assert_ne!(early.status, StatusCode::OK, "no secret before the permit");
    finds.add("payload before the permit", early.text);
    node.redeems(&token).await;
    let early = node.get(&format!("/firstboot/{token}")).await;
    assert_ne!(early.status, StatusCode::OK, "no secret before the disks are as planned");
    finds.add("payload before the facts", early.text);
    assert!(node.sends_facts(&token, &facts_as_planned()).await.status.is_success());
    let payload = node.get(&format!("/firstboot/{token}")).await;
    assert_eq!(payload.status, StatusCode::OK, "{}", payload.text);
    // All of it is UTF-8, so the text is the archive.
    let payload = payload.text.into_bytes();
    let mut secrets = String::new();
    for entry in tar::Archive::new(payload.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut text).unwrap();
        match path.as_str() {
            "secrets" => {
                assert_eq!(entry.header().mode().unwrap(), 0o600);
                secrets = String::from_utf8(text).unwrap();
            }
            _ => finds.add(format!("payload: {path}"), text),
        }
    }
    let targets = site.blueprint.targets("compute");
    for (name, value) in &canaries {
        let may = site.blueprint.secrets[name].targets.iter().any(|target| targets.contains(target));
        assert_eq!(secrets.contains(&format!("\n{name}=")), may, "{name}");
        let quoted = format!("\n{name}='{}'\n", value.replace('\'', "'\\''"));
        assert_eq!(secrets.contains(&quoted), may, "{name} arrives as it is");
    }
    for (seq, event) in [(200, "installed"), (1, "firstboot-started")] {
        assert!(node.reports(&token, event, seq).await.is_success());
    }
    // A step fails, and the tail of its log contains everything, as a shell with `set -x` would show it.
    for (n, (name, value)) in canaries.iter().enumerate() {
        let tail =
            format!("+ mysql -p{value} -e x\n+ {name}='{}'\nAccess denied for {value:?}", value.replace('\'', "'\\''"));
        let cut = &format!("{}\n{tail}", &value[value.len() - 20..]);
        let seq = n as u64 + 2;
        let form = |event: &str, detail: &str| {
            let detail: String = detail.bytes().map(|byte| format!("%{byte:02X}")).collect();
            format!("event={event}&seq={seq}&step=07-openstack-controller%2F03-x&number=5&total=7&detail={detail}")
        };
        let event = if n % 2 == 0 { "step-failed" } else { "waiting" };
        let answer = node.post(&format!("/report/{token}"), &form(event, cut)).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        finds.add("answers to reports", answer.text);
        // And a body that is not a report at all, so that its error page has something to repeat.
        let answer = node.post(&format!("/report/{token}"), &form(value, cut)).await;
        finds.add("answers to broken reports", answer.text);
    }
    let known = node.appliance.store.record(node.mac).unwrap();
    assert!(known.to_text().contains("***"), "the words of the step are there, without the secrets");

    // Everything that can be requested.
    for path in [
        "/api/v1/status",
        "/api/v1/texts",
        "/api/v1/texts/shared",
        "/api/v1/nodes/compute2/texts",
        "/api/v1/secrets",
        "/api/v1/audit",
        "/api/v1/audit/verify",
        "/api/v1/explain/52:54:00:a8:02:01",
        "/api/v1/nothing",
    ] {
        finds.add(format!("GET {path}"), admin(&node, "GET", path, "{}").await.1);
    }
    for (name, value) in &canaries {
        // A value in place of a name: the error page must not repeat it.
        let path = format!("/api/v1/secrets/{}/reveal", value.bytes().map(|b| format!("%{b:02X}")).collect::<String>());
        let (status, body) = admin(&node, "POST", &path, "{}").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        finds.add("error of reveal", body);
        finds.add("debug", format!("{:?} {:?}", store.kept_secret(name), store.secrets(&site)));
    }
    finds.add("debug of the site", format!("{:?}", node.appliance.site()));
    for file in node
        .appliance
        .served()
        .renderer
        .firstboot_files(&site, &site.nodes[2], &crate::lifecycle::BootToken::from_random([0; 16]))
        .unwrap()
    {
        finds.add(format!("render: {}", file.path), file.data);
    }
    let (status, backup) = admin(&node, "POST", "/api/v1/backup?with_secrets=true", "{}").await;
    assert_eq!(status, StatusCode::OK);
    finds.add("backup, sealed", backup);

    // A reimage, a rotation, a wrong key.
    node.arm(2, WipeScope::DestroyData).await;
    assert!(node.boots().await.is_some());
    let gone = node.get(&format!("/firstboot/{token}")).await;
    assert_eq!(gone.status, StatusCode::GONE);
    finds.add("answer to an old token", gone.text);
    let (_, again) = admin(&node, "POST", "/api/v1/secrets/NOVA_MYSQL_PASSWORD/rotate", "{}").await;
    let rotated: Rotated = serde_json::from_slice(&again).unwrap();
    let steps = |name: &str| rotated.again.iter().find(|(node, _)| node == name).map(|(_, steps)| steps.clone());
    assert_eq!(
        steps("compute2").unwrap(),
        ["08-openstack-compute/04-nova-config", "08-openstack-compute/05-nova-compute-start"]
    );
    assert_eq!(steps("controller"), None, "it was never installed, so it knows no former value");
    finds.add("answer to a rotation", again);
    let former = store.kept_secret("NOVA_MYSQL_PASSWORD").unwrap();
    assert_eq!(former.previous.unwrap().reveal(), canaries["NOVA_MYSQL_PASSWORD"]);
    finds.add(
        "error of a wrong key",
        format!("{:?}", store.open_secrets(Some(b"another key, long enough"), &site.blueprint).await),
    );
    finds.add("error without a key", format!("{:?}", store.open_secrets(None, &site.blueprint).await));

    // The only answer besides the payload that shows a secret; it is audited.
    let (_, shown) = admin(&node, "POST", "/api/v1/secrets/OS_PASSWORD/reveal", "{}").await;
    let shown: Revealed = serde_json::from_slice(&shown).unwrap();
    assert_eq!(shown.value, canaries["OS_PASSWORD"]);
    let audit = store.audit_lines(Default::default()).await.unwrap();
    assert!(audit.iter().any(|line| line.action == "reveal-secret" && line.subject == "OS_PASSWORD"));
    finds.add("audit log", serde_json::to_string(&audit).unwrap());
    finds.add("event log", serde_json::to_string(&store.events(None, 1000).await).unwrap());

    let mut site_with_api = site.clone();
    site_with_api.api = Some(crate::site::Api { listen: "127.0.0.1:8081".parse().unwrap(), hosts: Vec::new() });
    node.edit(|site| *site = site_with_api);
    let pages = crate::server::api::tests::walk::every_page(node.appliance.clone()).await;
    assert!(
        pages.iter().any(|(path, page)| path.ends_with("/timeline") && page.contains("***")),
        "the words were told"
    );
    for (path, page) in pages {
        finds.add(format!("remote API, {path}"), page);
    }

    finds.add_folder("state directory", &folder.path().join("store"));
    finds.add("list of processes", std::fs::read("/proc/self/cmdline").unwrap());
    finds.add("environment", std::fs::read("/proc/self/environ").unwrap());
    finds.add("log", paper.0.lock().unwrap().clone());
    let log = String::from_utf8(finds.0["log"].clone()).unwrap();
    assert!(log.contains("step-failed") && log.contains("***"), "the log was listened to");

    let mut leaks = Vec::new();
    for (name, value) in canaries.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([
        ("the root hash", "HASHCANARYk1l2m3n4o5p6q7r8s9t0u1v2w3x4y5z6"),
        ("the key", "KEYCANARY-the-passphrase-of-this-site"),
        ("the token of the boot", token.as_str()),
    ]) {
        // The node's own values contain its own token, because it reports with it.
        leaks.extend(
            finds
                .with(value)
                .into_iter()
                .filter(|place| *place != "payload: env")
                .map(|place| format!("{name} in {place}")),
        );
    }
    assert!(leaks.is_empty(), "\n{}", leaks.join("\n"));
    assert!(finds.0.len() > 40, "{} places were searched", finds.0.len());
}

#[tokio::test]
async fn without_a_key_a_backup_leaves_the_secrets_out_unless_it_is_asked_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let site = paper_site();
    let node = FakeNode::of(site.clone(), folder.path()).await;
    node.appliance.store.open_secrets(None, &site.blueprint).await.unwrap();
    let values = node.appliance.store.secrets(&site);
    let holds = |bytes: &[u8]| {
        values.values().filter(|value| bytes.windows(32).any(|window| window == value.reveal().as_bytes())).count()
    };
    let (_, without) = admin(&node, "POST", "/api/v1/backup", "{}").await;
    let (_, with) = admin(&node, "POST", "/api/v1/backup?with_secrets=true", "{}").await;
    assert_eq!((values.len(), holds(&without), holds(&with)), (3, 0, 3));
    assert_eq!(
        std::fs::read_dir(folder.path().join("store"))
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().contains("backup") })
            .count(),
        0
    );
}

#[tokio::test]
async fn a_store_is_sealed_when_a_key_comes_and_opens_with_that_key_only() {
    let folder = tempfile::tempdir().unwrap();
    let (place, site) = (folder.path().join("state"), paper_site());
    let reopen = async || Store::open(&place).await.unwrap();
    let (store, task) = reopen().await;
    store.open_secrets(None, &site.blueprint).await.unwrap();
    let values = store.secrets(&site);
    let close = async |store: Store, task: tokio::task::JoinHandle<_>| {
        drop(store);
        let closed: Result<(), sqlx::Error> = task.await.unwrap();
        closed.unwrap();
    };
    close(store, task).await;
    let on_disk = || {
        let files = std::fs::read_dir(&place).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        let all: Vec<u8> = files.flatten().collect();
        values.values().filter(|value| all.windows(32).any(|window| window == value.reveal().as_bytes())).count()
    };
    assert_eq!(on_disk(), 3, "open, in a directory of their owner's");
    let (store, task) = reopen().await;
    store.open_secrets(Some(b"a key of sixteen or more"), &site.blueprint).await.unwrap();
    assert_eq!((store.secrets(&site), on_disk()), (values.clone(), 0), "the same ones, sealed at once");
    close(store, task).await;
    let (store, task) = reopen().await;
    let locked = store.open_secrets(None, &site.blueprint).await.unwrap_err().to_string();
    assert!(locked.contains("key_file"), "{locked}");
    let wrong = store.open_secrets(Some(b"another key of sixteen"), &site.blueprint).await.unwrap_err();
    assert!(wrong.to_string().contains("does not open"), "{wrong}");
    store.open_secrets(Some(b"a key of sixteen or more"), &site.blueprint).await.unwrap();
    assert_eq!(store.secrets(&site), values);
    close(store, task).await;
}
