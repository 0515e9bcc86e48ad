//! The root of a service, and its managers.

use serde_json::Value;

use super::super::fault::Fault;
use super::link::{link, reference};
use super::{text, texts};

/// Where every service begins (DSP0266, section 6.2).
pub(crate) const ROOT: &str = "/redfish/v1/";

/// What the root of a service says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    /// The collection of systems.
    pub systems: String,
    /// The collection of managers, which are BMCs.
    pub managers: Option<String>,
    /// Where sessions are made; none when the service has no sessions.
    pub sessions: Option<String>,
}

impl Root {
    /// Reads it.
    pub(crate) fn read(body: &Value, origin: &str) -> Result<Self, Fault> {
        let to = |value: Option<&Value>| reference(value).map(|text| link(text, origin)).transpose();
        let systems = to(body.get("Systems"))?.ok_or_else(|| Fault::unreadable("systems"))?;
        let sessions = body.get("Links").and_then(|links| links.get("Sessions"));
        Ok(Self { systems, managers: to(body.get("Managers"))?, sessions: to(sessions)? })
    }
}

/// A manager in words: its model and its firmware.
pub(crate) fn manager_words(body: &Value) -> Option<String> {
    let model = text(body, "Model").or_else(|| text(body, "Name"))?;
    // Some models are the name of their vendor's product and its version already.
    Some(match text(body, "FirmwareVersion") {
        Some(version) => format!("{model}, firmware {version}"),
        None => model,
    })
}

/// The words of `ResetType` in a resource `ActionInfo`.
pub(super) fn parameter(body: &Value, name: &str) -> Vec<String> {
    let all = body.get("Parameters").and_then(Value::as_array).into_iter().flatten();
    let known = all.into_iter().find(|parameter| parameter.get("Name").and_then(Value::as_str) == Some(name));
    texts(known.and_then(|parameter| parameter.get("AllowableValues")))
}
