//! SNTP, the server's side (RFC 4330 section 6, with the fields of RFC 5905 section 7.3): one request, one answer that
//! is never longer. There is no clock here: the caller passes the time and what the kernel says about it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes of every answer: the header alone, without the extension fields and the digest that a request may have.
pub(crate) const LENGTH: usize = 48;
/// The stratum of a clock that was never synchronised to another, as is usual for servers in an isolated network.
const LOCAL_STRATUM: u8 = 10;
/// The stratum of a clock that another daemon of this machine keeps synchronised. The kernel does not know how many
/// hops away the time source is, so the number is high enough that no node prefers this server to one that knows.
const KEPT_STRATUM: u8 = 5;
/// "Unsynchronised": the number on the wire that stands for stratum 16 (RFC 5905, figure 11).
const NO_STRATUM: u8 = 0;
/// The reference ID of a clock without a source: the address of the local clock's driver.
const LOCAL_REFERENCE: [u8; 4] = [127, 127, 1, 1];
/// The kiss code of a server that has no time to give (RFC 5905, figure 13).
const NO_REFERENCE: [u8; 4] = *b"INIT";
/// Reading a clock takes less than 2^-20 s, about a microsecond.
const PRECISION: i8 = -20;
/// Root dispersion of a local clock: the delay between its reading and the wire.
const LOCAL_DISPERSION: Duration = Duration::from_millis(1);
/// Seconds from the NTP epoch, 1900, to the Unix epoch.
const ERA: u64 = 2_208_988_800;
/// A clock that shows a time before 2025-01-01 is wrong on any machine that runs this program.
const FIRST_BELIEVABLE: Duration = Duration::from_secs(1_735_689_600);
const CLIENT: u8 = 3;
const SERVER: u8 = 4;

/// What the kernel says about this machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The leap second that is announced for the end of the day.
    pub leap: Leap,
    /// How far the clock may be off.
    pub max_error: Duration,
}

/// The leap indicator (RFC 5905, figure 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leap {
    /// No leap second is announced.
    None = 0,
    /// The last minute of the day has 61 seconds.
    Insert = 1,
    /// The last minute of the day has 59 seconds.
    Delete = 2,
    /// The clock is not synchronised.
    Unknown = 3,
}

/// How far others may trust this machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// A daemon of this machine keeps it synchronised.
    Kept(Kept),
    /// No daemon keeps it synchronised, but all clients of this server agree with each other.
    Local,
    /// No daemon keeps it synchronised, or it is plainly wrong: clients must not trust it.
    Unsynchronised,
}

impl Clock {
    /// Classifies the clock. `kept` is `None` where no daemon keeps it synchronised; `serves_local` says whether such a
    /// clock is good enough for the nodes.
    pub(crate) fn classify(kept: Option<Kept>, serves_local: bool, now: SystemTime) -> Self {
        let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        match kept {
            Some(kept) => Self::Kept(kept),
            None if serves_local && since_1970 >= FIRST_BELIEVABLE => Self::Local,
            None => Self::Unsynchronised,
        }
    }

    fn fields(self) -> (Leap, u8, Duration, [u8; 4]) {
        match self {
            Self::Kept(Kept { leap, max_error }) => (leap, KEPT_STRATUM, max_error, LOCAL_REFERENCE),
            Self::Local => (Leap::None, LOCAL_STRATUM, LOCAL_DISPERSION, LOCAL_REFERENCE),
            Self::Unsynchronised => (Leap::Unknown, NO_STRATUM, Duration::from_secs(16), NO_REFERENCE),
        }
    }
}

/// The answer to a request that came in at `received` and is answered at `now`; `None` for anything but a complete
/// client request, so that an answer can never be answered.
pub(crate) fn answer(request: &[u8], clock: Clock, received: SystemTime, now: SystemTime) -> Option<[u8; LENGTH]> {
    let request = request.first_chunk::<LENGTH>()?;
    let (version, mode) = (request[0] >> 3 & 7, request[0] & 7);
    if mode != CLIENT || !(1..=4).contains(&version) {
        return None;
    }
    let (leap, stratum, dispersion, reference) = clock.fields();
    let mut answer = [0; LENGTH];
    answer[0] = (leap as u8) << 6 | version << 3 | SERVER;
    answer[1] = stratum;
    answer[2] = request[2]; // the poll interval of the client
    answer[3] = PRECISION.to_be_bytes()[0];
    answer[8..12].copy_from_slice(&short(dispersion).to_be_bytes());
    answer[12..16].copy_from_slice(&reference);
    // The reference timestamp: when the clock was last known to have this stratum, which is when the kernel was asked,
    // just before.
    let known = if clock == Clock::Unsynchronised { 0 } else { timestamp(received) };
    answer[16..24].copy_from_slice(&known.to_be_bytes());
    answer[24..32].copy_from_slice(&request[40..48]); // its transmit timestamp is our originate timestamp
    answer[32..40].copy_from_slice(&timestamp(received).to_be_bytes());
    answer[40..48].copy_from_slice(&timestamp(now).to_be_bytes());
    Some(answer)
}

/// 32 bits of seconds, which wrap around in 2036, and 32 bits of their fraction (RFC 5905 section 6).
fn timestamp(at: SystemTime) -> u64 {
    let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    (since_1970.as_secs().wrapping_add(ERA) << 32) | fraction
}

/// 16 bits of seconds and 16 of their fraction.
fn short(duration: Duration) -> u32 {
    u32::try_from((duration.as_nanos() << 16) / 1_000_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn request(first: u8) -> Vec<u8> {
        let mut bytes = vec![0; LENGTH];
        bytes[0] = first;
        bytes[2] = 6;
        bytes[40..].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        bytes
    }

    const KEPT: Kept = Kept { leap: Leap::Insert, max_error: Duration::from_millis(250) };

    #[test]
    fn the_answer_echoes_version_poll_and_the_clients_own_timestamp() {
        for version in 1..=4 {
            let reply = answer(&request(version << 3 | 3), Clock::Kept(KEPT), at(1_800_000_000), at(1_800_000_001));
            let reply = reply.unwrap();
            assert_eq!(reply[0], 1 << 6 | version << 3 | 4, "leap, version, mode");
            assert_eq!((reply[1], reply[2], reply[3]), (5, 6, 0xec));
            assert_eq!(reply[4..8], [0; 4], "root delay");
            assert_eq!(reply[8..12], [0, 0, 0x40, 0], "a quarter of a second");
            assert_eq!(reply[24..32], [1, 2, 3, 4, 5, 6, 7, 8]);
            let seconds = |from: usize| u64::from(u32::from_be_bytes(reply[from..from + 4].try_into().unwrap())) - ERA;
            assert_eq!([16, 32, 40].map(seconds), [1_800_000_000, 1_800_000_000, 1_800_000_001]);
        }
    }

    #[test]
    fn a_clock_that_nobody_keeps_is_a_local_one_or_says_that_it_is_none() {
        let now = at(1_800_000_000);
        let first_bytes = |clock| answer(&request(0x23), clock, now, now).unwrap()[..2].to_vec();
        assert_eq!(Clock::classify(Some(KEPT), false, now), Clock::Kept(KEPT));
        assert_eq!(first_bytes(Clock::classify(None, true, now)), [0x24, 10]);
        assert_eq!(first_bytes(Clock::classify(None, false, now)), [0xe4, 0]);
        assert_eq!(Clock::classify(None, true, at(86_400)), Clock::Unsynchronised, "a battery ran empty");
    }

    #[test]
    fn the_fraction_and_the_era_of_2036_are_right() {
        assert_eq!(timestamp(at(0) + Duration::from_millis(500)), (ERA << 32) + (1 << 31));
        assert_eq!(timestamp(at((1 << 32) - ERA + 7)), 7 << 32);
    }

    proptest! {
        #[test]
        fn nothing_but_a_clients_request_is_answered_and_never_by_more_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..120)
        ) {
            let reply = answer(&bytes, Clock::Local, at(1_800_000_000), at(1_800_000_000));
            let is_request = bytes.len() >= LENGTH && bytes[0] & 7 == 3 && (1..=4).contains(&(bytes[0] >> 3 & 7));
            prop_assert_eq!(reply.is_some(), is_request);
            if let Some(reply) = reply {
                prop_assert!(reply.len() <= bytes.len());
                prop_assert_eq!(answer(&reply, Clock::Local, at(0), at(0)), None);
            }
        }
    }
}
