//! How many copies there are of what nodes hold, as data.

/// A rule about copies. The names in it are those of variables and capabilities of the blueprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies {
    /// The capability whose nodes hold one; also what it is called.
    pub of: String,
    /// The variable with the name of what is copied.
    pub volume: String,
    /// The variable with the mount point of the file system that holds it. A node without that file system holds none.
    pub mount: String,
    /// The variable with the number of copies; the steps get the number that was chosen in its place.
    pub number: String,
    /// Under which name the steps get the nodes that hold copies: whole sets, in the order of the sets.
    pub members: String,
    /// The copies where nobody names a number, as far as there are nodes: the least that can tell by majority which is right.
    pub usual: usize,
    /// Where there are exactly so many nodes, all of them hold a copy of everything.
    pub all_of: Option<usize>,
}

impl Copies {
    /// The copies of so many nodes when nobody names a number.
    pub(crate) fn usual_for(&self, holders: usize) -> usize {
        if self.all_of == Some(holders) { holders } else { holders.min(self.usual) }
    }
}
