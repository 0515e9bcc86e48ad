//! The two ways to notify: a command with the message on its standard input, and a POST of the message to a web server.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::site::Notify;

/// How long a receiver may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The ways to notify; each has its own queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Command,
    Webhook,
}

impl Way {
    pub(super) const ALL: [Self; 2] = [Self::Command, Self::Webhook];

    /// The receiver of this way, if there is one.
    pub(super) fn receiver(self, notify: &Notify) -> Option<Receiver> {
        match self {
            Self::Command => (!notify.command.is_empty()).then(|| Receiver::Command(notify.command.clone())),
            Self::Webhook => notify.webhook.clone().map(Receiver::Webhook),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command => "the command of `[notify]`",
            Self::Webhook => "the webhook of `[notify]`",
        })
    }
}

pub(super) enum Receiver {
    Command(Vec<String>),
    Webhook(String),
}

impl Receiver {
    /// Delivers the message once; an error says in words what went wrong.
    pub(super) async fn take(&self, text: &str) -> Result<(), String> {
        let taken = async {
            match self {
                Self::Command(words) => run(words, text).await,
                Self::Webhook(url) => post(url, text).await,
            }
        };
        let limit = format!("{} took longer than {} s", self.name(), LIMIT.as_secs());
        tokio::time::timeout(LIMIT, taken).await.unwrap_or(Err(limit))
    }

    fn name(&self) -> &str {
        match self {
            Self::Command(words) => words.first().map_or("", String::as_str),
            Self::Webhook(url) => url,
        }
    }
}

/// Runs a command without a shell; it is killed when the caller stops waiting.
async fn run(words: &[String], text: &str) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    // The command gets nothing of our environment: a service manager passes credentials there.
    command
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LANG", "C.UTF-8");
    let mut child = command.spawn().map_err(|error| format!("{program} cannot be started: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        // A command may succeed without reading its input.
        let _ = input.write_all(text.as_bytes()).await;
    }
    let status = child.wait().await.map_err(|error| format!("{program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} ended with {status}")) }
}

/// Posts to a web server, over plain HTTP.
async fn post(url: &str, text: &str) -> Result<(), String> {
    let fail = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let uri: Uri = url.parse().map_err(|error| fail(&error))?;
    let host = uri.host().unwrap_or_default();
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await.map_err(|error| fail(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| fail(&error))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::post(path)
        .header(header::HOST, uri.authority().map_or(host, |authority| authority.as_str()))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "rackstart")
        .header(header::CONNECTION, "close")
        .body(Body::from(text.to_string()))
        .map_err(|error| fail(&error))?;
    // Dropping the set ends the connection, whatever the server does.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let status = sender.send_request(request).await.map_err(|error| fail(&error))?.status();
    if status.is_success() { Ok(()) } else { Err(format!("{url} answered {status}")) }
}
