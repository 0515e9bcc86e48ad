//! The last step of the log: known secrets are removed from everything that is written to it. Code that logs a
//! machine's words need not think of it, and new code cannot forget it.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use tracing_subscriber::fmt::MakeWriter;

use crate::secrets::Redactor;

type Source = Box<dyn Fn() -> Arc<Redactor> + Send + Sync>;

/// Washes what `make` writes. Before [`Wash::with`] it knows no secrets, but at that time none have been loaded either.
#[derive(Clone)]
pub(crate) struct Wash<M> {
    make: M,
    source: Arc<OnceLock<Source>>,
}

impl<M> Wash<M> {
    /// Washes for this writer.
    pub(crate) fn new(make: M) -> Self {
        Self { make, source: Arc::default() }
    }

    /// Sets the source of the current secrets. Clones use it too.
    pub(crate) fn with(&self, source: impl Fn() -> Arc<Redactor> + Send + Sync + 'static) {
        let _ = self.source.set(Box::new(source));
    }
}

/// One record on its way: `tracing-subscriber` writes each record with one call.
pub(crate) struct Washed<W> {
    inner: W,
    redactor: Option<Arc<Redactor>>,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Wash<M> {
    type Writer = Washed<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Washed { inner: self.make.make_writer(), redactor: self.source.get().map(|source| source()) }
    }
}

impl<W: Write> Write for Washed<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let clean = self.redactor.as_ref().and_then(|redactor| redactor.find(&String::from_utf8_lossy(record)));
        match clean {
            Some(clean) => self.inner.write_all(clean.as_bytes())?,
            None => self.inner.write_all(record)?,
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
