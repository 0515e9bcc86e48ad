//! How long to wait for an answer: measured round trips (RFC 6298), doubled twice after every silence.

use std::time::Duration;

/// The wait before anything is measured. Firmware is slow to start, and a spare packet does no harm.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The shortest wait before the first packet that is sent again: a packet too many does no harm, and of a file in lock step
/// each lost packet costs one such wait.
const MIN_WAIT: Duration = Duration::from_millis(30);
/// The shortest wait that later ones are multiples of: with less, a client that writes its flash or draws its screen would
/// look dead.
const MIN_LATER: Duration = Duration::from_millis(50);
/// The longest wait that the server chooses itself.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// Each silence multiplies the wait by this: five retransmissions span 20 s, longer than a firmware's longest pause,
/// and still the first comes after 30 ms.
const BACKOFF: u32 = 4;
/// Added to the round trip before a repeated ACK counts as a loss and not as a duplicate. With less, every echo of a
/// window that was sent twice to a busy machine would count as a loss, and the next window would be sent twice as well.
const JITTER: Duration = Duration::from_millis(5);

/// The timing of one transfer. It holds no clock.
#[derive(Debug, Clone)]
pub(super) struct RoundTrip {
    /// RFC 2349: the timeout that the client asked for, which then replaces all measuring.
    asked: Option<Duration>,
    /// Smoothed round trip and its mean deviation.
    measured: Option<(Duration, Duration)>,
    /// The factor of the current silence. It stays until a round trip is measured (Karn's algorithm); otherwise a
    /// client that became slower than the wait would get every block twice for ever.
    backoff: u32,
}

impl RoundTrip {
    pub(super) fn new(asked: Option<Duration>) -> Self {
        Self { asked, measured: None, backoff: 1 }
    }

    /// Takes a measured round trip. It must come from packets that were sent once: otherwise it is unknown which copy
    /// was answered.
    pub(super) fn measure(&mut self, sample: Duration) {
        let (smoothed, deviation) = match self.measured {
            None => (sample, sample / 2),
            Some((smoothed, deviation)) => {
                ((smoothed * 7 + sample) / 8, (deviation * 3 + smoothed.abs_diff(sample)) / 4)
            }
        };
        self.measured = Some((smoothed, deviation));
        self.backoff = 1;
    }

    /// Records that the wait ended in silence.
    pub(super) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_mul(BACKOFF);
    }

    /// How long to wait before sending the same packets again.
    pub(super) fn wait(&self) -> Duration {
        if let Some(asked) = self.asked {
            return asked;
        }
        let base = self.measured.map_or(FIRST_WAIT, |(smoothed, deviation)| smoothed + deviation * 4);
        let least = if self.backoff == 1 { MIN_WAIT } else { MIN_LATER };
        base.max(least).saturating_mul(self.backoff).min(LONGEST_WAIT)
    }

    /// How long after sending a window a repeated ACK must be a report of loss: earlier, it may be a duplicate that
    /// overtook the real answer.
    pub(super) fn patience(&self) -> Duration {
        let (smoothed, deviation) = self.measured.unwrap_or((MIN_WAIT, Duration::ZERO));
        (smoothed + deviation.max(JITTER)).min(self.wait())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn wait_follows_the_measured_round_trip_between_its_bounds() {
        let mut time = RoundTrip::new(None);
        assert_eq!(time.wait(), FIRST_WAIT);
        time.measure(MS);
        assert_eq!(time.wait(), MIN_WAIT);
        for _ in 0..100 {
            time.measure(400 * MS);
        }
        assert!((390 * MS..500 * MS).contains(&time.wait()), "{:?}", time.wait());
        time.measure(Duration::from_secs(3600));
        assert_eq!(time.wait(), LONGEST_WAIT);
    }

    #[test]
    fn silence_makes_the_wait_longer_until_an_answer_is_measured() {
        let mut time = RoundTrip::new(None);
        time.measure(MS);
        let waits: Vec<_> = std::iter::repeat_with(|| (time.wait(), time.back_off()).0).take(6).collect();
        assert_eq!(waits, [30 * MS, 200 * MS, 800 * MS, 3200 * MS, LONGEST_WAIT, LONGEST_WAIT]);
        time.measure(MS);
        assert_eq!(time.wait(), MIN_WAIT);
    }

    #[test]
    fn timeout_of_the_client_is_kept_to_the_letter() {
        let mut time = RoundTrip::new(Some(Duration::from_secs(3)));
        time.measure(MS);
        time.back_off();
        assert_eq!(time.wait(), Duration::from_secs(3));
    }
}
