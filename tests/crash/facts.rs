//! Compares the facts that were acknowledged to the victim with the store that it left.

use std::path::Path;

use rackstart::lifecycle::Event;
use rackstart::store::{AuditFilter, Change, Store};

use super::victim::{self, blueprint, facts, mac, token};

/// The latest acknowledged fact of each kind, over all victims of one store.
#[derive(Debug, Clone, Default)]
pub struct Acknowledged {
    /// Life and step of the nodes 1 to 3.
    pub nodes: [(u32, u32); 3],
    pub audit: u64,
    pub secret: u32,
    /// The number of facts.
    pub count: usize,
    /// What kept the victim from working.
    pub refused: Option<String>,
}

impl Acknowledged {
    /// Takes over what a victim printed.
    pub fn read(&mut self, output: &str) {
        for line in output.lines().filter_map(|line| line.strip_prefix("FACT ")) {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |index: usize| words[index].parse::<u32>().unwrap();
            self.count += 1;
            match words[0] {
                "AT" => self.nodes[number(1) as usize - 1] = (number(2), number(3)),
                "AUDIT" => self.audit = self.audit.max(u64::from(number(1))),
                "SECRET" => self.secret = number(1),
                "REFUSED" | "LOCKED" => self.refused = Some(line.to_string()),
                _ => {}
            }
        }
    }

    /// Opens the store as a daemon would and compares. The store may hold one step more, which was on its way, but
    /// never one less.
    pub async fn hold_against(&mut self, place: &Path, when: &str) {
        assert_eq!(self.refused, None, "{when}: the victim could not open the store");
        let (store, task) = Store::open(place).await.unwrap_or_else(|error| panic!("{when}: {error}"));
        for node in 1..=3u8 {
            let known = self.nodes[usize::from(node) - 1];
            let found = facts(&store, node).unwrap_or((0, 0));
            let next = if known.1 == 6 { (known.0 + 1, 1) } else { (known.0, known.1 + 1) };
            assert!(
                found == known || found == next || found == (known.0 + 1, 1),
                "{when}: node {node} was acknowledged at {known:?} and is at {found:?}"
            );
            // Whatever is there now stays there.
            self.nodes[usize::from(node) - 1] = found;
            // A permit that was spent once stays spent: for another boot of the same attempt, and for the attempts of
            // all earlier lives.
            if found.1 >= 3 {
                let other = token(node + 100, found.0);
                redeemed(&store, node, other.hash(), when).await;
            }
            if found.0 > 1 {
                redeemed(&store, node, token(node, found.0 - 1).hash(), when).await;
            }
        }
        let verdict = store.verify_audit(vec![]).await.unwrap();
        let head = verdict.unwrap_or_else(|broken| panic!("{when}: {broken}")).head;
        assert!(head.id >= self.audit, "{when}: audit line {} was acknowledged, {} is the last", self.audit, head.id);
        let everything = AuditFilter { limit: Some(u32::MAX), ..Default::default() };
        let spent = store.audit_lines(everything).await.unwrap();
        let mut permits: Vec<&str> =
            spent.iter().filter(|line| line.action == "wipe-permit").map(|line| line.subject.as_str()).collect();
        permits.sort();
        for node in 1..=3u8 {
            let count = permits.iter().filter(|subject| **subject == mac(node).to_string()).count() as u32;
            let (life, step) = facts(&store, node).unwrap_or((0, 0));
            assert!(count <= life, "{when}: node {node} spent {count} permits in {life} lives");
            assert!(step < 3 || count >= 1, "{when}: node {node} installs and no permit was spent");
        }
        store.open_secrets(None, &blueprint()).await.unwrap_or_else(|error| panic!("{when}: {error}"));
        if self.secret > 0 {
            let kept = store.kept_secret("A_PASSWORD").unwrap();
            let life: u32 = kept.value.reveal().strip_prefix("value-").unwrap().parse().unwrap();
            assert!(life >= self.secret, "{when}: value {life} instead of {}", self.secret);
        }
        drop(store);
        task.await.unwrap().unwrap();
    }
}

/// Tries to spend a permit that is spent.
async fn redeemed(store: &Store, node: u8, token: rackstart::lifecycle::TokenHash, when: &str) {
    let again = Event::PermitRedeemed { token, disk: "sda".into() };
    let before = victim::facts(store, node);
    let outcome = store.change(mac(node), Change::Event { event: again, mark: None }).await;
    assert!(outcome.is_err(), "{when}: a spent permit of node {node} was redeemed again");
    assert_eq!(victim::facts(store, node), before);
}
