//! What a suspect node may still do: nothing that leads to a disk. Its reports are still recorded behind the suspicion,
//! so that its state is the true one when an operator clears it.

use super::{Event, Refused, State};

/// The suspect form of a state. An unspent permit is withdrawn: the holder of its token cannot use it any more.
pub(super) fn of(state: &State, why: &str) -> State {
    let previous = state.unarmed().unwrap_or_else(|| state.clone());
    State::Suspect { previous: Box::new(previous), why: why.into() }
}

/// Applies an event to a suspect node.
pub(super) fn apply(previous: &State, why: &str, event: &Event) -> Result<State, Refused> {
    match event {
        Event::Cleared => Ok(previous.clone()),
        // The first suspicion stays, because a thief must not be able to fill the log.
        Event::Suspected { .. } => Err(Refused::NothingToDo),
        Event::CameBackUnfinished
        | Event::InstallerStopped { .. }
        | Event::Attested { .. }
        | Event::Installed { .. }
        | Event::Working { .. }
        | Event::StepFailed { .. }
        | Event::Ready { .. } => Ok(State::Suspect { previous: Box::new(previous.apply(event)?), why: why.into() }),
        Event::Armed { .. }
        | Event::Disarmed
        | Event::Withdrawn { .. }
        | Event::BootScriptServed { .. }
        | Event::PermitRedeemed { .. }
        | Event::Overdue { .. }
        | Event::Expired
        | Event::GivenUp { .. } => Err(Refused::Suspect),
    }
}
