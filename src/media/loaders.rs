//! Reads what firmware loads: the signed chain of an install tree, and the operator's own loaders. They are read once,
//! because TFTP never waits for a disk.

use super::{Content, Guarded, Media, pe};
use crate::packages::Hasher;
use crate::site::{LoaderFile, Platform, Program, SignedChain};

/// The largest loader that is read, in bytes. One with a kernel and an initial RAM disk inside has some 16 MB.
const MAX_BYTES: u64 = 128 << 20;
/// Folders of install trees with signed loaders, and how the name of shim begins there; the ending is that of the
/// platform. The first is that of EL's images, the others those of Debian's installer.
const FOLDERS: [(&str, &str); 3] =
    [("EFI/BOOT", "BOOT"), ("debian-installer/amd64", "bootnet"), ("debian-installer/arm64", "bootnet")];

/// The signed chains of an install tree: a signed shim with a signed GRUB beside it, whose name shim has built in.
pub(crate) fn signed_chains(tree: &Media) -> Vec<SignedChain> {
    let platforms = Platform::ALL.into_iter().filter(|(.., ending)| !ending.is_empty());
    platforms.filter_map(|(platform, ..)| FOLDERS.into_iter().find_map(|place| chain(tree, platform, place))).collect()
}

fn chain(tree: &Media, platform: Platform, (folder, begins): (&str, &str)) -> Option<SignedChain> {
    let ending = platform.ending();
    let shim = match begins {
        "BOOT" => format!("{begins}{}", ending.to_uppercase()),
        _ => format!("{begins}{ending}"),
    };
    let read = |name: &str| {
        let path = format!("{folder}/{name}");
        let bytes = tree.has(&path).then(|| tree.read(&path, MAX_BYTES))?.ok()?;
        pe::is_signed(&bytes).then(|| Program { name: name.into(), bytes: bytes.into() })
    };
    // EL6 has its old GRUB under the same name.
    let shim = read(&shim).filter(|shim| pe::is_shim(&shim.bytes))?;
    let grub = read(&format!("grub{ending}"))?;
    let speaks_http = pe::speaks_http(&grub.bytes);
    Some(SignedChain { platform, shim, grub, speaks_http })
}

/// A file of the operator's own loader, or why it cannot be used; a guarded file is none, under whatever name.
pub(crate) fn own_program(file: &LoaderFile, guarded: &Guarded) -> Result<Program, String> {
    let name = file.path.file_name().and_then(|name| name.to_str()).ok_or("its name is no text")?;
    let content = Content::named(&file.path).and_then(|content| content.unless(guarded));
    let bytes = content.and_then(|content| content.bytes(MAX_BYTES));
    let bytes = bytes.map_err(|error| error.to_string())?;
    if bytes.is_empty() {
        return Err("it is empty".into());
    }
    let mut hasher = Hasher::new(file.checksum.algorithm);
    hasher.update(&bytes);
    let found = hasher.hex();
    match found == file.checksum.hex {
        true => Ok(Program { name: name.into(), bytes: bytes.into() }),
        false => Err(format!("its {} is {found}, not {}", file.checksum.algorithm.name(), file.checksum.hex)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::media::pe::tests::program;
    use crate::packages::{Algorithm, Checksum};

    fn tree(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    #[test]
    fn a_chain_is_a_signed_shim_and_a_signed_grub_under_the_names_of_its_platform() {
        let (shim, grub) = (program(true, b"UEFI SHIM"), program(true, b" HTTP/1.1\r\n"));
        let folder = tree(&[
            ("EFI/BOOT/BOOTX64.EFI", shim.clone()),
            ("EFI/BOOT/grubx64.efi", grub.clone()),
            ("EFI/BOOT/BOOTAA64.EFI", shim.clone()),
            ("EFI/BOOT/BOOTIA32.EFI", shim.clone()),
            ("EFI/BOOT/grubia32.efi", program(false, b"")),
            ("debian-installer/arm64/bootnetaa64.efi", shim.clone()),
            ("debian-installer/arm64/grubaa64.efi", program(true, b"")),
        ]);
        let found = signed_chains(&Media::open(folder.path()).unwrap());
        let words: Vec<_> = found
            .iter()
            .map(|chain| (chain.platform.word(), chain.shim.name.as_str(), chain.grub.name.as_str(), chain.speaks_http))
            .collect();
        assert_eq!(
            words,
            [("efi-x64", "BOOTX64.EFI", "grubx64.efi", true), ("efi-arm64", "bootnetaa64.efi", "grubaa64.efi", false)]
        );
    }

    #[test]
    fn the_old_grub_of_el6_is_no_shim() {
        let old = program(true, b"GRUB");
        let folder = tree(&[("EFI/BOOT/BOOTX64.EFI", old.clone()), ("EFI/BOOT/grubx64.efi", old)]);
        assert_eq!(signed_chains(&Media::open(folder.path()).unwrap()), []);
    }

    #[test]
    fn an_own_loader_must_have_its_checksum() {
        let folder = tree(&[("ipxe.efi", b"abc".to_vec())]);
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let file = |sum: &str| LoaderFile {
            path: folder.path().join("ipxe.efi"),
            checksum: Checksum::new(Algorithm::Sha256, sum).unwrap(),
        };
        let nothing = Guarded::default();
        assert_eq!(own_program(&file(sum), &nothing).unwrap().name, "ipxe.efi");
        let other = sum.replace('b', "c");
        assert!(own_program(&file(&other), &nothing).unwrap_err().contains(sum), "it says what it found");
        // Another name of a file that nobody may fetch, and what is no file at all.
        let key = folder.path().join("key");
        fs::hard_link(folder.path().join("ipxe.efi"), &key).unwrap();
        let why = own_program(&file(sum), &Guarded::of(&[key])).unwrap_err();
        assert!(why.contains("nobody may fetch"), "{why}");
        let device = LoaderFile { path: "/dev/zero".into(), ..file(sum) };
        assert!(own_program(&device, &nothing).is_err(), "it never ends");
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("fifo")).status();
        assert!(made.unwrap().success());
        let fifo = LoaderFile { path: folder.path().join("fifo"), ..file(sum) };
        assert!(own_program(&fifo, &nothing).is_err(), "nobody writes to it");
    }
}
