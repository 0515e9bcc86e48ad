//! What every database implementation has to do, written against the traits alone. A second implementation gets a line
//! at the end.

use std::path::PathBuf;

use super::change::LogLine;
use super::database::{Database, Reading};
use super::memory::Write;
use super::seal::Seal;
use super::secret_rows::{SecretRow, SecretWrite};
use super::sqlite::{Sqlite, SqliteReading};
use super::*;
use crate::audit::{Actor, Head};
use crate::clock::Stamp;
use crate::lifecycle::{AttemptId, State, WipeScope};
use crate::timeline::Cursor;

/// A place with a database that can be opened again after its writer was closed, or simply dropped.
trait Bench {
    type Writer: Database;
    type Reader: Reading;
    fn fresh() -> Self;
    async fn open(&self) -> (Self::Writer, Self::Reader);
}

fn mac(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, n])
}

fn record(n: u8) -> Record {
    let attempt = crate::lifecycle::Attempt::new(AttemptId::from_random([n; 4]), WipeScope::DestroyData);
    let mut record = Record::new(u64::from(n));
    record.state = State::Armed { attempt, previous: None };
    record
}

fn at(seconds: u64) -> Stamp {
    Stamp { seconds, ms: 0 }
}

fn line(kind: &'static str, detail: &str) -> LogLine {
    LogLine { kind, detail: detail.into() }
}

fn page(mac: Option<Mac>, after: Option<i64>, limit: u32) -> EventPage {
    EventPage { mac, after, limit }
}

fn story(mac: Mac) -> TimelineQuery {
    TimelineQuery { mac, since: 0, after: Cursor::default(), limit: 100 }
}

fn token(id: &str, name: &str) -> StoredToken {
    let (hash, role) = ("$argon2id$x".to_string(), "viewer".to_string());
    StoredToken {
        id: id.into(),
        name: name.into(),
        role,
        hash,
        created: 7,
        expires: Some(u64::MAX >> 1),
        revoked: None,
    }
}

fn session(id: &str, expires: u64) -> StoredSession {
    let (who, role) = ("token alice".into(), "viewer".into());
    StoredSession { id: id.into(), who, role, token: Some("t1".into()), created: 5, expires }
}

fn secret(name: &str, value: &[u8], previous: Option<&[u8]>) -> SecretRow {
    let previous = previous.map(<[u8]>::to_vec);
    SecretRow { name: name.into(), value: value.into(), previous, origin: Origin::Set, changed: 9, is_damaged: false }
}

/// What was committed is there afterwards, also for the reader, and nothing else is. This covers all tables at once.
async fn a_transaction_is_whole_or_was_never<B: Bench>() {
    let bench = B::fresh();
    let (mut writer, mut reader) = bench.open().await;
    let stopped = Stopped { since: 5, who: "somebody".into() };
    for commits in [false, true] {
        writer.begin().await.unwrap();
        writer.put_nodes(&[(mac(1), record(1), Some(line("armed", "attempt")))], at(5)).await.unwrap();
        writer.put_stopped(Some(&stopped)).await.unwrap();
        let write = SecretWrite { rows: vec![secret("A", b"a", None)], seal: None, forgets: false };
        writer.put_secrets(write).await.unwrap();
        assert!(writer.change_token(&TokenChange::Create(token("t1", "alice"))).await.unwrap());
        assert!(writer.change_token(&TokenChange::BeginSession(session("s1", 50))).await.unwrap());
        let order = Order::new(&Actor::daemon(), "arm", "compute2");
        writer.append_audit(&[AuditLine::after(&Head::START, 5, &order, "done")]).await.unwrap();
        writer.add_moments(&[Moment::new(5, mac(1), "dhcp", "x")], 5, |_| true).await.unwrap();
        assert!(reader.event_page(page(None, None, 9)).await.unwrap().is_empty(), "not yet");
        assert!(reader.timeline(&story(mac(1))).await.unwrap().moments.is_empty());
        assert!(reader.tokens().await.unwrap().is_empty());
        if commits {
            writer.commit().await.unwrap();
            assert_eq!(reader.event_page(page(None, None, 9)).await.unwrap().len(), 1);
        }
        // As in a crash, nothing is closed.
        drop((writer, reader));
        (writer, reader) = bench.open().await;
        let memory = writer.memory().await.unwrap();
        let there = (
            memory.nodes.get(&mac(1)) == Some(&record(1)),
            memory.stopped == Some(stopped.clone()),
            writer.secrets().await.unwrap().rows.len() == 1,
            writer.audit_head().await.unwrap() != Head::START,
            reader.event_page(page(None, None, 9)).await.unwrap().len() == 1,
            reader.tokens().await.unwrap() == [token("t1", "alice")],
            reader.sessions().await.unwrap() == [session("s1", 50)],
            reader.timeline(&story(mac(1))).await.unwrap().moments.len() == 2,
        );
        assert_eq!(there, (commits, commits, commits, commits, commits, commits, commits, commits));
    }
}

async fn a_node_is_replaced_and_a_stop_is_lifted<B: Bench>() {
    let bench = B::fresh();
    let (mut writer, _reader) = bench.open().await;
    writer.begin().await.unwrap();
    // More than one statement takes, and two records of one node in it.
    let many: Vec<Write> = (0..300u16).map(|n| (mac(1), record(n.to_be_bytes()[1]), None)).collect();
    writer.put_nodes(&many, at(5)).await.unwrap();
    writer
        .put_nodes(&[(mac(1), record(1), None), (mac(1), record(2), None), (mac(2), record(3), None)], at(5))
        .await
        .unwrap();
    writer.put_nodes(&[], at(5)).await.unwrap();
    writer.put_stopped(Some(&Stopped { since: 5, who: "a".into() })).await.unwrap();
    writer.put_stopped(Some(&Stopped { since: 6, who: "b".into() })).await.unwrap();
    writer.commit().await.unwrap();
    let memory = writer.memory().await.unwrap();
    assert_eq!((memory.nodes.len(), &memory.nodes[&mac(1)]), (2, &record(2)));
    assert_eq!(memory.stopped.unwrap().who, "b");
    writer.begin().await.unwrap();
    writer.put_stopped(None).await.unwrap();
    writer.put_stopped(None).await.unwrap();
    writer.commit().await.unwrap();
    assert_eq!(writer.memory().await.unwrap().stopped, None);
}

async fn events_are_numbered_in_their_order_and_read_in_pages<B: Bench>() {
    let bench = B::fresh();
    let (mut writer, mut reader) = bench.open().await;
    for (batch, who) in [(0, mac(1)), (1, mac(2)), (2, mac(1))] {
        writer.begin().await.unwrap();
        let line = |n| Some(line("step-done", &format!("{batch}.{n}\nüß")));
        let writes: Vec<Write> = (0..3).map(|n| (who, record(1), line(n))).collect();
        writer.put_nodes(&writes, at(50 + batch)).await.unwrap();
        writer.commit().await.unwrap();
    }
    let of = |events: &[NumberedEvent]| events.iter().map(|e| e.detail[..3].to_string()).collect::<Vec<_>>();
    let all = reader.event_page(page(None, Some(0), 99)).await.unwrap();
    assert_eq!(of(&all), ["0.0", "0.1", "0.2", "1.0", "1.1", "1.2", "2.0", "2.1", "2.2"]);
    assert!(all.is_sorted_by(|a, b| a.id < b.id));
    assert_eq!(
        (all[0].at, all[0].mac, all[0].kind.as_str(), all[0].state.as_str()),
        (50, mac(1), "step-done", "armed")
    );
    assert_eq!((all[0].attempt.as_deref(), all[0].detail.as_str()), (Some("01010101"), "0.0\nüß"));
    let newest = reader.event_page(page(Some(mac(1)), None, 2)).await.unwrap();
    assert_eq!(of(&newest), ["2.1", "2.2"], "the newest, oldest first");
    let next = reader.event_page(page(Some(mac(1)), Some(all[2].id), 2)).await.unwrap();
    assert_eq!(of(&next), ["2.0", "2.1"], "what comes after, of one node");
    let told = reader.event_page(page(Some(mac(2)), None, 2)).await.unwrap();
    assert_eq!(told.iter().map(|e| e.detail.as_str()).collect::<Vec<_>>(), ["1.1\nüß", "1.2\nüß"]);
}

async fn audit_lines_come_back_word_by_word_and_are_found_by_who_what_and_when<B: Bench>() {
    let bench = B::fresh();
    let (mut writer, _reader) = bench.open().await;
    let actors = [Actor::socket(0, Some(7)), Actor::socket(1000, None), Actor::daemon()];
    let (mut head, mut lines) = (Head::START, Vec::new());
    writer.begin().await.unwrap();
    for (at, actor) in (100..).zip(actors) {
        let order = Order::new(&actor, if at == 100 { "stop" } else { "arm" }, "compute2").detail("a 'word'; ü");
        let line = AuditLine::after(&head, at, &order, "done");
        head = Head { id: line.id, hash: line.hash };
        lines.push(line);
    }
    writer.append_audit(&lines[..1]).await.unwrap();
    writer.append_audit(&lines[1..]).await.unwrap();
    writer.commit().await.unwrap();
    assert_eq!(writer.audit_head().await.unwrap(), head);
    let found = async |writer: &mut B::Writer, filter: AuditFilter| writer.audit_lines(&filter).await.unwrap();
    assert_eq!(found(&mut writer, AuditFilter::default()).await, lines);
    let who = AuditFilter { who: Some("uid 1000".into()), ..Default::default() };
    assert_eq!(found(&mut writer, who).await, lines[1..2]);
    let action = AuditFilter { action: Some("stop".into()), ..Default::default() };
    assert_eq!(found(&mut writer, action).await, lines[..1]);
    let since = AuditFilter { since: Some(101), limit: Some(1), ..Default::default() };
    assert_eq!(found(&mut writer, since).await, lines[2..]);
    let also =
        AuditFilter { subject: Some("02:00:00:00:00:01".into()), also: Some("compute2".into()), ..Default::default() };
    assert_eq!(found(&mut writer, also).await, lines, "by another name of the same");
    let of_all = |subject: &str, is_node| AuditFilter { subject: Some(subject.into()), is_node, ..Default::default() };
    assert_eq!(found(&mut writer, of_all("compute3", true)).await, lines[..1], "a stop concerns every node");
    assert!(found(&mut writer, of_all("compute3", false)).await.is_empty(), "and no secret");
    let nobody = AuditFilter { subject: Some("compute".into()), ..Default::default() };
    assert!(found(&mut writer, nobody).await.is_empty(), "a subject is a whole word");
    writer.begin().await.unwrap();
    assert!(writer.append_audit(&lines[2..]).await.is_err(), "a number is used once");
}

async fn a_token_has_its_name_alone_as_long_as_it_is_valid<B: Bench>() {
    let bench = B::fresh();
    let (mut writer, mut reader) = bench.open().await;
    let create = |id: &str| TokenChange::Create(token(id, "alice"));
    let revoke = TokenChange::Revoke { name: "alice".into(), at: 99 };
    writer.begin().await.unwrap();
    let mut done = Vec::new();
    for change in [&revoke, &create("t1"), &create("t2"), &revoke, &revoke, &create("t2"), &create("t2")] {
        done.push(writer.change_token(change).await.unwrap());
    }
    writer.commit().await.unwrap();
    assert_eq!(done, [false, true, false, true, false, true, false]);
    let tokens = reader.tokens().await.unwrap();
    let told: Vec<_> = tokens.iter().map(|token| (token.id.as_str(), token.revoked)).collect();
    assert_eq!(told, [("t1", Some(99)), ("t2", None)]);
    assert_eq!(tokens[1], token("t2", "alice"));
}

async fn a_session_ends_when_it_is_ended_or_its_time_is_over<B: Bench>() {
    let bench = B::fresh();
    let (mut writer, mut reader) = bench.open().await;
    let end = |id: &str| TokenChange::EndSession { id: id.into() };
    let begin =
        |id: &str, created, expires| TokenChange::BeginSession(StoredSession { created, ..session(id, expires) });
    writer.begin().await.unwrap();
    let mut done = Vec::new();
    for change in [end("s1"), begin("s1", 5, 50), begin("s2", 6, 20), end("s1"), end("s1"), begin("s3", 20, 70)] {
        done.push(writer.change_token(&change).await.unwrap());
    }
    writer.commit().await.unwrap();
    assert_eq!(done, [false, true, true, true, false, true]);
    let left = reader.sessions().await.unwrap();
    assert_eq!(left, [StoredSession { created: 20, ..session("s3", 70) }], "the second one's time was over");
}

async fn secrets_and_their_seal_replace_those_before<B: Bench>() {
    let bench = B::fresh();
    let (mut writer, _reader) = bench.open().await;
    let stored = writer.secrets().await.unwrap();
    assert!(stored.seal.is_none() && stored.rows.is_empty());
    for (key, rows) in [
        (None, vec![secret("B", b"b", None), secret("A", &[0, 255, 39], None)]),
        (Some(&b"first key of sixteen"[..]), vec![secret("A", b"new", Some(b"old"))]),
        (Some(&b"second key of sixteen"[..]), vec![]),
    ] {
        let seal = key.map(|key| Seal::first(key).unwrap().1);
        writer.begin().await.unwrap();
        writer.put_secrets(SecretWrite { rows, seal, forgets: false }).await.unwrap();
        writer.commit().await.unwrap();
        writer.forget_replaced().await.unwrap();
        let seal = writer.secrets().await.unwrap().seal;
        assert_eq!(seal.is_some(), key.is_some());
        assert!(key.zip(seal).is_none_or(|(key, seal)| Seal::again(key, &seal).is_ok()), "the newest seal");
    }
    let rows = writer.secrets().await.unwrap().rows;
    let told: Vec<_> =
        rows.iter().map(|row| (row.name.as_str(), row.value.as_slice(), row.previous.as_deref())).collect();
    assert_eq!(told, [("A", &b"new"[..], Some(&b"old"[..])), ("B", b"b", None)]);
    assert_eq!((rows[0].origin, rows[0].changed), (Origin::Set, 9));
    writer.begin().await.unwrap();
    writer.put_secrets(SecretWrite { rows: vec![secret("C", b"c", None)], seal: None, forgets: true }).await.unwrap();
    writer.commit().await.unwrap();
    let stored = writer.secrets().await.unwrap();
    assert_eq!((stored.rows.len(), stored.rows[0].name.as_str(), stored.seal.is_none()), (1, "C", true));
}

async fn moments_of_nodes_stay_and_those_of_strangers_are_capped<B: Bench>() {
    let bench = B::fresh();
    let (mut writer, mut reader) = bench.open().await;
    let many = |from: u16, to: u16| -> Vec<Moment> {
        (from..to).map(|n| Moment::new(50, Mac([2, 1, 0, 0, (n >> 8) as u8, n as u8]), "dhcp", "who")).collect()
    };
    for moments in [vec![Moment::new(50, mac(1), "tftp", "read")], many(0, 900), many(900, 1500)] {
        writer.begin().await.unwrap();
        writer.add_moments(&moments, 60, |who| who == mac(1)).await.unwrap();
        writer.commit().await.unwrap();
    }
    let told = reader.timeline(&story(mac(1))).await.unwrap();
    assert_eq!(told.moments, [Moment::new(50, mac(1), "tftp", "read")]);
    let after = TimelineQuery { after: told.next, ..story(mac(1)) };
    assert!(reader.timeline(&after).await.unwrap().moments.is_empty());
    let lines = async |reader: &mut B::Reader, n: u16| {
        reader.timeline(&story(many(n, n + 1)[0].mac)).await.unwrap().moments.len()
    };
    assert_eq!((lines(&mut reader, 0).await, lines(&mut reader, 1499).await), (0, 1), "the first stranger went");
}

async fn a_backup_is_made_while_it_works_and_holds_open_secrets_only_when_asked<B: Bench>() {
    let bench = B::fresh();
    let (mut writer, reader) = bench.open().await;
    writer.begin().await.unwrap();
    let write = SecretWrite { rows: vec![secret("A", b"plainly-readable", None)], seal: None, forgets: false };
    writer.put_secrets(write).await.unwrap();
    writer.put_nodes(&[(mac(1), record(1), None)], at(5)).await.unwrap();
    writer.commit().await.unwrap();
    let holds = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    let without = writer.backup(false).await.unwrap();
    assert!(holds(&without, &mac(1).to_string()) && !holds(&without, "plainly-readable"));
    assert!(holds(&writer.backup(true).await.unwrap(), "plainly-readable"));
    reader.close().await;
    writer.close().await.unwrap();
}

macro_rules! conformance {
    ($name:ident, $bench:ty: $($check:ident),* $(,)?) => {
        mod $name {
            $(#[tokio::test]
            async fn $check() {
                super::$check::<$bench>().await;
            })*
        }
    };
}

struct SqliteBench {
    folder: tempfile::TempDir,
}

impl Bench for SqliteBench {
    type Writer = Sqlite;
    type Reader = SqliteReading;

    fn fresh() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    async fn open(&self) -> (Sqlite, SqliteReading) {
        let directory: PathBuf = self.folder.path().join("state");
        let opened = open::open(&directory).await.unwrap();
        (opened.database, SqliteReading::open(&directory).await.unwrap())
    }
}

conformance!(
    sqlite, super::SqliteBench:
    a_transaction_is_whole_or_was_never,
    a_node_is_replaced_and_a_stop_is_lifted,
    events_are_numbered_in_their_order_and_read_in_pages,
    audit_lines_come_back_word_by_word_and_are_found_by_who_what_and_when,
    a_token_has_its_name_alone_as_long_as_it_is_valid,
    a_session_ends_when_it_is_ended_or_its_time_is_over,
    secrets_and_their_seal_replace_those_before,
    moments_of_nodes_stay_and_those_of_strangers_are_capped,
    a_backup_is_made_while_it_works_and_holds_open_secrets_only_when_asked,
);
