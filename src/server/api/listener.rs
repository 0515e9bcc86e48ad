//! The listener of the API: bounded like that of the nodes, and never where the nodes are.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::server::http::listen::Limits;

/// What connections may take. A reverse proxy is one peer for all its callers, so one peer may have many.
pub fn limits() -> Limits {
    Limits { per_peer: 128, ..Limits::default() }
}

/// Listens on `address`, unless the kernel has it on the provisioning interface. `check` knows only the subnet of the
/// site file; the interface may have more.
pub async fn bind(address: SocketAddr, provisioning: &str) -> io::Result<TcpListener> {
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    if let IpAddr::V4(address) = address.ip().to_canonical()
        && is_local_to(&routes, provisioning, address)
    {
        let why = format!("{address} is in a network of the provisioning interface {provisioning}");
        return Err(io::Error::other(why));
    }
    TcpListener::bind(address).await
}

/// Whether `address` is in a network that is connected to `interface`, by the kernel's routing table.
fn is_local_to(routes: &str, interface: &str, address: Ipv4Addr) -> bool {
    routes.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // The kernel prints addresses as numbers in the byte order of the machine.
        let number = |at: usize| fields.get(at).and_then(|text| u32::from_str_radix(text, 16).ok());
        let (Some(network), Some(gateway), Some(mask)) = (number(1), number(2), number(7)) else { return false };
        let address = u32::from_ne_bytes(address.octets());
        fields[0] == interface && gateway == 0 && mask != 0 && address & mask == network
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_networks_that_are_connected_to_the_provisioning_interface_are_known() {
        let routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
             eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
             eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
             eth1\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n";
        let is = |interface, address: [u8; 4]| is_local_to(routes, interface, address.into());
        assert!(is("eth0", [192, 168, 1, 7]) && !is("eth0", [10, 1, 2, 3]) && !is("eth0", [8, 8, 8, 8]));
        assert!(is("eth1", [10, 1, 2, 3]) && !is("eth1", [192, 168, 1, 7]));
        assert!(!is_local_to("", "eth0", Ipv4Addr::LOCALHOST) && !is_local_to("x\n\ny z\n", "y", Ipv4Addr::LOCALHOST));
    }
}
