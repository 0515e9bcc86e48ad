//! The sockets of the network, bound together: all of them or none.

use std::net::SocketAddrV4;

use tokio::net::TcpListener;

use super::error::ServerError;
use super::net::listen;
use super::optional::Optional;
use super::threads::PacketThread;
use super::{api, dhcp, tftp};
use crate::site::{DhcpMode, Site};

/// The bound sockets, before anything is answered.
pub(super) struct Sockets {
    pub http: TcpListener,
    /// None where another server does all of DHCP.
    pub dhcp: Option<dhcp::DhcpServer>,
    pub tftp: tftp::TftpServer,
    pub api: Option<TcpListener>,
    pub optional: Optional,
}

impl Sockets {
    /// Binds the sockets that the site needs. Must be called within a runtime.
    pub(crate) async fn bind(site: &Site, packets: &PacketThread) -> Result<Self, ServerError> {
        let server = &site.server;
        let fail = |what: String| move |source| ServerError::Bind { what, source };
        let http = SocketAddrV4::new(server.address, server.http_port);
        let dhcp = match server.dhcp {
            DhcpMode::Off => Ok(None),
            DhcpMode::Authoritative => dhcp::DhcpServer::bind(&server.interface, server.address, 67).map(Some),
            DhcpMode::Proxy => dhcp::DhcpServer::bind(&server.interface, server.address, 67)
                .and_then(dhcp::DhcpServer::with_boot_server)
                .map(Some),
        };
        let tftp = {
            let _within = packets.handle().enter();
            tftp::TftpServer::bind(Some(&server.interface), server.address, 69)
        };
        let api = match &site.api {
            Some(api) => {
                let listener = api::bind(api.listen, &server.interface).await;
                Some(listener.map_err(fail(format!("{} (the API)", api.listen)))?)
            }
            None => None,
        };
        Ok(Self {
            http: listen::bind(&server.interface, http)
                .map_err(fail(format!("HTTP {http} of {}", server.interface)))?,
            dhcp: dhcp.map_err(fail(format!("DHCP port 67 of {}", server.interface)))?,
            tftp: tftp.map_err(fail(format!("TFTP {}:69", server.address)))?.answer_only(site.subnets()),
            api,
            optional: Optional::bind(server, packets)?,
        })
    }
}
