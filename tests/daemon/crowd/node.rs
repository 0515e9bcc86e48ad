//! A node over sockets: its boot ROM, iPXE, the installer, firstboot. It sends again what a real one sends again.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

use super::link::CARD;
use super::site::{address, name};
use crate::rack::FACTS;
use crate::support::dhcp_packets::{Parts, packet};

pub const SERVER: [u8; 4] = [10, 77, 255, 254];

/// What one node measured.
pub struct Told {
    /// How long the offers took, to its boot ROM and to iPXE.
    pub offers: [Duration; 2],
    pub script: Duration,
    pub life: Duration,
}

/// The channel of each request that waits for its answer, by the number of the request.
type Waiting = Arc<Mutex<HashMap<u32, UnboundedSender<Vec<u8>>>>>;

/// The DHCP port of the whole crowd; answers find their node by the number of the request.
pub struct Dhcp {
    socket: Arc<UdpSocket>,
    waiting: Waiting,
}

impl Dhcp {
    pub fn open() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind_device(Some(CARD.as_bytes())).unwrap();
        socket.set_broadcast(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.bind(&"0.0.0.0:68".parse::<SocketAddrV4>().unwrap().into()).unwrap();
        let dhcp = Self { socket: Arc::new(UdpSocket::from_std(socket.into()).unwrap()), waiting: Waiting::default() };
        tokio::spawn(hands_out(dhcp.socket.clone(), dhcp.waiting.clone()));
        dhcp
    }

    /// Sends a request until it is answered: at once, then after 1, 2, 4 and 8 seconds, as boot ROMs do, and 8 more.
    async fn asks(&self, number: u32, request: &[u8]) -> Option<Parts> {
        let (sender, mut answers) = unbounded_channel();
        self.waiting.lock().unwrap().insert(number, sender);
        let mut answer = None;
        for patience in [1, 2, 4, 8, 8, 8] {
            self.socket.send_to(request, "255.255.255.255:67").await.ok()?;
            answer = timeout(Duration::from_secs(patience), answers.recv()).await.ok().flatten();
            if answer.is_some() {
                break;
            }
        }
        self.waiting.lock().unwrap().remove(&number);
        answer.map(|bytes| Parts::of(&bytes))
    }
}

async fn hands_out(socket: Arc<UdpSocket>, waiting: Waiting) {
    let mut buffer = [0; 2048];
    while let Ok(length) = socket.recv(&mut buffer).await {
        let Some(number) = buffer[..length].get(4..8) else { continue };
        let number = u32::from_be_bytes(number.try_into().unwrap());
        if let Some(node) = waiting.lock().unwrap().get(&number) {
            let _ = node.send(buffer[..length].to_vec());
        }
    }
}

/// The packet of a real client as this node sends it.
fn request(kind: &str, n: u16, number: u32, chosen: Option<Ipv4Addr>) -> Vec<u8> {
    let mut bytes = packet(kind);
    let [a, b, c, d] = address(n);
    bytes[4..8].copy_from_slice(&number.to_be_bytes());
    bytes[28..34].copy_from_slice(&[0x52, 0x54, a, b, c, d]);
    bytes[10] |= 0x80; // answers by broadcast
    let mut at = 240;
    while bytes[at] != 255 {
        match bytes[at] {
            53 if chosen.is_some() => bytes[at + 2] = 3,
            97 => bytes[at + 5..at + 9].copy_from_slice(&[a, b, c, d]),
            _ => {}
        }
        at += 2 + usize::from(bytes[at + 1]);
    }
    if let Some(chosen) = chosen {
        bytes.truncate(at);
        bytes.extend([50, 4]);
        bytes.extend(chosen.octets());
        bytes.extend([54, 4]);
        bytes.extend(SERVER);
        bytes.push(255);
    }
    bytes
}

/// Runs something of the crowd on this thread.
pub fn runs<T>(work: impl AsyncFnOnce(Arc<Dhcp>) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { work(Arc::new(Dhcp::open())).await })
}

/// A node's life from power on to ready, and one boot more.
pub async fn lives(n: u16, dhcp: Arc<Dhcp>) -> Result<Told, String> {
    let began = Instant::now();
    let node = Node::of(n);
    let lost = |what: String| format!("{} after {:.1?}: {what}", name(n), began.elapsed());
    let (offers, path) = node.loads(&dhcp).await.map_err(lost)?;
    let asked = Instant::now();
    let boot = node.gets(&path).await.map_err(lost)?;
    let script = asked.elapsed();
    let token = token(&boot).ok_or_else(|| lost(format!("no installer in {boot}")))?;
    node.installs(&token, |_| ()).await.map_err(lost)?;
    let again = node.gets(&path).await.map_err(lost)?;
    if self::token(&again).is_some() {
        return Err(lost("it is installed again".into()));
    }
    node.becomes_ready(&token).await.map_err(lost)?;
    Ok(Told { offers, script, life: began.elapsed() })
}

/// The token in a boot script that starts the installer.
pub fn token(script: &str) -> Option<String> {
    script.split("/kickstart/").nth(1)?.get(..32).map(String::from)
}

pub struct Node {
    n: u16,
    address: Ipv4Addr,
    patience: Duration,
}

impl Node {
    pub fn of(n: u16) -> Self {
        Self { n, address: Ipv4Addr::from(address(n)), patience: Duration::from_secs(30) }
    }

    /// Asks again after another time of silence than 30 seconds.
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub fn name(&self) -> String {
        name(self.n)
    }

    /// Where iPXE is sent to; all these cards begin with 52:54 and the address.
    pub fn boot_path(&self) -> String {
        let [a, b, c, d] = self.address.octets();
        format!("/boot/52-54-{a:02x}-{b:02x}-{c:02x}-{d:02x}")
    }

    /// Its boot ROM loads iPXE, which gets an address again; returns how long both offers took, and where the boot
    /// script is.
    pub async fn loads(&self, dhcp: &Dhcp) -> Result<([Duration; 2], String), String> {
        let (first, file) = self.leases(dhcp, "bios-rom-discover", 1).await?;
        let program = self.fetches(&file).await?;
        if program.len() < 10_000 {
            return Err(format!("{file} has {} bytes", program.len()));
        }
        let (second, script) = self.leases(dhcp, "undionly-discover", 2).await?;
        let path = script.split_once("10.77.255.254").map(|(_, path)| path.to_string());
        Ok(([first, second], path.ok_or_else(|| format!("iPXE is sent to {script}"))?))
    }

    /// The reports of its firstboot.
    pub async fn becomes_ready(&self, token: &str) -> Result<(), String> {
        for (number, event) in ["firstboot-started", "step-started", "step-done", "ready"].into_iter().enumerate() {
            let form = format!("event={event}&seq={}&step=02-glusterfs-all/04-start&number=4&total=8", number + 1);
            self.posts(&format!("/report/{token}"), &form, 204).await?;
        }
        Ok(())
    }

    /// Sends one request and returns its answer, whatever it is.
    pub async fn asks_once(&self, path: &str) -> Result<(u16, String), String> {
        let answer = timeout(self.patience, self.call("GET", path, "")).await;
        answer.map_err(|_| format!("{:?} of silence", self.patience))?
    }

    /// Gets its address; returns how long the offer took, and the boot file.
    pub async fn leases(&self, dhcp: &Dhcp, kind: &str, stage: u32) -> Result<(Duration, String), String> {
        let number = u32::from(self.n) << 8 | stage << 1;
        let asked = Instant::now();
        let offer = dhcp.asks(number, &request(kind, self.n, number, None)).await.ok_or("no DHCPOFFER")?;
        let took = asked.elapsed();
        if offer.yiaddr != self.address {
            return Err(format!("{} is offered", offer.yiaddr));
        }
        let chosen = request(kind, self.n, number + 1, Some(offer.yiaddr));
        let ack = dhcp.asks(number + 1, &chosen).await.ok_or("no DHCPACK")?;
        if ack.option(53) != Some(&[5]) {
            return Err(format!("{:?} instead of a DHCPACK", ack.option(53)));
        }
        Ok((took, ack.text(67).map_or(ack.file.clone(), String::from)))
    }

    /// TFTP in lock step, as a boot ROM does it: whatever is not answered within a second is sent again.
    pub async fn fetches(&self, file: &str) -> Result<Vec<u8>, String> {
        let socket = UdpSocket::bind((self.address, 0)).await.map_err(|error| error.to_string())?;
        let mut last = [b"\0\x01", file.as_bytes(), b"\0octet\0blksize\x001468\0"].concat();
        let mut peer = SocketAddr::from((SERVER, 69));
        let (mut content, mut next, mut buffer) = (Vec::new(), 1u16, [0; 2048]);
        let mut silences = 0;
        socket.send_to(&last, peer).await.map_err(|error| error.to_string())?;
        loop {
            let Ok(Ok((length, from))) = timeout(Duration::from_secs(1), socket.recv_from(&mut buffer)).await else {
                silences += 1;
                if silences > 30 {
                    return Err(format!("TFTP is silent after {} bytes", content.len()));
                }
                socket.send_to(&last, peer).await.map_err(|error| error.to_string())?;
                continue;
            };
            silences = 0;
            if peer.port() != 69 && from != peer {
                continue;
            }
            peer = from;
            let block = u16::from_be_bytes([buffer[2], buffer[3]]);
            match buffer[1] {
                6 if next == 1 => last = vec![0, 4, 0, 0],
                6 => {}
                3 if block == next => {
                    content.extend_from_slice(&buffer[4..length]);
                    last = vec![0, 4, buffer[2], buffer[3]];
                    next = next.wrapping_add(1);
                }
                3 => {}
                _ => return Err(format!("TFTP says {}", String::from_utf8_lossy(&buffer[4..length]))),
            }
            socket.send_to(&last, peer).await.map_err(|error| error.to_string())?;
            if buffer[1] == 3 && block == next.wrapping_sub(1) && length < 4 + 1468 {
                return Ok(content);
            }
        }
    }

    /// Installs; tells when it is known to install (2) and to be installed (3).
    pub async fn installs(&self, token: &str, knows: impl Fn(usize)) -> Result<(), String> {
        for file in ["vmlinuz", "initrd.img"] {
            self.gets(&format!("/tree/centos6/images/pxeboot/{file}")).await?;
        }
        let kickstart = self.gets(&format!("/kickstart/{token}")).await?;
        if !kickstart.contains("%include /tmp/rackstart-storage.ks") {
            return Err("a kickstart without its storage section".into());
        }
        let disk = "disk=sda&sectors=488397168&sector_size=512&blank=yes";
        let storage = self.posts(&format!("/permit/{token}"), disk, 200).await?;
        if !storage.contains("clearpart") {
            return Err(format!("no storage commands: {storage}"));
        }
        knows(2);
        self.posts(&format!("/facts/{token}"), FACTS, 204).await?;
        self.posts(&format!("/report/{token}"), "event=installed&seq=3", 204).await?;
        knows(3);
        Ok(())
    }

    pub async fn gets(&self, path: &str) -> Result<String, String> {
        self.calls("GET", path, "", 200).await
    }

    async fn posts(&self, path: &str, form: &str, expected: u16) -> Result<String, String> {
        self.calls("POST", path, form, expected).await
    }

    /// Asks until it is answered, at most for twenty minutes: a server whose power was cut twice may take ten on a busy machine.
    async fn calls(&self, method: &str, path: &str, body: &str, expected: u16) -> Result<String, String> {
        let (mut last, began) = (String::new(), Instant::now());
        for attempt in 0u32.. {
            if began.elapsed() > Duration::from_secs(20 * 60) {
                break;
            }
            match timeout(self.patience, self.call(method, path, body)).await {
                Ok(Ok((status, text))) if status == expected => return Ok(text),
                // Too many reports, or no room just now: a real node waits here too.
                Ok(Ok((429 | 503, text))) => last = text,
                Ok(Ok((status, text))) => return Err(format!("{method} {path}: {status} {text}")),
                Ok(Err(error)) => last = error,
                Err(_) => last = format!("{:?} of silence", self.patience),
            }
            sleep(Duration::from_millis((100 << attempt.min(5)).min(2000))).await;
        }
        Err(format!("{method} {path}: {last}"))
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> Result<(u16, String), String> {
        let said = |error: &dyn std::error::Error| error.to_string();
        let socket = TcpSocket::new_v4().map_err(|error| said(&error))?;
        socket.bind(SocketAddr::from((self.address, 0))).map_err(|error| said(&error))?;
        let stream = socket.connect(SocketAddr::from((SERVER, 80))).await.map_err(|error| said(&error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| said(&error))?;
        let connection = tokio::spawn(connection);
        let kind = if path.starts_with("/facts/") { "text/plain" } else { "application/x-www-form-urlencoded" };
        let mut request = hyper::Request::builder().method(method).uri(path).header("host", "10.77.255.254");
        if method == "POST" {
            request = request.header("content-type", kind);
        }
        let request = request.body(Full::new(Bytes::from(body.to_string()))).expect("a request");
        let response = sender.send_request(request).await.map_err(|error| said(&error))?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| said(&error))?.to_bytes();
        drop(sender);
        connection.abort();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
