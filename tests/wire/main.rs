//! DHCP, router advertisements and TFTP: packets in and out, on real sockets too, with clients that nobody here wrote.

mod dhcp_hostile_packets;
mod dhcp_on_the_wire;
mod dhcp_replies;
mod fuzz;
mod router_advertisement;
#[path = "../support/mod.rs"]
mod support;
mod tftp;
