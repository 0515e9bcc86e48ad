//! What several test programs share; each takes the folder in with `#[path = "../support/mod.rs"]`.
#![allow(dead_code, unused_imports)] // each test program uses its part

pub mod again;
pub mod desk;
pub mod dhcp_packets;
pub mod dice;
pub mod network_lab;
mod paper;
pub mod serving;

pub use paper::paper_site;
