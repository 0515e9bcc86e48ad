//! A transfer as a state machine: it takes what arrived and the time, and says what to send.
//!
//! The window is that of RFC 7440; a transfer without that option has a window of one block. Times are counted from the
//! start of the transfer. Blocks are counted from 1 without wrapping; only the wire counts modulo 65536.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::packet::block_number;
use super::round_trip::RoundTrip;
use super::{Agreed, ClientPacket, Limits, Request};

/// How often the same packets are sent again before the client is considered gone.
const MAX_RETRIES: u8 = 5;
/// How many of these retries a client may trigger by reporting a loss. The others are left to the growing waits, so
/// that a few milliseconds of trouble do not use them all up.
const MAX_EARLY_RETRIES: u8 = 2;

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send [`Transfer::oack`].
    SendOack,
    /// Send these blocks, in order.
    SendBlocks(RangeInclusive<u64>),
    /// Nothing, until a packet arrives or [`Transfer::deadline`] passes.
    Wait,
    /// Nothing ever again.
    End(Ending),
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The client acknowledged the last block.
    Finished,
    /// Everything was sent and all but the last window acknowledged, then silence: the last ACK is the one packet that
    /// is never retransmitted.
    Unconfirmed,
    /// The client only wanted to know the size (OVMF does so before every download).
    SizeProbe,
    /// The client gave up.
    EndedByClient {
        /// The code of its ERROR packet.
        code: u16,
        /// Its text, safe to print.
        text: String,
    },
    /// The client stopped answering.
    Vanished,
}

/// One transfer to one client.
#[derive(Debug)]
pub struct Transfer {
    agreed: Agreed,
    content_len: u64,
    /// Whether the OACK was sent and is not acknowledged yet.
    awaits_oack_ack: bool,
    /// The last block that the client acknowledged; 0 at the start.
    acked: u64,
    /// The last block that was sent since then.
    sent: u64,
    /// When the packets in flight were sent.
    sent_at: Duration,
    /// When to stop waiting for an answer to them.
    deadline: Duration,
    /// How often the packets in flight were sent again.
    retries: u8,
    /// Whether no packet in flight was sent before, so that an answer measures a round trip.
    is_first_copy: bool,
    /// Whether the client repeated its last ACK: a loss, unless the real answer arrives in time.
    reports_loss: bool,
    time: RoundTrip,
    retransmissions: u64,
}

impl Transfer {
    /// Agrees on the terms of a transfer of `content_len` bytes. Nothing is sent before [`Self::start`].
    pub fn new(request: &Request, content_len: u64, limits: Limits) -> Self {
        let agreed = Agreed::decide(request, content_len, limits);
        Self {
            awaits_oack_ack: agreed.has_oack(),
            time: RoundTrip::new(agreed.timeout),
            agreed,
            content_len,
            acked: 0,
            sent: 0,
            sent_at: Duration::ZERO,
            deadline: Duration::ZERO,
            retries: 0,
            is_first_copy: true,
            reports_loss: false,
            retransmissions: 0,
        }
    }

    /// Sends the first packet: the OACK, or the first block to a client without options.
    pub fn start(&mut self, now: Duration) -> Action {
        if self.awaits_oack_ack { self.send_in_flight(now) } else { self.send_next_window(now) }
    }

    /// Records that the packets of the last action have left: the client's time to answer begins only now. A server
    /// that was slow itself must not mistake that for a loss.
    pub fn on_sent(&mut self, now: Duration) {
        self.deadline = self.deadline.max(now + self.time.wait());
    }

    /// Takes a packet of the client; one that is neither an ACK nor an ERROR changes nothing.
    pub fn on_packet(&mut self, packet: &[u8], now: Duration) -> Action {
        match ClientPacket::parse(packet) {
            None => Action::Wait,
            Some(ClientPacket::Ack(block)) => self.on_ack(block, now),
            Some(ClientPacket::Error { code, text }) => Action::End(self.ended_by_client(code, text)),
        }
    }

    /// Sends the unanswered packets again, or gives up. Does nothing before the deadline.
    pub fn on_timeout(&mut self, now: Duration) -> Action {
        if now < self.deadline {
            return Action::Wait;
        }
        if self.retries == MAX_RETRIES {
            return Action::End(self.ended_by_silence());
        }
        if !std::mem::take(&mut self.reports_loss) {
            self.time.back_off();
        }
        self.send_again(now)
    }

    /// Handles a repeated request: the client has not seen the answer, or the network duplicated the request. The
    /// answer comes from the same port as before, because a second transfer would confuse a client that meanwhile talks
    /// to this one.
    pub fn on_repeated_request(&mut self, now: Duration) -> Action {
        let nothing_acknowledged = self.awaits_oack_ack || (self.acked == 0 && !self.agreed.has_oack());
        if !nothing_acknowledged {
            return Action::Wait;
        }
        self.is_first_copy = false;
        self.retransmissions += 1;
        self.send_in_flight(now)
    }

    /// How the transfer ended, when the client's host reports that its port is closed.
    pub(crate) fn ended_by_silence(&self) -> Ending {
        let all_in_flight = !self.awaits_oack_ack && self.sent == self.last_block();
        if all_in_flight { Ending::Unconfirmed } else { Ending::Vanished }
    }

    /// When [`Self::on_timeout`] has something to do.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The OACK packet.
    pub fn oack(&self) -> Vec<u8> {
        self.agreed.oack()
    }

    /// The terms of the transfer.
    #[cfg(test)]
    pub(crate) fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// The byte range of a block's content; empty for the last block of content that fills whole blocks.
    pub fn bytes_of(&self, block: u64) -> std::ops::Range<u64> {
        let blksize = u64::from(self.agreed.blksize);
        let start = ((block - 1) * blksize).min(self.content_len);
        start..(start + blksize).min(self.content_len)
    }

    /// Bytes that the client has acknowledged.
    pub fn acknowledged_bytes(&self) -> u64 {
        (self.acked * u64::from(self.agreed.blksize)).min(self.content_len)
    }

    /// Packets that were sent more than once.
    pub(crate) fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    /// The block that ends the transfer: the first one that is not full (RFC 1350 section 6).
    fn last_block(&self) -> u64 {
        self.content_len / u64::from(self.agreed.blksize) + 1
    }

    fn on_ack(&mut self, block: u16, now: Duration) -> Action {
        if self.awaits_oack_ack {
            if block != 0 {
                return Action::Wait;
            }
            self.awaits_oack_ack = false;
            return self.answered(0, now);
        }
        // The window is far smaller than 65536, so the distance identifies the block; a larger distance is an old ACK.
        let step = u64::from(block.wrapping_sub(block_number(self.acked)));
        match step {
            0 => self.on_repeated_ack(now),
            _ if self.acked + step <= self.sent => self.answered(self.acked + step, now),
            _ => Action::Wait,
        }
    }

    /// The client has everything up to `block`. If that is not all that was sent, the client saw a gap there, and the
    /// window restarts at the gap at once (RFC 7440 section 4).
    fn answered(&mut self, block: u64, now: Duration) -> Action {
        if self.is_first_copy && block == self.sent {
            self.time.measure(now.saturating_sub(self.sent_at));
        }
        self.acked = block;
        self.retries = 0;
        self.reports_loss = false;
        if block == self.last_block() { Action::End(Ending::Finished) } else { self.send_next_window(now) }
    }

    /// The last ACK was repeated. A lock-step client is sent nothing, or every packet would be duplicated for the rest
    /// of the transfer (RFC 1123 4.2.3.1). With a window it can mean that the window's first block was lost; that is
    /// assumed once the answer to that block is overdue.
    fn on_repeated_ack(&mut self, now: Duration) -> Action {
        if self.agreed.windowsize == 1 || self.retries >= MAX_EARLY_RETRIES {
            return Action::Wait;
        }
        let overdue = self.sent_at + self.time.patience();
        if now >= overdue {
            return self.send_again(now);
        }
        self.reports_loss = true;
        self.deadline = self.deadline.min(overdue);
        Action::Wait
    }

    fn send_next_window(&mut self, now: Duration) -> Action {
        let already_sent = self.sent - self.acked;
        self.sent = (self.acked + u64::from(self.agreed.windowsize)).min(self.last_block());
        self.retransmissions += already_sent;
        self.is_first_copy = already_sent == 0;
        self.send_in_flight(now)
    }

    fn send_again(&mut self, now: Duration) -> Action {
        self.retries += 1;
        self.is_first_copy = false;
        self.reports_loss = false;
        self.retransmissions += if self.awaits_oack_ack { 1 } else { self.sent - self.acked };
        self.send_in_flight(now)
    }

    fn send_in_flight(&mut self, now: Duration) -> Action {
        self.sent_at = now;
        self.deadline = now + self.time.wait();
        if self.awaits_oack_ack { Action::SendOack } else { Action::SendBlocks(self.acked + 1..=self.sent) }
    }

    fn ended_by_client(&self, code: u16, text: String) -> Ending {
        // OVMF sends 8 after the OACK; pxelinux and iPXE send 0 when they close a transfer that only asked for the
        // size.
        let is_probe = self.awaits_oack_ack && (code == 8 || (code == 0 && self.agreed.tells_size()));
        if is_probe { Ending::SizeProbe } else { Ending::EndedByClient { code, text } }
    }
}

#[cfg(test)]
mod tests;
