//! Collections, which may come in pages.

use serde_json::Value;

use super::super::fault::Fault;
use super::link::{link, reference};

/// The most members that are read: a chassis of blades has a few dozen.
pub(crate) const MOST_MEMBERS: usize = 512;

/// One page of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// The members on this page, each as a link and maybe the resource itself.
    pub members: Vec<(String, Value)>,
    /// Where the next page is (DSP0266, section 9.7: `Members@odata.nextLink`).
    pub next: Option<String>,
}

impl Page {
    /// Reads it.
    pub(crate) fn read(body: &Value, origin: &str) -> Result<Self, Fault> {
        let all = body.get("Members").and_then(Value::as_array).ok_or_else(|| Fault::unreadable("members"))?;
        let member = |value: &Value| Some(link(reference(Some(value))?, origin).map(|path| (path, value.clone())));
        let members = all.iter().filter_map(member).collect::<Result<_, _>>()?;
        // Some services write it without `Members`.
        let next = body.get("Members@odata.nextLink").or_else(|| body.get("@odata.nextLink"));
        let next = next.and_then(|next| next.as_str().or_else(|| reference(Some(next))));
        Ok(Self { members, next: next.map(|text| link(text, origin)).transpose()? })
    }
}
