use super::*;
use crate::lifecycle::{AttemptId, Event, Report, ReportEvent, WipeScope};

pub(super) fn mac() -> Mac {
    "52:54:00:a8:02:01".parse().unwrap()
}

pub(super) fn token(n: u8) -> BootToken {
    BootToken::from_random([n; 16])
}

impl Store {
    /// The newest `limit` events, the oldest first.
    pub(crate) async fn events(&self, mac: Option<Mac>, limit: u32) -> Vec<NumberedEvent> {
        self.event_page(EventPage { mac, after: None, limit }).await.unwrap()
    }
}

pub(super) async fn close(store: Store, task: JoinHandle<Result<(), sqlx::Error>>) {
    drop(store);
    task.await.unwrap().unwrap();
}

pub(super) fn event(event: Event) -> Change {
    Change::Event { event, mark: None }
}

pub(super) fn arm(n: u8) -> Change {
    event(Event::Armed { id: AttemptId::from_random([n; 4]), scope: WipeScope::BlankDiskOnly })
}

fn report(event: ReportEvent, seq: u64) -> Change {
    let report = Report { event, seq, step: String::new(), number: 0, total: 0, detail: "words".into() };
    Change::Report { report, token: token(1) }
}

async fn installing(store: &Store) {
    store.change(mac(), arm(1)).await.unwrap();
    store.change(mac(), event(Event::BootScriptServed { token: token(1).hash() })).await.unwrap();
    store.change(mac(), event(Event::PermitRedeemed { token: token(1).hash(), disk: "sda".into() })).await.unwrap();
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (store, task) = Store::open(&path).await.unwrap();
    installing(&store).await;
    let before = store.record(mac()).unwrap();
    drop(store);
    task.await.unwrap().unwrap();
    let (store, _task) = Store::open(&path).await.unwrap();
    assert_eq!(store.record(mac()), Some(before));
    assert_eq!(store.owner(&token(1)), Some(mac()));
    let kinds: Vec<_> = store.events(Some(mac()), 10).await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["armed", "boot-script", "permit-redeemed"]);
}

#[tokio::test]
async fn a_second_daemon_on_the_same_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let _first = Store::open(&path).await.unwrap();
    assert!(matches!(Store::open(&path).await, Err(OpenError::InUse(_))));
}

#[tokio::test]
async fn a_store_that_is_open_to_others_damaged_or_foreign_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, mode, content: Option<&[u8]>| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        if let Some(content) = content {
            write_private(&path.join("rackstart.sqlite"), content).unwrap();
        }
        path
    };
    let open = make("open", 0o755, None);
    assert!(matches!(Store::open(&open).await, Err(OpenError::Mode { .. })));
    let damaged = make("damaged", 0o700, Some(&[7; 8192]));
    assert!(matches!(Store::open(&damaged).await, Err(OpenError::Damaged { .. })));
    let foreign = make("foreign", 0o700, None);
    let mut options = sqlx::sqlite::SqliteConnectOptions::new();
    options = options.filename(foreign.join("rackstart.sqlite")).create_if_missing(true);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query("CREATE TABLE theirs (x)").execute(&mut connection).await.unwrap();
    let file = std::fs::File::open(foreign.join("rackstart.sqlite")).unwrap();
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(matches!(Store::open(&foreign).await, Err(OpenError::Foreign(_))));
}

#[tokio::test]
async fn a_store_that_finds_no_room_is_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rackstart.sqlite");
    let mut told = 0;
    for pages in 1.. {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let options = options.pragma("max_page_count", pages.to_string());
        let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
        match open::check(&mut connection, &file, folder.path()).await {
            Ok(()) => break,
            Err(OpenError::NoRoom(directory)) => assert_eq!(directory, folder.path()),
            Err(other) => panic!("with {pages} pages: {other}"),
        }
        told += 1;
        sqlx::Connection::close(connection).await.unwrap();
        std::fs::remove_file(&file).unwrap();
    }
    assert!(told > 5, "{told} sizes were too small");
}

#[tokio::test]
async fn a_new_store_that_cannot_be_made_whole_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (_, task) = Store::open(&path).await.unwrap();
    task.await.unwrap().unwrap();
    std::fs::write(path.join("rackstart.sqlite-journal"), "of somebody").unwrap();
    private::unmake(&path).unwrap();
    assert!(!exists(&path));
    let left: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the lock, which is held, and what is not ours: {left:?}");
    // A folder in the place where the anchor file is prepared makes only that step fail.
    std::fs::create_dir(path.join("anchor.json.new")).unwrap();
    assert!(Store::open(&path).await.is_err());
    assert!(!exists(&path), "nothing that says that there was a store");
    std::fs::remove_dir(path.join("anchor.json.new")).unwrap();
    Store::open(&path).await.expect("and the next start makes one");
}

#[tokio::test]
async fn a_refused_change_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(&folder.path().join("state")).await.unwrap();
    store.change(mac(), arm(1)).await.unwrap();
    let refused =
        store.change(mac(), event(Event::PermitRedeemed { token: token(9).hash(), disk: "sda".into() })).await;
    assert_eq!(refused, Err(ChangeError::Refused(Refused::OldBoot)));
    assert_eq!(store.events(None, 10).await.len(), 1);
}

#[tokio::test]
async fn a_report_sent_twice_counts_once_and_one_of_an_old_attempt_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(&folder.path().join("state")).await.unwrap();
    installing(&store).await;
    let attested = Event::Attested { token: token(1).hash(), differences: vec![] };
    store.change(mac(), event(attested)).await.unwrap();
    store.change(mac(), report(ReportEvent::Installed, 3)).await.unwrap();
    store.change(mac(), report(ReportEvent::StepFailed, 1)).await.unwrap();
    let record = store.change(mac(), report(ReportEvent::StepFailed, 1)).await.unwrap();
    assert_eq!(record.state.word(), "failed");
    assert_eq!(store.events(None, 99).await.iter().filter(|e| e.kind == "step-failed").count(), 1);
    let reimage = Event::Armed { id: AttemptId::from_random([2; 4]), scope: WipeScope::DestroyData };
    store.change(mac(), event(reimage)).await.unwrap();
    let late = store.change(mac(), report(ReportEvent::Ready, 2)).await;
    assert_eq!(late, Err(ChangeError::Refused(Refused::OldAttempt)));
}

#[tokio::test]
async fn the_event_log_cannot_be_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (store, _task) = Store::open(&path).await.unwrap();
    store.change(mac(), arm(1)).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path.join("rackstart.sqlite"));
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    for sql in ["UPDATE event SET detail = ''", "DELETE FROM event"] {
        assert!(sqlx::query(sql).execute(&mut connection).await.is_err(), "{sql}");
    }
}

fn order() -> crate::audit::Order {
    crate::audit::Order::new(&crate::audit::Actor::daemon(), "test", "nodes")
}

#[tokio::test]
async fn orders_happen_together_or_not_at_all_and_a_judge_sees_what_came_before() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(&folder.path().join("state")).await.unwrap();
    let other: Mac = "52:54:00:a8:03:01".parse().unwrap();
    installing(&store).await;
    let both = |first, second| Orders { changes: vec![(first, arm(2)), (second, arm(3))], ..Orders::default() };
    let refused = store.decide(order(), move |_, _| Ok::<_, String>(both(other, mac()))).await;
    assert_eq!(refused, Err(DecideError::Refused(OrderRefused { mac: mac(), refused: Refused::Busy })));
    assert_eq!(store.record(other), None, "the first order is undone");
    let judged = store.decide(order(), |draft, _| Err::<Orders, _>(draft.records().count().to_string())).await;
    assert_eq!(judged, Err(DecideError::Judged("1".into())));
    let stop = Stopped { since: 1, who: "w".into() };
    let orders = Orders { stopped: Some(Some(stop.clone())), ..Orders::default() };
    store.decide(order(), move |_, _| Ok::<_, String>(orders)).await.unwrap();
    assert_eq!(store.stopped(), Some(stop));
    assert_eq!(store.change(other, arm(4)).await, Err(ChangeError::Refused(Refused::Stopped)));
}

#[tokio::test]
async fn many_nodes_are_changed_in_one_commit_and_each_is_refused_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(&folder.path().join("state")).await.unwrap();
    let of = |n: u8| Mac([2, 0, 0, 0, 0, n]);
    store.change(of(7), arm(7)).await.unwrap();
    store.change(of(7), event(Event::BootScriptServed { token: token(1).hash() })).await.unwrap();
    store.change(of(7), event(Event::PermitRedeemed { token: token(1).hash(), disk: "sda".into() })).await.unwrap();
    let orders = (0..100).map(|n| (of(n), arm(n), Order::new(&crate::audit::Actor::daemon(), "arm", "some node")));
    let outcomes = store.change_all(orders.collect()).await.unwrap();
    assert_eq!(outcomes.len(), 100);
    for (n, outcome) in (0..100).zip(&outcomes) {
        assert_eq!(outcome.is_ok(), n != 7, "{n}: {outcome:?}");
        assert_eq!(store.record(of(n)).unwrap().state.word(), if n == 7 { "installing" } else { "armed" });
    }
    let told = store.audit_lines(AuditFilter { action: Some("arm".into()), ..AuditFilter::default() }).await.unwrap();
    assert_eq!(told.len(), 100, "the refusal is on record, too");
    assert_eq!(told.iter().filter(|line| line.outcome == "done").count(), 99);
}

#[tokio::test]
async fn a_token_finds_its_node_as_long_as_its_holder_may_speak_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let (store, task) = Store::open(&folder.path().join("state")).await.unwrap();
    let served = |n| event(Event::BootScriptServed { token: token(n).hash() });
    let owners = || [1, 2, 3].map(|n| store.owner(&token(n)));
    let other = Mac([2; 6]);
    for (mac, n) in [(mac(), 1), (other, 3)] {
        store.change(mac, arm(n)).await.unwrap();
        store.change(mac, served(n)).await.unwrap();
    }
    assert_eq!(owners(), [Some(mac()), None, Some(other)]);
    store.change(mac(), served(2)).await.unwrap();
    assert_eq!(owners(), [None, Some(mac()), Some(other)], "a second boot script takes the place of the first");
    store.change(mac(), event(Event::PermitRedeemed { token: token(2).hash(), disk: "sda".into() })).await.unwrap();
    assert_eq!(owners(), [None, Some(mac()), Some(other)]);
    close(store, task).await;
}
