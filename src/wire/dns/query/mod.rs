//! One question: parsed defensively, then answered from the zone, refused, or forwarded to a resolver whose reply is
//! returned.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, PTR};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::Found;

/// Bytes of a DNS header.
const HEADER: usize = 12;
/// The size that every client accepts by UDP (RFC 1035 section 4.2.1).
const PLAIN_ROOM: u16 = 512;
/// The size that fits every link unfragmented (DNS flag day 2020), and the most that is sent by UDP.
const SAFE_ROOM: u16 = 1232;
/// How long others may cache what the site says, in seconds: a site file changes.
const TTL: u32 = 60;

/// The transport of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// UDP, with little room.
    Udp,
    /// TCP, with room for everything.
    Tcp,
}

/// What a received message turns out to be.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A question to look up.
    Question(Box<Query>),
    /// A message that is not looked up; this is the answer to it.
    Refused(Vec<u8>),
    /// A message that is never answered: not a question, or too short to be answered.
    Silence,
}

/// A question of class IN, and how its sender wants the answer.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    message: Message,
    carrier: Carrier,
}

impl Query {
    /// Parses a received message.
    pub(crate) fn read(bytes: &[u8], carrier: Carrier) -> Asked {
        let Some(header) = bytes.first_chunk::<HEADER>() else { return Asked::Silence };
        let (id, is_response) = (u16::from_be_bytes([header[0], header[1]]), header[2] & 0x80 != 0);
        if is_response {
            return Asked::Silence;
        }
        let code = OpCode::from_u8(header[2] >> 3 & 15);
        let refuse = |code, because| Asked::Refused(encode(&Message::error_msg(id, code, because)));
        if code != OpCode::Query {
            return refuse(code, ResponseCode::NotImp);
        }
        // Checked before parsing, because the parser allocates for as many questions as the header claims.
        if header[4..6] != [0, 1] {
            return refuse(code, ResponseCode::FormErr);
        }
        let Ok(message) = Message::from_vec(bytes) else { return refuse(code, ResponseCode::FormErr) };
        let query = Self { message, carrier };
        let refusal = match (query.message.edns.as_ref().map_or(0, Edns::version), query.class(), query.kind()) {
            (1.., ..) => ResponseCode::BADVERS,
            (_, class, _) if class != DNSClass::IN => ResponseCode::Refused,
            (_, _, RecordType::AXFR | RecordType::IXFR) => ResponseCode::Refused,
            _ => return Asked::Question(Box::new(query)),
        };
        Asked::Refused(query.failure(refusal))
    }

    /// A question that every working resolver can answer and whose name no machine of the network chose: the name
    /// servers of the root.
    pub(crate) fn of_the_root() -> Self {
        let mut message = Message::new(0, MessageType::Query, OpCode::Query);
        message.add_query(hickory_proto::op::Query::query(Name::root(), RecordType::NS));
        Self { message, carrier: Carrier::Udp }
    }

    /// The name that is asked about.
    pub(crate) fn name(&self) -> &Name {
        self.message.queries[0].name()
    }

    /// The record type that is wanted.
    pub(crate) fn kind(&self) -> RecordType {
        self.message.queries[0].query_type()
    }

    /// The transport on which the question came.
    pub(crate) fn carrier(&self) -> Carrier {
        self.carrier
    }

    fn class(&self) -> DNSClass {
        self.message.queries[0].query_class()
    }

    /// The answer to what the zone found; `None` when a resolver has to be asked.
    pub(crate) fn answer(&self, found: Found) -> Option<Vec<u8>> {
        let mut reply = self.reply(ResponseCode::NoError);
        reply.metadata.authoritative = true;
        let record = |data| Record::from_rdata(self.name().clone(), TTL, data);
        match found {
            Found::Addresses(addresses) => {
                reply.add_answers(addresses.into_iter().map(|address| record(RData::A(A(address)))));
            }
            Found::Name(name) => {
                let name = Name::from_ascii(format!("{name}.")).ok()?;
                reply.add_answer(record(RData::PTR(PTR(name))));
            }
            Found::Nothing => {}
            Found::Unknown => reply.metadata.response_code = ResponseCode::NXDomain,
            Found::Elsewhere => return None,
        }
        Some(self.fit(encode(&reply)))
    }

    /// The answer that reports a failure with this code.
    pub(crate) fn failure(&self, why: ResponseCode) -> Vec<u8> {
        encode(&self.reply(why))
    }

    /// This question for a resolver, under another ID. Nothing else of what the client sent is forwarded.
    pub(crate) fn onward(&self, id: u16) -> Vec<u8> {
        let mut onward = Message::new(id, MessageType::Query, OpCode::Query);
        onward.metadata.recursion_desired = true;
        onward.metadata.checking_disabled = self.message.metadata.checking_disabled;
        onward.add_query(self.message.queries[0].clone());
        // A reply then has EDNS exactly when the client supports it.
        if let Some(asked) = &self.message.edns {
            onward.set_edns(edns(asked.flags().dnssec_ok));
        }
        encode(&onward)
    }

    /// Turns a resolver's reply to the question that was forwarded as `id` into the client's reply; `None` when it is
    /// not a reply to that question.
    pub(crate) fn take_back(&self, id: u16, reply: &[u8]) -> Option<Vec<u8>> {
        let header = reply.first_chunk::<HEADER>()?;
        let is_ours = header[..2] == id.to_be_bytes() && header[2] & 0xf8 == 0x80 && header[4..6] == [0, 1];
        let mut rest = BinDecoder::new(&reply[HEADER..]);
        // The question in a reply is not compressed: there is nothing before it to point to.
        let question = hickory_proto::op::Query::read(&mut rest).ok()?;
        if !is_ours || question != self.message.queries[0] {
            return None;
        }
        let mut reply = reply.to_vec();
        reply[..2].copy_from_slice(&self.message.metadata.id.to_be_bytes());
        Some(self.fit(reply))
    }

    /// Whether another resolver may do better than the one that sent this reply.
    pub(crate) fn is_failure(reply: &[u8]) -> bool {
        let code = ResponseCode::from(0, reply.get(3).map_or(0, |flags| flags & 15));
        [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::NotImp].contains(&code)
    }

    /// Replaces a reply that is too long for UDP with a truncated one, so that the client asks again by TCP.
    fn fit(&self, reply: Vec<u8>) -> Vec<u8> {
        let room = match (self.carrier, &self.message.edns) {
            (Carrier::Tcp, _) => u16::MAX,
            (Carrier::Udp, None) => PLAIN_ROOM,
            (Carrier::Udp, Some(edns)) => edns.max_payload().clamp(PLAIN_ROOM, SAFE_ROOM),
        };
        if reply.len() <= usize::from(room) {
            return reply;
        }
        let mut short = self.reply(ResponseCode::NoError);
        short.metadata.truncation = true;
        encode(&short)
    }

    fn reply(&self, code: ResponseCode) -> Message {
        let mut reply = Message::response(self.message.metadata.id, OpCode::Query);
        reply.metadata.recursion_desired = self.message.metadata.recursion_desired;
        reply.metadata.recursion_available = true;
        reply.metadata.checking_disabled = self.message.metadata.checking_disabled;
        reply.metadata.response_code = code;
        reply.add_query(self.message.queries[0].clone());
        if let Some(asked) = &self.message.edns {
            reply.set_edns(edns(asked.flags().dnssec_ok));
        }
        reply
    }
}

fn edns(dnssec_ok: bool) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(SAFE_ROOM).set_version(0).set_dnssec_ok(dnssec_ok);
    edns
}

/// The bytes of a message that we built, which always fits.
fn encode(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap_or_default()
}

#[cfg(test)]
mod tests;
