//! TFTP without a socket and without a clock: requests and answers as values, and a transfer as a state machine.
//!
//! Only reading is served; a write request is recognised so that it can be refused. RFC 1350 (the protocol), 2347
//! (options), 2348 (`blksize`), 2349 (`timeout`, `tsize`), 7440 (`windowsize`); RFC 1123 4.2.3.1 (no Sorcerer's
//! Apprentice). The packet types are the `tftpd` crate's. Requests are parsed here, because that crate drops a whole
//! request for one bad option value, and DATA is built here, because it copies every block.

mod options;
mod packet;
mod request;
mod round_trip;
mod transfer;

#[cfg(test)]
mod simulation;

pub(crate) use options::Agreed;
pub use options::Limits;
pub(crate) use packet::{ClientPacket, data_header, error};
pub use request::Request;

pub(crate) use tftpd::ErrorCode;
pub use transfer::{Action, Ending, Transfer};
