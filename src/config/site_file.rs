//! The site file as written: every section with its keys, each value with its place. Nothing is compared yet.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::access;
use super::api::ApiKeys;
use super::container::{self, ContainerKeys};
use super::defaults::{self, Defaults};
use super::network::NetworkKeys;
use super::node::NodeKeys;
use super::notify;
use super::own::OwnKeys;
use super::problem::Problem;
use super::reader::{Collector, Section};
use super::sources::{self, ImageKeys, RepositoryKeys};
use super::tang::{self, TangKeys};
use super::variables;
use super::{text, timezone};
use crate::site::{Blueprint, DhcpMode, KeySource, Notify, Security, Software, TimeService, User};

/// Everything that a site file may contain.
pub(super) struct SiteFile<'a> {
    pub site: Option<SiteKeys<'a>>,
    pub server: Option<ServerKeys<'a>>,
    pub api: Option<ApiKeys>,
    pub notify: Option<Notify>,
    /// Every provisioning network, in the order of the file.
    pub networks: Vec<NetworkKeys>,
    pub access: AccessKeys<'a>,
    pub key: KeySource,
    pub tang: Option<TangKeys>,
    /// None when one of them has a mistake.
    pub users: Option<Vec<User>>,
    /// Where each user is named.
    pub user_names: Vec<Spanned<&'a str>>,
    pub trees: Vec<TreeKeys<'a>>,
    /// Whether `install_tree` is present at all, in whatever form.
    pub has_trees: bool,
    pub repositories: Vec<RepositoryKeys<'a>>,
    pub images: Vec<ImageKeys<'a>>,
    pub containers: Vec<ContainerKeys<'a>>,
    pub loaders: Vec<super::loader::LoaderKeys>,
    pub own: OwnKeys<'a>,
    pub variables: variables::Written<'a>,
    pub nodes: Vec<NodeKeys<'a>>,
}

pub(super) struct SiteKeys<'a> {
    pub name: Option<Spanned<&'a str>>,
    pub blueprint: Option<Spanned<&'a str>>,
    pub security: Option<Spanned<Security>>,
    pub layout: Option<Spanned<&'a str>>,
    /// The values for nodes where neither the node nor its role sets one.
    pub defaults: Defaults<'a>,
    pub timezone: Option<Spanned<&'a str>>,
    pub domain: Option<Spanned<&'a str>>,
    pub templates: Option<Spanned<&'a str>>,
    pub software: Software,
}

pub(super) struct ServerKeys<'a> {
    pub interface: Option<Spanned<&'a str>>,
    pub address: Option<Spanned<Ipv4Addr>>,
    pub http_port: Option<Spanned<u64>>,
    pub token_minutes: Option<Spanned<u64>>,
    pub state: Option<Spanned<&'a str>>,
    pub socket: Option<Spanned<&'a str>>,
    pub socket_group: Option<Spanned<&'a str>>,
    pub syslog: Option<bool>,
    pub ntp: Option<Spanned<TimeService>>,
    pub dns: Option<bool>,
    /// None when the key is missing.
    pub dns_forwarders: Option<Vec<Spanned<IpAddr>>>,
    pub dhcp: Option<Spanned<DhcpMode>>,
    pub allows_rivals: Option<Spanned<bool>>,
    pub wipes_per_minute: Option<Spanned<u64>>,
    pub arming_minutes: Option<Spanned<u64>>,
}

#[derive(Default)]
pub(super) struct AccessKeys<'a> {
    pub root_password_hash: Option<&'a str>,
    pub ssh_keys: Vec<&'a str>,
}

pub(super) struct TreeKeys<'a> {
    pub name: Option<Spanned<&'a str>>,
    pub path: Option<Spanned<&'a str>>,
    pub url: Option<Spanned<&'a str>>,
}

const SECTIONS: [&str; 18] = [
    "site",
    "server",
    "api",
    "notify",
    "network",
    "firmware",
    "access",
    "user",
    "secrets",
    "tang",
    "variables",
    "install_tree",
    "repository",
    "image",
    "container",
    "layout",
    "role",
    "node",
];
const TIME_WORDS: [(&str, TimeService); 3] = [
    (TimeService::Always.as_str(), TimeService::Always),
    (TimeService::Synchronised.as_str(), TimeService::Synchronised),
    (TimeService::Off.as_str(), TimeService::Off),
];
pub(super) const ADDRESS_HELP: &str = "write four numbers from 0 to 255, such as \"192.168.0.254\"";

/// Opens `[name]`; reports it when it is missing although it is required.
fn section<'a>(top: &Section<'a>, name: &str, required: bool, keys: &[&str]) -> Option<Section<'a>> {
    if required && !top.has(name) {
        let message = format!("there is no section `[{name}]`");
        let help = "`rackstart init --output -` shows a complete file";
        top.found.add(Problem::nowhere(message, help));
    }
    let (at, table) = top.table(name, &format!("`[{name}]` on a line of its own"))?;
    Some(Section::open(format!("`[{name}]`"), at, table, keys, top.found))
}

impl<'a> SiteFile<'a> {
    /// Reads all sections.
    pub(crate) fn read(document: &'a DeTable<'a>, found: &'a Collector) -> Self {
        let top = Section::open("the site file".into(), 0..0, document, &SECTIONS, found);
        let (users, user_names) = access::read_users(&top);
        Self {
            site: SiteKeys::read(&top),
            server: ServerKeys::read(&top),
            api: section(&top, "api", false, &["listen", "hosts", "plain_http"]).as_ref().map(ApiKeys::read),
            notify: section(&top, "notify", false, &notify::KEYS).as_ref().map(notify::read),
            networks: NetworkKeys::read_all(&top),
            access: AccessKeys::read(&top),
            key: section(&top, "secrets", false, &["key_file", "credential"])
                .map_or(KeySource::None, |section| super::secrets::key(&section)),
            tang: section(&top, "tang", false, &tang::KEYS).as_ref().map(TangKeys::read),
            users,
            user_names,
            trees: read_trees(&top),
            has_trees: top.has("install_tree"),
            repositories: sources::read_repositories(&top),
            images: sources::read_images(&top),
            containers: container::read_all(&top),
            loaders: super::loader::read_all(&top),
            own: OwnKeys::read(&top),
            variables: top.table("variables", "`[variables]` on a line of its own"),
            nodes: NodeKeys::read_all(&top),
        }
    }
}

impl<'a> SiteFile<'a> {
    /// Gives the blueprint's default role to every node that names none.
    pub(crate) fn give_roles(&mut self, blueprint: &'a Blueprint) {
        let Some(role) = &blueprint.default_role else { return };
        for node in self.nodes.iter_mut().filter(|node| node.lacks_role) {
            node.role = Some(Spanned::new(node.at.clone(), role.as_str()));
        }
    }

    /// The network that rackstart itself is on: the one around its address, or else the first one.
    pub(crate) fn own_network(&self) -> Option<&NetworkKeys> {
        let server = self.server.as_ref().and_then(|server| server.address.as_ref()).map(|address| *address.get_ref());
        let around = server.and_then(|address| self.network_around(address));
        around.or(self.networks.first())
    }

    /// The first network whose subnet holds an address.
    pub(crate) fn network_around(&self, address: Ipv4Addr) -> Option<&NetworkKeys> {
        self.networks.iter().find(|network| network.net().is_some_and(|subnet| subnet.contains(&address)))
    }

    /// The values that hold for a node: its own, or else its role's, or else the site's.
    pub(crate) fn defaults_of(&self, node: &NodeKeys<'a>) -> Defaults<'a> {
        let role = node.role.as_ref().and_then(|role| self.own.defaults(role.get_ref()));
        let own = role.map_or_else(|| node.own.clone(), |role| node.own.or(role));
        self.site.as_ref().map_or_else(|| own.clone(), |site| own.or(&site.defaults))
    }
}

impl<'a> SiteKeys<'a> {
    fn read(top: &Section<'a>) -> Option<Self> {
        let keys = [
            "name",
            "blueprint",
            "security",
            "layout",
            defaults::KEYS[0],
            defaults::KEYS[1],
            defaults::KEYS[2],
            "timezone",
            "domain",
            defaults::KEYS[3],
            defaults::KEYS[4],
            defaults::KEYS[5],
            "templates",
            access::SOFTWARE[0],
            access::SOFTWARE[1],
            access::SOFTWARE[2],
        ];
        let section = section(top, "site", true, &keys)?;
        section.need("name", "name = \"testbed\"");
        // A site that only looks for machines installs nothing yet.
        if top.has("node") || top.has("install_tree") {
            section.need("release", "release = \"6.10\"");
            section.need("install_tree", "install_tree = \"centos6\"");
        }
        Some(Self {
            name: section.text("name"),
            blueprint: section.text("blueprint"),
            security: section.word("security", &[("hardened", Security::Hardened), ("paper", Security::Paper)]),
            layout: section.text("layout"),
            defaults: Defaults::read(&section),
            timezone: timezone::read(&section),
            domain: text::domain(&section),
            templates: text::absolute_path(&section, "templates"),
            software: access::software(&section),
        })
    }
}

impl<'a> ServerKeys<'a> {
    fn read(top: &Section<'a>) -> Option<Self> {
        let keys = [
            "interface",
            "address",
            "http_port",
            "token_minutes",
            "state",
            "socket",
            "socket_group",
            "syslog",
            "ntp",
            "dns",
            "dns_forwarders",
            "dhcp",
            "dhcp_rivals",
            "wipes_per_minute",
            "arming_minutes",
        ];
        let section = section(top, "server", true, &keys)?;
        section.need("interface", "interface = \"eth0\"");
        section.need("address", "address = \"192.168.0.254\"");
        Some(Self {
            interface: text::interface(&section, "interface"),
            address: section.parse("address", "an IPv4 address", ADDRESS_HELP),
            http_port: section.number("http_port", 1..=65535),
            token_minutes: section.number("token_minutes", 10..=1440),
            state: text::absolute_path(&section, "state"),
            socket: text::absolute_path(&section, "socket"),
            socket_group: text::group_name(&section, "socket_group"),
            syslog: section.flag("syslog"),
            ntp: section.word("ntp", &TIME_WORDS),
            dns: section.flag("dns"),
            dns_forwarders: section.has("dns_forwarders").then(|| text::forwarders(&section)),
            dhcp: section.word("dhcp", &DhcpMode::WORDS),
            allows_rivals: section.word("dhcp_rivals", &[("alarm", false), ("allow", true)]),
            wipes_per_minute: section.number("wipes_per_minute", 1..=10_000),
            arming_minutes: section.number("arming_minutes", 5..=10_080),
        })
    }
}

impl<'a> AccessKeys<'a> {
    fn read(top: &Section<'a>) -> Self {
        let Some(section) = section(top, "access", false, &["ssh_keys", "root_password_hash"]) else {
            return Self::default();
        };
        Self {
            root_password_hash: text::password_hash(&section, "root_password_hash"),
            ssh_keys: text::ssh_keys(&section),
        }
    }
}

fn read_trees<'a>(top: &Section<'a>) -> Vec<TreeKeys<'a>> {
    let read = |(at, table): (Range<usize>, &'a DeTable<'a>)| {
        let section = Section::open("`[[install_tree]]`".into(), at, table, &["name", "path", "url"], top.found);
        section.need("name", "name = \"centos6\"");
        section.need("path", "path = \"/srv/rackstart/centos6\"");
        TreeKeys {
            name: text::tree_name(&section),
            path: text::absolute_path(&section, "path"),
            url: text::web_address(&section),
        }
    };
    top.tables("install_tree", "`[[install_tree]]` with two brackets").into_iter().map(read).collect()
}
