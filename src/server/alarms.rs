//! What a person should look at now. An active alarm is logged once, and appears in `status`, the metrics and the
//! notifications until it is over. Alarms are kept in memory only: whoever raises one will observe its cause again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::clock::unix_now;

/// The largest number of alarms that are active at the same time; more of one kind would say nothing new.
const MAX_ALARMS: usize = 64;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Alarm {
    /// The kind in one word: `rival`, `passive`, `disk-full`.
    pub kind: String,
    /// What the alarm is about, for example an address.
    pub subject: String,
    /// What is wrong and what to do, in words.
    pub text: String,
    /// Since when it is active, in Unix seconds.
    pub since: u64,
}

/// Whether a raised alarm is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raised {
    /// The alarm became active with this call.
    New,
    /// The alarm was already active, or too many others are.
    Known,
}

type Ringing = BTreeMap<(String, String), Alarm>;

/// All active alarms.
pub struct Alarms(watch::Sender<Ringing>);

impl Default for Alarms {
    fn default() -> Self {
        Self(watch::Sender::new(Ringing::new()))
    }
}

impl Alarms {
    /// Raises an alarm until [`Alarms::clear`]. A later text replaces an earlier one, but only the first one is logged.
    /// Says whether the alarm is new.
    pub(crate) fn raise(&self, kind: &str, subject: &str, text: impl Into<String>) -> Raised {
        let (key, text) = ((kind.to_string(), subject.to_string()), text.into());
        let mut raised = Raised::Known;
        self.0.send_if_modified(|ringing| {
            let since = match ringing.get(&key) {
                Some(alarm) if alarm.text == text => return false,
                Some(alarm) => alarm.since,
                None if ringing.len() >= MAX_ALARMS => return false,
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

    /// Ends an alarm if it is active.
    pub(crate) fn clear(&self, kind: &str, subject: &str) {
        self.0.send_if_modified(|ringing| {
            let ended = ringing.remove(&(kind.to_string(), subject.to_string()));
            if let Some(alarm) = &ended {
                tracing::info!(kind, "the alarm is over: {}", alarm.text);
            }
            ended.is_some()
        });
    }

    /// The active alarms, by kind and subject.
    pub(crate) fn ringing(&self) -> Vec<Alarm> {
        self.0.borrow().values().cloned().collect()
    }

    /// A receiver that changes whenever an alarm begins or ends.
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
        assert_eq!(alarms.ringing().len(), MAX_ALARMS);
    }
}
