//! What real firmware does beyond the RFCs, as it was seen on the wire.

use std::collections::HashMap;
use std::time::Duration;

use rackstart::server::tftp::{Outcome, Stop};
use rackstart::wire::tftp::Ending;

use super::client::{Answer, Client};
use super::server::{TestServer, content};

#[tokio::test]
async fn ovmf_asks_for_the_size_aborts_with_error_8_and_then_downloads() {
    let mut server = TestServer::with(content(74_000)).await;
    let mut probe = Client::new(server.address).await;
    probe.ask("nbp", "tsize 0 blksize 1468 windowsize 4").await;
    assert_eq!(probe.receive().await, Answer::Oack("blksize 1468 tsize 74000 windowsize 4".into()));
    probe.abort(8, "User aborted the transfer").await;

    let mut download = Client::new(server.address).await;
    assert!(download.fetch("nbp", "blksize 1468 windowsize 4").await.unwrap() == content(74_000));
    assert_eq!(server.seen().await.outcome, Outcome::Ended(Ending::SizeProbe));
    let seen = server.seen().await;
    assert_eq!((seen.outcome, seen.retransmissions), (Outcome::Ended(Ending::Finished), 0));
}

#[tokio::test]
async fn pxelinux_makes_all_its_requests_from_one_port() {
    let files = ["a", "b"].map(|name| (name.to_string(), content(5000).into()));
    let mut server = TestServer::serving(HashMap::from(files)).await;
    let mut client = Client::new(server.address).await;
    assert!(client.fetch("a", "tsize 0 blksize 1408").await.unwrap() == content(5000));
    assert_eq!(client.fetch("pxelinux.cfg/01-52", "tsize 0").await.unwrap_err().0, 1);
    assert!(client.fetch("b", "tsize 0 blksize 1408").await.unwrap() == content(5000));

    client.ask("a", "tsize 0 blksize 1408").await;
    assert!(matches!(client.receive().await, Answer::Oack(_)));
    client.abort(0, "No error, file close").await;
    assert!(client.fetch("a", "tsize 0 blksize 1408").await.unwrap() == content(5000), "the very same request again");

    let outcomes: Vec<_> = server.all_seen().into_iter().map(|seen| seen.outcome).collect();
    assert_eq!(outcomes[3], Outcome::Ended(Ending::SizeProbe));
    assert!(outcomes.iter().filter(|outcome| outcome.is_success()).count() >= 3, "{outcomes:?}");
}

#[tokio::test]
async fn request_right_after_an_abort_is_no_repetition_even_when_the_server_is_busy() {
    let server = TestServer::with(content(5000)).await;
    let mut client = Client::new(server.address).await;
    let mut noise = Client::new(server.address).await;
    client.ask("nbp", "tsize 0").await;
    assert!(matches!(client.receive().await, Answer::Oack(_)));
    // With packets waiting at the listening port, the server would read the new request before the abort.
    for _ in 0..20 {
        noise.ask_raw(b"\0\x04\0\0").await;
    }
    client.abort(0, "No error, file close").await;
    assert!(client.fetch("nbp", "tsize 0").await.unwrap() == content(5000));
}

#[tokio::test]
async fn new_request_from_the_same_port_replaces_the_transfer_there() {
    let files = ["a", "b"].map(|name| (name.to_string(), content(5000).into()));
    let mut server = TestServer::serving(HashMap::from(files)).await;
    let mut client = Client::new(server.address).await;
    client.ask("a", "blksize 1468").await;
    client.receive().await;
    client.acknowledge(0).await;
    client.receive().await;
    assert!(client.fetch("b", "").await.unwrap() == content(5000), "no packet of the first transfer gets between");
    assert_eq!(server.seen().await.outcome, Outcome::Stopped(Stop::Replaced));
}

#[tokio::test]
async fn repeated_request_is_answered_from_the_same_port_again() {
    let mut server = TestServer::with(content(5000)).await;
    let mut client = Client::new(server.address).await;
    client.ask("nbp", "blksize 1468").await;
    client.receive().await;
    let port = client.peer_port();
    client.ask("nbp", "blksize 1468").await;
    assert!(matches!(client.receive().await, Answer::Oack(_)));
    assert_eq!(client.peer_port(), port);
    assert!(client.fetch("nbp", "blksize 1468").await.unwrap() == content(5000));
    assert_eq!(server.seen().await.outcome, Outcome::Ended(Ending::Finished));
}

#[tokio::test]
async fn packet_from_a_third_party_does_not_disturb_the_transfer() {
    let server = TestServer::with(content(5000)).await;
    let mut client = Client::new(server.address).await;
    client.ask("nbp", "").await;
    client.receive().await;
    let other = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    other.send_to(b"\0\x05\0\0go away\0", ("127.0.0.1", client.peer_port())).await.unwrap();
    client.acknowledge(1).await;
    assert!(matches!(client.receive().await, Answer::Data { block: 2, .. }));
}

#[tokio::test]
async fn repetition_that_the_network_held_up_does_not_end_a_transfer_that_is_under_way() {
    let server = TestServer::with(content(74_000)).await;
    let mut client = Client::new(server.address).await;
    client.ask("nbp", "timeout 100").await;
    assert!(matches!(client.receive().await, Answer::Oack(_)));
    let port = client.peer_port();
    // As on a busy network: only now the server hears the client, and its second request arrives after its first
    // acknowledgements.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    client.acknowledge(0).await;
    assert!(matches!(client.receive().await, Answer::Data { block: 1, .. }));
    client.ask_again().await;
    client.acknowledge(1).await;
    assert!(matches!(client.receive().await, Answer::Data { block: 2, .. }));
    assert_eq!(client.peer_port(), port);
}
