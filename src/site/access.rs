//! Access to the installed nodes, and what is installed in addition to what rackstart needs.

use std::fmt;

use sha2::{Digest, Sha256};

/// The ways to log in as root.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// crypt(3) hash of root's password; without one, root's password is locked.
    pub root_password_hash: Option<String>,
    /// Public keys for root's `authorized_keys`.
    pub ssh_keys: Vec<String>,
}

/// An account in addition to root, on every node.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Its name; never that of an account that the system or the cloud's packages create.
    pub name: String,
    /// Groups in addition to its own, such as `wheel`.
    pub groups: Vec<String>,
    /// crypt(3) hash of its password; without one, its password is locked.
    pub password_hash: Option<String>,
    /// Public keys for its `authorized_keys`.
    pub ssh_keys: Vec<String>,
}

impl Access {
    /// A copy to show to people, without the password hash.
    pub(crate) fn masked(&self) -> Self {
        Self { root_password_hash: masked(&self.root_password_hash), ssh_keys: self.ssh_keys.clone() }
    }
}

impl User {
    /// A copy to show to people, without the password hash.
    pub(crate) fn masked(&self) -> Self {
        Self { password_hash: masked(&self.password_hash), ..self.clone() }
    }
}

/// Replaces a hash by a fingerprint, which only shows whether two are equal: with the hash itself one could try
/// passwords.
fn masked(hash: &Option<String>) -> Option<String> {
    let fingerprint = |hash: &String| {
        let digest = Sha256::digest(hash.as_bytes());
        format!("***({:02x}{:02x}{:02x})", digest[0], digest[1], digest[2])
    };
    hash.as_ref().map(fingerprint)
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = masked(&self.root_password_hash);
        f.debug_struct("Access").field("root_password_hash", &hash).field("ssh_keys", &self.ssh_keys).finish()
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = masked(&self.password_hash);
        let user = &mut f.debug_struct("User");
        user.field("name", &self.name).field("groups", &self.groups).field("password_hash", &hash);
        user.field("ssh_keys", &self.ssh_keys).finish()
    }
}

/// What is installed and started in addition to what rackstart and the steps need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Software {
    /// Packages, and groups with `@` before them; a `-` before a name removes it.
    pub packages: Vec<String>,
    /// Services that start at boot.
    pub services: Vec<String>,
    /// Services that do not start at boot.
    pub services_off: Vec<String>,
}

impl Software {
    /// Adds what is missing, in the order of `other`. If both mention a service, `other` decides.
    pub(crate) fn add(&mut self, other: &Self) {
        self.services.retain(|service| !other.services_off.contains(service));
        self.services_off.retain(|service| !other.services.contains(service));
        for (own, others) in [
            (&mut self.packages, &other.packages),
            (&mut self.services, &other.services),
            (&mut self.services_off, &other.services_off),
        ] {
            for name in others {
                if !own.contains(name) {
                    own.push(name.clone());
                }
            }
        }
    }
}
