//! Notes in the timeline of a node what it asked over HTTP and did not get, and what it should ask for next. What it got
//! is in the event log, where the handlers put it with the change that it made.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::{Appliance, Refusal};
use crate::site::Mac;
use crate::timeline::Given;

/// Hears every request and its answer.
pub(super) async fn witness(
    Shared(appliance): Shared<Appliance>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_string());
    let response = next.run(request).await;
    if let Some(mac) = asker(&appliance, peer.ip()) {
        note(&appliance, mac, &method, &path, &response);
    }
    response
}

/// The machine that asks, by the address that is reserved for it or lent to it.
fn asker(appliance: &Appliance, peer: IpAddr) -> Option<Mac> {
    let IpAddr::V4(address) = peer else { return None };
    let served = appliance.served.borrow();
    let node = served.site.nodes.iter().find(|node| node.address == address).map(|node| node.mac);
    node.or_else(|| appliance.recent.at(address))
}

fn note(appliance: &Appliance, mac: Mac, method: &Method, path: &str, response: &Response) {
    let recent = &appliance.recent;
    let status = response.status();
    let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    if status == StatusCode::TOO_MANY_REQUESTS {
        return; // an event of its own tells, once
    }
    if status.is_client_error() || status.is_server_error() {
        // What stands behind the first part may be a token.
        let shown = if matches!(first, "tree" | "firmware" | "boot") { path } else { first };
        let why = response.extensions().get::<Refusal>().map_or("", |refusal| refusal.0.trim_end());
        recent.note(mac, "http", format!("{method} {shown}: refused with {}: {why}", status.as_u16()));
        return;
    }
    match first {
        "firmware" => {
            recent.note(mac, "http", format!("GET {path}"));
            recent.gave(mac, Some(Given::Program(rest.into())));
        }
        "tree" if rest.ends_with("images/pxeboot/vmlinuz") => recent.gave(mac, Some(Given::Kernel)),
        "tree" if rest.ends_with("images/pxeboot/initrd.img") => recent.gave(mac, Some(Given::Initrd)),
        "tree" if !rest.contains("/images/") => {
            let tree = rest.split('/').next().unwrap_or_default();
            recent.note(mac, "http", format!("GET from the install tree `{tree}`: packages and their lists"));
        }
        "kickstart" => recent.gave(mac, Some(Given::Kickstart)),
        "permit" | "facts" | "report" => recent.gave(mac, None),
        "firstboot" => recent.note(mac, "http", "GET the firstboot payload"),
        "renewal" => recent.note(mac, "http", "GET a newer payload"),
        _ => {}
    }
}
