//! `rackstart serve`.

mod signals;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use self::signals::Early;
use super::vault::console;
use super::{Failure, screen};
use crate::audit::Actor;
use crate::config::{Loaded, SitePaths};
use crate::server::log_queue::{self, LogLines, LogThread};
use crate::server::operate::reload::Source;
use crate::server::wash::Wash;
use crate::server::{self, ServerError, firmware};

/// Answer DHCP, TFTP and HTTP on the provisioning interface until SIGTERM or SIGINT.
///
/// Checks the site file and renders everything for every node first; nothing listens for a site that does not pass.
/// SIGHUP and `rackstart reload` load an edited site file without a restart. The daemon needs the ports 67, 69 and
/// `server.http_port`, and raw packets: run it as root or with CAP_NET_BIND_SERVICE and CAP_NET_RAW. Set
/// RUST_LOG=rackstart=debug to see every packet.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Log one JSON object per line instead of text.
    #[arg(long)]
    json_log: bool,
    /// Stop all installations before anything is armed, for a first look: `rackstart stop --lift` allows them.
    #[arg(long)]
    stopped: bool,
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    let cannot_start = |error: std::io::Error| Failure::fixable(format!("cannot start the threads: {error}"));
    let runtime = server::runtime().map_err(cannot_start)?;
    let signals = runtime.block_on(async { Early::catch() }).map_err(uncaught)?;
    // Loading renders everything for every node; a site that does not pass is never served.
    let loaded = crate::config::load(place)?;
    let missing = firmware::missing();
    if !missing.is_empty() {
        return Err(Failure::fixable(format!("this build has no {}", missing.join(", ")))
            .hint("run `make firmware`, then build again"));
    }
    let log = start_logging(args.json_log).map_err(cannot_start)?;
    let ended = runtime.block_on(serve(loaded, place.templates, &log, args.stopped.then(console), signals));
    // A thread that waits for an unresponsive file system must not keep the daemon from ending.
    runtime.shutdown_timeout(LAST_FILES);
    ended
}

/// How long file reads may continue after everything else has ended.
const LAST_FILES: Duration = Duration::from_secs(1);

/// The log writer and its loss counters. Dropping it writes what is still queued.
struct Log {
    wash: Wash<fn() -> std::io::Stderr>,
    lines: Arc<LogLines>,
    _thread: LogThread,
}

fn start_logging(json: bool) -> std::io::Result<Log> {
    let wash = Wash::new(std::io::stderr as fn() -> std::io::Stderr);
    let (queue, thread) = log_queue::start(wash.clone())?;
    let lines = queue.lines();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("rackstart=info,warn"));
    // A log whose reader is gone (`serve 2>&1 | head`) must not stop the daemon: the default is to panic.
    let logs = tracing_subscriber::fmt().log_internal_errors(false);
    let logs = logs.with_env_filter(filter).with_writer(queue).with_target(false);
    if json {
        logs.json().init()
    } else {
        logs.with_ansi(screen::is_coloured(&std::io::stderr())).init()
    }
    // A panic message must not block on a log that nobody reads either.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{}", Failure::panicked(panic).error)));
    Ok(Log { wash, lines, _thread: thread })
}

fn uncaught(error: std::io::Error) -> Failure {
    Failure::bug(format!("cannot catch signals: {error}"))
}

async fn serve(
    loaded: Loaded,
    templates: Option<&Path>,
    log: &Log,
    stopped_by: Option<Actor>,
    signals: Early,
) -> Result<(), Failure> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into());
    let source = Source { file: absolute(&loaded.path), templates: templates.map(absolute) };
    let shutdown = CancellationToken::new();
    let stop = |kind| signal(kind).map_err(uncaught);
    let (mut terminate, mut interrupt) = (stop(SignalKind::terminate())?, stop(SignalKind::interrupt())?);
    let (mut hang_up, _strays) = signals.tell_strays();
    let bound =
        server::bind(loaded.site, loaded.renderer, source, log.lines.clone(), stopped_by).await.map_err(explain)?;
    log.wash.with(bound.redactor());
    let (order, reloader) = (shutdown.clone(), bound.reloader());
    let signalled = Actor { how: "signal SIGHUP".into(), from: "this machine".into() };
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                // The log says how the reload ended.
                _ = hang_up.recv() => drop(reloader.reload(&signalled).await),
                // The reloader holds the store, which closes only when nothing holds it.
                () = order.cancelled() => break,
            }
        }
        order.cancel();
    });
    bound.run(shutdown).await.map_err(explain)
}

fn explain(error: ServerError) -> Failure {
    if matches!(error, ServerError::Engine { .. }) {
        return Failure::bug(&error);
    }
    let failure = Failure::fixable(&error);
    let ServerError::Bind { source, .. } = error else { return failure };
    match source.kind() {
        std::io::ErrorKind::AddrInUse => failure.hint("another daemon has this port; `ss -lunpt` shows which"),
        std::io::ErrorKind::AddrNotAvailable => {
            failure.hint("`server.address` is not an address of this machine; `ip address` shows what it has")
        }
        std::io::ErrorKind::PermissionDenied => {
            failure.hint("run it as root, or with CAP_NET_BIND_SERVICE and CAP_NET_RAW")
        }
        _ => failure.hint("is `server.interface` right and up? `ip link` shows"),
    }
}
