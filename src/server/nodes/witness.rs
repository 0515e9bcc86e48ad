//! Records in a node's timeline what it asked for over HTTP and did not get, and what it should ask for next. What it
//! did get is in the event log, where the handlers record it with the change that it made.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::{Appliance, RefusalReason};
use crate::boot::is_program;
use crate::site::Mac;
use crate::timeline::Given;

/// Observes every request and its answer.
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
    let node = served.site.nodes.by_address(address).map(|node| node.mac);
    node.or_else(|| appliance.recent.at(address))
}

fn note(appliance: &Appliance, mac: Mac, method: &Method, path: &str, response: &Response) {
    let recent = &appliance.recent;
    let status = response.status();
    let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    if status == StatusCode::TOO_MANY_REQUESTS {
        return; // a separate event records it, once
    }
    if status.is_client_error() || status.is_server_error() {
        // The rest of the path may be a token.
        let shown = if matches!(first, "tree" | "firmware" | "boot") { path } else { first };
        let why = response.extensions().get::<RefusalReason>().map_or("", |refusal| refusal.0.trim_end());
        recent.note(mac, "http", format!("{method} {shown}: refused with {}: {why}", status.as_u16()));
        return;
    }
    match first {
        "firmware" => {
            recent.note(mac, "http", format!("GET {path}"));
            if is_program(rest) {
                appliance.machines.loaded(mac, rest, Instant::now());
                recent.gave(mac, Some(Given::Program(rest.into())));
            }
        }
        "tree" if rest.ends_with("images/pxeboot/vmlinuz") => recent.gave(mac, Some(Given::Kernel)),
        "tree" if rest.ends_with("images/pxeboot/initrd.img") => recent.gave(mac, Some(Given::Initrd)),
        "tree" => {
            if let Some((tree, file)) = rest.split_once('/').filter(|(_, file)| !file.starts_with("images/")) {
                recent.note(mac, "http", format!("GET from the install tree `{tree}`: {}", kind_of_file(file)));
            }
        }
        "kickstart" => recent.gave(mac, Some(Given::Kickstart)),
        "permit" | "facts" | "report" => recent.gave(mac, None),
        "firstboot" => recent.note(mac, "http", "GET the firstboot payload"),
        "renewal" => recent.note(mac, "http", "GET a newer payload"),
        _ => {}
    }
}

/// What is read of an install tree, in words that are the same for each of a thousand packages.
fn kind_of_file(file: &str) -> String {
    match file {
        _ if file.ends_with(".rpm") => "packages".into(),
        _ if file.split('/').any(|part| part == "repodata") => "lists of packages".into(),
        _ => format!("`{file}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_packages_are_one_kind_of_file_and_anything_else_is_named() {
        assert_eq!(kind_of_file("Packages/tar-1.23.rpm"), kind_of_file("AppStream/Packages/t/tar-1.34.rpm"));
        assert_eq!(kind_of_file("repodata/repomd.xml"), "lists of packages");
        assert_eq!(kind_of_file("BaseOS/repodata/0a1b-primary.xml.gz"), "lists of packages");
        assert_eq!(kind_of_file(".treeinfo"), "`.treeinfo`");
    }
}
