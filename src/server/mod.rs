//! Sockets, clocks and tasks. This module decides nothing: it asks `boot`, `lifecycle` and `render`.

pub(crate) mod alarms;
mod answer;
pub mod api;
pub mod appliance;
pub(crate) mod bmc;
mod by_mac;
pub mod capacity;
pub mod dhcp;
pub(crate) mod dns;
mod engines;
mod error;
pub(crate) mod firmware;
pub(crate) mod health;
mod key;
mod lock;
pub(crate) mod log_queue;
pub mod net;
pub(crate) mod nodes;
mod notify;
pub(crate) mod ntp;
mod offline;
pub mod operate;
mod optional;
mod privileges;
mod programs;
mod random;
pub(crate) mod served;
#[cfg(test)]
mod simulation;
mod sockets;
pub(crate) mod syslog;
pub(crate) mod tell;
pub mod tftp;
mod threads;
pub(crate) mod timeline;
pub(crate) mod wash;
mod wires;

use std::path::Path;
use std::sync::Arc;

use axum::Extension;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::audit::Actor;
use crate::boot::Plane;
use crate::clock::unix_now;
use crate::render::Renderer;
use crate::secrets::Redactor;
use crate::site::{Server, Site};
use crate::store::{OpenError, Store};
use api::keeper::Keeper;
use api::{Api, socket};
use appliance::{Appliance, Renewals};
use dhcp::lookout::Lookout;
use dhcp::rivals::Rivals;
use engines::{Engines, StoreTask};
use health::Health;
use log_queue::LogLines;
use net::neighbours::Arp;
use net::{listen, packet, router_advertisement};
use operate::arming::Unarmed;
use operate::installed::record_what_is_installed;
use operate::reload::{Reloader, Source};
use operate::watchdog;
use optional::Optional;
use sockets::Sockets;
use threads::PacketThread;
use timeline::keeper;
use timeline::recent::{Note, Recent};

pub(crate) use error::ServerError;
pub(crate) use offline::{Need, Resting, at_rest, rekey, renew_secrets, try_key};
pub use served::Served;

pub(crate) use threads::runtime;

/// The daemon with every socket bound and the store open, before anything is answered.
pub(crate) struct Bound {
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
    dhcp: Option<dhcp::DhcpServer>,
    tftp: tftp::TftpServer,
    optional: Optional,
}

/// Opens the store and binds every socket. `renderer` has already proved itself on `site`; a reload reads `source`; the
/// metrics show the counters of `log`; `stopped_by` is who wants all installations stopped before anything is armed.
/// Must be called within the runtime of [`runtime`].
pub(crate) async fn bind(
    site: Site,
    renderer: Renderer,
    source: Source,
    log: Arc<LogLines>,
    stopped_by: Option<Actor>,
) -> Result<Bound, ServerError> {
    let server = site.server.clone();
    capacity::raise_descriptors();
    capacity::warn_of_few_neighbours(site.nodes.len());
    let packets = PacketThread::start().map_err(ServerError::Thread)?;
    // The sockets come before the store: a start that fails for a port or an interface leaves no store behind.
    let sockets = Sockets::bind(&site, &packets).await;
    let Sockets { http, dhcp, tftp, api, optional } = sockets.map_err(|error| match error {
        // In this case the port belongs to another rackstart on the same store, so that is the error to report.
        ServerError::Bind { .. } if crate::store::is_in_use(&server.state) => {
            OpenError::InUse(server.state.clone()).into()
        }
        other => other,
    })?;
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
    // An existing socket is replaced: now that we hold the store, it belongs to no running daemon.
    let admin = socket::listen(&server.socket, server.socket_group.as_deref())?;
    let alarms = Arc::default();
    let rivals = Arc::new(Rivals::new(Arc::clone(&alarms)));
    let dhcp = dhcp.map(|dhcp| dhcp.beside(rivals.clone()));
    let lookout = look_out(&packets, &server, rivals.clone()).await;
    let tokens = Keeper::open(store.clone()).await.map_err(ServerError::Tokens)?;
    watchdog::resume_drains(&store, unix_now()).await;
    watchdog::look(&site, &store, unix_now(), unix_now()).await;
    record_what_is_installed(&site, &store).await?;
    let unarmed = Unarmed::default();
    unarmed.arm_new(&site, &store).await?;
    let (sender, served) = watch::channel(Arc::new(Served::new(site, renderer, unix_now())));
    let reloader = Reloader::new(source, sender, store.clone(), unarmed.clone());
    let (recent, notes) = Recent::kept();
    let health = Arc::new(Health {
        alarms,
        dhcp: dhcp.as_ref().map(dhcp::DhcpServer::counters).unwrap_or_default(),
        log,
        ..Health::default()
    });
    let appliance = Appliance::new(served, store, Arp::on(&server.interface));
    let renewals = Arc::new(Renewals::since(unix_now()));
    let appliance = Appliance { recent: Arc::new(recent), health, renewals, ..appliance };
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
            let help = packet::what_helps(&error);
            tracing::warn!(interface, "cannot look out for other DHCP servers ({error}){help}");
            None
        }
    }
}

/// Reminds people of the stores that restores moved aside: they hold passwords, and are easily forgotten.
fn remind_of_former_stores(state: &Path) {
    for aside in crate::store::set_aside(state).unwrap_or_default() {
        let path = aside.path.display();
        tracing::warn!(
            "a restore left the former store {path}, which holds passwords: when you no longer need it, rm {path}"
        );
    }
}

impl Bound {
    /// Returns a source of the current secrets, so that the log can be kept free of them.
    pub(crate) fn redactor(&self) -> impl Fn() -> Arc<Redactor> + Send + Sync + use<> {
        self.appliance.store.redactors()
    }

    /// Loads an edited site file while the daemon runs.
    pub(crate) fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Serves until `shutdown`, then lets running transfers finish for a bounded time and closes the store.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> Result<(), ServerError> {
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
        if let Some(dhcp) = dhcp {
            let dhcp = dhcp.knowing(appliance.machines.clone());
            let run = dhcp.run(receiver.clone(), shutdown.clone(), wires::dhcp_observer(&appliance));
            engines.start_on(packets.handle(), "DHCP", run);
        }
        let tftp =
            tftp.run(wires::tftp_content(&appliance, rivals), shutdown.clone(), wires::tftp_observer(&appliance));
        engines.start_on(packets.handle(), "TFTP", tftp);
        if let Some(lookout) = lookout {
            let run = lookout.run(receiver.clone(), shutdown.clone());
            engines.start_on(packets.handle(), "the look-out for other DHCP servers", run);
        }
        if site.network.router_advertisement {
            let (interface, newest, order) = (server.interface.clone(), receiver.clone(), shutdown.clone());
            // The engine cannot work without IPv6; it then just waits for the shutdown like the others.
            let run = async move { router_advertisement::run(&interface, newest, order).await };
            engines.start_on(packets.handle(), "router advertisement", run);
        }
        let (recent, store) = (appliance.recent.clone(), appliance.store.clone());
        let keeper = keeper::run(recent, notes, receiver.clone(), store, appliance.health.clone(), shutdown.clone());
        engines.start("the keeper of the timelines", keeper);
        let watchdog = watchdog::run(appliance.clone(), unarmed, shutdown.clone());
        engines.start("the watchdog", watchdog);
        engines.start("the keeper of overrides", operate::power::run(appliance.clone(), shutdown.clone()));
        optional.start(&mut engines, &packets, &appliance, &shutdown);
        let app = nodes::app(appliance.clone()).layer(Extension(Plane::Provisioning));
        engines.start("HTTP", listen::serve(http, app, wires::Rack::of(&appliance), shutdown.clone()));
        engines.start("whoever tells people", tell::run(appliance.clone(), shutdown.clone()));
        // Every handle to the store keeps it from being closed.
        let control = Api::new(appliance, tokens, reloader, shutdown.clone());
        let at_the_socket = api::routes::at_the_socket(control.clone());
        let group = server.socket_group.clone();
        engines.start("the admin socket", socket::serve(admin, at_the_socket, group, shutdown.clone()));
        if let Some(listener) = api {
            let app = api::routes::app(control);
            engines.start("the API", listen::serve(listener, app, api::limits(), shutdown.clone()));
        } else {
            drop(control);
        }
        engines.start("the sign of life", notify::keep_alive(packets.handle().clone(), shutdown));
        tracing::info!(
            interface = %server.interface, address = %server.address, http_port = server.http_port, nodes,
            dhcp = server.dhcp.as_str(), "serving DHCP, TFTP and HTTP"
        );
        if let Some(advice) = privileges::advice() {
            tracing::warn!("{advice}");
        }
        notify::ready();
        operate::reload::give_memory_back().await;
        engines.run(store_task).await
    }
}
