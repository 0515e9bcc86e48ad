//! The outcome of a batch of commands, computed before anything is written: each command works on what those before it
//! left.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::memory::{Draft, Memory, Write};
use super::secret_rows::{SecretWrite, Stored};
use super::{AuditFilter, Change, ChangeError, Command, Record, TokenChange};
use crate::audit::{Actor, AuditLine, Order};
use crate::lifecycle::{Refused, Stopped};
use crate::secrets::Redactor;
use crate::site::Mac;
use crate::timeline::Moment;

/// Everything that is to be written, and the callers that wait for it.
#[derive(Default)]
pub(super) struct Batch {
    pub writes: Vec<Write>,
    /// Lines for the audit log, and their outcome.
    pub audit: Vec<(Order, String)>,
    pub secrets: Vec<SecretWrite>,
    /// Changes of the API's tokens, and the order for each.
    pub tokens: Vec<(TokenChange, Order)>,
    /// Moments for the timelines.
    pub moments: Vec<Moment>,
    pub answers: Vec<Reply>,
    pub lookups: Vec<Lookup>,
    /// What the memory takes over once it is durable.
    pub fresh: Fresh,
}

pub(super) type Fresh = (HashMap<Mac, Record>, Option<Option<Stopped>>);

/// A question that is answered after the commit.
pub(super) enum Lookup {
    Secrets { reply: oneshot::Sender<Stored> },
    Backup { with_open_secrets: bool, reply: oneshot::Sender<Result<Vec<u8>, String>> },
    Audit { filter: AuditFilter, reply: oneshot::Sender<Vec<AuditLine>> },
}

/// What only the database could determine, in the order of the batch.
#[derive(Default)]
pub(super) struct Done {
    /// Whether each token command changed anything.
    pub tokens: Vec<bool>,
    /// The number of each line of the audit log.
    pub audit: Vec<u64>,
}

/// Tells a caller that its change is durable, or why nothing of it happened. The change is valid even if the caller has
/// hung up.
pub(super) type Reply = Box<dyn FnOnce(Result<&Done, ChangeError>) + Send>;

/// Answers with what is known before the commit, or with the reason why nothing happened.
fn answer<T: Send + 'static>(reply: oneshot::Sender<Result<T, ChangeError>>, answer: T) -> Reply {
    Box::new(move |done| drop(reply.send(done.map(|_| answer))))
}

impl Batch {
    /// Works out the commands.
    pub(crate) fn of(memory: &Memory, commands: Vec<Command>, redactor: &Redactor, now: u64) -> Self {
        let (mut draft, mut batch) = (Draft::on(memory), Self::default());
        for command in commands {
            match command {
                Command::Change { mac, mut change, order, reply } => {
                    // A machine's words may contain a password, which must not get into the store.
                    change.redact(redactor);
                    let outcome = batch.change_as(&mut draft, mac, &change, order, now);
                    batch.answers.push(answer(reply, outcome));
                }
                Command::ChangeAll { changes, reply } => {
                    let outcomes = changes.into_iter().map(|(mac, mut change, order)| {
                        change.redact(redactor);
                        batch.change_as(&mut draft, mac, &change, Some(order), now)
                    });
                    let outcomes: Vec<_> = outcomes.collect();
                    batch.answers.push(answer(reply, outcomes));
                }
                Command::Decide { asked, judge, reply } => match judge(&draft, now) {
                    Ok(orders) => {
                        let outcome = draft.obey(&orders, now);
                        match &outcome {
                            Ok(writes) => {
                                batch.writes.extend(writes.iter().cloned());
                                batch.audit.extend(orders.audit.into_iter().map(|order| (order, "done".into())));
                            }
                            refused => batch.audit.push((asked, outcome_words(refused))),
                        }
                        let records = |writes: Vec<Write>| writes.into_iter().map(|(_, record, _)| record).collect();
                        batch.answers.push(answer(reply, outcome.map(records)));
                    }
                    Err(words) => {
                        batch.audit.push((asked, format!("refused: {words}")));
                        // The decision itself has told its caller why; dropping the sender tells the caller to look.
                        batch.answers.push(Box::new(move |done| drop(done.map_err(|lost| reply.send(Err(lost))))));
                    }
                },
                Command::WriteSecrets { write, orders, reply } => {
                    batch.secrets.push(write);
                    batch.audit.extend(orders.into_iter().map(|order| (order, "done".into())));
                    batch.answers.push(answer(reply, ()));
                }
                Command::SecretRows { reply } => batch.lookups.push(Lookup::Secrets { reply }),
                Command::Backup { with_open_secrets, reply } => {
                    batch.lookups.push(Lookup::Backup { with_open_secrets, reply });
                }
                Command::Keep { mut moments, reply } => {
                    moments.iter_mut().for_each(|moment| redactor.wash(&mut moment.text));
                    batch.moments.append(&mut moments);
                    batch.answers.push(answer(reply, ()));
                }
                Command::Token { change, order, reply } => {
                    let index = batch.tokens.len();
                    batch.tokens.push((change, order));
                    batch.answers.push(Box::new(move |done| drop(reply.send(done.map(|done| done.tokens[index])))));
                }
                Command::Audit { order, reply } => {
                    let index = batch.audit.len();
                    batch.audit.push((order, "done".into()));
                    batch.answers.push(Box::new(move |done| drop(reply.send(done.map(|done| done.audit[index])))));
                }
                Command::AuditLines { filter, reply } => batch.lookups.push(Lookup::Audit { filter, reply }),
            }
        }
        batch.fresh = draft.into_parts();
        batch
    }

    /// Whether there is anything to write: a batch of questions needs no transaction, and is answered even when the
    /// disk is full.
    pub(crate) fn is_to_write(&self) -> bool {
        let Self { writes, audit, secrets, tokens, moments, fresh, answers: _, lookups: _ } = self;
        let is_empty = writes.is_empty() && audit.is_empty() && secrets.is_empty() && tokens.is_empty();
        !(is_empty && moments.is_empty() && fresh.1.is_none())
    }

    /// Works out a change, and records the order for it with its outcome.
    fn change_as(
        &mut self,
        draft: &mut Draft<'_>,
        mac: Mac,
        change: &Change,
        order: Option<Order>,
        now: u64,
    ) -> Result<Record, Refused> {
        let outcome = self.change(draft, mac, change, now);
        self.audit.extend(order.map(|order| (order, outcome_words(&outcome))));
        outcome
    }

    fn change(&mut self, draft: &mut Draft<'_>, mac: Mac, change: &Change, now: u64) -> Result<Record, Refused> {
        let redeemed = |record: Option<&Record>| record.is_some_and(Record::has_spent_its_permit);
        let was_spent = redeemed(draft.record(mac));
        let write = draft.change(mac, change, now)?;
        let record = write.1.clone();
        self.writes.push(write);
        if let (Change::Redeem { words, .. }, false) = (change, was_spent) {
            self.audit.push((spent(mac, &record, words), "done".into()));
        }
        Ok(record)
    }
}

/// The audit line of a wipe permit that this change spends. It moves the anchor, so that an older copy of the database,
/// in which the permit is unspent, is recognised as such.
fn spent(mac: Mac, record: &Record, words: &str) -> Order {
    let attempt = record.state.attempt().map(|attempt| attempt.id.to_string()).unwrap_or_default();
    let installed_as = record.frozen.as_ref().and_then(|frozen| frozen.installed_as.as_ref());
    let name = installed_as.map_or_else(|| mac.to_string(), |installed| installed.name.clone());
    let order = Order::new(&Actor::node(&name, "its own address"), "wipe-permit", &name);
    order.detail(format!("attempt {attempt} of {mac}: the storage commands left for disk {words}"))
}

fn outcome_words<T, E: std::fmt::Display>(outcome: &Result<T, E>) -> String {
    outcome.as_ref().map_or_else(|refused| format!("refused: {refused}"), |_| "done".into())
}
