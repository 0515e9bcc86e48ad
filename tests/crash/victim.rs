//! The process that is killed: works on a store and prints each fact once it is acknowledged.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rackstart::audit::{Actor, Order};
use rackstart::lifecycle::{AttemptId, BootToken, Event, Reader, Report, ReportEvent, WipeScope};
use rackstart::secrets::SecretValue;
use rackstart::site::{Blueprint, Mac, SecretSpec};
use rackstart::store::{Change, ChangeError, OpenError, SecretsError, Store};

/// Where the state directory of the victim is.
const PLACE: &str = "CRASH_PLACE";
/// How many lives of a node it goes through.
const LIVES: &str = "CRASH_LIVES";

/// The command that starts it.
pub fn command(place: &Path, lives: u32) -> (std::path::PathBuf, Vec<String>, [(&'static str, String); 2]) {
    let program = std::env::current_exe().unwrap();
    let words = ["--exact", "victim::works_on_a_store_until_it_is_killed", "--nocapture", "--test-threads=1"];
    let environment = [(PLACE, place.display().to_string()), (LIVES, lives.to_string())];
    (program, words.map(String::from).to_vec(), environment)
}

/// The command that starts this program again as the victim.
pub fn started(place: &Path, lives: u32) -> Command {
    let (program, words, environment) = command(place, lives);
    let mut command = Command::new(program);
    command.args(words).envs(environment).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn mac(n: u8) -> Mac {
    Mac([0x52, 0x54, 0, 0xa8, n, 1])
}

pub fn blueprint() -> Blueprint {
    let spec = SecretSpec { targets: vec!["controller".into()], paper: None, steps: vec![] };
    Blueprint {
        name: "crash".into(),
        summary: String::new(),
        secrets: [("A_PASSWORD".to_string(), spec)].into(),
        ..Blueprint::default()
    }
}

/// Attempts and tokens are numbered, so that every process knows which life of which node they belong to.
pub fn attempt(life: u32) -> AttemptId {
    AttemptId::from_random(life.to_be_bytes())
}

pub fn token(node: u8, life: u32) -> BootToken {
    let mut bytes = [node; 16];
    bytes[..4].copy_from_slice(&life.to_be_bytes());
    BootToken::from_random(bytes)
}

/// Not a test of its own: it does nothing unless another test started it.
#[test]
fn works_on_a_store_until_it_is_killed() {
    let (Ok(place), Ok(lives)) = (std::env::var(PLACE), std::env::var(LIVES)) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let code = runtime.block_on(work(Path::new(&place), lives.parse().unwrap()));
    std::process::exit(code); // as the daemon: at once when the store stops
}

async fn work(place: &Path, lives: u32) -> i32 {
    let began = Instant::now();
    let (store, task) = loop {
        match Store::open(place).await {
            Ok(opened) => break opened,
            // A process that another test is starting has what its parent held open, until it is another program.
            Err(OpenError::InUse(_)) if began.elapsed() < Duration::from_secs(60) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => {
                say(&format!("REFUSED {error}"));
                return 4;
            }
        }
    };
    if let Err(error) = store.open_secrets(None, &blueprint()).await {
        say(&format!("LOCKED {error}"));
        return if error == SecretsError::Store(ChangeError::NoRoom) { 4 } else { 3 };
    }
    say("OPEN");
    // Several at once, so that changes share commits.
    let lives = [1, 2, 3].map(|node| live(store.clone(), node, lives));
    let [a, b, c] = lives.map(tokio::spawn);
    let ends = [a.await.unwrap(), b.await.unwrap(), c.await.unwrap()];
    drop(store);
    let closed = task.await.unwrap();
    match (closed, ends.iter().all(Result::is_ok)) {
        (Ok(()), true) => 0,
        // Only a full disk made changes fail, up to the end: the store was there all the time and is closed in order.
        (Ok(()), false) if ends.iter().all(|end| matches!(end, Ok(()) | Err(ChangeError::NoRoom))) => 5,
        (closed, _) => {
            eprintln!("the store ended with {closed:?}, its users with {ends:?}");
            3
        }
    }
}

/// One node through its lives, each step acknowledged before the next one.
async fn live(store: Store, node: u8, lives: u32) -> Result<(), ChangeError> {
    let mac = mac(node);
    let event = |event| Change::Event { event, mark: None };
    let first = facts(&store, node).map_or(1, |(life, _)| life + 1);
    for life in first..first + lives {
        let (id, token) = (attempt(life), token(node, life));
        let order = Order::new(&Actor::console(0), "reimage", mac).detail(format!("life {life}"));
        let redeem = Change::Redeem {
            token: token.hash(),
            words: "sda".into(),
            disks: [("os".to_string(), "sda".to_string())].into(),
            keep: vec![],
            reader: Reader { address: [192, 168, 0, node].into(), mac: Some(mac), serial: None },
        };
        let report = |word, seq| {
            let report = Report { event: word, seq, step: String::new(), number: 0, total: 0, detail: String::new() };
            Change::Report { report, token: token.clone() }
        };
        // A node that was killed at `installing` is given up first, as an operator would.
        if store.record(mac).is_some_and(|record| record.state.word() == "installing") {
            patiently(|| store.change(mac, event(Event::Overdue { reason: "killed".into() }))).await?;
        }
        let armed = event(Event::Armed { id, scope: WipeScope::DestroyData });
        patiently(|| store.change_as(mac, armed.clone(), order.clone())).await?;
        say(&format!("AT {node} {life} 1"));
        let steps = [
            event(Event::BootScriptServed { token: token.hash() }),
            redeem,
            event(Event::Attested { token: token.hash(), differences: vec![] }),
            report(ReportEvent::Installed, 200),
            report(ReportEvent::Ready, 1),
        ];
        for (index, step) in steps.into_iter().enumerate() {
            patiently(|| store.change(mac, step.clone())).await?;
            say(&format!("AT {node} {life} {}", index + 2));
        }
        let (actor, words) = (Actor::daemon(), format!("node {node}, life {life}"));
        let id = patiently(|| store.audit(&actor, "note", "site", &words)).await?;
        say(&format!("AUDIT {id}"));
        if node == 1 {
            let value = SecretValue::new(format!("value-{life:08}")).unwrap();
            let order = Order::new(&Actor::console(0), "set-secret", "A_PASSWORD");
            let change = vec![("A_PASSWORD".to_string(), Some(value))];
            let blueprint = blueprint();
            patiently(async || {
                let changed = store.change_secrets(&blueprint, change.clone(), vec![order.clone()]).await;
                changed.map_err(|error| match error {
                    SecretsError::Store(lost) => lost,
                    other => panic!("{other}"),
                })
            })
            .await?;
            say(&format!("SECRET {life}"));
        }
    }
    Ok(())
}

/// Repeats the work while the disk is full, as a node does, but not for ever.
async fn patiently<T, F: Future<Output = Result<T, ChangeError>>>(ask: impl Fn() -> F) -> Result<T, ChangeError> {
    for _ in 0..4 {
        match ask().await {
            Err(ChangeError::NoRoom) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            other => return other,
        }
    }
    ask().await
}

/// The life that a node is in and how far it has come in it, from 1 (armed) to 6 (ready).
pub fn facts(store: &Store, node: u8) -> Option<(u32, u32)> {
    let record = store.record(mac(node))?;
    let attempt = record.state.attempt()?;
    let life = u32::from_str_radix(&attempt.id.to_string(), 16).unwrap();
    let step = match record.state.word() {
        "armed" if attempt.boots == 0 => 1,
        "armed" => 2,
        "installing" | "failed" if attempt.attested => 4,
        "installing" | "failed" => 3,
        "firstboot" => 5,
        "ready" => 6,
        other => panic!("{other}"),
    };
    Some((life, step))
}

/// Prints a fact in one write, so that a kill cannot leave half a line.
fn say(fact: &str) {
    std::io::stdout().lock().write_all(format!("\nFACT {fact}\n").as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}
