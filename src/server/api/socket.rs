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
                let id = read_groups().id(name).ok_or_else(|| {
                    std::io::Error::other(format!("no group is called `{name}`; correct `server.socket_group`"))
                })?;
                chown(path, None, Some(id))?;
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
    let is_member = || group.as_deref().is_some_and(|name| read_groups().has(name, uid, gid));
    if !peer.is_owner() && !is_member() {
        tracing::warn!(uid, "a user who may not use the admin socket sent a request");
        return refused(
            "this socket is for root, the daemon's own user, and the group `socket_group` of the site file",
        );
    }
    request.extensions_mut().insert(peer);
    next.run(request).await
}

fn refused(reason: &str) -> Response {
    ApiError::new(StatusCode::FORBIDDEN, reason, "").into_response()
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The contents of `/etc/group` and `/etc/passwd`. Members of groups from a directory service must also be listed
/// there.
struct Groups {
    group: String,
    passwd: String,
}

fn read_groups() -> Groups {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    Groups { group: read("/etc/group"), passwd: read("/etc/passwd") }
}

impl Groups {
    fn line(&self, name: &str) -> Option<(u32, &str)> {
        let mut lines = self.group.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let fields = lines.find(|fields| fields.len() == 4 && fields[0] == name)?;
        Some((fields[2].parse().ok()?, fields[3]))
    }

    fn id(&self, name: &str) -> Option<u32> {
        self.line(name).map(|(id, _)| id)
    }

    /// Whether a user with this id is a member: by the group it runs with, or by the group's list.
    fn has(&self, name: &str, uid: u32, gid: u32) -> bool {
        let Some((id, members)) = self.line(name) else { return false };
        let mut users = self.passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let user = users.find(|fields| fields.len() == 7 && fields[2].parse() == Ok(uid));
        let is_listed = |user: &str| members.split(',').any(|member| member == user);
        gid == id || user.is_some_and(|user| user[3].parse() == Ok(id) || is_listed(user[0]))
    }
}

#[cfg(test)]
mod tests {
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
        let groups = read_groups();
        let own =
            groups.group.lines().find(|line| line.split(':').nth(2) == Some(&rustix::process::getegid().to_string()));
        if let Some(name) = own.and_then(|line| line.split(':').next()) {
            listen(&path, Some(name)).unwrap();
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
        let groups = Groups {
            group: "root:x:0:\nrack:x:70:alice,bob\nracks:x:71:carol\nbroken\n".into(),
            passwd: "alice:x:1001:1001::/:/bin/sh\ncarol:x:1003:70::/:/bin/sh\ndave:x:1004:1004::/:/bin/sh\n".into(),
        };
        let is = |uid, gid| groups.has("rack", uid, gid);
        assert!(is(1001, 1001) && is(1003, 1003) && is(1004, 70));
        assert!(!is(1004, 1004) && !is(9999, 9999) && !groups.has("nobody", 0, 0));
        assert_eq!((groups.id("rack"), groups.id("rac")), (Some(70), None));
    }
}
