//! `ipmitool` 1.8: its arguments and what it prints. The password is never among them: `-E` takes it from the
//! environment.

use super::fault::{Fault, quoted};
use super::order::{Action, Seen};
use crate::site::{Endpoint, Firmware};

/// The variable that `ipmitool -E` reads.
pub(crate) const PASSWORD_VARIABLE: &str = "IPMI_PASSWORD";
/// The longest password of IPMI 2.0 (section 22.30), in bytes.
pub(crate) const LONGEST_PASSWORD: usize = 20;

/// What all calls for a BMC begin with. Without `-v` the program does not say that a password is wrong.
pub(crate) fn connection(at: &Endpoint, user: &str) -> Vec<String> {
    let port = at.port.to_string();
    ["-v", "-I", "lanplus", "-H", &at.host, "-p", &port, "-U", user, "-E"].map(String::from).to_vec()
}

/// Asks whether the node is on.
pub(crate) const STATUS: [&str; 3] = ["chassis", "power", "status"];
/// Asks for the boot parameters, which hold the override of the next boot.
pub(crate) const BOOT_PARAMETERS: [&str; 4] = ["chassis", "bootparam", "get", "5"];
/// Takes the override of the next boot back.
pub(crate) const TAKE_BACK: [&str; 3] = ["chassis", "bootdev", "none"];

/// The calls that carry an action out, one after the other, for a node that is on or not.
pub(crate) fn calls(action: Action, is_on: bool, firmware: Firmware) -> Vec<Vec<&'static str>> {
    // Without the option the override is one for BIOS, which UEFI firmware may ignore (IPMI 2.0, table 28-14).
    let pxe = match firmware {
        Firmware::Bios => vec!["chassis", "bootdev", "pxe"],
        Firmware::Uefi => vec!["chassis", "bootdev", "pxe", "options=efiboot"],
    };
    let power = |word| vec!["chassis", "power", word];
    let restart = power(if is_on { "cycle" } else { "on" });
    match action {
        Action::On => vec![power("on")],
        Action::Off => vec![power("soft")],
        Action::ForceOff => vec![power("off")],
        Action::Cycle => vec![restart],
        Action::Pxe => vec![pxe],
        Action::PxeCycle => vec![pxe, restart],
    }
}

/// What the two questions showed.
pub(crate) fn seen(status: &str, parameters: &str) -> Result<Seen, Fault> {
    let power = status.lines().find_map(|line| line.trim().strip_prefix("Chassis Power is "));
    let Some(power) = power else { return Err(Fault::unreadable("power status")) };
    let lines = || parameters.lines().map(str::trim);
    let is_valid = lines().any(|line| line == "- Boot Flag Valid");
    let device = lines().find_map(|line| line.strip_prefix("- Boot Device Selector : "));
    let boots_next = device.filter(|device| is_valid && !device.starts_with("No override")).map(quoted);
    Ok(Seen { power: quoted(&power.to_lowercase()), boots_next, ..Seen::default() })
}

/// What the program writes of itself, and about every BMC that knows one cipher suite.
const NOISE: [&str; 2] = ["Loading IANA PEN Registry...", "Unable to Get Channel Cipher Suites"];

/// What a call that failed means, from what it wrote to stderr.
pub(crate) fn failure(stderr: &str, at: &Endpoint, user: &str, secret: &str) -> Fault {
    let lines = stderr.lines().map(|line| line.trim_start_matches('>').trim());
    let said = lines.filter(|line| !line.is_empty() && !NOISE.contains(line)).collect::<Vec<_>>().join("; ");
    let has = |word: &str| said.contains(word);
    // A BMC that does not know the password answers with a wrong RAKP code; one that is not there does not answer.
    if has("RAKP 2") || has("RAKP 4") || has("unauthorized name") || has("HMAC is invalid") || has("password") {
        return Fault::credentials(user, secret, &said);
    }
    if has("insufficient") || has("Insufficient") {
        let help = format!("give the account `{user}` the privilege ADMINISTRATOR on the BMC");
        return Fault::new(format!("the BMC refuses the account `{user}`: {}", quoted(&said)), help);
    }
    let help = "check `ipmi` of the node, that IPMI over LAN is on at the BMC, and the way there (UDP)";
    Fault::new(format!("the BMC at {at} did not do it: {}", quoted(&said)), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_no_argument_and_the_host_cannot_be_an_option() {
        let at = Endpoint::read("10.0.0.12", 623).unwrap();
        let words = connection(&at, "rackstart").join(" ");
        assert_eq!(words, "-v -I lanplus -H 10.0.0.12 -p 623 -U rackstart -E");
    }

    #[test]
    fn an_override_comes_before_the_restart_and_a_node_that_is_off_is_switched_on() {
        let said = |action, on, firmware| {
            calls(action, on, firmware).iter().map(|call| call.join(" ")).collect::<Vec<_>>().join("; ")
        };
        let (bios, uefi) = (Firmware::Bios, Firmware::Uefi);
        assert_eq!(said(Action::PxeCycle, true, bios), "chassis bootdev pxe; chassis power cycle");
        assert_eq!(said(Action::PxeCycle, false, uefi), "chassis bootdev pxe options=efiboot; chassis power on");
        assert_eq!(said(Action::Off, true, bios), "chassis power soft");
        assert_eq!(said(Action::ForceOff, true, bios), "chassis power off");
        assert_eq!(said(Action::Cycle, false, bios), "chassis power on");
    }

    #[test]
    fn the_output_of_ipmitool_is_understood() {
        let parameters = "Boot parameter version: 1\nBoot parameter 5 is valid/unlocked\n Boot Flags :\n   - Boot Flag Valid\n   \
                          - Options apply to only next boot\n   - BIOS PC Compatible (legacy) boot \n   \
                          - Boot Device Selector : Force PXE\n";
        let shown = seen("Chassis Power is on\n", parameters).unwrap();
        assert_eq!((shown.power.as_str(), shown.boots_next.as_deref()), ("on", Some("Force PXE")));
        let spent = parameters.replace("Boot Flag Valid", "Boot Flag Invalid");
        assert_eq!(seen("Chassis Power is off\n", &spent).unwrap().boots_next, None);
        assert!(seen("Unable to get Chassis Power Status\n", "").is_err());
    }

    #[test]
    fn a_wrong_password_is_told_from_a_bmc_that_is_not_there() {
        let at = Endpoint::read("10.0.0.12", 623).unwrap();
        let of = |stderr: &str| failure(stderr, &at, "rackstart", "BMC_PASSWORD").to_string();
        // As ipmitool 1.8.19 writes it for ipmi_sim of OpenIPMI.
        let wrong = "Loading IANA PEN Registry...\nUnable to Get Channel Cipher Suites\n> RAKP 2 HMAC is invalid\n\
                     Error: Unable to establish IPMI v2 / RMCP+ session\n";
        assert_eq!(
            of(wrong),
            "the BMC refuses the account `rackstart`: RAKP 2 HMAC is invalid; Error: Unable to establish IPMI v2 / RMCP+ \
             session"
        );
        let nobody = "RAKP 2 message indicates an error : unauthorized name\n";
        assert!(of(nobody).contains("refuses the account `rackstart`"), "{}", of(nobody));
        let away = "Error: Unable to establish IPMI v2 / RMCP+ session\n";
        assert!(of(away).contains("at 10.0.0.12:623 did not do it"), "{}", of(away));
    }
}
