//! What a person should look at now, each until it is over. Alarms are told in the log once, and stand in `status`, the
//! metrics and the notifications as long as they ring. In memory only: whoever raises one sees the cause again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::clock::unix_now;

/// Alarms that ring at the same time; more of a kind say nothing new.
const MOST: usize = 64;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Alarm {
    /// One word, the same for all alarms of its kind: `rival`, `passive`, `disk-full`.
    pub kind: String,
    /// What it is about, for example an address.
    pub subject: String,
    /// What is wrong and what to do, in words.
    pub text: String,
    /// Since when it rings, in Unix seconds.
    pub since: u64,
}

/// What became of an alarm that was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raised {
    /// It rings from now on.
    New,
    /// It rang already, or too many others do.
    Known,
}

type Ringing = BTreeMap<(String, String), Alarm>;

/// All that ring.
pub struct Alarms(watch::Sender<Ringing>);

impl Default for Alarms {
    fn default() -> Self {
        Self(watch::Sender::new(Ringing::new()))
    }
}

impl Alarms {
    /// Rings until [`Alarms::clear`]. The newest text counts; only the first one is logged. Returns what became of it.
    pub(crate) fn raise(&self, kind: &str, subject: &str, text: impl Into<String>) -> Raised {
        let (key, text) = ((kind.to_string(), subject.to_string()), text.into());
        let mut raised = Raised::Known;
        self.0.send_if_modified(|ringing| {
            let since = match ringing.get(&key) {
                Some(alarm) if alarm.text == text => return false,
                Some(alarm) => alarm.since,
                None if ringing.len() >= MOST => return false,
                None => {
                    tracing::error!(kind, "ALARM: {text}");
                    raised = Raised::New;
                    unix_now()
                }
            };
            let alarm = Alarm { kind: kind.into(), subject: subject.into(), text, since };
            ringing.insert(key, alarm);
            true
        });
        raised
    }

    /// Ends an alarm, if it rings.
    pub(crate) fn clear(&self, kind: &str, subject: &str) {
        self.0.send_if_modified(|ringing| {
            let ended = ringing.remove(&(kind.to_string(), subject.to_string()));
            if let Some(alarm) = &ended {
                tracing::info!(kind, "the alarm is over: {}", alarm.text);
            }
            ended.is_some()
        });
    }

    /// What rings now, by kind and subject.
    pub(crate) fn ringing(&self) -> Vec<Alarm> {
        self.0.borrow().values().cloned().collect()
    }

    /// Changes whenever an alarm begins or ends.
    pub(crate) fn changes(&self) -> watch::Receiver<BTreeMap<(String, String), Alarm>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_rings_until_it_is_over_and_a_storm_of_them_is_bounded() {
        let alarms = Alarms::default();
        assert_eq!(alarms.raise("rival", "192.168.0.9", "a second server"), Raised::New);
        assert_eq!(alarms.raise("rival", "192.168.0.9", "a second server, seen again"), Raised::Known);
        alarms.raise("disk-full", "state", "no room");
        let texts = || alarms.ringing().into_iter().map(|alarm| alarm.text).collect::<Vec<_>>();
        assert_eq!(texts(), ["no room", "a second server, seen again"]);
        alarms.clear("disk-full", "state");
        alarms.clear("disk-full", "state");
        assert_eq!(texts(), ["a second server, seen again"]);
        for number in 0..1000 {
            alarms.raise("rival", &number.to_string(), "forged");
        }
        assert_eq!(alarms.ringing().len(), MOST);
    }
}
