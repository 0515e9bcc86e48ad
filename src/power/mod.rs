//! How a node is switched: what Redfish services and `ipmitool` are asked, and what their answers mean. No socket and no
//! process is here; `server::bmc` has those.

mod fault;
pub(crate) mod ipmi;
mod order;
pub(crate) mod redfish;

pub(crate) use fault::{Fault, quoted};
pub(crate) use order::{Action, Seen};
