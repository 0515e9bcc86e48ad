//! What is asked of a service, out of what it offers.

use serde_json::{Value, json};

use super::super::fault::Fault;
use super::super::order::Action;
use super::root::parameter;
use super::system::{Boot, System};
use crate::site::Firmware;

/// The kinds of reset in a resource `ActionInfo`.
pub(crate) fn action_info(body: &Value) -> Vec<String> {
    parameter(body, "ResetType")
}

/// The kind of reset that carries an action out; none when the action is none, or is done already.
pub(crate) fn reset_type(system: &System, action: Action) -> Result<Option<&'static str>, Fault> {
    const ON: [&str; 2] = ["On", "ForceOn"];
    let wanted: &[&'static str] = match (action, system.is_on) {
        (Action::Pxe, _) | (Action::On, Some(true)) | (Action::Off | Action::ForceOff, Some(false)) => return Ok(None),
        (Action::On, _) | (Action::Cycle | Action::PxeCycle, Some(false)) => &ON,
        // A short press of the button is what systems understand as the wish to shut down.
        (Action::Off, _) => &["GracefulShutdown", "PushPowerButton"],
        (Action::ForceOff, _) => &["ForceOff"],
        (Action::Cycle | Action::PxeCycle, _) => &["ForceRestart", "PowerCycle", "FullPowerCycle"],
    };
    let Some(first) = wanted.first() else { return Ok(None) };
    // A service that does not say what it offers is asked for the usual.
    let offered = |word: &&&str| system.resets.is_empty() || system.resets.iter().any(|known| known == *word);
    match wanted.iter().find(offered) {
        Some(word) => Ok(Some(word)),
        None => Err(Fault::not_offered(&format!("the reset {first}"), &system.resets)),
    }
}

/// The body of a reset.
pub(crate) fn reset_body(kind: &str) -> Value {
    json!({ "ResetType": kind })
}

/// The change that makes the next boot, and only that, one from the network. `boot` is that of the system, with what its
/// settings say.
pub(crate) fn override_body(boot: &Boot, firmware: Firmware) -> Result<Value, Fault> {
    let lacks = |all: &[String], word: &str| !all.is_empty() && !all.iter().any(|known| known == word);
    if lacks(&boot.targets, "Pxe") {
        return Err(Fault::not_offered("to boot from the network once", &boot.targets));
    }
    if lacks(&boot.lasts, "Once") {
        return Err(Fault::not_offered("an override for one boot", &boot.lasts));
    }
    let mut change = json!({ "BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe" });
    let wanted = match firmware {
        Firmware::Bios => "Legacy",
        Firmware::Uefi => "UEFI",
    };
    // Services that know no modes refuse the key, and some refuse it when it changes nothing.
    if boot.mode.as_deref().is_some_and(|mode| mode != wanted) {
        if lacks(&boot.modes, wanted) {
            return Err(Fault::not_offered(&format!("to boot in the mode {wanted} once"), &boot.modes));
        }
        change["BootSourceOverrideMode"] = wanted.into();
    }
    Ok(json!({ "Boot": change }))
}

/// The two parts of a change: for the settings of the system, and for the system itself. Each key is changed where the
/// service has it; some have only the mode in the settings, and refuse it elsewhere (iDRAC, as sushy's sample shows it).
/// A key that is nowhere belongs to the system.
pub(crate) fn divided(change: &Value, settings: Option<&Value>) -> [Option<Value>; 2] {
    let held = settings.and_then(|settings| settings.get("Boot")).and_then(Value::as_object);
    let is_held = |key: &str| held.is_some_and(|held| held.contains_key(key));
    let keys = change.get("Boot").and_then(Value::as_object);
    [true, false].map(|wanted| {
        let part = keys.into_iter().flatten().filter(|(key, _)| is_held(key) == wanted);
        let part: serde_json::Map<String, Value> = part.map(|(key, value)| (key.clone(), value.clone())).collect();
        (!part.is_empty()).then(|| json!({ "Boot": part }))
    })
}

/// The change that takes an override back.
pub(crate) fn take_back_body(boot: &Boot) -> Value {
    let has_none = boot.targets.is_empty() || boot.targets.iter().any(|known| known == "None");
    let mut change = json!({ "BootSourceOverrideEnabled": "Disabled" });
    if has_none {
        change["BootSourceOverrideTarget"] = "None".into();
    }
    json!({ "Boot": change })
}
