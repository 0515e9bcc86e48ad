//! The path of the log: a bounded queue, and a thread that writes. Code that logs never waits for the reader of the
//! log; when the reader is too slow, lines are dropped and counted, and the log reports their number as soon as it
//! flows again.
//!
//! `tracing-appender` has such a queue too, but when the log is stuck it prints to stdout at the end, and hangs if
//! stdout is the same pipe.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, channel, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Records that may wait: more than a boot produces, and a few seconds of the worst case that the rate limits allow.
const RECORDS: usize = 8192;
/// Bytes that may wait.
const BYTES: usize = 4 * 1024 * 1024;
/// How long the end of the program waits for the rest of the log.
const FAREWELL: Duration = Duration::from_secs(1);

/// Counters of the log.
#[derive(Debug, Default)]
pub struct LogLines {
    dropped: AtomicU64,
    waiting: AtomicUsize,
    ends: AtomicBool,
}

impl LogLines {
    /// Lines dropped since the start because the queue was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The writer for `tracing-subscriber`; clones share the queue.
#[derive(Clone)]
pub(crate) struct LogQueue {
    records: SyncSender<Vec<u8>>,
    lines: Arc<LogLines>,
}

/// Holds the writing thread; dropping it waits, within bounds, until the rest is written.
pub(crate) struct LogThread {
    queue: LogQueue,
    ended: Receiver<()>,
}

/// Starts the thread that writes to what `make` returns. Fails when the system has no thread left.
pub(crate) fn start<M>(make: M) -> io::Result<(LogQueue, LogThread)>
where
    M: for<'a> MakeWriter<'a> + Send + 'static,
{
    let (records, queue) = sync_channel(RECORDS);
    let lines = Arc::new(LogLines::default());
    let (done, ended) = channel();
    let counted = lines.clone();
    let work = move || {
        write(&make, &queue, &counted);
        let _ = done.send(());
    };
    std::thread::Builder::new().name("log".into()).spawn(work)?;
    let queue = LogQueue { records, lines };
    Ok((queue.clone(), LogThread { queue, ended }))
}

/// Writes until the end.
fn write<M: for<'a> MakeWriter<'a>>(make: &M, queue: &Receiver<Vec<u8>>, lines: &LogLines) {
    let mut told = 0;
    loop {
        let record = match queue.try_recv() {
            Ok(record) => record,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {
                let dropped = lines.dropped();
                if dropped > told {
                    tracing::warn!(lines = dropped - told, "the log was not read fast enough: lines were dropped");
                    told = dropped;
                    continue;
                }
                if lines.ends.load(Ordering::Acquire) {
                    return;
                }
                match queue.recv() {
                    Ok(record) => record,
                    Err(_) => return,
                }
            }
        };
        // A log whose reader is gone must not stop the daemon.
        let _ = make.make_writer().write_all(&record);
        lines.waiting.fetch_sub(record.len(), Ordering::Relaxed);
    }
}

impl LogQueue {
    /// The counters of the log.
    pub(crate) fn lines(&self) -> Arc<LogLines> {
        self.lines.clone()
    }
}

impl Write for LogQueue {
    /// Takes one record; `tracing-subscriber` writes each record with one call. Never waits, never fails.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let waiting = self.lines.waiting.fetch_add(record.len(), Ordering::Relaxed);
        let has_room = waiting + record.len() <= BYTES;
        if !has_room || self.records.try_send(record.to_vec()).is_err() {
            self.lines.waiting.fetch_sub(record.len(), Ordering::Relaxed);
            self.lines.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogQueue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Drop for LogThread {
    fn drop(&mut self) {
        self.queue.lines.ends.store(true, Ordering::Release);
        // Wakes the thread; if the queue is full it is awake already.
        let _ = self.queue.records.try_send(Vec::new());
        let _ = self.ended.recv_timeout(FAREWELL);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;

    /// A reader that may stop reading.
    #[derive(Clone, Default)]
    struct Reader {
        read: Arc<Mutex<Vec<u8>>>,
        stands: Arc<Mutex<()>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            drop(self.stands.lock());
            self.read.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Reader {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_reader_that_stops_reading_costs_lines_and_never_a_wait_and_is_told_how_many_when_it_reads_again() {
        let reader = Reader::default();
        let (queue, thread) = start(reader.clone()).unwrap();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(queue.clone()).finish();
        let stands = reader.stands.lock().unwrap();
        let began = Instant::now();
        let log = || (0..RECORDS + 1000).for_each(|number| tracing::info!(number, "a line"));
        tracing::subscriber::with_default(subscriber, log);
        assert!(began.elapsed() < Duration::from_secs(30), "it waited");
        let dropped = queue.lines().dropped();
        assert!((999..=1000).contains(&dropped), "one may be on its way: {dropped}");
        drop(stands);
        drop(thread);
        let text = String::from_utf8(reader.read.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("a line").count() as u64, (RECORDS + 1000) as u64 - dropped);
    }

    #[test]
    fn long_records_are_bounded_by_their_bytes_and_the_end_does_not_wait_for_a_reader_that_is_gone() {
        let reader = Reader::default();
        let (mut queue, thread) = start(reader.clone()).unwrap();
        let stands = reader.stands.lock().unwrap();
        for _ in 0..10 {
            queue.write_all(&vec![b'x'; BYTES / 4]).unwrap();
        }
        assert!((5..=6).contains(&queue.lines().dropped()), "{}", queue.lines().dropped());
        let began = Instant::now();
        drop(thread);
        assert!(began.elapsed() < 10 * FAREWELL);
        drop(stands);
    }
}
