//! Alarms about the store and the clock of this server. Each says what still works, what does not, and what to do.

use std::collections::BTreeSet;

use crate::clock::{BUILT, unix_now};
use crate::server::alarms::Alarms;
use crate::site::{Mac, Site};
use crate::store::{Damage, Store};
use crate::timeline::utc;

/// Raises the alarms for what is wrong now, and ends those that are over.
pub(in crate::server) fn ring(alarms: &Alarms, store: &Store, site: &Site) {
    set(alarms, "disk-full", "store", store.no_room().map(|_| {
        "THE DISK OF THE STORE IS FULL: nothing that changes a state is accepted, so nothing is armed or installed; addresses, \
         files and boots from local disks still work. Make room below `server.state`: rackstart continues by itself"
            .into()
    }));
    set(alarms, "clock", "server", clock_before_build(unix_now(), BUILT));
    for (what, wrong) in of_damage(&store.damage(), site) {
        set(alarms, "store-damaged", what, wrong);
    }
    set(alarms, "store-damaged", "secrets", of_secrets(&store.damaged_secrets()));
}

/// What is damaged, in words, and what to do about each.
fn of_damage(damage: &Damage, site: &Site) -> [(&'static str, Option<String>); 5] {
    let Damage { nodes, nobodys, stopped, tokens, indexes } = damage;
    let name = |mac: &Mac| site.node_by_mac(*mac).map_or(mac.to_string(), |node| node.name.to_string());
    let names: Vec<String> = nodes.iter().map(name).collect();
    [
        ("nodes", (!nodes.is_empty()).then(|| format!(
            "THE STORE IS DAMAGED: the records of {}; these nodes are suspect and protected, and a node without a record is not \
             armed by itself. Look at each, then `rackstart clear-suspect NODE` and `rackstart unprotect NODE`; or restore a \
             backup",
            names.join(", ")
        ))),
        ("nobodys", (*nobodys > 0).then(|| format!(
            "THE STORE IS DAMAGED: {nobodys} records of nodes that nobody can name; a node without a record is not armed by \
             itself. `rackstart install NODE` for each that really is new; or restore a backup"
        ))),
        ("stopped", stopped.then(|| {
            "THE STORE IS DAMAGED where the stop order is recorded: installations are stopped. `rackstart stop --lift` when they \
             should not be"
                .into()
        })),
        ("tokens", (*tokens > 0).then(|| format!(
            "THE STORE IS DAMAGED: {tokens} tokens of the API, which open nothing now. `rackstart token revoke NAME` and \
             `rackstart token create` for whoever is locked out"
        ))),
        ("indexes", indexes.then(|| {
            "An index of the store was damaged and was made anew. Look at the disk below `server.state`, and make a \
             `rackstart backup`"
                .into()
        })),
    ]
}

/// What to say about secrets that cannot be opened.
fn of_secrets(damaged: &BTreeSet<String>) -> Option<String> {
    let first = damaged.first()?;
    let names = damaged.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    Some(format!(
        "THE STORE IS DAMAGED: the secrets {names}; nodes that use them get no payload, all else works. Give each the value \
         that the nodes know, `rackstart secrets set {first}`, or a new one, `rackstart secrets rotate {first}`; or restore a \
         backup"
    ))
}

/// What to say about a clock that cannot be right.
pub(in crate::server) fn clock_before_build(now: u64, built: u64) -> Option<String> {
    (now < built).then(|| {
        format!(
            "THE CLOCK OF THIS SERVER IS WRONG: it says {}, and this rackstart was built after {}. Nothing that may cost data is \
             armed; all else works. Set the clock, for example by NTP: rackstart notices by itself",
            utc(now),
            utc(built)
        )
    })
}

fn set(alarms: &Alarms, kind: &str, subject: &str, wrong: Option<String>) {
    match wrong {
        Some(text) => drop(alarms.raise(kind, subject, text)),
        None => alarms.clear(kind, subject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;

    #[test]
    fn a_clock_of_before_the_build_is_said_with_both_dates() {
        let text = clock_before_build(0, 1_785_542_400).unwrap();
        assert!(text.contains("1970-01-01") && text.contains("2026-08-01"), "{text}");
        assert_eq!(clock_before_build(1_785_542_400, 1_785_542_400), None);
    }

    #[test]
    fn whatever_is_damaged_is_named_with_a_way_out() {
        let site = paper_site();
        let nodes = [site.nodes[0].mac].into();
        let all = of_damage(&Damage { nodes, nobodys: 2, stopped: true, tokens: 1, indexes: true }, &site);
        assert!(all.iter().all(|(_, text)| text.as_ref().is_some_and(|text| text.contains("`rackstart "))), "{all:?}");
        assert!(all[0].1.as_ref().unwrap().contains(site.nodes[0].name.as_str()), "{all:?}");
        assert!(of_damage(&Damage::default(), &site).iter().all(|(_, text)| text.is_none()));
        let secrets = of_secrets(&["A".to_string(), "B".to_string()].into()).unwrap();
        assert!(secrets.contains("the secrets A, B") && secrets.contains("`rackstart secrets set A`"), "{secrets}");
        assert_eq!(of_secrets(&BTreeSet::new()), None);
    }
}
