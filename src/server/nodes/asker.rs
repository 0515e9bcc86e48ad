//! What a request reveals about its sender. It is read once, for every route that knows a node.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::boot::Plane;
use crate::lifecycle::plain_serial;
use crate::server::net::listen::Arrival;
use crate::site::Mac;

/// Anaconda sends one for each card: `X-RHN-Provisioning-MAC-0: eth0 52:54:…`. EL6 numbers them by device index, with
/// gaps.
const MAC_HEADERS: &str = "x-rhn-provisioning-mac-";
/// Anaconda sends it with `kssendsn` or `inst.ks.sendsn`.
const SERIAL_HEADER: &str = "x-system-serial-number";

/// The sender of a request. `X-Forwarded-For` and `Forwarded` are ignored, because no proxy is in front of this
/// listener.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    /// The listener that received the request.
    pub plane: Plane,
    /// The address of the peer.
    pub address: Ipv4Addr,
    pub port: u16,
    /// Which connection it is.
    pub arrival: Arrival,
    /// The MACs of all its provisioning headers; `None` when there is no such header.
    pub macs: Option<Vec<Mac>>,
    /// The serial number, if the request had one.
    pub serial: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        let (address, port) = match peer.map(|peer| (peer.ip(), peer.port())) {
            Some((IpAddr::V4(address), port)) => (address, port),
            // No machine has the address 0.0.0.0, so such a request is refused.
            _ => (Ipv4Addr::UNSPECIFIED, 0),
        };
        // Only the provisioning listener marks its requests; without the mark it is another listener.
        let plane = parts.extensions.get::<Plane>().copied().unwrap_or(Plane::Other);
        let serial = parts.headers.get(SERIAL_HEADER).and_then(|value| plain_serial(value.to_str().ok()?));
        let arrival = parts.extensions.get::<Arrival>().copied().unwrap_or_else(Arrival::now);
        Ok(Self { plane, address, port, arrival, macs: macs(&parts.headers), serial })
    }
}

fn macs(headers: &HeaderMap) -> Option<Vec<Mac>> {
    let sent = headers.iter().filter(|(name, _)| name.as_str().starts_with(MAC_HEADERS));
    let mut sent = sent.peekable();
    sent.peek()?;
    // A header that cannot be parsed names no card of the node, but that it was sent still counts.
    Some(sent.filter_map(|(_, value)| value.to_str().ok()?.split_whitespace().last()?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn asker(headers: &[(&str, &str)]) -> Asker {
        let mut request = Request::get("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        Asker::from_request_parts(&mut parts, &()).await.unwrap()
    }

    #[tokio::test]
    async fn every_header_is_looked_at_and_a_broken_one_counts_as_sent() {
        let three = asker(&[
            ("X-RHN-Provisioning-MAC-0", "eth0 52:54:00:A8:02:00"),
            ("X-RHN-Provisioning-MAC-1", "ib0 80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:a1:b2:c3"),
            ("X-RHN-Provisioning-MAC-9", "eth1 52:54:00:a8:02:01"),
        ]);
        assert_eq!(three.await.macs.unwrap().len(), 2);
        assert_eq!(asker(&[("X-RHN-Provisioning-MAC-0", "eth0")]).await.macs, Some(vec![]));
        assert_eq!(asker(&[]).await.macs, None);
        assert_eq!(asker(&[("X-System-Serial-Number", "Default string")]).await.serial, None);
    }

    #[tokio::test]
    async fn a_request_that_no_listener_vouches_for_comes_from_nowhere() {
        let asker = asker(&[("X-Forwarded-For", "192.168.0.2"), ("Forwarded", "for=192.168.0.2")]).await;
        assert_eq!((asker.plane, asker.address), (Plane::Other, Ipv4Addr::UNSPECIFIED));
    }
}
