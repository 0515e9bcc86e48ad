//! The nodes of a site in the order of its file; found by MAC, name or address without searching all of them.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use super::{Mac, Nic, Node};

/// All nodes. Reads like a `Vec`; after a change, the next look-up rebuilds the index. Copies share the nodes until one
/// of them is changed: a site is often copied to hide its passwords, and may have 100,000 nodes.
#[derive(Debug, Clone, Default)]
pub struct Nodes {
    list: Arc<Vec<Node>>,
    index: OnceLock<Arc<Index>>,
}

/// Positions in the list. Of two nodes that share a value the first one counts, as in a search from the beginning.
#[derive(Debug, Clone, Default)]
struct Index {
    by_mac: HashMap<Mac, usize>,
    by_name: HashMap<String, usize>,
    by_address: HashMap<Ipv4Addr, usize>,
    /// Every card: the position of its node, and its position among the node's cards.
    by_card: HashMap<Mac, (usize, usize)>,
}

impl Nodes {
    /// The node that boots from this card.
    pub(crate) fn by_mac(&self, mac: Mac) -> Option<&Node> {
        self.list.get(*self.index().by_mac.get(&mac)?)
    }

    /// The node of this name.
    pub(crate) fn by_name(&self, name: &str) -> Option<&Node> {
        self.list.get(*self.index().by_name.get(name)?)
    }

    /// The node with this reserved address.
    pub(crate) fn by_address(&self, address: Ipv4Addr) -> Option<&Node> {
        self.list.get(*self.index().by_address.get(&address)?)
    }

    /// The node that has this card, whether or not it boots from it.
    pub(crate) fn by_card(&self, mac: Mac) -> Option<(&Node, &Nic)> {
        let (node, nic) = self.index().by_card.get(&mac)?;
        let node = self.list.get(*node)?;
        Some((node, node.nics.get(*nic)?))
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let mut index = Index::default();
            for (place, node) in self.list.iter().enumerate() {
                index.by_mac.entry(node.mac).or_insert(place);
                index.by_name.entry(node.name.to_string()).or_insert(place);
                index.by_address.entry(node.address).or_insert(place);
                for (card, nic) in node.nics.iter().enumerate() {
                    index.by_card.entry(nic.mac).or_insert((place, card));
                }
            }
            Arc::new(index)
        })
    }
}

impl From<Vec<Node>> for Nodes {
    fn from(list: Vec<Node>) -> Self {
        Self { list: Arc::new(list), index: OnceLock::new() }
    }
}

impl FromIterator<Node> for Nodes {
    fn from_iter<I: IntoIterator<Item = Node>>(nodes: I) -> Self {
        nodes.into_iter().collect::<Vec<_>>().into()
    }
}

impl<'a> IntoIterator for &'a Nodes {
    type Item = &'a Node;
    type IntoIter = std::slice::Iter<'a, Node>;
    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl PartialEq for Nodes {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.list, &other.list) || self.list == other.list
    }
}

impl Eq for Nodes {}

impl Deref for Nodes {
    type Target = Vec<Node>;
    fn deref(&self) -> &Vec<Node> {
        &self.list
    }
}

impl DerefMut for Nodes {
    fn deref_mut(&mut self) -> &mut Vec<Node> {
        self.index = OnceLock::new();
        Arc::make_mut(&mut self.list)
    }
}

#[cfg(test)]
mod tests {
    use crate::site::testing::paper_site;

    #[test]
    fn every_way_of_finding_a_node_agrees_with_a_search_also_after_a_change() {
        let mut nodes = paper_site().nodes;
        for _ in 0..2 {
            for node in nodes.iter() {
                assert_eq!(nodes.by_mac(node.mac), Some(node));
                assert_eq!(nodes.by_name(node.name.as_str()), Some(node));
                assert_eq!(nodes.by_address(node.address), Some(node));
                for nic in &node.nics {
                    assert_eq!(nodes.by_card(nic.mac), Some((node, nic)));
                }
            }
            let (gone, renamed) = (nodes[0].clone(), "other".parse().unwrap());
            nodes.remove(0);
            nodes[1].name = renamed;
            assert_eq!(nodes.by_mac(gone.mac), None);
            assert!(nodes.by_name("other").is_some());
        }
    }

    #[test]
    fn a_change_of_a_copy_is_not_one_of_the_other() {
        let nodes = paper_site().nodes;
        let mut copy = nodes.clone();
        assert_eq!(copy, nodes);
        copy[0].name = "other".parse().unwrap();
        assert!(copy != nodes && nodes.by_name("other").is_none() && copy.by_name("other").is_some());
    }

    #[test]
    fn the_first_of_two_equal_ones_is_found() {
        let mut nodes = paper_site().nodes;
        nodes[3].address = nodes[1].address;
        assert_eq!(nodes.by_address(nodes[1].address), Some(&nodes[1]));
    }
}
