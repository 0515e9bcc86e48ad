//! A drain from the order to the arming and back, over HTTP: two ready nodes ask for errands.

use super::tests::FakeNode;
use crate::audit::Actor;
use crate::clock::unix_now;
use crate::lifecycle::{Attempt, AttemptId, BootToken, State, WipeScope};
use crate::server::operate::watchdog;
use crate::server::operate::{Refusal, Reimage};
use crate::store::{Change, Record};

fn order(no_drain: Option<&str>) -> Reimage {
    let undrained = no_drain.map(String::from);
    Reimage { nodes: vec!["compute2".into()], keep: false, count: None, forced: None, undrained }
}

pub(super) fn who() -> Actor {
    Actor::socket(0, Some(7))
}

/// Makes the whole rack ready. Returns compute2, the controller, and their tokens.
async fn rack(folder: &std::path::Path) -> (FakeNode, FakeNode, [String; 2]) {
    rack_of(crate::site::testing::paper_site(), folder).await
}

/// Like [`rack`], for any site that has the paper's nodes.
pub(super) async fn rack_of(site: crate::site::Site, folder: &std::path::Path) -> (FakeNode, FakeNode, [String; 2]) {
    let node = FakeNode::of(site, folder).await;
    let token = |n: u8| BootToken::from_random([n; 16]);
    let site = node.appliance.site();
    for (at, other) in site.nodes.iter().enumerate() {
        let mut attempt = Attempt::new(AttemptId::from_random([at as u8; 4]), WipeScope::BlankDiskOnly);
        let hash = token(at as u8).hash();
        (attempt.attested, attempt.newest_boot, attempt.redeemed_by) = (true, Some(hash.clone()), Some(hash));
        let mut record = Record::new(1);
        record.state = State::Ready { attempt };
        node.appliance.store.change(other.mac, Change::Become(Box::new(record))).await.unwrap();
    }
    let at = |name: &str| site.nodes.iter().position(|node| node.name.as_str() == name).unwrap();
    let tokens = ["compute2", "controller"].map(|name| token(at(name) as u8).reveal().to_string());
    let mac = site.nodes[at("controller")].mac;
    let address: &'static str = Box::leak(site.nodes[at("controller")].address.to_string().into_boxed_str());
    let controller = FakeNode { mac, address, ..node.clone() };
    (node, controller, tokens)
}

async fn errands(node: &FakeNode, token: &str) -> String {
    let answer = node.get(&format!("/errands/{token}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

async fn says(node: &FakeNode, token: &str, seq: u64, words: &str) {
    let form = format!("event=errand&seq={seq}&detail={}", words.replace(' ', "+"));
    assert_eq!(node.post(&format!("/report/{token}"), &form).await.status, 204);
}

fn not_drained(refusal: Refusal) -> String {
    match refusal {
        Refusal::Blast(all) => {
            assert!(all.iter().all(|refusal| refusal.word() == "not-drained"), "{all:?}");
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_node_at_work_is_armed_when_it_and_the_controller_said_yes_and_comes_back_after() {
    let folder = tempfile::tempdir().unwrap();
    let (node, controller, [own, its]) = rack(folder.path()).await;
    let appliance = &node.appliance;
    assert_eq!(errands(&node, &own).await, "");
    appliance.rehearse(&who(), &order(None)).await.unwrap();
    let undrained = appliance.reimage(&who(), order(None)).await.unwrap_err();
    assert!(undrained.help()[0].contains("--no-drain"), "{:?}", undrained.help());
    assert_eq!(not_drained(undrained), "compute2 is not drained: it was not drained");

    let status = appliance.drain(&who(), order(None)).await.unwrap();
    assert_eq!(status[0].drain.as_deref(), Some("waits"));
    assert_eq!(errands(&controller, &its).await, "");
    let errand = errands(&node, &own).await;
    let id = errand.split(' ').nth(1).unwrap().to_string();
    assert_eq!(errand, format!("leave {id} compute2\n"));
    assert!(not_drained(appliance.reimage(&who(), order(None)).await.unwrap_err()).contains("it is checking whether"));
    says(&node, &own, 1, &format!("leave {id} yes 3 copies")).await;
    says(&node, &own, 1, &format!("leave {id} yes 3 copies")).await; // its answer was lost
    assert_eq!(errands(&controller, &its).await, format!("disable {id} compute2\n"));
    assert!(appliance.reimage(&who(), order(None)).await.is_err(), "nothing is armed before");
    says(&controller, &its, 1, &format!("disable {id} yes it is disabled")).await;
    let armed = appliance.reimage(&who(), order(None)).await.unwrap();
    assert_eq!((armed.nodes[0].state.as_str(), &armed.nodes[0].flags[..]), ("armed", &["out-of-service".into()][..]));
    assert_eq!(node.get(&format!("/errands/{own}")).await.status, 410, "its attempt is over");

    let back = appliance.disarm(&who(), "compute2").await.unwrap();
    assert_eq!(back.state, "ready");
    assert_eq!(errands(&controller, &its).await, format!("enable {id} compute2\n"));
    says(&controller, &its, 2, &format!("enable {id} yes it is enabled")).await;
    assert_eq!(node.record().duty, Default::default());
    let events = appliance.store.events(Some(node.mac), 50).await;
    let told: Vec<&str> = events.iter().map(|event| event.detail.as_str()).collect();
    assert!(told.iter().any(|line| line.ends_with("WIPES the disk; 3 copies; it is disabled")), "{told:?}");
    assert_eq!(node.state(), "ready");
}

#[tokio::test]
async fn a_no_arms_nothing_and_a_reason_overrules_it_for_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _, [own, _]) = rack(folder.path()).await;
    let appliance = &node.appliance;
    appliance.drain(&who(), order(None)).await.unwrap();
    let id = errands(&node, &own).await.split(' ').nth(1).unwrap().to_string();
    says(&node, &own, 1, &format!("leave {id} no 4 files are not healed")).await;
    let refused = not_drained(appliance.reimage(&who(), order(None)).await.unwrap_err());
    assert_eq!(refused, "compute2 is not drained: 4 files are not healed");
    assert_eq!(node.record().progress.detail, None, "its answer is no news of its own life");
    assert_eq!(appliance.reimage(&who(), order(Some(" "))).await.unwrap_err(), Refusal::Reason);
    appliance.reimage(&who(), order(Some("its board burns"))).await.unwrap();
    let audit = appliance.store.audit_lines(Default::default()).await.unwrap();
    let line = audit.iter().find(|line| line.action == "reimage" && line.outcome == "done").unwrap();
    assert!(line.detail.ends_with("; not drained: its board burns"), "{}", line.detail);
    assert!(audit.iter().any(|line| line.action == "drain" && line.subject == "compute2"));
}

#[tokio::test]
async fn a_node_whose_step_failed_is_asked_and_heard_and_so_is_such_a_controller() {
    let folder = tempfile::tempdir().unwrap();
    let (node, controller, [own, its]) = rack(folder.path()).await;
    for (asker, token, event) in [(&node, &own, "step-failed"), (&controller, &its, "waiting")] {
        assert_eq!(asker.reports(token, event, 1).await, 204);
    }
    assert_eq!(node.state(), "failed");
    let appliance = &node.appliance;
    assert!(not_drained(appliance.reimage(&who(), order(None)).await.unwrap_err()).contains("was not drained"));
    appliance.drain(&who(), order(None)).await.unwrap();
    let id = errands(&node, &own).await.split(' ').nth(1).expect("an errand").to_string();
    assert_eq!(node.reports(&own, "step-started", 2).await, 204, "it tries on meanwhile");
    says(&node, &own, 3, &format!("leave {id} yes 3 copies")).await;
    assert_eq!(errands(&controller, &its).await, format!("disable {id} compute2\n"));
    assert_eq!(controller.reports(&its, "step-failed", 2).await, 204);
    says(&controller, &its, 3, &format!("disable {id} yes it is disabled")).await;
    assert_eq!(appliance.reimage(&who(), order(None)).await.unwrap().nodes[0].state, "armed");
    let events = appliance.store.events(Some(node.mac), 50).await;
    assert!(
        events.iter().any(|event| event.detail.ends_with("WIPES the disk; 3 copies; it is disabled")),
        "{events:?}"
    );
}

/// compute2 agreed, and the controller took its service out. Returns the id of the drain.
async fn drains(node: &FakeNode, controller: &FakeNode, [own, its]: &[String; 2]) -> String {
    node.appliance.drain(&who(), order(None)).await.unwrap();
    let id = errands(node, own).await.split(' ').nth(1).expect("an errand").to_string();
    says(node, own, 1, &format!("leave {id} yes 3 copies")).await;
    errands(controller, its).await;
    says(controller, its, 1, &format!("disable {id} yes it is disabled")).await;
    id
}

#[tokio::test]
async fn two_copies_do_not_leave_together_and_a_drain_is_taken_back_by_disarm() {
    let folder = tempfile::tempdir().unwrap();
    let (node, controller, tokens) = rack(folder.path()).await;
    let appliance = &node.appliance;
    let other = || Reimage { nodes: vec!["compute3".into()], ..order(None) };
    let id = drains(&node, &controller, &tokens).await;
    for refused in
        [appliance.drain(&who(), other()).await.map(drop), appliance.rehearse(&who(), &other()).await.map(drop)]
    {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("compute2, which holds another copy, is drained, or being drained"), "{refused}");
    }
    let status = appliance.disarm(&who(), "compute2").await.unwrap();
    assert_eq!((status.state.as_str(), status.drain), ("ready", None));
    assert!(not_drained(appliance.reimage(&who(), order(None)).await.unwrap_err()).contains("was not drained"));
    assert_eq!(errands(&controller, &tokens[1]).await, format!("enable {id} compute2\n"));
    appliance.drain(&who(), other()).await.unwrap();
    let refused = appliance.disarm(&who(), "compute2").await.unwrap_err();
    assert_eq!(refused.to_string(), "compute2: the node is ready, not armed", "nothing to take back");
    assert!(refused.help()[0].contains("--give-up"), "{:?}", refused.help());
    let refused = appliance.give_up(&who(), "compute2", "dead").await.unwrap_err();
    assert_eq!(refused.to_string(), "there is nothing to do for `give-up`: compute2 is ready");
    assert!(refused.help()[0].starts_with("only what is installing"), "{:?}", refused.help());
    let audit = appliance.store.audit_lines(Default::default()).await.unwrap();
    assert!(audit.iter().any(|line| line.action == "disarm" && line.outcome == "done" && line.detail == "its drain"));
}

#[tokio::test]
async fn a_permit_does_not_outlive_the_drain_it_was_given_for() {
    let folder = tempfile::tempdir().unwrap();
    let (node, controller, tokens) = rack(folder.path()).await;
    let appliance = &node.appliance;
    let id = drains(&node, &controller, &tokens).await;
    appliance.reimage(&who(), order(None)).await.unwrap();
    appliance.reimage(&who(), order(None)).await.expect("the yes is still good");
    assert_eq!(node.state(), "armed");
    let boot = node.boots().await.expect("the installer");
    says(&controller, &tokens[1], 2, &format!("enable {id} yes it is enabled")).await;
    assert_eq!(node.state(), "ready", "its service is back");
    assert_eq!(node.redeems(&boot).await.status, 410);
    assert!(not_drained(appliance.reimage(&who(), order(None)).await.unwrap_err()).contains("was not drained"));
    let events = appliance.store.events(Some(node.mac), 50).await;
    let told = events.iter().rfind(|event| event.kind == "disarmed").expect("it is told");
    assert!(told.detail.ends_with("so the drain has ended; it is ready again"), "{told:?}");

    // It was armed without a drain, for a reason; arming it again needs a reason again.
    appliance.reimage(&who(), order(Some("its board burns"))).await.unwrap();
    let again = not_drained(appliance.reimage(&who(), order(None)).await.unwrap_err());
    assert!(again.contains("it is armed, and is asked anew when that is taken back"), "{again}");
    appliance.reimage(&who(), order(Some("its board burns"))).await.unwrap();
}

#[tokio::test]
async fn errands_are_for_the_node_itself_and_hold_over_a_restart_of_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let (node, controller, [own, its]) = rack(folder.path()).await;
    node.appliance.drain(&who(), order(None)).await.unwrap();
    for (asker, token) in [(&node, &its), (&controller, &own)] {
        assert_eq!(asker.get(&format!("/errands/{token}")).await.status, 404, "with another's token");
    }
    assert_eq!(node.get(&format!("/errands/{}", "0".repeat(32))).await.status, 404);
    let errand = errands(&node, &own).await;
    let kept = node.record().duty;
    drop((node, controller));
    let node = FakeNode::known(folder.path()).await;
    assert_eq!(errands(&node, &own).await, errand);
    // The daemon was away for ten minutes and could not be asked.
    let later = unix_now() + 600;
    assert_eq!(kept.outcome(later).word(), "refused");
    watchdog::resume_drains(&node.appliance.store, unix_now()).await;
    let events = node.appliance.store.events(Some(node.mac), 50).await;
    assert!(events.last().unwrap().detail.contains("the daemon was away"), "{events:?}");
    watchdog::resume_drains(&node.appliance.store, later + 3600).await;
    assert_eq!(node.appliance.store.events(Some(node.mac), 50).await.len(), events.len(), "forgotten by then");
}
