//! Work that is shared among threads and collected in its order.

use std::thread::{ScopedJoinHandle, scope};

/// Gives each thread as many items as `share` says, and returns the results of all in the order of the items. A panic of a
/// thread is one of the caller.
pub(crate) fn in_shares<T: Sync, R: Send>(items: &[T], share: usize, work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    let work = &work;
    scope(|scope| {
        let running: Vec<_> = items.chunks(share.max(1)).map(|some| scope.spawn(move || work(some))).collect();
        let join = |thread: ScopedJoinHandle<'_, Vec<R>>| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        running.into_iter().flat_map(join).collect()
    })
}
