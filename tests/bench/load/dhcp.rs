//! DISCOVER to ACK, again and again, for the nodes of a list: relayed, or directly as boot ROMs do. So many at a time
//! (`outstanding=`), or so many a second (`rate=`) whatever the server does.

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use crate::figures::Figures;
use crate::settings::Settings;
use crate::sys::Poll;

/// Whoever is not answered for so long is lost, in seconds.
const PATIENCE: f64 = 2.0;

/// A node: its MAC and the address that is reserved for it.
type Node = ([u8; 6], Ipv4Addr);

struct Asking {
    node: usize,
    began: Instant,
    /// Whether it was offered its address.
    offered: bool,
}

pub fn load(settings: &Settings) -> Value {
    let nodes = nodes(&settings.need::<String>("nodes"));
    let relay: Option<Ipv4Addr> = settings.maybe("relay");
    let server: Ipv4Addr = settings.need("server");
    let socket = open(relay, &settings.get("card", "eth0".to_string()));
    let to = match relay {
        Some(_) => SocketAddrV4::new(server, 67),
        None => SocketAddrV4::new(Ipv4Addr::BROADCAST, 67),
    };
    let to = to.into();
    let (outstanding, rate): (usize, Option<f64>) = (settings.get("outstanding", 64), settings.maybe("rate"));
    let length = Duration::from_secs_f64(settings.get("seconds", 5.0));
    let patience = Duration::from_secs_f64(settings.get("patience", PATIENCE));
    let poll = Poll::new();
    poll.add(&socket, 0, false);

    let (mut asking, mut order) = (HashMap::<u32, Asking>::new(), VecDeque::new());
    let (mut figures, mut number, mut naks) = (Figures::default(), 0u32, 0u64);
    let began = Instant::now();
    let mut buffer = [0; 2048];
    loop {
        let now = Instant::now();
        let over = now - began > length;
        if over && asking.is_empty() {
            break;
        }
        let due = rate.map(|rate| (now - began).as_secs_f64() * rate);
        while !over && due.map_or(asking.len() < outstanding, |due| f64::from(number) < due) {
            number += 1;
            let node = number as usize % nodes.len();
            // The time at which it was due: a generator that is late must not hide the server's lateness.
            let since = rate.map_or(now, |rate| began + Duration::from_secs_f64(f64::from(number) / rate));
            asking.insert(number, Asking { node, began: since, offered: false });
            order.push_back(number);
            let _ = socket.send_to(&packet(nodes[node].0, number, relay, None), &to);
        }
        while let Some(first) = order.front() {
            match asking.get(first) {
                Some(one) if now.saturating_duration_since(one.began) < patience => break,
                Some(_) => {
                    figures.lost += 1;
                    asking.remove(first);
                }
                None => {}
            }
            order.pop_front();
        }
        poll.wait(Duration::from_millis(if rate.is_some() { 0 } else { 20 }));
        while let Ok(length) = (&socket).read(&mut buffer) {
            let bytes = &buffer[..length];
            if bytes.len() < 244 || bytes[0] != 2 {
                continue;
            }
            let id = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
            let Some(one) = asking.get_mut(&id) else { continue };
            let (mac, address) = nodes[one.node];
            let yiaddr = Ipv4Addr::new(bytes[16], bytes[17], bytes[18], bytes[19]);
            let right = yiaddr == address && bytes[28..34] == mac;
            match option(bytes, 53) {
                Some([2]) if !one.offered => {
                    one.offered = true;
                    figures.wrong += u64::from(!right);
                    let chosen = option(bytes, 54).map_or([0; 4], |id| [id[0], id[1], id[2], id[3]]);
                    let request = packet(mac, id, relay, Some((yiaddr, chosen)));
                    let _ = socket.send_to(&request, &to);
                }
                Some([5]) if one.offered => {
                    figures.wrong += u64::from(!right);
                    figures.times.push(one.began.elapsed());
                    asking.remove(&id);
                }
                Some([6]) => {
                    naks += 1;
                    figures.refused += 1;
                    asking.remove(&id);
                }
                _ => {}
            }
        }
    }
    let took = began.elapsed().min(length);
    let mut told = figures.over(took);
    told["naks"] = naks.into();
    told
}

fn nodes(path: &str) -> Vec<Node> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let node = |line: &str| {
        let (mac, address) = line.split_once(' ').expect("a MAC and an address");
        let mac: Vec<u8> = mac.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("a MAC")).collect();
        (mac.try_into().expect("six bytes"), address.parse().expect("an address"))
    };
    text.lines().map(node).collect()
}

fn open(relay: Option<Ipv4Addr>, card: &str) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.set_broadcast(true).expect("an option");
    socket.bind_device(Some(card.as_bytes())).expect("the card");
    socket.set_nonblocking(true).expect("an option");
    let _ = socket.set_recv_buffer_size(8 << 20);
    let own = match relay {
        Some(address) => SocketAddrV4::new(address, 67),
        None => SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68),
    };
    socket.bind(&own.into()).expect("the port");
    socket
}

/// What a PXE ROM sends: a DHCPDISCOVER, or a DHCPREQUEST for an address of a server.
fn packet(mac: [u8; 6], id: u32, relay: Option<Ipv4Addr>, chosen: Option<(Ipv4Addr, [u8; 4])>) -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..3].copy_from_slice(&[1, 1, 6]);
    bytes[4..8].copy_from_slice(&id.to_be_bytes());
    match relay {
        Some(relay) => {
            bytes[3] = 1;
            bytes[24..28].copy_from_slice(&relay.octets());
        }
        None => bytes[10] = 0x80, // answers by broadcast, because the generator has none of the addresses
    }
    bytes[28..34].copy_from_slice(&mac);
    bytes.extend([99, 130, 83, 99, 53, 1, if chosen.is_some() { 3 } else { 1 }]);
    bytes.extend([57, 2, 5, 192, 55, 12, 1, 2, 3, 6, 12, 15, 43, 54, 60, 66, 67, 128]);
    bytes.extend([93, 2, 0, 0, 94, 3, 1, 2, 1, 60, 32]);
    bytes.extend(b"PXEClient:Arch:00000:UNDI:002001");
    if let Some((address, server)) = chosen {
        bytes.extend([50, 4]);
        bytes.extend(address.octets());
        bytes.extend([54, 4]);
        bytes.extend(server);
    }
    bytes.push(255);
    bytes.resize(bytes.len().max(300), 0);
    bytes
}

/// The content of an option.
fn option(bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut at = 240;
    while let Some(&code) = bytes.get(at) {
        if code == 255 {
            return None;
        }
        if code == 0 {
            at += 1;
            continue;
        }
        let length = usize::from(*bytes.get(at + 1)?);
        if code == wanted {
            return bytes.get(at + 2..at + 2 + length);
        }
        at += 2 + length;
    }
    None
}
