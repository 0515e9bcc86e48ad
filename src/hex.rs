//! Bytes as hexadecimal digits in lower case.

/// The digits of `bytes`, two for each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
