//! Notifications to a command and a web server, slow ones and dead ones.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::lifecycle::Event;
use crate::server::alarms::Alarm;
use crate::server::nodes::FakeNode;
use crate::site::testing::paper_site;
use crate::site::{Notify, SecretSpec};
use crate::store::Change;

/// A command that appends its input to a file, and fails the first `failures` times.
fn script(folder: &Path, failures: usize) -> (Vec<String>, std::path::PathBuf) {
    let (program, told) = (folder.join("tell"), folder.join("told"));
    let text = format!(
        "#!/bin/sh\necho >> {0}.tries\n[ $(wc -l < {0}.tries) -gt {failures} ] || exit 1\ncat >> {0}\necho >> {0}\n",
        told.display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (vec![program.display().to_string()], told)
}

fn all() -> Vec<String> {
    Notify::WORDS.map(String::from).to_vec()
}

#[tokio::test]
async fn nodes_and_alarms_are_told_once_each_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let (command, told) = script(folder.path(), 0);
    let mut site = paper_site();
    let targets = vec!["all".into()];
    site.blueprint.secrets.insert("OWN".into(), SecretSpec { targets, paper: None, steps: vec![] });
    let node = FakeNode::of(site, &folder.path().join("rack")).await;
    node.edit(|site| site.notify = Some(Notify { command, webhook: None, on: all() }));
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(run(node.appliance.clone(), shutdown.clone()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let secret = node.appliance.store.kept_secret("OWN").unwrap().value.reveal().to_string();
    node.appliance.health.alarms.raise("rival", "192.168.0.9", "two servers answer");
    node.appliance.health.alarms.raise("rival", "192.168.0.9", "two servers answer, seen again");
    let why = format!("the step printed {secret}");
    for event in [Event::Suspected { why: why.clone() }, Event::Suspected { why }] {
        let _ = node.appliance.store.change(node.mac, Change::Event { event, mark: None }).await;
    }
    let lines = || std::fs::read_to_string(&told).unwrap_or_default();
    for _ in 0..300 {
        if lines().lines().count() >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    shutdown.cancel();
    task.await.unwrap();
    let lines = lines();
    let messages: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = messages.iter().map(|message| message["event"].as_str().unwrap()).collect();
    assert_eq!(events.len(), 2, "{lines}");
    assert!(events.contains(&"rival") && events.contains(&"suspect"), "{lines}");
    let suspect = messages.iter().find(|message| message["event"] == "suspect").unwrap();
    assert_eq!(suspect["node"], "compute2");
    assert!(suspect["text"].as_str().unwrap().contains("the step printed"), "{lines}");
    assert!(!lines.contains(&secret), "a secret was told: {lines}");
}

/// A running daemon that sends notifications; it ends when dropped.
struct Telling {
    node: FakeNode,
    shutdown: CancellationToken,
    _task: tokio::task::JoinHandle<()>,
}

impl Telling {
    async fn to(folder: &Path, notify: Notify) -> Self {
        let node = FakeNode::racked(folder).await;
        node.edit(|site| site.notify = Some(notify));
        let shutdown = CancellationToken::new();
        let _task = tokio::spawn(run(node.appliance.clone(), shutdown.clone()));
        tokio::time::sleep(Duration::from_millis(200)).await;
        Self { node, shutdown, _task }
    }

    async fn suspects(&self, why: &str) {
        let event = Event::Suspected { why: why.into() };
        self.node.appliance.store.change(self.node.mac, Change::Event { event, mark: None }).await.unwrap();
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..300 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}: not within 30 s");
}

#[tokio::test]
async fn a_webhook_that_never_answers_does_not_hold_up_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let (command, told) = script(folder.path(), 0);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = Some(format!("http://{}/", silent.local_addr().unwrap()));
    let telling = Telling::to(&folder.path().join("rack"), Notify { command, webhook, on: all() }).await;
    telling.node.appliance.health.alarms.raise("rival", "192.168.0.9", "two servers answer");
    let lines = || std::fs::read_to_string(&told).unwrap_or_default();
    until("the command hears of the first", || lines().contains("\"rival\"")).await;
    telling.suspects("another UUID").await;
    // The webhook is still busy with the first one, for 30 s.
    until("the command hears of the second", || lines().contains("\"suspect\"")).await;
}

#[tokio::test]
async fn a_suspect_node_passes_by_the_rivals_that_somebody_makes_up() {
    let folder = tempfile::tempdir().unwrap();
    let (command, told) = script(folder.path(), 0);
    let slow = format!("sleep 0.3; exec {}", command[0]);
    let command = vec!["/bin/sh".into(), "-c".into(), slow];
    let telling = Telling::to(&folder.path().join("rack"), Notify { command, webhook: None, on: all() }).await;
    for n in 0..30 {
        telling.node.appliance.health.alarms.raise("rival", &format!("192.168.0.{n}"), "two servers answer");
    }
    telling.suspects("another UUID").await;
    let lines = || std::fs::read_to_string(&told).unwrap_or_default();
    until("it is told", || lines().contains("\"suspect\"")).await;
    let before = lines().lines().take_while(|line| !line.contains("\"suspect\"")).count();
    assert!(before < 20, "{before} rivals before it");
}

#[tokio::test]
async fn a_command_that_fails_is_tried_again_and_one_that_is_not_there_is_an_error_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let (command, told) = script(folder.path(), 1);
    let telling = Telling::to(&folder.path().join("rack"), Notify { command, webhook: None, on: all() }).await;
    telling.suspects("another UUID").await;
    let lines = || std::fs::read_to_string(&told).unwrap_or_default();
    until("the second try is taken", || !lines().is_empty()).await;
    assert_eq!(lines().lines().count(), 1);
    let missing = deliver::Receiver::Command(vec!["/no/such/program".into()]);
    let why = missing.take("{}").await.unwrap_err();
    assert!(why.contains("/no/such/program cannot be started"), "{why}");
}

#[tokio::test]
async fn a_web_server_is_told_and_its_refusal_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/rack?from=us", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        for answer in ["503 Service Unavailable", "204 No Content"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            while !text.ends_with('}') {
                let mut buffer = [0; 1024];
                let length = stream.read(&mut buffer).await.unwrap();
                text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
            }
            stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
            heard.push(text);
        }
        heard
    });
    let receiver = deliver::Receiver::Webhook(url.clone());
    let refused = receiver.take("{\"event\":\"ready\"}").await.unwrap_err();
    assert!(refused.contains("503"), "{refused}");
    receiver.take("{\"event\":\"ready\"}").await.unwrap();
    let heard = server.await.unwrap();
    assert!(heard[1].starts_with("POST /rack?from=us HTTP/1.1\r\n") && heard[1].ends_with("{\"event\":\"ready\"}"));
    assert!(receiver.take("{}").await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_receiver_that_hangs_costs_messages_that_are_counted_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let command = vec!["/bin/sleep".into(), "600".into()];
    node.edit(|site| site.notify = Some(Notify { command, webhook: None, on: all() }));
    let queues = Way::ALL.map(|way| Queue::to(way, node.appliance.clone()));
    let teller = Teller::new(node.appliance.clone(), &queues).await;
    let alarm = Alarm { kind: "rival".into(), subject: "there".into(), text: "two".into(), since: 1 };
    for _ in 0..waiting::MAX_WAITING + 10 {
        teller.send("rival", Message::of_alarm("testbed", &alarm));
    }
    let dropped = || node.appliance.health.told.dropped.load(Ordering::Relaxed);
    assert_eq!(dropped(), 10, "nobody waits for a webhook that there is not");
    node.edit(|site| site.notify.as_mut().unwrap().on = vec!["failed".into()]);
    teller.send("rival", Message::of_alarm("testbed", &alarm));
    assert_eq!(dropped(), 10);
    node.edit(|site| site.notify = None);
    tokio::time::timeout(Duration::from_secs(1), queues[0].deliver()).await.unwrap_err();
    assert!(matches!(lock(&queues[0].waiting).next(Instant::now()), Next::Nothing), "nobody wants to hear any more");
}
