//! Requests that are not served: each gets one clear answer, and the server goes on.

use std::time::Duration;

use rackstart::server::tftp::{Outcome, TftpServer};

use super::client::{Answer, Client};
use super::server::{STRANGER, TestServer, content};

async fn error_for(server: &TestServer, packet: &[u8]) -> (u16, String) {
    let mut client = Client::new(server.address).await;
    client.ask_raw(packet).await;
    match client.receive().await {
        Answer::Error { code, text } => (code, text),
        answer => panic!("{answer:?} for {packet:?}"),
    }
}

#[tokio::test]
async fn hostile_names_are_not_found_and_the_text_says_so_without_a_path() {
    let mut server = TestServer::with(content(100)).await;
    for name in ["../../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "C:\\boot.ini", "nbp/../nbp", "NBP", "nbp "]
    {
        let (code, text) = error_for(&server, format!("\0\x01{name}\0octet\0").as_bytes()).await;
        assert_eq!((code, text), (1, format!("no boot file `{name}` here")));
        let seen = server.seen().await;
        assert!(matches!(seen.outcome, Outcome::NotServed(_)) && seen.name == name, "{seen:?}");
    }
    assert_eq!(error_for(&server, b"\0\x01nbp\0/etc/passwd\0octet\0").await.0, 4, "a NUL ends the name");
    assert_eq!(error_for(&server, b"\0\x01\0octet\0").await, (1, "the request names no file".into()));
}

#[tokio::test]
async fn write_requests_are_refused() {
    let mut server = TestServer::with(content(100)).await;
    let refused = (2, "this server is read-only".to_string());
    assert_eq!(error_for(&server, b"\0\x02nbp\0octet\0").await, refused);
    assert_eq!(error_for(&server, b"\0\x02../x\0octet\0blksize\x001468\0").await, refused);
    assert_eq!(server.seen().await.outcome, Outcome::Refused(refused.1));
}

#[tokio::test]
async fn broken_requests_are_refused_and_other_packets_ignored() {
    let server = TestServer::with(content(100)).await;
    assert_eq!(error_for(&server, b"\0\x01nbp").await.0, 4);
    assert_eq!(error_for(&server, b"\0\x01nbp\0mail\0").await.0, 4);
    assert_eq!(error_for(&server, &[b"\0\x01", &[b'n'; 600][..], b"\0octet\0"].concat()).await.0, 4);
    let mut client = Client::new(server.address).await;
    for packet in [&b""[..], b"\0", b"\0\x03\0\x01x", b"\0\x04\0\0", b"\0\x05\0\0x\0", b"\xff\xff\xff\xff"] {
        client.ask_raw(packet).await;
    }
    assert!(client.fetch("nbp", "").await.unwrap() == content(100), "the first packet back is the answer to this");
}

#[tokio::test]
async fn one_bad_option_value_does_not_cost_the_transfer() {
    let server = TestServer::with(content(100)).await;
    let mut client = Client::new(server.address).await;
    client.ask("nbp", "blksize many TSIZE 0 windowsize -1 timeout 0 colour blue").await;
    assert_eq!(client.receive().await, Answer::Oack("tsize 100".into()));
}

#[tokio::test(start_paused = true)]
async fn stranger_gets_one_error_per_second_and_the_files_all_the_same() {
    let server = TestServer::with(content(100)).await;
    let mut stranger = Client::at(STRANGER, server.address).await;
    assert_eq!(stranger.fetch("one", "").await.unwrap_err().0, 1);
    stranger.ask("two", "").await;
    assert_eq!(stranger.receive_within(Duration::from_millis(900)).await, None);
    stranger.ask_raw(b"\0\x02nbp\0octet\0").await;
    assert!(stranger.fetch("nbp", "").await.unwrap() == content(100));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stranger.fetch("three", "").await.unwrap_err().0, 1);
}

#[tokio::test]
async fn machine_outside_the_subnet_gets_no_answer() {
    let server = TftpServer::bind(None, [127, 0, 0, 1].into(), 0).unwrap();
    let server = server.answer_only(["127.0.0.0/24".parse().unwrap()]);
    let server = TestServer::run(server, [("nbp".to_string(), content(100).into())].into());
    let mut outside = Client::at([127, 0, 1, 9].into(), server.address).await;
    outside.ask("nbp", "").await;
    let mut inside = Client::new(server.address).await;
    assert!(inside.fetch("nbp", "").await.is_ok());
    assert_eq!(outside.receive_within(Duration::from_millis(50)).await, None);
}

#[tokio::test]
async fn failure_inside_the_content_ends_that_request_and_no_other() {
    let server = TestServer::with(content(100)).await;
    Client::new(server.address).await.ask("panic", "").await;
    assert!(Client::new(server.address).await.fetch("nbp", "").await.is_ok());
}

#[tokio::test]
async fn address_that_cannot_be_bound_is_named() {
    let server = TestServer::with(content(100)).await;
    let taken = TftpServer::bind(None, *server.address.ip(), server.address.port()).unwrap_err().to_string();
    assert!(taken.starts_with(&format!("cannot listen on {} (TFTP): ", server.address)), "{taken}");
    let no_interface = TftpServer::bind(Some("nowhere0"), [127, 0, 0, 1].into(), 0).unwrap_err().to_string();
    assert!(no_interface.contains("`nowhere0`"), "{no_interface}");
    let wildcard = TftpServer::bind(None, [0, 0, 0, 0].into(), 0).unwrap_err().to_string();
    assert!(wildcard.contains("TFTP needs the one address that nodes will use"), "{wildcard}");
}
