//! What the BMCs of the nodes said, in as few findings as there are reasons.

use super::{Findings, Survey};

/// What a BMC said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BmcAnswer {
    /// The daemon asked it with its account, and it answered.
    Answers,
    /// Its port accepts connections; its account was not tried, because no daemon runs.
    Listens,
    /// Nobody asked it.
    Unasked,
    /// It cannot be used: why, and what to do.
    Fails(String, String),
}

pub(super) fn bmcs(survey: &Survey, all: &mut Findings) {
    let about = "BMCs";
    let with = |wanted: BmcAnswer| survey.bmcs.iter().filter(|(_, found)| *found == wanted).count();
    match with(BmcAnswer::Answers) {
        0 => {}
        count => all.ok(about, format!("{count} answer")),
    }
    match with(BmcAnswer::Listens) {
        0 => {}
        count => all.ok(about, format!("{count} listen; their accounts are tried when the daemon runs")),
    }
    match with(BmcAnswer::Unasked) {
        0 => {}
        count => all.ok(about, format!("{count} speak IPMI and are asked when the daemon runs")),
    }
    let mut reasons: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (node, found) in &survey.bmcs {
        let BmcAnswer::Fails(why, help) = found else { continue };
        match reasons.iter_mut().find(|(known, ..)| known == why) {
            Some((.., nodes)) => nodes.push(node),
            None => reasons.push((why, help, vec![node])),
        }
    }
    // Nodes are installed without their BMC, too.
    for (why, help, nodes) in reasons {
        let whose = match &nodes[..] {
            [first, more @ ..] if !more.is_empty() => format!("{first} and {} more", more.len()),
            nodes => nodes.concat(),
        };
        all.warn(about, format!("{whose}: {why}"), help.into());
    }
}
