//! Turns what is written into what is meant: defaults are filled in, names looked up, and each node is proved on its
//! own.

use toml::de::DeTable;

use super::blueprint::{blueprint, blueprint_names};
use super::reader::Collector;
use super::resolve_node::{check_tree_name, resolve_node};
use super::site_file::{ServerKeys, SiteFile};
use crate::lifecycle::timeouts::Phase;
use crate::render::Templates;
use crate::secrets::DISK_PASSPHRASE;
use crate::site::{Access, Blueprint, DhcpMode, InstallTree, Node, SecretSpec, Server, Site};
use crate::words::{quote, suggest};

/// The blueprint of sites that name none.
const PLAIN: &str = "plain";

/// Builds the site, or reports why that is impossible. Every node is examined even when another one has mistakes.
pub(super) fn resolve(file: &SiteFile<'_>, mut blueprint: Blueprint, found: &Collector) -> Option<Site> {
    let site = file.site.as_ref()?;
    check_tree_name(file, "`[site]`", site.defaults.install_tree.as_ref(), found);
    for (place, name) in file.own.install_trees() {
        check_tree_name(file, place, Some(name), found);
    }
    file.own.add_to(&mut blueprint, found);
    super::variables::change(&file.variables, &mut blueprint, found);
    super::variables::check_networks(file, &blueprint, found);
    super::access::check_accounts(file, &blueprint, found);
    super::roles::check(file, &blueprint, found);
    let nodes: Vec<Option<Node>> =
        file.nodes.iter().map(|node| resolve_node(file, site, &blueprint, node, found)).collect();
    let repositories: Vec<_> = file.repositories.iter().map(|keys| keys.resolve(file, &blueprint, found)).collect();
    let tree = |tree: &super::site_file::TreeKeys<'_>| {
        let (name, path) = (tree.name.as_ref()?, tree.path.as_ref()?);
        let (name, path) = (name.get_ref().to_string(), path.get_ref().into());
        Some(InstallTree { name, path, distribution: None, repositories: Vec::new(), signed: Vec::new(), root: None })
    };
    if nodes.iter().flatten().any(|node| node.layout.is_encrypted()) {
        // The passphrase belongs to no step's target: it is sent with the storage commands and never in a payload.
        let spec = SecretSpec { targets: Vec::new(), paper: None, steps: Vec::new() };
        blueprint.secrets.entry(DISK_PASSPHRASE.into()).or_insert(spec);
    }
    if let Some(keys) = file.tang.as_ref().filter(|_| nodes.iter().all(Option::is_some)) {
        keys.check_use(nodes.iter().flatten(), found);
    }
    for container in nodes.iter().flatten().filter_map(|node| node.container.as_ref()) {
        // This password, too, is sent with the storage commands and never in a payload.
        let spec = SecretSpec { targets: Vec::new(), paper: None, steps: Vec::new() };
        if container.user.is_some() {
            blueprint.secrets.entry(container.password()).or_insert(spec);
        }
    }
    for power in nodes.iter().flatten().filter_map(|node| node.power.as_ref()) {
        // No node ever gets the password of a BMC.
        let spec = SecretSpec { targets: Vec::new(), paper: None, steps: Vec::new() };
        blueprint.secrets.entry(power.secret.clone()).or_insert(spec);
    }
    let name = site.name.as_ref()?;
    let (network, routed) = super::network::resolve(file)?;
    let site = Site {
        name: name.get_ref().to_string(),
        blueprint,
        security: site.security.as_ref().map(|word| *word.get_ref()).unwrap_or_default(),
        domain: site.domain.as_ref().map(|text| text.get_ref().to_string()),
        timezone: site.timezone.as_ref().map_or("UTC", |text| text.get_ref()).to_string(),
        server: resolve_server(file.server.as_ref()?)?,
        api: match &file.api {
            Some(keys) => Some(keys.resolve()?),
            None => None,
        },
        notify: file.notify.clone(),
        guarded: Vec::new(), // filled in by the code that reads files
        network,
        routed,
        access: Access {
            root_password_hash: file.access.root_password_hash.map(str::to_string),
            ssh_keys: file.access.ssh_keys.iter().map(|key| key.to_string()).collect(),
        },
        key: file.key.clone(),
        users: file.users.clone()?,
        software: site.software.clone(),
        install_trees: file.trees.iter().map(tree).collect::<Option<_>>()?,
        repositories: repositories.into_iter().collect::<Option<_>>()?,
        images: file.images.iter().map(|keys| keys.resolve()).collect::<Option<_>>()?,
        loaders: file.loaders.iter().map(|keys| keys.loader.clone()).collect::<Option<_>>()?,
        nodes: nodes.into_iter().collect::<Option<Vec<_>>>()?.into(),
    };
    super::rules::check(&file.variables, &site, &name.span(), found);
    super::variables::check_copies(&file.variables, &site, name.span(), found);
    Some(site)
}

/// The blueprint that the site file names, or else the plain one; none when there is no such blueprint, which is
/// reported.
pub(super) fn find_blueprint(document: &DeTable<'_>, own: &Templates, found: &Collector) -> Option<Blueprint> {
    let site = document.get("site");
    let key = site.and_then(|site| site.get_ref().as_table()?.get("blueprint"));
    let at = key.or(site).map_or(0..0, toml::Spanned::span);
    // A value that is not a string is reported where the section is read.
    let name = key.map_or(Some(PLAIN), |key| key.get_ref().as_str())?;
    match blueprint(name, own) {
        Some(Ok(blueprint)) => Some(blueprint),
        Some(Err(problems)) => {
            let first = &problems.list()[0];
            let message = format!("the blueprint {} is wrong: {}", quote(name), first.message);
            let more = problems.list().len() - 1;
            let help = if more == 0 { first.help.clone() } else { format!("{}; {more} more in it", first.help) };
            found.report(at, message, help);
            None
        }
        None => {
            let message = format!("`[site]` has unknown blueprint {}", quote(name));
            let names = blueprint_names(own);
            found.report(at, message, suggest(name, "blueprints", names.iter().map(String::as_str)));
            None
        }
    }
}

fn resolve_server(server: &ServerKeys<'_>) -> Option<Server> {
    let or = |text: &Option<toml::Spanned<&str>>, default: &str| text.as_ref().map_or(default, |t| t.get_ref()).into();
    let number = |number: &Option<toml::Spanned<u64>>, default| number.as_ref().map_or(default, |n| *n.get_ref());
    let dhcp = server.dhcp.as_ref().map(|word| *word.get_ref()).unwrap_or_default();
    Some(Server {
        interface: server.interface.as_ref()?.get_ref().to_string(),
        address: *server.address.as_ref()?.get_ref(),
        token_seconds: server.token_minutes.as_ref().map_or(120, |minutes| *minutes.get_ref()) * 60,
        http_port: server.http_port.as_ref().map_or(Some(80), |port| u16::try_from(*port.get_ref()).ok())?,
        state: or(&server.state, super::alone::STATE),
        socket: or(&server.socket, super::alone::SOCKET),
        socket_group: server.socket_group.as_ref().map(|name| name.get_ref().to_string()),
        syslog: server.syslog.unwrap_or(true),
        ntp: server.ntp.as_ref().map(|word| *word.get_ref()).unwrap_or_default(),
        dns: server.dns.unwrap_or(true),
        dns_forwarders: server.dns_forwarders.as_ref().map(|all| all.iter().map(|one| *one.get_ref()).collect()),
        dhcp,
        // Beside another server that server is meant to be there.
        allows_rivals: dhcp != DhcpMode::Authoritative
            || server.allows_rivals.as_ref().is_some_and(|allows| *allows.get_ref()),
        wipes_per_minute: u32::try_from(number(&server.wipes_per_minute, 10)).ok()?,
        arming_seconds: number(&server.arming_minutes, Phase::Waiting.timeout().seconds / 60) * 60,
    })
}
