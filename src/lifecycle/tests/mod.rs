//! The whole table, cell by cell, and the invariant over random walks.

mod walk;

use proptest::prelude::*;

use super::*;

fn listens_to(state: &State, token: &TokenHash) -> bool {
    state.tokens().any(|own| own == token)
}

fn token(n: u8) -> TokenHash {
    BootToken::from_random([n; 16]).hash()
}

fn id(n: u8) -> AttemptId {
    AttemptId::from_random([n; 4])
}

fn fresh() -> Attempt {
    Attempt::new(id(1), WipeScope::BlankDiskOnly)
}

fn booted() -> Attempt {
    Attempt { boots: 1, newest_boot: Some(token(1)), ..fresh() }
}

fn redeemed() -> Attempt {
    Attempt { redeemed_by: Some(token(1)), attested: true, ..booted() }
}

fn failed(during: Stage) -> State {
    State::Failed { attempt: redeemed(), during, reason: "x".into(), previous: None }
}

fn states() -> Vec<State> {
    vec![
        State::New,
        State::Armed { attempt: booted(), previous: None },
        State::Installing { attempt: redeemed() },
        State::Firstboot { attempt: redeemed() },
        State::Ready { attempt: redeemed() },
        failed(Stage::Installer),
        failed(Stage::Firstboot),
        left_alone(),
        State::Suspect { previous: Box::new(State::Installing { attempt: redeemed() }), why: "w".into() },
    ]
}

fn events() -> Vec<Event> {
    let token = token(1);
    vec![
        Event::Armed { id: id(2), scope: WipeScope::BlankDiskOnly },
        Event::Armed { id: id(2), scope: WipeScope::DestroyData },
        Event::Disarmed,
        Event::BootScriptServed { token: token.clone() },
        Event::CameBackUnfinished,
        Event::PermitRedeemed { token: token.clone(), disk: "sda".into() },
        Event::InstallerStopped { token: token.clone(), reason: "r".into() },
        Event::Attested { token: token.clone(), differences: vec![] },
        Event::Attested { token: token.clone(), differences: vec!["d".into()] },
        Event::Installed { token: token.clone() },
        Event::Working { token: token.clone() },
        Event::StepFailed { token: token.clone(), reason: "r".into() },
        Event::Ready { token },
        Event::Overdue { reason: "r".into() },
        Event::Expired,
        Event::GivenUp { reason: "r".into() },
        Event::Suspected { why: "w".into() },
        Event::Cleared,
        Event::Withdrawn { why: "w".into() },
    ]
}

/// A node that was ready, was armed to wipe and booted by token 2, until that attempt failed without its permit.
fn left_alone() -> State {
    let ready = State::Ready { attempt: redeemed() };
    let armed = ready.apply(&Event::Armed { id: id(2), scope: WipeScope::DestroyData }).unwrap();
    let booted = armed.apply(&Event::BootScriptServed { token: token(2) }).unwrap();
    booted.apply(&Event::Overdue { reason: "x".into() }).unwrap()
}

/// One row per state, one column per event of `events()`; `-` is a refusal.
#[rustfmt::skip]
const TABLE: [(&str, [&str; 19]); 9] = [
    //             arm, blank  arm, destroy  disarm    script   back       redeem        stopped    as planned    differs    installed    working      step failed  ready      overdue   expired  given up  suspected  cleared      withdrawn
    ("new",         ["armed",    "armed",      "-",      "-",     "-",       "-",          "-",       "-",          "-",       "-",         "-",         "-",         "-",       "-",      "-",     "-",      "suspect", "-",         "-"]),
    ("armed",       ["armed",    "armed",      "new",    "armed", "-",       "installing", "failed",  "-",          "-",       "-",         "-",         "-",         "-",       "failed", "-",     "-",      "suspect", "-",         "new"]),
    ("installing",  ["-",        "-",          "-",      "-",     "failed",  "installing", "failed",  "installing", "failed",  "firstboot", "firstboot", "failed",    "ready",   "failed", "-",     "failed", "suspect", "-",         "-"]),
    ("firstboot",   ["-",        "armed",      "-",      "-",     "-",       "-",          "-",       "-",          "-",       "firstboot", "firstboot", "failed",    "ready",   "failed", "-",     "failed", "suspect", "-",         "-"]),
    ("ready",       ["-",        "armed",      "-",      "-",     "-",       "-",          "-",       "-",          "-",       "ready",     "ready",     "failed",    "ready",   "-",      "-",     "-",      "suspect", "-",         "-"]),
    ("failed",      ["armed",    "armed",      "-",      "-",     "-",       "-",          "-",       "failed",     "failed",  "firstboot", "firstboot", "failed",    "ready",   "-",      "-",     "-",      "suspect", "-",         "-"]),
    ("failed",      ["-",        "armed",      "-",      "-",     "-",       "-",          "-",       "-",          "-",       "failed",    "firstboot", "failed",    "ready",   "-",      "-",     "-",      "suspect", "-",         "-"]),
    ("failed",      ["-",        "armed",      "-",      "-",     "-",       "-",          "-",       "-",          "-",       "-",         "ready",     "failed",    "ready",   "-",      "-",     "-",      "suspect", "-",         "-"]),
    ("suspect",     ["-",        "-",          "-",      "-",     "suspect", "-",          "suspect", "suspect",    "suspect", "suspect",   "suspect",   "suspect",   "suspect", "-",      "-",     "-",      "-",       "installing", "-"]),
];

/// What each state grants to the boot that it listens to, and to any other one, in the order of `Delivery`.
#[test]
fn each_secret_is_granted_in_its_state_to_its_boot_alone() {
    use Delivery::{Kickstart, Payload, Renewal, StorageCommands};
    let unattested = Attempt { attested: false, ..redeemed() };
    let armed = State::Armed { attempt: booted(), previous: None };
    let installing = State::Installing { attempt: redeemed() };
    let early = State::Installing { attempt: unattested.clone() };
    let gone = |attempt| State::Failed { attempt, during: Stage::Installer, reason: "x".into(), previous: None };
    let suspect = State::Suspect { previous: Box::new(installing.clone()), why: "w".into() };
    let (no, not_armed) = (Refused::NotInstalling, Refused::NotArmed);
    let granted: [(State, [Result<(), Refused>; 3]); 9] = [
        (State::New, [Err(not_armed("new")), Err(no("new")), Err(Refused::NotRunning("new"))]),
        (armed.clone(), [Ok(()), Err(no("armed")), Err(Refused::NotRunning("armed"))]),
        (early, [Err(not_armed("installing")), Err(Refused::NotAttested), Err(Refused::NotRunning("installing"))]),
        (installing, [Err(not_armed("installing")), Ok(()), Err(Refused::NotRunning("installing"))]),
        (gone(unattested), [Err(not_armed("failed")), Err(Refused::NotAttested), Err(Refused::NotRunning("failed"))]),
        (gone(redeemed()), [Err(not_armed("failed")), Ok(()), Err(Refused::NotRunning("failed"))]),
        (State::Firstboot { attempt: redeemed() }, [Err(not_armed("firstboot")), Err(no("firstboot")), Ok(())]),
        (State::Ready { attempt: redeemed() }, [Err(not_armed("ready")), Err(no("ready")), Ok(())]),
        (failed(Stage::Firstboot), [Err(not_armed("failed")), Err(no("failed")), Ok(())]),
    ];
    for (state, expected) in granted {
        for (delivery, expected) in [Kickstart, Payload, Renewal].into_iter().zip(expected) {
            assert_eq!(state.grants(delivery, &token(1)), expected, "{delivery} in {state:?}");
            assert!(state.grants(delivery, &token(2)).is_err(), "{delivery} in {state:?} to another boot");
        }
        assert_eq!(state.grants(StorageCommands, &token(1)), state.redeem(&token(1)).map(drop));
        assert!(state.grants(StorageCommands, &token(2)).is_err());
    }
    assert_eq!(armed.grants(Kickstart, &token(2)), Err(Refused::OldBoot));
    for delivery in [Kickstart, StorageCommands, Payload, Renewal] {
        assert_eq!(suspect.grants(delivery, &token(1)), Err(Refused::Suspect), "{delivery}");
    }
}

#[test]
fn a_system_behind_a_failed_attempt_is_known_by_its_own_token() {
    let suspect = State::Suspect { previous: Box::new(left_alone()), why: "w".into() };
    for state in [left_alone(), suspect] {
        assert!(state.left_behind_with(&token(1)), "{state:?}");
        assert!(!state.left_behind_with(&token(2)), "{state:?}: that one never redeemed anything");
    }
    assert!(!State::Ready { attempt: redeemed() }.left_behind_with(&token(1)), "nothing failed");
}

#[test]
fn an_armed_node_is_overdue_once_its_installer_has_booted() {
    let overdue = Event::Overdue { reason: "x".into() };
    let armed = State::Armed { attempt: fresh(), previous: None };
    assert_eq!(armed.apply(&overdue), Err(Refused::NothingToDo), "people wait for it to be switched on");
    let booted = State::Armed { attempt: booted(), previous: None };
    assert_eq!(booted.apply(&overdue).unwrap().word(), "failed");
}

#[test]
fn every_cell_of_the_table_is_as_decided() {
    for (state, (word, row)) in states().iter().zip(TABLE) {
        assert_eq!(state.word(), word);
        for (event, expected) in events().iter().zip(row) {
            let got = state.apply(event).map_or("-", |next| next.word());
            assert_eq!(got, expected, "{state:?} x {event:?}");
        }
    }
}

#[test]
fn a_token_of_another_boot_moves_nothing() {
    for state in states() {
        for event in [
            Event::PermitRedeemed { token: token(9), disk: "sda".into() },
            Event::InstallerStopped { token: token(9), reason: "r".into() },
            Event::Installed { token: token(9) },
            Event::Working { token: token(9) },
            Event::StepFailed { token: token(9), reason: "r".into() },
            Event::Ready { token: token(9) },
        ] {
            assert!(state.apply(&event).is_err(), "{state:?} x {event:?}");
        }
    }
}

#[test]
fn nothing_is_installed_before_its_disks_were_compared_and_a_difference_is_never_healed() {
    let unknown = || Attempt { attested: false, ..redeemed() };
    let token = || token(1);
    let reports = [
        Event::Installed { token: token() },
        Event::Working { token: token() },
        Event::StepFailed { token: token(), reason: "r".into() },
        Event::Ready { token: token() },
    ];
    let installing = State::Installing { attempt: unknown() };
    let differs = installing.apply(&Event::Attested { token: token(), differences: vec!["sda2".into()] }).unwrap();
    assert!(matches!(&differs, State::Failed { reason, .. } if reason == "the disks are not as planned:\nsda2"));
    for state in [&installing, &differs] {
        for report in &reports {
            assert_eq!(state.apply(report), Err(Refused::NotAttested));
        }
    }
    let same = installing.apply(&Event::Attested { token: token(), differences: vec![] }).unwrap();
    assert_eq!(same.apply(&reports[0]).unwrap().word(), "firstboot");
}

#[test]
fn a_system_that_an_attempt_left_alone_is_kept_and_heard_and_gets_nothing() {
    let ready = State::Ready { attempt: redeemed() };
    let left = left_alone();
    assert_eq!(
        (left.system(), listens_to(&left, &token(1)), listens_to(&left, &token(3))),
        (Some(&ready), true, false)
    );
    assert_eq!(left.apply(&Event::Ready { token: token(1) }), Ok(ready.clone()), "the failure is no news any more");
    assert_eq!(left.apply(&Event::Ready { token: token(2) }), Err(Refused::OldAttempt), "it installed nothing");
    for delivery in [Delivery::Kickstart, Delivery::StorageCommands, Delivery::Payload] {
        assert!(left.grants(delivery, &token(1)).is_err() && left.grants(delivery, &token(2)).is_err(), "{delivery}");
    }
    // However often that happens, the chain of failures does not grow.
    let mut again = left.clone();
    for n in 3..6 {
        again = again.apply(&Event::Armed { id: id(n), scope: WipeScope::DestroyData }).unwrap();
        assert!(!listens_to(&again, &token(1)), "people wait for the installer");
        for boot in 0..=MAX_BOOTS {
            again = again.apply(&Event::BootScriptServed { token: token(10 * n + boot) }).unwrap();
        }
        assert!(matches!(&again, State::Failed { previous: Some(previous), .. } if **previous == ready), "{again:?}");
    }
    let refused = State::Armed { attempt: booted(), previous: Some(Box::new(left)) }
        .apply(&Event::InstallerStopped { token: token(1), reason: "no disk matches".into() });
    assert_eq!(refused.unwrap().system(), Some(&ready));
    // An installer that began to write leaves nothing behind.
    let wiped = State::Armed { attempt: booted(), previous: Some(Box::new(ready)) }
        .apply(&Event::PermitRedeemed { token: token(1), disk: "sda".into() })
        .and_then(|state| state.apply(&Event::Overdue { reason: "r".into() }));
    assert_eq!(wiped.unwrap().system(), None);
}

#[test]
fn a_second_boot_takes_the_permit_from_the_first() {
    let armed = State::Armed { attempt: booted(), previous: None };
    let armed = armed.apply(&Event::BootScriptServed { token: token(2) }).unwrap();
    assert_eq!(armed.apply(&Event::PermitRedeemed { token: token(1), disk: "sda".into() }), Err(Refused::OldBoot));
    assert_eq!(
        armed.apply(&Event::PermitRedeemed { token: token(2), disk: "sda".into() }).unwrap().word(),
        "installing"
    );
}

#[test]
fn a_permit_redeemed_twice_is_answered_to_the_same_boot_only() {
    let installing = State::Armed { attempt: booted(), previous: None }
        .apply(&Event::PermitRedeemed { token: token(1), disk: "sda".into() })
        .unwrap();
    assert_eq!(
        installing.apply(&Event::PermitRedeemed { token: token(1), disk: "sda".into() }),
        Ok(installing.clone())
    );
    assert_eq!(
        installing.apply(&Event::PermitRedeemed { token: token(2), disk: "sda".into() }),
        Err(Refused::PermitSpent)
    );
}

#[test]
fn disarming_gives_back_what_the_node_was_and_its_reports_count_again() {
    let ready = State::Ready { attempt: redeemed() };
    let arm = |n| Event::Armed { id: id(n), scope: WipeScope::DestroyData };
    let armed = ready.apply(&arm(2)).unwrap().apply(&arm(3)).unwrap();
    let booted = armed.apply(&Event::BootScriptServed { token: token(2) }).unwrap();
    let disarmed = booted.apply(&Event::Disarmed).unwrap();
    assert_eq!(disarmed, ready);
    assert!(disarmed.apply(&Event::PermitRedeemed { token: token(2), disk: "sda".into() }).is_err());
    assert_eq!(disarmed.apply(&Event::Ready { token: token(1) }), Ok(ready));
}

#[test]
fn suspicion_withdraws_an_unspent_permit_and_clearing_does_not_bring_it_back() {
    let ready = State::Ready { attempt: redeemed() };
    let armed = ready.apply(&Event::Armed { id: id(2), scope: WipeScope::DestroyData }).unwrap();
    let booted = armed.apply(&Event::BootScriptServed { token: token(2) }).unwrap();
    let suspect = booted.apply(&Event::Suspected { why: "two readers".into() }).unwrap();
    assert!(matches!(&suspect, State::Suspect { why, .. } if why == "two readers"));
    assert_eq!(suspect.apply(&Event::PermitRedeemed { token: token(2), disk: "sda".into() }), Err(Refused::Suspect));
    let cleared = suspect.apply(&Event::Cleared).unwrap();
    assert_eq!(cleared, ready);
    assert!(cleared.apply(&Event::PermitRedeemed { token: token(2), disk: "sda".into() }).is_err());
}

#[test]
fn a_suspect_node_goes_on_behind_the_suspicion() {
    let installing = State::Installing { attempt: redeemed() };
    let suspect = installing.apply(&Event::Suspected { why: "w".into() }).unwrap();
    assert_eq!(suspect.apply(&Event::Installed { token: token(9) }), Err(Refused::OldAttempt));
    let suspect = suspect.apply(&Event::Installed { token: token(1) }).unwrap();
    assert_eq!((suspect.word(), suspect.attempt()), ("suspect", installing.attempt()));
    assert_eq!(suspect.apply(&Event::Cleared).unwrap().word(), "firstboot");
}

#[test]
fn an_arming_that_nobody_fetched_expires_and_a_booted_one_does_not() {
    let ready = State::Ready { attempt: redeemed() };
    let armed = ready.apply(&Event::Armed { id: id(2), scope: WipeScope::DestroyData }).unwrap();
    assert_eq!(armed.apply(&Event::Expired), Ok(ready));
    let booted = armed.apply(&Event::BootScriptServed { token: token(2) }).unwrap();
    assert_eq!(booted.apply(&Event::Expired), Err(Refused::NothingToDo));
    let first = State::New.apply(&Event::Armed { id: id(2), scope: WipeScope::BlankDiskOnly }).unwrap();
    assert!(matches!(first, State::Armed { previous: None, .. }), "it was never anything else");
    assert_eq!(first.apply(&Event::Expired), Ok(State::New), "nothing failed");
}

#[test]
fn a_fourth_boot_without_redemption_ends_in_failed() {
    let mut state = State::Armed { attempt: fresh(), previous: None };
    for boot in 1..=MAX_BOOTS {
        state = state.apply(&Event::BootScriptServed { token: token(boot) }).unwrap();
        assert_eq!(state.word(), "armed");
    }
    assert_eq!(state.apply(&Event::BootScriptServed { token: token(9) }).unwrap().word(), "failed");
}

fn any_event() -> impl Strategy<Value = Event> {
    let reason = "r".to_string();
    (0..14u8, 0..4u8, any::<bool>()).prop_map(move |(kind, n, destroy)| {
        let token = token(n);
        let reason = reason.clone();
        match kind {
            0 if destroy => Event::Armed { id: id(n), scope: WipeScope::DestroyData },
            0 => Event::Armed { id: id(n), scope: WipeScope::BlankDiskOnly },
            1 => Event::BootScriptServed { token },
            2 => Event::CameBackUnfinished,
            3 => Event::PermitRedeemed { token, disk: "sda".into() },
            4 => Event::InstallerStopped { token, reason },
            5 => Event::Installed { token },
            6 => Event::Working { token },
            7 => Event::StepFailed { token, reason },
            8 if destroy => Event::Disarmed,
            8 => Event::Withdrawn { why: reason },
            11 => Event::Suspected { why: reason },
            12 => Event::Cleared,
            13 if destroy => Event::Expired,
            13 => Event::GivenUp { reason },
            9 => Event::Attested { token, differences: if destroy { vec![reason] } else { vec![] } },
            _ => Event::Ready { token },
        }
    })
}

proptest! {
    /// Whatever events arrive in whatever order, at most one boot gets the storage commands between two armings.
    #[test]
    fn at_most_one_boot_redeems_per_arming(events in proptest::collection::vec(any_event(), 1..120)) {
        let mut state = State::New;
        let mut redeemers: Vec<TokenHash> = Vec::new();
        for event in events {
            let Ok(next) = state.apply(&event) else { continue };
            match &event {
                Event::Armed { .. } => redeemers.clear(),
                Event::PermitRedeemed { token, .. } if !redeemers.contains(token) => redeemers.push(token.clone()),
                _ => {}
            }
            prop_assert!(redeemers.len() <= 1);
            state = next;
        }
    }
}
