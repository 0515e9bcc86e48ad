//! What a service says when it refuses.

use serde_json::Value;

use super::super::fault::quoted;

/// The reason in an error body (DSP0266, section 8.6), or the beginning of whatever was sent instead.
pub(crate) fn said(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body);
        let is_page = text.trim_start().starts_with('<');
        return if is_page { "a page for browsers".into() } else { quoted(&text) };
    };
    let error = body.get("error").unwrap_or(&body);
    let infos = error.get("@Message.ExtendedInfo");
    // Some services send one message and not a list.
    let infos = infos.map(|infos| infos.as_array().map_or(std::slice::from_ref(infos), Vec::as_slice));
    let messages = infos.unwrap_or_default().iter().filter_map(|info| info.get("Message")?.as_str());
    let messages: Vec<&str> = messages.filter(|message| !message.is_empty()).collect();
    match messages.as_slice() {
        [] => quoted(error.get("message").and_then(Value::as_str).unwrap_or_default()),
        messages => quoted(&messages.join(" ")),
    }
}
