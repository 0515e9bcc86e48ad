//! The order in which nodes take newer payloads. Pure.
//!
//! A password is changed where it is kept (the first of its steps says where) and used elsewhere. The node that keeps
//! it goes last: by then its users have the new value in their files, wait for it to become valid, and restart with it
//! within seconds. In the opposite order they would be locked out until they next ask for errands.

use std::collections::HashMap;

use crate::site::{Mac, Node, NodeName, Site};

/// A node that has not asked for this many seconds is not waited for.
const AWAKE: u64 = 90;
/// No node is waited for longer than this many seconds: one that cannot take its payload must not hold up the others
/// for ever.
const PATIENCE: u64 = 600;

/// What a node last said about its payload. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// The digest of the payload that the node has.
    pub digest: String,
    /// When it last asked for errands.
    pub asked: u64,
    /// Since when it has been held back for others.
    pub held: Option<u64>,
}

/// The node that has to take its payload first, if there is one. `wanted` is the digest that a node should have.
/// `heard_since` is when nodes could begin to say what they have: soon after a start, nothing is known of those that
/// have not asked yet.
pub(crate) fn held_back(
    site: &Site,
    node: &Node,
    told: &HashMap<Mac, Told>,
    wanted: &mut dyn FnMut(&Node) -> Option<String>,
    (heard_since, now): (u64, u64),
) -> Option<NodeName> {
    let targets = site.blueprint.targets(&node.role);
    let kept: Vec<&[String]> = site
        .blueprint
        .secrets
        .values()
        .filter(|secret| secret.steps.first().is_some_and(|step| targets.iter().any(|target| is_of(step, target))))
        .map(|secret| secret.targets.as_slice())
        .collect();
    let uses = |other: &Node| {
        let targets = site.blueprint.targets(&other.role);
        kept.iter().any(|users| users.iter().any(|user| targets.contains(user)))
    };
    let behind = |other: &Node, told: &Told, wanted: Option<String>| {
        other.role != node.role && wanted.is_some_and(|wanted| wanted != told.digest)
    };
    let mut others = site.nodes.iter().filter(|other| other.mac != node.mac && uses(other));
    let is_new = now.abs_diff(heard_since) <= AWAKE;
    let mut goes_first = |other: &&Node| match told.get(&other.mac) {
        Some(told) => now.abs_diff(told.asked) <= AWAKE && behind(other, told, wanted(other)),
        None => is_new && other.role != node.role,
    };
    let first = others.find(|other| goes_first(other))?;
    let waited = told.get(&node.mac).and_then(|own| own.held).map_or(0, |held| now.abs_diff(held));
    (waited <= PATIENCE).then(|| first.name.clone())
}

/// Whether a step such as `07-database-server/03-start` is for this target.
fn is_of(step: &str, target: &str) -> bool {
    step.split('/').next().and_then(|folder| folder.rsplit('-').next()) == Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;

    const NOW: u64 = 100_000;

    /// The paper's rack, whose controller keeps the passwords, long after a start. Every node asked just now, and the
    /// users of the passwords have an older payload.
    struct Rack {
        site: Site,
        told: HashMap<Mac, Told>,
        heard_since: u64,
    }

    impl Rack {
        fn behind() -> Self {
            let site = paper_site();
            let told = |node: &Node| (node.mac, Told { digest: "old".into(), asked: NOW, held: None });
            let told = site.nodes.iter().map(told).collect();
            Self { site, told, heard_since: 0 }
        }

        fn of(&mut self, name: &str) -> &mut Told {
            let mac = self.site.node_by_name(name).unwrap().mac;
            self.told.get_mut(&mac).unwrap()
        }

        fn forget(&mut self, name: &str) {
            let mac = self.site.node_by_name(name).unwrap().mac;
            self.told.remove(&mac);
        }

        fn node(&mut self, name: &str) -> &mut Node {
            self.site.nodes.iter_mut().find(|node| node.name.as_str() == name).unwrap()
        }

        /// The node for which this one waits; empty when it takes its payload at once.
        fn waits(&self, name: &str) -> String {
            let node = self.site.node_by_name(name).unwrap();
            let mut wanted = |_: &Node| Some("new".to_string());
            let first = held_back(&self.site, node, &self.told, &mut wanted, (self.heard_since, NOW));
            first.map_or(String::new(), |name| name.to_string())
        }
    }

    #[test]
    fn who_keeps_a_password_goes_last_and_its_users_wait_for_nobody() {
        let mut rack = Rack::behind();
        for user in ["compute1", "compute2", "compute3", "compute4"] {
            assert_eq!(rack.waits("controller"), user);
            assert_eq!(rack.waits(user), "", "{user}");
            rack.of(user).digest = "new".into();
        }
        assert_eq!(rack.waits("controller"), "", "all of them have it");
    }

    #[test]
    fn only_users_of_its_passwords_are_waited_for() {
        let mut rack = Rack::behind();
        rack.site.blueprint.secrets.retain(|_, secret| secret.targets == ["controller"]);
        assert_eq!(rack.waits("controller"), "", "nobody else has any of these");
        let mut rack = Rack::behind();
        rack.site.blueprint.secrets.values_mut().for_each(|secret| secret.steps.clear());
        assert_eq!(rack.waits("controller"), "", "nobody says where it is kept");
    }

    #[test]
    fn keepers_of_one_role_do_not_wait_for_each_other() {
        for heard in [true, false] {
            let mut rack = Rack::behind();
            rack.heard_since = NOW;
            rack.node("compute4").role = "controller".into();
            for user in ["compute1", "compute2", "compute3"] {
                rack.of(user).digest = "new".into();
            }
            if !heard {
                rack.forget("controller");
                rack.forget("compute4");
            }
            assert_eq!((rack.waits("controller"), rack.waits("compute4")), (String::new(), String::new()), "{heard}");
        }
    }

    #[test]
    fn a_user_that_is_silent_for_more_than_90_seconds_is_not_waited_for() {
        let mut rack = Rack::behind();
        for user in ["compute2", "compute3", "compute4"] {
            rack.of(user).digest = "new".into();
        }
        rack.of("compute1").asked = NOW - 90;
        assert_eq!(rack.waits("controller"), "compute1");
        rack.of("compute1").asked = NOW - 91;
        assert_eq!(rack.waits("controller"), "", "it sleeps");
        rack.forget("compute1");
        rack.heard_since = NOW - 90;
        assert_eq!(rack.waits("controller"), "compute1", "it may not have had the time to ask");
        rack.heard_since = NOW - 91;
        assert_eq!(rack.waits("controller"), "", "it had");
    }

    #[test]
    fn nobody_is_waited_for_longer_than_ten_minutes_nor_for_a_payload_that_cannot_be_made() {
        let mut rack = Rack::behind();
        rack.of("controller").held = Some(NOW - 600);
        assert_eq!(rack.waits("controller"), "compute1");
        rack.of("controller").held = Some(NOW - 601);
        assert_eq!(rack.waits("controller"), "");
        let rack = Rack::behind();
        let controller = rack.site.node_by_name("controller").unwrap();
        let mut gateway_fails = |node: &Node| (node.role != "gateway").then(|| "new".to_string());
        let first = held_back(&rack.site, controller, &rack.told, &mut gateway_fails, (0, NOW));
        assert_eq!(first.unwrap().as_str(), "compute2");
    }
}
