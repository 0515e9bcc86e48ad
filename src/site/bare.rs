//! A site of which only the store is known: for verbs that must work whatever has become of the site file.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use ipnet::Ipv4Net;

use super::{
    Access, Blueprint, DhcpMode, Firmware, KeySource, Layout, LoaderChoice, Mac, Network, Node, NodeName, Nodes,
    Release, Security, Server, Site, Software, TimeService,
};

const NOWHERE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

impl Site {
    /// A site with this store and these nodes. Nothing in it is ever served.
    pub(crate) fn bare(state: PathBuf, key: KeySource, blueprint: Blueprint) -> Self {
        Self {
            name: String::new(),
            blueprint,
            security: Security::default(),
            timezone: "UTC".into(),
            domain: None,
            server: Server {
                interface: String::new(),
                address: NOWHERE,
                http_port: 80,
                token_seconds: 0,
                state,
                socket: PathBuf::new(),
                socket_group: None,
                syslog: false,
                ntp: TimeService::Off,
                dns: false,
                dns_forwarders: None,
                wipes_per_minute: 0,
                arming_seconds: 0,
                dhcp: DhcpMode::default(),
                allows_rivals: false,
            },
            api: None,
            network: Network {
                subnet: Ipv4Net::new_assert(NOWHERE, 32),
                router: NOWHERE,
                dns: Vec::new(),
                ntp: Vec::new(),
                lease_seconds: 0,
                router_advertisement: false,
                discovery: None,
                relays: Vec::new(),
            },
            routed: Vec::new(),
            access: Access { root_password_hash: None, ssh_keys: Vec::new() },
            key,
            users: Vec::new(),
            software: Software::default(),
            install_trees: Vec::new(),
            repositories: Vec::new(),
            images: Vec::new(),
            notify: None,
            guarded: Vec::new(),
            loaders: Vec::new(),
            nodes: Nodes::default(),
        }
    }
}

impl Node {
    /// A node of which the store knows no more than this.
    pub(crate) fn bare(name: NodeName, mac: Mac, role: String) -> Self {
        Self {
            name,
            role,
            mac,
            address: NOWHERE,
            firmware: Firmware::default(),
            loader: LoaderChoice::default(),
            boot_disk: 0,
            disks: Vec::new(),
            nics: Vec::new(),
            bonds: Vec::new(),
            vlans: Vec::new(),
            layout: Layout::default(),
            keep: Vec::new(),
            install_tree: String::new(),
            release: Release { major: 0, minor: 0 },
            kernel_args: String::new(),
            container: None,
            tang: None,
            place: None,
            power: None,
        }
    }
}
