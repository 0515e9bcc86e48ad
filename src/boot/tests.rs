use super::*;
use crate::lifecycle::{Attempt, AttemptId, BootToken, Stage, WipeScope};
use crate::site::Firmware;
use crate::site::testing::paper_site;

fn ask(asking: Asking, arch: u16) -> BootRequest {
    BootRequest { mac: "52:54:00:a8:02:01".parse().unwrap(), arch: arch.into(), asking }
}

fn attempt() -> Attempt {
    Attempt::new(AttemptId::from_random([1; 4]), WipeScope::BlankDiskOnly)
}

#[test]
fn unknown_mac_gets_no_answer_at_any_point() {
    let mac = "52:54:00:99:99:99".parse().unwrap();
    for asking in [Asking::Firmware, Asking::Ipxe, Asking::Script, Asking::System] {
        let request = BootRequest { mac, arch: ClientArch::Bios, asking };
        assert_eq!(decide(&paper_site(), None, &request), BootDecision::Ignore(IgnoreReason::UnknownMac(mac)));
    }
}

#[test]
fn with_a_discovery_range_an_unknown_mac_gets_as_far_as_its_own_screen() {
    let mut site = paper_site();
    site.network.discovery = Some(([192, 168, 0, 200].into(), [192, 168, 0, 220].into()));
    let mac = "52:54:00:99:99:99".parse().unwrap();
    let armed = State::Armed { attempt: attempt(), previous: None };
    let url = "http://192.168.0.254/boot/52-54-00-99-99-99".to_string();
    let expected = [
        (Asking::Firmware, 0, BootDecision::ChainloadTftp(NetworkBootProgram::UndionlyKpxe)),
        (Asking::Firmware, 7, BootDecision::ChainloadTftp(NetworkBootProgram::SnponlyEfi)),
        (Asking::Firmware, 11, BootDecision::Ignore(IgnoreReason::UnsupportedArch(11))),
        (Asking::Ipxe, 0, BootDecision::Script(url)),
        (Asking::Script, 0, BootDecision::Unknown),
        (Asking::System, 0, BootDecision::AddressOnly),
    ];
    for (asking, arch, decision) in expected {
        let request = BootRequest { mac, arch: arch.into(), asking };
        assert_eq!(decide(&site, None, &request), decision);
        // This holds even if the store remembers the machine from a time when it was a node.
        assert_eq!(decide(&site, Some(&armed), &request), decision);
    }
}

#[test]
fn another_card_of_a_node_is_no_stranger() {
    let mut site = paper_site();
    site.network.discovery = Some(([192, 168, 0, 200].into(), [192, 168, 0, 220].into()));
    let mac = "52:54:00:a8:02:00".parse().unwrap();
    for asking in [Asking::Firmware, Asking::Ipxe, Asking::Script, Asking::System] {
        let decision = decide(&site, None, &BootRequest { mac, arch: ClientArch::Bios, asking });
        assert!(matches!(decision, BootDecision::Ignore(IgnoreReason::NotTheBootNic { .. })), "{decision:?}");
    }
}

#[test]
fn firmware_gets_the_program_of_its_architecture() {
    let site = paper_site();
    let program = |arch| decide(&site, None, &ask(Asking::Firmware, arch));
    assert_eq!(program(0), BootDecision::ChainloadTftp(NetworkBootProgram::UndionlyKpxe));
    assert_eq!(program(7), BootDecision::ChainloadTftp(NetworkBootProgram::SnponlyEfi));
    assert_eq!(program(9), program(7));
    let url = "http://192.168.0.254/firmware/ipxe.efi".to_string();
    assert_eq!(program(16), BootDecision::ChainloadHttp(NetworkBootProgram::IpxeEfi, url));
    assert_eq!(program(11), BootDecision::Ignore(IgnoreReason::UnsupportedArch(11)));
}

#[test]
fn ipxe_never_gets_a_network_boot_program_again() {
    let url = "http://192.168.0.254/boot/52-54-00-a8-02-01?uuid=${uuid}&serial=${serial:uristring}".to_string();
    assert_eq!(decide(&paper_site(), None, &ask(Asking::Ipxe, 0)), BootDecision::Script(url));
}

#[test]
fn a_machine_that_starts_with_the_other_firmware_is_not_installed() {
    let site = paper_site();
    let armed = State::Armed { attempt: attempt(), previous: None };
    let url =
        "http://192.168.0.254/boot/52-54-00-a8-02-01?uuid=${uuid}&serial=${serial:uristring}&arch=efi-x64".to_string();
    assert_eq!(decide(&site, Some(&armed), &ask(Asking::Ipxe, 7)), BootDecision::Script(url));
    let why = LocalDiskReason::WrongFirmware(ClientArch::EfiX64, Firmware::Bios);
    assert_eq!(decide(&site, Some(&armed), &ask(Asking::Script, 7)), BootDecision::LocalDisk(why));
    assert_eq!(decide(&site, Some(&armed), &ask(Asking::Script, 0)), BootDecision::Install);
}

#[test]
fn only_an_armed_node_gets_the_installer() {
    let failed = State::Failed { attempt: attempt(), during: Stage::Installer, reason: "x".into(), previous: None };
    let token = BootToken::from_random([1; 16]).hash();
    let redeemed = Attempt { redeemed_by: Some(token), ..attempt() };
    let spent = Attempt { boots: MAX_BOOTS, ..attempt() };
    let states = [
        (None, false),
        (Some(State::New), false),
        (Some(State::Armed { attempt: attempt(), previous: None }), true),
        (Some(State::Armed { attempt: spent, previous: None }), false),
        (Some(State::Installing { attempt: redeemed.clone() }), false),
        (Some(State::Firstboot { attempt: redeemed.clone() }), false),
        (Some(State::Ready { attempt: redeemed }), false),
        (Some(failed), false),
    ];
    for (state, installs) in states {
        let decision = decide(&paper_site(), state.as_ref(), &ask(Asking::Script, 0));
        assert_eq!(decision == BootDecision::Install, installs, "{state:?} -> {decision:?}");
        assert!(installs || matches!(decision, BootDecision::LocalDisk(_)));
    }
}
