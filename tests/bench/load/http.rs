//! The same request over many connections that stay open, answered byte by byte as expected. A connection that is
//! closed is counted and opened again.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use crate::figures::Figures;
use crate::settings::Settings;
use crate::sys::Poll;

/// Whoever is not answered for so long is lost.
const PATIENCE: Duration = Duration::from_secs(20);

struct Terms {
    server: SocketAddrV4,
    request: Vec<u8>,
    /// What the body must be; `None` accepts whatever comes, but all answers of one run must be of one length.
    expected: Option<Vec<u8>>,
    status: String,
    is_head: bool,
}

struct Connection {
    stream: TcpStream,
    from: Ipv4Addr,
    began: Instant,
    head: Vec<u8>,
    /// What is still missing of the body, and where it goes on; none while the head is not complete.
    body: Option<(usize, usize)>,
}

enum Step {
    On,
    Done,
    Closed,
    Wrong,
}

pub fn load(settings: &Settings) -> Value {
    let method: String = settings.get("method", "GET".into());
    let server = SocketAddrV4::new(settings.need("server"), settings.get("port", 80));
    let range = settings.maybe::<String>("range").map_or(String::new(), |range| format!("Range: bytes={range}\r\n"));
    let path: String = settings.need("path");
    let slice = settings.maybe::<String>("range").and_then(|range| {
        let (from, to) = range.split_once('-')?;
        Some(from.parse::<usize>().ok()?..to.parse::<usize>().ok()? + 1)
    });
    let content = settings.maybe::<String>("file").map(|path| std::fs::read(path).expect("the file"));
    let is_head = method == "HEAD";
    let terms = Terms {
        server,
        request: format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{range}\r\n", server.ip()).into_bytes(),
        expected: content.map(|content| slice.clone().map_or(content.clone(), |slice| content[slice].to_vec())),
        status: format!("HTTP/1.1 {} ", settings.get("status", if slice.is_some() { 206 } else { 200 })),
        is_head,
    };
    let connections: u32 = settings.get("connections", 1);
    let addresses: u32 = settings.get("addresses", connections);
    let first: Ipv4Addr = settings.need("first");
    let length = Duration::from_secs_f64(settings.get("seconds", 5.0));
    let most: usize = settings.get("requests", usize::MAX);
    let (mut figures, poll) = (Figures::default(), Poll::new());
    let began = Instant::now();
    let mut all: Vec<Connection> = Vec::new();
    for n in 0..connections {
        let from = Ipv4Addr::from(u32::from(first) + n % addresses.max(1));
        all.push(Connection::open(from, &terms, &poll, u64::from(n)));
    }
    let mut buffer = vec![0; 1 << 18];
    while began.elapsed() < length && figures.times.len() < most {
        let ready = poll.wait(Duration::from_millis(100));
        for number in ready {
            let connection = &mut all[number as usize];
            match connection.receives(&terms, &mut buffer, &mut figures) {
                Step::On => {}
                Step::Done => {
                    figures.times.push(connection.began.elapsed());
                    connection.asks(&terms);
                }
                closed => {
                    if matches!(closed, Step::Wrong) {
                        figures.wrong += 1;
                    } else {
                        figures.refused += 1;
                    }
                    let from = connection.from;
                    all[number as usize] = Connection::open(from, &terms, &poll, number);
                }
            }
        }
    }
    figures.lost = all.iter().filter(|connection| connection.began.elapsed() > PATIENCE).count() as u64;
    figures.over(began.elapsed())
}

impl Connection {
    fn open(from: Ipv4Addr, terms: &Terms, poll: &Poll, number: u64) -> Self {
        let stream = connect(from, terms.server);
        stream.set_nonblocking(true).expect("an option");
        let _ = stream.set_nodelay(true);
        poll.add(&stream, number, false);
        let mut connection = Self { stream, from, began: Instant::now(), head: Vec::new(), body: None };
        connection.asks(terms);
        connection
    }

    fn asks(&mut self, terms: &Terms) {
        (self.began, self.body) = (Instant::now(), None);
        self.head.clear();
        // A request is far smaller than the socket's buffer; a closed connection shows when it is read.
        let _ = self.stream.write(&terms.request);
    }

    fn receives(&mut self, terms: &Terms, buffer: &mut [u8], figures: &mut Figures) -> Step {
        // Not until there is nothing left: one connection must not keep the others waiting.
        let length = match self.stream.read(buffer) {
            Ok(0) => return Step::Closed,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::On,
            Err(_) => return Step::Closed,
        };
        let mut rest = &buffer[..length];
        if self.body.is_none() {
            self.head.extend_from_slice(rest);
            let Some(end) = self.head.windows(4).position(|part| part == b"\r\n\r\n") else { return Step::On };
            let before = self.head.len() - rest.len();
            rest = &rest[end + 4 - before..];
            let text = String::from_utf8_lossy(&self.head[..end]).to_ascii_lowercase();
            let told = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if !text.starts_with(&terms.status.to_ascii_lowercase()) {
                return Step::Wrong;
            }
            let told: usize = if terms.is_head { 0 } else { told.unwrap_or(0) };
            if terms.expected.as_ref().is_some_and(|expected| !terms.is_head && expected.len() != told) {
                return Step::Wrong;
            }
            self.body = Some((told, 0));
        }
        let Some((left, at)) = &mut self.body else { return Step::On };
        if rest.len() > *left
            || terms.expected.as_ref().is_some_and(|expected| expected[*at..*at + rest.len()] != *rest)
        {
            return Step::Wrong;
        }
        *left -= rest.len();
        *at += rest.len();
        figures.bytes += rest.len() as u64;
        if *left == 0 { Step::Done } else { Step::On }
    }
}

/// Connects, again and again where the server does not accept.
fn connect(from: Ipv4Addr, to: SocketAddrV4) -> TcpStream {
    for attempt in 0..1000 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
        let _ = socket.set_reuse_address(true);
        socket.bind(&SocketAddr::from((from, 0)).into()).expect("an address of the client");
        if socket.connect_timeout(&SocketAddr::V4(to).into(), PATIENCE).is_ok() {
            return socket.into();
        }
        std::thread::sleep(Duration::from_millis(1 + attempt / 10));
    }
    panic!("nobody accepts connections on {to}");
}
