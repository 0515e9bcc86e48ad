//! Every finding, from a survey that has that one fault.

use super::*;
use crate::site::testing::{behind_a_router, paper_site};

/// What is wrong in one case.
type Change = Box<dyn FnOnce(&mut Survey)>;

fn well(site: &Site) -> Survey {
    Survey {
        interface: Some(Interface {
            is_up: true,
            carries: Some(true),
            mtu: 1500,
            addresses: vec![(site.server.address, 24)],
        }),
        interfaces: vec![site.server.interface.clone()],
        rivals: Some(Vec::new()),
        clock_is_kept: true,
        room: Some(ROOM),
        ..Survey::default()
    }
}

/// The findings that are not well.
fn faults(site: &Site, survey: &Survey) -> Vec<(Grade, String)> {
    let found = judge(site, survey).into_iter().filter(|finding| finding.grade != Grade::Ok);
    let told = |finding: Finding| {
        assert!(finding.help.is_some(), "{finding:?}");
        (finding.grade, format!("{}: {}", finding.about, finding.says))
    };
    found.map(told).collect()
}

fn one(site: &Site, change: impl FnOnce(&mut Survey)) -> (Grade, String) {
    let mut survey = well(site);
    change(&mut survey);
    let mut found = faults(site, &survey);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_machine_on_which_all_is_well_has_no_fault() {
    let site = paper_site();
    assert!(faults(&site, &well(&site)).is_empty());
}

#[test]
fn each_fault_is_found_alone_and_says_what_to_do() {
    let site = paper_site();
    let card = site.server.interface.clone();
    let at = |change: fn(&mut Interface)| move |survey: &mut Survey| change(survey.interface.as_mut().unwrap());
    let cases: Vec<(Grade, &str, Change)> = vec![
        (Grade::Error, "is down", Box::new(at(|seen| seen.is_up = false))),
        (Grade::Error, "does not carry", Box::new(at(|seen| seen.carries = Some(false)))),
        (Grade::Error, "has not the address", Box::new(at(|seen| seen.addresses.clear()))),
        (Grade::Error, "/16, and `subnet` says /24", Box::new(at(|seen| seen.addresses[0].1 = 16))),
        (Grade::Error, "packets of 1400 bytes", Box::new(at(|seen| seen.mtu = 1400))),
        (Grade::Warning, "packets of 9000 bytes", Box::new(at(|seen| seen.mtu = 9000))),
        (Grade::Warning, "not synchronised", Box::new(|survey: &mut Survey| survey.clock_is_kept = false)),
        (Grade::Error, "before the day", Box::new(|survey: &mut Survey| survey.clock_is_behind = true)),
        (Grade::Warning, "1023 MiB are free", Box::new(|survey: &mut Survey| survey.room = Some(ROOM - 1))),
        (
            Grade::Error,
            "another one answers: dnsmasq",
            Box::new(|survey: &mut Survey| survey.rivals = Some(vec![Rival("dnsmasq".into())])),
        ),
        (
            Grade::Warning,
            "not looked at: no right",
            Box::new(|survey: &mut Survey| survey.unseen = vec![("x".into(), "no right".into())]),
        ),
        (
            Grade::Error,
            "is in use by dnsmasq on 0.0.0.0",
            Box::new(|survey: &mut Survey| {
                let (protocol, address, port) = ("udp", Ipv4Addr::UNSPECIFIED, 67);
                survey.listeners = vec![Listener { protocol, address, port, program: Some("dnsmasq".into()) }];
            }),
        ),
        (
            Grade::Error,
            "no rule names udp 67, udp 69",
            Box::new(move |survey: &mut Survey| {
                survey.filter =
                    Some(Filter { iptables: ":INPUT DROP [0:0]".into(), interface: card, ..Filter::default() });
            }),
        ),
    ];
    for (grade, says, change) in cases {
        let (found, told) = one(&site, change);
        assert_eq!(found, grade, "{told}");
        assert!(told.contains(says), "{told}");
    }
    let gone = one(&site, |survey| (survey.interface, survey.interfaces) = (None, vec!["eth7".into()]));
    assert!(gone.1.contains("there is no interface"), "{gone:?}");
}

#[test]
fn ports_of_other_addresses_and_of_our_own_daemon_are_not_in_the_way() {
    let site = paper_site();
    let listener = |address: [u8; 4]| Listener { protocol: "udp", address: address.into(), port: 53, program: None };
    let mut survey = Survey { listeners: vec![listener([127, 0, 0, 53])], ..well(&site) };
    assert!(faults(&site, &survey).is_empty());
    survey.listeners = vec![listener(site.server.address.octets())];
    assert!(faults(&site, &survey)[0].1.contains("udp 53 (names) is in use by another program"));
    survey.serves = true;
    assert!(faults(&site, &survey).is_empty());
}

#[test]
fn beside_another_server_its_silence_is_the_fault() {
    let mut site = paper_site();
    site.server.dhcp = DhcpMode::Proxy;
    assert!(one(&site, |_| ()).1.contains("no other server answers"));
    let mut survey = well(&site);
    survey.rivals = Some(vec![Rival("192.168.0.9".into())]);
    assert!(faults(&site, &survey).is_empty());
}

#[test]
fn a_network_behind_a_router_needs_a_route_by_the_provisioning_interface() {
    let site = behind_a_router(paper_site(), "compute4");
    let subnet = site.routed[0].subnet;
    let way = |interface: Option<&str>, answers: bool| {
        let relays = vec![(Ipv4Addr::new(10, 0, 2, 1), Some(answers))];
        vec![Way { subnet, interface: interface.map(Into::into), relays }]
    };
    let own = site.server.interface.clone();
    assert!(one(&site, |survey| survey.ways = way(None, true)).1.contains("no route to 10.0.2.0/24"));
    assert!(one(&site, |survey| survey.ways = way(Some("wlan0"), true)).1.contains("is reached by `wlan0`"));
    assert!(one(&site, |survey| survey.ways = way(Some(&own), false)).1.contains("10.0.2.1 does not answer"));
    let survey = Survey { ways: way(Some(&own), true), ..well(&site) };
    assert!(faults(&site, &survey).is_empty());
}

const NOTHING: [u16; 0] = [];

/// What the filter drops of three ports of nodes.
fn dropped(iptables: &str, nft: &str) -> Vec<u16> {
    let filter = Filter { iptables: iptables.into(), nft: nft.into(), interface: "eth0".into() };
    [("udp", 67), ("udp", 69), ("tcp", 80)]
        .into_iter()
        .filter(|(p, port)| filter.drops(p, *port))
        .map(|(_, port)| port)
        .collect()
}

#[test]
fn rules_of_iptables_are_read_in_their_order() {
    assert_eq!(dropped("", ""), NOTHING);
    assert_eq!(dropped(":INPUT ACCEPT [0:0]", ""), NOTHING);
    let el6 = ":INPUT ACCEPT [0:0]\n-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n\
               -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited";
    assert_eq!(dropped(el6, ""), [67, 69]);
    let open = ":INPUT DROP [0:0]\n-A INPUT -i eth0 -j ACCEPT";
    assert_eq!(dropped(open, ""), NOTHING);
    assert_eq!(dropped(&open.replace("eth0", "eth1"), ""), [67, 69, 80]);
    assert_eq!(dropped(":INPUT DROP [0:0]\n-A INPUT -p udp -m multiport --dports 67:69 -j ACCEPT", ""), [80]);
    assert_eq!(dropped(":INPUT DROP [0:0]\n-A INPUT -j ufw-before-input", ""), NOTHING, "in doubt it is let in");
}

#[test]
fn rules_of_nft_are_read_with_their_policy_and_their_last_rule() {
    let nft = |policy: &str, rules: &str| {
        format!(
            "table inet filter {{\n\tchain input {{\n\t\ttype filter hook input priority filter; policy {policy};\n{rules}\t}}\n}}\n"
        )
    };
    assert_eq!(dropped("", &nft("accept", "")), NOTHING);
    let kept = "\t\tct state established,related accept\n\t\tiifname \"lo\" accept\n";
    assert_eq!(dropped("", &nft("drop", kept)), [67, 69, 80]);
    assert_eq!(dropped("", &nft("accept", &format!("{kept}\t\treject with icmpx admin-prohibited\n"))), [67, 69, 80]);
    assert_eq!(dropped("", &nft("drop", "\t\tudp dport { 67, 69 } accept\n")), [80]);
    assert_eq!(dropped("", &nft("drop", "\t\tudp dport 60-70 accept\n\t\ttcp dport 80 accept\n")), NOTHING);
    assert_eq!(dropped("", &nft("drop", "\t\tiifname \"eth0\" accept\n")), NOTHING);
    assert_eq!(dropped("", &nft("drop", "\t\tjump other\n")), NOTHING, "in doubt it is let in");
}

#[test]
fn zones_of_firewalld_are_those_of_the_interface() {
    let ruleset = |zone: &str, allowed: &str| {
        format!(
            "table inet firewalld {{\n\tchain filter_INPUT {{\n\t\ttype filter hook input priority filter + 10; policy accept;\n\
             \t\tjump filter_INPUT_ZONES\n\t\treject with icmpx admin-prohibited\n\t}}\n\tchain filter_INPUT_ZONES {{\n\
             \t\tiifname \"eth0\" goto filter_IN_{zone}\n\t\tgoto filter_IN_public\n\t}}\n\
             \tchain filter_IN_{zone}_allow {{\n\t\ttcp dport 22 accept\n{allowed}\t}}\n}}\n"
        )
    };
    assert_eq!(dropped("", &ruleset("public", "")), [67, 69, 80]);
    assert_eq!(dropped("", &ruleset("internal", "\t\tudp dport 69 accept\n\t\ttcp dport 80 accept\n")), [67]);
    assert_eq!(dropped("", &ruleset("trusted", "")), NOTHING);
}

#[test]
fn bmcs_are_told_by_their_reasons_and_stop_no_installation() {
    let site = paper_site();
    let fails = |why: &str| BmcAnswer::Fails(why.into(), "do something".into());
    let survey = Survey {
        bmcs: [
            ("a", BmcAnswer::Answers),
            ("b", fails("refuses its account")),
            ("c", fails("does not answer")),
            ("d", fails("refuses its account")),
            ("e", BmcAnswer::Unasked),
        ]
        .map(|(node, said)| (node.to_string(), said))
        .to_vec(),
        ..well(&site)
    };
    let told = |grade, says: &str| (grade, format!("BMCs: {says}"));
    let expected =
        [told(Grade::Warning, "b and 1 more: refuses its account"), told(Grade::Warning, "c: does not answer")];
    assert_eq!(faults(&site, &survey), expected);
    let well: Vec<_> =
        judge(&site, &survey).into_iter().filter(|one| one.grade == Grade::Ok && one.about == "BMCs").collect();
    assert_eq!(well.len(), 2, "{well:?}");
    assert!(well[0].says == "1 answer" && well[1].says.contains("IPMI"), "{well:?}");
}
