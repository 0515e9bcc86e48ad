//! Peers that cost without asking for anything, against a real listener on the loopback interface.

use std::time::Instant;

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;

const SHORT: Duration = Duration::from_millis(300);
/// More than the kernel buffers on both sides.
const BIG: usize = 32 * 1024 * 1024;
const PEER: [u8; 4] = [127, 0, 0, 1];
const OTHER_PEER: [u8; 4] = [127, 0, 0, 2];

struct Server {
    address: SocketAddrV4,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    fn with(limits: Limits) -> Self {
        let app = Router::new()
            .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }))
            .route("/big", get(|| async { vec![b'x'; BIG] }))
            .route(
                "/bug",
                get(|| async {
                    if true {
                        panic!("a bug")
                    }
                }),
            );
        let listener = bind("lo", SocketAddrV4::new(PEER.into(), 0)).unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!("bound to IPv4") };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, app, limits, shutdown.clone()));
        Self { address, shutdown, task }
    }

    async fn connect(&self, from: [u8; 4]) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        socket.connect(self.address.into()).await.unwrap()
    }

    async fn ask(&self, from: [u8; 4], path: &str) -> TcpStream {
        let mut stream = self.connect(from).await;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        stream
    }

    /// Whether a request is answered; a refused connection is closed or reset.
    async fn answers(&self, from: [u8; 4]) -> bool {
        starts_with_200(&mut self.ask(from, "/").await).await
    }
}

async fn starts_with_200(stream: &mut TcpStream) -> bool {
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.is_ok() && head == *b"HTTP/1.1 200 OK"
}

/// Reads until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.expect("the server closes");
    bytes
}

#[tokio::test]
async fn a_client_that_is_silent_slow_or_done_is_cut_after_the_limit() {
    let server = Server::with(Limits { head: SHORT, ..Limits::default() });
    let began = Instant::now();
    let mut silent = server.connect(PEER).await;
    let mut slow = server.connect(PEER).await;
    let mut done = server.ask(PEER, "/").await;
    let dripping = async {
        while slow.write_all(b"G").await.is_ok() && began.elapsed() < SHORT * 10 {
            sleep(SHORT / 6).await;
        }
    };
    let (nothing, answer, ()) = tokio::join!(rest(&mut silent), rest(&mut done), dripping);
    assert!(nothing.is_empty());
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "it was answered before");
    assert!(began.elapsed() >= SHORT && began.elapsed() < SHORT * 8, "{:?}", began.elapsed());
}

#[tokio::test]
async fn twenty_idle_connections_of_one_peer_do_not_stop_another() {
    let server = Server::with(Limits::default());
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(server.connect(PEER).await);
    }
    for refused in &mut idle[16..] {
        assert!(rest(refused).await.is_empty(), "over the cap: closed at once");
    }
    assert!(!server.answers(PEER).await);
    assert!(server.answers(OTHER_PEER).await);
    idle.truncate(15);
    sleep(SHORT).await;
    assert!(server.answers(PEER).await, "a place was given back");
}

#[tokio::test]
async fn all_peers_together_have_a_cap_too() {
    let server = Server::with(Limits { connections: 3, ..Limits::default() });
    let _idle = [server.connect(PEER).await, server.connect(PEER).await, server.connect(OTHER_PEER).await];
    sleep(SHORT).await;
    assert!(!server.answers([127, 0, 0, 3]).await);
}

#[tokio::test]
async fn a_reader_that_stops_in_a_big_file_is_cut_and_a_slow_one_gets_all_of_it() {
    let server = Server::with(Limits { stall: SHORT, per_peer: 1, ..Limits::default() });
    let mut stalled = server.ask(PEER, "/big").await;
    let mut slow = server.ask(OTHER_PEER, "/big").await;
    let (mut bytes, mut chunk) = (0, vec![0; 1024 * 1024]);
    let began = Instant::now();
    while bytes < BIG {
        sleep(Duration::from_millis(20)).await;
        bytes += slow.read(&mut chunk).await.unwrap();
    }
    assert!(began.elapsed() > SHORT, "it took longer than the limit: {:?}", began.elapsed());
    sleep(SHORT * 2).await;
    assert!(server.answers(PEER).await, "its place is free again");
    assert!(rest(&mut stalled).await.len() < BIG);
}

#[tokio::test]
async fn shutdown_lets_a_download_finish_and_closes_idle_connections() {
    let server = Server::with(Limits::default());
    let mut idle = server.connect(PEER).await;
    let mut kept = server.ask(PEER, "/").await;
    assert!(starts_with_200(&mut kept).await);
    let mut download = server.ask(PEER, "/big").await;
    assert!(starts_with_200(&mut download).await);
    server.shutdown.cancel();
    let (nothing, _) = tokio::join!(rest(&mut idle), rest(&mut kept));
    assert!(nothing.is_empty());
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody new");
    assert!(!server.task.is_finished(), "the download still runs");
    assert!(rest(&mut download).await.len() >= BIG);
    timeout(Duration::from_secs(5), server.task).await.expect("it ends by itself").unwrap();
}

#[tokio::test]
async fn ending_the_server_ends_its_connections() {
    let server = Server::with(Limits::default());
    let mut download = server.ask(PEER, "/big").await;
    assert!(starts_with_200(&mut download).await);
    server.task.abort();
    assert!(rest(&mut download).await.len() < BIG);
}

#[tokio::test]
async fn handlers_see_the_peer_and_a_panic_costs_one_connection() {
    let server = Server::with(Limits { head: SHORT, ..Limits::default() });
    assert!(rest(&mut server.ask(PEER, "/bug").await).await.is_empty());
    let answer = rest(&mut server.ask(OTHER_PEER, "/").await).await;
    assert!(answer.ends_with(b"127.0.0.2"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_body_that_never_comes_does_not_hold_a_connection_that_nobody_reads_from() {
    let server = Server::with(Limits::default());
    let mut stream = server.connect(PEER).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.starts_with(b"HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_restarted_server_gets_its_port_back_at_once() {
    let server = Server::with(Limits::default());
    assert_eq!(bind("lo", server.address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    let mut kept = server.ask(PEER, "/").await;
    assert!(starts_with_200(&mut kept).await);
    server.shutdown.cancel();
    server.task.await.unwrap();
    rest(&mut kept).await;
    bind("lo", server.address).expect("the closed connection lingers and is no obstacle");
}
