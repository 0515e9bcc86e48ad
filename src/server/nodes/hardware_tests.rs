//! Which machine boots as a node: it is recorded on first sight, and another one gets no installer until a person
//! accepts it. Also the ways in which a token ends without a thief.

use std::sync::Arc;

use axum::http::StatusCode;

use super::tests::FakeNode;
use crate::audit::Actor;
use crate::lifecycle::{Event, WipeScope};
use crate::server::net::neighbours::testing::{THIEF_PORT, UNKNOWN_PORT, Wire};
use crate::site::SmbiosUuid;
use crate::site::testing::{behind_a_router, paper_site};
use crate::store::Change;

const UUID: &str = "4c4c4544-0051-3510-8050-b4c04f4a3532";
const SWAPPED: &str = "44454C4C-5100-1035-8050-B4C04F4A3532";
const OTHER: &str = "4c4c4544-0051-3510-8050-b4c04f4a3533";

/// Boots iPXE on a machine with this UUID and serial number; returns whether it was given the installer.
async fn boots_as(node: &FakeNode, uuid: &str, serial: &str) -> bool {
    let script = node.get(&format!("/boot/52-54-00-a8-02-01?uuid={uuid}&serial={serial}")).await;
    assert_eq!(script.status, StatusCode::OK, "{}", script.text);
    script.text.contains("/kickstart/")
}

/// Arms the node again, with what is known of its machine.
async fn armed_again(node: &FakeNode) {
    let known = node.record().hardware;
    if node.state() == "suspect" {
        node.appliance.store.change(node.mac, Change::Event { event: Event::Cleared, mark: None }).await.unwrap();
    }
    node.arm(7, WipeScope::BlankDiskOnly).await;
    assert_eq!(node.record().hardware, known, "arming forgets no machine");
}

#[tokio::test]
async fn the_first_machine_is_pinned_and_another_one_gets_no_installer_until_it_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    assert!(boots_as(&node, UUID, "SN-2").await);
    assert!(boots_as(&node, SWAPPED, "SN-2").await, "the same machine, told in the other byte order");
    armed_again(&node).await;
    assert!(boots_as(&node, "03000200-0400-0500-0006-000700080009", "Default%20string").await, "it shows nothing");
    assert_eq!(node.record().hardware.pinned.to_string(), format!("UUID {UUID}, serial number SN-2"));
    for (uuid, serial) in [(OTHER, "SN-2"), (UUID, "SN-3"), (OTHER, "")] {
        armed_again(&node).await;
        assert!(!boots_as(&node, uuid, serial).await, "{uuid} {serial}");
        assert_eq!(node.state(), "suspect", "{uuid} {serial}");
    }
    let screen = node.get("/boot/52-54-00-a8-02-01").await;
    assert!(screen.text.contains("another machine boots as compute2"), "its own screen says why: {}", screen.text);
    // Trusting the node again is not enough: the machine is still another one.
    armed_again(&node).await;
    assert!(!boots_as(&node, OTHER, "SN-9").await);
    let who = Actor { how: "a test".into(), from: "here".into() };
    let after = node.appliance.accept_hardware(&who, "compute2").await.unwrap();
    assert_eq!((after.state.as_str(), after.other_machine), ("new", None));
    assert_eq!(after.machine, Some(format!("UUID {OTHER}, serial number SN-9")));
    node.appliance.accept_hardware(&who, "compute2").await.expect_err("there is nothing to accept any more");
    armed_again(&node).await;
    assert!(boots_as(&node, OTHER, "SN-9").await);
}

#[tokio::test]
async fn what_only_dhcp_told_pins_nothing_and_makes_nobody_suspect_and_the_headers_of_the_installer_do() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let uuid = |text: &str| text.parse::<SmbiosUuid>().unwrap();
    node.appliance.machines.tell(node.mac, uuid(UUID), 1);
    let token = node.boots().await.unwrap();
    assert_eq!(node.record().hardware.pinned.uuid, None, "one packet of anybody must not pin a machine");
    let kickstart = |serial: &str| {
        let request = axum::http::Request::get(format!("/kickstart/{token}")).header("X-System-Serial-Number", serial);
        request.body(axum::body::Body::empty()).unwrap()
    };
    assert_eq!(node.ask(kickstart("SN-2")).await.status, StatusCode::OK);
    assert_eq!(node.record().hardware.pinned.serial.as_deref(), Some("SN-2"));
    assert_eq!(node.ask(kickstart("SN-3")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(node.state(), "suspect");
    armed_again(&node).await;
    assert!(boots_as(&node, UUID, "SN-2").await);
    node.appliance.machines.tell(node.mac, uuid(OTHER), 1);
    assert!(node.boots().await.is_some(), "a forged packet told another UUID");
    assert_eq!(node.state(), "armed");
    assert!(!boots_as(&node, OTHER, "SN-2").await, "the boot itself tells it");
    assert_eq!(node.state(), "suspect");
}

#[tokio::test]
async fn a_token_ends_with_its_time_with_disarming_with_a_new_arming_and_with_the_installation() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let path = |route: &str, token: &str| format!("/{route}/{token}");
    let token = node.boots().await.unwrap();
    let mut old = node.record();
    old.custody.minted -= 7201;
    node.becomes(&old).await;
    let answer = node.get(&path("kickstart", &token)).await;
    assert_eq!(
        (answer.status, answer.text.contains("good for 120 minutes")),
        (StatusCode::GONE, true),
        "{}",
        answer.text
    );
    assert_eq!(node.redeems(&token).await.status, StatusCode::GONE);
    assert_eq!(node.reports(&token, "pre-started", 1).await, StatusCode::NO_CONTENT, "it may still say how it is");
    assert_eq!(node.state(), "armed", "to be slow is no theft");
    let token = node.boots().await.unwrap();
    node.arm(5, WipeScope::BlankDiskOnly).await;
    assert_eq!(node.get(&path("kickstart", &token)).await.status, StatusCode::GONE, "armed anew");
    let token = node.boots().await.unwrap();
    node.appliance.store.change(node.mac, Change::Event { event: Event::Disarmed, mark: None }).await.unwrap();
    assert_eq!(node.get(&path("kickstart", &token)).await.status, StatusCode::GONE, "disarmed");
    assert_eq!(node.redeems(&token).await.status, StatusCode::GONE);
    node.arm(6, WipeScope::BlankDiskOnly).await;
    let token = node.boots().await.unwrap();
    assert_eq!(node.redeems(&token).await.status, StatusCode::OK);
    assert_eq!(
        node.get(&path("firstboot", &token)).await.status,
        StatusCode::CONFLICT,
        "before its disks were looked at"
    );
    node.attests(&token).await;
    assert_eq!(node.get(&path("firstboot", &token)).await.status, StatusCode::OK);
    node.reports(&token, "installed", 9).await;
    for route in ["kickstart", "firstboot"] {
        assert_eq!(node.get(&path(route, &token)).await.status, StatusCode::CONFLICT, "installed: {route}");
    }
    assert_eq!(node.redeems(&token).await.status, StatusCode::GONE);
    assert_eq!(node.reports(&token, "ready", 10).await, StatusCode::NO_CONTENT);
    assert_eq!(node.state(), "ready");
}

#[tokio::test]
async fn a_card_that_the_kernel_does_not_know_yet_is_asked_to_come_again_and_rings_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    node.port = UNKNOWN_PORT;
    tokio::time::pause();
    for path in [format!("/kickstart/{token}"), "/boot/52-54-00-a8-02-01".to_string()] {
        assert_eq!(node.get(&path).await.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    assert_eq!(node.state(), "armed");
    node.port = 40_000;
    assert_eq!(node.get(&format!("/kickstart/{token}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn behind_a_router_an_address_that_no_card_of_our_link_has_is_the_nodes_and_a_card_here_is_a_thief() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = FakeNode::of(behind_a_router(paper_site(), "compute2"), folder.path()).await;
    node.address = "10.0.2.4";
    node.arm(1, WipeScope::BlankDiskOnly).await;
    node.port = UNKNOWN_PORT;
    let token = node.boots().await.unwrap();
    assert_eq!(node.get(&format!("/kickstart/{token}")).await.status, StatusCode::OK);
    let other = FakeNode { address: "10.0.2.5", ..node.clone() };
    assert_eq!(other.get("/boot/52-54-00-a8-02-01").await.status, StatusCode::FORBIDDEN, "not its address");
    assert_eq!(node.state(), "armed");
    node.port = THIEF_PORT;
    assert_eq!(node.get(&format!("/kickstart/{token}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(node.state(), "suspect");
}

#[tokio::test]
async fn a_node_that_answers_on_another_of_its_cards_is_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = FakeNode::racked(folder.path()).await;
    let own = node.appliance.site().node_by_mac(node.mac).unwrap().nics.iter().map(|nic| nic.mac).collect::<Vec<_>>();
    let token = node.boots().await.unwrap();
    assert!(own.len() > 1 && own.contains(&node.mac), "{own:?}");
    for mac in own {
        node.appliance.neighbours = Arc::new(Wire([(node.address.parse().unwrap(), mac)].into()));
        assert_eq!(node.get(&format!("/kickstart/{token}")).await.status, StatusCode::OK, "{mac}");
    }
    assert_eq!(node.state(), "armed");
}
