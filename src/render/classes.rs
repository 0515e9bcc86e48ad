//! Nodes that differ in nothing but their names, cards, addresses and disks' numbers get texts that differ in nothing
//! else: rackstart's own templates write those values and ask nothing about them. So what is proved of one node of such
//! a class is proved of all of them. An operator's templates may ask anything; then every node is a class of its own.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::site::{DiskRule, Mac, Node, Site};

/// What nodes have in common exactly if they are of one class: the whole node and its network, with the letters and
/// digits of what is its own replaced, and all lengths kept, because texts have longest lengths.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Class(Ipv4Net, Node);

/// The class of a node.
pub(super) fn class_of(site: &Site, node: &Node) -> Class {
    let mut blank = node.clone();
    // No text of a node says where it is in the racks, or how it is switched.
    (blank.place, blank.power) = (None, None);
    blank.mac = Mac([0; 6]);
    blank.address = blank_address(node.address);
    for (index, nic) in blank.nics.iter_mut().enumerate() {
        // Which of its cards is on the LAN is found by the MAC.
        let is_lan = nic.mac == node.mac;
        nic.mac = if is_lan { Mac([0; 6]) } else { Mac([1, 0, 0, 0, 0, index as u8]) };
    }
    for disk in &mut blank.disks {
        let DiskRule { serial, wwn, by_id, .. } = &mut disk.rule;
        for text in [serial, wwn, by_id].into_iter().flatten() {
            *text = blank_text(text);
        }
    }
    let name = blank.name.as_str().len();
    // The name itself is left out, by giving all nodes the one of their length.
    match "n".repeat(name).parse() {
        Ok(same) => blank.name = same,
        Err(_) => debug_assert!(false, "a name of letters alone"),
    }
    Class(site.network_of(node).subnet, blank)
}

/// An address whose parts have as many digits.
fn blank_address(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from(address.octets().map(|octet| match octet {
        0..10 => 1,
        10..100 => 11,
        100.. => 111,
    }))
}

/// The same kinds of characters. The first two stay: they may say how to read the others, as in `0x5000c500`.
fn blank_text(text: &str) -> String {
    let blank = |(index, letter): (usize, char)| match letter {
        '0'..='9' if index > 1 => '7',
        'a'..='z' if index > 1 => 'a',
        'A'..='Z' if index > 1 => 'A',
        other => other,
    };
    text.chars().enumerate().map(blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EXAMPLE, parse};
    use crate::site::testing::{behind_a_router, paper_site};
    use crate::site::{Bmc, Endpoint, Power};

    #[test]
    fn nodes_are_of_one_class_exactly_if_they_differ_in_what_is_their_own() {
        let site = parse(EXAMPLE, "the example").unwrap();
        let node = site.nodes.iter().find(|node| node.role == "compute").unwrap();
        let changed = |change: &dyn Fn(&mut Node)| {
            let mut other = node.clone();
            change(&mut other);
            class_of(&site, &other) == class_of(&site, node)
        };
        let own: [&dyn Fn(&mut Node); 5] = [
            &|node| {
                let at = Endpoint { host: "10.0.0.12".into(), port: 623 };
                node.power = Some(Power { bmc: Bmc::Ipmi(at), user: "me".into(), secret: "BMC_PASSWORD".into() });
            },
            &|node| node.place = Some("r1u9".parse().unwrap()),
            &|node| {
                let old = node.mac;
                node.mac = Mac([2, 3, 4, 5, 6, 7]);
                node.nics.iter_mut().filter(|nic| nic.mac == old).for_each(|nic| nic.mac = Mac([2, 3, 4, 5, 6, 7]));
            },
            &|node| {
                let octets = node.address.octets();
                node.address = Ipv4Addr::new(octets[0] + 1, octets[1], octets[2], octets[3]);
            },
            &|node| node.name = node.name.as_str().replace("compute", "machine").parse().unwrap(),
        ];
        for (index, change) in own.into_iter().enumerate() {
            assert!(changed(change), "what is its own: {index}");
        }
        let not_own: [&dyn Fn(&mut Node); 8] = [
            &|node| node.name = "a-longer-name-than-that".parse().unwrap(),
            &|node| node.kernel_args.push('x'),
            &|node| node.role = "gateway".into(),
            &|node| node.os_disk_mut().serial = Some("WD\"x".into()),
            &|node| node.os_disk_mut().sectors += 1,
            &|node| node.install_tree.push('x'),
            &|node| node.nics[0].name = "eth7".into(),
            &|node| node.keep.push("vg".into()),
        ];
        for (index, change) in not_own.into_iter().enumerate() {
            assert!(!changed(change), "what is not: {index}");
        }
    }

    #[test]
    fn nodes_of_different_networks_are_of_different_classes() {
        let mut site = behind_a_router(paper_site(), "compute4");
        let node = site.node_by_name("compute4").unwrap().clone();
        let there = class_of(&site, &node);
        site.routed.clear();
        assert_ne!(class_of(&site, &node), there, "its router and its resolvers are others");
    }

    #[test]
    fn a_number_is_replaced_by_one_of_the_same_shape() {
        for (text, blank) in
            [("WD-00a42Z", "WD-77a77A"), ("0x5000c500ab", "0x7777a777aa"), ("a \"b'", "a \"a'"), ("é1é2", "é1é7")]
        {
            assert_eq!(blank_text(text), blank);
        }
        assert_eq!(blank_address([10, 32, 1, 254].into()), Ipv4Addr::from([11, 11, 1, 111]));
    }
}
