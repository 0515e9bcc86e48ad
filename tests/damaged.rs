//! Stores whose bytes were changed: bits, digits, blocks, ends. Each of them is refused with its way out, or what it says is
//! what was written; a record that is not is shown as damaged, and nothing believes it. DAMAGED_VARIANTS sets how many are
//! tried (200), DAMAGED_FROM with which number they begin (0); a number always is the same damage.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rackstart::audit::{Actor, AuditLine, Order};
use rackstart::lifecycle::{AttemptId, BootToken, Event, WipeScope};
use rackstart::secrets::SecretValue;
use rackstart::site::{Blueprint, Mac, SecretSpec};
use rackstart::store::{
    AuditFilter, Change, DAMAGED, EventPage, NumberedEvent, Orders, Record, SecretsError, Store, StoredToken,
    TimelineQuery, TokenChange,
};
use rackstart::timeline::{Cursor, Moment};

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn mac(n: u8) -> Mac {
    Mac([0x52, 0x54, 0, 0xa8, n, 1])
}

fn blueprint() -> Blueprint {
    let spec = || SecretSpec { targets: vec!["controller".into()], paper: None, steps: vec![] };
    let secrets = ["A_PASSWORD", "B_PASSWORD"].map(|name| (name.to_string(), spec()));
    let (roles, variables) = Default::default();
    Blueprint {
        name: "damaged".into(),
        summary: String::new(),
        roles,
        variables,
        secrets: secrets.into(),
        ..Blueprint::default()
    }
}

/// Everything that a store says.
#[derive(Debug, PartialEq)]
struct Said {
    nodes: BTreeMap<Mac, Option<Record>>,
    stopped: bool,
    events: Vec<NumberedEvent>,
    stories: BTreeMap<Mac, Vec<Moment>>,
    tokens: Vec<StoredToken>,
    audit: Vec<AuditLine>,
    secrets: Result<BTreeMap<String, String>, SecretsError>,
}

const NODES: std::ops::RangeInclusive<u8> = 1..=12;

async fn hear(store: &Store) -> Said {
    let damaged = |()| store.damaged_secrets().pop_first().map_or(Ok(()), |name| Err(SecretsError::Damaged(name)));
    let opened = store.open_secrets(None, &blueprint()).await.and_then(damaged);
    let kept = |name: &String| (name.clone(), store.kept_secret(name).unwrap().value.reveal().to_string());
    let mut stories = BTreeMap::new();
    for n in NODES {
        let query = TimelineQuery { mac: mac(n), since: 0, after: Cursor::default(), limit: 1000 };
        stories.insert(mac(n), store.timeline(query).await.unwrap().moments);
    }
    Said {
        nodes: NODES.map(|n| (mac(n), store.record(mac(n)))).collect(),
        stopped: store.stopped().is_some(),
        events: store.event_page(EventPage { mac: None, after: Some(0), limit: 1000 }).await.unwrap(),
        stories,
        tokens: store.tokens().await.unwrap(),
        audit: store.audit_lines(AuditFilter { limit: Some(1000), ..AuditFilter::default() }).await.unwrap(),
        secrets: opened.map(|()| blueprint().secrets.keys().map(kept).collect()),
    }
}

/// A store with something in every table.
async fn make(place: &Path) -> Said {
    let (store, task) = Store::open(place).await.unwrap();
    store.open_secrets(None, &blueprint()).await.unwrap();
    let order = |words: &str| Order::new(&Actor::console(0), words, "nodes").detail("for the test of damage");
    for n in NODES {
        let token = BootToken::from_random([n; 16]).hash();
        let event = |event| Change::Event { event, mark: Some("mark") };
        let armed = event(Event::Armed { id: AttemptId::from_random([n; 4]), scope: WipeScope::DestroyData });
        store.change_as(mac(n), armed, order("reimage")).await.unwrap();
        if n > 4 {
            store.change(mac(n), event(Event::BootScriptServed { token: token.clone() })).await.unwrap();
        }
        if n > 8 {
            store.change(mac(n), event(Event::PermitRedeemed { token, disk: "sda".into() })).await.unwrap();
        }
        let lines =
            (0..6).map(|line| Moment::new(1_790_000_000 + line, mac(n), "dhcp", &format!("DHCPDISCOVER {line}")));
        store.keep(lines.collect()).await.unwrap();
    }
    for name in ["alice", "bob", "carol"] {
        let (id, hash) = (format!("id{name}"), format!("$argon2id$v=19$m=19456,t=2,p=1${name}"));
        let (created, expires) = (1_790_000_000, Some(1_890_000_000));
        let (name, role) = (name.to_string(), "operator".to_string());
        let token = StoredToken { id, name, role, hash, created, expires, revoked: None };
        assert!(store.change_token(TokenChange::Create(token), order("token-create")).await.unwrap());
    }
    let revoke = TokenChange::Revoke { name: "carol".into(), at: 1_790_000_005 };
    assert!(store.change_token(revoke, order("token-revoke")).await.unwrap());
    let value = SecretValue::new("a-value-that-nodes-know-01234567".into()).unwrap();
    let change = vec![("A_PASSWORD".to_string(), Some(value))];
    store.change_secrets(&blueprint(), change, vec![order("set-secret")]).await.unwrap();
    let stop = rackstart::lifecycle::Stopped { since: 1_790_000_009, who: "somebody".into() };
    let orders = Orders { stopped: Some(Some(stop)), ..Orders::default() };
    store.decide(order("stop"), move |_, _| Ok::<_, String>(orders)).await.unwrap();
    let said = hear(&store).await;
    drop(store);
    task.await.unwrap().unwrap();
    said
}

/// Numbers that look random and can be had again: xorshift64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// The damage of this number, and its name.
fn damage(bytes: &mut Vec<u8>, number: u64) -> &'static str {
    let mut dice = Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..4 {
        dice.below(2);
    }
    let length = bytes.len();
    match number % 10 {
        0..=3 => {
            bytes[dice.below(length)] ^= 1 << dice.below(8);
            "a bit"
        }
        4..=6 => {
            let texts: Vec<usize> = (0..length).filter(|at| bytes[*at].is_ascii_alphanumeric()).collect();
            bytes[texts[dice.below(texts.len())]] ^= 1 << dice.below(7);
            "a bit of a letter or digit"
        }
        7 => {
            for _ in 0..8 {
                bytes[dice.below(length)] ^= 1 << dice.below(8);
            }
            "eight bits"
        }
        8 => {
            let at = dice.below(length / 512) * 512;
            bytes[at..at + 512].fill(0);
            "a sector of zeros"
        }
        _ if dice.below(2) == 0 => {
            bytes.truncate(dice.below(length));
            "its end cut off"
        }
        _ => {
            let (one, other) = (dice.below(length / 512) * 512, dice.below(length / 512) * 512);
            let copy = bytes[one..one + 512].to_vec();
            bytes.copy_within(other..other + 512, one);
            bytes[other..other + 512].copy_from_slice(&copy);
            "two sectors swapped"
        }
    }
}

/// What is wrong with the answers of a store that opened; nothing when each is true or says that it is damaged.
fn wrong(told: &Said, truth: &Said, damage: &rackstart::store::Damage) -> Vec<String> {
    let mut wrong = Vec::new();
    for (mac, record) in &told.nodes {
        let is_set_aside = record.as_ref().is_some_and(|record| {
            damage.nodes.contains(mac) && record.state.word() == "suspect" && record.flags.protected
        });
        let is_lost = record.is_none() && damage.hides_nodes();
        if record != &truth.nodes[mac] && !is_set_aside && !is_lost {
            wrong.push(format!("the record of {mac}: {record:?}"));
        }
    }
    if told.stopped != truth.stopped {
        wrong.push("an order to stop is forgotten".into());
    }
    let is_said = |event: &NumberedEvent| event.kind == DAMAGED || truth.events.contains(event);
    wrong.extend(told.events.iter().filter(|event| !is_said(event)).map(|event| format!("{event:?}")));
    if told.events.len() != truth.events.len() {
        wrong.push(format!("{} events", told.events.len()));
    }
    for (mac, story) in &told.stories {
        let truth = &truth.stories[mac];
        let is_said = |line: &Moment| line.source == "store" || truth.contains(line);
        wrong.extend(story.iter().filter(|line| !is_said(line)).map(|line| format!("{line:?}")));
        if story.len() != truth.len() && !damage.indexes {
            wrong.push(format!("{} lines in the story of {mac}", story.len()));
        }
    }
    let is_said = |token: &StoredToken| token.role == DAMAGED || truth.tokens.contains(token);
    wrong.extend(told.tokens.iter().filter(|token| !is_said(token)).map(|token| format!("{token:?}")));
    let is_said = |line: &AuditLine| line.outcome.starts_with("DAMAGED") || truth.audit.contains(line);
    wrong.extend(told.audit.iter().filter(|line| !is_said(line)).map(|line| format!("{line:?}")));
    if told.secrets.is_ok() && told.secrets != truth.secrets {
        wrong.push("another secret".into());
    }
    wrong
}

#[test]
fn a_damaged_store_is_refused_or_tells_the_truth() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        usual(panic);
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("state");
    let truth = runtime.block_on(make(&place));
    let (database, anchor) = (place.join("rackstart.sqlite"), place.join("anchor.json"));
    let (whole, known) = (std::fs::read(&database).unwrap(), std::fs::read(&anchor).unwrap());
    let (mut refused, mut same, mut shown, mut faults) = (0, 0, 0, Vec::new());
    let (from, count) = (setting("DAMAGED_FROM", 0), setting("DAMAGED_VARIANTS", 200));
    for number in from..from + count {
        let mut bytes = whole.clone();
        let what = damage(&mut bytes, number);
        for rest in ["rackstart.sqlite-wal", "rackstart.sqlite-shm"] {
            let _ = std::fs::remove_file(place.join(rest));
        }
        std::fs::write(&database, &bytes).unwrap();
        std::fs::write(&anchor, &known).unwrap();
        let before = PANICS.load(Ordering::Relaxed);
        runtime.block_on(async {
            let (store, task) = match Store::open(&place).await {
                Ok(opened) => opened,
                Err(error) => {
                    refused += 1;
                    if error.to_string().len() < 40 {
                        faults.push(format!("{number}, {what}: refused with {error}"));
                    }
                    return;
                }
            };
            let told = hear(&store).await;
            let wrong = wrong(&told, &truth, &store.damage());
            faults.extend(wrong.into_iter().map(|wrong| format!("{number}, {what}: {wrong}")));
            if told == truth {
                same += 1
            } else {
                shown += 1
            }
            // It takes a change, or says that it does not.
            let note = Change::Note { kind: "tried", detail: "after the damage".into() };
            let _ = store.change(mac(1), note).await;
            drop(store);
            if task.await.is_err() {
                faults.push(format!("{number}, {what}: the task of the store panicked"));
            }
        });
        if PANICS.load(Ordering::Relaxed) > before {
            faults.push(format!("{number}, {what}: a panic"));
        }
    }
    println!(
        "long: {count} damaged stores | {refused} refused, {same} said all that was written, {shown} showed what is damaged; \
         {} wrong answers or panics",
        faults.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(refused > 0 && same > 0 && shown > 0, "the damage hits nothing");
}
