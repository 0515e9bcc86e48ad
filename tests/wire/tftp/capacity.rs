//! Many clients at once, and too many.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use rackstart::server::tftp::{Outcome, Stop};
use tokio::task::JoinSet;

use super::client::{Answer, Client};
use super::server::{GUEST, TestServer, content};

/// The n-th machine, with an address of its own.
fn machine(n: u16) -> Ipv4Addr {
    let [high, low] = n.to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

#[tokio::test]
async fn two_hundred_machines_download_at_once() {
    let mut server = TestServer::with(content(74_000)).await;
    let address = server.address;
    let mut clients = JoinSet::new();
    for n in 0..200 {
        clients.spawn(async move {
            let mut client = Client::at(machine(n), address).await;
            client.fetch("nbp", "blksize 1468 windowsize 4").await.unwrap() == content(74_000)
        });
    }
    assert!(clients.join_all().await.into_iter().all(|is_whole| is_whole));
    for _ in 0..200 {
        let seen = server.seen().await;
        assert!(seen.outcome.is_success(), "{seen:?}");
    }
}

/// The n-th machine with a lent address.
fn guest(n: u16) -> Ipv4Addr {
    let [high, low] = n.to_be_bytes();
    Ipv4Addr::new(127, GUEST.octets()[1], high, low)
}

/// Transfers that are under way, and wait for more from their clients.
async fn holding(count: u16, address: SocketAddrV4, machine: fn(u16) -> Ipv4Addr) -> Vec<Client> {
    let mut holding = Vec::new();
    for n in 0..count {
        let mut client = Client::at(machine(n), address).await;
        client.ask("nbp", "timeout 100").await;
        assert!(matches!(client.receive().await, Answer::Oack(_)));
        client.acknowledge(0).await;
        assert!(matches!(client.receive().await, Answer::Data { block: 1, .. }));
        holding.push(client);
    }
    holding
}

#[tokio::test(start_paused = true)]
async fn a_stranger_beyond_the_share_hears_nothing_a_node_is_served_and_dead_transfers_give_way() {
    let mut server = TestServer::with(content(74_000)).await;
    let mut held = holding(64, server.address, guest).await;
    let mut late = Client::at(guest(999), server.address).await;
    late.ask("nbp", "").await;
    assert_eq!(late.receive_within(Duration::from_millis(1)).await, None, "it asks again when it hears nothing");
    let seen = server.seen().await;
    assert!(matches!(&seen.outcome, Outcome::Refused(text) if text.contains("all 64 places")), "{seen:?}");
    let mut node = Client::at(machine(1), server.address).await;
    assert!(node.fetch("nbp", "").await.unwrap() == content(74_000), "nodes have places of their own");

    tokio::time::advance(Duration::from_secs(4)).await;
    assert!(late.fetch("nbp", "").await.unwrap() == content(74_000));
    let text = "too many transfers, this one was the most silent".to_string();
    let told = async |client: &mut Client| client.receive_within(Duration::from_millis(1)).await;
    let mut gave_way = 0;
    for client in &mut held {
        gave_way += usize::from(told(client).await == Some(Answer::Error { code: 0, text: text.clone() }));
    }
    assert_eq!(gave_way, 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_beyond_the_places_of_nodes_hears_nothing_and_is_served_when_it_asks_again() {
    let mut server = TestServer::with(content(74_000)).await;
    let _held = holding(256, server.address, machine).await;
    let mut late = Client::at(machine(999), server.address).await;
    late.ask("nbp", "").await;
    assert_eq!(
        late.receive_within(Duration::from_millis(1)).await,
        None,
        "an error would send it to another boot device"
    );
    let seen = server.seen().await;
    assert!(matches!(&seen.outcome, Outcome::Refused(text) if text.contains("all 256 places")), "{seen:?}");
    tokio::time::advance(Duration::from_secs(4)).await;
    assert!(late.fetch("nbp", "").await.unwrap() == content(74_000));
}

#[tokio::test]
async fn a_flood_of_requests_that_nobody_answers_keeps_no_node_and_no_stranger_out() {
    rackstart::server::capacity::raise_descriptors();
    let mut server = TestServer::with(content(74_000)).await;
    let address = server.address;
    let mut kept = VecDeque::new();
    // Both kinds of addresses, four ports of each, and never an acknowledgement; many more than there are places.
    for n in 0..1500 {
        for from in [machine(1000 + n / 4), guest(1000 + n / 4)] {
            let mut forged = Client::at(from, address).await;
            forged.ask("nbp", "").await;
            // While its socket is kept, the kernel does not tell the server that the port is closed.
            kept.push_back(forged);
        }
        kept.drain(..kept.len().saturating_sub(800));
        if n % 100 == 99 {
            for from in [machine(n), guest(n)] {
                let mut client = Client::at(from, address).await;
                assert!(client.fetch("nbp", "").await.unwrap() == content(74_000), "{from} after {n}");
            }
        }
    }
    let seen = server.all_seen();
    assert!(seen.iter().any(|seen| seen.outcome == Outcome::Stopped(Stop::Unheard)));
}

#[tokio::test]
async fn transfer_of_a_node_outlives_requests_forged_in_its_name_until_its_first_acknowledgement() {
    let server = TestServer::with(content(74_000)).await;
    let mut node = Client::at(machine(1), server.address).await;
    node.ask("nbp", "timeout 100").await;
    assert!(matches!(node.receive().await, Answer::Oack(_)));
    let mut kept = Vec::new();
    for _ in 0..60 {
        let mut forged = Client::at(machine(1), server.address).await;
        forged.ask("nbp", "").await;
        assert!(matches!(forged.receive().await, Answer::Data { block: 1, .. }));
        kept.push(forged);
    }
    node.acknowledge(0).await;
    assert!(matches!(node.receive().await, Answer::Data { block: 1, .. }));
}

#[tokio::test]
async fn fifth_transfer_of_a_machine_ends_its_most_silent_one() {
    let mut server = TestServer::with(content(74_000)).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = Client::new(server.address).await;
        client.ask("nbp", "timeout 100").await;
        assert!(matches!(client.receive().await, Answer::Oack(_)));
        client.acknowledge(0).await;
        assert!(matches!(client.receive().await, Answer::Data { block: 1, .. }));
        tokio::time::sleep(Duration::from_millis(3)).await;
        clients.push(client);
    }
    assert!(matches!(clients[0].receive().await, Answer::Error { code: 0, .. }));
    assert_eq!(server.seen().await.outcome, Outcome::Stopped(Stop::Crowded));
    clients[4].acknowledge(1).await;
    assert!(matches!(clients[4].receive().await, Answer::Data { block: 2, .. }));
}

#[tokio::test]
async fn requests_in_the_name_of_a_machine_do_not_end_the_transfer_that_it_acknowledges() {
    let server = TestServer::with(content(74_000)).await;
    let mut node = Client::at(machine(1), server.address).await;
    node.ask("nbp", "timeout 100").await;
    assert!(matches!(node.receive().await, Answer::Oack(_)));
    node.acknowledge(0).await;
    assert!(matches!(node.receive().await, Answer::Data { block: 1, .. }));
    let mut forged = Vec::new();
    for _ in 0..20 {
        let mut other = Client::at(machine(1), server.address).await;
        other.ask("nbp", "timeout 100").await;
        assert!(matches!(other.receive().await, Answer::Oack(_)));
        forged.push(other);
    }
    node.acknowledge(1).await;
    assert!(matches!(node.receive().await, Answer::Data { block: 2, .. }));
}

#[tokio::test]
async fn greedy_windows_take_no_memory() {
    let server = TestServer::with(content(20_000_000)).await;
    let before = resident_mib();
    let mut clients = Vec::new();
    for n in 0..50 {
        let mut client = Client::at(machine(n), server.address).await;
        client.ask("nbp", "blksize 65464 windowsize 65535").await;
        assert!(matches!(client.receive().await, Answer::Oack(_)));
        client.acknowledge(0).await;
        assert!(matches!(client.receive().await, Answer::Data { block: 1, .. }));
        clients.push(client);
    }
    let grown = resident_mib() - before;
    // Other tests share the process, so the bound only separates nothing from 200 MiB.
    assert!(grown < 100, "50 windows of 4 MiB took {grown} MiB");
}

/// Resident memory of this process, MiB.
fn resident_mib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<i64>().ok()).expect("a number") / 1024
}
