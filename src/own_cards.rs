//! The network cards of the machine that rackstart runs on. A node that has one of their MACs is this machine.

use std::collections::BTreeMap;

use nix::ifaddrs::getifaddrs;

use crate::lifecycle::blast::OwnCard;
use crate::site::Mac;

/// Lists every card that has a MAC at this moment; `lo` has none.
pub(crate) fn read() -> std::io::Result<Vec<OwnCard>> {
    let mut cards = BTreeMap::new();
    for interface in getifaddrs()? {
        let bytes = interface.address.as_ref().and_then(|address| address.as_link_addr()?.addr());
        if let Some(mac) = bytes.map(Mac).filter(|mac| !mac.is_zero()) {
            cards.insert(interface.interface_name, mac);
        }
    }
    Ok(cards.into_iter().map(|(interface, mac)| OwnCard { interface, mac }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel shows the MACs under /sys too; the test can only compare the cards that appear there.
    #[test]
    fn every_card_of_this_machine_is_found() {
        let found = read().unwrap();
        assert!(found.iter().all(|card| card.interface != "lo"));
        for card in &found {
            let file = format!("/sys/class/net/{}/address", card.interface);
            if let Ok(text) = std::fs::read_to_string(file) {
                assert_eq!(text.trim(), card.mac.to_string(), "{}", card.interface);
            }
        }
    }
}
