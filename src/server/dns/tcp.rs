//! Questions by TCP: for replies that are too long for a datagram.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::places::{Asker, Places};
use super::{LONGEST_QUESTION, NameDesk};
use crate::wire::dns::Carrier;

/// How long a connection may be silent, and how long a peer may take to read an answer.
const IDLE: Duration = Duration::from_secs(10);
/// The largest number of questions on one connection.
const QUESTIONS: usize = 100;

/// A message preceded by its length, as TCP carries it (RFC 1035 section 4.2.2).
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(0);
    [&length.to_be_bytes(), &message[..usize::from(length)]].concat()
}

/// The open connections.
#[derive(Default)]
pub(super) struct Connections {
    tasks: JoinSet<()>,
    places: Places,
}

impl Connections {
    /// Serves a connection; an older one is closed when there are too many.
    pub(super) fn place(&mut self, stream: TcpStream, client: Asker, desk: &Arc<NameDesk>) {
        let place = self.places.take(client, desk.shares(client).connections);
        let desk = desk.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = place.lost() => {}
                () = serve(stream, client, desk) => {}
            }
        });
    }

    /// Waits until a connection has ended.
    pub(super) async fn ended(&mut self) -> Option<()> {
        self.tasks.join_next().await.map(drop)
    }
}

async fn serve(mut stream: TcpStream, client: Asker, desk: Arc<NameDesk>) {
    for _ in 0..QUESTIONS {
        let Ok(Some(question)) = timeout(IDLE, read(&mut stream)).await else { return };
        let mut reply = None;
        if let Some(query) = desk.at_once(&question, Carrier::Tcp, &mut |answer| reply = Some(answer)) {
            reply = Some(desk.elsewhere(&query, client).await);
        }
        let Some(reply) = reply else { return };
        let Ok(Ok(())) = timeout(IDLE, stream.write_all(&framed(&reply))).await else { return };
    }
}

/// Reads one question; `None` at the end, or when it is too long to be a question.
async fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = usize::from(stream.read_u16().await.ok()?);
    if length > LONGEST_QUESTION {
        return None;
    }
    let mut question = vec![0; length];
    stream.read_exact(&mut question).await.ok()?;
    Some(question)
}
