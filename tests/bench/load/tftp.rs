//! Downloads over TFTP by many clients at once, each with an address of its own, one after the other. The clients ask
//! for windows, lose packets on purpose, and acknowledge again after silence, as firmware does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::figures::Figures;
use crate::settings::Settings;
use crate::sys::{Poll, gather_bursts, receive_burst};

const SILENCE: Duration = Duration::from_secs(1);
const MOST_SILENCES: u32 = 20;

struct Terms {
    server: SocketAddrV4,
    name: String,
    content: Vec<u8>,
    blksize: usize,
    windowsize: u16,
    /// Drops every DATA packet whose turn is a multiple of this; 0 drops none.
    loses_every: u64,
}

struct Client {
    from: Ipv4Addr,
    left: u32,
    socket: UdpSocket,
    connected: bool,
    began: Instant,
    heard: Instant,
    silences: u32,
    window: u16,
    last: u64,
    since_ack: u16,
    request: Vec<u8>,
}

enum Step {
    On,
    Done,
    Failed,
    Wrong,
}

pub fn load(settings: &Settings) -> Value {
    let terms = Terms {
        server: SocketAddrV4::new(settings.need("server"), settings.get("port", 69)),
        name: settings.need("name"),
        content: std::fs::read(settings.need::<String>("file")).expect("the file"),
        blksize: settings.get("blksize", 1456),
        windowsize: settings.get("window", 1),
        loses_every: settings.get("loses", 0),
    };
    let clients: u32 = settings.get("clients", 1);
    let transfers: u32 = settings.get("transfers", 1);
    let first: Ipv4Addr = settings.need("first");
    let (mut figures, mut turn, poll) = (Figures::default(), 0u64, Poll::new());
    let began = Instant::now();
    let mut all: Vec<Option<Client>> = Vec::new();
    for n in 0..clients {
        let from = Ipv4Addr::from(u32::from(first) + n);
        all.push(Some(Client::asks(from, transfers, &terms, &poll, u64::from(n))));
    }
    let (mut open, mut looked) = (clients, Instant::now());
    let mut buffer = vec![0; 1 << 17];
    while open > 0 {
        let ready = poll.wait(Duration::from_millis(100));
        for number in ready {
            let Some(client) = all[number as usize].as_mut() else { continue };
            let step = client.receives(&terms, &mut buffer, &mut turn);
            match step {
                Step::On => continue,
                Step::Done => {
                    figures.times.push(client.began.elapsed());
                    figures.bytes += terms.content.len() as u64;
                }
                Step::Failed => figures.refused += 1,
                Step::Wrong => figures.wrong += 1,
            }
            open -= next(&mut all[number as usize], &terms, &poll, number);
        }
        if looked.elapsed() > Duration::from_millis(200) {
            looked = Instant::now();
            for (place, number) in all.iter_mut().zip(0..) {
                let Some(client) = place.as_mut() else { continue };
                if client.heard.elapsed() > SILENCE && !client.asks_again(&terms) {
                    figures.lost += 1;
                    open -= next(place, &terms, &poll, number);
                }
            }
        }
    }
    figures.over(began.elapsed())
}

/// The client's next download; 1 when it was the last.
fn next(place: &mut Option<Client>, terms: &Terms, poll: &Poll, number: u64) -> u32 {
    let Some(client) = place.take() else { return 0 };
    let (from, left) = (client.from, client.left - 1);
    drop(client);
    *place = (left > 0).then(|| Client::asks(from, left, terms, poll, number));
    u32::from(place.is_none())
}

impl Client {
    fn asks(from: Ipv4Addr, left: u32, terms: &Terms, poll: &Poll, number: u64) -> Self {
        let socket = UdpSocket::bind((from, 0)).expect("an address of the client");
        socket.set_nonblocking(true).expect("an option");
        gather_bursts(&socket);
        poll.add(&socket, number, false);
        let window = if terms.windowsize > 1 { format!("windowsize\0{}\0", terms.windowsize) } else { String::new() };
        let request = format!("\0\x01{}\0octet\0blksize\0{}\0{window}", terms.name, terms.blksize).into_bytes();
        let now = Instant::now();
        let _ = socket.send_to(&request, terms.server);
        Self {
            from,
            left,
            socket,
            connected: false,
            began: now,
            heard: now,
            silences: 0,
            window: 1,
            last: 0,
            since_ack: 0,
            request,
        }
    }

    /// Acknowledges again after silence; `false` when it was silent too often.
    fn asks_again(&mut self, terms: &Terms) -> bool {
        self.heard = Instant::now();
        self.silences += 1;
        if self.connected {
            self.acknowledges();
        } else {
            let _ = self.socket.send_to(&self.request, terms.server);
        }
        self.silences < MOST_SILENCES
    }

    fn acknowledges(&mut self) {
        self.since_ack = 0;
        let [.., high, low] = self.last.to_be_bytes();
        let _ = self.socket.send(&[0, 4, high, low]);
    }

    fn receives(&mut self, terms: &Terms, buffer: &mut [u8], turn: &mut u64) -> Step {
        loop {
            let (length, each, port) = match receive_burst(&self.socket, buffer) {
                Ok(burst) => burst,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::On,
                Err(_) => return Step::Failed,
            };
            if !self.connected {
                let peer = SocketAddrV4::new(*terms.server.ip(), port);
                self.connected = self.socket.connect(SocketAddr::V4(peer)).is_ok();
            }
            self.heard = Instant::now();
            for packet in buffer[..length].chunks(each.max(1)) {
                match self.takes(packet, terms, turn) {
                    Step::On => {}
                    end => return end,
                }
            }
        }
    }

    fn takes(&mut self, packet: &[u8], terms: &Terms, turn: &mut u64) -> Step {
        match packet {
            [0, 6, ..] if self.last == 0 => {
                let grants = packet.windows(10).any(|name| name.eq_ignore_ascii_case(b"windowsize"));
                self.window = if grants { terms.windowsize } else { 1 };
                self.acknowledges();
            }
            [0, 3, high, low, body @ ..] => {
                *turn += 1;
                if terms.loses_every > 0 && turn.is_multiple_of(terms.loses_every) {
                    return Step::On;
                }
                let is_next = [*high, *low] == (self.last as u16).wrapping_add(1).to_be_bytes();
                if !is_next {
                    // A repeated window costs one acknowledgement, not one for each of its packets.
                    self.since_ack += 1;
                    if self.since_ack >= self.window {
                        self.acknowledges();
                    }
                    return Step::On;
                }
                let at = self.last as usize * terms.blksize;
                let expected = &terms.content[at..terms.content.len().min(at + terms.blksize)];
                if body != expected {
                    return Step::Wrong;
                }
                self.last += 1;
                self.since_ack += 1;
                let is_end = body.len() < terms.blksize;
                if is_end || self.since_ack >= self.window {
                    self.acknowledges();
                }
                if is_end {
                    return Step::Done;
                }
            }
            [0, 5, ..] => return Step::Failed,
            _ => {}
        }
        Step::On
    }
}
