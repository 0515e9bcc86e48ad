//! Sockets, clocks and tasks. Decides nothing: asks `boot`, `lifecycle` and `render`.

pub mod admin;
pub mod alarms;
pub mod api;
mod arming;
mod at_rest;
pub mod capacity;
pub mod dhcp;
pub mod dns;
mod engines;
pub mod firmware;
pub mod health;
pub mod http;
mod keeper;
mod key;
mod log_limit;
pub mod log_queue;
pub mod logs;
mod lookout;
pub mod machines;
pub mod neighbours;
mod notify;
pub mod ntp;
pub mod operate;
mod optional;
mod pace;
mod packet;
mod pinned;
mod privileges;
mod random;
pub mod recent;
pub mod reload;
pub mod rivals;
pub mod router_advertisement;
pub mod served;
#[cfg(test)]
mod simulation;
pub mod socket;
mod store_alarms;
pub mod story;
pub mod syslog;
pub mod tell;
pub mod texts;
pub mod tftp;
mod threads;
pub mod vault;
pub mod wash;
mod watchdog;
mod wires;

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Extension;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::audit::Actor;
use crate::boot::Plane;
use crate::clock::unix_now;
use crate::lifecycle::InstalledAs;
use crate::render::Renderer;
use crate::secrets::Redactor;
use crate::site::{KeySource, Server, Site};
use crate::store::{Change, ChangeError, OpenError, Record, SecretsError, Store};
use api::Api;
use api::keeper::Keeper;
use arming::Unarmed;
use engines::{Engines, StoreTask};
use health::Health;
use http::{Appliance, Renewals, listen};
use log_queue::LogLines;
use lookout::Lookout;
use optional::Optional;
use recent::{Note, Recent};
use reload::{Reloader, Source};
use rivals::Rivals;
use threads::PacketThread;

pub use at_rest::{Need, Resting, at_rest, rekey, renew_secrets, try_key};
pub use served::{RefusedReload, Served};
pub use threads::runtime;

/// Why the daemon cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A socket cannot be had.
    #[error("cannot listen on {what}: {source}")]
    Bind {
        /// Protocol and address.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// The system has no thread left.
    #[error("cannot start the thread of DHCP and TFTP: {0}")]
    Thread(std::io::Error),
    /// Something else lies where the admin socket belongs.
    #[error("{0} is not a socket, so it was left alone; name another place in `server.socket`")]
    NotASocket(PathBuf),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store failed while running.
    #[error("the store failed: {0}; look at the disk below `server.state`, then start again")]
    Durability(sqlx::Error),
    /// An engine ended before anybody told it to.
    #[error("{engine} {how}, so the daemon stopped; start it again, the log says more")]
    Engine {
        /// Which.
        engine: &'static str,
        /// What became of it.
        how: String,
    },
    /// The key of the secrets cannot be had.
    #[error(transparent)]
    Key(#[from] key::KeyError),
    /// The secrets cannot be had.
    #[error("{source} (the store {}{key})", store.display())]
    Secrets {
        /// Where they lie.
        store: PathBuf,
        /// Where the site file says that their key is.
        key: String,
        /// Why.
        source: SecretsError,
    },
    /// A node could not be armed at start.
    #[error("cannot arm the nodes: {0}")]
    Arming(#[from] ChangeError),
    /// The tokens of the API could not be read.
    #[error("cannot read the tokens of the API: {0}")]
    Tokens(ChangeError),
}

impl ServerError {
    /// With the files that it is about.
    fn secrets(site: &Site, source: SecretsError) -> Self {
        let key = match &site.key {
            KeySource::None => String::new(),
            key => format!(", its key {key}"),
        };
        Self::Secrets { store: site.server.state.clone(), key, source }
    }
}

/// Every socket bound and the store open, nothing answered yet.
pub struct Bound {
    appliance: Appliance,
    packets: PacketThread,
    store_task: StoreTask,
    rivals: Arc<Rivals>,
    lookout: Option<Lookout>,
    reloader: Reloader,
    unarmed: Unarmed,
    notes: mpsc::Receiver<Note>,
    http: TcpListener,
    admin: UnixListener,
    api: Option<TcpListener>,
    tokens: Arc<Keeper>,
    dhcp: dhcp::DhcpServer,
    tftp: tftp::TftpServer,
    optional: Optional,
}

/// Opens the store and binds every socket. `renderer` has proved itself on `site` before; a reload reads `source`; `log` is
/// shown among the metrics. `stopped_by`: who wants all installations stopped before anything is armed. Must be called within the runtime of [`runtime`].
pub async fn bind(
    site: Site,
    renderer: Renderer,
    source: Source,
    log: Arc<LogLines>,
    stopped_by: Option<Actor>,
) -> Result<Bound, ServerError> {
    let server = site.server.clone();
    capacity::raise_descriptors();
    let fail = |what: String| move |source| ServerError::Bind { what, source };
    let is_new = !crate::store::exists(&server.state);
    let (store, store_task) = Store::open(&server.state).await?;
    if is_new {
        tracing::warn!(
            nodes = site.nodes.len(),
            "there was no store in {}: it is made now, with new passwords, and every node counts as never installed; if there \
             were installed nodes, stop this daemon and run `rackstart restore`",
            server.state.display()
        );
    }
    if let Some(who) = stopped_by {
        operate::stop_store(&store, &who, &site.name).await?;
    }
    remind_of_former_stores(&server.state);
    let key = key::read(&site.key)?;
    let opened = store.open_secrets(key.as_ref().map(|key| key.as_slice()), &site.blueprint).await;
    opened.map_err(|source| ServerError::secrets(&site, source))?;
    let http_address = SocketAddrV4::new(server.address, server.http_port);
    let http = listen::bind(&server.interface, http_address);
    let http = http.map_err(fail(format!("HTTP {http_address} of {}", server.interface)))?;
    let admin = socket::listen(&server.socket, server.socket_group.as_deref())?;
    let dhcp = dhcp::DhcpServer::bind(&server.interface, server.address, 67);
    let dhcp = dhcp.map_err(fail(format!("DHCP port 67 of {}", server.interface)))?;
    let alarms = Arc::default();
    let rivals = Arc::new(Rivals::new(Arc::clone(&alarms)));
    let dhcp = dhcp.beside(rivals.clone());
    let packets = PacketThread::start().map_err(ServerError::Thread)?;
    let lookout = look_out(&packets, &server, rivals.clone()).await;
    let tftp = {
        let _within = packets.handle().enter();
        tftp::TftpServer::bind(Some(&server.interface), server.address, 69)
    };
    let tftp = tftp.map_err(fail(format!("TFTP {}:69", server.address)))?.answer_only(site.network.subnet);
    let api = match &site.api {
        Some(api) => {
            let listener = api::bind(api.listen, &server.interface).await;
            Some(listener.map_err(fail(format!("{} (the API)", api.listen)))?)
        }
        None => None,
    };
    let tokens = Keeper::open(store.clone()).await.map_err(ServerError::Tokens)?;
    let optional = Optional::bind(&server, &packets)?;
    watchdog::resume_drains(&store, unix_now()).await;
    watchdog::look(&site, &store, unix_now(), unix_now()).await;
    record_what_is_installed(&site, &store).await?;
    let unarmed = Unarmed::default();
    unarmed.arm_new(&site, &store).await?;
    let (sender, served) = watch::channel(Arc::new(Served::new(site, renderer, unix_now())));
    let reloader = Reloader::new(source, sender, store.clone(), unarmed.clone());
    let (recent, notes) = Recent::kept();
    let (neighbours, machines) = (neighbours::Arp::on(&server.interface), Arc::default());
    let (recent, strangers) = (Arc::new(recent), Arc::default());
    let health = Arc::new(Health { alarms, dhcp: dhcp.counters(), log, ..Health::default() });
    let (reports, renewals) = (Arc::default(), Arc::new(Renewals::since(unix_now())));
    let appliance = Appliance { served, store, recent, strangers, reports, neighbours, machines, health, renewals };
    Ok(Bound {
        appliance,
        packets,
        store_task,
        rivals,
        lookout,
        reloader,
        unarmed,
        notes,
        http,
        admin,
        api,
        tokens,
        dhcp,
        tftp,
        optional,
    })
}

/// Looks for other DHCP servers once, before anything is answered.
async fn look_out(packets: &PacketThread, server: &Server, rivals: Arc<Rivals>) -> Option<Lookout> {
    let opened = {
        let _within = packets.handle().enter();
        Lookout::open(&server.interface, rivals)
    };
    match opened {
        Ok(lookout) if server.allows_rivals => Some(lookout),
        Ok(lookout) => packets.handle().spawn(lookout.before_start()).await.ok(),
        Err(error) => {
            let interface = &server.interface;
            tracing::warn!(interface, "cannot look out for other DHCP servers ({error}): CAP_NET_RAW would help");
            None
        }
    }
}

/// What a restore moved aside holds passwords, and is easily forgotten.
fn remind_of_former_stores(state: &Path) {
    for aside in crate::store::set_aside(state).unwrap_or_default() {
        let path = aside.path.display();
        tracing::warn!(
            "a restore left the former store {path}, which holds passwords: when you are content, rm {path}"
        );
    }
}

/// What nodes were installed as was not recorded once: it is taken from the site file, the last time that this is believed.
async fn record_what_is_installed(site: &Site, store: &Store) -> Result<(), ChangeError> {
    for node in &site.nodes {
        let lacks = |record: &Record| record.installed_as.is_none() && record.has_system();
        if !store.record(node.mac).as_ref().is_some_and(lacks) {
            continue;
        }
        let change = Change::InstalledAs(Box::new(InstalledAs::of(site, node)));
        match store.change(node.mac, change).await {
            // Without room it is tried at the next start or reload.
            Ok(_) | Err(ChangeError::Refused(_) | ChangeError::NoRoom) => {}
            Err(stopped) => return Err(stopped),
        }
    }
    Ok(())
}

impl Bound {
    /// Knows the secrets of every moment, so that the log can do without them.
    pub fn redactor(&self) -> impl Fn() -> Arc<Redactor> + Send + Sync + use<> {
        self.appliance.store.redactors()
    }

    /// Takes over an edited site file while the daemon runs.
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Answers until `shutdown`, then lets running transfers finish for a bounded time and closes the store.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServerError> {
        let Self {
            appliance,
            packets,
            store_task,
            rivals,
            lookout,
            reloader,
            unarmed,
            notes,
            http,
            admin,
            api,
            tokens,
            dhcp,
            tftp,
            optional,
        } = self;
        let receiver = appliance.served.clone();
        let site = appliance.site();
        let (server, nodes) = (&site.server, site.nodes.len());
        let mut engines = Engines::new(shutdown.clone());
        let dhcp = dhcp.run(receiver.clone(), shutdown.clone(), wires::dhcp_observer(&appliance));
        engines.start_on(packets.handle(), "DHCP", dhcp);
        let tftp =
            tftp.run(wires::tftp_content(&appliance, rivals), shutdown.clone(), wires::tftp_observer(&appliance));
        engines.start_on(packets.handle(), "TFTP", tftp);
        if let Some(lookout) = lookout {
            let run = lookout.run(receiver.clone(), shutdown.clone());
            engines.start_on(packets.handle(), "the look-out for other DHCP servers", run);
        }
        if site.network.router_advertisement {
            let (interface, newest, order) = (server.interface.clone(), receiver.clone(), shutdown.clone());
            // It cannot work without IPv6; then it waits for the order to stop like the others.
            let run = async move { router_advertisement::run(&interface, newest, order).await };
            engines.start_on(packets.handle(), "router advertisement", run);
        }
        let (recent, store) = (appliance.recent.clone(), appliance.store.clone());
        let keeper = keeper::run(recent, notes, receiver.clone(), store, appliance.health.clone(), shutdown.clone());
        engines.start("the keeper of the timelines", keeper);
        let watchdog = watchdog::run(appliance.clone(), unarmed, shutdown.clone());
        engines.start("the watchdog", watchdog);
        optional.start(&mut engines, &packets, &appliance, &shutdown);
        let app = http::app(appliance.clone()).layer(Extension(Plane::Provisioning));
        engines.start("HTTP", listen::serve(http, app, wires::Rack::of(&appliance), shutdown.clone()));
        let desk = api::console::routes(tokens.clone(), api.is_some());
        let console = reload::routes(reloader).merge(desk).merge(admin::app(appliance.clone()));
        let group = server.socket_group.clone();
        engines.start("the admin socket", socket::serve(admin, console, group, shutdown.clone()));
        engines.start("whoever tells people", tell::run(appliance.clone(), shutdown.clone()));
        match api {
            Some(listener) => {
                let app = api::routes::app(Api::new(appliance, tokens, shutdown.clone()));
                engines.start("the API", listen::serve(listener, app, api::limits(), shutdown.clone()));
            }
            // Whoever holds the store keeps it from being closed.
            None => drop((appliance, tokens)),
        }
        engines.start("the sign of life", notify::keep_alive(packets.handle().clone(), shutdown));
        tracing::info!(
            interface = %server.interface, address = %server.address, http_port = server.http_port, nodes,
            "serving DHCP, TFTP and HTTP"
        );
        if let Some(advice) = privileges::advice() {
            tracing::warn!("{advice}");
        }
        notify::ready();
        engines.run(store_task).await
    }
}
