//! Links of a service: only to itself.

use serde_json::Value;

use super::super::fault::{Fault, quoted};

/// The longest link that is followed, in bytes.
const LONGEST: usize = 1024;

/// The path that a link leads to, if it stays on the BMC: `@odata.id` of a reference, `Location` of a redirect. `origin`
/// is `https://host` or `https://host:port`.
///
/// A link to another host is refused: the request to it would carry the password.
pub(crate) fn link(text: &str, origin: &str) -> Result<String, Fault> {
    let path = match text.strip_prefix(origin) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => text,
    };
    let path = path.split('#').next().unwrap_or_default();
    let is_path = path.starts_with('/') && !path.starts_with("//");
    if is_path && path.len() <= LONGEST && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Ok(path.into());
    }
    let text = format!("the BMC sends rackstart to another place: {}", quoted(text));
    Err(Fault::new(
        text,
        "name that place in `redfish` if it is the BMC; rackstart gives its password to no other host",
    ))
}

/// The link of a reference: `{ "@odata.id": "/redfish/v1/Systems" }`.
pub(super) fn reference(value: Option<&Value>) -> Option<&str> {
    value?.get("@odata.id")?.as_str()
}
