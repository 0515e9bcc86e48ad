//! The number of reports: a node that sends more than any honest one harms neither the disk nor the other nodes.

use axum::http::StatusCode;

use super::tests::FakeNode;
use crate::lifecycle::{
    Attempt, AttemptId, BURST, BootToken, Event, Report, ReportEvent, STORED_PER_ATTEMPT, State, WipeScope,
};
use crate::store::{Change, Record};

#[tokio::test]
async fn a_flood_of_reports_is_refused_and_told_once_and_another_node_goes_on() {
    let folder = tempfile::tempdir_in(if std::path::Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" });
    let folder = folder.unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    let (mut taken, mut refused) = (0, 0);
    for seq in 2..u64::from(BURST) + 60 {
        match node.reports(&token, "pre-started", seq).await {
            StatusCode::NO_CONTENT => taken += 1,
            StatusCode::TOO_MANY_REQUESTS => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!(taken >= BURST && refused > 0, "{taken} {refused}");
    let kinds: Vec<_> = node.appliance.store.events(Some(node.mac), 2000).await;
    assert_eq!(kinds.iter().filter(|event| event.kind == "too-many-reports").count(), 1);
    // On a busy machine a second can pass between two requests, and one more report is accepted.
    let mut facts = node.attests(&token).await.status;
    for seq in 1000..1010 {
        if facts != StatusCode::TOO_MANY_REQUESTS {
            node.reports(&token, "pre-started", seq).await;
            facts = node.attests(&token).await.status;
        }
    }
    assert_eq!(facts, StatusCode::TOO_MANY_REQUESTS, "facts are stored, too");
    assert_ne!(node.get("/boot/52-54-00-a8-02-01").await.status, StatusCode::TOO_MANY_REQUESTS, "it can still boot");
    let mut other = node.clone();
    (other.mac, other.address) = ("52:54:00:a8:03:01".parse().unwrap(), "192.168.0.3");
    other.arm(2, WipeScope::BlankDiskOnly).await;
    let its = other.boots().await.unwrap();
    assert_eq!(other.reports(&its, "pre-started", 2).await, StatusCode::NO_CONTENT, "its neighbour is not held back");
}

#[test]
fn the_event_log_keeps_so_many_reports_of_an_attempt_and_the_state_goes_on() {
    let token = BootToken::from_random([1; 16]);
    let mut attempt = Attempt::new(AttemptId::from_random([1; 4]), WipeScope::BlankDiskOnly);
    (attempt.redeemed_by, attempt.attested) = (Some(token.hash()), true);
    let mut record = Record::new(0);
    record.state = State::Firstboot { attempt };
    let mac = "52:54:00:a8:02:01".parse().unwrap();
    let mut lines = Vec::new();
    for seq in 1..=u64::from(STORED_PER_ATTEMPT) + 50 {
        let event = if seq % 2 == 0 { ReportEvent::StepFailed } else { ReportEvent::StepStarted };
        let report = Report { event, seq, step: "a/b".into(), number: 1, total: 2, detail: "why".into() };
        let changed = Change::Report { report, token: token.clone() }.work_on(mac, &record, seq).unwrap();
        assert_eq!(changed.record.state.word(), if seq % 2 == 0 { "failed" } else { "firstboot" });
        record = changed.record;
        lines.extend(changed.log);
    }
    assert_eq!(lines.len(), STORED_PER_ATTEMPT as usize + 1);
    assert_eq!(lines.last().unwrap().kind, "reports-not-kept");
    let armed = Event::Armed { id: AttemptId::from_random([2; 4]), scope: WipeScope::DestroyData };
    let armed = Change::Event { event: armed, mark: None }.work_on(mac, &record, 9).unwrap();
    assert_eq!(armed.record.progress.stored, 0, "the next attempt has room of its own");
}
