//! A design as data: its roles, the layouts of each role, what its nodes provide, and the values that its steps use.
//! Nothing here knows a role, a service or a cloud by name.

mod copies;
mod keepsake;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use super::{Layout, Software};

pub use copies::Copies;
pub use keepsake::{Keepsake, Keepsakes, NotAKeepsake, ValueForm};
pub use steps::{Caller, Drain, NodeList, Rule, Sentence, TreeImage, Trial};

/// What a node becomes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Role {
    /// Name, for example `server`.
    pub name: String,
    /// One sentence for people.
    pub summary: String,
    /// Roles whose steps this role also runs and whose capabilities it has.
    pub includes: Vec<String>,
    /// Additional host names of the node with this role.
    pub aliases: Vec<String>,
    /// Names of the capabilities that its nodes provide, in addition to those of the roles that it includes.
    pub provides: Vec<String>,
    /// Layouts by name (`paper`, `grow`).
    pub layouts: BTreeMap<String, Layout>,
    /// The layout of its nodes that name none; it takes precedence over that of the site.
    pub default_layout: Option<String>,
    /// What its nodes have in addition to what rackstart and the steps need.
    pub software: Software,
}

/// Something that nodes provide for those that ask for it. A role may provide several, and several roles the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capability {
    /// One sentence for people.
    pub summary: String,
    /// The smallest number of nodes that must have it for the whole to work.
    pub at_least: usize,
    /// The largest number of nodes that may have it; none means any number.
    pub at_most: Option<usize>,
}

/// A password of the site: generated once, and given only to the nodes that need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSpec {
    /// Step targets whose nodes get it.
    pub targets: Vec<String>,
    /// The value in paper mode; it is public, since it is printed in the paper.
    pub paper: Option<String>,
    /// The steps that must be repeated after a rotation, in order.
    pub steps: Vec<String>,
}

/// A design. It is read from a data file that ships in the binary or is in the operator's folder of templates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blueprint {
    /// Its name, which is also that of its folder.
    pub name: String,
    /// One sentence for people.
    pub summary: String,
    /// The step sets that its nodes run, by the names of their folders; a later one takes precedence over an earlier
    /// one.
    pub steps: Vec<String>,
    /// Whether its steps write the rules of the packet filter; if not, the rules that the installer makes stay.
    pub firewall_by_steps: bool,
    /// Whether SELinux enforces its policy on the nodes; if not, it only logs.
    pub selinux_enforces: bool,
    /// The role of nodes that name none.
    pub default_role: Option<String>,
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// What roles provide, by name.
    pub capabilities: BTreeMap<String, Capability>,
    /// Values for the steps, for example `volume = "vm-instances"`.
    pub variables: BTreeMap<String, String>,
    /// The variables that are IPv4 networks; none of them may share an address with a network of the site.
    pub networks: Vec<String>,
    /// Conditions on the variables, in the order in which they are checked.
    pub rules: Vec<Rule>,
    /// Lists of nodes for the steps, by the name under which steps know them, for example `WORKERS`.
    pub nodes: BTreeMap<String, NodeList>,
    /// Whom a line of `ports` admits, by the word used there; the names of node lists are such words, too.
    pub callers: BTreeMap<String, Caller>,
    /// What nodes hold copies of, if anything.
    pub copies: Option<Copies>,
    /// What the nodes are asked before one of them is wiped; without it they are not asked.
    pub drain: Option<Drain>,
    /// What a node reports and gets back after a reimage, by the name under which steps know it.
    pub keepsakes: BTreeMap<String, Keepsake>,
    /// Secrets by the name under which steps know them, for example `DATABASE_PASSWORD`.
    pub secrets: BTreeMap<String, SecretSpec>,
    /// The oldest version of a package that its steps work with, `VERSION-RELEASE`, by name.
    pub floors: BTreeMap<String, String>,
    /// Accounts that its packages create, whose names no user may have.
    pub accounts: Vec<String>,
    /// What is tried at the end.
    pub trial: Option<Trial>,
    /// Images that an install tree may hold.
    pub tree_images: Vec<TreeImage>,
    /// What people should know about its nodes in addition to their ports.
    pub sentences: Vec<Sentence>,
}

impl Blueprint {
    /// Returns every step target of a role: `all`, the role itself, and the roles that it includes.
    pub(crate) fn targets(&self, role: &str) -> Vec<String> {
        let mut targets = vec!["all".to_string(), role.to_string()];
        if let Some(role) = self.roles.get(role) {
            targets.extend(role.includes.iter().cloned());
        }
        targets
    }

    /// Whether nodes of a role provide a capability, directly or through a role that it includes.
    pub(crate) fn provides(&self, role: &str, capability: &str) -> bool {
        self.capabilities_of(role).contains(capability)
    }

    /// Every capability of a role.
    pub(crate) fn capabilities_of(&self, role: &str) -> BTreeSet<&str> {
        let (mut all, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![role]);
        while let Some(name) = open.pop() {
            let Some(role) = self.roles.get(name).filter(|_| seen.insert(name)) else { continue };
            all.extend(role.provides.iter().map(String::as_str));
            open.extend(role.includes.iter().map(String::as_str));
        }
        all
    }

    /// The roles that provide a capability.
    pub(crate) fn roles_with<'a>(&'a self, capability: &'a str) -> impl Iterator<Item = &'a str> {
        self.roles.keys().map(String::as_str).filter(move |role| self.provides(role, capability))
    }

    /// The value of a variable, if it has one.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }
}
