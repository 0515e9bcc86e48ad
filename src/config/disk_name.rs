//! Which kernel names can belong to a whole disk that a server boots from.

/// Why `name` is not the name of such a disk in /sys/block; none when it may be.
pub(super) fn objection(name: &str) -> Option<&'static str> {
    const NO_DISKS: [&str; 8] = ["loop", "md", "dm-", "sr", "fd", "ram", "zram", "nbd"];
    const LETTERED: [&str; 4] = ["sd", "hd", "vd", "xvd"];
    const NUMBERED: [&str; 5] = ["nvme", "mmcblk", "cciss/c", "ida/c", "rd/c"];
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit());
    let rest_of = |prefixes: &[&str]| prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
    if rest_of(&NO_DISKS).is_some_and(digits) {
        return Some("is never the disk of a server");
    }
    if let Some(rest) = rest_of(&NUMBERED) {
        let is_partition = rest.rsplit_once('p').is_some_and(|(_, number)| digits(number));
        // The kernel joins the paths to one drive itself and hides them; an SD or eMMC card keeps its boot areas
        // separate.
        let path = rest.split_once('c').filter(|_| name.starts_with("nvme")).is_some_and(|(number, _)| digits(number));
        if path {
            return Some(
                "is one path to a drive, without a node in /dev; the drive is called without `c` and a number",
            );
        } else if name.starts_with("mmcblk") && !digits(rest) && !is_partition {
            return Some("is an area of a card that no system is installed on");
        }
        let is_controller = name.starts_with("nvme") && digits(rest);
        return match (is_partition, is_controller) {
            (true, _) => Some("is a partition, not a disk"),
            (_, true) => Some("is a controller; its first disk is called by that name and `n1`"),
            _ => None,
        };
    }
    let bare = name.strip_prefix('c').and_then(|rest| rest.split_once('d'));
    if bare.is_some_and(|(controller, disk)| digits(controller) && digits(disk)) {
        return Some("lacks the name of its driver: disks of a Smart Array are called cciss/c0d0");
    }
    if LETTERED.contains(&name) {
        return Some("is not yet the name of a disk: its letter is missing");
    }
    let is_partition = |rest: &str| !rest.trim_start_matches(|letter: char| letter.is_ascii_lowercase()).is_empty();
    rest_of(&LETTERED).filter(|rest| is_partition(rest)).map(|_| "is a partition, not a disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_disks_are_told_from_their_partitions_and_from_what_is_none() {
        for disk in [
            "sda",
            "sdab",
            "vda",
            "xvdb",
            "hda",
            "nvme0n1",
            "nvme10n2",
            "mmcblk0",
            "cciss/c0d0",
            "ida/c0d0",
            "rd/c0d1",
            "dasda",
        ] {
            assert_eq!(objection(disk), None, "{disk}");
        }
        for other in [
            "sda1",
            "vdb12",
            "nvme0n1p2",
            "mmcblk0p1",
            "cciss/c0d0p1",
            "nvme0",
            "loop0",
            "md127",
            "dm-3",
            "sr0",
            "sd",
            "c0d0",
            "nvme0c0n1",
            "nvme0c1n1p1",
            "mmcblk0boot0",
            "mmcblk0rpmb",
            "ida/c0d0p1",
        ] {
            assert!(objection(other).is_some(), "{other}");
        }
    }
}
