//! A command and a web server that are told, slow ones and dead ones.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::lifecycle::Event;
use crate::server::nodes::FakeNode;
use crate::site::SecretSpec;
use crate::site::testing::paper_site;
use crate::store::Change;

/// A command that adds what it is told to a file, and fails the first `failures` times.
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

#[tokio::test]
async fn a_command_that_fails_is_tried_again_and_one_that_is_not_there_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let (command, told) = script(folder.path(), 1);
    let notify = Notify { command, webhook: None, on: all() };
    with_patience(&notify, "{\"event\":\"failed\"}").await.unwrap();
    assert_eq!(std::fs::read_to_string(told).unwrap(), "{\"event\":\"failed\"}\n");
    tokio::time::pause();
    let missing = Notify { command: vec!["/no/such/program".into()], webhook: None, on: all() };
    let why = with_patience(&missing, "{}").await.unwrap_err();
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
    let (queue, _waiting) = mpsc::channel(QUEUE);
    let teller = Teller::new(node.appliance.clone(), queue).await;
    let alarm = Alarm { kind: "rival".into(), subject: "there".into(), text: "two".into(), since: 1 };
    for _ in 0..QUEUE + 10 {
        teller.send("rival", Message::of_alarm("testbed", &alarm));
    }
    assert_eq!(node.appliance.health.told.dropped.load(Ordering::Relaxed), 10);
    node.edit(|site| site.notify.as_mut().unwrap().on = vec!["failed".into()]);
    teller.send("rival", Message::of_alarm("testbed", &alarm));
    assert_eq!(node.appliance.health.told.dropped.load(Ordering::Relaxed), 10);
}
