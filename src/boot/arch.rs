//! The architectures that clients report, and which of them run the same boot programs. Numbers and names are those of
//! IANA's registry "Processor Architecture Types" (RFC 5970 section 3.3), which option 93 of DHCPv4 shares (RFC 4578
//! section 2.1).

use std::fmt;

use crate::site::{Firmware, Platform};

/// Every registered number, with what it stands for, the platform whose programs it runs, and whether it boots over
/// HTTP. A number without a platform is known by name only.
const REGISTERED: [(u16, &str, Option<Platform>, bool); 42] = {
    use Platform as P;
    [
        (0, "x86 BIOS", Some(P::Bios), false),
        (1, "NEC PC-98", None, false),
        (2, "Itanium UEFI", None, false),
        (3, "DEC Alpha", None, false),
        (4, "Arc x86", None, false),
        (5, "Intel Lean Client", None, false),
        (6, "x86 UEFI", Some(P::EfiIa32), false),
        (7, "x64 UEFI", Some(P::EfiX64), false),
        (8, "XScale UEFI", None, false),
        // The registry calls it EBC, EFI byte code; what sends it is x64 firmware of before an erratum of RFC 4578.
        (9, "x64 UEFI (EBC)", Some(P::EfiX64), false),
        (10, "ARM 32-bit UEFI", Some(P::EfiArm32), false),
        (11, "ARM 64-bit UEFI", Some(P::EfiArm64), false),
        (12, "PowerPC Open Firmware", None, false),
        (13, "PowerPC ePAPR", None, false),
        (14, "POWER OPAL v3", None, false),
        (15, "x86 UEFI by HTTP", Some(P::EfiIa32), true),
        (16, "x64 UEFI by HTTP", Some(P::EfiX64), true),
        (17, "x64 UEFI (EBC) by HTTP", Some(P::EfiX64), true),
        (18, "ARM 32-bit UEFI by HTTP", Some(P::EfiArm32), true),
        (19, "ARM 64-bit UEFI by HTTP", Some(P::EfiArm64), true),
        (20, "x86 BIOS by HTTP", Some(P::Bios), true),
        (21, "ARM 32-bit U-Boot", None, false),
        (22, "ARM 64-bit U-Boot", None, false),
        (23, "ARM 32-bit U-Boot by HTTP", None, true),
        (24, "ARM 64-bit U-Boot by HTTP", None, true),
        (25, "RISC-V 32-bit UEFI", None, false),
        (26, "RISC-V 32-bit UEFI by HTTP", None, true),
        (27, "RISC-V 64-bit UEFI", Some(P::EfiRiscv64), false),
        (28, "RISC-V 64-bit UEFI by HTTP", Some(P::EfiRiscv64), true),
        (29, "RISC-V 128-bit UEFI", None, false),
        (30, "RISC-V 128-bit UEFI by HTTP", None, true),
        (31, "s390 Basic", None, false),
        (32, "s390 Extended", None, false),
        (33, "MIPS 32-bit UEFI", None, false),
        (34, "MIPS 64-bit UEFI", None, false),
        (35, "Sunway 32-bit UEFI", None, false),
        (36, "Sunway 64-bit UEFI", None, false),
        (37, "LoongArch 32-bit UEFI", None, false),
        (38, "LoongArch 32-bit UEFI by HTTP", None, true),
        (39, "LoongArch 64-bit UEFI", Some(P::EfiLoong64), false),
        (40, "LoongArch 64-bit UEFI by HTTP", Some(P::EfiLoong64), true),
        (41, "ARM rpiboot", None, false),
    ]
};

/// DHCP option 93.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientArch {
    /// One that boot programs exist for.
    Known {
        /// Whose programs it runs.
        platform: Platform,
        /// Whether it loads them over HTTP.
        http: bool,
    },
    /// Any other number.
    Other(u16),
}

impl ClientArch {
    /// PC BIOS. Also assumed when the option is missing, as old BIOS ROMs do not send it.
    pub const BIOS: Self = Self::on(Platform::Bios, false);
    /// UEFI on x86-64.
    pub const EFI_X64: Self = Self::on(Platform::EfiX64, false);
    /// UEFI on x86-64 that boots over HTTP.
    pub const EFI_X64_HTTP: Self = Self::on(Platform::EfiX64, true);

    /// The architecture of a platform.
    pub const fn on(platform: Platform, http: bool) -> Self {
        Self::Known { platform, http }
    }

    /// The platform whose programs it runs; none when rackstart knows only its name.
    pub(crate) fn platform(self) -> Option<Platform> {
        match self {
            Self::Known { platform, .. } => Some(platform),
            Self::Other(_) => None,
        }
    }

    /// The same platform with the transport that the vendor class names.
    pub(crate) fn by(self, over_http: bool) -> Self {
        match self {
            Self::Known { platform, .. } => Self::Known { platform, http: over_http },
            other => other,
        }
    }

    /// Whether a machine with that firmware asks as this architecture.
    pub(crate) fn runs_on(self, firmware: Firmware) -> bool {
        match firmware {
            Firmware::Bios => self.platform() == Some(Platform::Bios),
            Firmware::Uefi => self.platform() == Some(Platform::EfiX64),
        }
    }

    /// The architecture to assume for a machine with that firmware when nothing else is known.
    pub(crate) fn of(firmware: Firmware) -> Self {
        match firmware {
            Firmware::Bios => Self::BIOS,
            Firmware::Uefi => Self::EFI_X64,
        }
    }

    /// The reverse of its text, for the platforms that programs exist for.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        let (name, http) = word.strip_suffix("-http").map_or((word, false), |name| (name, true));
        Platform::from_word(name).map(|platform| Self::on(platform, http))
    }
}

impl From<u16> for ClientArch {
    fn from(number: u16) -> Self {
        let known = REGISTERED.iter().find(|(known, ..)| *known == number);
        match known {
            Some((_, _, Some(platform), http)) => Self::on(*platform, *http),
            _ => Self::Other(number),
        }
    }
}

impl fmt::Display for ClientArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { platform, http } => write!(f, "{platform}{}", if *http { "-http" } else { "" }),
            Self::Other(number) => match REGISTERED.iter().find(|(known, ..)| known == number) {
                Some((_, name, ..)) => write!(f, "arch-{number} ({name})"),
                None => write!(f, "arch-{number}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registered_number_has_a_name_and_stands_in_its_place() {
        for (place, (number, name, ..)) in REGISTERED.iter().enumerate() {
            assert_eq!(usize::from(*number), place);
            assert!(!name.is_empty());
        }
    }

    #[test]
    fn numbers_are_told_by_platform_and_transport_or_by_name() {
        let said = |number: u16| ClientArch::from(number).to_string();
        for (number, word) in [
            (0, "bios"),
            (6, "efi-ia32"),
            (7, "efi-x64"),
            (9, "efi-x64"),
            (10, "efi-arm32"),
            (11, "efi-arm64"),
            (15, "efi-ia32-http"),
            (16, "efi-x64-http"),
            (18, "efi-arm32-http"),
            (19, "efi-arm64-http"),
            (28, "efi-riscv64-http"),
            (40, "efi-loong64-http"),
        ] {
            assert_eq!(said(number), word);
            assert_eq!(ClientArch::from_word(word), Some(ClientArch::from(number)));
        }
        assert_eq!(said(31), "arch-31 (s390 Basic)");
        assert_eq!(said(4711), "arch-4711");
        assert_eq!(ClientArch::from_word("arch-31"), None);
    }

    #[test]
    fn a_node_is_installed_only_by_the_firmware_that_the_file_gives_it() {
        assert!(ClientArch::EFI_X64_HTTP.runs_on(Firmware::Uefi) && ClientArch::from(20).runs_on(Firmware::Bios));
        for other in [0, 6, 11, 31] {
            assert!(!ClientArch::from(other).runs_on(Firmware::Uefi), "{other}");
        }
        assert!(!ClientArch::EFI_X64.runs_on(Firmware::Bios));
    }
}
