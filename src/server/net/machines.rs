//! What machines showed by DHCP and TFTP: the UUID of option 97, and whether their firmware refuses what it loaded. It
//! is kept in memory only, because DHCP never touches the store. If iPXE sends no UUID with its request for the boot
//! script, this one is compared with the known UUID, and a difference is reported to people.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::boot::{Asking, BootRequest};
use crate::server::by_mac::{ByMac, room_for};
use crate::site::{Firmware, Mac, SmbiosUuid};

/// How long after a program was loaded the firmware's next request still means that it was not started. OVMF that
/// refused a program tries PXE by IPv6 for 70 to 110 s before it asks again.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(300);

/// A bounded memory of each MAC.
#[derive(Default)]
pub struct Machines {
    inner: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    machines: ByMac<Machine>,
    /// The nodes of the site that the memory must fit.
    nodes: usize,
}

#[derive(Default, Clone)]
struct Machine {
    uuid: Option<SmbiosUuid>,
    /// The UEFI program that its firmware loaded last, and when; none once that program has shown that it runs.
    loaded: Option<(String, Instant)>,
    /// The program that it loaded and did not start.
    refused: Option<String>,
}

impl Machines {
    /// Remembers the UUID that a machine last sent, in a memory that fits a site of so many nodes.
    pub(crate) fn tell(&self, mac: Mac, uuid: SmbiosUuid, nodes: usize) {
        self.inner.lock().expect("no holder of this lock panics").nodes = nodes;
        self.with(mac, |machine| machine.uuid = Some(uuid));
    }

    /// The UUID that a machine last sent.
    pub(crate) fn of(&self, mac: Mac) -> Option<SmbiosUuid> {
        self.look(mac)?.uuid
    }

    /// Remembers that a machine's firmware has the whole of a UEFI program.
    pub(crate) fn loaded(&self, mac: Mac, program: &str, now: Instant) {
        if program.to_ascii_lowercase().ends_with(".efi") {
            self.with(mac, |machine| machine.loaded = Some((program.into(), now)));
        }
    }

    /// Notes a DHCP request, before it is answered, and returns whether the machine's firmware refuses programs that
    /// nobody signed: it loaded one, and then its firmware asked again instead of that program. A machine that somebody
    /// restarts meanwhile looks the same; the signed chain works on it, too.
    pub(crate) fn refuses(&self, request: &BootRequest, now: Instant) -> bool {
        let is_efi = !request.arch.runs_on(Firmware::Bios);
        match request.asking {
            Asking::Ipxe => {
                if self.look(request.mac).is_some_and(|machine| machine.loaded.is_some() || machine.refused.is_some()) {
                    self.with(request.mac, |machine| (machine.loaded, machine.refused) = (None, None));
                }
                false
            }
            Asking::Firmware if is_efi => {
                let Some(machine) = self.look(request.mac) else { return false };
                let back = machine.loaded.filter(|(_, at)| now.duration_since(*at) < COMES_BACK_WITHIN);
                // Shim and GRUB send no request of their own, so a second boot through them says nothing.
                let Some((program, _)) = back.filter(|(program, _)| !is_signed(program)) else {
                    return machine.refused.is_some();
                };
                self.with(request.mac, |machine| (machine.loaded, machine.refused) = (None, Some(program)));
                true
            }
            _ => false,
        }
    }

    /// The program that a machine's firmware loaded and did not start; none when it starts what it loads.
    pub(crate) fn refused(&self, mac: Mac) -> Option<String> {
        self.look(mac)?.refused
    }

    fn look(&self, mac: Mac) -> Option<Machine> {
        self.inner.lock().expect("no holder of this lock panics").machines.get(mac).cloned()
    }

    fn with(&self, mac: Mac, change: impl FnOnce(&mut Machine)) {
        let mut inner = self.inner.lock().expect("no holder of this lock panics");
        let most = room_for(inner.nodes);
        change(inner.machines.entry(mac, most).0);
    }
}

/// Whether a published name is that of a signed chain.
fn is_signed(program: &str) -> bool {
    program.trim_start_matches(['/', '\\']).starts_with("signed/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_newest_word_counts() {
        let (machines, uuid) = (Machines::default(), |n| SmbiosUuid::new([n; 16]).unwrap());
        for n in 0..10_000u32 {
            let [a, b, c, d] = n.to_be_bytes();
            machines.tell(Mac([2, 0, a, b, c, d]), uuid(7), 4000);
        }
        assert_eq!(machines.inner.lock().unwrap().machines.len(), 8000);
        machines.tell(Mac([2; 6]), uuid(7), 4000);
        machines.tell(Mac([2; 6]), uuid(8), 4000);
        assert_eq!(machines.of(Mac([2; 6])), Some(uuid(8)));
        assert_eq!(machines.of(Mac([3; 6])), None);
    }
    #[test]
    fn firmware_that_comes_back_after_loading_a_program_refuses_it_until_ipxe_runs() {
        let (machines, mac, start) = (Machines::default(), Mac([2; 6]), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let asks =
            |arch: u16, asking, seconds| machines.refuses(&BootRequest::new(mac, arch.into(), asking), after(seconds));
        assert!(!asks(7, Asking::Firmware, 0), "it has loaded nothing yet");
        machines.loaded(mac, "snponly.efi", after(1));
        assert!(!asks(7, Asking::System, 2), "a system that asks says nothing about the firmware");
        assert!(asks(16, Asking::Firmware, 74), "its next attempt is UEFI HTTP boot");
        assert!(asks(16, Asking::Firmware, 600), "it stays so, also for the second packet of that attempt");
        assert_eq!(machines.refused(mac).as_deref(), Some("snponly.efi"));
        assert!(!asks(7, Asking::Ipxe, 610) && !asks(7, Asking::Firmware, 620), "iPXE runs, so it was started");
        machines.loaded(mac, "snponly.efi", after(700));
        assert!(!asks(7, Asking::Firmware, 1001), "a boot of another day");
        for harmless in ["undionly.kpxe", "signed/rocky9/BOOTX64.EFI", "/signed/rocky9/grubx64.efi"] {
            machines.loaded(mac, harmless, after(1100));
            assert!(!asks(7, Asking::Firmware, 1101), "{harmless}");
        }
    }
}
