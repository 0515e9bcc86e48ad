//! Transfers that go well, go badly, and recover.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use rackstart::server::tftp::{Outcome, TftpServer};
use rackstart::wire::tftp::Ending;

use super::client::{Answer, Client};
use super::server::{TestServer, content};

#[tokio::test]
async fn client_without_options_gets_every_byte_of_any_size() {
    let sizes = [0, 1, 511, 512, 513, 1024, 74_000];
    let files = sizes.map(|size| (size.to_string(), content(size).into()));
    let mut server = TestServer::serving(HashMap::from(files)).await;
    for size in sizes {
        let mut client = Client::new(server.address).await;
        assert_eq!(client.fetch(&size.to_string(), "").await.unwrap(), content(size), "{size} bytes");
        let seen = server.seen().await;
        assert_eq!((seen.name, seen.bytes), (size.to_string(), size as u64));
        assert_eq!(seen.outcome, Outcome::Ended(Ending::Finished));
        assert_eq!(seen.client, Ipv4Addr::LOCALHOST);
    }
}

#[tokio::test]
async fn client_with_options_gets_what_was_agreed() {
    let server = TestServer::with(content(74_000)).await;
    let mut client = Client::new(server.address).await;
    client.ask("nbp", "tsize 0 blksize 1468 windowsize 4 timeout 3").await;
    assert_eq!(client.receive().await, Answer::Oack("blksize 1468 tsize 74000 timeout 3 windowsize 4".into()));
    client.acknowledge(0).await;
    for expected in 1..=4 {
        let Answer::Data { block, bytes } = client.receive().await else { panic!("no DATA") };
        assert_eq!((block, bytes.len()), (expected, 1468));
    }
    client.acknowledge(4).await;
    assert!(matches!(client.receive().await, Answer::Data { block: 5, .. }));
}

#[tokio::test]
async fn block_numbers_roll_over_in_a_large_file() {
    let server = TestServer::with(content(65_600 * 64 + 5)).await;
    let received = Client::new(server.address).await.fetch("nbp", "blksize 64 windowsize 64").await.unwrap();
    assert!(received == content(65_600 * 64 + 5), "{} bytes", received.len());
}

#[tokio::test]
async fn every_hundredth_packet_lost_is_repaired_with_and_without_a_window() {
    let mut server = TestServer::with(content(300_000)).await;
    for options in ["blksize 1468 windowsize 16", "blksize 1468 windowsize 64", "blksize 1468", ""] {
        let mut client = Client::new(server.address).await;
        client.loses_every = Some(100);
        assert!(client.fetch("nbp", options).await.unwrap() == content(300_000), "{options}");
        let seen = server.seen().await;
        assert_eq!(seen.outcome, Outcome::Ended(Ending::Finished), "{options}");
        assert!((1..=60 * 64).contains(&seen.retransmissions), "{options}: {}", seen.retransmissions);
    }
}

#[tokio::test]
async fn greedy_block_and_window_sizes_are_clamped_and_still_served() {
    let server = TestServer::with(content(1_500_000)).await;
    let mut client = Client::new(server.address).await;
    client.ask("nbp", "blksize 65464 windowsize 65535").await;
    assert_eq!(client.receive().await, Answer::Oack("blksize 65464 windowsize 64".into()), "loopback has MTU 65536");
    let mut client = Client::new(server.address).await;
    assert!(client.fetch("nbp", "blksize 65464 windowsize 65535").await.unwrap() == content(1_500_000));
}

#[tokio::test]
async fn client_whose_port_is_closed_is_noticed_at_once() {
    let mut server = TestServer::with(content(74_000)).await;
    let mut client = Client::new(server.address).await;
    client.ask("nbp", "blksize 1468").await;
    client.receive().await;
    client.acknowledge(0).await;
    client.receive().await;
    client.acknowledge(1).await;
    drop(client);
    let seen = server.seen().await;
    assert_eq!((seen.outcome, seen.bytes), (Outcome::Ended(Ending::Vanished), 1468));
}

#[tokio::test(start_paused = true)]
async fn client_that_stops_answering_gets_five_more_packets_and_is_given_up() {
    let mut server = TestServer::with(content(74_000)).await;
    let mut client = Client::new(server.address).await;
    client.ask("nbp", "").await;
    let seen = server.seen().await;
    assert_eq!((seen.outcome, seen.retransmissions), (Outcome::Ended(Ending::Vanished), 5));
    for _ in 0..6 {
        assert!(matches!(client.receive().await, Answer::Data { block: 1, .. }));
    }
    assert_eq!(client.receive_within(Duration::from_secs(60)).await, None);
}

#[tokio::test]
async fn answers_leave_from_the_address_and_interface_that_were_asked() {
    let address = Ipv4Addr::new(127, 0, 0, 77);
    let server = TftpServer::bind(Some("lo"), address, 0).expect("loopback is an interface");
    let server = TestServer::run(server, HashMap::from([("nbp".into(), content(3000).into())]));
    let mut client = Client::new(server.address).await;
    assert_eq!(client.fetch("nbp", "").await.unwrap(), content(3000));
    assert_eq!(client.peer_address(), address);
}

#[tokio::test]
async fn shutdown_lets_a_transfer_finish() {
    let mut server = TestServer::with(content(74_000)).await;
    let mut client = Client::new(server.address).await;
    client.ask("nbp", "blksize 1468").await;
    assert!(matches!(client.receive().await, Answer::Oack(_)));
    server.shutdown.cancel();
    tokio::task::yield_now().await;
    client.acknowledge(0).await;
    // The OACK is read already, so the block size is the test's to know.
    let mut received = Vec::<u8>::new();
    for block in 1.. {
        let Answer::Data { bytes, .. } = client.receive().await else { panic!("no DATA") };
        client.acknowledge(block).await;
        received.extend(&bytes);
        if bytes.len() < 1468 {
            break;
        }
    }
    assert!(received == content(74_000));
    assert_eq!(server.seen().await.outcome, Outcome::Ended(Ending::Finished));
    server.task.await.expect("the server ends");
}

#[tokio::test(start_paused = true)]
async fn shutdown_tells_the_rest_that_the_server_stops() {
    let server = TestServer::with(content(74_000)).await;
    let mut client = Client::new(server.address).await;
    client.ask("nbp", "timeout 60").await;
    assert!(matches!(client.receive().await, Answer::Oack(_)));
    server.shutdown.cancel();
    server.task.await.expect("the server ends, although the client does not answer");
    assert_eq!(client.receive().await, Answer::Error { code: 0, text: "server is stopping".into() });
}
