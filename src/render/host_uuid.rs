//! The UUID by which a hypervisor tells a node from its peers. By default a hypervisor uses the board's SMBIOS UUID,
//! which whole batches of boards share; between two hosts with the same UUID it refuses to migrate a virtual machine.

use sha1::{Digest, Sha1};

use crate::hex::hex;
use crate::site::Mac;

/// The name space ID for DNS names (RFC 9562, section 6.6).
const DNS: [u8; 16] = [0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];

/// The UUID of the node with this MAC: version 5 (RFC 9562, section 5.5), so every installation gets the same one.
pub(super) fn of(mac: Mac) -> String {
    let hash = Sha1::new().chain_update(DNS).chain_update(format!("{mac}.host.rackstart")).finalize();
    let mut bytes: Vec<u8> = hash.iter().copied().take(16).collect();
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_names_the_same_uuid() {
        // Computed with Python: uuid.uuid5(uuid.NAMESPACE_DNS, "52:54:00:a8:02:01.host.rackstart")
        assert_eq!(of("52:54:00:a8:02:01".parse().unwrap()), "e1c11c3f-9f19-573b-a71a-c6c6a711818f");
        assert_eq!(of("52:54:00:a8:03:01".parse().unwrap()), "461aa749-b194-5702-8ec5-50534a68d6b0");
    }
}
