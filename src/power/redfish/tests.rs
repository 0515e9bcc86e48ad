//! What services offer, and what they are asked, on bodies as short as the question needs. `tests/daemon` asks
//! sushy's emulator, and plays sushy's samples.

use serde_json::{Value, json};

use super::super::order::Action;
use super::*;
use crate::site::Firmware;

const ORIGIN: &str = "https://bmc.example";

fn system(body: Value) -> System {
    System::read(&body, "/redfish/v1/Systems/1", ORIGIN).unwrap()
}

fn offering(power: &str, resets: &[&str]) -> System {
    let reset = json!({ "target": "/reset", "ResetType@Redfish.AllowableValues": resets });
    system(json!({ "PowerState": power, "Actions": { "#ComputerSystem.Reset": reset } }))
}

#[test]
fn links_stay_on_the_bmc() {
    let good = [
        ("/redfish/v1/Systems", "/redfish/v1/Systems"),
        ("https://bmc.example/redfish/v1/", "/redfish/v1/"),
        ("/redfish/v1/Chassis#/Members/0", "/redfish/v1/Chassis"),
    ];
    for (text, path) in good {
        assert_eq!(link(text, ORIGIN).as_deref(), Ok(path));
    }
    let elsewhere = [
        "https://evil.example/redfish/v1/",
        "https://bmc.example.evil/redfish",
        "https://bmc.example@evil/redfish",
        "//evil.example/redfish",
        "http://bmc.example/redfish/v1/",
        "redfish/v1",
        "/a b",
        "/\\evil.example",
        "",
    ];
    for text in elsewhere {
        let fault = link(text, ORIGIN).unwrap_err();
        assert!(fault.text.contains("to another place"), "{text}: {fault}");
    }
    assert!(link(&format!("/{}", "x".repeat(2000)), ORIGIN).is_err(), "a link without an end");
}

#[test]
fn the_root_names_its_systems_and_may_lack_the_rest() {
    let bare = json!({ "Systems": { "@odata.id": "/s" } });
    assert_eq!(Root::read(&bare, ORIGIN), Ok(Root { systems: "/s".into(), managers: None, sessions: None }));
    let whole = json!({
        "Systems": { "@odata.id": "/s" }, "Managers": { "@odata.id": "/m" },
        "Links": { "Sessions": { "@odata.id": "/l" } }
    });
    let root = Root { systems: "/s".into(), managers: Some("/m".into()), sessions: Some("/l".into()) };
    assert_eq!(Root::read(&whole, ORIGIN), Ok(root));
    assert!(Root::read(&json!([]), ORIGIN).is_err(), "no object at all");
    let elsewhere = json!({ "Systems": { "@odata.id": "/s" }, "Managers": { "@odata.id": "https://evil/m" } });
    assert!(Root::read(&elsewhere, ORIGIN).is_err());
}

#[test]
fn a_collection_may_come_in_pages() {
    let body =
        json!({ "Members": [{ "@odata.id": "/s/1" }, { "Name": "no link" }], "Members@odata.nextLink": "/s?skip=2" });
    let page = Page::read(&body, ORIGIN).unwrap();
    assert_eq!((page.members.len(), page.members[0].0.as_str()), (1, "/s/1"));
    assert_eq!(page.next.as_deref(), Some("/s?skip=2"));
    assert_eq!(Page::read(&json!({ "Members": [] }), ORIGIN).unwrap().next, None);
    assert!(Page::read(&json!({ "error": {} }), ORIGIN).is_err());
    let elsewhere = json!({ "Members": [], "Members@odata.nextLink": "https://evil/s" });
    assert!(Page::read(&elsewhere, ORIGIN).is_err());
}

#[test]
fn a_system_is_named_by_id_uuid_serial_or_the_end_of_its_path() {
    let body =
        json!({ "Id": "System.Embedded.1", "UUID": "AB-12", "SerialNumber": "SN9", "@odata.id": "/r/Systems/x" });
    let system = system(body);
    for name in ["system.embedded.1", "ab-12", "sn9", "x"] {
        assert!(system.is(name), "{name}");
    }
    assert!(!system.is("Systems") && !system.is(""));
}

#[test]
fn an_action_is_the_reset_that_is_offered() {
    let asked = |power: &str, resets: &[&str], action| reset_type(&offering(power, resets), action);
    let all = ["On", "ForceOff", "GracefulShutdown", "ForceRestart", "PowerCycle"];
    assert_eq!(asked("Off", &all, Action::On), Ok(Some("On")));
    assert_eq!(asked("Off", &["ForceOn"], Action::On), Ok(Some("ForceOn")));
    assert_eq!(asked("On", &all, Action::Off), Ok(Some("GracefulShutdown")));
    assert_eq!(asked("On", &["On", "PushPowerButton"], Action::Off), Ok(Some("PushPowerButton")));
    assert_eq!(asked("On", &all, Action::ForceOff), Ok(Some("ForceOff")));
    assert_eq!(asked("On", &all, Action::Cycle), Ok(Some("ForceRestart")));
    assert_eq!(asked("On", &["PowerCycle"], Action::PxeCycle), Ok(Some("PowerCycle")));
    assert_eq!(asked("Off", &all, Action::PxeCycle), Ok(Some("On")), "what is off is switched on");
    assert_eq!(asked("On", &[], Action::Cycle), Ok(Some("ForceRestart")), "a service that does not say");
    let done = [("On", Action::On), ("Off", Action::Off), ("Off", Action::ForceOff), ("On", Action::Pxe)];
    for (power, action) in done {
        assert_eq!(asked(power, &all, action), Ok(None), "{action:?} of a node that is {power}");
    }
    let refused = asked("On", &["On", "Nmi"], Action::Cycle).unwrap_err();
    assert_eq!(refused.text, "the BMC does not offer the reset ForceRestart; it offers On, Nmi");
}

#[test]
fn the_kinds_of_reset_may_be_in_a_resource_of_their_own() {
    let reset = json!({ "target": "/reset", "@Redfish.ActionInfo": "/info" });
    let system = system(json!({ "Actions": { "#ComputerSystem.Reset": reset } }));
    assert_eq!((system.action_info.as_deref(), system.resets.len(), system.is_on), (Some("/info"), 0, None));
    let info =
        json!({ "Parameters": [{ "Name": "Other" }, { "Name": "ResetType", "AllowableValues": ["On", "ForceOff"] }] });
    assert_eq!(action_info(&info), ["On", "ForceOff"]);
}

#[test]
fn an_override_is_for_one_boot_and_asks_for_nothing_that_is_not_offered() {
    let boot = |body: Value| Boot::read(&json!({ "Boot": body }));
    let plain = json!({ "Boot": { "BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe" } });
    assert_eq!(override_body(&boot(json!({})), Firmware::Bios), Ok(plain.clone()));
    let uefi = boot(json!({ "BootSourceOverrideMode": "UEFI" }));
    assert_eq!(override_body(&uefi, Firmware::Uefi), Ok(plain), "a mode that fits is not sent");
    assert_eq!(override_body(&uefi, Firmware::Bios).unwrap()["Boot"]["BootSourceOverrideMode"], "Legacy");
    let no_pxe = boot(json!({ "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Hdd"] }));
    assert!(override_body(&no_pxe, Firmware::Uefi).unwrap_err().text.ends_with("it offers None, Hdd"));
    let for_ever = boot(json!({ "BootSourceOverrideEnabled@Redfish.AllowableValues": ["Disabled", "Continuous"] }));
    assert!(override_body(&for_ever, Firmware::Uefi).unwrap_err().text.contains("an override for one boot"));
}

#[test]
fn a_mode_that_is_not_offered_is_no_override() {
    let body = json!({ "BootSourceOverrideMode": "UEFI", "BootSourceOverrideMode@Redfish.AllowableValues": ["UEFI"] });
    let boot = Boot::read(&json!({ "Boot": body }));
    assert!(override_body(&boot, Firmware::Uefi).is_ok());
    let refused = override_body(&boot, Firmware::Bios).unwrap_err();
    assert_eq!(refused.text, "the BMC does not offer to boot in the mode Legacy once; it offers UEFI");
}

#[test]
fn each_key_is_changed_where_the_service_has_it() {
    let change = json!({ "Boot": { "BootSourceOverrideEnabled": "Once", "BootSourceOverrideMode": "Legacy" } });
    let settings = |boot: Value| json!({ "Boot": boot });
    let mode = settings(json!({ "BootSourceOverrideMode": null, "BootOrder": [] }));
    let [later, now] = divided(&change, Some(&mode)).map(Option::unwrap);
    assert_eq!(later, json!({ "Boot": { "BootSourceOverrideMode": "Legacy" } }));
    assert_eq!(now, json!({ "Boot": { "BootSourceOverrideEnabled": "Once" } }));
    let both = settings(json!({ "BootSourceOverrideMode": "UEFI", "BootSourceOverrideEnabled": "Disabled" }));
    assert_eq!(divided(&change, Some(&both)), [Some(change.clone()), None]);
    for none in [None, Some(&json!({})), Some(&settings(json!({ "BootOrder": [] })))] {
        assert_eq!(divided(&change, none), [None, Some(change.clone())]);
    }
}

#[test]
fn an_override_to_the_network_is_seen_and_taken_back() {
    let boot = |enabled: &str, target: &str| {
        Boot::read(&json!({ "Boot": { "BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target } }))
    };
    assert!(boot("Once", "Pxe").is_pxe() && !boot("Disabled", "Pxe").is_pxe());
    assert!(!boot("Once", "Cd").is_pxe() && boot("Once", "Cd").is_overridden(), "somebody else's is left alone");
    let back = json!({ "Boot": { "BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None" } });
    assert_eq!(take_back_body(&boot("Once", "Pxe")), back);
    let no_none = Boot::read(&json!({ "Boot": { "BootSourceOverrideTarget@Redfish.AllowableValues": ["Pxe"] } }));
    assert_eq!(take_back_body(&no_none), json!({ "Boot": { "BootSourceOverrideEnabled": "Disabled" } }));
}

#[test]
fn a_refusal_says_what_the_service_said() {
    let body = json!({ "error": { "message": "general", "@Message.ExtendedInfo": [
        { "Message": "The value is wrong." }, { "MessageId": "x" }, { "Message": "Try another." }
    ] } });
    assert_eq!(said(body.to_string().as_bytes()), "The value is wrong. Try another.");
    let one = json!({ "error": { "@Message.ExtendedInfo": { "Message": "One alone." } } });
    assert_eq!(said(one.to_string().as_bytes()), "One alone.");
    assert_eq!(said(br#"{"error":{"message":"general"}}"#), "general");
    assert_eq!(said(b"<!DOCTYPE html><html>"), "a page for browsers");
    assert_eq!(said(b""), "no reason is given");
    assert_eq!(said(b"\x1b[2Jplain"), "\u{fffd}[2Jplain");
}
