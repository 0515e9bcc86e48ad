//! Handles one request, from the lookup of its name to the report of its end: moves packets between a socket and
//! `wire::tftp::Transfer`.

use std::io::{self, IoSlice};
use std::net::SocketAddrV4;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::debug;

use super::burst;
use super::content::{Bytes, TftpContent};
use super::endpoint::Endpoint;
use super::error_limit::ErrorLimit;
use super::seen::{Observer, Outcome, Seen, Stop};
use super::transfers::{LastHeard, Order};
use crate::wire::tftp::{Action, ErrorCode, Request, Transfer, data_header, error};

/// What all transfers share.
pub(super) struct Shared {
    pub(super) endpoint: Endpoint,
    pub(super) content: Arc<dyn TftpContent>,
    pub(super) observer: Observer,
    pub(super) errors: ErrorLimit,
}

impl Shared {
    pub(super) fn may_answer_with_error(&self, client: SocketAddrV4) -> bool {
        self.content.knows(*client.ip()) || self.errors.allows(*client.ip(), Instant::now())
    }

    /// Sends an error from a new port, as every server does; some firmware accepts no packet from port 69.
    async fn send_error(&self, client: SocketAddrV4, code: ErrorCode, text: &str) {
        let sent = async { self.endpoint.transfer_socket(client)?.0.send(&error(code, text)).await };
        if let Err(error) = sent.await {
            debug!(peer = %client, %error, "tftp error could not be sent");
        }
    }

    /// Reports a request that got no place and no answer.
    pub(super) fn turned_away(&self, client: SocketAddrV4, text: String) {
        self.report(without_transfer(client, String::new(), Outcome::Refused(text)));
    }

    fn report(&self, seen: Seen) {
        let (bytes, elapsed_ms, outcome) = (seen.bytes, seen.elapsed.as_millis(), &seen.outcome);
        debug!(peer = %seen.client, boot_file = %seen.name, bytes, elapsed_ms, %outcome, "tftp request is over");
        (self.observer)(seen);
    }
}

/// Refuses a request with an error.
pub(super) async fn refuse(shared: Arc<Shared>, client: SocketAddrV4, code: ErrorCode, text: String) {
    shared.send_error(client, code, &text).await;
    shared.report(without_transfer(client, String::new(), Outcome::Refused(text)));
}

/// Serves a request to its end.
pub(super) async fn serve(
    shared: Arc<Shared>,
    client: SocketAddrV4,
    request: Request,
    heard: Arc<LastHeard>,
    orders: watch::Receiver<Order>,
) {
    let found = match shared.content.open(*client.ip(), &request.name) {
        Ok(found) => found.ready().await,
        Err(reason) => Err(reason),
    };
    let content = match found {
        Ok(content) => content,
        Err(reason) => {
            if shared.may_answer_with_error(client) {
                shared.send_error(client, ErrorCode::FileNotFound, &reason.text).await;
                shared.report(without_transfer(client, request.name, Outcome::NotServed(reason.text)));
            }
            return;
        }
    };
    let mut conversation = match shared.endpoint.transfer_socket(client) {
        Ok((socket, limits)) => {
            let transfer = Transfer::new(&request, content.len() as u64, limits);
            Conversation { socket, content, transfer, started: Instant::now(), bursts: true }
        }
        Err(error) => return shared.report(without_transfer(client, request.name, Outcome::Broken(error.to_string()))),
    };
    let outcome = conversation.run(&heard, orders).await;
    shared.report(Seen {
        client: *client.ip(),
        name: request.name,
        outcome,
        bytes: conversation.transfer.acknowledged_bytes(),
        elapsed: conversation.now(),
        retransmissions: conversation.transfer.retransmissions(),
    });
}

fn without_transfer(client: SocketAddrV4, name: String, outcome: Outcome) -> Seen {
    Seen { client: *client.ip(), name, outcome, bytes: 0, elapsed: Duration::ZERO, retransmissions: 0 }
}

async fn next_order(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        Err(_) => Order::Stop(Stop::ServerStops),
    }
}

struct Conversation {
    socket: UdpSocket,
    content: Bytes,
    transfer: Transfer,
    started: Instant,
    /// Whether the kernel still has to refuse to send several blocks with one call, as on a card without checksums.
    bursts: bool,
}

impl Conversation {
    async fn run(&mut self, heard: &LastHeard, mut orders: watch::Receiver<Order>) -> Outcome {
        let mut packet = [0; 600];
        let mut action = self.transfer.start(Duration::ZERO);
        loop {
            if action != Action::Wait {
                if let Err(outcome) = self.perform(action).await {
                    return outcome;
                }
                self.transfer.on_sent(self.now());
            }
            let deadline = self.started + self.transfer.deadline();
            action = tokio::select! {
                biased;
                order = next_order(&mut orders) => match order {
                    Order::Serve => Action::Wait,
                    Order::Repeat => self.transfer.on_repeated_request(self.now()),
                    Order::Stop(why) => return self.stop(why).await,
                },
                received = self.socket.recv(&mut packet) => match received {
                    Ok(len) => {
                        heard.note();
                        self.received(&packet[..len])
                    }
                    Err(error) => return self.failed(&error),
                },
                () = tokio::time::sleep_until(deadline) => self.transfer.on_timeout(self.now()),
            };
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn received(&mut self, packet: &[u8]) -> Action {
        let now = self.now();
        match self.transfer.on_packet(packet, now) {
            // A stream of meaningless packets must not keep the deadline from being noticed.
            Action::Wait => self.transfer.on_timeout(now),
            action => action,
        }
    }

    async fn perform(&mut self, action: Action) -> Result<(), Outcome> {
        match action {
            Action::SendOack => self.send(&self.transfer.oack(), &[]).await,
            Action::SendBlocks(blocks) => self.send_blocks(blocks).await,
            Action::Wait => Ok(()),
            Action::End(ending) => Err(Outcome::Ended(ending)),
        }
    }

    async fn send_blocks(&mut self, blocks: RangeInclusive<u64>) -> Result<(), Outcome> {
        let first = data_header(*blocks.start()).len() + self.block(*blocks.start()).len();
        for part in burst::parts(blocks, first as u64) {
            let packets: Vec<_> = part.map(|block| (data_header(block), self.block(block))).collect();
            let together = self.bursts && packets.len() > 1 && self.send_together(&packets).await?;
            if !together {
                for (head, body) in &packets {
                    self.send(head, body).await?;
                }
                // The kernel refuses bursts on this way; one packet alone says nothing about that.
                self.bursts &= packets.len() == 1;
            }
        }
        Ok(())
    }

    /// Sends packets with one call; `false` when the kernel cannot do that.
    async fn send_together<const N: usize>(&self, packets: &[([u8; N], &[u8])]) -> Result<bool, Outcome> {
        let send = || burst::send(&self.socket, packets);
        match self.socket.async_io(Interest::WRITABLE, send).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(self.failed(&error)),
            Err(error) => {
                debug!(%error, "tftp blocks cannot be sent together");
                Ok(false)
            }
        }
    }

    /// The content of a block.
    fn block(&self, block: u64) -> &[u8] {
        let bytes = self.transfer.bytes_of(block);
        &self.content[bytes.start as usize..bytes.end as usize]
    }

    /// Sends one packet of two parts, without copying the content.
    async fn send(&self, head: &[u8], body: &[u8]) -> Result<(), Outcome> {
        let parts = [IoSlice::new(head), IoSlice::new(body)];
        let send = || SockRef::from(&self.socket).send_vectored(&parts);
        match self.socket.async_io(Interest::WRITABLE, send).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(self.failed(&error)),
            // A full queue or a short link failure counts as a lost packet, and lost packets are sent again.
            Err(error) => {
                debug!(%error, "tftp packet could not be sent");
                Ok(())
            }
        }
    }

    /// The client's host answered that its port is closed, or the socket is broken.
    fn failed(&self, error: &io::Error) -> Outcome {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Outcome::Ended(self.transfer.ended_by_silence()),
            _ => Outcome::Broken(error.to_string()),
        }
    }

    async fn stop(&self, why: Stop) -> Outcome {
        if let Some(text) = why.text() {
            // The transfer is over either way.
            let _ = self.socket.send(&error(ErrorCode::NotDefined, text)).await;
        }
        Outcome::Stopped(why)
    }
}
