//! Inputs that found a fault once, or reach code that no other input reaches: `tests/long/fuzz` looks for them, and
//! each run of the tests replays them. And DHCP packets out of dice, FUZZ_DHCP_PACKETS of them (10,000), from
//! FUZZ_DHCP_SEED on (0).

mod packets;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use rackstart::wire::dhcp::{Answer, MessageKind, Request};

use crate::support::dice::Dice;

#[test]
fn every_kept_input_is_taken_without_a_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz");
    for (name, target) in targets::TARGETS {
        let entries = std::fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut count = 0;
        for entry in entries {
            let path = entry.unwrap().path();
            let input = std::fs::read(&path).unwrap();
            let outcome = std::panic::catch_unwind(|| target(&input));
            assert!(outcome.is_ok(), "{}: the target {name} panics", path.display());
            count += 1;
        }
        assert!(count >= 10, "{name}: only {count} kept inputs");
    }
}

/// What a run of packets has reached.
#[derive(Default)]
struct Reached {
    packets: u64,
    parsed: u64,
    kinds: BTreeMap<String, u64>,
    options: BTreeSet<u8>,
    answers: BTreeMap<String, u64>,
}

impl Reached {
    fn note(&mut self, packet: &[u8], answers: &[Answer]) {
        for answer in answers {
            *self.answers.entry(word(answer)).or_default() += 1;
        }
        self.packets += 1;
        let Ok(request) = Request::read(packet) else { return };
        self.parsed += 1;
        let kind = if let MessageKind::Other(_) = request.kind { "other".into() } else { request.kind.to_string() };
        *self.kinds.entry(kind).or_default() += 1;
        self.options.extend(options(&packet[240..]));
    }

    fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.parsed += other.parsed;
        self.options.extend(other.options);
        for (mine, others) in [(&mut self.kinds, other.kinds), (&mut self.answers, other.answers)] {
            others.into_iter().for_each(|(word, count)| *mine.entry(word).or_default() += count);
        }
    }
}

/// The numbers of the options that stand in a packet, read without the code under test.
fn options(mut area: &[u8]) -> BTreeSet<u8> {
    let mut found = BTreeSet::new();
    while let [number, rest @ ..] = area {
        area = match (number, rest) {
            (0, rest) => rest,
            (255, _) => break,
            (number, [length, rest @ ..]) if rest.len() >= usize::from(*length) => {
                found.insert(*number);
                &rest[usize::from(*length)..]
            }
            _ => break,
        };
    }
    found
}

/// What kind of answer it is, to the reason.
fn word(answer: &Answer) -> String {
    let first = |text: String| text.chars().take_while(|c| c.is_alphanumeric()).collect::<String>();
    match answer {
        Answer::Reply(_, reply) => reply.kind.to_string(),
        Answer::Silence(_, reason) => format!("silence: {}", first(format!("{reason:?}"))),
        Answer::Malformed(malformed) => format!("malformed: {}", first(format!("{malformed:?}"))),
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn mutated_dhcp_packets_reach_every_message_type_option_and_answer_and_panic_nowhere() {
    let sites = targets::sites();
    let maker = packets::Maker::new(sites[0].nodes.iter().map(|node| node.mac.0).collect());
    let (count, seed) = (setting("FUZZ_DHCP_PACKETS", 10_000), setting("FUZZ_DHCP_SEED", 0));
    let hands = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let total = Mutex::new(Reached::default());
    std::thread::scope(|scope| {
        for hand in 0..hands {
            let (maker, total) = (&maker, &total);
            scope.spawn(move || {
                let mut reached = Reached::default();
                // A number always gives the same packet.
                for number in (seed + hand..seed + count).step_by(usize::try_from(hands).unwrap()) {
                    let packet = maker.packet(&mut Dice::new(number));
                    let site = &sites[number as usize % sites.len()];
                    let judged = std::panic::catch_unwind(|| targets::dhcp_answers(site, &packet));
                    reached.note(&packet, &judged.unwrap_or_else(|_| panic!("packet {number}: {packet:02x?}")));
                }
                total.lock().unwrap().add(reached);
            });
        }
    });
    let reached = total.into_inner().unwrap();
    println!(
        "long: {} packets from {seed} on, {} of them past parsing | 0 panics; {} of 9 kinds of message, {} options, {} kinds of answer",
        reached.packets,
        reached.parsed,
        reached.kinds.len(),
        reached.options.len(),
        reached.answers.len()
    );
    assert!(reached.parsed * 2 >= reached.packets, "only {} got past parsing", reached.parsed);
    assert_eq!(reached.kinds.len(), 9, "{:?}", reached.kinds);
    let missing: Vec<u8> = (1..255).filter(|number| !reached.options.contains(number)).collect();
    assert!(missing.is_empty(), "options that no packet had: {missing:?}");
    // Three silences are said by others: two by the lender, one by a server that is passive.
    let known = [
        "DHCPACK",
        "DHCPNAK",
        "DHCPOFFER",
        "malformed: HardwareAddress",
        "malformed: NoMagicCookie",
        "malformed: NoMessageType",
        "malformed: NotARequest",
        "malformed: TooShort",
        "silence: AddressOffSubnet",
        "silence: Boot",
        "silence: ChoseAnotherServer",
        "silence: Declined",
        "silence: ImpossibleMac",
        "silence: ImpossibleRelay",
        "silence: NamesNoAddress",
        "silence: NotForUs",
        "silence: NotOursToLend",
        "silence: RelayOffSubnet",
        "silence: Released",
        "silence: UnknownRelay",
    ];
    let words: Vec<&str> = reached.answers.keys().map(String::as_str).collect();
    assert_eq!(words, known, "{:?}", reached.answers);
}
