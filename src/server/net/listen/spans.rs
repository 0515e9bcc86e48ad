//! Sends parts of files from the kernel's cache to a socket without copying them (sendfile(2)), below a library that
//! writes bytes: a body yields blank bytes in place of a part, and the stream sends that part when they are written.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use rustix::fs::sendfile;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// The largest part of a file that stands for itself in one piece of a body, in bytes.
pub(crate) const MAX_SPAN: usize = 1 << 20;

/// Bytes that are never sent and never touched, so they take no memory. A slice of them is known by its address.
static BLANK: LazyLock<Bytes> = LazyLock::new(|| vec![0; MAX_SPAN].into());

/// The parts of files that the blank bytes of one connection stand for, in their order.
#[derive(Clone, Default)]
pub(super) struct Spans(Arc<Mutex<VecDeque<Span>>>);

struct Span {
    file: Arc<File>,
    next: u64,
    left: usize,
}

impl Spans {
    /// Adds a part of a file of at most [`MAX_SPAN`] bytes; returns the bytes that stand for it.
    pub(super) fn add(&self, file: Arc<File>, first: u64, length: usize) -> Bytes {
        let length = length.min(MAX_SPAN);
        self.lock().push_back(Span { file, next: first, left: length });
        BLANK.slice(..length)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what `blank` bytes stand for, as far as the socket accepts it.
    fn send(&self, stream: &TcpStream, blank: usize) -> io::Result<usize> {
        let mut spans = self.lock();
        let nothing = || io::Error::other("blank bytes stand for no part of a file");
        let span = spans.front_mut().ok_or_else(nothing)?;
        let sent = sendfile(stream, &span.file, Some(&mut span.next), span.left.min(blank))?;
        if sent == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
        }
        span.left -= sent;
        if span.left == 0 {
            spans.pop_front();
        }
        Ok(sent)
    }
}

/// Whether these are bytes that stand for a part of a file.
fn is_blank(bytes: &[u8]) -> bool {
    LazyLock::get(&BLANK).is_some_and(|blank| blank.as_ptr_range().contains(&bytes.as_ptr()))
}

/// A connection on which parts of files are sent in place of blank bytes.
pub(super) struct Spliced {
    stream: TcpStream,
    spans: Spans,
}

impl Spliced {
    pub(super) fn new(stream: TcpStream, spans: Spans) -> Self {
        Self { stream, spans }
    }

    pub(super) fn get_ref(&self) -> &TcpStream {
        &self.stream
    }

    fn poll_send(&self, cx: &mut Context<'_>, blank: usize) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_io(Interest::WRITABLE, || self.spans.send(&self.stream, blank)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return Poll::Ready(sent),
            }
        }
    }
}

impl AsyncRead for Spliced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Spliced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match is_blank(bytes) {
            true => self.poll_send(cx, bytes.len()),
            false => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let empty = parts.iter().take_while(|part| part.is_empty()).count();
        let parts = &parts[empty..];
        match parts.iter().position(|part| !part.is_empty() && is_blank(part)) {
            Some(0) => self.poll_send(cx, parts[0].len()),
            // First what stands before it, such as the head of the answer.
            Some(before) => Pin::new(&mut self.stream).poll_write_vectored(cx, &parts[..before]),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
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
    use std::io::Write;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn parts_of_files_arrive_in_order_between_other_bytes_however_slowly_the_peer_reads() {
        let content: Vec<u8> = (0..3_000_000u32).map(|n| (n ^ (n >> 9)) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let file = Arc::new(file);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (spans, stream) = (Spans::default(), listener.accept().await.unwrap().0);
        let mut ours = Spliced::new(stream, spans.clone());
        let send = async {
            let (one, two) = (spans.add(file.clone(), 5, MAX_SPAN), spans.add(file.clone(), 2_000_000, 1_000));
            let mut parts = [b"head".as_slice(), &one, b"", &two, b"tail"].map(IoSlice::new);
            let mut left = &mut parts[..];
            while !left.is_empty() {
                let written = ours.write_vectored(left).await.unwrap();
                IoSlice::advance_slices(&mut left, written);
            }
            ours.shutdown().await.unwrap();
        };
        let receive = async {
            let mut received = Vec::new();
            let mut chunk = vec![0; 10_000];
            loop {
                match peer.read(&mut chunk).await.unwrap() {
                    0 => return received,
                    length => received.extend_from_slice(&chunk[..length]),
                }
                tokio::task::yield_now().await;
            }
        };
        let ((), received) = tokio::join!(send, receive);
        let expected = [b"head", &content[5..5 + MAX_SPAN], &content[2_000_000..2_001_000], b"tail"].concat();
        assert!(received == expected, "{} and not {} bytes", received.len(), expected.len());
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_ends_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (spans, stream) = (Spans::default(), listener.accept().await.unwrap().0);
        let mut ours = Spliced::new(stream, spans.clone());
        let blank = spans.add(Arc::new(tempfile::tempfile().unwrap()), 0, 100);
        assert_eq!(ours.write_all(&blank).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
