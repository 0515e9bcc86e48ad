//! A thousand nodes with a past, the API that lists them, and the nodes that are being installed meanwhile.

use std::net::SocketAddr;
use std::path::Path;
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
use rackstart::site::{Mac, Site};
use rackstart::store::{Change, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A machine that is not in the site file and asked.
const STRANGER: Mac = Mac([0x52, 0x54, 0, 0xaa, 0xbb, 2]);
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
                let site = site(folder.path(), nodes);
                let (store, _task) = Store::open(&folder.path().join("state")).await.expect("a store");
                give_past(&store, &site, events).await;
                let macs: Vec<Mac> = site.nodes.iter().map(|node| node.mac).collect();
                let (opened, app) = open(site, folder.path(), &store, order.clone()).await;
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

/// The site, whose file is in the folder, but for one node that was edited since it was loaded.
fn site(folder: &Path, nodes: usize) -> Site {
    let images = folder.join("tree/images/pxeboot");
    std::fs::create_dir_all(&images).expect("a folder");
    for file in ["vmlinuz", "initrd.img"] {
        std::fs::write(images.join(file), "x").expect("a file");
    }
    std::fs::write(folder.join("tree/.treeinfo"), "[general]\nversion = 6.10\n").expect("a file");
    let head = rackstart::config::EXAMPLE.split("\n[[node]]").next().expect("a head");
    let mut text = head
        .replace("192.168.0.254", "10.0.255.254")
        .replace("192.168.0.0/24", "10.0.0.0/16")
        .replace("192.168.0.1", "10.0.255.253")
        .replace("/srv/rackstart/centos6", &folder.join("tree").display().to_string());
    for n in 0..nodes {
        let [_, _, high, low] = (n as u32).to_be_bytes();
        let (role, outside) = match n {
            0 => ("gateway", "{ name = \"eth0\", mac = \"02:01:00:00:00:00\", network = \"public\" },"),
            1 => ("controller", ""),
            _ => ("compute", ""),
        };
        let address = if n == 0 { "10.0.255.253".into() } else { format!("10.0.{}.{low}", high + 1) };
        text += &format!(
            "\n[[node]]\nname = \"node{n:04}\"\nrole = \"{role}\"\naddress = \"{address}\"\nplace = \"r{}u{}\"\n\
             disk = {{ name = \"sda\", sectors = 488397168 }}\n\
             nics = [{outside} {{ name = \"eth1\", mac = \"02:00:00:00:{high:02x}:{low:02x}\", network = \"lan\" }}]\n",
            n / 40 + 1,
            n % 40 + 1
        );
    }
    text += "\n[variables]\nvm_network = \"172.16.0.0/24\"\n"; // the default lies in the network above
    let site = rackstart::config::parse(&text, "the site").unwrap_or_else(|problems| panic!("{problems}"));
    let edited = text.replace("name = \"node0500\"\n", "name = \"node0500\"\nkernel_args = \"console=ttyS0\"\n");
    std::fs::write(folder.join("rackstart.toml"), edited).expect("a site file");
    let listen = "127.0.0.1:0".parse().expect("an address");
    Site { api: Some(rackstart::site::Api { listen, hosts: Vec::new() }), ..site }
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

async fn open(site: Site, folder: &Path, store: &Store, order: CancellationToken) -> (String, axum::Router) {
    let renderer = Renderer::new().expect("templates");
    let (_sender, served) = watch::channel(Arc::new(Served::new(site, renderer, 0)));
    let appliance = Appliance::new(served, store.clone(), Arp::on("lo"));
    let keeper = Keeper::open(store.clone()).await.expect("tokens");
    let token = keeper.create("bench", Role::Admin, None, &Actor::daemon()).await.expect("a token");
    appliance.heard(STRANGER, 7);
    let source = Source { file: folder.join("rackstart.toml"), templates: None };
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
