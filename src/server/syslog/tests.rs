//! Installers log to a receiver on the loopback interface; 127.0.0.1 stands for compute2.

use super::*;
use crate::lifecycle::{AttemptId, BootToken, Event, WipeScope};
use crate::render::Renderer;
use crate::server::net::neighbours::Arp;
use crate::server::timeline::recent::Note;
use crate::site::testing::paper_site;
use crate::store::Change;

const COMPUTE2: Mac = Mac([0x52, 0x54, 0, 0xa8, 2, 1]);

struct Receiver {
    folder: tempfile::TempDir,
    port: u16,
    notes: mpsc::Receiver<Note>,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    store: Store,
    _site: watch::Sender<Arc<Served>>,
}

impl Receiver {
    async fn started() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, _task) = Store::open(&folder.path().join("state")).await.unwrap();
        let event = Event::Armed { id: AttemptId::from_random([7; 4]), scope: WipeScope::BlankDiskOnly };
        store.change(COMPUTE2, Change::Event { event, mark: None }).await.unwrap();
        let mut site = paper_site();
        site.nodes.iter_mut().find(|node| node.mac == COMPUTE2).unwrap().address = Ipv4Addr::LOCALHOST;
        let (sender, served) = watch::channel(Arc::new(Served::new(site, Renderer::new().unwrap(), 0)));
        let (recent, notes) = Recent::kept();
        let server = SyslogServer::bind("lo", Ipv4Addr::LOCALHOST, 0).unwrap();
        let port = server.udp.local_addr().unwrap().port();
        let shutdown = CancellationToken::new();
        let logs = folder.path().join("logs");
        let task =
            tokio::spawn(server.run(logs, served, Arc::new(recent), store.clone(), Arp::on("lo"), shutdown.clone()));
        Self { folder, port, notes, shutdown, task, store, _site: sender }
    }

    /// Stops the receiver and returns the log of the attempt, and what was noted.
    async fn stopped(mut self) -> (String, Vec<String>) {
        self.shutdown.cancel();
        self.task.await.unwrap();
        let log = std::fs::read_to_string(self.folder.path().join("logs/compute2/07070707.log")).unwrap_or_default();
        let mut notes = Vec::new();
        while let Ok(Note::Moment(moment)) = self.notes.try_recv() {
            notes.push(moment.text);
        }
        (log, notes)
    }

    /// Waits until a line is on the disk.
    async fn has(&self, text: &str) {
        let path = self.folder.path().join("logs/compute2/07070707.log");
        for _ in 0..500 {
            if std::fs::read_to_string(&path).is_ok_and(|log| log.contains(text)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("`{text}` did not arrive in ten seconds");
    }
}

async fn sends(port: u16, stream: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut connection, stream).await.unwrap();
    connection
}

#[tokio::test]
async fn both_transports_end_in_the_log_and_warnings_in_the_timeline() {
    let receiver = Receiver::started().await;
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    udp.send_to(b"<12>Nov 20 08:15:43 localhost kernel: disk is slow", ("127.0.0.1", receiver.port)).await.unwrap();
    let token = BootToken::from_random([0xab; 16]);
    let line = format!("<14>Nov 20 08:15:43 localhost anaconda: ks=http://x/kickstart/{}\n", token.reveal());
    let _open = sends(receiver.port, line.as_bytes()).await;
    let _other = sends(receiver.port, b"<11>Nov 20 08:15:43 localhost program: mkfs\x1b[31m failed\n").await;
    for text in ["disk is slow", "anaconda: ks=", "mkfs"] {
        receiver.has(text).await;
    }
    let (log, mut notes) = receiver.stopped().await;
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(log.contains("/kickstart/TOKEN\n") && !log.contains(token.reveal()), "{log}");
    notes.sort();
    assert_eq!(notes, ["error program: mkfs\\u{1b}[31m failed", "warning kernel: disk is slow"], "an info is no event");
}

#[tokio::test]
async fn only_nodes_are_heard() {
    let receiver = Receiver::started().await;
    let stranger = UdpSocket::bind(("127.0.0.9", 0)).await.unwrap();
    stranger.send_to(b"<8>Nov 20 08:15:43 x evil: words", ("127.0.0.1", receiver.port)).await.unwrap();
    let _open = sends(receiver.port, b"<14>Nov 20 08:15:43 localhost anaconda: mine\n").await;
    receiver.has("mine").await;
    let (log, notes) = receiver.stopped().await;
    assert!(!log.contains("evil") && notes.is_empty(), "{log}{notes:?}");
}

#[tokio::test]
async fn a_node_that_installs_nothing_is_not_heard() {
    let receiver = Receiver::started().await;
    let event = Event::Disarmed;
    receiver.store.change(COMPUTE2, Change::Event { event, mark: None }).await.unwrap();
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    udp.send_to(b"<11>Nov 20 08:15:43 x evil: words", ("127.0.0.1", receiver.port)).await.unwrap();
    let event = Event::Armed { id: AttemptId::from_random([7; 4]), scope: WipeScope::BlankDiskOnly };
    tokio::time::sleep(Duration::from_millis(300)).await;
    receiver.store.change(COMPUTE2, Change::Event { event, mark: None }).await.unwrap();
    udp.send_to(b"<14>Nov 20 08:15:43 x anaconda: mine", ("127.0.0.1", receiver.port)).await.unwrap();
    receiver.has("mine").await;
    let (log, notes) = receiver.stopped().await;
    assert!(!log.contains("evil") && notes.is_empty(), "{log}{notes:?}");
}

#[tokio::test]
async fn a_node_that_was_switched_off_without_closing_finds_a_place_again() {
    let receiver = Receiver::started().await;
    let mut left_behind = Vec::new();
    for _ in 0..10 {
        left_behind.push(sends(receiver.port, b"<14>cut in the mid").await);
    }
    let _open = sends(receiver.port, b"<14>Nov 20 08:15:43 localhost anaconda: after the reboot\n").await;
    receiver.has("after the reboot").await;
    receiver.stopped().await;
}
