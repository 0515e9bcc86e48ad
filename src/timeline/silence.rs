//! What a machine should ask for next, and when its silence is worth a line. A machine that hangs between two requests
//! sends nothing; the timeline shows it all the same.

use std::time::Duration;

/// What a machine was last given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// A DHCPOFFER.
    Offer,
    /// Its address, and the name of a network boot program: a TFTP name or a URL.
    ProgramName(String),
    /// The network boot program itself.
    Program(String),
    /// Its address, and the URL of its boot script.
    ScriptUrl,
    /// The boot script that starts the installer.
    Installer,
    /// The installer's kernel.
    Kernel,
    /// The installer's initial RAM disk.
    Initrd,
    /// The kickstart.
    Kickstart,
}

/// What to say about a machine that was given this and has been silent for `since`; `None` while that is still usual.
pub(crate) fn silence(given: &Given, since: Duration) -> Option<String> {
    let (limit, text) = expectation(given);
    (since >= Duration::from_secs(limit)).then_some(text)
}

/// The seconds after which silence is unusual, and the words for it. The limits are about ten times what machines take;
/// the slowest steps are loading the initial RAM disk and starting the installer.
fn expectation(given: &Given) -> (u64, String) {
    let (limit, text) = match given {
        Given::Offer => {
            let why = "another DHCP server was faster, or our answer does not reach it";
            (60, format!("no DHCPREQUEST for 60 s after our DHCPOFFER: {why}"))
        }
        Given::ProgramName(name) => {
            let port = if name.starts_with("http") { "HTTP" } else { "TFTP (UDP port 69)" };
            (
                60,
                format!(
                    "was told to load {name} and has not asked for it for 60 s: does it reach this server's {port}?"
                ),
            )
        }
        // What follows shim and GRUB is a request by TFTP or HTTP, and none by DHCP.
        Given::Program(name) if name.trim_start_matches('/').starts_with("signed/") => {
            let why =
                "its screen says why; keys that the firmware does not know, or a revoked loader, are the usual reason";
            (120, format!("loaded {name}, and asked for no boot script for 120 s: {why}"))
        }
        Given::Program(name) => {
            let why = match name.ends_with(".efi") {
                true => {
                    "its screen says why; Secure Boot that is switched on (`Access Denied`) is the usual reason, then a card \
                     that iPXE does not know"
                }
                false => "its screen says why; a card that iPXE does not know is the usual reason",
            };
            (120, format!("loaded {name}, and no DHCPDISCOVER from iPXE for 120 s: {why}"))
        }
        Given::ScriptUrl => (
            120,
            "was told its boot script and has not asked for it for 120 s: does it reach this server's HTTP port?"
                .into(),
        ),
        Given::Installer => (120, "was told to start the installer, and asked for no kernel for 120 s".into()),
        Given::Kernel => (120, "asked for the kernel, and for nothing else for 120 s".into()),
        Given::Initrd => {
            let why = "the installer did not start, or it finds no network; its console says more";
            (600, format!("asked for the initial RAM disk, and for no kickstart for 600 s: {why}"))
        }
        Given::Kickstart => {
            let why = "%pre did not run or is stuck on a disk that does not answer; its console says more";
            (600, format!("has its kickstart, and %pre said nothing for 600 s: {why}"))
        }
    };
    (limit, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_after_its_time_and_not_before() {
        let all = [
            Given::Offer,
            Given::ProgramName("undionly.kpxe".into()),
            Given::Program("undionly.kpxe".into()),
            Given::ScriptUrl,
            Given::Installer,
            Given::Kernel,
            Given::Initrd,
            Given::Kickstart,
        ];
        for given in all {
            let (limit, _) = expectation(&given);
            assert_eq!(silence(&given, Duration::from_secs(limit - 1)), None, "{given:?}");
            let text = silence(&given, Duration::from_secs(limit)).unwrap();
            assert!(text.contains(&format!("{limit} s")), "it says how long: {text}");
        }
    }

    #[test]
    fn words_name_what_was_waited_for() {
        let told = |given| silence(&given, Duration::from_secs(999)).unwrap();
        assert!(told(Given::Offer).starts_with("no DHCPREQUEST for 60 s after our DHCPOFFER"));
        assert_eq!(told(Given::Kernel), "asked for the kernel, and for nothing else for 120 s");
        assert!(told(Given::ProgramName("undionly.kpxe".into())).contains("UDP port 69"));
        assert!(told(Given::ProgramName("http://x/firmware/ipxe.efi".into())).contains("server's HTTP?"));
    }
}
