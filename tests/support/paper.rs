//! The paper's testbed as a value, as the unit tests have it.

use std::net::Ipv4Addr;

use rackstart::site::*;

#[path = "../../src/site/testing.rs"]
mod testing;

pub use testing::paper_site;
