//! Which nodes hold copies of the same data. What is copied is spread over sets; each set holds its part of the data
//! once per node. Sets are formed in the order of the site file, so a node that is added at its end changes no existing
//! set.

use super::{Node, Site};

/// The nodes of a site that hold copies, as sets.
#[derive(Debug, Clone, PartialEq)]
pub struct CopySets<'a> {
    /// The number of nodes in one set; 0 if no node holds anything.
    pub copies: usize,
    /// Whether the site file gives that number.
    pub named: bool,
    /// Whole sets, each with `copies` nodes.
    pub sets: Vec<Vec<&'a Node>>,
    /// The nodes that are left over: too few for another set. Their space waits for further nodes.
    pub spare: Vec<&'a Node>,
}

impl<'a> CopySets<'a> {
    /// The sets of all nodes of the site.
    pub(crate) fn of(site: &'a Site) -> Self {
        Self::among(site, site.nodes.iter().filter(|node| holds_copy(site, node).is_some()).collect())
    }

    /// The sets of these holders, in their order.
    pub(crate) fn among(site: &Site, holders: Vec<&'a Node>) -> Self {
        let Some(rule) = &site.blueprint.copies else {
            return Self { copies: 0, named: false, sets: Vec::new(), spare: holders };
        };
        let named = site.blueprint.variable(&rule.number).and_then(|number| number.parse().ok());
        let named = named.filter(|copies: &usize| *copies > 0);
        let copies = named.unwrap_or_else(|| rule.usual_for(holders.len()));
        let whole = holders.len() - holders.len().checked_rem(copies).unwrap_or(holders.len());
        let sets = holders[..whole].chunks(copies.max(1)).map(<[_]>::to_vec).collect();
        Self { copies, named: named.is_some(), sets, spare: holders[whole..].to_vec() }
    }

    /// The nodes that hold the same data as this node, including itself; empty when it is in no set.
    pub(crate) fn set_of(&self, node: &Node) -> &[&'a Node] {
        self.sets.iter().find(|set| set.iter().any(|member| member.mac == node.mac)).map_or(&[], Vec::as_slice)
    }

    /// The nodes of all sets.
    pub(crate) fn members(&self) -> impl Iterator<Item = &'a Node> {
        self.sets.iter().flatten().copied()
    }
}

/// Where a node that is installed as the site file says mounts the file system with its copy; none when it holds none.
pub fn holds_copy<'a>(site: &'a Site, node: &Node) -> Option<&'a str> {
    let rule = site.blueprint.copies.as_ref()?;
    let mount = site.blueprint.variable(&rule.mount)?;
    (site.blueprint.provides(&node.role, &rule.of) && node.layout.mounts(mount)).then_some(mount)
}

#[cfg(test)]
mod tests {
    use super::super::testing::paper_site;
    use super::*;

    fn sets(named: Option<usize>, holders: usize) -> (usize, usize, usize) {
        let mut site = paper_site();
        let named = named.map(|number| number.to_string()).unwrap_or_default();
        site.blueprint.variables.insert("replica".into(), named);
        let node = &site.nodes[0];
        let found = CopySets::among(&site, vec![node; holders]);
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
        site.blueprint.variables.insert("replica".into(), "2".into());
        let found = CopySets::of(&site);
        let names: Vec<Vec<&str>> =
            found.sets.iter().map(|set| set.iter().map(|node| node.name.as_str()).collect()).collect();
        assert_eq!(names, [["compute1", "compute2"], ["compute3", "compute4"]]);
        let third = site.node_by_name("compute3").unwrap();
        assert_eq!(found.set_of(third).len(), 2);
        assert!(found.set_of(site.node_by_name("controller").unwrap()).is_empty());
    }

    #[test]
    fn nobody_holds_a_copy_where_the_blueprint_has_none() {
        let mut site = paper_site();
        site.blueprint.copies = None;
        assert_eq!(CopySets::of(&site), CopySets { copies: 0, named: false, sets: vec![], spare: vec![] });
    }
}
