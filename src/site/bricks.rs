//! Whose bricks are copies of each other. A volume is made of sets; each holds its part of the data as often as it has
//! bricks. Sets are made in the order of the site file, so that a node that is added at its end changes none that exists.

use super::{Node, Site};

/// The variable that names the number of copies; empty: by the number of bricks.
pub const REPLICA: &str = "replica";
/// The variable with the mount point of a brick's file system.
const BRICK_MOUNT: &str = "brick_mount";
/// The target whose nodes have bricks.
const HOLDERS: &str = "compute";
/// The copies of the paper, for its four bricks.
const OF_FOUR: usize = 4;
/// The least that can tell by majority which copy is the right one.
const MAJORITY: usize = 3;

/// The bricks of a site, as sets of copies.
#[derive(Debug, Clone, PartialEq)]
pub struct BrickSets<'a> {
    /// Bricks of one set; 0 without any brick.
    pub copies: usize,
    /// Whether the site file names that number.
    pub named: bool,
    /// Whole sets, each with `copies` nodes.
    pub sets: Vec<Vec<&'a Node>>,
    /// The nodes that are left over: too few for one more set. Their bricks wait for others.
    pub spare: Vec<&'a Node>,
}

impl<'a> BrickSets<'a> {
    /// Of every node of the site.
    pub fn of(site: &'a Site) -> Self {
        let holders = site.nodes_with_target(HOLDERS).filter(|node| has_brick(site, node));
        Self::among(named(site), holders.collect())
    }

    /// Of these holders of bricks, in their order.
    pub fn among(named: Option<usize>, holders: Vec<&'a Node>) -> Self {
        let copies = named.unwrap_or_else(|| copies_of(holders.len()));
        let whole = holders.len() - holders.len().checked_rem(copies).unwrap_or(holders.len());
        let sets = holders[..whole].chunks(copies.max(1)).map(<[_]>::to_vec).collect();
        Self { copies, named: named.is_some(), sets, spare: holders[whole..].to_vec() }
    }

    /// The others that hold the same data as this node, and it; nobody when its brick is in no set.
    pub fn set_of(&self, node: &Node) -> &[&'a Node] {
        self.sets.iter().find(|set| set.iter().any(|member| member.mac == node.mac)).map_or(&[], Vec::as_slice)
    }

    /// The nodes whose bricks make the volume.
    pub fn members(&self) -> impl Iterator<Item = &'a Node> {
        self.sets.iter().flatten().copied()
    }
}

/// The number that the blueprint or the site file names; none when it is left open, or is no number of copies.
pub fn named(site: &Site) -> Option<usize> {
    site.blueprint.variables.get(REPLICA)?.parse().ok().filter(|copies| *copies > 0)
}

/// Two are never chosen: when they differ nobody can tell which is right. They are what is left when there are only two
/// bricks, and then the site file has to say so.
fn copies_of(bricks: usize) -> usize {
    if bricks == OF_FOUR { OF_FOUR } else { bricks.min(MAJORITY) }
}

fn has_brick(site: &Site, node: &Node) -> bool {
    site.blueprint.variables.get(BRICK_MOUNT).is_some_and(|brick| node.layout.mounts(brick))
}

#[cfg(test)]
mod tests {
    use super::super::testing::paper_site;
    use super::*;

    fn sets(named: Option<usize>, bricks: usize) -> (usize, usize, usize) {
        let site = paper_site();
        let node = &site.nodes[0];
        let found = BrickSets::among(named, vec![node; bricks]);
        assert!(found.sets.iter().all(|set| set.len() == found.copies));
        (found.copies, found.sets.len(), found.spare.len())
    }

    #[test]
    fn four_bricks_are_four_copies_and_all_other_numbers_sets_of_three() {
        for (bricks, expected) in [
            (0, (0, 0, 0)),
            (1, (1, 1, 0)),
            (3, (3, 1, 0)),
            (4, (4, 1, 0)),
            (5, (3, 1, 2)),
            (8, (3, 2, 2)),
            (9, (3, 3, 0)),
        ] {
            assert_eq!(sets(None, bricks), expected, "{bricks} bricks");
        }
        for (named, bricks, expected) in
            [(4, 8, (4, 2, 0)), (4, 5, (4, 1, 1)), (2, 4, (2, 2, 0)), (1, 3, (1, 3, 0)), (3, 2, (3, 0, 2))]
        {
            assert_eq!(sets(Some(named), bricks), expected, "{named} of {bricks}");
        }
    }

    #[test]
    fn sets_follow_the_site_file() {
        let mut site = paper_site();
        site.blueprint.variables.insert(REPLICA.into(), "2".into());
        let found = BrickSets::of(&site);
        let names: Vec<Vec<&str>> =
            found.sets.iter().map(|set| set.iter().map(|node| node.name.as_str()).collect()).collect();
        assert_eq!(names, [["compute1", "compute2"], ["compute3", "compute4"]]);
        let third = site.node_by_name("compute3").unwrap();
        assert_eq!(found.set_of(third).len(), 2);
        assert!(found.set_of(site.node_by_name("controller").unwrap()).is_empty());
    }
}
