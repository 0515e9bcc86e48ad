//! The link between the daemon and the crowd: two tap devices with a relay between them that loses, doubles and delays
//! frames by dice. Every address of the crowd has a card of its own, 52:54 and its four bytes; the relay plays the cards,
//! since behind it one machine has all the addresses.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::support::dice::Dice;
use crate::support::network_lab::{BRIDGE, enter, run};

/// The end of the crowd.
pub const CARD: &str = "crowd0";
/// The card that has all its addresses.
const REAL_CARD: [u8; 6] = [0x52, 0x54, 10, 77, 255, 253];
/// The largest delay of a frame.
const LATE_MILLISECONDS: usize = 40;

/// What the relay did, in frames.
#[derive(Default)]
pub struct Count([AtomicU64; 4]);

impl Count {
    pub fn frames(&self) -> u64 {
        self.0[0].load(Ordering::Relaxed)
    }

    pub fn lost(&self) -> u64 {
        self.0[1].load(Ordering::Relaxed)
    }

    pub fn doubled(&self) -> u64 {
        self.0[2].load(Ordering::Relaxed)
    }

    pub fn late(&self) -> u64 {
        self.0[3].load(Ordering::Relaxed)
    }

    fn add(&self, what: usize) {
        self.0[what].fetch_add(1, Ordering::Relaxed);
    }
}

/// The link, as long as this lives.
pub struct Link {
    other_side: Child,
    pub count: Arc<Count>,
}

impl Link {
    /// Lays the link: the daemon's end is `br0` with 10.77.255.254, the other end is in a network namespace of its own
    /// and has all of 10.77.0.0/17.
    pub fn laid(seed: u64, loss: u64) -> Self {
        let here = tap(BRIDGE);
        run(&format!("ip address add 10.77.255.254/16 dev {BRIDGE}"));
        run(&format!("ip link set {BRIDGE} up"));
        Self::laid_to(here, seed, loss)
    }

    /// Lays the link to a peer that has 10.77.255.254 and reads and writes frames through `here`.
    pub fn laid_to(here: File, seed: u64, loss: u64) -> Self {
        run("ip link set lo up");
        let sleep = Command::new("unshare").args(["--net", "sleep", "7200"]).stdin(Stdio::null()).spawn();
        let link = Self { other_side: sleep.expect("unshare"), count: Arc::default() };
        // The child is in a namespace of its own once its namespace differs from ours.
        let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
        let other = format!("/proc/{}/ns/net", link.other_side.id());
        crate::support::network_lab::wait_until("there is another side", || {
            std::fs::read_link(&other).is_ok_and(|it| it != ours)
        });
        let there = link.on_the_other_side(|| {
            let there = tap(CARD);
            let mac = REAL_CARD.map(|byte| format!("{byte:02x}")).join(":");
            run("ip link set lo up");
            run(&format!("ip link set {CARD} address {mac}"));
            run(&format!("ip address add 10.77.255.253/16 dev {CARD}"));
            run(&format!("ip link set {CARD} up"));
            run(&format!("ip route add local 10.77.0.0/17 dev {CARD} table local"));
            there
        });
        let pairs = [(&here, &there, false), (&there, &here, true)];
        for (index, (from, to, from_crowd)) in pairs.into_iter().enumerate() {
            let dice = Dice::new(seed * 2 + index as u64);
            relay(from.try_clone().unwrap(), to.try_clone().unwrap(), from_crowd, dice, loss, link.count.clone());
        }
        link
    }

    /// Runs something whose sockets are on the side of the crowd.
    pub fn on_the_other_side<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.other_side.id())).expect("its namespace");
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                enter(&namespace);
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.other_side.kill();
        let _ = self.other_side.wait();
    }
}

/// Makes a tap device in the namespace of this thread; what is written to it arrives there.
#[allow(unsafe_code)]
fn tap(name: &str) -> File {
    let file = File::options().read(true).write(true).open("/dev/net/tun").expect("/dev/net/tun");
    let mut request = [0u8; 40]; // struct ifreq: a name of 16 bytes, then flags
    request[..name.len()].copy_from_slice(name.as_bytes());
    request[16..18].copy_from_slice(&((libc::IFF_TAP | libc::IFF_NO_PI) as u16).to_ne_bytes());
    // SAFETY: TUNSETIFF reads and writes one struct ifreq, which `request` is as long as.
    let made = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, request.as_mut_ptr()) };
    assert_eq!(made, 0, "TUNSETIFF: {}", std::io::Error::last_os_error());
    file
}

/// A frame that comes late: when, its number, its bytes.
type Late = Reverse<(Instant, u64, Vec<u8>)>;

/// Passes frames on, one way, as long as the process lives.
fn relay(mut from: File, to: File, from_crowd: bool, mut dice: Dice, loss: u64, count: Arc<Count>) {
    let (late, delayed) = channel();
    let slow = to.try_clone().unwrap();
    std::thread::spawn(move || sends_late(&slow, &delayed));
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_600];
        for number in 0.. {
            let Ok(length) = from.read(&mut buffer) else { return };
            let frame = &mut buffer[..length];
            play_cards(frame, from_crowd);
            count.add(0);
            if dice.percent(loss) {
                count.add(1);
                continue;
            }
            if loss > 0 && dice.percent(3) {
                count.add(2);
                let _ = (&to).write(frame);
            }
            if loss > 0 && dice.percent(20) {
                count.add(3);
                let when = Instant::now() + Duration::from_millis(dice.below(LATE_MILLISECONDS) as u64);
                let _ = late.send(Reverse((when, number, frame.to_vec())));
            } else {
                let _ = (&to).write(frame);
            }
        }
    });
}

fn sends_late(to: &File, delayed: &Receiver<Late>) {
    let mut waiting: BinaryHeap<Late> = BinaryHeap::new();
    loop {
        let wait = waiting
            .peek()
            .map_or(Duration::from_secs(3600), |Reverse((when, ..))| when.saturating_duration_since(Instant::now()));
        match delayed.recv_timeout(wait) {
            Ok(frame) => waiting.push(frame),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while waiting.peek().is_some_and(|Reverse((when, ..))| *when <= Instant::now()) {
            let Some(Reverse((_, _, frame))) = waiting.pop() else { break };
            let _ = (&*to).write(&frame);
        }
    }
}

/// The crowd's frames get the card of their address; those to any of its cards get the real one.
fn play_cards(frame: &mut [u8], from_crowd: bool) {
    let Some(kind) = frame.get(12..14).map(|kind| [kind[0], kind[1]]) else { return };
    let card = |address: &[u8]| [0x52, 0x54, address[0], address[1], address[2], address[3]];
    match (from_crowd, kind) {
        (true, [8, 0]) if frame.len() >= 34 && frame[26] == 10 => {
            let card = card(&frame[26..30]);
            frame[6..12].copy_from_slice(&card);
        }
        (true, [8, 6]) if frame.len() >= 42 => {
            let card = card(&frame[28..32]);
            frame[6..12].copy_from_slice(&card);
            frame[22..28].copy_from_slice(&card);
        }
        (false, _) if frame[..3] == [0x52, 0x54, 10] => frame[..6].copy_from_slice(&REAL_CARD),
        _ => {}
    }
}
