//! Sockets, clocks and tasks. Decides nothing: asks `boot`, `lifecycle` and `render`.

pub mod admin;
pub mod dhcp;
mod engines;
pub mod firmware;
pub mod http;
mod key;
mod log_limit;
pub mod machines;
pub mod neighbours;
pub mod operate;
mod packet;
mod pinned;
mod random;
pub mod recent;
pub mod router_advertisement;
#[cfg(test)]
mod simulation;
pub mod texts;
pub mod tftp;
pub mod vault;
pub mod wash;
mod watchdog;
mod wires;

use std::net::SocketAddrV4;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Extension;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::boot::Plane;
use crate::clock::unix_now;
use crate::lifecycle::{Event, WipeScope};
use crate::render::Renderer;
use crate::secrets::Redactor;
use crate::site::Site;
use crate::store::{Change, ChangeError, OpenError, SecretsError, Store};
use engines::{Engines, StoreTask};
use http::{Appliance, listen};

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
    /// Something else lies where the admin socket belongs.
    #[error("{0} is not a socket, so it was left alone; name another place in `server.socket`")]
    NotASocket(PathBuf),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store failed while running.
    #[error("the store could not be written: {0}; look at the disk below `server.state`, then start again")]
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
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A node could not be armed at start.
    #[error("cannot arm the nodes: {0}")]
    Arming(#[from] ChangeError),
}

/// Every socket bound and the store open, nothing answered yet.
pub struct Bound {
    appliance: Appliance,
    store_task: StoreTask,
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
    let key = key::read(&site.key)?;
    store.open_secrets(key.as_ref().map(|key| key.as_slice()), &site.blueprint).await?;
    let http_address = SocketAddrV4::new(server.address, server.http_port);
    let http = listen::bind(&server.interface, http_address);
    let http = http.map_err(fail(format!("HTTP {http_address} of {}", server.interface)))?;
    let admin = listen_admin(&server.socket)?;
    let dhcp = dhcp::DhcpServer::bind(&server.interface, server.address, 67);
    let dhcp = dhcp.map_err(fail(format!("DHCP port 67 of {}", server.interface)))?;
    let tftp = tftp::TftpServer::bind(Some(&server.interface), server.address, 69);
    let tftp = tftp.map_err(fail(format!("TFTP {}:69", server.address)))?.answer_only(site.network.subnet);
    watchdog::look(&site, &store, unix_now(), unix_now()).await;
    arm_new_nodes(&site, &store).await?;
    let (site, receiver) = watch::channel(Arc::new(site));
    let (recent, strangers) = (Arc::default(), Arc::default());
    let (neighbours, machines) = (neighbours::Arp::on(&server.interface), Arc::default());
    let renderer = Arc::new(renderer);
    let appliance = Appliance { site: receiver, store, renderer, recent, strangers, neighbours, machines };
    Ok(Bound { appliance, store_task, site, http, admin, dhcp, tftp })
}

/// The admin API of a store that no daemon uses, and the task to wait for when the API is gone.
pub async fn at_rest(site: Site, renderer: Renderer) -> Result<(axum::Router, StoreTask), ServerError> {
    let (store, task) = Store::open(&site.server.state).await?;
    let key = key::read(&site.key)?;
    store.open_secrets(key.as_ref().map(|key| key.as_slice()), &site.blueprint).await?;
    let (_, site) = watch::channel(Arc::new(site));
    let (recent, strangers, renderer) = (Arc::default(), Arc::default(), Arc::new(renderer));
    let (neighbours, machines) = (neighbours::Arp::on(&site.borrow().server.interface), Arc::default());
    let appliance = Appliance { site, store, renderer, recent, strangers, neighbours, machines };
    Ok((vault::routes().with_state(appliance), task))
}

/// A node that is in the site file and was never installed is armed by itself, for a blank disk only; unless an operator
/// said otherwise of it, or of the whole site.
async fn arm_new_nodes(site: &Site, store: &Store) -> Result<(), ChangeError> {
    for node in &site.nodes {
        if !operate::is_armed_by_itself(store.record(node.mac).as_ref()) {
            continue;
        }
        let event = Event::Armed { id: random::attempt_id(), scope: WipeScope::BlankDiskOnly };
        match store.change(node.mac, Change::Event { event, mark: None }).await {
            Ok(_) => {
                tracing::info!(node = %node.name, mac = %node.mac, "armed: its next network boot installs it if its disk is blank");
            }
            Err(ChangeError::Refused(refused)) => {
                tracing::info!(node = %node.name, mac = %node.mac, %refused, "not armed by itself");
            }
            Err(stopped) => return Err(stopped),
        }
    }
    Ok(())
}

fn listen_admin(path: &Path) -> Result<UnixListener, ServerError> {
    // The lock of the store is held, so a socket that is still there belongs to nobody.
    let is_left_over = match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(ServerError::NotASocket(path.into())),
        found => found.is_ok(),
    };
    let listen = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if is_left_over {
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    listen().map_err(|source| ServerError::Bind { what: format!("the socket {}", path.display()), source })
}

impl Bound {
    /// Knows the secrets of every moment, so that the log can do without them.
    pub fn redactor(&self) -> impl Fn() -> Arc<Redactor> + Send + Sync + use<> {
        self.appliance.store.redactors()
    }

    /// Answers until `shutdown`, then lets running transfers finish for a bounded time and closes the store.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServerError> {
        let Self { appliance, store_task, site, http, admin, dhcp, tftp } = self;
        let receiver = site.subscribe();
        let (server, nodes) = (receiver.borrow().server.clone(), receiver.borrow().nodes.len());
        let mut engines = Engines::new(shutdown.clone());
        engines.start("DHCP", dhcp.run(receiver.clone(), shutdown.clone(), wires::dhcp_observer(&appliance)));
        let tftp_observer = wires::tftp_observer(&appliance);
        engines.start("TFTP", tftp.run(wires::tftp_content(&appliance), shutdown.clone(), tftp_observer));
        if receiver.borrow().network.router_advertisement {
            let (interface, site) = (receiver.borrow().server.interface.clone(), receiver.clone());
            let order = shutdown.clone();
            // It cannot work without IPv6; then it waits for the order to stop like the others.
            let run = async move { router_advertisement::run(&interface, site, order).await };
            engines.start("router advertisement", run);
        }
        engines.start("the watchdog", watchdog::run(receiver, appliance.store.clone(), shutdown.clone()));
        let app = http::app(appliance.clone()).layer(Extension(Plane::Provisioning));
        engines.start("HTTP", listen::serve(http, app, listen::Limits::default(), shutdown.clone()));
        engines.start("the admin API", serve_admin(admin, appliance, shutdown));
        tracing::info!(
            interface = %server.interface, address = %server.address, http_port = server.http_port, nodes,
            "serving DHCP, TFTP and HTTP"
        );
        engines.run(store_task).await
    }
}

async fn serve_admin(listener: UnixListener, appliance: Appliance, shutdown: CancellationToken) {
    let service = admin::app(appliance).into_make_service_with_connect_info::<admin::Peer>();
    let served = axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the admin API stopped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_old_admin_socket_is_replaced_and_anything_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/sock");
        drop(listen_admin(&path).unwrap());
        assert!(path.exists(), "a killed daemon leaves its socket");
        listen_admin(&path).expect("it is replaced");
        let notes = folder.path().join("notes");
        std::fs::write(&notes, "dear").unwrap();
        assert!(matches!(listen_admin(&notes), Err(ServerError::NotASocket(_))));
        assert_eq!(std::fs::read_to_string(&notes).unwrap(), "dear");
    }
}
