//! Redfish (DMTF DSP0266, DSP0268): what a service offers, and what it is asked. JSON in, values out.

mod collection;
mod errors;
mod link;
mod offer;
mod root;
mod system;
#[cfg(test)]
mod tests;

pub(crate) use collection::{MOST_MEMBERS, Page};
pub(crate) use errors::said;
pub(crate) use link::link;
pub(crate) use offer::{action_info, divided, override_body, reset_body, reset_type, take_back_body};
pub(crate) use root::{ROOT, Root, manager_words};
pub(crate) use system::{Boot, System};

use serde_json::Value;

/// The text of a key, if it is one and says something.
fn text(value: &Value, key: &str) -> Option<String> {
    let text = value.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| super::fault::quoted(text))
}

/// How many texts of a list are read; the longest that the schemas know has 15.
const LONGEST_LIST: usize = 32;

/// The texts of a list; empty when there is none.
fn texts(value: Option<&Value>) -> Vec<String> {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).take(LONGEST_LIST).map(super::fault::quoted).collect()
}
