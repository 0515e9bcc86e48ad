//! The queue of one receiver. It is bounded; the most important messages are sent first and dropped last. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::{Message, Rank};

/// Messages that may wait for one receiver.
pub(super) const MAX_WAITING: usize = 256;
/// The pauses before a message is tried again.
pub(super) const AGAIN: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60)];

/// A message, with the number of failed attempts.
#[derive(Debug)]
pub(super) struct Entry {
    pub message: Message,
    /// Failed attempts.
    failures: usize,
    /// Not to be sent before this time.
    due: Option<Instant>,
}

/// What to do now.
#[derive(Debug)]
pub(super) enum Next {
    /// Deliver it.
    Deliver(Box<Entry>),
    /// Wait until then, or until something comes.
    Pause(Instant),
    /// Wait until something comes.
    Nothing,
}

/// The queue of one receiver: one list for each rank.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    lines: [VecDeque<Entry>; Rank::ALL.len()],
}

impl Waiting {
    /// Queues a message. Returns what was dropped for it: the newest of the least important ones, which may be this
    /// one.
    pub(super) fn push(&mut self, message: Message) -> Option<Message> {
        self.lines[message.rank() as usize].push_back(Entry { message, failures: 0, due: None });
        self.cut()
    }

    fn cut(&mut self) -> Option<Message> {
        if self.lines.iter().map(VecDeque::len).sum::<usize>() <= MAX_WAITING {
            return None;
        }
        self.lines.iter_mut().rev().find_map(VecDeque::pop_back).map(|entry| entry.message)
    }

    /// The oldest of the most important messages. While that one pauses, less important ones wait too: a receiver that
    /// cannot accept it cannot accept them.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        let Some(line) = self.lines.iter_mut().find(|line| !line.is_empty()) else { return Next::Nothing };
        match line.front().and_then(|entry| entry.due) {
            Some(due) if due > now => Next::Pause(due),
            _ => line.pop_front().map_or(Next::Nothing, |entry| Next::Deliver(Box::new(entry))),
        }
    }

    /// Puts back a message whose delivery failed, as the first of its rank. Returns how long it pauses and what was
    /// dropped for it; `None` when it was tried often enough.
    pub(super) fn again(&mut self, mut entry: Box<Entry>, now: Instant) -> Option<(Duration, Option<Message>)> {
        let pause = *AGAIN.get(entry.failures)?;
        entry.failures += 1;
        entry.due = Some(now + pause);
        self.lines[entry.message.rank() as usize].push_front(*entry);
        Some((pause, self.cut()))
    }

    /// Drops all messages; returns how many there were.
    pub(super) fn clear(&mut self) -> usize {
        self.lines.iter_mut().map(|line| line.drain(..).count()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::alarms::Alarm;

    fn message(kind: &str, subject: usize) -> Message {
        let alarm = Alarm { kind: kind.into(), subject: subject.to_string(), text: "text".into(), since: 1 };
        Message::of_alarm("testbed", &alarm)
    }

    fn names(waiting: &mut Waiting) -> Vec<String> {
        let mut names = Vec::new();
        while let Next::Deliver(entry) = waiting.next(Instant::now()) {
            let message = entry.message;
            names.push(format!("{} {}", message.event, message.subject.unwrap_or_default()));
        }
        names
    }

    #[test]
    fn the_most_important_goes_first_and_of_the_same_rank_the_oldest() {
        let mut waiting = Waiting::default();
        for (n, kind) in ["rival", "ready", "disk-full", "failed", "rival", "suspect"].into_iter().enumerate() {
            assert_eq!(waiting.push(message(kind, n)), None);
        }
        assert_eq!(names(&mut waiting), ["failed 3", "suspect 5", "disk-full 2", "ready 1", "rival 0", "rival 4"]);
    }

    #[test]
    fn of_too_many_the_newest_of_the_least_important_is_dropped() {
        let mut waiting = Waiting::default();
        for n in 0..MAX_WAITING {
            assert_eq!(waiting.push(message("rival", n)), None);
        }
        assert_eq!(waiting.push(message("rival", MAX_WAITING)), Some(message("rival", MAX_WAITING)));
        assert_eq!(waiting.push(message("failed", 7)), Some(message("rival", MAX_WAITING - 1)));
        for n in 0..MAX_WAITING {
            assert!(waiting.push(message("failed", n)).is_some(), "there are {MAX_WAITING} at most");
        }
        let names = names(&mut waiting);
        assert_eq!((names.len(), names[0].as_str()), (MAX_WAITING, "failed 7"), "a rival never drops a failed node");
        assert!(names.iter().all(|name| name.starts_with("failed")));
    }

    #[test]
    fn what_failed_pauses_and_is_passed_by_what_is_more_important() {
        let mut waiting = Waiting::default();
        let now = Instant::now();
        waiting.push(message("rival", 1));
        waiting.push(message("rival", 2));
        for pause in AGAIN {
            let Next::Deliver(entry) = waiting.next(now + 2 * AGAIN[2]) else { panic!("it is due") };
            assert_eq!(entry.message, message("rival", 1));
            assert_eq!(waiting.again(entry, now), Some((pause, None)));
            assert!(
                matches!(waiting.next(now), Next::Pause(due) if due == now + pause),
                "the second one waits behind it"
            );
        }
        waiting.push(message("suspect", 3));
        assert!(matches!(waiting.next(now), Next::Deliver(entry) if entry.message == message("suspect", 3)));
        let Next::Deliver(entry) = waiting.next(now + AGAIN[2]) else { panic!("it is due") };
        assert_eq!(waiting.again(entry, now), None, "it was tried four times");
        assert_eq!(waiting.clear(), 1);
    }
}
