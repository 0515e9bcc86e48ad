//! What the steps of a blueprint are given, and what is asked of its nodes.

use serde::Deserialize;

/// A list of nodes for the steps, in the order of the site file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeList {
    /// The capability that the nodes have.
    pub provide: String,
    /// Whether it is the first of them alone.
    pub first: bool,
}

/// Who a word of the table of ports lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A network; the variable with its address and prefix.
    Network(String),
    /// Whoever comes over a bridge; the variable with its name.
    Bridge(String),
    /// Whoever comes over one of several bridges, called by a prefix and a number.
    Bridges {
        /// What their names begin with.
        prefix: String,
        /// The variable with the first number.
        first: String,
        /// The variable with how many there are.
        count: String,
    },
}

/// What must be true of some variables.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The variables that it is about; a problem is told at the first of them, and a rule about a variable that has one
    /// already is passed over.
    pub of: Vec<String>,
    /// An expression of the template language, true in a right site.
    pub holds: String,
    /// What is wrong otherwise, after the value of the first variable.
    pub is: String,
    /// One thing to do.
    pub help: String,
}

/// Who is asked before a node is wiped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    /// The capability of the nodes that have a service which others have to take out and put back.
    pub served: String,
    /// The capability of those that do it.
    pub keeper: String,
}

/// What is tried in the end, by words in a variable. Words that need an image are left out where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The variable with the words.
    pub variable: String,
    /// The variable with the name of the image.
    pub image: String,
    /// The words that need no image.
    pub without_image: Vec<String>,
    /// The group of steps that it belongs to; nothing is tried when the last group comes before it.
    pub group: String,
}

/// An image in the folder `images` of an install tree, where the site file names none of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeImage {
    /// The capability of the node whose install tree it is.
    pub of: String,
    /// Its name; with `is_variable`, the variable that has it.
    pub name: String,
    /// Whether `name` is a variable.
    pub is_variable: bool,
    /// The variable with the name of the file.
    pub file: String,
}

/// A sentence about nodes, for `plan --security`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The capability of the nodes; none: all.
    pub of: Option<String>,
    /// The capability of nodes of which it is not true.
    pub not_of: Option<String>,
    /// In which sites it is true, as a condition on the variables; empty: in all.
    pub when: String,
    /// What it is about.
    pub about: String,
    /// What is true of it in hardened mode.
    pub hardened: String,
    /// In paper mode.
    pub paper: String,
}
