//! A thousand nodes with a past, the API that lists them, and the nodes that are being installed meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rackstart::audit::Actor;
use rackstart::lifecycle::{AttemptId, BootToken, Event, InstalledAs, WipeScope};
use rackstart::plan;
use rackstart::render::Renderer;
use rackstart::server::Served;
use rackstart::server::api::keeper::Keeper;
use rackstart::server::api::role::Role;
use rackstart::server::api::{self, Api, routes};
use rackstart::server::appliance::Appliance;
use rackstart::server::net::listen;
use rackstart::server::net::neighbours::Arp;
use rackstart::server::operate::arming::Unarmed;
use rackstart::server::operate::reload::{Reloader, Source};
use rackstart::site::{Mac, Node, Site};
use rackstart::store::{Change, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How many nodes are installed at the same time.
const INSTALLING: usize = 100;

/// The daemon's part of the bench, in a thread of its own.
pub struct Crowd {
    /// Where the API is.
    pub address: SocketAddr,
    /// Opens it.
    pub token: String,
    rate: watch::Sender<u64>,
    written: Arc<AtomicU64>,
    shutdown: CancellationToken,
    thread: JoinHandle<()>,
}

struct Opened {
    address: SocketAddr,
    token: String,
}

impl Crowd {
    /// Racks `nodes`, gives each one `events`, and opens the API.
    pub fn racked(nodes: usize, events: usize) -> Self {
        let (tell, told) = std::sync::mpsc::channel();
        let (rate, reports) = watch::channel(0);
        let (written, shutdown) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let (counter, order) = (written.clone(), shutdown.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let folder = tempfile::tempdir().expect("a folder");
                let site = site(nodes);
                let (store, _task) = Store::open(&folder.path().join("state")).await.expect("a store");
                give_past(&store, &site, events).await;
                let macs: Vec<Mac> = site.nodes.iter().map(|node| node.mac).collect();
                let (opened, app) = open(site, &store, order.clone()).await;
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let address = listener.local_addr().expect("an address");
                tell.send(Opened { address, token: opened }).expect("somebody listens");
                for mac in macs.into_iter().take(INSTALLING) {
                    tokio::spawn(install(store.clone(), mac, reports.clone(), counter.clone()));
                }
                listen::serve(listener, app, api::limits(), order).await;
            });
        });
        let Opened { address, token } = told.recv().expect("the API opens");
        Self { address, token, rate, written, shutdown, thread }
    }

    /// From now on all nodes that are being installed send `a_second` reports a second between them.
    pub fn report(&self, a_second: u64) {
        self.rate.send_replace(a_second);
    }

    /// The number of changes that were made durable so far.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub fn stop(self) {
        self.shutdown.cancel();
        self.thread.join().expect("it ended well");
    }
}

fn site(nodes: usize) -> Site {
    let site = rackstart::config::parse(rackstart::config::EXAMPLE, "the example").expect("the example is a site");
    let compute = site.nodes.iter().find(|node| node.role == "compute").expect("a compute node").clone();
    let node = |n: usize| {
        let [_, _, high, low] = (n as u32).to_be_bytes();
        let name = format!("node{n:04}").parse().expect("a name");
        let address = std::net::Ipv4Addr::new(10, 0, high, low);
        Node { name, mac: Mac([2, 0, 0, 0, high, low]), address, ..compute.clone() }
    };
    let listen = "127.0.0.1:0".parse().expect("an address");
    let api = Some(rackstart::site::Api { listen, hosts: Vec::new() });
    Site { nodes: (0..nodes).map(node).collect(), api, ..site }
}

/// Gives each node a past: it was armed, booted its installer, and sent reports.
async fn give_past(store: &Store, site: &Site, events: usize) {
    let mut nodes = tokio::task::JoinSet::new();
    for (n, node) in site.nodes.iter().enumerate() {
        let (store, mac, plan) = (store.clone(), node.mac, plan::plan(node).expect("a plan"));
        let installed_as = Box::new(InstalledAs::of(site, node));
        nodes.spawn(async move {
            let id = AttemptId::from_random((n as u32).to_be_bytes());
            let token = BootToken::from_random((n as u128).to_be_bytes()).hash();
            let armed = Change::Event { event: Event::Armed { id, scope: WipeScope::BlankDiskOnly }, mark: None };
            store.change(mac, armed).await.expect("armed");
            let boot = Change::Boot { token: token.clone(), plan: Box::new(plan), installed_as };
            store.change(mac, boot).await.expect("booted");
            for event in 2..events {
                store.change(mac, said(event as u64)).await.expect("said");
            }
        });
    }
    nodes.join_all().await;
}

fn said(number: u64) -> Change {
    let mark = ["kickstart", "permit", "attested", "installed", "step-started", "step-done"][number as usize % 6];
    let detail = format!("02-glusterfs-all/{number:02}-replicate: brick on /export/gluster, volume vm-instances");
    Change::Mark { mark, detail }
}

async fn open(site: Site, store: &Store, order: CancellationToken) -> (String, axum::Router) {
    let renderer = Renderer::new().expect("templates");
    let (_sender, served) = watch::channel(Arc::new(Served::new(site, renderer, 0)));
    let appliance = Appliance::new(served, store.clone(), Arp::on("lo"));
    let keeper = Keeper::open(store.clone()).await.expect("tokens");
    let token = keeper.create("bench", Role::Viewer, None, &Actor::daemon()).await.expect("a token");
    let source = Source { file: "nothing-is-reloaded".into(), templates: None };
    let (sender, _) = watch::channel(appliance.served());
    let reloader = Reloader::new(source, sender, store.clone(), Unarmed::default());
    (token.reveal().into(), routes::app(Api::new(appliance, keeper, reloader, order)))
}

/// One node sends a report whenever it is its turn.
async fn install(store: Store, mac: Mac, mut rate: watch::Receiver<u64>, written: Arc<AtomicU64>) {
    for number in 0.. {
        let a_second = *rate.borrow_and_update();
        if a_second == 0 {
            if rate.changed().await.is_err() {
                return;
            }
            // The nodes must not all begin at the same moment.
            tokio::time::sleep(Duration::from_millis(u64::from(mac.0[5]) * 10)).await;
            continue;
        }
        if store.change(mac, said(number)).await.is_err() {
            return;
        }
        written.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(INSTALLING as u64) / u32::try_from(a_second).unwrap_or(1)).await;
    }
}
