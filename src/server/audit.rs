//! Who gave an order.

use std::fmt;

/// Who gave an order, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// How it proved itself: `socket uid 0`, `token NAME`.
    pub how: String,
    /// Where it came from: an address, or the path of the socket.
    pub from: String,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how)
    }
}
