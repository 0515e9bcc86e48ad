//! `rackstart stop`.

use super::Failure;
use super::client::StoreArgs;
use super::output::{Output, json};
use super::vault::Desk;
use crate::config::SitePaths;
use crate::server::api::outcome::StoppedView;
use crate::server::operate;

/// Stop every installation that can still be stopped: all armed nodes are disarmed, and nothing can be armed.
///
/// Holds over a restart of the daemon until `rackstart stop --lift`. Nodes whose installer has redeemed its wipe permit go
/// on: nothing can call them back. While no daemon answers it is written into the store, and holds from its next start on. What was disarmed stays so after the lift.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Allow installations again.
    #[arg(long)]
    lift: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(place: SitePaths<'_>, Args { lift, output, store }: Args) -> Result<(), Failure> {
    let desk = Desk::new(place, store);
    output.of(|| if lift { allow(&desk, output) } else { stop(&desk, output) })
}

fn allow(desk: &Desk<'_>, output: Output) -> Result<(), Failure> {
    let () = desk.ask(
        |client| client.post("/api/v1/stop/lift"),
        async |site, store, person| operate::lift_stop(site, store, &person.actor).await,
    )?;
    let words = "installations are allowed again; `rackstart install --all` arms the nodes that never were\n";
    // The API has no body for it.
    output.tell((), |()| words.into(), |()| Ok(String::new()))
}

fn stop(desk: &Desk<'_>, output: Output) -> Result<(), Failure> {
    let view = desk.ask(
        |client| client.post("/api/v1/stop"),
        async |site, store, person| Ok(StoppedView { disarmed: operate::stop_all(site, store, &person.actor).await? }),
    )?;
    output.tell(view, stopped, |view| json(&view))
}

fn stopped(StoppedView { disarmed }: &StoppedView) -> String {
    let nodes = match disarmed.as_slice() {
        [] => "no node was armed".to_string(),
        names => format!("disarmed: {}", names.join(", ")),
    };
    format!("all installations are stopped; {nodes}\n`rackstart stop --lift` allows them again\n")
}
