//! What a node exposes, as a table for people.

use super::super::table;
use crate::render::{Exposure, Opening};

/// Draws the table of one node.
pub(crate) fn node(exposure: &Exposure) -> String {
    let mut out = format!("{}: role {}, {} mode\n\n", exposure.node, exposure.role, exposure.security);
    let mut rows = vec![["OPEN", "PORTS", "TO", "ASKS FOR", "SERVICE"].map(String::from)];
    rows.extend(exposure.open.iter().map(row));
    out.push_str(&table::columns(&rows));
    let without: Vec<&str> =
        exposure.open.iter().filter(|opening| !opening.password).map(|opening| opening.name.as_str()).collect();
    out.push_str(&format!("\nwithout a password: {}\n", list(&without)));
    if !exposure.closed.is_empty() {
        let closed: Vec<String> = exposure
            .closed
            .iter()
            .map(|opening| format!("{} ({} {})", opening.service, opening.protocol, opening.ports))
            .collect();
        out.push_str(&format!("listens, closed by the packet filter: {}\n", closed.join("; ")));
    }
    let secrets: Vec<&str> = exposure.secrets.iter().map(String::as_str).collect();
    out.push_str(&format!("secrets it holds: {}\n", list(&secrets)));
    for fact in &exposure.facts {
        out.push_str(&format!("{}: {}\n", fact.about, fact.is));
    }
    out
}

fn row(opening: &Opening) -> [String; 5] {
    [
        opening.name.clone(),
        format!("{} {}", opening.protocol, opening.ports),
        opening.from.join(", "),
        opening.asks.clone(),
        opening.service.clone(),
    ]
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
