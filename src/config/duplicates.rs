//! Names, addresses and MACs that two things have in common.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::ops::Range;

use super::problem::Problem;
use super::reader::Collector;
use super::site_file::SiteFile;

/// One use of a value.
struct Use<T> {
    value: T,
    at: Range<usize>,
    owner: String,
}

/// Reports every value that is used twice.
pub(super) fn check(file: &SiteFile<'_>, found: &Collector) {
    let names = file.nodes.iter().filter_map(|node| {
        let name = node.name.as_ref()?;
        Some(Use { value: name.get_ref().clone(), at: name.span(), owner: node.place.clone() })
    });
    repeated(names, found, |name, _, _| {
        (format!("two nodes have the name `{name}`"), "a name stands for one host; give each node its own".into())
    });

    let addresses = file.nodes.iter().filter_map(|node| {
        let address = node.address.as_ref()?;
        Some(Use { value: *address.get_ref(), at: address.span(), owner: node.place.clone() })
    });
    repeated(addresses, found, |address, first, second| {
        let message = format!("{first} and {second} share the address {address}");
        (message, format!("give {second} an address of its own"))
    });

    let places = file.nodes.iter().filter_map(|node| {
        let place = node.rack_place.as_ref()?;
        Some(Use { value: *place.get_ref(), at: place.span(), owner: node.place.clone() })
    });
    repeated(places, found, |place, first, second| {
        let message = format!("{first} and {second} have the place {place}");
        (message, format!("if both are in that unit, number them: \"{place}-1\" and \"{place}-2\""))
    });

    let macs = file.nodes.iter().flat_map(|node| {
        node.nics.iter().filter_map(|nic| {
            let mac = nic.mac.as_ref()?;
            Some(Use { value: *mac.get_ref(), at: mac.span(), owner: node.place.clone() })
        })
    });
    repeated(macs, found, |mac, first, second| {
        let who = if first == second { format!("two cards of {first}") } else { format!("{first} and {second}") };
        (format!("{who} share the MAC {mac}"), format!("a MAC belongs to one card; check the label on {second}"))
    });

    for node in &file.nodes {
        let cards = node.nics.iter().filter_map(|nic| {
            let name = nic.name.as_ref()?;
            Some(Use { value: *name.get_ref(), at: name.span(), owner: node.place.clone() })
        });
        repeated(cards, found, |name, owner, _| {
            (format!("two cards of {owner} have the name `{name}`"), "name them as the system does: eth0, eth1".into())
        });
    }

    let trees = file.trees.iter().filter_map(|tree| {
        let name = tree.name.as_ref()?;
        Some(Use { value: *name.get_ref(), at: name.span(), owner: String::new() })
    });
    repeated(trees, found, |name, _, _| {
        (format!("two install trees have the name `{name}`"), "give each `[[install_tree]]` its own name".into())
    });
}

fn repeated<T: Hash + Eq + Clone + Display>(
    uses: impl Iterator<Item = Use<T>>,
    found: &Collector,
    words: impl Fn(&T, &str, &str) -> (String, String),
) {
    let mut seen: HashMap<T, (Range<usize>, String)> = HashMap::new();
    for Use { value, at, owner } in uses {
        if let Some((first_at, first_owner)) = seen.get(&value) {
            let (message, help) = words(&value, first_owner, &owner);
            found.add(Problem::new(at, message, help).also(first_at.clone(), "first used here"));
        } else {
            seen.insert(value, (at, owner));
        }
    }
}
