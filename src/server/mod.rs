//! Sockets, clocks and tasks. Decides nothing: asks `boot`, `lifecycle` and `render`.

pub mod admin;
pub mod dhcp;
pub mod firmware;
pub mod http;
mod packet;
mod random;
pub mod recent;
pub mod router_advertisement;
pub mod tftp;
mod watchdog;
mod wires;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::unix_now;
use crate::lifecycle::{Event, State, WipeScope};
use crate::render::Renderer;
use crate::site::Site;
use crate::store::{Change, ChangeError, OpenError, Store};
use http::Appliance;
use recent::Recent;

/// How long running transfers may go on after the order to stop.
const GRACE: Duration = Duration::from_secs(10);

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
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store failed while running.
    #[error("the store could not be written: {0}; look at the disk below `server.state`, then start again")]
    Durability(sqlx::Error),
    /// A node could not be armed at start.
    #[error("cannot arm the nodes: {0}")]
    Arming(#[from] ChangeError),
}

/// Every socket bound and the store open, nothing answered yet.
pub struct Bound {
    appliance: Appliance,
    store_task: tokio::task::JoinHandle<Result<(), sqlx::Error>>,
    site: watch::Sender<Arc<Site>>,
    http: TcpListener,
    admin: UnixListener,
    dhcp: dhcp::DhcpServer,
    tftp: tftp::TftpServer,
}

/// Opens the store and binds every socket. `renderer` has proved itself on `site` before.
pub async fn bind(site: Site, renderer: Renderer) -> Result<Bound, ServerError> {
    let server = site.server.clone();
    let fail = |what: String| move |source| ServerError::Bind { what, source };
    let (store, store_task) = Store::open(&server.state).await?;
    let http_address = SocketAddr::from((server.address, server.http_port));
    let http = TcpListener::bind(http_address).await.map_err(fail(format!("HTTP {http_address}")))?;
    let admin = listen_admin(&server.socket).map_err(fail(format!("the socket {}", server.socket.display())))?;
    let dhcp = dhcp::DhcpServer::bind(&server.interface, server.address, 67);
    let dhcp = dhcp.map_err(fail(format!("DHCP port 67 of {}", server.interface)))?;
    let tftp = tftp::TftpServer::bind(Some(&server.interface), server.address, 69);
    let tftp = tftp.map_err(fail(format!("TFTP {}:69", server.address)))?.answer_only(site.network.subnet);
    arm_new_nodes(&site, &store).await?;
    let (site, receiver) = watch::channel(Arc::new(site));
    let appliance =
        Appliance { site: receiver, store, renderer: Arc::new(renderer), recent: Arc::new(Recent::default()) };
    Ok(Bound { appliance, store_task, site, http, admin, dhcp, tftp })
}

/// A node that is in the site file and was never installed is armed by itself, for a blank disk only.
async fn arm_new_nodes(site: &Site, store: &Store) -> Result<(), ChangeError> {
    for node in &site.nodes {
        if matches!(store.record(node.mac).map(|record| record.state), None | Some(State::New)) {
            let event = Event::Armed { id: random::attempt_id(), scope: WipeScope::BlankDiskOnly };
            store.change(node.mac, Change::Event { event, mark: None }).await?;
            tracing::info!(node = %node.name, mac = %node.mac, "armed: its next network boot installs it if its disk is blank");
        }
    }
    Ok(())
}

fn listen_admin(path: &Path) -> std::io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // The lock of the store is held, so a socket that is still there belongs to nobody.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

impl Bound {
    /// Answers until `shutdown`, then lets running transfers finish for a bounded time.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServerError> {
        let Self { appliance, mut store_task, site, http, admin, dhcp, tftp } = self;
        let receiver = site.subscribe();
        let mut tasks = JoinSet::new();
        tasks.spawn(dhcp.run(receiver.clone(), shutdown.clone(), wires::dhcp_observer(&appliance)));
        tasks.spawn(tftp.run(wires::tftp_content(&appliance), shutdown.clone(), wires::tftp_observer(&appliance)));
        if receiver.borrow().network.router_advertisement {
            let (interface, site) = (receiver.borrow().server.interface.clone(), receiver.clone());
            let order = shutdown.clone();
            tasks.spawn(async move { router_advertisement::run(&interface, site, order).await });
        }
        tasks.spawn(watchdog::run(receiver, appliance.store.clone(), shutdown.clone()));
        tasks.spawn(serve_http(http, appliance.clone(), shutdown.clone()));
        tasks.spawn(serve_admin(admin, appliance.clone(), shutdown.clone()));
        drop(appliance);
        tracing::info!("serving");
        let broken = tokio::select! {
            () = shutdown.cancelled() => None,
            ended = &mut store_task => Some(ended),
        };
        shutdown.cancel();
        tracing::info!("stopping: running transfers may finish for {} s", GRACE.as_secs());
        if tokio::time::timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await.is_err() {
            tracing::warn!("transfers were still running and were ended");
        }
        drop(tasks);
        match broken {
            None => Ok(()),
            Some(Ok(Err(error))) => Err(ServerError::Durability(error)),
            Some(_) => Err(ServerError::Durability(sqlx::Error::WorkerCrashed)),
        }
    }
}

async fn serve_http(listener: TcpListener, appliance: Appliance, shutdown: CancellationToken) {
    // Without TCP_NODELAY, Nagle and delayed ACK cost 40 ms per small file.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let service = http::app(appliance).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "HTTP stopped");
    }
}

async fn serve_admin(listener: UnixListener, appliance: Appliance, shutdown: CancellationToken) {
    let service = admin::app(appliance).into_make_service();
    let served = axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the admin API stopped");
    }
}
