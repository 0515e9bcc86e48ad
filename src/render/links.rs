//! The cards, bonds and VLANs of a node, as values for the kickstart templates.

use serde::Serialize;

use crate::site::{Bond, FixedAddress, Link, Nic, NicNetwork, Node, Site};

/// Where `%pre` writes the commands of bonds and VLANs, and from where the kickstart includes them.
pub(crate) const NETWORK_FILE: &str = "/tmp/rackstart-network.ks";

#[derive(Debug, Serialize)]
pub(crate) struct NicValues {
    name: String,
    own_name: bool,
    mac: String,
    network: NicNetwork,
    address: String,
    netmask: String,
    router: Option<String>,
    bond: Option<String>,
    boots: bool,
    carries_vlan: bool,
    own_command: bool,
    fixed: Option<FixedValues>,
}

/// An address outside the provisioning network.
#[derive(Debug, Serialize)]
pub(crate) struct FixedValues {
    address: String,
    netmask: String,
    gateway: Option<String>,
}

impl From<FixedAddress> for FixedValues {
    fn from(fixed: FixedAddress) -> Self {
        Self {
            address: fixed.net.addr().to_string(),
            netmask: fixed.net.netmask().to_string(),
            gateway: fixed.gateway.map(|gateway| gateway.to_string()),
        }
    }
}

/// A card whose name a command needs: `%pre` puts the name into a variable.
#[derive(Debug, Serialize)]
pub(crate) struct NamedCard {
    variable: String,
    mac: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct BondValues<'a> {
    name: &'a str,
    cards: String,
    mode: &'a str,
    network: NicNetwork,
    address: String,
    netmask: String,
    router: Option<String>,
    in_installer: bool,
    fixed: Option<FixedValues>,
}

#[derive(Debug, Serialize)]
pub(crate) struct VlanValues<'a> {
    id: u16,
    over: String,
    /// The card or bond that carries the VLAN, by its name in the site file.
    carrier: &'a str,
    /// The card that carries the VLAN; none when a bond carries it.
    card: Option<&'a str>,
    network: NicNetwork,
    fixed: Option<FixedValues>,
}

/// The cards, with the LAN card first, because Anaconda brings the first one up.
pub(crate) fn nics(site: &Site, node: &Node) -> Vec<NicValues> {
    let values = |nic: &Nic| {
        let carries_vlan = node.vlans.iter().any(|vlan| vlan.over == nic.name);
        NicValues {
            name: nic.name.clone(),
            // The profile of a VLAN refers to its card by the kernel's name, which must then stay.
            own_name: is_own_name(&nic.name) && !carries_vlan,
            mac: nic.mac.to_string(),
            network: nic.network,
            address: node.address.to_string(),
            netmask: site.network_of(node).subnet.netmask().to_string(),
            router: router(site, node),
            bond: node.bond_of(nic).map(|bond| bond.name.clone()),
            boots: nic.mac == node.mac,
            carries_vlan,
            own_command: node.bond_of(nic).is_none_or(|bond| !makes(node, bond)),
            fixed: nic.fixed.map(FixedValues::from),
        }
    };
    let mut nics: Vec<&Nic> = node.nics.iter().collect();
    nics.sort_by_key(|nic| (nic.network != NicNetwork::Lan, nic.mac != node.mac));
    nics.into_iter().map(values).collect()
}

/// Whether `%pre` writes commands for bonds and VLANs.
pub(crate) fn in_installer(node: &Node) -> bool {
    !node.release.is_el6() && !node.vlans.is_empty() || node.bonds.iter().any(|bond| makes(node, bond))
}

/// Whether `%pre` also writes the commands of the cards.
pub(crate) fn cards_in_pre(node: &Node) -> bool {
    node.release.is_el6() && in_installer(node)
}

/// Whether the installer makes the bond. EL6's installer ignores bonds and VLANs in an included file, or stops there;
/// from 6.5 on (Anaconda 13.21.215, `NetworkData.execute`) it makes a bond that it is told to activate, and only the
/// LAN must be activated.
fn makes(node: &Node, bond: &Bond) -> bool {
    !node.release.is_el6() || node.release.minor >= 5 && bond.network == NicNetwork::Lan
}

/// Every card that is in a bond or carries a VLAN.
pub(crate) fn named_cards(node: &Node) -> Vec<NamedCard> {
    let named = |nic: &&Nic| node.bond_of(nic).is_some() || node.vlans.iter().any(|vlan| vlan.over == nic.name);
    let card = |nic: &Nic| NamedCard { variable: variable(node, &nic.name), mac: nic.mac.to_string() };
    node.nics.iter().filter(named).map(card).collect()
}

/// The bonds, with their cards as variables of `%pre`.
pub(crate) fn bonds<'a>(site: &Site, node: &'a Node) -> Vec<BondValues<'a>> {
    let values = |bond: &'a Bond| BondValues {
        name: &bond.name,
        cards: bond.cards.iter().map(|card| format!("${}", variable(node, card))).collect::<Vec<_>>().join(","),
        mode: &bond.mode,
        network: bond.network,
        address: node.address.to_string(),
        netmask: site.network_of(node).subnet.netmask().to_string(),
        router: router(site, node),
        in_installer: makes(node, bond),
        fixed: bond.fixed.map(FixedValues::from),
    };
    node.bonds.iter().map(values).collect()
}

/// The VLANs, with their cards as variables of `%pre`; a bond has the same name everywhere.
pub(crate) fn vlans(node: &Node) -> Vec<VlanValues<'_>> {
    let is_bond = |name: &str| node.bonds.iter().any(|bond| bond.name == name);
    let all = node.vlans.iter().map(|vlan| (vlan, is_bond(&vlan.over)));
    all.map(|(vlan, over_bond)| VlanValues {
        id: vlan.id,
        over: if over_bond { vlan.over.clone() } else { format!("${}", variable(node, &vlan.over)) },
        carrier: &vlan.over,
        card: (!over_bond).then_some(vlan.over.as_str()),
        network: vlan.network,
        fixed: vlan.fixed.map(FixedValues::from),
    })
    .collect()
}

/// The commands that `%pre` would write, with the names of the site file; `None` when the text has none.
pub(crate) fn commands(node: &Node, served: &str) -> Option<String> {
    if !in_installer(node) {
        return None;
    }
    let mut lines = written(served)?;
    // The highest number first, because `$card_1` is a prefix of `$card_10`.
    for nic in node.nics.iter().rev() {
        lines = lines.replace(&format!("${}", variable(node, &nic.name)), &nic.name);
    }
    Some(lines)
}

/// The lines of a kickstart that `%pre` writes into [`NETWORK_FILE`], as they are in the text.
pub(crate) fn written(served: &str) -> Option<String> {
    let (_, from) = served.split_once(" <<NETWORK\n")?;
    let (lines, _) = from.split_once("\nNETWORK\n")?;
    Some(format!("{lines}\n"))
}

/// How firstboot finds the interface of a network in what the kickstart made: `card` by its MAC, `bond NAME`, `vlan ID
/// card` by the MAC of its card, or `vlan ID bond NAME`; empty when the node is not on that network. Several interfaces
/// may share a MAC, so a MAC alone does not identify a bond or a VLAN.
pub(crate) fn words(node: &Node, network: NicNetwork) -> String {
    match node.link(network) {
        None => String::new(),
        Some(Link::Card(_)) => "card".into(),
        Some(Link::Bond(bond)) => format!("bond {}", bond.name),
        Some(Link::Vlan(vlan)) => match node.bonds.iter().any(|bond| bond.name == vlan.over) {
            true => format!("vlan {} bond {}", vlan.id, vlan.over),
            false => format!("vlan {} card", vlan.id),
        },
    }
}

fn variable(node: &Node, card: &str) -> String {
    let place = node.nics.iter().position(|nic| nic.name == card).unwrap_or_default();
    format!("card_{place}")
}

/// The default route; `None` on a node that has its own way outside, which a LAN router would conflict with.
fn router(site: &Site, node: &Node) -> Option<String> {
    let router = site.network_of(node).router;
    let is_gateway = node.public_nic().is_some() || node.address == router;
    (!is_gateway).then(|| router.to_string())
}

/// Whether the kernel uses such names itself: giving `eth1`, for example, to another card races with the kernel from
/// EL7 on.
fn is_own_name(name: &str) -> bool {
    name.strip_prefix("eth").is_none_or(|number| number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()))
}
