//! The kind of client: firmware, iPXE or an operating system, and on what machine. The rules follow from what real
//! clients were seen to send; a wrong guess here causes an endless chainload loop or a node without a network boot
//! program.

use super::options::{RawOptions, code};
use crate::boot::{Asking, ClientArch};

/// Names by which iPXE and its predecessor identify themselves in option 77.
const IPXE_NAMES: [&[u8]; 2] = [b"iPXE", b"gPXE"];

/// Determines the kind of client. iPXE is tested first: it also claims to be a PXEClient, and must never get the
/// network boot program again. An installed system may send its own vendor class; it is then not firmware, whatever
/// else it sends.
pub(crate) fn who_asks(options: &RawOptions) -> Asking {
    let is_firmware = match options.get(code::VENDOR_CLASS) {
        Some(class) => is_pxe(class) || is_http(class),
        None => options.get(code::CLIENT_ARCH).is_some(),
    };
    match (is_ipxe(options), is_firmware) {
        (true, _) => Asking::Ipxe,
        (false, true) => Asking::Firmware,
        (false, false) => Asking::System,
    }
}

/// Determines the machine's architecture: the first supported entry of option 93, else its first entry, else what the
/// vendor class says (`PXEClient:Arch:00007:…`), else BIOS, because old ROMs send neither. The transport follows from
/// the vendor class.
pub(crate) fn client_arch(options: &RawOptions) -> ClientArch {
    let vendor_class = options.get(code::VENDOR_CLASS).unwrap_or_default();
    let listed = arch_list(options);
    let supported = listed.iter().map(|&number| ClientArch::from(number)).find(|arch| is_supported(*arch));
    let first = listed.first().copied().or_else(|| arch_in_vendor_class(vendor_class));
    let arch = supported.or(first.map(ClientArch::from)).unwrap_or(ClientArch::BIOS);
    match (is_http(vendor_class), is_pxe(vendor_class)) {
        (true, _) => arch.by(true),
        (false, true) => arch.by(false),
        (false, false) => arch,
    }
}

/// Whether option 93 was sent and holds whole 16-bit numbers.
pub(crate) fn arch_is_readable(options: &RawOptions) -> bool {
    options.get(code::CLIENT_ARCH).is_none_or(|data| !data.is_empty() && data.len() % 2 == 0)
}

fn is_supported(arch: ClientArch) -> bool {
    arch.platform().is_some()
}

fn arch_list(options: &RawOptions) -> Vec<u16> {
    let data = options.get(code::CLIENT_ARCH).unwrap_or_default();
    data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

fn arch_in_vendor_class(class: &[u8]) -> Option<u16> {
    let mut parts = std::str::from_utf8(class).ok()?.split(':');
    parts.find(|part| *part == "Arch")?;
    parts.next()?.parse().ok()
}

fn is_pxe(vendor_class: &[u8]) -> bool {
    vendor_class.starts_with(b"PXEClient")
}

fn is_http(vendor_class: &[u8]) -> bool {
    vendor_class.starts_with(b"HTTPClient")
}

fn is_ipxe(options: &RawOptions) -> bool {
    options.get(code::IPXE).is_some() || options.get(code::USER_CLASS).is_some_and(names_ipxe)
}

/// Whether the user class names iPXE. iPXE sends its bare name; RFC 3004 wants a list of names, each preceded by its
/// length. Both forms are accepted.
fn names_ipxe(mut user_class: &[u8]) -> bool {
    let is_name = |name: &[u8]| IPXE_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is_name(user_class) {
        return true;
    }
    while let Some((&length, rest)) = user_class.split_first() {
        let Some((name, after)) = rest.split_at_checked(usize::from(length)) else { return false };
        if is_name(name) {
            return true;
        }
        user_class = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(list: &[(u8, &[u8])]) -> RawOptions {
        let mut packet = vec![0; 240];
        for (number, data) in list {
            packet.extend([*number, data.len() as u8]);
            packet.extend_from_slice(data);
        }
        RawOptions::read(&packet)
    }

    #[test]
    fn ipxe_is_known_by_either_spelling_of_its_user_class_or_by_option_175() {
        let class: (u8, &[u8]) = (60, b"PXEClient:Arch:00000:UNDI:002001");
        for marker in [(77, &b"iPXE"[..]), (77, b"\x04iPXE"), (77, b"\x03foo\x04iPXE"), (77, b"gPXE"), (175, b"")] {
            assert_eq!(who_asks(&options(&[class, marker])), Asking::Ipxe, "{marker:?}");
        }
        for other in [(77, &b"iPXEx"[..]), (77, b"\x09iPXE"), (77, b""), (43, b"iPXE")] {
            assert_eq!(who_asks(&options(&[class, other])), Asking::Firmware, "{other:?}");
        }
    }

    #[test]
    fn firmware_is_known_by_its_vendor_class_or_by_an_architecture_alone() {
        assert_eq!(who_asks(&options(&[(60, b"HTTPClient:Arch:00016:UNDI:003000")])), Asking::Firmware);
        assert_eq!(who_asks(&options(&[(93, &[0, 7])])), Asking::Firmware);
    }

    #[test]
    fn operating_systems_and_installers_are_systems() {
        for class in [&b"udhcp 1.35.0"[..], b"anaconda-Linux 2.6.32-754.el6.x86_64 x86_64", b""] {
            assert_eq!(who_asks(&options(&[(60, class), (93, &[0, 0])])), Asking::System);
        }
        assert_eq!(who_asks(&options(&[])), Asking::System);
    }

    #[test]
    fn first_supported_architecture_of_a_list_wins() {
        assert_eq!(client_arch(&options(&[(93, &[0, 2, 0, 9, 0, 7])])), ClientArch::EFI_X64);
        assert_eq!(client_arch(&options(&[(93, &[0, 13, 0, 2])])), ClientArch::Other(13));
    }

    #[test]
    fn vendor_class_stands_in_for_an_unreadable_architecture() {
        let class: (u8, &[u8]) = (60, b"PXEClient:Arch:00007:UNDI:003000");
        for broken in [&[][..], &[7]] {
            let options = options(&[class, (93, broken)]);
            assert_eq!(client_arch(&options), ClientArch::EFI_X64);
            assert!(!arch_is_readable(&options));
        }
        assert_eq!(client_arch(&options(&[(60, b"PXEClient:Arch:")])), ClientArch::BIOS);
    }

    #[test]
    fn transport_follows_the_vendor_class() {
        assert_eq!(client_arch(&options(&[(60, b"HTTPClient"), (93, &[0, 7])])), ClientArch::EFI_X64_HTTP);
        assert_eq!(client_arch(&options(&[(60, b"PXEClient"), (93, &[0, 16])])), ClientArch::EFI_X64);
    }
}
