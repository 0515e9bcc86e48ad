//! What a UEFI program is, told from its bytes alone (Microsoft PE/COFF specification, revision 11).

/// Where the offset of the PE header is written.
const PE_OFFSET: usize = 0x3c;
/// Magic numbers of the optional header, with the offset of its data directories.
const DIRECTORIES: [(u16, usize); 2] = [(0x10b, 96), (0x20b, 112)];
/// The place of the certificate table among the data directories, each of 8 bytes.
const CERTIFICATES: usize = 4;

/// Whether the program has a certificate table; which keys signed it is for the firmware to judge.
pub(crate) fn is_signed(program: &[u8]) -> bool {
    certificate_bytes(program).is_some_and(|length| length > 0)
}

/// Whether the program is shim, which says so in its data.
pub(crate) fn is_shim(program: &[u8]) -> bool {
    holds(program, b"UEFI SHIM")
}

/// Whether GRUB has its HTTP module built in. Under Secure Boot it can load no other modules. The module writes this
/// into every request.
pub(crate) fn speaks_http(grub: &[u8]) -> bool {
    holds(grub, b" HTTP/1.1\r\n")
}

fn certificate_bytes(program: &[u8]) -> Option<u32> {
    let number = |at: usize| Some(u32::from_le_bytes(*program.get(at..)?.first_chunk::<4>()?));
    let header = usize::try_from(number(PE_OFFSET)?).ok()?;
    if program.get(header..header.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    let optional = header + 24;
    let magic = u16::from_le_bytes(*program.get(optional..)?.first_chunk::<2>()?);
    let (_, directories) = DIRECTORIES.iter().find(|(known, _)| *known == magic)?;
    number(optional + directories + CERTIFICATES * 8 + 4)
}

fn holds(program: &[u8], words: &[u8]) -> bool {
    program.windows(words.len()).any(|window| window == words)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A program with nothing but headers and these words.
    pub(crate) fn program(signed: bool, words: &[u8]) -> Vec<u8> {
        let mut program = vec![0; 0x200];
        program[PE_OFFSET] = 0x80;
        program[0x80..0x84].copy_from_slice(b"PE\0\0");
        program[0x98..0x9a].copy_from_slice(&0x20bu16.to_le_bytes());
        program[0x98 + 112 + 36] = u8::from(signed);
        program.extend_from_slice(words);
        program
    }

    #[test]
    fn a_signature_is_a_certificate_table_with_something_in_it() {
        assert!(is_signed(&program(true, b"")) && !is_signed(&program(false, b"")));
        for broken in [&b""[..], b"MZ", &[0xff; 0x50], &program(true, b"")[..0x100]] {
            assert!(!is_signed(broken), "{} bytes", broken.len());
        }
    }

    #[test]
    fn programs_are_told_by_what_they_say() {
        assert!(is_shim(&program(true, b"UEFI SHIM\n$Version: 16.1 $")) && !is_shim(&program(true, b"GRUB")));
        assert!(speaks_http(&program(true, b"GET %s HTTP/1.1\r\nHost: %s\r\n")));
        assert!(!speaks_http(&program(true, b"\0http\0tftp\0")), "efinet knows the word, too");
    }
}
