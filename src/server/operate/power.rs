//! Orders about the power of a node: who may stop it, what the audit log says, and overrides that are taken back.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::{Refusal, own_cards};
use crate::audit::{Actor, Order};
use crate::lifecycle::blast::{self, OwnCard};
use crate::lifecycle::{Flags, State};
use crate::power::{Action, Fault, Seen};
use crate::secrets::SecretValue;
use crate::server::appliance::Appliance;
use crate::server::bmc::{Line, Override};
use crate::site::{Node, Power, Site};
use crate::store::{Draft, Orders, Origin, Record};

/// How often overrides are looked at without a signal.
const LOOK: Duration = Duration::from_secs(15);
/// How often taking an override back is tried.
const TRIES: u32 = 10;

/// What has become of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Switched {
    /// The node.
    pub name: String,
    /// What was ordered.
    pub action: Action,
    /// What was done, as a sentence.
    pub text: String,
}

impl Appliance {
    /// What the BMC of a node shows.
    pub(crate) async fn power_of(&self, name: &str) -> Result<Seen, Refusal> {
        let (this, node) = (self.clone(), name.to_string());
        to_the_end(name, async move { this.look_at(&node).await }).await
    }

    async fn look_at(&self, name: &str) -> Result<Seen, Refusal> {
        let site = self.site();
        let node = site.node_by_name(name).ok_or_else(|| Refusal::UnknownNode(name.into()))?;
        let (power, password) = self.line(node)?;
        let _turn = self.bmcs.turn(node.mac).await;
        let line = Line { power, password: &password, firmware: node.firmware };
        line.look().await.map_err(|fault| Refusal::Bmc { node: name.into(), fault })
    }

    /// Switches a node. What could stop it is refused for this machine, for a protected node and for one in
    /// maintenance. The order is in the audit log before the BMC is asked; what the BMC refuses is a line of its own.
    pub(crate) async fn switch(&self, who: &Actor, name: &str, action: Action) -> Result<Switched, Refusal> {
        let (this, who, node) = (self.clone(), who.clone(), name.to_string());
        to_the_end(name, async move { this.carry_out(&who, &node, action).await }).await
    }

    async fn carry_out(&self, who: &Actor, name: &str, action: Action) -> Result<Switched, Refusal> {
        let site = self.site();
        let order = Order::new(who, &format!("power-{}", action.word()), name);
        let node =
            self.or_told(&order, site.node_by_name(name).ok_or_else(|| Refusal::UnknownNode(name.into()))).await?;
        let (power, password) = self.or_told(&order, self.line(node)).await?;
        let own = self.or_told(&order, own_cards()).await?;
        let _turn = self.bmcs.turn(node.mac).await;
        let order = order.detail(&power.bmc);
        self.admit(&site, node, action, &own, order.clone()).await?;
        if action.stops() && self.bmcs.just_did(node.mac, action) {
            let help = "look what became of it; order it again in some seconds, if you mean it";
            let fault = Fault::new(format!("it {} only just now", action.done()), help);
            self.or_told(&order, Err(Refusal::Bmc { node: name.into(), fault })).await?;
        }
        let set = self.override_for(node).filter(|_| action.boots_network());
        let allowed = || {
            let flags = self.store.record(node.mac).map(|record| record.flags).unwrap_or_default();
            against(node, flags, action, &own)
                .map_or(Ok(()), |objection| Err(Fault::new(objection.to_string(), objection.help())))
        };
        let line = Line { power, password: &password, firmware: node.firmware };
        if let Some(set) = &set {
            // Before it is set: an answer that is lost leaves an override all the same.
            self.bmcs.remember(node.mac, set.clone());
        }
        let done = line.act(action, allowed).await;
        self.or_told(&order, done.map_err(|fault| Refusal::Bmc { node: name.into(), fault })).await?;
        self.bmcs.did(node.mac, action);
        tracing::warn!(%who, node = name, action = action.word(), bmc = %power.bmc, "power, ordered by an operator");
        Ok(Switched { name: name.into(), action, text: format!("{name} {}", action.done()) })
    }

    /// Decides inside the store's writer, and puts the order into the audit log.
    async fn admit(
        &self,
        site: &Site,
        node: &Node,
        action: Action,
        own: &[OwnCard],
        order: Order,
    ) -> Result<(), Refusal> {
        let (known, own, line) = (node.clone(), own.to_vec(), order.clone());
        let decide = move |draft: &Draft<'_>, _| {
            let flags = draft.record(known.mac).map(|record| record.flags).unwrap_or_default();
            match against(&known, flags, action, &own) {
                Some(objection) => Err(Refusal::Blast(vec![objection])),
                None => Ok(Orders { changes: Vec::new(), stopped: None, audit: vec![line] }),
            }
        };
        self.store.decide(order, decide).await.map(drop).map_err(|error| Refusal::of(site, error))
    }

    /// The BMC of a node, and its password.
    fn line<'a>(&self, node: &'a Node) -> Result<(&'a Power, SecretValue), Refusal> {
        let name = || node.name.to_string();
        let power = node.power.as_ref().ok_or_else(|| Refusal::NoBmc(name()))?;
        // A value that rackstart made itself is no password of a BMC.
        match self.store.kept_secret(&power.secret).filter(|kept| kept.origin == Origin::Set) {
            Some(kept) => Ok((power, kept.value)),
            None => {
                let text = format!("the password of its BMC is not known: the secret {} has no value", power.secret);
                let fault = Fault::new(text, format!("give it with `rackstart secrets set {}`", power.secret));
                Err(Refusal::Bmc { node: name(), fault })
            }
        }
    }

    /// What is remembered of an override that is set now: none when the node is not armed, because the override then
    /// belongs to nothing that could end before its boot.
    fn override_for(&self, node: &Node) -> Option<Override> {
        match self.store.record(node.mac)?.state {
            State::Armed { attempt, .. } => {
                Some(Override { attempt: attempt.id.to_string(), boots: attempt.boots, failures: 0 })
            }
            _ => None,
        }
    }
}

/// A conversation with a BMC goes on when its caller goes away: otherwise an override would stay without its restart, or
/// a session at a BMC that has room for few of them.
async fn to_the_end<T: Send + 'static>(
    name: &str,
    talk: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(talk).await.unwrap_or_else(|_| {
        let fault = Fault::new("the conversation with its BMC broke off", "look at the daemon's log");
        Err(Refusal::Bmc { node: name.into(), fault })
    })
}

/// Why an action is not carried out, if there is a reason.
fn against(node: &Node, flags: Flags, action: Action, own: &[OwnCard]) -> Option<blast::Objection> {
    blast::hands_off(node, flags, own).filter(|_| action.disturbs())
}

/// Whether an override is no longer wanted: its installer was served, or its arming is over.
fn is_over(set: &Override, record: Option<&Record>) -> bool {
    match record.map(|record| &record.state) {
        Some(State::Armed { attempt, .. }) => attempt.id.to_string() != set.attempt || attempt.boots > set.boots,
        _ => true,
    }
}

/// Takes overrides back until `shutdown`: once the installer of the arming that they were set for was served, or once
/// that arming has ended in another way. They are remembered in memory only: an override holds for one boot, and the
/// boot of a node that is not armed ends on its own disk.
pub(in crate::server) async fn run(appliance: Appliance, shutdown: CancellationToken) {
    let mut grown = appliance.store.logged();
    loop {
        let mut again = false;
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = grown.changed() => if changed.is_err() {
                // The store is closing, and the daemon with it.
                return shutdown.cancelled().await;
            },
            () = tokio::time::sleep(LOOK) => again = true,
        }
        for (mac, set) in appliance.bmcs.overrides() {
            // Events may be many; a BMC that is busy needs time.
            if (again || set.failures == 0) && is_over(&set, appliance.store.record(mac).as_ref()) {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = take_back(&appliance, mac, set) => {}
                }
            }
        }
    }
}

async fn take_back(appliance: &Appliance, mac: crate::site::Mac, set: Override) {
    let site = appliance.site();
    let line = site.node_by_mac(mac).and_then(|node| Some((node, appliance.line(node).ok()?)));
    let Some((node, (power, password))) = line else {
        return appliance.bmcs.forget(mac, &set);
    };
    let _turn = appliance.bmcs.turn(mac).await;
    let line = Line { power, password: &password, firmware: node.firmware };
    let outcome = line.take_back().await;
    appliance.bmcs.forget(mac, &set);
    match outcome {
        Ok(()) => tracing::info!(node = %node.name, "its next boot is no longer from the network"),
        Err(fault) if set.failures + 1 < TRIES => {
            tracing::debug!(node = %node.name, "the override of its next boot stays for now: {fault}");
            appliance.bmcs.remember(mac, Override { failures: set.failures + 1, ..set });
        }
        Err(fault) => {
            tracing::warn!(node = %node.name, "the override of its next boot could not be taken back: {fault}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Flag;
    use crate::site::testing::paper_site;

    #[test]
    fn what_could_stop_a_node_is_refused_when_it_is_protected_or_in_maintenance_or_this_machine() {
        let site = paper_site();
        let node = &site.nodes[1];
        let none = Flags::default();
        let own = [OwnCard { interface: "eth0".into(), mac: node.mac }];
        for action in Action::ALL {
            let refused = |flags, own: &[OwnCard]| against(node, flags, action, own).map(|objection| objection.word());
            assert_eq!(refused(none, &[]), None);
            let expected = |word| (action != Action::On).then_some(word);
            assert_eq!(refused(none.with(Flag::Protected, true), &[]), expected("protected"), "{action:?}");
            assert_eq!(refused(none.with(Flag::Maintenance, true), &[]), expected("maintenance"), "{action:?}");
            assert_eq!(refused(none, &own), expected("own-mac"), "{action:?}");
        }
    }
}
