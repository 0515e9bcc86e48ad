//! A system, which is the node as its BMC sees it.

use serde_json::Value;

use super::super::fault::Fault;
use super::super::order::Seen;
use super::link::{link, reference};
use super::{text, texts};

/// What rackstart needs of a `ComputerSystem`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct System {
    /// Where it is.
    pub path: String,
    /// Its `Id`, `UUID` and `SerialNumber`, any of which may be written as `system` in the site file.
    pub names: Vec<String>,
    /// Whether it is on; none while it is changing, or when the BMC does not say.
    pub is_on: Option<bool>,
    /// Where a reset is posted.
    pub reset: Option<String>,
    /// The kinds of reset that are offered; empty when the service does not say here.
    pub resets: Vec<String>,
    /// Where the service says which ones it offers, if it does so in a resource of its own.
    pub action_info: Option<String>,
    /// How the next boot is overridden now.
    pub boot: Boot,
    /// Where changes are sent that take effect at the next boot (`@Redfish.Settings`).
    pub settings: Option<String>,
    /// Its BMC.
    pub manager: Option<String>,
    /// The version of the resource, for `If-Match`.
    pub etag: Option<String>,
    shown: Seen,
}

/// `Boot` of a system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Boot {
    /// `Disabled`, `Once` or `Continuous`.
    pub enabled: Option<String>,
    /// `None`, `Pxe`, …
    pub target: Option<String>,
    /// `UEFI` or `Legacy`; none when the service does not know the difference.
    pub mode: Option<String>,
    /// The targets that can be set; empty when the service does not say.
    pub targets: Vec<String>,
    /// How long an override can last; empty when the service does not say.
    pub lasts: Vec<String>,
    /// The modes that can be set; empty when the service does not say.
    pub modes: Vec<String>,
}

impl Boot {
    /// Reads `Boot` of a system, or of its settings.
    pub(crate) fn read(body: &Value) -> Self {
        let Some(boot) = body.get("Boot") else { return Self::default() };
        Self {
            enabled: text(boot, "BootSourceOverrideEnabled"),
            target: text(boot, "BootSourceOverrideTarget"),
            mode: text(boot, "BootSourceOverrideMode"),
            targets: texts(boot.get("BootSourceOverrideTarget@Redfish.AllowableValues")),
            lasts: texts(boot.get("BootSourceOverrideEnabled@Redfish.AllowableValues")),
            modes: texts(boot.get("BootSourceOverrideMode@Redfish.AllowableValues")),
        }
    }

    /// These values, with those that the settings of the system have in their place.
    pub(crate) fn with(&self, settings: &Value) -> Self {
        let newer = Self::read(settings);
        let list = |newer: Vec<String>, older: &[String]| if newer.is_empty() { older.to_vec() } else { newer };
        Self {
            enabled: newer.enabled.or_else(|| self.enabled.clone()),
            target: newer.target.or_else(|| self.target.clone()),
            mode: newer.mode.or_else(|| self.mode.clone()),
            targets: list(newer.targets, &self.targets),
            lasts: list(newer.lasts, &self.lasts),
            modes: list(newer.modes, &self.modes),
        }
    }

    /// Whether the next boot is overridden.
    pub(crate) fn is_overridden(&self) -> bool {
        let is_none = |word: &Option<String>, none: &str| word.as_deref().is_none_or(|word| word == none);
        !is_none(&self.enabled, "Disabled") && !is_none(&self.target, "None")
    }

    /// Whether the next boot is overridden to the network, by rackstart or anybody else.
    pub(crate) fn is_pxe(&self) -> bool {
        self.is_overridden() && self.target.as_deref() == Some("Pxe")
    }
}

impl System {
    /// Reads it; `path` is where it was found.
    pub(crate) fn read(body: &Value, path: &str, origin: &str) -> Result<Self, Fault> {
        let to = |value: Option<&Value>| reference(value).map(|text| link(text, origin)).transpose();
        let reset = body.get("Actions").and_then(|actions| actions.get("#ComputerSystem.Reset"));
        let links = body.get("Links");
        let manager = links.and_then(|links| links.get("ManagedBy")).and_then(|all| all.get(0));
        let settings = body.get("@Redfish.Settings").and_then(|settings| settings.get("SettingsObject"));
        let in_reset = |key: &str| reset.and_then(|reset| reset.get(key)).and_then(Value::as_str);
        let power = text(body, "PowerState");
        let boot = Boot::read(body);
        let resets = texts(reset.and_then(|reset| reset.get("ResetType@Redfish.AllowableValues")));
        let machine = ["Manufacturer", "Model", "SerialNumber"].into_iter().filter_map(|key| text(body, key));
        let machine = machine.collect::<Vec<_>>().join(" ");
        let boots_next = boot.is_overridden().then(|| {
            let words = [boot.target.as_deref(), boot.enabled.as_deref()];
            words.into_iter().flatten().collect::<Vec<_>>().join(", ")
        });
        let shown = Seen {
            power: power.as_deref().unwrap_or("unknown").to_lowercase(),
            boots_next,
            machine: Some(machine).filter(|words| !words.is_empty()),
            bmc: None,
            resets: resets.clone(),
            sources: boot.targets.clone(),
        };
        Ok(Self {
            path: to(Some(body))?.unwrap_or_else(|| path.into()),
            names: ["Id", "UUID", "SerialNumber"].into_iter().filter_map(|key| text(body, key)).collect(),
            is_on: match power.as_deref() {
                Some("On") => Some(true),
                Some("Off") => Some(false),
                _ => None,
            },
            reset: in_reset("target").map(|text| link(text, origin)).transpose()?,
            resets,
            action_info: in_reset("@Redfish.ActionInfo").map(|text| link(text, origin)).transpose()?,
            boot,
            settings: to(settings)?,
            manager: to(manager)?,
            etag: body.get("@odata.etag").and_then(Value::as_str).map(String::from),
            shown,
        })
    }

    /// Whether the site file means this one.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name)) || self.path.rsplit('/').next() == Some(name)
    }

    /// What people are shown.
    pub(crate) fn seen(&self, manager: Option<&Value>) -> Seen {
        let bmc = manager.and_then(super::manager_words);
        Seen { resets: self.resets.clone(), bmc, ..self.shown.clone() }
    }
}
