//! Other servers that answer DHCP on the link, and whether we step back for one. Kept in memory and bounded: anybody on
//! the link can forge what is heard here, so it only raises an alarm, and only a daemon that has just started steps
//! back.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::server::alarms::Alarms;
use crate::server::random;
use crate::site::Mac;
use crate::wire::dhcp::{Heard, Mark};

/// A daemon that has served for this long never steps back, so that a forged packet cannot silence a rack.
const YOUNG: Duration = Duration::from_secs(60);
/// How long the alarm about a rival that is no longer heard stays.
const FORGOTTEN: Duration = Duration::from_secs(180);
/// How long the rackstart that we stepped back for must be silent before we serve: longer than its restart takes.
const TAKE_OVER: Duration = Duration::from_secs(300);
/// Servers reported one by one: as many that were heard themselves, and as many that a request merely names. They are
/// counted separately, because one packet can name any address.
const HEARD: usize = 16;
const NAMED: usize = 4;
/// Further servers that are counted.
const COUNTED: usize = 1024;
/// The subject of the alarm that says how many further servers there are.
const MORE: &str = "more";

/// What is known about the other servers.
pub(crate) struct Rivals {
    id: [u8; 16],
    began: Instant,
    alarms: Arc<Alarms>,
    known: Mutex<Known>,
    look: Notify,
}

#[derive(Default)]
struct Known {
    others: BTreeMap<Ipv4Addr, Rival>,
    /// When the servers without a place in `others` were last seen.
    more: BTreeMap<Ipv4Addr, Instant>,
    /// The server that we stepped back for, and when it was last heard.
    passive: Option<(Ipv4Addr, Instant)>,
}

struct Rival {
    card: Option<Mac>,
    seen: Instant,
}

impl Rivals {
    /// Knows no server yet. Raises its alarms in `alarms`.
    pub(crate) fn new(alarms: Arc<Alarms>) -> Self {
        Self { id: random::bytes(), began: Instant::now(), alarms, known: Mutex::default(), look: Notify::new() }
    }

    /// What we say about ourselves.
    pub(crate) fn mark(&self) -> Mark {
        let age = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Mark { id: self.id, age, serves: self.passive().is_none() }
    }

    /// Whether this mark is our own.
    pub(crate) fn is_me(&self, mark: &Mark) -> bool {
        mark.id == self.id
    }

    /// The rackstart that serves here instead of us.
    pub(crate) fn passive(&self) -> Option<Ipv4Addr> {
        self.known().passive.map(|(server, _)| server)
    }

    /// Returns when the link should be probed at once.
    pub(crate) async fn wanted(&self) {
        self.look.notified().await;
    }

    /// Records what a server said, as sent by this card.
    pub(crate) fn heard(&self, heard: &Heard, card: Mac, now: Instant) {
        let what = match &heard.mark {
            Some(mark) if self.is_me(mark) => return,
            Some(_) => "another rackstart",
            None => "another DHCP server",
        };
        self.note(heard.server, Some(card), &format!("{what} sends a {}", heard.kind), now);
        let Some(mark) = &heard.mark else { return };
        let own = self.mark();
        let mut known = self.known();
        let steps_back = match known.passive {
            Some((server, _)) => server == heard.server && mark.serves,
            None => steps_back(&own, mark),
        };
        if steps_back {
            let is_new = known.passive.replace((heard.server, now)).is_none();
            drop(known);
            if is_new {
                let text = format!(
                    "this rackstart is passive, it does not answer DHCP and TFTP: {} ({card}) served this link before; \
                     stop one of them, or set `dhcp_rivals = \"allow\"` in `[server]` if both are meant",
                    heard.server
                );
                self.alarms.raise("passive", "dhcp", text);
            }
        }
    }

    /// Records the server that a machine chose instead of us. Its card is not known from that, so the link is probed.
    pub(crate) fn chosen(&self, server: Ipv4Addr, now: Instant) {
        if self.note(server, None, "a machine chose another DHCP server", now) {
            self.look.notify_one();
        }
    }

    /// Forgets servers that are silent, and serves again when the server that we stepped back for is.
    pub(crate) fn forget(&self, now: Instant) {
        let mut known = self.known();
        let gone = |seen: Instant, after: Duration| now.duration_since(seen) >= after;
        let silent: Vec<Ipv4Addr> =
            known.others.iter().filter(|(_, rival)| gone(rival.seen, FORGOTTEN)).map(|(server, _)| *server).collect();
        known.others.retain(|_, rival| !gone(rival.seen, FORGOTTEN));
        let counted = known.more.len();
        known.more.retain(|_, seen| !gone(*seen, FORGOTTEN));
        let more = known.more.len();
        let takes_over = known.passive.is_some_and(|(_, seen)| gone(seen, TAKE_OVER));
        if takes_over {
            known.passive = None;
        }
        drop(known);
        for server in silent {
            self.alarms.clear("rival", &server.to_string());
        }
        if more != counted {
            self.tell_more(more);
        }
        if takes_over {
            self.alarms.clear("passive", "dhcp");
        }
    }

    /// The operator allows other servers: alarms end, and we do not step back.
    pub(crate) fn allow(&self) {
        let others = std::mem::take(&mut *self.known());
        for server in others.others.keys() {
            self.alarms.clear("rival", &server.to_string());
        }
        if !others.more.is_empty() {
            self.tell_more(0);
        }
        if others.passive.is_some() {
            self.alarms.clear("passive", "dhcp");
        }
    }

    /// Each server with its card, in words.
    pub(crate) fn list(&self) -> Vec<String> {
        let card = |rival: &Rival| rival.card.map_or_else(|| "card unknown".into(), |card| card.to_string());
        self.known().others.iter().map(|(server, rival)| format!("{server} ({})", card(rival))).collect()
    }

    /// Records a server. Returns whether it is reported while its card is unknown.
    fn note(&self, server: Ipv4Addr, card: Option<Mac>, what: &str, now: Instant) -> bool {
        let mut known = self.known();
        if !known.has_place(server, card) {
            let is_new = known.more.len() < COUNTED && known.more.insert(server, now).is_none();
            let more = known.more.len();
            drop(known);
            if is_new {
                self.tell_more(more);
            }
            return false;
        }
        let fewer = known.more.remove(&server).map(|_| known.more.len());
        let rival = known.others.entry(server).or_insert(Rival { card: None, seen: now });
        let is_news = rival.card.is_none();
        (rival.seen, rival.card) = (now, card.or(rival.card));
        let card = rival.card;
        drop(known);
        if let Some(more) = fewer {
            self.tell_more(more);
        }
        if is_news {
            let card = card.map_or("its card was not seen yet".into(), |card| card.to_string());
            let text = format!(
                "two servers answer on this network: {what}, {server} ({card}); switch it off on this network, or set \
                 `dhcp_rivals = \"allow\"` in `[server]` if both are meant"
            );
            self.alarms.raise("rival", &server.to_string(), text);
        }
        card.is_none()
    }

    fn tell_more(&self, more: usize) {
        if more == 0 {
            return self.alarms.clear("rival", MORE);
        }
        let some = if more < COUNTED { "" } else { "at least " };
        let text = format!(
            "and {some}{more} more addresses claim to be DHCP servers on this network, and most are probably forged; \
             `tcpdump -eni INTERFACE udp port 67` shows the card that sends them"
        );
        self.alarms.raise("rival", MORE, text);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().expect("no holder of this lock panics")
    }
}

impl Known {
    /// Whether a server is reported by itself. Heard servers and servers that are merely named do not take each other's
    /// places.
    fn has_place(&self, server: Ipv4Addr, card: Option<Mac>) -> bool {
        let count = |is_heard| self.others.values().filter(|rival| rival.card.is_some() == is_heard).count();
        match (self.others.get(&server), card) {
            (Some(Rival { card: Some(_), .. }), _) | (Some(_), None) => true,
            (_, Some(_)) => count(true) < HEARD,
            (None, None) => count(false) < NAMED,
        }
    }
}

/// Whether a rackstart steps back for another one: only if it has just started and the other one is older.
fn steps_back(own: &Mark, other: &Mark) -> bool {
    let is_young = Duration::from_millis(own.age) < YOUNG;
    other.serves && is_young && (other.age, other.id) > (own.age, own.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dhcp::MessageKind;

    const CARD: Mac = Mac([2, 0, 0, 0, 0, 9]);
    const THERE: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 9);

    fn rivals() -> Rivals {
        Rivals::new(Arc::default())
    }

    fn kinds(rivals: &Rivals) -> Vec<String> {
        rivals.alarms.ringing().into_iter().map(|alarm| alarm.kind).collect()
    }

    fn says(mark: Option<Mark>) -> Heard {
        Heard { kind: MessageKind::Offer, server: THERE, mark }
    }

    #[test]
    fn of_two_rackstarts_the_younger_one_steps_back_and_one_that_has_served_a_minute_never_does() {
        let mark = |id, age| Mark { id: [id; 16], age, serves: true };
        assert!(steps_back(&mark(1, 500), &mark(2, 5_000)));
        assert!(!steps_back(&mark(2, 5_000), &mark(1, 500)));
        assert!(steps_back(&mark(1, 500), &mark(2, 500)) && !steps_back(&mark(2, 500), &mark(1, 500)), "one of them");
        assert!(!steps_back(&mark(1, 60_000), &mark(2, u64::MAX)), "a forged age");
        assert!(!steps_back(&mark(1, 500), &Mark { serves: false, ..mark(2, 5_000) }));
    }

    #[test]
    fn another_server_rings_with_its_address_and_card_until_it_is_silent() {
        let (rivals, start) = (rivals(), Instant::now());
        rivals.chosen(THERE, start);
        let text = |rivals: &Rivals| rivals.alarms.ringing()[0].text.clone();
        assert!(text(&rivals).contains("192.168.0.9 (its card was not seen yet)"), "{}", text(&rivals));
        rivals.heard(&says(None), CARD, start);
        assert!(text(&rivals).contains("192.168.0.9 (02:00:00:00:00:09)"), "{}", text(&rivals));
        assert_eq!((rivals.passive(), kinds(&rivals).len()), (None, 1));
        rivals.forget(start + FORGOTTEN / 2);
        assert_eq!(kinds(&rivals), ["rival"]);
        rivals.forget(start + FORGOTTEN);
        assert!(kinds(&rivals).is_empty());
    }

    #[test]
    fn servers_that_requests_make_up_hide_none_that_is_heard_and_are_told_by_their_number() {
        let (rivals, start) = (rivals(), Instant::now());
        let text = |rivals: &Rivals| {
            rivals.alarms.ringing().into_iter().map(|alarm| alarm.text).collect::<Vec<_>>().join("\n")
        };
        for number in 0..1000u32 {
            rivals.chosen(Ipv4Addr::from_bits(number + 1), start);
        }
        assert_eq!(kinds(&rivals).len(), NAMED + 1);
        assert!(text(&rivals).contains("and 996 more addresses"), "{}", text(&rivals));
        rivals.chosen(THERE, start);
        assert!(text(&rivals).contains("and 997 more addresses"), "{}", text(&rivals));
        rivals.heard(&says(None), CARD, start + FORGOTTEN / 2);
        assert!(text(&rivals).contains("192.168.0.9 (02:00:00:00:00:09)"), "{}", text(&rivals));
        assert!(text(&rivals).contains("and 996 more addresses"), "it is told by itself: {}", text(&rivals));
        for number in 0..2000u32 {
            let server = Ipv4Addr::from_bits(0x0a00_0000 + number);
            rivals.heard(&Heard { server, ..says(None) }, CARD, start + FORGOTTEN / 2);
        }
        assert_eq!(kinds(&rivals).len(), NAMED + HEARD + 1, "forged ones are bounded");
        assert!(text(&rivals).contains("and at least 1024 more"), "{}", text(&rivals));
        rivals.forget(start + FORGOTTEN);
        rivals.forget(start + FORGOTTEN / 2 + FORGOTTEN);
        assert!(kinds(&rivals).is_empty(), "{}", text(&rivals));
    }

    #[test]
    fn a_young_rackstart_is_passive_until_the_other_one_is_silent_for_long_or_the_operator_allows_both() {
        let older = Mark { id: [0xff; 16], age: 1_000_000, serves: true };
        let (rivals, start) = (rivals(), Instant::now());
        rivals.heard(&says(Some(rivals.mark())), CARD, start);
        assert!(kinds(&rivals).is_empty(), "that was ourselves");
        rivals.heard(&says(Some(older)), CARD, start);
        assert_eq!((rivals.passive(), rivals.mark().serves), (Some(THERE), false));
        assert_eq!(kinds(&rivals), ["passive", "rival"]);
        rivals.heard(&says(Some(older)), CARD, start + TAKE_OVER / 2);
        rivals.forget(start + TAKE_OVER);
        assert_eq!(rivals.passive(), Some(THERE), "it was heard meanwhile");
        rivals.forget(start + TAKE_OVER / 2 + TAKE_OVER);
        assert_eq!((rivals.passive(), kinds(&rivals).len()), (None, 0));
        rivals.heard(&says(Some(older)), CARD, start);
        rivals.allow();
        assert_eq!((rivals.passive(), kinds(&rivals).len()), (None, 0));
    }
}
