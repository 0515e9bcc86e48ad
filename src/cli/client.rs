//! Talks to the daemon over its Unix socket.

use std::path::{Path, PathBuf};

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::output::json;
use super::{Failure, no_such_node, print};
use crate::server::api::error::ErrorBody;
use crate::server::api::orders::Nothing;
use crate::server::api::socket::ACTS_FOR;
use crate::server::operate::{NodeStatus, StatusReport};

/// Which daemon a verb talks to.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Daemon {
    /// The daemon's socket [default: `server.socket` of the site file].
    #[arg(long, value_name = "PATH", global = true)]
    socket: Option<PathBuf>,
}

/// A verb that prints a list of the daemon.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Print the list as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

impl ListArgs {
    /// Prints what the daemon has at this path: in words, or as it is.
    pub(crate) fn show<T: Serialize + DeserializeOwned>(
        self,
        config: Option<&Path>,
        path: &str,
        words: impl FnOnce(&[T]) -> String,
    ) -> Result<(), Failure> {
        let list: Vec<T> = self.daemon.client(config).get(path)?;
        print(&if self.json { json(&list)? } else { words(&list) })
    }
}

/// Which daemon a verb talks to, or which store it works on while none runs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct StoreArgs {
    #[command(flatten)]
    pub daemon: Daemon,
    /// Work on the store in this directory without asking a daemon; its daemon must be stopped [default: `server.state`
    /// of the site file, when no daemon answers].
    #[arg(long, value_name = "DIR", conflicts_with = "socket", global = true)]
    pub state: Option<PathBuf>,
}

impl Daemon {
    /// Uses `--socket`, or else the socket that the site file names.
    pub(crate) fn client(self, config: Option<&Path>) -> Client {
        Client { socket: self.socket.unwrap_or_else(|| crate::config::alone(config).socket) }
    }
}

/// A client of the daemon's socket; it sends one request per connection.
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    /// Sends a GET and parses the JSON of the answer.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(Method::GET, path, String::new())
    }

    /// Sends a POST without a body and parses the JSON of the answer.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.post_with(path, &Nothing {})
    }

    /// Sends a POST with a JSON body and parses the JSON of the answer.
    pub(crate) fn post_with<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.ask(Method::POST, path, serde_json::to_string(body).map_err(Failure::bug)?)
    }

    /// Sends a POST and returns the body of the answer unchanged.
    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.raw(Method::POST, path, "{}".into())
    }

    /// Sends a GET and returns the body of the answer unchanged.
    pub(crate) fn get_bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.raw(Method::GET, path, String::new())
    }

    /// Finds a node of the running daemon by its name.
    pub(crate) fn node(&self, name: &str) -> Result<NodeStatus, Failure> {
        let report: StatusReport = self.get("/api/v1/status")?;
        let missing = no_such_node(name, report.nodes.iter().map(|node| node.name.as_str()));
        report.nodes.into_iter().find(|node| node.name == name).ok_or(missing)
    }

    /// Sends a request and returns the body of the answer unchanged.
    fn raw(&self, method: Method, path: &str, body: String) -> Result<Vec<u8>, Failure> {
        let (status, body) = runtime()?.block_on(self.exchange(method, path, body))?;
        match status.is_success() {
            true => Ok(body),
            false => Err(refusal(&body)),
        }
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: String) -> Result<T, Failure> {
        let answer = self.raw(method, path, body)?;
        let answer = if answer.is_empty() { b"null" } else { answer.as_slice() };
        serde_json::from_slice(answer).map_err(|error| {
            Failure::bug(format!("cannot read the daemon's answer: {error}"))
                .hint("check that the daemon and this command have the same version")
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(hyper::StatusCode, Vec<u8>), Failure> {
        let away = |error: &dyn std::fmt::Display| away(&self.socket, error);
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| unconnected(&self.socket, &error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| away(&error))?;
        let driver = tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "rackstart");
        let request = acts_for().iter().fold(request, |request, user| request.header(ACTS_FOR, user));
        let request = request.header("content-type", "application/json").body(Body::from(body));
        let request = request.map_err(|error| Failure::bug(format!("cannot ask `{path}`: {error}")))?;
        let response = sender.send_request(request).await.map_err(|error| away(&error))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| away(&error))?.to_bytes().to_vec();
        driver.abort();
        Ok((status, body))
    }
}

fn away(socket: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::unreachable(format!("the daemon does not answer on {}: {error}", socket.display()))
        .hint("start it with `rackstart serve`, or name its socket with --socket")
}

/// Explains why there is no connection. A user who may not use the socket may not use the store either, so the store is
/// not tried as a substitute.
fn unconnected(socket: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            Failure::fixable(format!("this user may not use the daemon's socket {}", socket.display()))
                .hint("use `sudo`, or join the group that `server.socket_group` of the site file names")
        }
        _ => away(socket, error),
    }
}

/// Turns the daemon's error body into a failure.
fn refusal(body: &[u8]) -> Failure {
    match serde_json::from_slice(body) {
        Ok(ErrorBody { error, help }) => help.lines().fold(Failure::fixable(error), Failure::hint),
        Err(_) => Failure::fixable(String::from_utf8_lossy(body).trim_end()),
    }
}

/// A runtime for one request.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::bug(format!("cannot start the runtime: {error}")))
}

/// The user who called sudo: a note for the audit log that nobody has verified.
pub(crate) fn acts_for() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|user| user.bytes().all(|byte| byte.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;
    use crate::failure::Kind;

    #[test]
    fn a_user_without_rights_is_told_how_to_get_them_and_a_missing_daemon_is_another_thing() {
        let socket = Path::new("/run/rackstart/rackstart.sock");
        let refused = unconnected(socket, &Error::from(ErrorKind::PermissionDenied));
        assert_eq!(refused.kind, Kind::Fixable, "not `Unreachable`, for which the store would be tried");
        assert!(refused.to_string().contains("use `sudo`, or join the group"), "{refused}");
        for kind in [ErrorKind::NotFound, ErrorKind::ConnectionRefused] {
            assert_eq!(unconnected(socket, &Error::from(kind)).kind, Kind::Unreachable);
        }
    }
}
