//! A stream whose peer must keep reading: one that stops in the middle of a file is disconnected.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Limits how long a write may make no progress. Reading is not limited here: the head of a request and its body have
/// their own limits.
pub(super) struct Patience<S> {
    stream: S,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    stalled: bool,
}

impl<S> Patience<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, timer: Box::pin(sleep(limit)), stalled: false }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }

    fn limit_stall(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = false;
            return written;
        }
        if !std::mem::replace(&mut self.stalled, true) {
            self.timer.as_mut().reset(Instant::now() + self.limit);
        }
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the peer has stopped reading the response");
        self.timer.as_mut().poll(cx).map(|()| Err(late()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.limit_stall(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.limit_stall(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn peer_that_takes_nothing_is_cut_off_and_a_slow_one_is_not() {
        let (ours, mut peer) = duplex(1000);
        let mut ours = Patience::new(ours, LIMIT);
        let slow = tokio::spawn(async move {
            for _ in 0..3 {
                tokio::time::sleep(LIMIT - Duration::from_secs(1)).await;
                peer.read_exact(&mut [0; 1000]).await.unwrap();
            }
            peer
        });
        ours.write_all(&[7; 4000]).await.unwrap();
        let peer = slow.await.unwrap();
        let before = Instant::now();
        let cut = ours.write_all(&[7; 1]).await.unwrap_err();
        assert_eq!((cut.kind(), before.elapsed().as_secs()), (io::ErrorKind::TimedOut, 30));
        drop(peer);
    }
}
