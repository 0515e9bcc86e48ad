//! Drains nodes before they are armed, and reports the progress.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cli::Failure;
use crate::cli::client::Client;
use crate::cli::output::Output;
use crate::server::api::orders::Wipe;
use crate::server::operate::{NodeStatus, StatusReport};

/// Pause between two looks at the progress.
const PAUSE: Duration = Duration::from_secs(1);

/// Returns when every node whose system runs is drained, or is unreachable and not ready. If a node cannot be drained
/// nothing is armed, and the services that were taken out come back by themselves.
pub(super) fn wait(client: &Client, body: &Wipe, output: Output) -> Result<(), Failure> {
    let mut nodes: Vec<NodeStatus> = client.post_with("/api/v1/reimage/drain", body)?;
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let mut waits = false;
        for node in &nodes {
            let Some((name, outcome, text)) = drain(node) else { continue };
            waits |= outcome == "waits";
            if told.get(name).map(String::as_str) != Some(text) {
                told.insert(name.into(), text.into());
                output.meanwhile(&line(name, &node.state, outcome, text))?;
            }
        }
        if !waits {
            break;
        }
        std::thread::sleep(PAUSE);
        let report: StatusReport = client.get("/api/v1/status")?;
        nodes = report.nodes.into_iter().filter(|node| body.nodes.contains(&node.name)).collect();
    }
    let stays = |node: &&NodeStatus| match drain(node) {
        Some((_, "unreached", _)) => node.state == "ready",
        Some((_, outcome, _)) => outcome == "refused",
        None => false,
    };
    let stay: Vec<&str> = nodes.iter().filter(stays).map(|node| node.name.as_str()).collect();
    match stay.is_empty() {
        true => Ok(()),
        false => Err(Failure::fixable(format!("{} cannot be spared now: nothing was armed", stay.join(", ")))
            .hint("fix the reason given above and try again, or say why it need not be drained: --no-drain TEXT")),
    }
}

/// For a node that has to be drained: its name, the outcome and the message.
fn drain(node: &NodeStatus) -> Option<(&str, &str, &str)> {
    // In any other state, an earlier drain is over.
    let drain = node.drain.as_ref().filter(|_| ["ready", "firstboot", "failed"].contains(&node.state.as_str()))?;
    Some((&node.name, drain, node.drain_text.as_deref().unwrap_or_default()))
}

fn line(name: &str, state: &str, outcome: &str, text: &str) -> String {
    match outcome {
        "waits" => format!("{name} is being drained: {text}\n"),
        "drained" => format!("{name} is drained: {text}\n"),
        "unreached" if state != "ready" => {
            format!("{name} is not drained: {text}; it is {state}, so it is armed without a drain\n")
        }
        _ => format!("{name} has to stay: {text}\n"),
    }
}
