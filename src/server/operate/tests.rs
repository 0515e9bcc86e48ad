//! Orders against a store and a booting node: what they do, what they refuse, what they leave behind.

use crate::audit::{Actor, Order};
use crate::boot::ClientArch;
use crate::lifecycle::{Event, WipeScope};
use crate::own_cards;
use crate::render::ScriptFor;
use crate::server::net::listen::Arrival;
use crate::server::nodes::{self, FakeNode};
use crate::server::operate::{Arming, Refusal, Reimage, records};
use crate::site::testing::paper_site;
use crate::store::{AuditFilter, Change};

fn somebody() -> Actor {
    Actor::socket(0, Some(7))
}

fn one(reason: Option<&str>) -> Reimage {
    Reimage {
        nodes: vec!["compute2".into()],
        keep: false,
        count: None,
        forced: reason.map(String::from),
        undrained: Some("a test".into()),
    }
}

/// Installs the node up to `firstboot`; returns the token.
async fn installs(node: &FakeNode) -> String {
    let token = node.boots().await.expect("armed");
    assert_eq!(node.redeems(&token).await.status, 200);
    assert_eq!(node.attests(&token).await.status, 204);
    assert_eq!(node.reports(&token, "installed", 3).await, 204);
    token
}

fn words(refusal: Refusal) -> String {
    match refusal {
        Refusal::Blast(refusals) => refusals.iter().map(|refusal| refusal.word()).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn stop_disarms_at_once_holds_over_a_restart_and_lets_no_storage_commands_leave() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.expect("armed");
    assert_eq!(node.appliance.stop(&somebody()).await.unwrap(), ["compute2"]);
    assert_eq!(node.redeems(&token).await.status, 410);
    assert_eq!(node.boots().await, None);
    let refused = node.appliance.reimage(&somebody(), one(Some("r"))).await.unwrap_err();
    assert_eq!(words(refused), "stopped");
    drop(node);
    let node = FakeNode::known(folder.path()).await;
    assert_eq!(node.appliance.store.stopped().unwrap().who, "socket uid 0 (pid 7)");
    assert!(node.appliance.install(&somebody(), "compute2").await.is_err());
    let anyhow = Event::Armed { id: crate::server::random::attempt_id(), scope: WipeScope::BlankDiskOnly };
    let anyhow = node.appliance.store.change(node.mac, Change::Event { event: anyhow, mark: None }).await;
    assert!(anyhow.is_err(), "whoever asks the store");
    assert_eq!(node.appliance.stop(&somebody()).await.unwrap(), Vec::<String>::new(), "again is no mistake");
    node.appliance.lift_stop(&somebody()).await.unwrap();
    assert_eq!(words(node.appliance.lift_stop(&somebody()).await.unwrap_err()), "installations are not stopped");
    assert_eq!(node.boots().await, None, "what was disarmed stays so");
    assert!(node.appliance.install(&somebody(), "compute2").await.unwrap().replaced.is_empty());
    assert!(node.boots().await.is_some());
}

#[tokio::test]
async fn a_stop_of_all_nodes_is_in_the_history_of_each_and_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    node.appliance.stop(&somebody()).await.unwrap();
    node.appliance.lift_stop(&somebody()).await.unwrap();
    let (site, store) = (node.appliance.site(), &node.appliance.store);
    let actions = async |subject: &str| {
        let filter = AuditFilter { subject: Some(subject.into()), ..AuditFilter::default() };
        let lines = records::audit_lines(&site, store, filter).await.unwrap();
        lines.into_iter().map(|line| line.action).filter(|action| action != "arm").collect::<Vec<_>>()
    };
    for name in ["compute2", &node.mac.to_string(), "compute1"] {
        assert_eq!(actions(name).await, ["stop", "lift-stop"], "{name}");
    }
    assert_eq!(actions(&site.name).await, ["stop", "lift-stop"]);
    assert!(actions("a-token").await.is_empty());
}

#[tokio::test]
async fn a_boot_that_was_answered_before_the_stop_is_not_answered_again() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    assert_eq!(node.redeems(&token).await.status, 200);
    node.appliance.stop(&somebody()).await.unwrap();
    assert_eq!(node.redeems(&token).await.status, 409, "its answer may have been lost, so its disk may be whole");
    assert_eq!(node.state(), "installing", "an installer that has its commands is not called back");
}

#[tokio::test]
async fn a_reimage_is_refused_with_every_reason_and_forced_with_one_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = installs(&node).await;
    node.reports(&token, "ready", 9).await;
    let asked = node.appliance.reimage(&somebody(), one(None)).await.unwrap_err();
    assert_eq!(words(asked.clone()), "replica", "the other computes are not ready");
    assert_eq!(asked.help().len(), 1, "the same advice once: {:?}", asked.help());
    assert_eq!(words(node.appliance.rehearse(&somebody(), &one(None)).await.unwrap_err()), "replica");
    for reason in ["", " ", "two\nlines", &"x".repeat(301)] {
        assert_eq!(node.appliance.reimage(&somebody(), one(Some(reason))).await.unwrap_err(), Refusal::Reason);
    }
    assert_eq!(node.state(), "ready");
    node.appliance.rehearse(&somebody(), &one(Some("r"))).await.unwrap();
    let armed = node.appliance.reimage(&somebody(), one(Some("a disk is dying"))).await.unwrap();
    assert_eq!((armed.nodes[0].state.as_str(), armed.replaced.len()), ("armed", 0));
    let again = node.appliance.reimage(&somebody(), one(Some("a disk is dying"))).await.unwrap();
    assert_eq!(again.replaced, ["compute2"]);
    let events = node.appliance.store.events(Some(node.mac), 50).await;
    assert!(
        events
            .iter()
            .any(|event| event.kind == "armed"
                && event.detail.ends_with("; forced: a disk is dying; not drained: a test"))
    );
    let audit = node.appliance.store.audit_lines(AuditFilter::default()).await.unwrap();
    let told: Vec<&str> =
        audit.iter().filter(|line| line.action == "reimage").map(|line| line.outcome.as_str()).collect();
    assert_eq!(told.len(), 8, "an order, a rehearsal and four reasons were refused, two were followed: {told:?}");
    let brick = "refused: compute2 holds a brick of the volume vm-instances, and compute1, which holds another copy";
    for told in &told[..2] {
        assert!(told.starts_with(brick) && told.ends_with("is new; 2 more are missing"), "{told}");
    }
    assert!(told[2..6].iter().all(|told| told.starts_with("refused: a reason is one line")), "{told:?}");
    assert_eq!(told[6..], ["done", "done"]);
}

#[tokio::test]
async fn a_node_whose_reimage_never_wrote_still_counts_and_is_heard_again() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = installs(&node).await;
    node.reports(&token, "ready", 9).await;
    node.appliance.reimage(&somebody(), one(Some("a drill"))).await.unwrap();
    assert_eq!(node.reports(&token, "ready", 10).await, 410, "people wait for its installer");
    for _ in 0..=crate::lifecycle::MAX_BOOTS {
        node.boots().await;
    }
    assert_eq!(node.state(), "failed");
    assert_eq!(words(node.appliance.reimage(&somebody(), one(None)).await.unwrap_err()), "replica");
    for secret in ["kickstart", "firstboot"] {
        assert_eq!(node.get(&format!("/{secret}/{token}")).await.status, 410, "{secret}");
    }
    assert_eq!((node.redeems(&token).await.status.as_u16(), node.state()), (410, "failed"));
    drop(node);
    let node = FakeNode::known(folder.path()).await;
    assert_eq!(node.reports(&token, "ready", 11).await, 204);
    assert_eq!(node.state(), "ready");
}

#[tokio::test]
async fn protecting_and_maintenance_disarm_and_keep_a_node_from_being_armed() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let (appliance, who) = (&node.appliance, somebody());
    let token = node.boots().await.unwrap();
    let status = appliance.protect(&who, "compute2", true).await.unwrap();
    assert_eq!((status.state.as_str(), status.flags.as_slice()), ("new", &["protected".to_string()][..]));
    assert_eq!(node.redeems(&token).await.status, 410);
    assert_eq!(words(appliance.install(&who, "compute2").await.unwrap_err()), "protected");
    assert!(matches!(appliance.protect(&who, "compute2", true).await, Err(Refusal::State { .. })), "it is already");
    appliance.protect(&who, "compute2", false).await.unwrap();
    appliance.install(&who, "compute2").await.unwrap();
    appliance.maintenance(&who, "compute2", true).await.unwrap();
    assert_eq!(node.boots().await, None);
    assert_eq!(words(appliance.reimage(&who, one(None)).await.unwrap_err()), "maintenance");
    appliance.maintenance(&who, "compute2", false).await.unwrap();
    assert_eq!(node.boots().await, None, "ending it arms nothing");
    assert!(matches!(appliance.disarm(&who, "compute9").await, Err(Refusal::UnknownNode(_))));
}

#[tokio::test]
async fn a_suspect_node_gets_nothing_until_an_operator_clears_it() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    node.redeems(&token).await;
    let why = "two machines used its token".to_string();
    let event = Change::Event { event: Event::Suspected { why }, mark: None };
    node.appliance.store.change(node.mac, event).await.unwrap();
    assert_eq!(node.redeems(&token).await.status, 409);
    assert_eq!(node.get(&format!("/firstboot/{token}")).await.status, 409, "no secrets for a suspect node");
    assert_eq!(node.get(&format!("/kickstart/{token}")).await.status, 409);
    assert_eq!(node.boots().await, None);
    assert_eq!(words(node.appliance.install(&somebody(), "compute2").await.unwrap_err()), "suspect");
    let status = node.appliance.clear_suspect(&somebody(), "compute2").await.unwrap();
    assert_eq!(status.state, "installing");
    let given_up = node.appliance.give_up(&somebody(), "compute2", "its board is dead").await.unwrap();
    assert!(given_up.detail.unwrap().ends_with("its board is dead"));
}

#[tokio::test]
async fn an_installed_node_is_not_armed_for_a_blank_disk_and_goes_on_being_heard() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = installs(&node).await;
    for (seq, event, state) in [(4, "step-failed", "failed"), (5, "firstboot-started", "firstboot")] {
        let refused = words(node.appliance.install(&somebody(), "compute2").await.unwrap_err());
        assert!(refused.contains("`rackstart reimage`"), "{refused}");
        assert_eq!(node.reports(&token, event, seq).await, 204);
        assert_eq!(node.state(), state);
    }
}

/// Cases that only fit between two packets: the site file is swapped while a request is on its way.
#[tokio::test]
async fn an_installer_and_an_arming_are_for_the_site_of_now() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    for removed in [true, false] {
        let (before, site) = (node.appliance.served(), node.appliance.site());
        node.edit(|site| match removed {
            true => site.nodes.retain(|node| node.name.as_str() != "compute2"),
            false => site.nodes.iter_mut().for_each(|node| node.kernel_args = "quiet".into()),
        });
        let asker = site.node_by_mac(node.mac).unwrap();
        let late = nodes::boot::answer(
            &node.appliance,
            &before,
            asker,
            Arrival::now(),
            ScriptFor::Ipxe,
            ClientArch::BIOS,
            Ok(()),
        )
        .await;
        assert!(late.unwrap_err().reason.contains("edited at this very moment"), "removed: {removed}");
        assert_eq!(node.record().state.attempt().unwrap().boots, 0, "it costs no boot");
        let order = Order::new(&somebody(), "install", "compute2");
        let arming = Arming { nodes: vec![node.mac], ..blank() };
        assert_eq!(node.appliance.arm(&site, order, arming).await.unwrap_err(), Refusal::SiteEdited);
        node.edit(|now| *now = (*site).clone());
    }
    assert!(node.boots().await.is_some());
}

fn blank() -> Arming {
    Arming { nodes: vec![], scope: WipeScope::BlankDiskOnly, count: None, forced: None, undrained: None }
}

#[tokio::test]
async fn a_node_with_a_card_of_this_machine_is_never_armed() {
    let folder = tempfile::tempdir().unwrap();
    // A machine without any network card cannot show this; the tests of `blast` do.
    let Some(card) = own_cards::read().unwrap().into_iter().next() else { return };
    let mut site = paper_site();
    let node = site.nodes.iter_mut().find(|node| node.name.as_str() == "compute2").unwrap();
    node.nics[0].mac = card.mac;
    let node = FakeNode::of(site, folder.path()).await;
    let refused = node.appliance.install(&somebody(), "compute2").await.unwrap_err();
    assert_eq!(words(refused), "own-mac");
}

#[tokio::test]
async fn what_can_change_nothing_is_refused_with_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let refused = node.appliance.maintenance(&somebody(), "compute2", false).await.unwrap_err();
    assert_eq!(words(refused), "compute2: the node is not in maintenance");
    let refused = node.appliance.reimage(&somebody(), Reimage { keep: true, ..one(Some("r")) }).await.unwrap_err();
    assert!(words(refused.clone()).contains("give the node `keep = [\"vg_data\"]`"), "{refused:?}");
}
