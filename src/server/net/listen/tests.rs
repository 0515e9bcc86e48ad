//! Peers that use resources without asking for anything, against a real listener on the loopback interface.

use std::time::Instant;

use axum::Extension;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
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

/// Every peer in 127.1.0.0/16 is a node.
struct Rack(Limits);

impl Guests for Rack {
    fn is_node(&self, peer: IpAddr) -> bool {
        matches!(peer, IpAddr::V4(address) if address.octets()[1] == 1)
    }

    fn limits(&self) -> Limits {
        self.0
    }
}

const NODE: [u8; 4] = [127, 1, 0, 1];

/// The n-th stranger.
fn stranger(n: u8) -> [u8; 4] {
    [127, 9, 0, n]
}

fn of_strangers(all: usize, each: usize) -> Limits {
    Limits { strangers: Share { all, each }, ..Limits::default() }
}

async fn download(Extension(visit): Extension<Visit>) -> Response {
    match visit.download() {
        Some(download) => Body::new(Held::new(Body::from(vec![b'x'; BIG]), download)).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn form(missing: Option<Extension<Missing>>, text: String) -> String {
    format!("{} bytes, {}", text.len(), if missing.is_some() { "not whole" } else { "whole" })
}

impl Server {
    fn with(limits: Limits) -> Self {
        let app = Router::new()
            .route("/download", get(download))
            .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }))
            .route("/big", get(|| async { vec![b'x'; BIG] }))
            .route("/form", post(form))
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
        let task = tokio::spawn(serve(listener, app, Rack(limits), shutdown.clone()));
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
async fn of_twenty_idle_connections_of_one_peer_the_newest_give_way() {
    let server = Server::with(Limits::default());
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(server.connect(PEER).await);
        sleep(SHORT / 30).await;
    }
    for gave_way in &mut idle[15..19] {
        assert!(rest(gave_way).await.is_empty(), "over the cap: closed for the next one");
    }
    assert!(server.answers(OTHER_PEER).await);
    assert!(server.answers(PEER).await, "in the place of the twentieth");
    idle[0].write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(starts_with_200(&mut idle[0]).await, "the first one still has its place");
}

#[tokio::test]
async fn all_strangers_together_have_a_cap_and_busy_ones_keep_their_places() {
    let server = Server::with(of_strangers(3, 16));
    let mut busy = Vec::new();
    for n in 0..3 {
        let mut stream = server.ask(stranger(n), "/big").await;
        assert!(starts_with_200(&mut stream).await);
        busy.push(stream);
    }
    assert!(!server.answers(stranger(9)).await, "nobody is idle");
    assert!(server.answers(NODE).await, "a node has a place of its own");
    assert!(rest(&mut busy[0]).await.len() >= BIG - 15, "nobody was cut");
}

#[tokio::test]
async fn a_connection_that_was_answered_and_is_kept_gives_way() {
    let server = Server::with(of_strangers(1, 1));
    let mut kept = server.ask(stranger(1), "/").await;
    assert!(starts_with_200(&mut kept).await);
    sleep(SHORT).await;
    assert!(server.answers(stranger(2)).await);
    rest(&mut kept).await;
}

/// Runs one of the floods, and counts how many of a node's `asks` requests are answered within the time of ten.
async fn answered_beside(server: &Server, asks: usize) -> usize {
    let mut answered = 0;
    for _ in 0..asks {
        let within = timeout(Duration::from_secs(10), server.answers(NODE)).await;
        answered += usize::from(within == Ok(true));
        sleep(SHORT / 10).await;
    }
    answered
}

#[tokio::test]
async fn a_node_is_answered_beside_strangers_that_are_silent_slow_or_download() {
    crate::server::capacity::raise_descriptors();
    for flood in ["silent", "head byte by byte", "slow downloads"] {
        let server = Server::with(of_strangers(32, 16));
        let mut crowd = Vec::new();
        for n in 0..17 {
            for _ in 0..16 {
                let mut stream = server.connect(stranger(n)).await;
                let start: &[u8] = match flood {
                    "silent" => b"",
                    "slow downloads" => b"GET /download HTTP/1.1\r\nHost: a\r\n\r\n",
                    _ => b"GET / HT",
                };
                // The connection may already be refused or closed.
                let _ = stream.write_all(start).await;
                crowd.push(stream);
            }
        }
        assert_eq!(answered_beside(&server, 10).await, 10, "{flood}");
        assert!(server.answers(stranger(200)).await || flood == "slow downloads", "{flood}: the newest idle one went");
    }
}

#[tokio::test]
async fn a_short_question_does_not_wait_behind_the_downloads_of_the_same_node() {
    let server = Server::with(Limits { nodes: Share { all: 40, each: 8 }, ..Limits::default() });
    let mut downloads = Vec::new();
    for _ in 0..6 {
        let mut stream = server.ask(NODE, "/download").await;
        assert!(starts_with_200(&mut stream).await);
        downloads.push(stream);
    }
    let mut seventh = server.ask(NODE, "/download").await;
    let mut head = [0; 12];
    seventh.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 503", "it is told to come again");
    assert!(server.answers(NODE).await);
    drop(downloads);
    sleep(SHORT).await;
    let mut again = server.ask(NODE, "/download").await;
    assert!(starts_with_200(&mut again).await, "places of downloads come back");
}

#[tokio::test]
async fn what_is_no_request_is_told_why() {
    let server = Server::with(Limits::default());
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    for (sent, status, reason) in [
        (&b"GARBAGE\r\n\r\n"[..], "400", "not a valid HTTP request"),
        (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", "400", "not a valid HTTP request"),
        (long.as_bytes(), "431", "larger than 64 KiB"),
        (b"GET / HTTP/1.1\r\n\r\n", "400", "must have a `Host:` line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", "only one `Host:` line"),
        (b"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", "400", "host name or an address"),
    ] {
        let mut stream = server.connect(PEER).await;
        // The server may close before it has read everything.
        let _ = stream.write_all(sent).await;
        let answer = String::from_utf8_lossy(&rest(&mut stream).await).into_owned();
        let words = answer.split_once(' ').map(|(_, words)| words).unwrap_or_default();
        assert!(words.starts_with(&format!("{status} ")) && answer.contains(reason), "{answer}");
    }
    let mut old = server.connect(PEER).await;
    old.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(rest(&mut old).await.starts_with(b"HTTP/1.0 200 "), "an old client knows no such line");
}

#[tokio::test]
async fn a_reader_that_stops_in_a_big_file_is_cut_and_a_slow_one_gets_all_of_it() {
    let server = Server::with(Limits { stall: SHORT, ..of_strangers(256, 1) });
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
async fn a_body_that_is_awaited_in_vain_is_told_to_the_handler_and_one_in_pieces_arrives() {
    let server = Server::with(Limits { body: SHORT, head: SHORT * 4, ..Limits::default() });
    let head = b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n";
    let mut never = server.connect(PEER).await;
    never.write_all(head).await.unwrap();
    never.write_all(b"abc").await.unwrap();
    assert!(rest(&mut never).await.ends_with(b"0 bytes, not whole"));
    let mut pieces = server.connect(PEER).await;
    pieces.write_all(head).await.unwrap();
    for piece in [b"ab", b"cd"] {
        sleep(SHORT / 10).await;
        pieces.write_all(piece).await.unwrap();
    }
    assert!(rest(&mut pieces).await.ends_with(b"4 bytes, whole"));
}

#[tokio::test]
async fn connections_whose_bodies_do_not_come_give_way_to_those_that_ask() {
    let server = Server::with(of_strangers(4, 4));
    for head in ["Content-Length: 9", "Transfer-Encoding: chunked"] {
        let mut held = Vec::new();
        for n in 0..4 {
            let mut stream = server.connect(stranger(n)).await;
            let request = format!("POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n{head}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            held.push(stream);
        }
        sleep(SHORT / 3).await;
        for n in 100..108 {
            assert!(server.answers(stranger(n)).await, "{head}");
        }
    }
    // The server does not wait for them at shutdown, either.
    let mut held = server.connect(stranger(1)).await;
    held.write_all(b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await.unwrap();
    sleep(SHORT / 3).await;
    server.shutdown.cancel();
    timeout(Duration::from_secs(5), server.task).await.expect("it ends").unwrap();
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

/// What the log says, for a test that runs on one thread.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_that_is_no_http_is_answered_and_logged_once_a_minute_with_its_address() {
    let paper = Paper::default();
    let writer = paper.clone();
    let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(log);
    let server = Server::with(Limits::default());
    // EL6's loader sends what dmidecode prints: comment lines and line ends within one header.
    let serial =
        "# SMBIOS implementations newer than version 2.6 are not\n# fully supported by this version of dmidecode.\nX1";
    for _ in 0..3 {
        let mut stream = server.connect(PEER).await;
        let request = format!("GET / HTTP/1.0\r\nHost: a\r\nX-System-Serial-Number: {serial}\n\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(rest(&mut stream).await.starts_with(b"HTTP/1.1 400 "));
    }
    server.shutdown.cancel();
    server.task.await.unwrap();
    let log = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> =
        log.lines().filter(|line| line.contains("a malformed HTTP request was refused (400)")).collect();
    assert!(lines.len() == 1 && lines[0].contains("WARN") && lines[0].contains("peer=127.0.0.1:"), "{log}");
}
