//! The texts that say why a DHCP request gets no answer, or a DHCPNAK. They are worded only here.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::kind::MessageKind;
use crate::boot::IgnoreReason;
use crate::site::Mac;

/// Why a request gets no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceReason {
    /// The boot decision says to ignore the machine.
    #[error(transparent)]
    Boot(#[from] IgnoreReason),
    /// The client took the offer of another server.
    #[error("it chose the DHCP server {0}: two servers answer on this network")]
    ChoseAnotherServer(Ipv4Addr),
    /// In proxy mode, what concerns a lease.
    #[error("addresses are given by another DHCP server: `dhcp` in `[server]` is `proxy`")]
    AnotherServersLease,
    /// A DHCPREQUEST without an address in any of its three places.
    #[error("it names no address")]
    NamesNoAddress,
    /// The client found its address in use.
    #[error("it found {0} in use by another machine: find the one that answers ARP for it")]
    Declined(Ipv4Addr),
    /// The client gives its address back; a reservation stays.
    #[error("it released {0}, which stays reserved for it")]
    Released(Ipv4Addr),
    /// A stranger gives its lent address back.
    #[error("it gave the lent address {0} back")]
    GaveBack(Ipv4Addr),
    /// A stranger asks for an address that is not ours to lend; it may be another server's.
    #[error("it asks for {0}, which is not in the discovery range")]
    NotOursToLend(Ipv4Addr),
    /// Every address of the discovery range is held by another machine.
    #[error("all {0} addresses for unknown machines are held by others: wait two minutes or widen the discovery range")]
    AllLent(usize),
    /// No machine can own this MAC, so a reply would not reach just one machine.
    #[error("no machine can have the MAC {0}")]
    ImpossibleMac(Mac),
    /// A DHCPINFORM from an address that is not ours to serve.
    #[error("it asks from {address}, which is not on {subnet}")]
    AddressOffSubnet {
        /// The client's address.
        address: Ipv4Addr,
        /// The machine's subnet.
        subnet: Ipv4Net,
    },
    /// The relay agent is on a network where the reservation would not work.
    #[error("its relay agent {relay} is not on {subnet}: a reservation would not work there")]
    RelayOffSubnet {
        /// The relay agent, or the link it names in option 82.
        relay: Ipv4Addr,
        /// The machine's subnet.
        subnet: Ipv4Net,
    },
    /// A node of a network behind a router asks on our own link.
    #[error("it asks without a relay agent, as if it were on this link, but its address is on {0}: check its cable")]
    OffItsNetwork(Ipv4Net),
    /// A relay agent that the site file does not name.
    #[error("its relay agent {0} is not in the site file: add it to `relays` of its network if it is yours")]
    UnknownRelay(Ipv4Addr),
    /// Another rackstart served this link before us.
    #[error("this rackstart is passive: another one, {0}, serves this network")]
    Passive(Ipv4Addr),
    /// No machine can have this relay agent's address.
    #[error("its relay agent claims the address {0}, which no machine can have")]
    ImpossibleRelay(Ipv4Addr),
    /// A message that only servers send, or that needs a lease store.
    #[error("this server does not answer a {0}")]
    NotForUs(MessageKind),
}

impl SilenceReason {
    /// Whether an administrator should see it, rather than only somebody who debugs.
    pub(crate) fn wants_a_person(&self) -> bool {
        !matches!(
            self,
            Self::Released(_)
                | Self::GaveBack(_)
                | Self::NotOursToLend(_)
                | Self::NotForUs(_)
                | Self::AnotherServersLease
        )
    }
}

/// Why a DHCPREQUEST is refused. The text travels in option 56, so it is short and ASCII.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NakReason {
    /// A node wants an address other than its own.
    #[error("{asked} is not reserved for this machine: {reserved} is")]
    NotReserved {
        /// The address the client wants.
        asked: Ipv4Addr,
        /// The address it may have.
        reserved: Ipv4Addr,
    },
    /// A stranger wants an address of the discovery range that it cannot have, or can no longer have.
    #[error("{0} is not lent to this machine")]
    NotLent(Ipv4Addr),
}
