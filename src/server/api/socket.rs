//! The Unix socket of the command line: the kernel decides who may open it, and identifies the caller.

use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use nix::unistd::{Gid, Group, Uid, User};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use crate::audit::Actor;
use crate::server::error::ServerError;

/// Listens on `path`, for the daemon's owner and, if one is named, for a group.
pub(in crate::server) fn listen(path: &Path, group: Option<&str>) -> Result<UnixListener, ServerError> {
    // The lock of the store is held, so an existing socket belongs to no running daemon.
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
        let mode = match group {
            None => 0o600,
            Some(name) => {
                let group = find_group(name)?.ok_or_else(|| {
                    std::io::Error::other(format!("no group is called `{name}`; correct `server.socket_group`"))
                })?;
                chown(path, None, Some(group.gid.as_raw()))?;
                0o660
            }
        };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        Ok(listener)
    };
    listen().map_err(|source| ServerError::Bind { what: format!("the socket {}", path.display()), source })
}

/// Serves `app` to permitted callers, until `shutdown`.
pub(in crate::server) async fn serve(
    listener: UnixListener,
    app: Router,
    group: Option<String>,
    shutdown: CancellationToken,
) {
    let service = guarded(app, group).into_make_service_with_connect_info::<Credentials>();
    let served = axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the API at the socket stopped");
    }
}

/// Puts the check of the caller before `app`; the guard of the routes then finds a [`Peer`].
fn guarded(app: Router, group: Option<String>) -> Router {
    app.layer(from_fn_with_state(Arc::new(group), admit))
}

/// The kernel's credentials of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Credentials(Option<(u32, u32, Option<i32>)>);

impl Connected<IncomingStream<'_, UnixListener>> for Credentials {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|peer| (peer.uid(), peer.gid(), peer.pid())))
    }
}

/// The caller on the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    uid: u32,
    pid: Option<i32>,
    /// The user on whose behalf the caller acts, by the caller's own claim.
    acts_for: Option<String>,
}

/// The header in which the command line sends `SUDO_USER`.
pub(crate) const ACTS_FOR: &str = "rackstart-acts-for";

impl Peer {
    /// A caller with this user id, from the kernel or from a test.
    pub(crate) fn new(uid: u32, pid: Option<i32>) -> Self {
        Self { uid, pid, acts_for: None }
    }

    /// Whether the caller is root, or the daemon's own user.
    pub(crate) fn is_owner(&self) -> bool {
        self.uid == 0 || self.uid == own_uid()
    }

    /// The caller as it appears in the audit log.
    pub(crate) fn actor(&self) -> Actor {
        let actor = Actor::socket(self.uid, self.pid);
        self.acts_for.iter().fold(actor, |actor, user| actor.by_its_own_word_for(user))
    }
}

async fn admit(Shared(group): Shared<Arc<Option<String>>>, mut request: Request, next: Next) -> Response {
    let Some(ConnectInfo(Credentials(Some((uid, gid, pid))))) =
        request.extensions().get::<ConnectInfo<Credentials>>().copied()
    else {
        return refused("the kernel does not identify the caller");
    };
    let acts_for = request.headers().get(ACTS_FOR).and_then(|value| value.to_str().ok()).map(String::from);
    let peer = Peer { acts_for, ..Peer::new(uid, pid) };
    // The mode of the socket already keeps others out, but it may have been changed since.
    if !peer.is_owner() && !belongs_to(group, uid, gid).await {
        tracing::warn!(uid, "a user who may not use the admin socket sent a request");
        return refused(
            "this socket is for root, the daemon's own user, and the group `socket_group` of the site file",
        );
    }
    request.extensions_mut().insert(peer);
    next.run(request).await
}

async fn belongs_to(group: Arc<Option<String>>, uid: u32, gid: u32) -> bool {
    let ask = move || group.as_deref().is_some_and(|name| may_use(name, uid, gid));
    tokio::task::spawn_blocking(ask).await.unwrap_or(false)
}

fn refused(reason: &str) -> Response {
    ApiError::new(StatusCode::FORBIDDEN, reason, "").into_response()
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The group of this name, in whatever database the machine keeps its groups.
fn find_group(name: &str) -> std::io::Result<Option<Group>> {
    Ok(Group::from_name(name)?)
}

/// Whether a user is a member: by the group it runs with, by its own group, or by the group's list.
fn is_member(group: &Group, user: Option<&User>, running_with: Gid) -> bool {
    let by_user = |user: &User| user.gid == group.gid || group.mem.contains(&user.name);
    running_with == group.gid || user.is_some_and(by_user)
}

/// The question of [`is_member`] about a caller. The databases of users may be asked over the network, so this waits.
fn may_use(name: &str, uid: u32, gid: u32) -> bool {
    let found = || Ok::<_, std::io::Error>((find_group(name)?, User::from_uid(Uid::from_raw(uid))?));
    match found() {
        Ok((group, user)) => group.is_some_and(|group| is_member(&group, user.as_ref(), Gid::from_raw(gid))),
        Err(error) => {
            tracing::warn!(uid, %error, "the groups of this machine cannot be read");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use axum::Extension;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn an_old_admin_socket_is_replaced_and_anything_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/sock");
        drop(listen(&path, None).unwrap());
        assert!(path.exists(), "a killed daemon leaves its socket");
        listen(&path, None).expect("it is replaced");
        let notes = folder.path().join("notes");
        std::fs::write(&notes, "dear").unwrap();
        assert!(matches!(listen(&notes, None), Err(ServerError::NotASocket(_))));
        assert_eq!(std::fs::read_to_string(&notes).unwrap(), "dear");
    }

    #[tokio::test]
    async fn the_socket_is_for_its_owner_and_an_unknown_group_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sock");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        listen(&path, None).unwrap();
        assert_eq!(mode(), 0o600);
        let error = listen(&path, Some("no-such-group")).unwrap_err().to_string();
        assert!(error.contains("no group is called `no-such-group`"), "{error}");
        if let Some(own) = Group::from_gid(Gid::effective()).unwrap() {
            listen(&path, Some(&own.name)).unwrap();
            assert_eq!(mode(), 0o660, "a group of the user's own may be given the socket");
        }
    }

    #[tokio::test]
    async fn who_asks_is_told_to_the_handler_and_strangers_are_refused_whatever_the_mode_says() {
        async fn who(Extension(peer): Extension<Peer>) -> String {
            format!("{} {}", peer.actor(), peer.is_owner())
        }
        let ask = async |peer: Option<Credentials>| {
            let mut request = Request::get("/").header(ACTS_FOR, "alice").body(Body::empty()).unwrap();
            if let Some(peer) = peer {
                request.extensions_mut().insert(ConnectInfo(peer));
            }
            let app = guarded(Router::new().route("/", get(who)), Some("root".into()));
            let response = app.oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        let is_like = |uid| Some(Credentials(Some((uid, 60_001, Some(7)))));
        assert_eq!(ask(is_like(0)).await, (200, "socket uid 0 (pid 7; unverified: sudo of alice) true".into()));
        assert_eq!(ask(is_like(own_uid())).await.0, 200);
        assert_eq!(
            ask(Some(Credentials(Some((60_001, 0, None))))).await,
            (200, "socket uid 60001 (this machine; unverified: sudo of alice) false".into())
        );
        for stranger in [is_like(60_001), Some(Credentials(None)), None] {
            assert_eq!(ask(stranger).await.0, 403, "{stranger:?}");
        }
    }

    #[test]
    fn members_are_those_of_the_list_and_those_whose_own_group_it_is() {
        let root = || User::from_uid(Uid::from_raw(0)).unwrap().expect("every machine has it");
        let user = |name: &str, gid| User { name: name.into(), gid: Gid::from_raw(gid), ..root() };
        let mem = vec!["alice".to_string(), "bob".to_string()];
        let rack = Group { name: "rack".into(), passwd: CString::default(), gid: Gid::from_raw(70), mem };
        let is = |user: Option<User>, gid| is_member(&rack, user.as_ref(), Gid::from_raw(gid));
        assert!(is(Some(user("alice", 1001)), 1001) && is(Some(user("carol", 70)), 1003) && is(None, 70));
        assert!(!is(Some(user("dave", 1004)), 1004) && !is(None, 9999));
        assert!(may_use("root", 0, 60_001) && !may_use("no-such-group", 0, 0) && !may_use("root", 60_001, 60_001));
    }
}
