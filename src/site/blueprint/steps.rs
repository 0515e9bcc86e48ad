//! What the steps of a blueprint are given, and what its nodes are asked.

use serde::Deserialize;

/// A list of nodes for the steps, in the order of the site file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeList {
    /// The capability that the nodes have.
    pub provide: String,
    /// Whether the list has only the first of them.
    pub first: bool,
}

/// Whom a word in the table of ports admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A network, by the variable with its address and prefix.
    Network(String),
    /// Everybody who comes over a bridge, by the variable with its name.
    Bridge(String),
    /// Everybody who comes over one of several bridges, whose names consist of a prefix and a number.
    Bridges {
        /// The prefix of their names.
        prefix: String,
        /// The variable with the first number.
        first: String,
        /// The variable with their number.
        count: String,
    },
}

impl Caller {
    /// What steps know the word's networks or bridges by.
    pub fn variable(word: &str) -> String {
        format!("from_{word}")
    }

    /// The networks, which have a slash, or the names of the bridges; `value` is that of a variable.
    pub fn values<'a>(&self, value: impl Fn(&str) -> &'a str) -> Vec<String> {
        match self {
            Self::Network(name) | Self::Bridge(name) => vec![value(name).into()],
            Self::Bridges { prefix, first, count } => {
                let number = |name: &str| value(name).parse::<u32>().unwrap_or_default();
                (number(first)..number(first) + number(count)).map(|number| format!("{prefix}{number}")).collect()
            }
        }
    }
}

/// A condition on some variables.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The variables that it concerns. A violation is reported at the first of them, and a rule about a variable that
    /// already has a problem is skipped.
    pub of: Vec<String>,
    /// An expression of the template language that is true in a correct site.
    pub holds: String,
    /// What is wrong otherwise, as a text that follows the value of the first variable.
    pub is: String,
    /// One thing to do.
    pub help: String,
}

/// The nodes that are asked before a node is wiped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    /// The capability of nodes whose service others have to take out and put back.
    pub served: String,
    /// The capability of the nodes that do so.
    pub keeper: String,
}

/// What is tried at the end, by words in a variable. Words that need an image are left out if there is none.
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

/// An image in the folder `images` of an install tree, for when the site file has no image of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeImage {
    /// The capability of the node whose install tree is meant.
    pub of: String,
    /// Its name; or with `is_variable`, the variable that contains the name.
    pub name: String,
    /// Whether `name` is a variable.
    pub is_variable: bool,
    /// The variable with the name of the file.
    pub file: String,
}

/// A sentence about nodes, for `plan --security`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The capability of the nodes; none means all nodes.
    pub of: Option<String>,
    /// The capability of nodes to which it does not apply.
    pub not_of: Option<String>,
    /// The sites in which it applies, as a condition on the variables; empty means all sites.
    pub when: String,
    /// The subject.
    pub about: String,
    /// What applies to the subject in hardened mode.
    pub hardened: String,
    /// What applies to the subject in paper mode.
    pub paper: String,
}
