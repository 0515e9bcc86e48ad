//! Newer payloads for running nodes: who gets one, when, and that it is of no use to anybody else.

use std::io::Read;
use std::sync::Arc;

use super::errand_tests::{rack_of, who};
use super::tests::FakeNode;
use crate::clock::unix_now;
use crate::config::blueprint;
use crate::lifecycle::Flag;
use crate::secrets::{Question, RenewalKey};
use crate::server::appliance::{Appliance, Renewals};
use crate::site::Site;
use crate::site::testing::paper_site;
use crate::store::Change;

const OLD: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The paper's rack with the secrets of its cloud.
pub(super) fn cloud() -> Site {
    let mut site = paper_site();
    site.blueprint.secrets = blueprint("essex", &Default::default()).unwrap().unwrap().secrets;
    site
}

impl FakeNode {
    /// This node's request for the newest payload: the request itself, the key of its boot, and the query string.
    pub(super) fn question(&self, token: &str) -> (Question, RenewalKey, String) {
        let site = self.appliance.site();
        let digest = self.appliance.renewals.digest(&self.appliance, site.node_by_mac(self.mac).unwrap()).unwrap();
        let question = Question::new(&digest, "00112233445566778899aabbccddeeff").unwrap();
        let key = RenewalKey::of(&self.appliance.store.renewal_secret().unwrap(), token);
        let query = format!("?payload={digest}&nonce={}&proof={}", question.nonce, key.proof(&question));
        (question, key, query)
    }

    /// What `/errands` answers to a node with this payload.
    async fn hears(&self, token: &str, has: &str) -> String {
        let answer = self.get(&format!("/errands/{token}?payload={has}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text
    }

    /// Whether the errand is to take a newer payload.
    async fn is_to_renew(&self, token: &str, has: &str) -> bool {
        self.hears(token, has).await.starts_with("renew ")
    }

    async fn edited(&self) {
        self.edit(|site| drop(site.blueprint.variables.insert("region".into(), "Elsewhere".into())));
    }
}

/// One file of a tar file.
fn file(tar: &[u8], path: &str) -> String {
    let mut archive = tar::Archive::new(tar);
    let mut entry = archive.entries().unwrap().map(Result::unwrap).find(|e| e.path().unwrap().to_str() == Some(path));
    let mut text = String::new();
    entry.as_mut().unwrap_or_else(|| panic!("no {path}")).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn a_ready_node_whose_site_changed_takes_a_payload_that_nobody_else_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _, [own, _]) = rack_of(cloud(), folder.path()).await;
    let (first, ..) = node.question(&own);
    assert_eq!(node.hears(&own, &first.digest).await, "", "it has the newest");
    node.edited().await;
    let (question, key, query) = node.question(&own);
    assert_ne!(question.digest, first.digest);
    assert_eq!(node.hears(&own, &first.digest).await, format!("renew {} compute2\n", question.digest));
    let answer = node.bytes(&format!("/renewal/{own}{query}")).await;
    let password = node.appliance.store.kept_secret("NOVA_MYSQL_PASSWORD").unwrap().value.reveal().to_string();
    let shows = |bytes: &[u8]| bytes.windows(password.len()).any(|window| window == password.as_bytes());
    assert!(!shows(&answer), "a password is on the wire");
    let tar = key.open(&question, &answer).unwrap();
    assert!(shows(&tar));
    assert_eq!(file(&tar, "digest").trim_end(), question.digest);
    assert_eq!(file(&tar, "renewal-key").trim_end(), key.reveal());
    assert!(file(&tar, "env").contains("REGION='Elsewhere'") || file(&tar, "env").contains(&format!("TOKEN='{own}'")));
    assert_eq!(node.hears(&own, &question.digest).await, "");
    assert_eq!(node.state(), "ready");
}

#[tokio::test]
async fn a_stolen_token_brings_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _, [own, _]) = rack_of(cloud(), folder.path()).await;
    node.edited().await;
    let (question, _, query) = node.question(&own);
    // A request from the node's own place on the network, but without its key.
    let (forged, of_old) = ("0".repeat(64), OLD);
    let nonce = &question.nonce;
    for (wrong, status) in [
        (format!("?payload={}&nonce={nonce}&proof={forged}", question.digest), 403),
        (query.replace(nonce, "ffeeddccbbaa99887766554433221100"), 403),
        (format!("?payload={of_old}&nonce={nonce}&proof={forged}"), 403),
        (format!("?payload=x&nonce={nonce}&proof={forged}"), 400),
        (String::new(), 400),
    ] {
        let answer = node.get(&format!("/renewal/{own}{wrong}")).await;
        assert_eq!(answer.status, status, "{wrong}: {}", answer.text);
        assert_eq!(node.state(), "ready", "{wrong}");
    }
    // The alarm is raised once, until the node itself proves that it has the key; and it is recorded permanently.
    let alarms = &node.appliance.health.alarms;
    let ringing: Vec<_> = alarms.ringing().into_iter().map(|alarm| (alarm.kind, alarm.subject)).collect();
    assert_eq!(ringing, [("wrong-proof".to_string(), "compute2".to_string())]);
    let audit = node.appliance.store.audit_lines(Default::default()).await.unwrap();
    let tried: Vec<_> = audit.iter().filter(|line| line.action == "renewal-refused").collect();
    assert_eq!((tried.len(), tried[0].subject.as_str(), tried[0].actor.from.as_str()), (1, "compute2", "192.168.0.2"));
    assert_eq!(node.get(&format!("/renewal/{own}{query}")).await.status, 200);
    assert!(alarms.ringing().is_empty());
    // From anywhere else it is a theft, with or without the key.
    let thief = FakeNode { address: "192.168.0.3", ..node.clone() };
    assert_eq!(thief.get(&format!("/renewal/{own}{query}")).await.status, 404);
    assert_eq!(node.state(), "suspect");
    assert_eq!(node.get(&format!("/renewal/{own}{query}")).await.status, 409, "nobody gets it now");
    assert!(!node.is_to_renew(&own, OLD).await);
}

#[tokio::test]
async fn right_after_a_start_who_keeps_a_password_waits_for_those_that_could_not_tell_yet() {
    let folder = tempfile::tempdir().unwrap();
    let (_, controller, [_, its]) = rack_of(cloud(), folder.path()).await;
    let before = controller.question(&its).0.digest;
    let blueprint = controller.appliance.site().blueprint.clone();
    let rotated = vec![("NOVA_MYSQL_PASSWORD".to_string(), None)];
    controller.appliance.store.change_secrets(&blueprint, rotated, vec![]).await.unwrap();
    // Half a minute is enough for every node that is up; after one and a half minutes no node is waited for.
    for (seconds, is_given) in [(0, false), (30, false), (91, true)] {
        let renewals = Arc::new(Renewals::since(unix_now() - seconds));
        let appliance = Appliance { renewals, ..controller.appliance.clone() };
        let started = FakeNode { appliance, ..controller.clone() };
        assert_eq!(started.is_to_renew(&its, &before).await, is_given, "{seconds} s after the start");
    }
}

#[tokio::test]
async fn a_node_of_an_older_rackstart_is_told_from_one_that_has_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _, [own, _]) = rack_of(cloud(), folder.path()).await;
    let why = || node.appliance.renewals.out_of_reach(node.mac);
    assert_eq!(why(), None, "nothing is known of it yet");
    assert_eq!(node.get(&format!("/errands/{own}")).await.status, 200);
    assert!(why().is_some_and(|text| text.contains("rackstart reimage")), "{:?}", why());
    node.hears(&own, OLD).await;
    assert_eq!(why(), None);
}

#[tokio::test]
async fn who_works_on_a_node_or_stops_the_site_is_not_disturbed_and_protection_is_about_disks() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _, [own, _]) = rack_of(cloud(), folder.path()).await;
    let (_, _, query) = node.question(&own);
    let flag = |flag, on| node.appliance.store.change(node.mac, Change::Flag { flag, on });
    flag(Flag::Protected, true).await.unwrap();
    assert!(node.is_to_renew(&own, OLD).await, "protected");
    flag(Flag::Protected, false).await.unwrap();
    flag(Flag::Maintenance, true).await.unwrap();
    assert!(!node.is_to_renew(&own, OLD).await, "in maintenance");
    assert_eq!(node.get(&format!("/renewal/{own}{query}")).await.status, 409);
    flag(Flag::Maintenance, false).await.unwrap();
    node.appliance.stop(&who()).await.unwrap();
    assert!(!node.is_to_renew(&own, OLD).await, "stopped");
    assert_eq!(node.get(&format!("/renewal/{own}{query}")).await.status, 409);
    node.appliance.lift_stop(&who()).await.unwrap();
    assert!(node.is_to_renew(&own, OLD).await);
    assert_eq!(node.get(&format!("/renewal/{own}{query}")).await.status, 200);
}

#[tokio::test]
async fn who_keeps_a_password_takes_it_after_those_who_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let (node, controller, [own, its]) = rack_of(cloud(), folder.path()).await;
    let (before, before_its) = (node.question(&own).0.digest, controller.question(&its).0.digest);
    assert!(node.hears(&own, &before).await.is_empty() && controller.hears(&its, &before_its).await.is_empty());
    let blueprint = node.appliance.site().blueprint.clone();
    let rotated = vec![("NOVA_MYSQL_PASSWORD".to_string(), None)];
    node.appliance.store.change_secrets(&blueprint, rotated, vec![]).await.unwrap();
    assert!(!controller.is_to_renew(&its, &before_its).await, "compute2 still has the old password");
    assert!(node.is_to_renew(&own, &before).await);
    let after = node.question(&own).0.digest;
    assert_eq!(node.hears(&own, &after).await, "");
    assert!(controller.is_to_renew(&its, &before_its).await);
    // A secret that no other node uses waits for no node.
    let rotated = vec![("MYSQL_ROOT_PASSWORD".to_string(), None)];
    node.appliance.store.change_secrets(&blueprint, rotated, vec![]).await.unwrap();
    assert_eq!(node.hears(&own, &after).await, "", "it does not concern compute2");
    assert!(controller.is_to_renew(&its, &before_its).await);
}
