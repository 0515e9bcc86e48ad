//! A node of the site file that is the machine on which the file is read: installing it would end rackstart itself.

use std::ops::Range;

use super::problem::Problem;
use super::site_file::SiteFile;
use crate::lifecycle::blast::OwnCard;
use crate::site::Mac;

/// A card of a node, as written.
pub(super) struct CardUse {
    pub mac: Mac,
    /// Where the MAC is written.
    pub at: Range<usize>,
    /// The node that has the card, for messages.
    pub owner: String,
}

/// Returns every card whose MAC could be read.
pub(super) fn uses(file: &SiteFile<'_>) -> Vec<CardUse> {
    let nics = file.nodes.iter().flat_map(|node| node.nics.iter().map(|nic| (node.place.clone(), nic)));
    let card = |(owner, nic): (String, &super::cards::NicKeys<'_>)| {
        nic.mac.as_ref().map(|mac| CardUse { mac: *mac.get_ref(), at: mac.span(), owner })
    };
    nics.filter_map(card).collect()
}

/// Reports every card that is one of this machine.
pub(super) fn check<'a>(uses: &'a [CardUse], own: &'a [OwnCard]) -> impl Iterator<Item = Problem> {
    uses.iter().filter_map(|used| {
        let card = own.iter().find(|card| card.mac == used.mac)?;
        let message = format!("{} has the MAC {} of this machine's own `{}`", used.owner, used.mac, card.interface);
        Some(Problem::new(used.at.clone(), message, "rackstart never installs the machine it runs on; correct the MAC"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{EXAMPLE, examine};
    use super::*;
    use crate::render::Templates;

    #[test]
    fn a_card_of_this_machine_is_named_with_its_line() {
        let examined = examine(EXAMPLE, &|_| Ok(Templates::default()), &|_, _| (), &[]);
        let own = |text: &str| OwnCard { interface: "eth0".into(), mac: text.parse().unwrap() };
        assert_eq!(check(&examined.cards, &[own("52:54:00:99:99:99")]).count(), 0);
        for mac in ["52:54:00:a8:02:01", "52:54:00:a8:02:00"] {
            let own = [own(mac)];
            let found: Vec<Problem> = check(&examined.cards, &own).collect();
            assert_eq!(found.len(), 1, "{mac}");
            assert!(found[0].message.contains("has the MAC") && found[0].message.contains("`eth0`"));
            let at = found[0].at.clone().unwrap();
            assert!(EXAMPLE[at].contains(mac));
        }
    }
}
