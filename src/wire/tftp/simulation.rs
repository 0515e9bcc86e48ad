//! A client, a bad network and a clock for the transfer: whatever is lost, duplicated or reordered, it ends within
//! bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::packet::DATA_HEADER_BYTES;
use super::*;

/// What the network does to one packet.
#[derive(Debug, Clone, Copy)]
struct Fate {
    is_lost: bool,
    is_doubled: bool,
    delay: Duration,
}

/// The network: it applies the fates to the packets in turn, then does no more harm. Packets are ordered by time of
/// arrival.
struct Network {
    fates: std::vec::IntoIter<Fate>,
    in_flight: BTreeMap<(Duration, usize), Vec<u8>>,
    carried: usize,
}

impl Network {
    fn new(fates: Vec<Fate>) -> Self {
        Self { fates: fates.into_iter(), in_flight: BTreeMap::new(), carried: 0 }
    }

    fn carry(&mut self, packet: &[u8], now: Duration) {
        self.carried += 1;
        let kind = Fate { is_lost: false, is_doubled: false, delay: Duration::from_micros(300) };
        let fate = self.fates.next().unwrap_or(kind);
        for copy in 0..if fate.is_lost { 0 } else { 1 + u32::from(fate.is_doubled) } {
            let arrival = now + fate.delay * (copy + 1);
            self.in_flight.insert((arrival, self.carried * 2 + copy as usize), packet.to_vec());
        }
    }

    fn next_arrival(&self) -> Duration {
        self.in_flight.keys().next().map_or(Duration::MAX, |(time, _)| *time)
    }

    fn deliver(&mut self) -> Vec<u8> {
        self.in_flight.pop_first().expect("called when a packet is due").1
    }
}

/// A client as RFC 7440 describes it, of the talkative kind: it answers each packet out of order with the last ACK.
struct Client {
    blksize: usize,
    windowsize: u64,
    has_oack: bool,
    received: Vec<u8>,
    last_in_order: u64,
    since_ack: u64,
    is_finished: bool,
}

impl Client {
    fn receive(&mut self, packet: &[u8]) -> Option<[u8; 4]> {
        let ack = |block: u64| {
            let [high, low] = (block as u16).to_be_bytes();
            Some([0, 4, high, low])
        };
        if packet[1] == 6 {
            self.has_oack = true;
            return (self.last_in_order == 0).then(|| ack(0)).flatten();
        }
        assert!(self.has_oack, "DATA before the OACK was acknowledged");
        let block = u16::from_be_bytes([packet[2], packet[3]]);
        if block != (self.last_in_order + 1) as u16 || self.is_finished {
            self.since_ack = 0;
            return ack(self.last_in_order);
        }
        self.last_in_order += 1;
        self.since_ack += 1;
        self.received.extend(&packet[DATA_HEADER_BYTES..]);
        self.is_finished = packet.len() - DATA_HEADER_BYTES < self.blksize;
        if self.is_finished || self.since_ack == self.windowsize {
            self.since_ack = 0;
            return ack(self.last_in_order);
        }
        None
    }
}

/// The result of a simulated transfer.
struct Run {
    ending: Ending,
    received: Vec<u8>,
    packets_sent: usize,
    elapsed: Duration,
}

fn simulate(content: &[u8], options: &str, down: Vec<Fate>, up: Vec<Fate>) -> Run {
    let packet = format!("\0\x01f\0octet\0{}\0", options.replace(' ', "\0"));
    let request = Request::parse(packet.as_bytes()).unwrap();
    let mut transfer = Transfer::new(&request, content.len() as u64, Limits::for_mtu(1500));
    let agreed = transfer.agreed().clone();
    let mut client = Client {
        blksize: agreed.blksize.into(),
        windowsize: agreed.windowsize.into(),
        has_oack: !agreed.has_oack(),
        received: Vec::new(),
        last_in_order: 0,
        since_ack: 0,
        is_finished: false,
    };
    let (mut down, mut up) = (Network::new(down), Network::new(up));
    let mut now = Duration::ZERO;
    let mut action = transfer.start(now);
    loop {
        match action {
            Action::SendOack => down.carry(&transfer.oack(), now),
            Action::SendBlocks(blocks) => {
                for block in blocks {
                    let bytes = transfer.bytes_of(block);
                    let bytes = &content[bytes.start as usize..bytes.end as usize];
                    down.carry(&[&data_header(block), bytes].concat(), now);
                }
            }
            Action::Wait => {}
            Action::End(ending) => {
                return Run { ending, received: client.received, packets_sent: down.carried, elapsed: now };
            }
        }
        action = Action::Wait;
        let next = down.next_arrival().min(up.next_arrival()).min(transfer.deadline());
        now = now.max(next);
        if next == down.next_arrival() {
            if let Some(answer) = client.receive(&down.deliver()) {
                up.carry(&answer, now);
            }
        } else if next == up.next_arrival() {
            action = transfer.on_packet(&up.deliver(), now);
        } else {
            action = transfer.on_timeout(now);
        }
    }
}

fn fates(loss_percent: u32) -> impl Strategy<Value = Vec<Fate>> {
    let fate = (0u32..100, 0u32..100, 50u64..4000).prop_map(move |(lost, doubled, delay)| Fate {
        is_lost: lost < loss_percent,
        is_doubled: doubled < 10,
        delay: Duration::from_micros(delay),
    });
    prop::collection::vec(fate, 0..600)
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251) as u8).collect()
}

fn any_options() -> impl Strategy<Value = String> {
    let options = (8u16..2000, 1u16..80, any::<bool>());
    prop_oneof![
        Just(String::new()),
        options.prop_map(|(blksize, windowsize, timeout)| {
            let timeout = if timeout { " timeout 1" } else { "" };
            format!("tsize 0 blksize {blksize} windowsize {windowsize}{timeout}")
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_transfer_over_a_bad_network_arrives_whole(
        len in 0usize..30_000, options in any_options(), down in fates(20), up in fates(20),
    ) {
        let content = content(len);
        let run = simulate(&content, &options, down, up);
        // With 20 % loss, five losses of one packet in a row do happen; the transfer then ends as lost, but it ends.
        prop_assert!(matches!(run.ending, Ending::Finished | Ending::Unconfirmed | Ending::Vanished), "{:?}", run.ending);
        match run.ending {
            Ending::Finished => prop_assert!(run.received == content, "{} of {len} bytes", run.received.len()),
            _ => prop_assert!(content.starts_with(&run.received)),
        }
    }

    #[test]
    fn light_loss_never_ends_a_transfer_and_costs_few_packets(
        len in 0usize..60_000, windowsize in 1u16..64, down in fates(2), up in fates(2),
    ) {
        let content = content(len);
        let run = simulate(&content, &format!("blksize 1024 windowsize {windowsize}"), down.clone(), up.clone());
        let blocks = len / 1024 + 1;
        prop_assert!(matches!(run.ending, Ending::Finished | Ending::Unconfirmed), "{:?}", run.ending);
        prop_assert!(run.received == content);
        let harmed = down.iter().chain(&up).count();
        let most = 2 + blocks + (harmed.min(4 * blocks) + 12) * usize::from(windowsize);
        prop_assert!(run.packets_sent <= most, "{} packets for {blocks} blocks", run.packets_sent);
    }

    #[test]
    fn dead_network_gets_at_most_six_copies_of_anything(
        len in 0usize..30_000, options in any_options(), alive in 0usize..40,
    ) {
        let dead = Fate { is_lost: true, is_doubled: false, delay: Duration::ZERO };
        let kind = Fate { is_lost: false, is_doubled: false, delay: Duration::from_micros(300) };
        let run = simulate(&content(len), &options, vec![], [vec![kind; alive], vec![dead; 100_000]].concat());
        prop_assert!(run.packets_sent <= (alive + 6) * 64 + 1, "{}", run.packets_sent);
        prop_assert!(run.elapsed < Duration::from_secs(60), "{:?}", run.elapsed);
    }
}

#[test]
fn doubled_packets_on_a_good_network_cost_a_lock_step_transfer_nothing() {
    let doubled = Fate { is_lost: false, is_doubled: true, delay: Duration::from_micros(300) };
    let run = simulate(&content(50_000), "", vec![doubled; 1000], vec![doubled; 1000]);
    assert_eq!((run.ending, run.packets_sent), (Ending::Finished, 98));
}

#[test]
fn every_hundredth_packet_lost_costs_milliseconds_with_a_window() {
    let fate = |at| Fate { is_lost: at % 100 == 37, is_doubled: false, delay: Duration::from_micros(500) };
    let run = simulate(&content(1_000_000), "blksize 1468 windowsize 16", (0..900).map(fate).collect(), vec![]);
    assert_eq!(run.ending, Ending::Finished);
    assert!(run.elapsed < Duration::from_millis(200), "{:?} for 43 windows of 1 ms", run.elapsed);
    assert!(run.packets_sent < 800, "{} packets for 682 blocks", run.packets_sent);
}
