//! Who may have what is served over HTTP: the one decision behind every route that knows a node. Pure;
//! `docs/authority.md` has its table, and a test walks all of it. Claims in a request never grant anything: they can
//! only contradict the evidence.

use std::net::Ipv4Addr;

use crate::lifecycle::{
    ASK_AGAIN_SECONDS, Custody, Delivery, Event, Flags, NotTheReader, Reader, Refused, State, TokenHash,
};
use crate::site::{Mac, Node};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The boot script, which holds the token of an armed node.
    Script,
    /// Secrets, which only the boot itself may have: they need its token, once.
    Secret(Delivery),
    /// To be heard: a report, or facts. It hands nothing out, so the token is enough for as long as its attempt lives.
    Hearing,
}

/// The listener on which a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plane {
    /// The listener that is bound to the provisioning interface.
    Provisioning,
    /// Any other listener, such as the admin socket or an API. It is the default: a listener that forgets to state its
    /// plane serves no secrets.
    Other,
}

/// The owner of the card that has the peer's address, as the kernel's neighbour table knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbour {
    /// The card with this MAC.
    Card(Mac),
    /// The kernel does not know the card yet.
    Unknown,
    /// The address is behind a router, and no card of this link has it: the kernel knows the router's card only.
    Routed,
    /// The interface has no neighbours, as on a loopback, where nothing more can be checked.
    NoCards,
}

/// The token of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token<'a> {
    /// No token, or a text that cannot be one: cut off, in capitals, or anything else.
    None,
    /// The text of a token that belongs to no current boot: invented, or of an attempt that is over.
    Unknown,
    /// The token of the current boot of a node.
    Of(Owner<'a>),
}

/// The node that a token belongs to, and what is known about the node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    /// The node that the token was issued to.
    pub node: &'a Node,
    /// The hash of the token.
    pub hash: &'a TokenHash,
    /// Where the node is in its life.
    pub state: &'a State,
    /// The flags that an operator set.
    pub flags: Flags,
    /// What the token was used for so far.
    pub custody: &'a Custody,
    /// The serial number that is pinned, if any.
    pub serial: Option<&'a str>,
}

/// Everything about one request that counts. `X-Forwarded-For` and similar headers are left out, because there is no
/// trusted proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub asked: Asked,
    pub plane: Plane,
    /// The address of the other end of the connection.
    pub peer: Ipv4Addr,
    /// The node that this address is reserved for.
    pub holder: Option<&'a Node>,
    /// The owner of the card with this address.
    pub neighbour: Neighbour,
    /// The token in the request.
    pub token: Token<'a>,
    /// The MACs in its provisioning headers, one for each card; none when it sent no such header.
    pub macs: Option<&'a [Mac]>,
    /// The serial number in its header; none when it sent none.
    pub serial: Option<&'a str>,
    /// Unix seconds.
    pub now: u64,
    /// How long a token hands out secrets, in seconds.
    pub lifetime: u64,
}

/// Why a request is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    /// HTTP status. 404 does not reveal what exists.
    pub status: u16,
    /// What the client is told.
    pub told: String,
    /// What the log and the timeline say; none when it is the same as what the client is told.
    pub noted: Option<String>,
    /// Whether somebody other than the node has the token of its boot and wants a secret.
    pub theft: bool,
}

/// The whole answer to a client that proved nothing.
pub(crate) const NOTHING_HERE: &str = "nothing here";

impl Denial {
    fn hidden(noted: impl Into<String>) -> Self {
        Self { status: 404, told: NOTHING_HERE.into(), noted: Some(noted.into()), theft: false }
    }

    fn plain(status: u16, told: impl Into<String>) -> Self {
        Self { status, told: told.into(), noted: None, theft: false }
    }

    /// Marks a denial as theft when a valid token came from the wrong machine and asked for a secret.
    fn stolen(self, asked: Asked) -> Self {
        Self { theft: matches!(asked, Asked::Secret(_)), ..self }
    }
}

/// Decides whether a request is allowed, and returns its reader, which the caller records.
pub(crate) fn authorize(evidence: &Evidence) -> Result<Reader, Denial> {
    let Evidence { asked, plane, peer, holder, neighbour, .. } = *evidence;
    if plane != Plane::Provisioning {
        return Err(Denial::hidden("asked for on a listener that is not on the provisioning interface"));
    }
    let owner = match evidence.token {
        Token::None => return Err(Denial::hidden("asked without the text of a token")),
        Token::Unknown => return Err(unknown(holder, neighbour)),
        Token::Of(owner) => owner,
    };
    let node = owner.node;
    if peer != node.address {
        let noted = format!("{} with its token from {peer}, not from {}", words(asked, node), node.address);
        return Err(Denial::hidden(noted).stolen(asked));
    }
    let mac = card(node, neighbour, asked)?;
    if evidence.macs.is_some_and(|macs| !macs.contains(&node.mac)) {
        let told = format!("the provisioning headers name MACs other than {} of {}", node.mac, node.name);
        return Err(Denial::plain(403, told).stolen(asked));
    }
    if let (Some(pinned), Some(told)) = (owner.serial, evidence.serial)
        && pinned != told
    {
        let told = format!("the serial number in the header is not that of {}", node.name);
        return Err(Denial::plain(403, told).stolen(asked));
    }
    let reader = Reader { address: peer, mac, serial: evidence.serial.map(String::from) };
    match asked {
        Asked::Secret(delivery) => hand_over(evidence, owner, delivery, reader),
        Asked::Hearing | Asked::Script => Ok(reader),
    }
}

/// Decides whether the boot script of a node is served. The script hands out a token and needs none, so only where the
/// request comes from counts.
pub(crate) fn authorize_script(plane: Plane, peer: Ipv4Addr, node: &Node, neighbour: Neighbour) -> Result<(), Denial> {
    if plane != Plane::Provisioning {
        return Err(Denial::hidden("asked for on a listener that is not on the provisioning interface"));
    }
    if peer != node.address {
        return Err(Denial::plain(403, format!("the boot script of {} is only served to {}", node.name, node.address)));
    }
    card(node, neighbour, Asked::Script).map(drop)
}

/// What was done, as the beginning of a sentence.
fn words(asked: Asked, node: &Node) -> String {
    let name = &node.name;
    match asked {
        Asked::Secret(delivery) => format!("{delivery} of {name} was asked for"),
        Asked::Hearing => format!("a report of {name} was sent"),
        Asked::Script => format!("the boot script of {name} was asked for"),
    }
}

/// Denies an unknown token. Only a node with the token of an attempt that is over is told so; others learn nothing.
fn unknown(holder: Option<&Node>, neighbour: Neighbour) -> Denial {
    match holder {
        Some(node) if is_card_of(node, neighbour) => {
            let told = format!("this attempt of {} is over: reboot the node to join the current one", node.name);
            Denial { noted: Some("used a token of an old attempt".into()), ..Denial::plain(410, told) }
        }
        Some(node) => Denial::hidden(format!("a token that no boot has was sent with the address of {}", node.name)),
        None => Denial::hidden("a token that no boot has was sent from an address that belongs to no node"),
    }
}

/// Whether this is one of the node's cards. Any of them proves the machine: Linux answers ARP for its address on every
/// card.
pub(crate) fn is_card_of(node: &Node, neighbour: Neighbour) -> bool {
    match neighbour {
        Neighbour::Card(mac) => mac == node.mac || node.nics.iter().any(|nic| nic.mac == mac),
        Neighbour::NoCards | Neighbour::Routed => true,
        Neighbour::Unknown => false,
    }
}

/// The MAC of the boot NIC, if the peer's card is one of the node's.
fn card(node: &Node, neighbour: Neighbour, asked: Asked) -> Result<Option<Mac>, Denial> {
    match neighbour {
        Neighbour::NoCards | Neighbour::Routed => Ok(None),
        Neighbour::Card(_) if is_card_of(node, neighbour) => Ok(Some(node.mac)),
        Neighbour::Card(other) => {
            let noted = format!("{} with its address by the card {other}, not {}", words(asked, node), node.mac);
            Err(Denial::hidden(noted).stolen(asked))
        }
        // The kernel has just resolved the peer of this TCP connection. The entry is missing only briefly, when the
        // table overflows.
        Neighbour::Unknown => Err(Denial {
            noted: Some(format!(
                "the kernel does not know whose card has {}: the node was told to ask again",
                node.address
            )),
            ..Denial::plain(503, "it is not known yet whose card has this address: ask again")
        }),
    }
}

fn hand_over(evidence: &Evidence, owner: Owner, delivery: Delivery, reader: Reader) -> Result<Reader, Denial> {
    let name = &owner.node.name;
    if owner.state.left_behind_with(owner.hash) {
        return Err(Denial::plain(410, Refused::OldAttempt.to_string()));
    }
    // This check comes first, because a second reader is a theft in every state.
    match owner.custody.admits(delivery, &reader, evidence.now) {
        Ok(()) => {}
        Err(NotTheReader::Other) => {
            let told = format!("another reader already received the secrets of this boot of {name}");
            return Err(Denial::plain(403, told).stolen(evidence.asked));
        }
        Err(NotTheReader::Late) => {
            let minutes = ASK_AGAIN_SECONDS / 60;
            let told =
                format!("{delivery} of {name} was given out more than {minutes} minutes ago; no boot asks so late");
            return Err(Denial::plain(410, told).stolen(evidence.asked));
        }
    }
    if let Err(refused) = owner.state.grants(delivery, owner.hash) {
        return Err(Denial::plain(status_of(&refused), refused.to_string()));
    }
    if delivery == Delivery::Renewal {
        // A renewal is sealed with a key that is as old as the node's installation and never crossed the wire in clear,
        // so the age of the token does not matter. Neither does `protected`, which only guards against wiping.
        let admitted = if owner.flags.maintenance { Err(Refused::Maintenance) } else { Ok(reader) };
        return admitted.map_err(|refused| Denial::plain(409, refused.to_string()));
    }
    if delivery != Delivery::Payload {
        let installs = Event::PermitRedeemed { token: owner.hash.clone(), disk: String::new() };
        owner.flags.admit(&installs).map_err(|refused| Denial::plain(409, refused.to_string()))?;
    }
    if owner.custody.is_expired(evidence.now, evidence.lifetime) {
        let minutes = evidence.lifetime / 60;
        let told = format!("the token of this boot of {name} was good for {minutes} minutes: reboot the node");
        return Err(Denial::plain(410, told));
    }
    Ok(reader)
}

/// Status 410 for what is over for good, 409 for what this state does not allow.
fn status_of(refused: &Refused) -> u16 {
    match refused {
        Refused::OldAttempt | Refused::OldBoot | Refused::PermitSpent | Refused::OtherDisks => 410,
        _ => 409,
    }
}

#[cfg(test)]
mod tests;
