//! Runs `ipmitool`. The password is in its environment, which only its own user and root can read.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::Line;
use crate::power::ipmi::{self, BOOT_PARAMETERS, LONGEST_PASSWORD, PASSWORD_VARIABLE, STATUS, TAKE_BACK};
use crate::power::{Action, Fault, Seen};
use crate::site::Endpoint;

/// How long one call may take: it asks again several times by itself.
const LIMIT: Duration = Duration::from_secs(40);
/// Where the program is, if nothing says where programs are.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) async fn look(line: &Line<'_>, at: &Endpoint) -> Result<Seen, Fault> {
    let status = run(line, at, &STATUS).await?;
    // Some BMCs do not show the override; what they show of the power counts all the same.
    let parameters = run(line, at, &BOOT_PARAMETERS).await.unwrap_or_default();
    ipmi::seen(&status, &parameters)
}

pub(super) async fn act(
    line: &Line<'_>,
    at: &Endpoint,
    action: Action,
    allowed: &impl Fn() -> Result<(), Fault>,
) -> Result<(), Fault> {
    let is_on = ipmi::seen(&run(line, at, &STATUS).await?, "")?.power == "on";
    for call in ipmi::calls(action, is_on, line.firmware) {
        allowed()?;
        run(line, at, &call).await?;
    }
    Ok(())
}

pub(super) async fn take_back(line: &Line<'_>, at: &Endpoint) -> Result<(), Fault> {
    run(line, at, &TAKE_BACK).await.map(drop)
}

async fn run(line: &Line<'_>, at: &Endpoint, call: &[&str]) -> Result<String, Fault> {
    let (power, password) = (line.power, line.password.reveal());
    if password.len() > LONGEST_PASSWORD {
        let text = format!("the password of `{}` is longer than IPMI can use: {LONGEST_PASSWORD} bytes", power.user);
        return Err(Fault::new(
            text,
            format!("give the BMC another one, and `rackstart secrets set {}`", power.secret),
        ));
    }
    let mut command = Command::new("ipmitool");
    command.args(ipmi::connection(at, &power.user)).args(call);
    let path = std::env::var_os("PATH").unwrap_or_else(|| PATH.into());
    // The program gets nothing else of our environment: a service manager passes credentials there.
    command.env_clear().env("PATH", path).env("LANG", "C.UTF-8").env(PASSWORD_VARIABLE, password);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    let late = || Fault::new(format!("the BMC at {at} did not answer ipmitool"), "check `ipmi` of the node");
    let output = output.map_err(|_| late())?.map_err(|error| {
        let help = "install the package ipmitool on this machine, or use `redfish` for this node";
        Fault::new(format!("ipmitool cannot be started: {error}"), help)
    })?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(ipmi::failure(&String::from_utf8_lossy(&output.stderr), at, &power.user, &power.secret)),
    }
}
