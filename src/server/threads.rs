//! The threads of the daemon, separated by what may wait. Packets are answered on one that never does: nothing there
//! opens a file, renders a text, asks the store, or writes to the log itself. HTTP and everything else that may wait
//! for a disk has a runtime with one thread per core. The log and SQLite have their own threads. docs/architecture.md
//! shows them all.

use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

/// More workers would only wait for SQLite.
const MAX_WORKERS: usize = 8;

/// The runtime of everything that may wait: HTTP, the API, the keeper of the timelines, reloads.
pub(crate) fn runtime() -> io::Result<Runtime> {
    let workers = available_parallelism().map_or(1, NonZero::get).min(MAX_WORKERS);
    Builder::new_multi_thread().worker_threads(workers).thread_name("http").enable_all().build()
}

/// The thread of DHCP, TFTP and similar services: a single one, because two that wake each other move fewer packets.
/// Ends when dropped.
pub(super) struct PacketThread {
    handle: Handle,
    stop: CancellationToken,
}

impl PacketThread {
    /// Starts the thread. Fails when the system has no thread left.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, stop) = (runtime.handle().clone(), CancellationToken::new());
        let order = stop.clone();
        let work = move || runtime.block_on(order.cancelled());
        std::thread::Builder::new().name("packets".into()).spawn(work)?;
        Ok(Self { handle, stop })
    }

    /// The handle for spawning engines there, and for making their sockets within its runtime.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for PacketThread {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_runs_on_the_packet_thread_is_not_held_up_by_a_runtime_that_is_stuck() {
        let packets = PacketThread::start().unwrap();
        let (answer, answered) = std::sync::mpsc::channel();
        packets.handle().spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            answer.send(std::thread::current().name().map(String::from)).unwrap();
        });
        // Blocks the only thread of this test's runtime.
        let name = answered.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(name.as_deref(), Some("packets"));
    }

    #[tokio::test]
    async fn tasks_end_with_their_thread() {
        let packets = PacketThread::start().unwrap();
        let endless = packets.handle().spawn(std::future::pending::<()>());
        drop(packets);
        assert!(endless.await.unwrap_err().is_cancelled());
    }
}
