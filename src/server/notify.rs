//! Notifications to the service manager. Without one (`NOTIFY_SOCKET` unset) nothing here has an effect.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// The daemon is ready.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The daemon is loading an edited site file; `ready` follows, whatever the result.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "no monotonic clock to tell the service manager"),
    }
}

/// The daemon is stopping.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Sends a keep-alive twice in each watchdog interval, until `shutdown`. It runs among all other tasks and queries
/// `packets` each time, so the keep-alives stop if either runtime is stuck.
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
        tracing::debug!(%error, "cannot reach the service manager");
    }
}
