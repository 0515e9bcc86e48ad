//! The shortest answer to "is there an IPv6 router?" (RFC 4861): here is a host that is not one. iPXE asks on every
//! boot and waits 13 s when nobody answers; it accepts this answer, which gives no route, no prefix and no address.

/// Hop limit that every neighbour discovery packet must travel with (RFC 4861 section 6.1).
pub(crate) const HOP_LIMIT: u32 = 255;

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const SOLICITATION_HEADER: usize = 8;

/// Whether an ICMPv6 message (without its IPv6 header) is a valid router solicitation.
pub(crate) fn is_router_solicitation(message: &[u8]) -> bool {
    let Some((header, options)) = message.split_at_checked(SOLICITATION_HEADER) else { return false };
    header[0] == ROUTER_SOLICITATION && header[1] == 0 && options_are_whole(options)
}

/// Whether every option has a nonzero length in units of 8 bytes and ends inside the packet.
fn options_are_whole(mut options: &[u8]) -> bool {
    while !options.is_empty() {
        let length = usize::from(options.get(1).copied().unwrap_or(0)) * 8;
        match options.split_at_checked(length) {
            Some((_, rest)) if length > 0 => options = rest,
            _ => return false,
        }
    }
    true
}

/// The advertisement: router lifetime 0, no flags, no options. The checksum is zero because the kernel fills it in on
/// every raw ICMPv6 socket (RFC 3542 section 3.1); only the kernel knows the source address.
pub(crate) fn advertisement() -> [u8; 16] {
    let mut message = [0; 16];
    message[0] = ROUTER_ADVERTISEMENT;
    // Current hop limit 0 (unspecified), flags 0, router lifetime 0, reachable time 0, retransmission timer 0.
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WITH_LINK_ADDRESS: [u8; 16] = [133, 0, 1, 2, 0, 0, 0, 0, 1, 1, 0x52, 0x54, 0, 0xa8, 2, 1];

    #[test]
    fn solicitation_is_known_with_and_without_the_senders_link_address() {
        assert!(is_router_solicitation(&WITH_LINK_ADDRESS[..8]));
        assert!(is_router_solicitation(&WITH_LINK_ADDRESS));
    }

    #[test]
    fn anything_else_is_not_answered() {
        let changed = |index: usize, byte: u8| {
            let mut message = WITH_LINK_ADDRESS;
            message[index] = byte;
            message
        };
        for other in [134, 135, 128] {
            assert!(!is_router_solicitation(&changed(0, other)));
        }
        assert!(!is_router_solicitation(&changed(1, 1)), "code must be 0");
        assert!(!is_router_solicitation(&changed(9, 0)), "an option of no length would never end");
        assert!(!is_router_solicitation(&changed(9, 2)), "an option beyond the packet");
        assert!(!is_router_solicitation(&WITH_LINK_ADDRESS[..7]));
        assert!(!is_router_solicitation(&WITH_LINK_ADDRESS[..9]));
    }

    #[test]
    fn advertisement_offers_no_router_no_prefix_and_no_address() {
        let message = advertisement();
        assert_eq!(message[0], 134);
        assert_eq!(message[5] & 0xc0, 0, "neither managed nor other configuration");
        assert_eq!(message[6..8], [0, 0], "router lifetime");
        assert_eq!(message.len(), 16, "no options");
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_a_panic(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            is_router_solicitation(&message);
        }
    }
}
