//! The complete authorisation matrix, against the real router: 3,072 cells for each secret. `docs/authority.md` has the
//! same table for people.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use tower::ServiceExt;

use super::tests::{FakeNode, SECTORS};
use crate::boot::Plane;
use crate::lifecycle::Event;
use crate::server::api::tests::at_the_socket;
use crate::server::net::neighbours::testing::{THIEF_PORT, Wire};
use crate::site::Mac;
use crate::store::{Change, Record};

/// The cells that are answered with 200. All others are refused: the token must be that of the newest boot, sent from
/// the node's address, with its card behind it, on the provisioning interface, and the MAC header must be right or
/// absent.
const ALLOWED: [(&str, &[&str]); 4] = [
    ("kickstart", &["armed"]),
    ("permit", &["armed", "installing"]),
    ("firstboot", &["installing", "failed"]),
    ("renewal", &["firstboot", "ready"]),
];

const TOKENS: [&str; 8] = ["right", "wrong", "expired", "other node's", "spent", "absent", "truncated", "case-changed"];
const SOURCES: [(&str, &str); 4] = [
    ("leased", "192.168.0.2"),
    ("other node's", "192.168.0.3"),
    ("off-link", "10.9.8.7"),
    ("forwarded for leased", "192.168.0.66"),
];
const HEADERS: [&str; 3] = ["right", "wrong", "absent"];
const CARDS: [&str; 2] = ["match", "mismatch"];
const STATES: [&str; 8] =
    ["new", "armed", "installing", "firstboot", "ready", "failed", "suspect", "armed in maintenance"];
const PLANES: [Plane; 2] = [Plane::Provisioning, Plane::Other];

/// compute2 with a record for each state, and the tokens of its life.
struct Matrix {
    node: FakeNode,
    socket: axum::Router,
    records: Vec<Record>,
    spent: String,
    right: String,
    neighbour: (Mac, Record, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    token: &'static str,
    source: (&'static str, &'static str),
    header: &'static str,
    card: &'static str,
    state: &'static str,
    plane: Plane,
}

impl Cell {
    fn all() -> impl Iterator<Item = Self> {
        TOKENS.into_iter().flat_map(|token| {
            SOURCES.into_iter().flat_map(move |source| {
                HEADERS.into_iter().flat_map(move |header| {
                    CARDS.into_iter().flat_map(move |card| {
                        STATES.into_iter().flat_map(move |state| {
                            PLANES.into_iter().map(move |plane| Self { token, source, header, card, state, plane })
                        })
                    })
                })
            })
        })
    }

    /// Whether everything except token and state is right.
    fn is_at_home(&self) -> bool {
        self.source.0 == "leased" && self.card == "match" && self.header != "wrong"
    }

    /// Whether somebody other than the node presents the token of its boot. A new node has none.
    fn is_theft(&self) -> bool {
        let knows = matches!(self.token, "right" | "expired") && self.state != "new";
        knows && self.plane == Plane::Provisioning && !self.is_at_home()
    }
}

impl FakeNode {
    /// Sets the node's record.
    pub(super) async fn becomes(&self, record: &Record) {
        self.becomes_of(self.mac, record).await;
    }

    /// Sets the record of another node.
    pub(super) async fn becomes_of(&self, mac: Mac, record: &Record) {
        if self.appliance.store.record(mac).as_ref() != Some(record) {
            self.appliance.store.change(mac, Change::Become(Box::new(record.clone()))).await.unwrap();
        }
    }

    /// Makes the node's card appear behind these addresses.
    pub(super) fn sees_its_card_everywhere(&mut self, addresses: [Ipv4Addr; 4]) {
        self.appliance.neighbours = Arc::new(Wire(addresses.map(|address| (address, self.mac)).into()));
    }
}

impl Matrix {
    /// Runs through the life of compute2 over HTTP and keeps its record at every stage.
    async fn new(folder: &Path) -> Self {
        let node = FakeNode::racked(folder).await;
        let spent = node.boots().await.unwrap();
        let right = node.boots().await.unwrap();
        let armed = node.record();
        assert_eq!(node.get(&format!("/kickstart/{right}")).await.status, StatusCode::OK);
        assert_eq!(node.redeems(&right).await.status, StatusCode::OK);
        // The payload is only served after the disks were found as planned; `tests.rs` covers the time before.
        node.attests(&right).await;
        let installing = node.record();
        assert_eq!(node.boots().await, None);
        let failed = node.record();
        node.becomes(&installing).await;
        node.reports(&right, "installed", 9).await;
        let firstboot = node.record();
        node.reports(&right, "ready", 9).await;
        let ready = node.record();
        node.becomes(&armed).await;
        let event = Event::Suspected { why: "a test".into() };
        node.appliance.store.change(node.mac, Change::Event { event, mark: None }).await.unwrap();
        let suspect = node.record();
        let mut maintenance = armed.clone();
        maintenance.flags.maintenance = true;
        let records = vec![Record::new(0), armed, installing, firstboot, ready, failed, suspect, maintenance];
        for (record, state) in records.iter().zip(STATES) {
            assert!(state.starts_with(record.state.word()), "{state}: {:?}", record.state);
        }
        let other = FakeNode { address: "192.168.0.3", mac: "52:54:00:a8:03:01".parse().unwrap(), ..node.clone() };
        other.arm(3, crate::lifecycle::WipeScope::BlankDiskOnly).await;
        let token = other.boots().await.unwrap();
        let neighbour = (other.mac, other.record(), token);
        let mut node = node;
        // From here on the card of compute2 is wherever the cell wants it.
        node.sees_its_card_everywhere(SOURCES.map(|(_, address)| address.parse().unwrap()));
        let socket = at_the_socket(&node.appliance).await;
        Self { node, socket, records, spent, right, neighbour }
    }

    fn path(&self, route: &str, token: &str) -> String {
        let upper = self.right.to_uppercase();
        let text = match token {
            "right" | "expired" => self.right.as_str(),
            "wrong" => "0123456789abcdef0123456789abcdef",
            "other node's" => &self.neighbour.2,
            "spent" => &self.spent,
            "truncated" => &self.right[..31],
            "case-changed" => &upper,
            _ => "",
        };
        let query = if route == "renewal" { self.node.question(&self.right).2 } else { String::new() };
        format!("/{route}/{text}{query}")
    }

    fn request(&self, route: &str, cell: Cell) -> Request<Body> {
        let path = self.path(route, cell.token);
        let mut request = match route {
            "permit" => Request::post(path).header("content-type", "application/x-www-form-urlencoded"),
            _ => Request::get(path),
        };
        if cell.source.0.starts_with("forwarded") {
            request = request.header("x-forwarded-for", "192.168.0.2").header("forwarded", "for=192.168.0.2");
            request = request.header("x-real-ip", "192.168.0.2");
        }
        request = match cell.header {
            "right" => request
                .header("X-RHN-Provisioning-MAC-0", "eth0 52:54:00:a8:02:00")
                .header("X-RHN-Provisioning-MAC-1", "eth1 52:54:00:a8:02:01"),
            "wrong" => request.header("X-RHN-Provisioning-MAC-0", "eth0 52:54:00:a8:03:01"),
            _ => request,
        };
        let form = format!("disk=sda&sectors={SECTORS}&sector_size=512&blank=yes");
        let mut request = request.body(Body::from(form)).unwrap();
        let port = if cell.card == "match" { 40_000 } else { THIEF_PORT };
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(cell.source.1.parse().unwrap(), port)));
        if cell.plane == Plane::Provisioning {
            request.extensions_mut().insert(Plane::Provisioning);
        }
        request
    }

    /// Runs one cell from a clean start; returns the answer, and whether compute2 became suspect by it.
    async fn run(&self, route: &str, cell: Cell) -> (StatusCode, String, bool) {
        let mut record = self.records[STATES.iter().position(|state| *state == cell.state).unwrap()].clone();
        if cell.token == "expired" {
            record.custody.minted = record.custody.minted.saturating_sub(7300);
        }
        self.node.becomes(&record).await;
        let before = record.state.word();
        let (mac, other, _) = &self.neighbour;
        self.node.becomes_of(*mac, other).await;
        let answer = self.node.send(self.request(route, cell)).await;
        if cell.plane == Plane::Other {
            let admin = self.socket.clone().oneshot(self.request(route, cell)).await.unwrap();
            assert_ne!(admin.status(), StatusCode::OK, "the admin API serves {route}");
        }
        let suspect = self.node.state() == "suspect" && before != "suspect";
        (answer.status, answer.text, suspect)
    }
}

#[tokio::test]
async fn exactly_the_documented_cells_are_answered_and_every_theft_rings() {
    let folder = tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).unwrap();
    let matrix = Matrix::new(folder.path()).await;
    for (route, states) in ALLOWED {
        let (mut cells, mut answered, mut rang, mut wrong) = (0, 0, 0, Vec::new());
        for cell in Cell::all() {
            let (status, text, suspect) = matrix.run(route, cell).await;
            // A running system has its token for months; what it gets is sealed.
            let token_counts = cell.token == "right" || (route == "renewal" && cell.token == "expired");
            let expected =
                token_counts && cell.is_at_home() && cell.plane == Plane::Provisioning && states.contains(&cell.state);
            if (status == StatusCode::OK) != expected {
                wrong.push(format!("{route} {cell:?}: {status} {text}"));
            }
            // A node that was already suspect stays so.
            if suspect != (cell.is_theft() && cell.state != "suspect") {
                wrong.push(format!("{route} {cell:?}: suspect {suspect}"));
            }
            if status == StatusCode::NOT_FOUND && text.contains("compute") {
                wrong.push(format!("{route} {cell:?}: 404 says what exists: {text}"));
            }
            cells += 1;
            answered += usize::from(status == StatusCode::OK);
            rang += usize::from(suspect);
        }
        assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
        let tokens = if route == "renewal" { 2 } else { 1 };
        assert_eq!((cells, answered), (3072, 2 * tokens * states.len()), "{route}");
        assert!(rang > 100, "{route}: {rang} thefts rang");
    }
}

#[tokio::test]
async fn the_boot_script_goes_to_the_card_of_the_node_alone_and_only_an_armed_node_finds_a_token_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let matrix = Matrix::new(folder.path()).await;
    for cell in Cell::all().filter(|cell| cell.token == "absent" && cell.header == "absent") {
        let record = &matrix.records[STATES.iter().position(|state| *state == cell.state).unwrap()];
        matrix.node.becomes(record).await;
        let mut request = matrix.request("boot", cell);
        *request.uri_mut() = "/boot/52-54-00-a8-02-01".parse().unwrap();
        let answer = matrix.node.send(request).await;
        let at_home = cell.is_at_home() && cell.plane == Plane::Provisioning;
        assert_eq!(answer.status == StatusCode::OK, at_home, "{cell:?}: {} {}", answer.status, answer.text);
        let installs = answer.text.contains("/kickstart/");
        assert_eq!(installs, at_home && cell.state == "armed", "{cell:?}: {}", answer.text);
    }
}
