//! Asks the BMCs that the site file names: through the daemon, which knows their accounts, or else only whether
//! somebody listens there.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::super::client::Client;
use super::super::power::look;
use crate::doctor::BmcAnswer;
use crate::shares::in_shares;
use crate::site::{Bmc, Endpoint, Node, Site};

/// BMCs that are asked at the same time; each takes some seconds.
const AT_ONCE: usize = 16;
/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// What each BMC says, by the name of its node.
pub(super) fn ask(site: &Site, daemon: Option<&Client>) -> Vec<(String, BmcAnswer)> {
    let nodes: Vec<(&Node, &Bmc)> =
        site.nodes.iter().filter_map(|node| Some((node, &node.power.as_ref()?.bmc))).collect();
    let share = nodes.len().div_ceil(AT_ONCE);
    let answer = |&(node, bmc): &(&Node, &Bmc)| {
        let said = match daemon {
            Some(client) => asked(client, node),
            None => listens(bmc),
        };
        (node.name.to_string(), said)
    };
    in_shares(&nodes, share, |some| some.iter().map(answer).collect())
}

fn asked(client: &Client, node: &Node) -> BmcAnswer {
    match look(client, node.name.as_str()) {
        Ok(_) => BmcAnswer::Answers,
        Err(failure) => {
            let help = failure.hints.first().cloned();
            let help = help.unwrap_or_else(|| format!("`rackstart power {} status` asks it again", node.name));
            // The node's name stands before it already.
            let why = failure.error.to_string();
            let why = why.strip_prefix(&format!("{}: ", node.name)).unwrap_or(&why).to_string();
            BmcAnswer::Fails(why, help)
        }
    }
}

fn listens(bmc: &Bmc) -> BmcAnswer {
    // Over UDP, only somebody who has an account can tell.
    let Bmc::Redfish { at: Endpoint { host, port }, .. } = bmc else { return BmcAnswer::Unasked };
    let connected = (host.as_str(), *port).to_socket_addrs().and_then(|mut found| {
        let address = found.next().ok_or_else(|| std::io::Error::other("the name has no address"))?;
        TcpStream::connect_timeout(&address, PATIENCE)
    });
    match connected {
        Ok(_) => BmcAnswer::Listens,
        Err(error) => {
            let help = "look whether the BMC has power and this address, and whether this machine reaches its network";
            BmcAnswer::Fails(format!("{bmc} does not answer: {error}"), help.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_nobody_listens_on_is_told_and_ipmi_is_left_to_the_daemon() {
        let there = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let redfish = |port| Bmc::Redfish {
            at: Endpoint { host: "127.0.0.1".into(), port },
            trust: crate::site::Trust::Pinned([0; 32]),
            system: None,
        };
        let port = there.local_addr().unwrap().port();
        assert_eq!(listens(&redfish(port)), BmcAnswer::Listens);
        drop(there);
        let BmcAnswer::Fails(why, _) = listens(&redfish(port)) else { panic!("nobody listens there") };
        assert!(why.contains("127.0.0.1") && why.contains("refused"), "{why}");
        assert_eq!(listens(&Bmc::Ipmi(Endpoint { host: "127.0.0.1".into(), port })), BmcAnswer::Unasked);
    }
}
