//! How many copies exist of what nodes hold, as data.

/// A rule about copies. It refers to variables and capabilities of the blueprint by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies {
    /// The capability whose nodes hold a copy; also what a copy is called.
    pub of: String,
    /// The variable that names what is copied.
    pub volume: String,
    /// The variable with the mount point of the file system that holds the copy. A node without that file system holds
    /// none.
    pub mount: String,
    /// The variable with the number of copies; the steps get the chosen number in its place.
    pub number: String,
    /// The name under which the steps get the nodes that hold copies: whole sets, in the order of the sets.
    pub members: String,
    /// The number of copies if none is given and there are enough nodes: the smallest that can decide by majority which
    /// copy is right.
    pub usual: usize,
    /// If there are exactly this many nodes, all of them hold a copy of everything.
    pub all_of: Option<usize>,
}

impl Copies {
    /// The number of copies on this many nodes when none is given.
    pub(crate) fn usual_for(&self, holders: usize) -> usize {
        if self.all_of == Some(holders) { holders } else { holders.min(self.usual) }
    }
}
