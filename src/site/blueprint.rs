//! A cloud design as data: its roles, the layouts each role offers, and the values its steps use.

use std::collections::BTreeMap;

use super::{Layout, Software};

/// What a node becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Name, for example `compute`.
    pub name: String,
    /// One sentence for people.
    pub summary: String,
    /// Roles whose steps this role also runs: `gateway` includes `compute` in the paper.
    pub includes: Vec<String>,
    /// Extra host names that point at the node of this role, for example `gateway`.
    pub aliases: Vec<String>,
    /// Fewest nodes that must have the role for the cloud to work.
    pub at_least: usize,
    /// Most nodes that may have the role; none means any number.
    pub at_most: Option<usize>,
    /// Layouts by name (`paper`, `grow`).
    pub layouts: BTreeMap<String, Layout>,
    /// The layout of its nodes that name none, before that of the site.
    pub default_layout: Option<String>,
    /// What its nodes have beside what rackstart and the steps need.
    pub software: Software,
}

/// A password of the cloud: generated once per site, given to the nodes that need it and to no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSpec {
    /// Step targets whose nodes get it.
    pub targets: Vec<String>,
    /// The value in paper mode; public, since it is printed in the paper.
    pub paper: Option<String>,
    /// The steps that have to run again after a rotation, in their order.
    pub steps: Vec<String>,
}

/// A cloud design. Read from a data file that ships in the binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blueprint {
    /// Name, for example `essex`.
    pub name: String,
    /// One sentence for people.
    pub summary: String,
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// Values for the steps, for example `volume = "vm-instances"`.
    pub variables: BTreeMap<String, String>,
    /// Secrets by the name that steps know them by, for example `NOVA_MYSQL_PASSWORD`.
    pub secrets: BTreeMap<String, SecretSpec>,
    /// The oldest version of a package that its steps can work with, `VERSION-RELEASE`, by name.
    pub floors: BTreeMap<String, String>,
}

impl Blueprint {
    /// Returns every step target of a role: `all`, itself and what it includes.
    pub fn targets(&self, role: &str) -> Vec<String> {
        let mut targets = vec!["all".to_string(), role.to_string()];
        if let Some(role) = self.roles.get(role) {
            targets.extend(role.includes.iter().cloned());
        }
        targets
    }
}
