//! A running server with known content, and a window on what it has seen.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use rackstart::server::tftp::{Bytes, Found, NotServed, Seen, TftpContent, TftpServer};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Machines of 127.66.0.0/16 are strangers.
pub const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 66, 0, 1);

/// Machines of 127.67.0.0/16 were lent their addresses.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(127, 67, 0, 1);

/// Publishes exactly these names.
#[derive(Default)]
pub struct Published(pub HashMap<String, Bytes>);

impl TftpContent for Published {
    fn open(&self, _: Ipv4Addr, name: &str) -> Result<Found, NotServed> {
        if name == "panic" {
            // Like a panic inside the look-up, without its lines in the test output.
            std::panic::resume_unwind(Box::new("content that fails inside"));
        }
        self.0
            .get(name)
            .cloned()
            .map(Found::Now)
            .ok_or_else(|| NotServed { text: format!("no boot file `{name}` here") })
    }

    fn knows(&self, client: Ipv4Addr) -> bool {
        client.octets()[1] != STRANGER.octets()[1]
    }

    fn is_node(&self, client: Ipv4Addr) -> bool {
        self.knows(client) && client.octets()[1] != GUEST.octets()[1]
    }
}

pub struct TestServer {
    pub address: SocketAddrV4,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<()>,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl TestServer {
    /// Serves one file, `nbp`.
    pub async fn with(content: impl Into<Bytes>) -> Self {
        Self::serving(HashMap::from([("nbp".to_string(), content.into())])).await
    }

    pub async fn serving(content: HashMap<String, Bytes>) -> Self {
        let server = TftpServer::bind(None, Ipv4Addr::LOCALHOST, 0).expect("a free port");
        Self::run(server, content)
    }

    pub fn run(server: TftpServer, content: HashMap<String, Bytes>) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let observer = Arc::new(move |one| {
            let _ = sender.send(one);
        });
        let (address, shutdown) = (server.local_addr(), CancellationToken::new());
        let task = tokio::spawn(server.run(Arc::new(Published(content)), shutdown.clone(), observer));
        Self { address, shutdown, task, seen }
    }

    /// The next request that is over.
    pub async fn seen(&mut self) -> Seen {
        let next = tokio::time::timeout(Duration::from_secs(120), self.seen.recv()).await;
        next.expect("a request that ends").expect("the server runs")
    }

    /// The requests that are over and were not looked at yet.
    pub fn all_seen(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

/// Content in which every block differs.
pub fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at ^ (at >> 8).wrapping_mul(7) ^ (at >> 16).wrapping_mul(13)) as u8).collect()
}
