//! The long-running tasks of the daemon. All of them run until shutdown; one that ends earlier ends the daemon, because
//! half a daemon looks alive while its nodes wait in vain.

use std::collections::HashMap;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::error::ServerError;

/// How long running transfers may continue after the shutdown request.
const GRACE: Duration = Duration::from_secs(10);
/// How long the store may take to close after that.
const CLOSING: Duration = Duration::from_secs(5);

/// The task of the store: it ends when the last handle to the store is dropped.
pub(super) type StoreTask = JoinHandle<Result<(), sqlx::Error>>;

/// The running engines.
pub(super) struct Engines {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    shutdown: CancellationToken,
}

impl Engines {
    pub(super) fn new(shutdown: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new(), shutdown }
    }

    /// Starts an engine. It must end on the shutdown request, and only then.
    pub(super) fn start(&mut self, name: &'static str, engine: impl Future<Output = ()> + Send + 'static) {
        self.names.insert(self.tasks.spawn(engine).id(), name);
    }

    /// Starts an engine on another runtime.
    pub(super) fn start_on(
        &mut self,
        runtime: &Handle,
        name: &'static str,
        engine: impl Future<Output = ()> + Send + 'static,
    ) {
        self.names.insert(self.tasks.spawn_on(engine, runtime).id(), name);
    }

    /// Waits for the shutdown request, or for an engine or the store to fail; then ends everything within bounds.
    pub(super) async fn run(mut self, mut store: StoreTask) -> Result<(), ServerError> {
        let order = self.shutdown.clone();
        let failed = tokio::select! {
            biased;
            () = order.cancelled() => None,
            ended = &mut store => {
                let failure = store_failure(ended).unwrap_or(sqlx::Error::WorkerCrashed);
                self.stop().await;
                return Err(ServerError::Durability(failure));
            }
            failed = self.next_failure() => Some(failed),
        };
        if let Some(failed) = &failed {
            tracing::error!("{failed}");
        }
        self.stop().await;
        let closed = close(store).await;
        failed.map_or(closed, Err)
    }

    async fn next_failure(&mut self) -> ServerError {
        let (id, how) = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => (id, "ended by itself".to_string()),
            Some(Err(failure)) => (failure.id(), in_words(failure)),
            None => return std::future::pending().await,
        };
        ServerError::Engine { engine: self.names.get(&id).copied().unwrap_or("unnamed"), how }
    }

    /// Requests the shutdown, and makes sure that it happens.
    async fn stop(&mut self) {
        self.shutdown.cancel();
        super::notify::stopping();
        tracing::info!("stopping: running transfers may finish for {} s", GRACE.as_secs());
        let all = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                if let Err(failure) = ended {
                    let engine = self.names.get(&failure.id()).copied().unwrap_or("unnamed");
                    tracing::error!("{engine} failed while it stopped: {}", in_words(failure));
                }
            }
        };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!("transfers were still running and were ended");
            self.tasks.shutdown().await;
        }
    }
}

/// Waits until the store is closed, so that it needs no recovery at the next start.
async fn close(store: StoreTask) -> Result<(), ServerError> {
    match tokio::time::timeout(CLOSING, store).await {
        Ok(ended) => store_failure(ended).map_or(Ok(()), |failure| Err(ServerError::Durability(failure))),
        Err(_) => {
            tracing::warn!("the store was still in use and was not closed; the next start recovers it");
            Ok(())
        }
    }
}

fn store_failure(ended: Result<Result<(), sqlx::Error>, JoinError>) -> Option<sqlx::Error> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(_) => Some(sqlx::Error::WorkerCrashed),
    }
}

fn in_words(failure: JoinError) -> String {
    if !failure.is_panic() {
        return "was cancelled".into();
    }
    let payload = failure.into_panic();
    let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    format!("panicked ({})", text.as_deref().unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Instant;

    use super::*;
    use crate::store::Store;

    struct Daemon {
        engines: Engines,
        store: StoreTask,
        shutdown: CancellationToken,
        folder: tempfile::TempDir,
    }

    impl Daemon {
        /// Two engines that follow the rule, one of which uses the store, and one under test that may not.
        async fn with(engine: impl Future<Output = ()> + Send + 'static) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (held, store) = Store::open(&folder.path().join("state")).await.unwrap();
            let shutdown = CancellationToken::new();
            let mut engines = Engines::new(shutdown.clone());
            engines.start("DHCP", shutdown.clone().cancelled_owned());
            engines.start("TFTP", engine);
            let order = shutdown.clone();
            engines.start("HTTP", async move {
                order.cancelled().await;
                drop(held);
            });
            Self { engines, store, shutdown, folder }
        }

        fn unclosed(&self) -> PathBuf {
            self.folder.path().join("state/rackstart.sqlite-wal")
        }
    }

    #[tokio::test]
    async fn an_engine_that_ends_or_panics_stops_the_daemon_with_its_name() {
        let daemon = Daemon::with(async {}).await;
        let error = daemon.engines.run(daemon.store).await.unwrap_err();
        assert!(error.to_string().starts_with("TFTP ended by itself, so the daemon stopped"), "{error}");
        assert!(daemon.shutdown.is_cancelled(), "the others were told");
        let daemon = Daemon::with(async { panic!("no {}", "socket") }).await;
        let error = daemon.engines.run(daemon.store).await.unwrap_err();
        assert!(error.to_string().starts_with("TFTP panicked (no socket), so the daemon stopped"), "{error}");
    }

    #[tokio::test]
    async fn the_order_to_stop_ends_all_engines_and_closes_the_store() {
        let daemon = Daemon::with(async {}).await;
        daemon.shutdown.cancel();
        let unclosed = daemon.unclosed();
        assert!(unclosed.exists());
        daemon.engines.run(daemon.store).await.expect("engines that end on the order are no failure");
        assert!(!unclosed.exists(), "SQLite removes its log when it closes");
    }

    #[tokio::test]
    async fn an_engine_that_does_not_stop_is_ended_after_the_grace() {
        let daemon = Daemon::with(std::future::pending()).await;
        daemon.shutdown.cancel();
        tokio::time::pause();
        let (began, really) = (tokio::time::Instant::now(), Instant::now());
        daemon.engines.run(daemon.store).await.unwrap();
        // While tokio's clock stands still, SQLite's thread may or may not close in time.
        let took = began.elapsed();
        assert!(took >= GRACE && took < GRACE + CLOSING + Duration::from_secs(1), "{took:?}");
        assert!(really.elapsed() < GRACE);
    }
}
