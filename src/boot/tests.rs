use super::*;
use crate::lifecycle::{Attempt, AttemptId, BootToken, Stage, WipeScope};
use crate::site::testing::paper_site;
use crate::site::{Firmware, LoaderChoice, OwnLoader, Platform, Program, SignedChain};

fn ask(asking: Asking, arch: u16) -> BootRequest {
    BootRequest::new("52:54:00:a8:02:01".parse().unwrap(), arch.into(), asking)
}

fn attempt() -> Attempt {
    Attempt::new(AttemptId::from_random([1; 4]), WipeScope::BlankDiskOnly)
}

#[test]
fn unknown_mac_gets_no_answer_at_any_point() {
    let mac = "52:54:00:99:99:99".parse().unwrap();
    for asking in [Asking::Firmware, Asking::Ipxe, Asking::Script, Asking::System] {
        let request = BootRequest::new(mac, ClientArch::BIOS, asking);
        assert_eq!(decide(&paper_site(), None, &request), BootDecision::Ignore(IgnoreReason::UnknownMac(mac)));
    }
}

#[test]
fn with_a_discovery_range_an_unknown_mac_gets_as_far_as_its_own_screen() {
    let mut site = paper_site();
    site.network.discovery = Some(([192, 168, 0, 200].into(), [192, 168, 0, 220].into()));
    let mac = "52:54:00:99:99:99".parse().unwrap();
    let armed = State::Armed { attempt: attempt(), previous: None };
    let told = "uuid=${uuid}&serial=${serial:uristring}&maker=${manufacturer:uristring}";
    let url = format!("http://192.168.0.254/boot/52-54-00-99-99-99?{told}");
    assert!(url.len() <= 127, "it fits the field `file`");
    let expected = [
        (Asking::Firmware, 0, BootDecision::ChainloadTftp(BootFile::built_in(NetworkBootProgram::UndionlyKpxe))),
        (Asking::Firmware, 7, BootDecision::ChainloadTftp(BootFile::built_in(NetworkBootProgram::SnponlyEfi))),
        (Asking::Firmware, 11, BootDecision::Ignore(IgnoreReason::NoProgram { arch: 11.into() })),
        (Asking::Ipxe, 0, BootDecision::Script(url)),
        (Asking::Script, 0, BootDecision::Unknown),
        (Asking::System, 0, BootDecision::AddressOnly),
    ];
    for (asking, arch, decision) in expected {
        let request = BootRequest::new(mac, arch.into(), asking);
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
        let decision = decide(&site, None, &BootRequest::new(mac, ClientArch::BIOS, asking));
        assert!(matches!(decision, BootDecision::Ignore(IgnoreReason::NotTheBootNic { .. })), "{decision:?}");
    }
}

#[test]
fn firmware_gets_the_program_of_its_architecture() {
    let site = paper_site();
    let program = |arch| decide(&site, None, &ask(Asking::Firmware, arch));
    assert_eq!(program(0), BootDecision::ChainloadTftp(BootFile::built_in(NetworkBootProgram::UndionlyKpxe)));
    assert_eq!(program(7), BootDecision::ChainloadTftp(BootFile::built_in(NetworkBootProgram::SnponlyEfi)));
    assert_eq!(program(9), program(7));
    let url = "http://192.168.0.254/firmware/ipxe.efi".to_string();
    assert_eq!(program(16), BootDecision::ChainloadHttp(BootFile::built_in(NetworkBootProgram::IpxeEfi), url));
    assert_eq!(program(11), BootDecision::Ignore(IgnoreReason::NoProgram { arch: 11.into() }));
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
    let why = LocalDiskReason::WrongFirmware(ClientArch::EFI_X64, Firmware::Bios);
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

/// The paper's site with an install tree that has a signed chain; its GRUB speaks HTTP or does not.
fn with_chain(speaks_http: bool, loader: LoaderChoice) -> Site {
    let mut site = paper_site();
    let program = |name: &str| Program { name: name.into(), bytes: vec![1].into() };
    site.install_trees[0].signed = vec![SignedChain {
        platform: Platform::EfiX64,
        shim: program("BOOTX64.EFI"),
        grub: program("grubx64.efi"),
        speaks_http,
    }];
    site.nodes.iter_mut().for_each(|node| node.loader = loader);
    site
}

fn file_for(site: &Site, arch: u16, refuses_unsigned: bool) -> String {
    let request = BootRequest { refuses_unsigned, ..ask(Asking::Firmware, arch) };
    match decide(site, None, &request) {
        BootDecision::ChainloadTftp(file) => file.name().into(),
        BootDecision::ChainloadHttp(_, url) => url,
        other => format!("{other:?}"),
    }
}

#[test]
fn the_signed_chain_is_offered_to_firmware_that_refused_what_it_loaded() {
    let site = with_chain(true, LoaderChoice::Auto);
    assert_eq!(file_for(&site, 7, false), "snponly.efi");
    assert_eq!(file_for(&site, 7, true), "signed/centos6/BOOTX64.EFI");
    assert_eq!(file_for(&site, 16, true), "http://192.168.0.254/firmware/signed/centos6/BOOTX64.EFI");
    let deaf = with_chain(false, LoaderChoice::Auto);
    assert_eq!(file_for(&deaf, 7, true), "signed/centos6/BOOTX64.EFI");
    assert_eq!(file_for(&deaf, 16, true), "http://192.168.0.254/firmware/ipxe.efi", "its GRUB would stop at a prompt");
    assert_eq!(file_for(&paper_site(), 7, true), "snponly.efi", "there is nothing better");
    assert_eq!(file_for(&site, 0, true), "undionly.kpxe", "a BIOS has no signatures");
}

#[test]
fn a_node_may_have_the_signed_chain_at_once_or_never() {
    let signed = with_chain(false, LoaderChoice::Signed);
    assert_eq!(file_for(&signed, 7, false), "signed/centos6/BOOTX64.EFI");
    assert!(file_for(&signed, 16, false).contains("NoSignedChain"));
    assert_eq!(file_for(&with_chain(true, LoaderChoice::Ipxe), 7, true), "snponly.efi");
}

#[test]
fn a_refusal_names_the_section_of_the_file_and_a_line_of_the_log_who_asked() {
    let said = |arch| match decide(&paper_site(), None, &ask(Asking::Firmware, arch)) {
        BootDecision::Ignore(why) => why.to_string(),
        other => panic!("{other:?}"),
    };
    let missing = "there is no boot program for efi-arm64-http: name one in `[firmware.efi-arm64]` of the site file";
    assert_eq!(said(19), missing, "one section serves both transports");
    assert!(said(31).contains("arch-31 (s390 Basic) is not supported"), "{}", said(31));
    let words = [Asking::Firmware, Asking::Ipxe, Asking::Script, Asking::System].map(|asking| asking.to_string());
    assert_eq!(words, ["firmware", "ipxe", "script", "system"]);
}

#[test]
fn a_loader_of_the_operators_own_replaces_ours_and_adds_platforms() {
    let mut site = paper_site();
    let own = |platform, name: &str| OwnLoader {
        platform,
        files: Vec::new(),
        programs: vec![Program { name: name.into(), bytes: vec![7].into() }],
    };
    site.loaders = vec![own(Platform::EfiX64, "ipxe-shimx64.efi"), own(Platform::EfiArm64, "ipxe-arm64.efi")];
    assert_eq!(file_for(&site, 7, false), "efi-x64/ipxe-shimx64.efi");
    assert_eq!(file_for(&site, 16, false), "http://192.168.0.254/firmware/efi-x64/ipxe-shimx64.efi");
    assert_eq!(file_for(&site, 11, false), "efi-arm64/ipxe-arm64.efi");
    assert_eq!(file_for(&site, 19, false), "http://192.168.0.254/firmware/efi-arm64/ipxe-arm64.efi");
    assert_eq!(file_for(&site, 0, false), "undionly.kpxe");
    assert!(file_for(&site, 6, false).contains("NoProgram"));
    assert!(file_for(&site, 31, false).contains("UnsupportedArch"));
    for name in ["efi-x64/ipxe-shimx64.efi", "/efi-x64//IPXE-SHIMX64.EFI", "\\efi-arm64\\ipxe-arm64.efi"] {
        assert_eq!(site.program(name).as_deref(), Some(&[7][..]), "{name}");
    }
    assert_eq!(site.program("efi-arm64/ipxe-shimx64.efi"), None);
}
