//! Signals: those that end the daemon, those that reload, and those that are ignored although they end a program by
//! default.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

/// Signals that were meant for another process, for example by a log rotation rule; each would end the daemon by
/// default. SIGPIPE is already ignored.
const STRAYS: [(libc::c_int, &str); 9] = [
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGUSR2, "SIGUSR2"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGVTALRM, "SIGVTALRM"),
    (libc::SIGPROF, "SIGPROF"),
    (libc::SIGIO, "SIGIO"),
    (libc::SIGPWR, "SIGPWR"),
    (libc::SIGSTKFLT, "SIGSTKFLT"),
    // The oversized write fails, and that error is handled where it occurs.
    (libc::SIGXFSZ, "SIGXFSZ"),
];

/// Signals that are caught before the site file is loaded, which may take a while; none is lost meanwhile.
pub(crate) struct Early {
    pub hang_up: Signal,
    strays: Vec<(&'static str, Signal)>,
}

impl Early {
    /// Installs the handlers. Needs a tokio runtime.
    pub(crate) fn catch() -> io::Result<Self> {
        let caught = |(number, name)| Ok((name, signal(SignalKind::from_raw(number))?));
        let strays = STRAYS.into_iter().map(caught).collect::<io::Result<_>>()?;
        Ok(Self { hang_up: signal(SignalKind::hangup())?, strays })
    }

    /// Logs each stray signal as ignored, as long as the returned set is kept. Also returns the SIGHUP stream.
    pub(crate) fn tell_strays(self) -> (Signal, JoinSet<()>) {
        let mut tasks = JoinSet::new();
        for (name, mut stray) in self.strays {
            tasks.spawn(async move {
                while stray.recv().await.is_some() {
                    tracing::warn!("{name} does nothing; SIGHUP reloads the site file, SIGTERM ends the daemon");
                }
            });
        }
        (self.hang_up, tasks)
    }
}
