//! `rackstart serve` on a network of the test's own, met as operators, nodes and service managers meet it.

mod behind_a_relay;
mod crowd;
mod floods;
mod ipmi;
mod life;
mod names_and_time;
mod no_room;
mod operation;
mod orders;
mod power;
mod rack;
mod redfish_samples;
mod remote_api;
mod rivals;
mod service;
#[path = "../support/mod.rs"]
mod support;
