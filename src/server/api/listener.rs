//! The API's listener: its connections are limited like those of the nodes, and it never listens on the provisioning
//! network.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use tokio::net::TcpListener;

use crate::server::net::listen::{Limits, Share};

/// Limits of the API's connections. A reverse proxy is one peer for all its callers, so one peer may have many.
pub fn limits() -> Limits {
    Limits { strangers: Share { all: 256, each: 128 }, ..Limits::default() }
}

/// Listens on `address`, unless it belongs to the provisioning interface: `check` knows only one address of that
/// interface.
pub(crate) async fn bind(address: SocketAddr, provisioning: &str) -> io::Result<TcpListener> {
    if addresses_of(provisioning)?.contains(&address.ip().to_canonical()) {
        let why = format!("it is an address of the provisioning interface {provisioning}, where the API never listens");
        return Err(io::Error::other(why));
    }
    TcpListener::bind(address).await
}

fn addresses_of(interface: &str) -> io::Result<Vec<IpAddr>> {
    let ours = getifaddrs()?.filter(|found| found.interface_name == interface);
    let address = |found: InterfaceAddress| {
        let address = found.address?;
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    };
    Ok(ours.filter_map(address).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_of_the_provisioning_interface_is_refused_and_any_other_is_not() {
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let refused = bind(loopback, "lo").await.unwrap_err().to_string();
        assert!(refused.contains("an address of the provisioning interface lo"), "{refused}");
        bind(loopback, "nosuchif0").await.expect("it is not on that one");
    }
}
