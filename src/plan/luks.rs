//! Encryption of physical volumes: the space that it takes, and who opens them.

use crate::site::{Mib, Node, Release};

use super::size;

/// Where the data begins after a LUKS header. LUKS 1 (EL6, EL7) has room for eight keys of 512 bits and ends at a whole
/// MiB; LUKS 2 (EL8 and later) takes 16 MiB since cryptsetup 2.1. Anaconda counts on 2 MiB for either, and then finds
/// less room.
fn header(release: Release) -> Mib {
    if release.major >= 8 { Mib(16) } else { Mib(2) }
}

/// The header size of a group's physical volumes; zero when the group is not encrypted.
pub(crate) fn of_group(node: &Node, group: &str) -> Mib {
    match node.layout.volume_groups.iter().any(|known| known.name == group && known.encrypted) {
        true => header(node.release),
        false => Mib(0),
    }
}

/// Whether the header size is certain: cryptsetup 2.0 (EL8.0) makes one of 4 MiB.
pub(crate) fn is_exact(node: &Node, group: &str) -> bool {
    of_group(node, group) == Mib(0) || (node.release.major, node.release.minor) != (8, 0)
}

/// Says who or what opens a group when the node starts, for people.
pub(crate) fn who_opens(node: &Node, group: &str) -> String {
    match &node.tang {
        Some(tang) => {
            format!("`{group}` is encrypted: Tang opens it at each start ({}), and the passphrase does", tang.who())
        }
        None => format!(
            "`{group}` is encrypted: whoever starts {} types the passphrase on its console, each time",
            node.name
        ),
    }
}

/// The size of the volume group that a partition yields after a header.
pub(crate) fn volume_group_size(partition: Mib, header: Mib) -> Mib {
    size::volume_group_size(Mib(partition.0.saturating_sub(header.0)))
}

/// The smallest partition that yields a group of this size after a header.
pub(crate) fn partition_for(group: Mib, header: Mib) -> Mib {
    size::partition_for(group) + header
}
