//! A TFTP client that shows every packet, so that a test can play any firmware.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use tokio::net::UdpSocket;

/// A packet of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Data {
        block: u16,
        bytes: Vec<u8>,
    },
    /// The options with spaces for NULs: `blksize 1468 windowsize 4`.
    Oack(String),
    Error {
        code: u16,
        text: String,
    },
}

pub struct Client {
    socket: UdpSocket,
    server: SocketAddrV4,
    /// The server's transfer identifier: set by its first answer.
    peer: Option<std::net::SocketAddr>,
    /// What was asked last.
    request: Vec<u8>,
    /// Drops every DATA packet whose turn is a multiple of this.
    pub loses_every: Option<usize>,
    data_packets: usize,
}

impl Client {
    pub async fn new(server: SocketAddrV4) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, server).await
    }

    /// A client with an address of its own (127.0.0.0/8 is all loopback).
    pub async fn at(address: Ipv4Addr, server: SocketAddrV4) -> Self {
        let socket = UdpSocket::bind((address, 0)).await.expect("a loopback socket");
        Self { socket, server, peer: None, request: Vec::new(), loses_every: None, data_packets: 0 }
    }

    /// Sends a read request; options as words: `blksize 1468 tsize 0`.
    pub async fn ask(&mut self, name: &str, options: &str) {
        let options: String = options.split_whitespace().map(|word| format!("{word}\0")).collect();
        self.ask_raw(format!("\0\x01{name}\0octet\0{options}").as_bytes()).await;
    }

    pub async fn ask_raw(&mut self, packet: &[u8]) {
        self.peer = None;
        self.request = packet.to_vec();
        self.socket.send_to(packet, self.server).await.expect("sent");
    }

    /// Sends the last request again, and stays with the transfer that has answered it.
    pub async fn ask_again(&mut self) {
        self.socket.send_to(&self.request, self.server).await.expect("sent");
    }

    /// Receives the next packet; a test that waits for one that never comes fails here.
    pub async fn receive(&mut self) -> Answer {
        self.receive_within(Duration::from_secs(20)).await.expect("an answer of the server")
    }

    pub async fn receive_within(&mut self, wait: Duration) -> Option<Answer> {
        let mut packet = vec![0; 65536];
        let received = tokio::time::timeout(wait, self.socket.recv_from(&mut packet)).await.ok()?;
        let (len, from) = received.expect("received");
        assert_eq!(*self.peer.get_or_insert(from), from, "one transfer, one port");
        Some(parse(&packet[..len]))
    }

    /// The port of the server's side of the present transfer.
    pub fn peer_port(&self) -> u16 {
        self.peer.expect("the server has answered").port()
    }

    pub fn peer_address(&self) -> std::net::IpAddr {
        self.peer.expect("the server has answered").ip()
    }

    pub async fn acknowledge(&self, block: u16) {
        let [high, low] = block.to_be_bytes();
        self.send(&[0, 4, high, low]).await;
    }

    pub async fn abort(&self, code: u8, text: &str) {
        self.send(&[&[0, 5, 0, code], text.as_bytes(), &[0]].concat()).await;
    }

    pub async fn send(&self, packet: &[u8]) {
        self.socket.send_to(packet, self.peer.expect("the server has answered")).await.expect("sent");
    }

    /// Asks and downloads; on an ERROR packet its code and text.
    pub async fn fetch(&mut self, name: &str, options: &str) -> Result<Vec<u8>, (u16, String)> {
        self.ask(name, options).await;
        self.download().await
    }

    /// Downloads what was asked for, as RFC 7440 says: the last block of a window, a gap and a silence are answered
    /// with the last block in order.
    pub async fn download(&mut self) -> Result<Vec<u8>, (u16, String)> {
        let (mut content, mut last, mut since_ack) = (Vec::new(), 0u16, 0);
        let (mut blksize, mut windowsize, mut silences) = (512, 1, 0);
        loop {
            let Some(answer) = self.receive_within(Duration::from_millis(400)).await else {
                silences += 1;
                assert!(silences < 50, "the server is silent after {} bytes", content.len());
                // As firmware does: what was lost is sent again, the request too.
                match self.peer {
                    Some(_) => self.acknowledge(last).await,
                    None => self.ask_again().await,
                }
                continue;
            };
            match answer {
                Answer::Error { code, text } => return Err((code, text)),
                Answer::Oack(options) => {
                    blksize = option(&options, "blksize").unwrap_or(512);
                    windowsize = option(&options, "windowsize").unwrap_or(1);
                    self.acknowledge(0).await;
                }
                Answer::Data { .. } if self.loses_this_one() => {}
                Answer::Data { block, bytes } if block == last.wrapping_add(1) => {
                    (last, since_ack) = (block, since_ack + 1);
                    content.extend(&bytes);
                    let is_last = bytes.len() < blksize;
                    if is_last || since_ack == windowsize {
                        self.acknowledge(last).await;
                        since_ack = 0;
                    }
                    if is_last {
                        return Ok(content);
                    }
                }
                Answer::Data { .. } => {
                    self.acknowledge(last).await;
                    since_ack = 0;
                }
            }
        }
    }

    fn loses_this_one(&mut self) -> bool {
        self.data_packets += 1;
        self.loses_every.is_some_and(|every| self.data_packets.is_multiple_of(every))
    }
}

/// The value of an option in the words of an OACK.
pub fn option(oack: &str, name: &str) -> Option<usize> {
    let mut words = oack.split(' ');
    words.find(|word| *word == name)?;
    words.next()?.parse().ok()
}

fn parse(packet: &[u8]) -> Answer {
    let number = u16::from_be_bytes([packet[2], packet[3]]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').replace('\0', " ");
    match packet[1] {
        3 => Answer::Data { block: number, bytes: packet[4..].to_vec() },
        5 => Answer::Error { code: number, text: text(&packet[4..]) },
        6 => Answer::Oack(text(&packet[2..])),
        opcode => panic!("a server never sends opcode {opcode}"),
    }
}
