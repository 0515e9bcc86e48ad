//! What exists: the validated description of the site. Pure values; `config` makes them, everything else reads them.

mod access;
mod bare;
mod blueprint;
mod cards;
mod condition;
mod container;
mod copy_sets;
mod disk;
mod distribution;
mod layout;
mod loader;
mod mac;
mod name;
mod network;
mod node;
mod nodes;
mod place;
mod power;
mod release;
mod source;
mod tang;
#[cfg(test)]
pub(crate) mod testing;
mod uuid;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use access::{Access, Software, User};
pub use blueprint::{
    Blueprint, Caller, Capability, Copies, Drain, Keepsake, Keepsakes, NodeList, NotAKeepsake, Role, Rule, SecretSpec,
    Sentence, TreeImage, Trial, ValueForm,
};
pub use cards::{Bond, FixedAddress, Link, Nic, NicNetwork, Vlan};
pub use container::{Container, KeyFile};
pub use copy_sets::{CopySets, holds_copy};
pub use disk::{DiskBus, DiskLabel, DiskRule, DiskSlot, OS_SLOT, plain_wwn};
pub use distribution::Distribution;
pub use layout::{
    FileSystem, FileSystemOptions, Layout, LogicalVolumeSpec, Mib, PartitionSpec, PartitionUse, SizeSpec,
    VolumeGroupSpec,
};
pub use loader::{LoaderChoice, LoaderFile, OwnLoader, Platform, Program, SignedChain};
pub use mac::{Mac, MacError};
pub use name::{NameError, NodeName};
pub use network::Network;
pub use node::{Firmware, Node};
pub use nodes::Nodes;
pub use place::Place;
pub use power::{Bmc, Endpoint, Power, Trust};
pub use release::{Release, ReleaseError};
pub use source::{DISK_FORMATS, Image, InstallTree, ReleaseRule, Repository, RootArchive};
pub use tang::{Tang, TangServer};
pub use uuid::SmbiosUuid;

/// How open the finished cloud is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// An explicit firewall for each role.
    #[default]
    Hardened,
    /// The paper's exact settings: every port open.
    Paper,
}

impl std::fmt::Display for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hardened => "hardened",
            Self::Paper => "paper",
        })
    }
}

/// When rackstart offers its time to nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeService {
    /// Always, as long as its clock is plausible: nodes that agree with each other are better off than nodes that do
    /// not.
    #[default]
    Always,
    /// Only while a daemon on its machine keeps the clock right; otherwise it tells nodes not to trust the time.
    Synchronised,
    /// Never; the port stays closed.
    Off,
}

impl TimeService {
    /// Its word in the site file.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Synchronised => "synchronised",
            Self::Off => "off",
        }
    }
}

/// What rackstart says by DHCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DhcpMode {
    /// Addresses and boot files.
    #[default]
    Authoritative,
    /// Boot files only: addresses are another server's.
    Proxy,
    /// Nothing: another server names the boot files, too.
    Off,
}

impl DhcpMode {
    /// Each with its word in the site file.
    pub(crate) const WORDS: [(&str, Self); 3] =
        [("authoritative", Self::Authoritative), ("proxy", Self::Proxy), ("off", Self::Off)];

    /// Its word in the site file.
    pub(crate) fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, mode)| *mode == self).map_or("", |(word, _)| word)
    }
}

/// Where rackstart itself listens and keeps its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The provisioning interface; nothing is answered elsewhere.
    pub interface: String,
    /// Our address on it: server identifier, next-server and HTTP host.
    pub address: Ipv4Addr,
    /// TCP port of the provisioning HTTP listener.
    pub http_port: u16,
    /// How long the token of a boot hands out secrets after it was minted, in seconds.
    pub token_seconds: u64,
    /// Directory of the state store.
    pub state: PathBuf,
    /// Unix socket of the admin API.
    pub socket: PathBuf,
    /// Group whose members may use that socket besides root and the daemon's own user.
    pub socket_group: Option<String>,
    /// Whether the installers' logs are received, on port 514 of our address.
    pub syslog: bool,
    /// Whether nodes get the time, on port 123 of our address.
    pub ntp: TimeService,
    /// Whether nodes may use rackstart as their resolver, on port 53 of our address.
    pub dns: bool,
    /// The resolvers for names outside the site; none means those that this machine itself uses.
    pub dns_forwarders: Option<Vec<IpAddr>>,
    /// What it says by DHCP.
    pub dhcp: DhcpMode,
    /// Whether other DHCP servers on the provisioning network are meant to be there.
    pub allows_rivals: bool,
    /// How many nodes may be armed to lose data within a minute.
    pub wipes_per_minute: u32,
    /// How long an arming that wipes waits for its first boot, in seconds.
    pub arming_seconds: u64,
}

impl Server {
    /// The base URL that nodes use, without a trailing slash.
    pub(crate) fn url(&self) -> String {
        match self.http_port {
            80 => format!("http://{}", self.address),
            port => format!("http://{}:{port}", self.address),
        }
    }
}

/// The remote API; it is off unless the site file has its section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Where it listens; never on the provisioning network.
    pub listen: SocketAddr,
    /// Further names by which browsers and scripts may address it, in addition to the address and `localhost`.
    pub hosts: Vec<String>,
}

/// The receivers of notices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notify {
    /// A program and its arguments, which gets the message on its standard input. Empty means none.
    pub command: Vec<String>,
    /// An `http` address that each message is posted to.
    pub webhook: Option<String>,
    /// The events that are reported, out of [`Notify::WORDS`].
    pub on: Vec<String>,
}

impl Notify {
    /// The events that can be reported.
    pub(crate) const WORDS: [&str; 6] = ["failed", "suspect", "ready", "rival", "disk-full", "wrong-proof"];

    /// Whether the event is to be reported. An alarm that has no word of its own always is.
    pub(crate) fn wants(&self, word: &str) -> bool {
        self.on.iter().any(|wanted| wanted == word) || !Self::WORDS.contains(&word)
    }
}

/// Where the key comes from that seals the secrets of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KeySource {
    /// There is none: the secrets are stored open, in a directory that only its owner may enter.
    #[default]
    None,
    /// A file that only its owner may read.
    File(PathBuf),
    /// A systemd credential, by name.
    Credential(String),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no key"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Credential(name) => write!(f, "the systemd credential `{name}`"),
        }
    }
}

/// Everything that the site file and its blueprint describe, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Name of the site, for people.
    pub name: String,
    /// The cloud design.
    pub blueprint: Blueprint,
    /// Hardened or the paper's settings.
    pub security: Security,
    /// Time zone of the nodes, for example `UTC`.
    pub timezone: String,
    /// The domain of the nodes' names, in lower case and without a dot at its end.
    pub domain: Option<String>,
    /// Where rackstart listens.
    pub server: Server,
    /// The remote API, when it is on.
    pub api: Option<Api>,
    /// The receivers of notices, if any.
    pub notify: Option<Notify>,
    /// The provisioning network that rackstart itself is on.
    pub network: Network,
    /// The provisioning networks behind routers, whose relay agents pass requests on.
    pub routed: Vec<Network>,
    /// The ways to log in as root.
    pub access: Access,
    /// Where the key of the secrets is.
    pub key: KeySource,
    /// The other accounts of every node.
    pub users: Vec<User>,
    /// What every node has in addition to what rackstart needs; roles may add more.
    pub software: Software,
    /// Install trees by name.
    pub install_trees: Vec<InstallTree>,
    /// Yum repositories in addition to the install trees.
    pub repositories: Vec<Repository>,
    /// Images of virtual machines.
    pub images: Vec<Image>,
    /// Files, and folders with everything in them, that nobody may fetch under whatever name: the state directory, the
    /// key of the secrets, the site file.
    pub guarded: Vec<PathBuf>,
    /// Boot loaders of the operator's own, at most one for each platform.
    pub loaders: Vec<OwnLoader>,
    /// All nodes, in the order of the site file.
    pub nodes: Nodes,
}

impl AsRef<Site> for Site {
    fn as_ref(&self) -> &Site {
        self
    }
}

impl Site {
    /// A copy of the site to show to people: texts rendered from it contain no password hash.
    pub(crate) fn masked(&self) -> Self {
        let users = self.users.iter().map(User::masked).collect();
        Self { access: self.access.masked(), users, ..self.clone() }
    }

    /// Finds a node by the MAC of its boot NIC.
    pub(crate) fn node_by_mac(&self, mac: Mac) -> Option<&Node> {
        self.nodes.by_mac(mac)
    }

    /// Finds a node by its name.
    pub fn node_by_name(&self, name: &str) -> Option<&Node> {
        self.nodes.by_name(name)
    }

    /// Finds an install tree by its name.
    pub(crate) fn install_tree(&self, name: &str) -> Option<&InstallTree> {
        self.install_trees.iter().find(|tree| tree.name == name)
    }

    /// What a node has in addition to what rackstart needs, from the site, its role, and the roles which that includes.
    pub(crate) fn software_of(&self, node: &Node) -> Software {
        let mut all = self.software.clone();
        let included = self.blueprint.roles.get(&node.role).map(|role| role.includes.as_slice()).unwrap_or_default();
        for name in std::iter::once(&node.role).chain(included) {
            if let Some(role) = self.blueprint.roles.get(name) {
                all.add(&role.software);
            }
        }
        all
    }

    /// Returns the nodes that provide a capability, in the order of the site file.
    pub(crate) fn nodes_with<'a>(&'a self, capability: &'a str) -> impl Iterator<Item = &'a Node> {
        let roles: Vec<&str> = self.blueprint.roles_with(capability).collect();
        self.nodes.iter().filter(move |node| roles.contains(&node.role.as_str()))
    }
}
