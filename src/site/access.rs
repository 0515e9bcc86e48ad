//! Who may log in to the installed nodes, and what is installed beside what rackstart needs.

/// Who may log in as root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// crypt(3) hash of root's password; root is locked when none is given.
    pub root_password_hash: Option<String>,
    /// Public keys for root's `authorized_keys`.
    pub ssh_keys: Vec<String>,
}

/// An account beside root, on every node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name; never that of an account that the system or the cloud's packages make.
    pub name: String,
    /// Groups beside its own, such as `wheel`.
    pub groups: Vec<String>,
    /// crypt(3) hash of its password; locked when none is given.
    pub password_hash: Option<String>,
    /// Public keys for its `authorized_keys`.
    pub ssh_keys: Vec<String>,
}

/// What is installed and started beside what rackstart and the steps need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Software {
    /// Packages, and groups with `@` before them; `-` before a name takes it out.
    pub packages: Vec<String>,
    /// Services that start at boot.
    pub services: Vec<String>,
    /// Services that do not.
    pub services_off: Vec<String>,
}

impl Software {
    /// Adds what is not there yet, in its order. Of two words about one service the later one counts.
    pub fn add(&mut self, other: &Self) {
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
