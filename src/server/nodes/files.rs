//! Public files: network boot programs from memory; install trees, repositories and images from the disk, with range
//! requests.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path as FilePath;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rustix::io::Errno;

use super::asker::Asker;
use super::form::tame;
use super::listen::Visit;
use super::{Appliance, HttpError, piece};
use crate::boot::{ClientArch, is_grub_start};
use crate::media::{Content, Media};
use crate::server::firmware;
use crate::site::Site;

/// The longest part of a path that is shown to people, in bytes.
const PATH_SHOWN: usize = 200;

/// Serves a boot program to UEFI HTTP boot and to shim, and what loaders look for beside themselves.
pub(super) async fn firmware(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Response, HttpError> {
    let served = appliance.served();
    let bytes = firmware::by_name(&name).or_else(|| served.site.program(&name).map(Bytes::from_owner));
    if let Some(bytes) = bytes {
        // UEFI HTTP boot checks the media type before the content.
        return Ok(([(header::CONTENT_TYPE, "application/efi")], bytes).into_response());
    }
    let machine = appliance.machine_at(&served.site, asker.address);
    match (name.rsplit('/').next().unwrap_or_default(), machine) {
        ("autoexec.ipxe", Some(mac)) => {
            let arch = appliance.recent.arch(mac).unwrap_or(ClientArch::EFI_X64_HTTP);
            Ok(served.renderer.autoexec(&served.site, mac, arch)?.into_response())
        }
        (file, Some(mac)) if is_grub_start(file) => {
            Ok(served.renderer.grub_start(&served.site, mac, true)?.into_response())
        }
        _ => Err(HttpError::not_found("no such network boot program")),
    }
}

/// Serves what GRUB looks for in the folder that is built into it.
pub(super) async fn grub_start(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    uri: Uri,
) -> Result<impl IntoResponse, HttpError> {
    let served = appliance.served();
    let file = uri.path().rsplit('/').next().unwrap_or_default();
    match appliance.machine_at(&served.site, asker.address).filter(|_| is_grub_start(file)) {
        Some(mac) => Ok(served.renderer.grub_start(&served.site, mac, true)?),
        None => Err(HttpError::not_found("nothing here")),
    }
}

/// Serves a file of an install tree.
pub(super) async fn tree(
    Shared(appliance): Shared<Appliance>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((name, path)): Path<(String, String)>,
    request: Request,
) -> Result<Response, HttpError> {
    let site = appliance.site();
    let tree = site.install_tree(&name).ok_or_else(|| HttpError::not_found("no install tree has this name"))?;
    stay_inside(&appliance, peer, &path)?;
    if path.starts_with("images/") {
        tell_fetch(&appliance, &site, peer, &path);
    }
    let missing = format!("the install tree `{name}` has no `{}`", tame(&path, PATH_SHOWN));
    below(&appliance, &tree.path, &path, missing, request).await
}

/// Serves a file of a repository, by the same rules as for an install tree.
pub(super) async fn repository(
    Shared(appliance): Shared<Appliance>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((name, path)): Path<(String, String)>,
    request: Request,
) -> Result<Response, HttpError> {
    let site = appliance.site();
    let repository = site.repository(&name).ok_or_else(|| HttpError::not_found("no repository has this name"))?;
    stay_inside(&appliance, peer, &path)?;
    let missing = format!("the repository `{name}` has no `{}`", tame(&path, PATH_SHOWN));
    below(&appliance, &repository.path, &path, missing, request).await
}

/// Serves an image of virtual machines.
pub(super) async fn image(
    Shared(appliance): Shared<Appliance>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    let site = appliance.site();
    let image = site.image(&name).ok_or_else(|| HttpError::not_found("no image has this name"))?;
    tell_fetch(&appliance, &site, peer, &format!("image/{name}"));
    let missing = format!("the image `{name}` has no file");
    let image = image.clone();
    send(&appliance, None, move || Content::of_image(&site, &image), missing, request).await
}

/// Refuses a path that leads out of its folder.
fn stay_inside(appliance: &Appliance, peer: SocketAddr, path: &str) -> Result<(), HttpError> {
    if path.contains('\0') {
        return Err(HttpError::not_found("no file has a zero byte in its name"));
    }
    if path.split(['/', '\\']).all(|part| part != "..") {
        return Ok(());
    }
    if let Some(held_back) = appliance.strangers.ask(peer.ip()) {
        tracing::warn!(peer = %peer.ip(), path = tame(path, PATH_SHOWN), held_back, "a path with `..` was refused");
    }
    Err(HttpError::new(StatusCode::BAD_REQUEST, "a path below an install tree or a repository must not contain `..`"))
}

/// Records that a node fetches something large.
fn tell_fetch(appliance: &Appliance, site: &Site, peer: SocketAddr, path: &str) {
    if let IpAddr::V4(address) = peer.ip()
        && let Some(node) = site.nodes.by_address(address)
    {
        let path = tame(path, PATH_SHOWN);
        if let Some(held_back) = appliance.strangers.node(node.mac) {
            tracing::info!(node = %node.name, mac = %node.mac, path, held_back, "fetches");
        }
        appliance.recent.note(node.mac, "http", format!("GET {path}"));
    }
}

/// Serves a file below a folder or in a disc image; `missing` is the error when it does not exist.
async fn below(
    appliance: &Appliance,
    place: &FilePath,
    path: &str,
    missing: String,
    request: Request,
) -> Result<Response, HttpError> {
    let at_once = Content::at_once(place, path, &appliance.served().guarded);
    let (place, path) = (place.to_path_buf(), path.to_string());
    let open = move || Media::open(&place).and_then(|media| media.file(&path));
    send(appliance, at_once, open, missing, request).await
}

/// Answers with a file: the one that is open already, or the one that `open` opens on a thread that may wait for the
/// disk.
async fn send(
    appliance: &Appliance,
    at_once: Option<Content>,
    open: impl FnOnce() -> io::Result<Content> + Send + 'static,
    missing: String,
    request: Request,
) -> Result<Response, HttpError> {
    // Without a listener, as in tests, downloads are not counted.
    let visit = request.extensions().get::<Visit>().cloned();
    let download = match visit.as_ref().map(Visit::download) {
        None => None,
        Some(Some(download)) => Some(download),
        Some(None) => return Ok(too_many_downloads()),
    };
    let guarded = appliance.served().guarded.clone();
    let open = move || open().and_then(|content| content.unless(&guarded));
    let content = match at_once {
        Some(content) => Ok(content),
        None => tokio::task::spawn_blocking(open).await.map_err(io::Error::other).and_then(|content| content),
    };
    match content {
        Ok(content) => piece::answer(content, request.method(), request.headers(), visit.zip(download)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::error!(%error, "a disc image cannot be read although `check` passed");
            Err(HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(HttpError::not_found(missing)),
        Err(error) if is_passing(&error) => {
            tracing::error!(%error, "a file cannot be opened now");
            let reason = format!("the file cannot be opened now, try again: {error}");
            Err(HttpError::new(StatusCode::SERVICE_UNAVAILABLE, reason))
        }
        // A link that leads out, something that is not a file, a file that cannot be read, or another name of a guarded
        // file.
        Err(error) => Err(HttpError::not_found(format!("{missing} that can be served: {error}"))),
    }
}

/// Whether the same request may succeed in a moment: a 404 would be believed.
fn is_passing(error: &io::Error) -> bool {
    use Errno as E;
    matches!(
        Errno::from_io_error(error),
        Some(E::MFILE | E::NFILE | E::NOMEM | E::IO | E::STALE | E::TIMEDOUT | E::INTR | E::AGAIN)
    )
}

/// The answer when a short request would otherwise have to wait behind downloads. Downloaders retry.
fn too_many_downloads() -> Response {
    let reason = "the largest number of downloads is already running; the other connections are for short requests";
    let mut response = HttpError::new(StatusCode::SERVICE_UNAVAILABLE, reason).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// Answers every other path.
pub(super) async fn nothing_here(
    Shared(appliance): Shared<Appliance>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
) -> HttpError {
    if let Some(held_back) = appliance.strangers.ask(peer.ip()) {
        // The path may contain a token, so only its first part is logged.
        let first = uri.path().split('/').nth(1).unwrap_or_default().chars().take(40).collect::<String>();
        tracing::warn!(peer = %peer.ip(), path = %format!("/{first}/…"), held_back, "nothing is served there");
    }
    HttpError::not_found("nothing here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_is_not_there() {
        for errno in [Errno::MFILE, Errno::IO, Errno::STALE] {
            assert!(is_passing(&errno.into()), "{errno}");
        }
        for errno in [Errno::NOENT, Errno::LOOP, Errno::XDEV, Errno::ACCESS, Errno::NAMETOOLONG] {
            assert!(!is_passing(&errno.into()), "{errno}");
        }
    }
}
