//! Machines that are in no site file: what each of them showed lately, for `rackstart strangers` and `adopt`. In memory
//! only and bounded, because anybody on the network can invent machines.

use std::net::Ipv4Addr;
use std::sync::Mutex;

use crate::boot::ClientArch;
use crate::lifecycle::plain_serial;
use crate::server::by_mac::ByMac;
use crate::server::dhcp;
use crate::site::{Mac, SmbiosUuid};

/// Machines kept; the one that was first seen longest ago is forgotten first.
const MACHINES: usize = 1024;
/// Letters kept of a text that a machine sent.
const LETTERS: usize = 60;

/// What one machine showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// What its firmware or its loader said of its architecture.
    pub arch: Option<ClientArch>,
    /// Its SMBIOS UUID.
    pub uuid: Option<SmbiosUuid>,
    /// Its serial number, as its loader said.
    pub serial: Option<String>,
    /// Its maker, as its loader said.
    pub maker: Option<String>,
    /// What its DHCP client calls itself (option 60).
    pub client: Option<String>,
    /// The relay agent that passed its request on.
    pub relay: Option<Ipv4Addr>,
    /// The boot program that it loaded last.
    pub loader: Option<String>,
    /// Why it was not answered last time.
    pub silence: Option<String>,
    /// Unix seconds.
    pub first: u64,
    /// Unix seconds.
    pub last: u64,
    /// How many DHCP requests it sent.
    pub requests: u64,
}

/// The bounded memory of all.
#[derive(Default)]
pub struct Sightings(Mutex<ByMac<Sighting>>);

impl Sightings {
    /// Notes a DHCP request of a machine that is in no site file.
    pub(crate) fn asked(&self, seen: &dhcp::Seen, now: u64) {
        self.with(seen.mac, now, |machine| {
            machine.requests += 1;
            // An installed system says nothing of its architecture.
            if seen.asking != crate::boot::Asking::System {
                machine.arch = Some(seen.arch);
            }
            machine.uuid = seen.machine_uuid.or(machine.uuid);
            machine.client = seen.vendor_class.as_deref().and_then(plain).or(machine.client.take());
            machine.relay = seen.relay;
            machine.silence = match &seen.outcome {
                dhcp::Outcome::Silent(reason) => Some(reason.to_string()),
                _ => None,
            };
        });
    }

    /// Notes what its loader told when it asked for its boot script.
    pub(crate) fn told(&self, mac: Mac, uuid: Option<&str>, serial: Option<&str>, maker: Option<&str>, now: u64) {
        self.with(mac, now, |machine| {
            machine.uuid = uuid.and_then(|uuid| uuid.parse().ok()).or(machine.uuid);
            machine.serial = serial.and_then(plain_serial).or(machine.serial.take());
            machine.maker = maker.and_then(plain).or(machine.maker.take());
        });
    }

    /// Notes that it has the whole of a boot program.
    pub(crate) fn loaded(&self, mac: Mac, program: &str, now: u64) {
        self.with(mac, now, |machine| machine.loader = plain(program));
    }

    /// What this machine showed.
    pub(crate) fn of(&self, mac: Mac) -> Option<Sighting> {
        self.0.lock().expect("no holder of this lock panics").get(mac).cloned()
    }

    /// Everything that is kept, the machine that asked last first.
    pub(crate) fn all(&self) -> Vec<(Mac, Sighting)> {
        let memory = self.0.lock().expect("no holder of this lock panics");
        let mut all: Vec<(Mac, Sighting)> = memory.iter().map(|(mac, seen)| (mac, seen.clone())).collect();
        all.sort_by_key(|(mac, seen)| (std::cmp::Reverse(seen.last), mac.0));
        all
    }

    fn with(&self, mac: Mac, now: u64, change: impl FnOnce(&mut Sighting)) {
        if mac.is_multicast() || mac.is_zero() {
            return;
        }
        let mut memory = self.0.lock().expect("no holder of this lock panics");
        let (machine, _) = memory.entry(mac, MACHINES);
        if machine.last == 0 {
            machine.first = now;
        }
        machine.last = now;
        change(machine);
    }
}

/// A text that a machine sent, as people may see it: one short line of printable ASCII.
fn plain(text: &str) -> Option<String> {
    let kept: String =
        text.chars().filter(|letter| letter.is_ascii_graphic() || *letter == ' ').take(LETTERS).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::Asking;
    use crate::wire::dhcp::{MessageKind, SilenceReason};

    fn seen(last: u8, asking: Asking, arch: ClientArch) -> dhcp::Seen {
        dhcp::Seen {
            mac: Mac([2, 0, 0, 0, 0, last]),
            asked: MessageKind::Discover,
            asking,
            arch,
            machine_uuid: None,
            vendor_class: Some("PXEClient:Arch:00007\x1b[31m".into()),
            relay: Some([10, 0, 2, 1].into()),
            outcome: dhcp::Outcome::Silent(SilenceReason::NamesNoAddress),
        }
    }

    #[test]
    fn what_a_machine_showed_at_different_times_is_put_together_and_the_newest_is_first() {
        let all = Sightings::default();
        all.asked(&seen(1, Asking::Firmware, ClientArch::EFI_X64), 10);
        all.asked(&seen(2, Asking::Firmware, ClientArch::BIOS), 11);
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        all.loaded(mac, "snponly.efi", 12);
        all.told(mac, Some("4c4c4544-0051-3510-8050-b4c04f4a3532"), Some("ABC123"), Some("Dell\nInc."), 13);
        all.told(mac, None, Some("To be filled by O.E.M."), None, 14);
        all.asked(&seen(1, Asking::System, ClientArch::BIOS), 15);
        let kept = all.all();
        assert_eq!(kept.iter().map(|(mac, _)| mac.0[5]).collect::<Vec<_>>(), [1, 2]);
        let first = &kept[0].1;
        assert_eq!((first.first, first.last, first.requests), (10, 15, 2));
        assert_eq!(first.arch, Some(ClientArch::EFI_X64), "a system does not say");
        assert_eq!(first.loader.as_deref(), Some("snponly.efi"));
        assert_eq!((first.serial.as_deref(), first.maker.as_deref()), (Some("ABC123"), Some("DellInc.")));
        assert!(first.uuid.is_some() && first.client.as_deref() == Some("PXEClient:Arch:00007[31m"));
        assert_eq!(first.silence.as_deref(), Some("it names no address"));
    }

    #[test]
    fn invented_machines_push_out_the_oldest_and_impossible_ones_are_nobody() {
        let all = Sightings::default();
        for n in 0..=MACHINES as u16 {
            let [high, low] = n.to_be_bytes();
            all.loaded(Mac([2, 0, 0, 0, high, low]), "x.efi", u64::from(n));
        }
        all.loaded(Mac([0xff; 6]), "x.efi", 1);
        all.loaded(Mac([0; 6]), "x.efi", 1);
        let kept = all.all();
        assert_eq!(kept.len(), MACHINES);
        assert!(!kept.iter().any(|(mac, _)| *mac == Mac([2, 0, 0, 0, 0, 0])));
    }
}
