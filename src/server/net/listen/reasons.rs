//! hyper answers a request that it cannot parse with a bare status. To let the peer see the reason, a stream adds it in
//! words as long as no request has arrived on it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::places::Place;

/// A stream that explains a refusal before the first request.
pub(super) struct Reasons<S> {
    stream: S,
    place: Arc<Place>,
}

impl<S> Reasons<S> {
    pub(super) fn new(stream: S, place: Arc<Place>) -> Self {
        Self { stream, place }
    }

    /// What is sent in place of a bare refusal; `None` for everything else.
    fn instead(&self, start: &[u8]) -> Option<Vec<u8>> {
        // Once a handler was called, what is written is its answer.
        let is_bare = !self.place.has_asked() && start.starts_with(b"HTTP/1.1 4");
        is_bare.then(|| in_words(start))
    }
}

/// Adds the reason to a bare refusal.
fn in_words(bare: &[u8]) -> Vec<u8> {
    let line = bare.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let reason = match line.get(9..12) {
        Some("431") => "the head of the request is larger than 64 KiB, or has more than 100 lines\n",
        Some("414") => "the URL of the request is too long\n",
        _ => "this is not a valid HTTP request\n",
    };
    let length = reason.len();
    let head = format!(
        "{line}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{reason}"
    );
    head.into_bytes()
}

impl<S: AsyncRead + Unpin> AsyncRead for Reasons<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Reasons<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(words) = self.instead(bytes) else { return Pin::new(&mut self.stream).poll_write(cx, bytes) };
        // Nothing was sent before, so the socket's buffer accepts these few bytes at once.
        let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &words))?;
        Poll::Ready(if sent == words.len() { Ok(bytes.len()) } else { Err(io::ErrorKind::WriteZero.into()) })
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match parts.iter().find(|part| !part.is_empty()) {
            Some(first) if self.instead(first).is_some() => self.poll_write(cx, first),
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        // hyper flushes when its own buffer is empty, so a finished answer is completely with the kernel.
        self.place.sent();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
