//! What the service manager is told. Without one (`NOTIFY_SOCKET` unset) every line here does nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// The daemon answers.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The daemon loads an edited site file; `ready` follows, whatever comes of it.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "no monotonic clock to tell the service manager"),
    }
}

/// The daemon ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells that the daemon lives, twice in each interval that the service manager wants, until `shutdown`. It runs among
/// all other tasks and asks `packets` each time, so a daemon of which either runtime is stuck falls silent.
pub(super) async fn keep_alive(packets: Handle, shutdown: CancellationToken) {
    let Some(interval) = sd_notify::watchdog_enabled() else { return shutdown.cancelled().await };
    let mut ticks = tokio::time::interval((interval / 2).max(Duration::from_millis(100)));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            alive = packets.spawn(async {}) => if alive.is_ok() {
                tell(&[NotifyState::Watchdog]);
            }
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}
