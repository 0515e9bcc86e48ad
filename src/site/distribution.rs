//! What an install tree says it contains: `Rocky Linux 9.5`, `CentOS Stream 9`.

use std::fmt;

use super::{Node, Site};

/// The longest name, in bytes; a screen has no room for more.
const LONGEST: usize = 60;

/// Family and version from a `.treeinfo`, both harmless in a script, a kickstart and a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution(String);

impl Distribution {
    /// Joins both as written; none when one is empty or has a character other than letters, digits, blanks and
    /// `.-_+()`.
    pub(crate) fn new(family: &str, version: &str) -> Option<Self> {
        let letter = |letter: char| letter.is_ascii_alphanumeric() || " .-_+()".contains(letter);
        let name = format!("{} {}", family.trim(), version.trim());
        let good = ![family, version].iter().any(|part| part.trim().is_empty());
        (good && name.len() <= LONGEST && name.chars().all(letter)).then_some(Self(name))
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Site {
    /// The name for people of what a node is installed with: what its install tree says, or, while that cannot be read,
    /// the release of the site file, `EL9`.
    pub(crate) fn distribution_of(&self, node: &Node) -> String {
        let told = self.install_tree(&node.install_tree).and_then(|tree| tree.distribution.as_ref());
        told.map_or_else(|| node.release.system(), ToString::to_string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;

    #[test]
    fn a_node_is_called_what_its_tree_says_or_its_release() {
        let mut site = paper_site();
        let node = site.nodes[0].clone();
        assert_eq!(site.distribution_of(&node), "EL6.10");
        site.install_trees[0].distribution = Distribution::new("Rocky Linux", "9.5");
        assert_eq!(site.distribution_of(&node), "Rocky Linux 9.5");
        let astray = Node { install_tree: "none".into(), release: "9".parse().unwrap(), ..node };
        assert_eq!(site.distribution_of(&astray), "EL9");
    }

    #[test]
    fn what_a_script_could_stumble_over_is_no_name() {
        for (family, version) in
            [("", "9"), ("Rocky", ""), ("$(reboot)", "9"), ("a\nb", "9"), ("${x}", "1"), ("|| x", "1")]
        {
            assert_eq!(Distribution::new(family, version), None, "{family} {version}");
        }
        assert!(Distribution::new(&"x".repeat(90), "9").is_none());
        assert_eq!(Distribution::new(" CentOS Stream ", "10-stream ").unwrap().to_string(), "CentOS Stream 10-stream");
    }
}
