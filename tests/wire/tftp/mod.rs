//! The TFTP server over loopback, against an own client that can misbehave and against the clients that people use.

mod capacity;
mod client;
mod firmware_habits;
mod real_clients;
mod refusals;
mod server;
mod transfers;
