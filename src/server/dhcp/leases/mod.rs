//! Which stranger holds which address of the discovery range. Kept in memory only and bounded; time is passed in. Free
//! addresses are lent first, then the one that expired longest ago; a current lease is never taken away.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use ipnet::Ipv4Net;

use crate::site::{Mac, Site};
use crate::wire::dhcp::{Answer, LENT_SECONDS, SilenceReason, Stranger, Wish};

/// Addresses lent at the same time, however large the range is.
const MAX_LEASES: usize = 1024;
/// How long an offer holds its address: until firmware has waited for every other server. Most offers are never taken
/// up.
const OFFERED: Duration = Duration::from_secs(30);
const LENT: Duration = Duration::from_secs(LENT_SECONDS as u64);
/// How long an address that another machine uses is avoided.
const IN_USE: Duration = Duration::from_secs(600);

/// The table of one interface.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    ranges: Vec<(Ipv4Addr, Ipv4Addr)>,
    by_address: BTreeMap<Ipv4Addr, Lease>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    /// `None`: an unknown machine uses the address.
    mac: Option<Mac>,
    until: Instant,
}

impl Leases {
    /// Grants a stranger's wish if possible, and answers it.
    pub(crate) fn settle(&mut self, site: &Site, stranger: Stranger, now: Instant) -> Answer {
        if !site.networks().filter_map(|network| network.discovery).eq(self.ranges.iter().copied()) {
            self.ranges = site.networks().filter_map(|network| network.discovery).collect();
            self.by_address.retain(|address, _| site.lends(*address));
        }
        let mac = stranger.request.boot.mac;
        match stranger.wish {
            Wish::Any => match self.address_for(site, &stranger, now) {
                Some(address) => {
                    self.hold(address, mac, now, OFFERED);
                    stranger.lend(site, address)
                }
                None => stranger.silence(SilenceReason::AllLent(self.by_address.len())),
            },
            Wish::This(address) if stranger.subnet.contains(&address) && self.may_have(site, mac, address, now) => {
                self.hold(address, mac, now, LENT);
                stranger.lend(site, address)
            }
            Wish::This(address) => stranger.refuse(site, address),
            Wish::GiveBack(address) => {
                if self.is_of(mac, address) {
                    self.by_address.remove(&address);
                }
                stranger.silence(SilenceReason::GaveBack(address))
            }
            Wish::Decline(address) => {
                if self.is_of(mac, address) {
                    self.by_address.insert(address, Lease { mac: None, until: now + IN_USE });
                }
                stranger.silence(SilenceReason::Declined(address))
            }
        }
    }

    /// The address of this machine, else a free one, else the one that expired longest ago.
    fn address_for(&self, site: &Site, stranger: &Stranger, now: Instant) -> Option<Ipv4Addr> {
        let (mac, subnet) = (stranger.request.boot.mac, stranger.subnet);
        let is_own = |address: &Ipv4Addr, lease: &Lease| lease.mac == Some(mac) && subnet.contains(address);
        let own = self.by_address.iter().find(|(address, lease)| is_own(address, lease));
        let own = own.map(|(address, _)| *address);
        let found = own.or_else(|| self.free(site, subnet)).or_else(|| self.expired(subnet, now));
        found.filter(|address| site.lends(*address))
    }

    fn free(&self, site: &Site, subnet: Ipv4Net) -> Option<Ipv4Addr> {
        let is_there = |(first, _): &&(Ipv4Addr, Ipv4Addr)| subnet.contains(first);
        let range = self.ranges.iter().find(is_there).filter(|_| self.by_address.len() < MAX_LEASES);
        let (first, last) = *range?;
        let mut range = (first.to_bits()..=last.to_bits()).map(Ipv4Addr::from_bits);
        range.find(|address| !self.by_address.contains_key(address) && site.lends(*address))
    }

    fn expired(&self, subnet: Ipv4Net, now: Instant) -> Option<Ipv4Addr> {
        let here = self.by_address.iter().filter(|(address, _)| subnet.contains(*address));
        let expired = here.filter(|(_, lease)| lease.until <= now);
        expired.min_by_key(|(_, lease)| lease.until).map(|(address, _)| *address)
    }

    /// Whether a machine may have the address that it names: its own, or one that nobody holds, as after a restart.
    fn may_have(&self, site: &Site, mac: Mac, address: Ipv4Addr, now: Instant) -> bool {
        site.lends(address)
            && match self.by_address.get(&address) {
                Some(lease) => lease.mac == Some(mac) || lease.until <= now,
                None => self.by_address.len() < MAX_LEASES,
            }
    }

    fn is_of(&self, mac: Mac, address: Ipv4Addr) -> bool {
        self.by_address.get(&address).is_some_and(|lease| lease.mac == Some(mac))
    }

    /// Assigns an address to a machine and releases its other ones: a machine has one address.
    fn hold(&mut self, address: Ipv4Addr, mac: Mac, now: Instant, time: Duration) {
        let until = now + time;
        let before = self.by_address.get(&address).filter(|lease| lease.mac == Some(mac));
        // A DHCPDISCOVER of a machine that has a lease does not shorten it.
        let until = before.map_or(until, |lease| lease.until.max(until));
        self.by_address.retain(|_, lease| lease.mac != Some(mac));
        self.by_address.insert(address, Lease { mac: Some(mac), until });
    }
}

#[cfg(test)]
mod tests;
