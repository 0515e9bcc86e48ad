//! `rackstart stop`.

use hyper::Method;

use super::client::StoreArgs;
use super::vault::Desk;
use super::{Failure, print};
use crate::config::Place;
use crate::server::admin::StopAnswer;

/// Stop every installation that can still be stopped: all armed nodes are disarmed, and nothing can be armed.
///
/// Holds over a restart of the daemon until `rackstart stop --lift`. Nodes whose installer has redeemed its wipe permit go
/// on: nothing can call them back. While no daemon answers it is written into the store, and holds from its next start on. What was disarmed stays so after the lift.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Allow installations again.
    #[arg(long)]
    lift: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub fn run(place: Place<'_>, args: Args) -> Result<(), Failure> {
    let desk = Desk::new(place, args.store);
    if args.lift {
        desk.json::<()>(Method::POST, "/v1/stop/lift", "")?;
        return print("installations are allowed again; `rackstart install --all` arms the nodes that never were\n");
    }
    let StopAnswer { disarmed } = desk.json(Method::POST, "/v1/stop", "")?;
    let nodes = match disarmed.as_slice() {
        [] => "no node was armed".to_string(),
        names => format!("disarmed: {}", names.join(", ")),
    };
    print(&format!("all installations are stopped; {nodes}\n`rackstart stop --lift` allows them again\n"))
}
