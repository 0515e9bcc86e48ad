//! `.treeinfo`: the installer's files, as Anaconda's composer lists them (productmd; `[checksums]` and one
//! `[images-ARCH]` for each platform).

use std::collections::BTreeMap;

use super::{INDEX, Piece};
use crate::packages::{Checksum, is_inside};

/// What firmware with Secure Boot loads. No list has them; the firmware checks their signatures.
const SIGNED: [&str; 4] = ["EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/grubx64.efi", "EFI/BOOT/mmx64.efi", "EFI/BOOT/grub.cfg"];
/// A DVD in itself, of about 1 GB, that no machine is installed from over the network.
const DISC: &str = "boot.iso";

/// Returns the files of the installer that a tree has, each once, in the order of their paths. An error names a path that
/// leads outside.
pub(crate) fn of_treeinfo(treeinfo: &str) -> Result<Vec<Piece>, String> {
    let mut found: BTreeMap<String, Option<Checksum>> = BTreeMap::new();
    let mut section = "";
    for line in treeinfo.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
            continue;
        }
        let Some((key, value)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else { continue };
        let (path, checksum) = match section {
            "checksums" => (key, checksum(value)),
            "stage2" => (value, None),
            _ if section.starts_with("images-") => (value, None),
            _ => continue,
        };
        // The index is fetched with its repository, which is newer where a tree was composed before it was signed.
        if path.is_empty() || path == INDEX || path.rsplit('/').next() == Some(DISC) {
            continue;
        }
        if !is_inside(path) {
            let shown: String = path.escape_debug().take(200).collect();
            return Err(format!("it names `{shown}`, outside the tree"));
        }
        let known = found.entry(path.to_string()).or_default();
        *known = known.take().or(checksum);
    }
    let named = |(path, checksum)| Piece { checksum, ..Piece::unproved(path) };
    let mut pieces: Vec<Piece> = found.into_iter().map(named).collect();
    for path in SIGNED.into_iter().filter(|path| pieces.iter().all(|piece| piece.path != *path)).collect::<Vec<_>>() {
        pieces.push(Piece { is_optional: true, ..Piece::unproved(path) });
    }
    Ok(pieces)
}

/// `sha256:` and digits.
fn checksum(text: &str) -> Option<Checksum> {
    let (algorithm, hex) = text.split_once(':')?;
    Checksum::named(algorithm.trim(), hex.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installer_s_files_are_told_once_with_their_checksums_and_without_the_disc() {
        let sum = "0".repeat(64);
        let text = format!(
            "[checksums]\nimages/boot.iso = sha256:{sum}\nimages/install.img = sha256:{sum}\n\
             images/pxeboot/vmlinuz = sha256:{sum}\nrepodata/repomd.xml = sha256:{sum}\n[general]\nversion = 9\n\
             [images-x86_64]\nboot.iso = images/boot.iso\nkernel = images/pxeboot/vmlinuz\n\
             initrd = images/pxeboot/initrd.img\n[images-xen]\nkernel = images/pxeboot/vmlinuz\n\
             [stage2]\nmainimage = images/install.img\n"
        );
        let pieces = of_treeinfo(&text).unwrap();
        let told: Vec<_> = pieces.iter().filter(|piece| !piece.is_optional).collect();
        let paths: Vec<_> = told.iter().map(|piece| piece.path.as_str()).collect();
        assert_eq!(paths, ["images/install.img", "images/pxeboot/initrd.img", "images/pxeboot/vmlinuz"]);
        let proved: Vec<_> = told.iter().map(|piece| piece.checksum.is_some()).collect();
        assert_eq!(proved, [true, false, true]);
        assert_eq!(pieces.len() - told.len(), SIGNED.len());
    }

    #[test]
    fn a_path_that_leads_outside_is_refused() {
        for path in ["../kernel", "/etc/shadow", "a/../../b"] {
            let text = format!("[images-x86_64]\nkernel = {path}\n");
            assert!(of_treeinfo(&text).unwrap_err().contains(path), "{path}");
        }
    }
}
