//! `rackstart stop`.

use super::Failure;
use super::client::StoreArgs;
use super::output::{Output, json};
use super::vault::Answers;
use crate::config::SitePaths;
use crate::server::api::outcome::StoppedView;
use crate::server::operate;

/// Stop every installation that can still be stopped: all armed nodes are disarmed, and no node can be armed.
///
/// The stop survives restarts of the daemon and ends with `rackstart stop --lift`. Nodes whose installer has redeemed
/// its wipe permit continue: they cannot be called back. While no daemon answers, the stop is written into the store
/// and holds from the daemon's next start. Nodes that were disarmed stay disarmed after the lift.
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
    let answers = Answers::new(place, store);
    output.of(|| if lift { allow(&answers, output) } else { stop(&answers, output) })
}

fn allow(answers: &Answers<'_>, output: Output) -> Result<(), Failure> {
    let () = answers.ask(
        |client| client.post("/api/v1/stop/lift"),
        async |site, store, person| operate::lift_stop(site, store, &person.actor).await,
    )?;
    let words = "installations are allowed again; `rackstart install --all` arms the nodes that were never installed\n";
    // The API answers this with an empty body.
    output.tell((), |()| words.into(), |()| Ok(String::new()))
}

fn stop(answers: &Answers<'_>, output: Output) -> Result<(), Failure> {
    let view = answers.ask(
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
