use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

use super::*;
use crate::wire::dns::{Asked, Found};

const ASKER: Asker = Asker { address: Ipv4Addr::new(192, 168, 0, 2), is_node: true };
const STRANGER: Asker = Asker { address: Ipv4Addr::new(192, 168, 0, 77), is_node: false };
const SHARE: Share = Share { all: 8, each: 4 };
const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 254);

fn query() -> Query {
    query_of("www.example.org.")
}

fn query_of(name: &str) -> Query {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(hickory_proto::op::Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    match Query::read(&message.to_vec().unwrap(), Carrier::Udp) {
        Asked::Question(query) => *query,
        other => panic!("{other:?}"),
    }
}

/// A name server at 127.0.0.`last`; `answers` decides what is sent back for each question. Questions about the root are
/// our own probes and do not count.
async fn server(
    last: u8,
    port: u16,
    answers: impl Fn(usize, &Query) -> Vec<Vec<u8>> + Send + 'static,
) -> (u16, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, last), port)).await.unwrap();
    let (port, asked) = (socket.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 2000];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let Asked::Question(query) = Query::read(&buffer[..length], Carrier::Udp) else { panic!("no question") };
            let number = count.fetch_add(usize::from(!query.name().is_root()), Ordering::SeqCst);
            for reply in answers(number, &query) {
                socket.send_to(&reply, from).await.unwrap();
            }
        }
    });
    (port, asked)
}

fn right(query: &Query) -> Vec<u8> {
    query.answer(Found::Addresses(vec![Ipv4Addr::new(10, 1, 1, 1)])).unwrap()
}

fn forwarder(servers: &[u8], port: u16) -> Forwarder {
    let servers = servers.iter().map(|last| IpAddr::from([127, 0, 0, *last])).collect();
    Forwarder::to(Upstreams::new(OWN, Some(servers)), port)
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again_and_a_forged_reply_is_not_believed() {
    let forge = |query: &Query| {
        let mut forged = right(query);
        forged[0] ^= 1;
        forged
    };
    let answers = move |count, query: &Query| match count {
        0 => vec![forge(query)],
        _ => vec![forge(query), right(query)],
    };
    let (port, asked) = server(11, 0, answers).await;
    let reply = forwarder(&[11], port).ask(&query(), ASKER, SHARE).await.expect("the right one");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let reply = Message::from_vec(&reply).unwrap();
    assert_eq!((reply.metadata.id, reply.answers.len()), (7, 1));
}

#[tokio::test]
async fn a_server_that_fails_is_followed_by_the_next_and_a_silent_one_is_left_alone_for_a_while() {
    let (port, silent) = server(21, 0, |_, _| vec![]).await;
    let (_, failing) = server(22, port, |_, query| vec![query.failure(ResponseCode::ServFail)]).await;
    let (_, good) = server(23, port, |_, query| vec![right(query)]).await;
    let forwarder = forwarder(&[21, 22, 23], port);
    for _ in 0..3 {
        assert!(forwarder.ask(&query(), ASKER, SHARE).await.is_some());
    }
    let counts = [&silent, &failing, &good].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(counts, [2, 3, 3], "asked twice in all, then not again");
}

#[tokio::test]
async fn no_server_no_reply_and_nobody_is_asked_back() {
    assert_eq!(forwarder(&[], 53).ask(&query(), ASKER, SHARE).await, None);
    let (port, asked) = server(31, 0, |_, query| vec![right(query)]).await;
    let server = Asker { address: Ipv4Addr::new(127, 0, 0, 31), is_node: false };
    assert_eq!(forwarder(&[31], port).ask(&query(), server, SHARE).await, None);
    assert_eq!(asked.load(Ordering::SeqCst), 0, "a server that asks us is not asked");
}

/// Answers every name except those that begin with `slow`.
fn all_but_slow(_: usize, query: &Query) -> Vec<Vec<u8>> {
    if query.name().to_string().starts_with("slow") { vec![] } else { vec![right(query)] }
}

#[tokio::test]
async fn a_name_without_an_answer_silences_no_server_that_lives() {
    let (port, asked) = server(41, 0, all_but_slow).await;
    let forwarder = forwarder(&[41], port);
    for (asker, name) in [(STRANGER, "slow1.example.org."), (ASKER, "slow2.example.org.")] {
        assert_eq!(forwarder.ask(&query_of(name), asker, SHARE).await, None);
        assert!(forwarder.ask(&query(), ASKER, SHARE).await.is_some(), "after {name}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 6, "each slow name twice");
}

#[tokio::test]
async fn questions_of_strangers_that_wait_keep_no_node_waiting_and_nobody_all_its_own_places() {
    let (port, _) = server(51, 0, all_but_slow).await;
    let forwarder = Arc::new(forwarder(&[51], port));
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (forwarder, stranger) = (forwarder.clone(), Asker { address: Ipv4Addr::new(10, 0, 1, number), ..STRANGER });
        for asker in [stranger, ASKER] {
            let (forwarder, name) = (forwarder.clone(), format!("slow{number}.example.org."));
            waiting.spawn(async move { forwarder.ask(&query_of(&name), asker, SHARE).await });
        }
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(forwarder.ask(&query(), ASKER, SHARE).await.is_some(), "although its four places were taken in its name");
    while let Some(reply) = waiting.join_next().await {
        assert_eq!(reply.unwrap(), None);
    }
}
