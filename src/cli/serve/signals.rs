//! Signals: which end the daemon, which reload, and which do nothing, although they would end any program by default.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

/// Meant for somebody else, for example by a rule for rotating logs; each would end the daemon. SIGPIPE is ignored already.
const STRAYS: [(libc::c_int, &str); 9] = [
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGUSR2, "SIGUSR2"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGVTALRM, "SIGVTALRM"),
    (libc::SIGPROF, "SIGPROF"),
    (libc::SIGIO, "SIGIO"),
    (libc::SIGPWR, "SIGPWR"),
    (libc::SIGSTKFLT, "SIGSTKFLT"),
    // The write that is too long fails, which is handled where it is written.
    (libc::SIGXFSZ, "SIGXFSZ"),
];

/// What is caught before the site file is loaded, which may take a while; none of it is lost meanwhile.
pub(crate) struct Early {
    /// SIGHUP.
    pub hang_up: Signal,
    strays: Vec<(&'static str, Signal)>,
}

impl Early {
    /// Catches them. Needs a runtime.
    pub(crate) fn catch() -> io::Result<Self> {
        let caught = |(number, name)| Ok((name, signal(SignalKind::from_raw(number))?));
        let strays = STRAYS.into_iter().map(caught).collect::<io::Result<_>>()?;
        Ok(Self { hang_up: signal(SignalKind::hangup())?, strays })
    }

    /// Says of each stray that it does nothing, as long as the set is kept. Gives back SIGHUP.
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
