//! Every reason to deny a request, one at a time: everything else about the request is right.

use super::*;
use crate::lifecycle::{Attempt, AttemptId, BootToken, WipeScope};
use crate::site::testing::paper_site;

const NOW: u64 = 1_000_000;
const LIFETIME: u64 = 7200;
static OTHERS: [Mac; 1] = [Mac([2, 0, 0, 0, 0, 9])];
static ITS_OWN_TOO: [Mac; 2] = [Mac([2, 0, 0, 0, 0, 9]), Mac([0x52, 0x54, 0, 0xa8, 2, 1])];
const STRANGER: Neighbour = Neighbour::Card(Mac([2, 0, 0, 0, 0, 9]));

fn token(n: u8) -> TokenHash {
    BootToken::from_random([n; 16]).hash()
}

fn node() -> Node {
    paper_site().node_by_name("compute2").unwrap().clone()
}

fn attempt() -> Attempt {
    let fresh = Attempt::new(AttemptId::from_random([1; 4]), WipeScope::BlankDiskOnly);
    Attempt { boots: 1, newest_boot: Some(token(1)), ..fresh }
}

fn armed() -> State {
    State::Armed { attempt: attempt(), previous: None }
}

/// A request for the kickstart that is right in every way, after a change.
fn asks(change: impl FnOnce(&mut Evidence, &mut Owner)) -> Result<Reader, Denial> {
    asks_in(&armed(), &Custody::minted(NOW - 100), change)
}

fn asks_in(state: &State, custody: &Custody, change: impl FnOnce(&mut Evidence, &mut Owner)) -> Result<Reader, Denial> {
    let (node, hash) = (node(), token(1));
    let mut owner = Owner { node: &node, hash: &hash, state, flags: Flags::default(), custody, serial: Some("A1") };
    let mut evidence = Evidence {
        asked: Asked::Secret(Delivery::Kickstart),
        plane: Plane::Provisioning,
        peer: node.address,
        holder: Some(&node),
        neighbour: Neighbour::Card(node.mac),
        token: Token::None,
        macs: None,
        serial: None,
        now: NOW,
        lifetime: LIFETIME,
    };
    let before = evidence.token;
    change(&mut evidence, &mut owner);
    // A change may take the token away; otherwise it is the owner's.
    if matches!((before, evidence.token), (Token::None, Token::None)) {
        evidence.token = Token::Of(owner);
    }
    authorize(&evidence)
}

fn denied(outcome: Result<Reader, Denial>) -> (u16, bool, String) {
    let denial = outcome.unwrap_err();
    (denial.status, denial.theft, denial.noted.unwrap_or(denial.told))
}

#[test]
fn what_is_right_in_every_way_is_allowed_and_its_reader_is_known() {
    let node = node();
    let reader = asks(|_, _| {}).unwrap();
    assert_eq!((reader.address, reader.mac, reader.serial), (node.address, Some(node.mac), None));
    let told = asks(|evidence, _| {
        evidence.macs = Some(&ITS_OWN_TOO);
        evidence.serial = Some("A1");
    })
    .unwrap();
    assert_eq!(told.serial.as_deref(), Some("A1"));
    assert!(asks(|_, owner| owner.serial = None).is_ok(), "nothing is pinned");
    let loopback = asks(|evidence, _| evidence.neighbour = Neighbour::NoCards).unwrap();
    assert_eq!(loopback.mac, None);
    let other = node.nics.iter().find(|nic| nic.mac != node.mac);
    if let Some(other) = other {
        assert!(asks(|evidence, _| evidence.neighbour = Neighbour::Card(other.mac)).is_ok(), "another card of its own");
    }
}

#[test]
fn each_contradiction_denies_and_a_token_in_wrong_hands_is_theft_where_a_secret_is_wanted() {
    let (status, theft, noted) = denied(asks(|evidence, _| evidence.plane = Plane::Other));
    assert!((status, theft) == (404, false) && noted.contains("not on the provisioning interface"), "{noted}");
    let (status, theft, noted) = denied(asks(|evidence, _| evidence.peer = [192, 168, 0, 99].into()));
    assert!((status, theft) == (404, true) && noted.contains("the kickstart of compute2 was asked for"), "{noted}");
    let (status, theft, noted) = denied(asks(|evidence, _| evidence.neighbour = STRANGER));
    assert!((status, theft) == (404, true) && noted.contains("by the card 02:00:00:00:00:09"), "{noted}");
    let (status, theft, noted) = denied(asks(|evidence, _| evidence.neighbour = Neighbour::Unknown));
    assert!((status, theft) == (503, false) && noted.contains("the node was told to ask again"), "{noted}");
    let (status, theft, _) = denied(asks(|evidence, _| evidence.macs = Some(&OTHERS)));
    assert_eq!((status, theft), (403, true));
    let (status, theft, _) = denied(asks(|evidence, _| evidence.serial = Some("B2")));
    assert_eq!((status, theft), (403, true));
    // A report hands nothing out.
    for (asked, word) in [(Asked::Hearing, "a report of compute2"), (Asked::Script, "the boot script of compute2")] {
        let elsewhere = asks(|evidence, _| (evidence.asked, evidence.peer) = (asked, [192, 168, 0, 99].into()));
        let (status, theft, noted) = denied(elsewhere);
        assert!((status, theft) == (404, false) && noted.starts_with(word), "{noted}");
        assert!(asks(|evidence, _| evidence.asked = asked).is_ok());
    }
}

#[test]
fn an_unknown_token_tells_the_node_alone_that_its_attempt_is_over() {
    let nobody = asks_without(Token::None, Some(&node()), Neighbour::Card(node().mac));
    assert_eq!(denied(nobody).0, 404);
    let own = asks_without(Token::Unknown, Some(&node()), Neighbour::Card(node().mac)).unwrap_err();
    assert!(own.status == 410 && own.told.contains("reboot the node"), "{own:?}");
    assert_eq!(own.noted.as_deref(), Some("used a token of an old attempt"));
    for neighbour in [STRANGER, Neighbour::Unknown] {
        let other = asks_without(Token::Unknown, Some(&node()), neighbour).unwrap_err();
        assert_eq!((other.status, other.told.as_str()), (404, NOTHING_HERE));
    }
    assert_eq!(asks_without(Token::Unknown, Some(&node()), Neighbour::NoCards).unwrap_err().status, 410);
    assert_eq!(asks_without(Token::Unknown, None, Neighbour::NoCards).unwrap_err().status, 404);
}

fn asks_without(token: Token, holder: Option<&Node>, neighbour: Neighbour) -> Result<Reader, Denial> {
    let (asked, plane) = (Asked::Secret(Delivery::Kickstart), Plane::Provisioning);
    let (peer, now, lifetime) = (node().address, NOW, LIFETIME);
    let (macs, serial) = (None, None);
    authorize(&Evidence { asked, plane, peer, holder, neighbour, token, macs, serial, now, lifetime })
}

#[test]
fn a_boot_script_goes_to_the_nodes_address_and_card_on_the_provisioning_plane() {
    let node = node();
    let (own, here) = (Neighbour::Card(node.mac), Plane::Provisioning);
    assert_eq!(authorize_script(here, node.address, &node, own), Ok(()));
    let status = |plane, peer: [u8; 4], card| authorize_script(plane, peer.into(), &node, card).unwrap_err().status;
    assert_eq!(status(Plane::Other, node.address.octets(), own), 404);
    assert_eq!(status(here, [192, 168, 0, 99], own), 403);
    assert_eq!(status(here, node.address.octets(), STRANGER), 404);
    assert_eq!(status(here, node.address.octets(), Neighbour::Unknown), 503);
}

#[test]
fn a_second_reader_a_late_one_an_old_token_and_a_flag_are_denied() {
    let mut custody = Custody::minted(NOW - 2000);
    let first = Reader { address: node().address, mac: Some(node().mac), serial: Some("A1".into()) };
    custody.hand(Delivery::Kickstart, &first, NOW - 1000).unwrap();
    let late = denied(asks_in(&armed(), &custody, |_, _| {}));
    assert!(late.0 == 410 && late.1 && late.2.contains("more than 15 minutes ago"), "{late:?}");
    let mut other = Custody::minted(NOW - 100);
    other.hand(Delivery::Kickstart, &Reader { mac: Some(Mac([2; 6])), ..first }, NOW - 10).unwrap();
    let second = denied(asks_in(&armed(), &other, |_, _| {}));
    assert!((second.0, second.1) == (403, true) && second.2.contains("another reader"), "{second:?}");
    let aged = denied(asks_in(&armed(), &Custody::minted(NOW - LIFETIME - 1), |_, _| {}));
    assert!((aged.0, aged.1) == (410, false) && aged.2.contains("good for 120 minutes"), "{aged:?}");
    assert!(asks_in(&armed(), &Custody::minted(NOW - LIFETIME), |_, _| {}).is_ok());
    let flagged = |protected, maintenance| denied(asks(|_, owner| owner.flags = Flags { protected, maintenance })).0;
    assert_eq!((flagged(true, false), flagged(false, true)), (409, 409));
}

#[test]
fn what_is_over_is_gone_and_what_a_state_forbids_is_a_conflict() {
    let older = State::Armed { attempt: Attempt { newest_boot: Some(token(2)), ..attempt() }, previous: None };
    let fresh = Custody::minted(NOW - 100);
    assert_eq!(denied(asks_in(&older, &fresh, |_, _| {})).0, 410, "a newer boot exists");
    assert_eq!(denied(asks_in(&State::New, &fresh, |_, _| {})).0, 409);
    // A running system takes a newer payload whatever the age of its token, unless somebody works on it.
    let redeemed = Attempt { redeemed_by: Some(token(1)), attested: true, ..attempt() };
    let ready = State::Ready { attempt: redeemed };
    let old = Custody::minted(NOW - 100 * LIFETIME);
    let renews = |flags| {
        asks_in(&ready, &old, |evidence, owner| {
            (evidence.asked, owner.flags) = (Asked::Secret(Delivery::Renewal), flags);
        })
    };
    assert!(renews(Flags::default()).is_ok());
    assert!(renews(Flags { protected: true, maintenance: false }).is_ok(), "that guards against wiping only");
    assert_eq!(denied(renews(Flags { protected: false, maintenance: true })).0, 409);
}
