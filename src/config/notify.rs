//! The `[notify]` section: who is told what.

use toml::Spanned;

use super::reader::Section;
use crate::site::Notify;
use crate::words::quote;

/// The keys of the section.
pub(super) const KEYS: [&str; 3] = ["command", "webhook", "on"];
const WEBHOOK_HELP: &str = "write \"http://HOST:PORT/PATH\"; for https let `command` run curl, see docs/monitoring.md";

/// Reads the section. Mistakes are reported and left out.
pub(super) fn read(section: &Section<'_>) -> Notify {
    let found = section.found;
    let command = section.texts("command");
    if let Some(program) = command.first()
        && !program.get_ref().starts_with('/')
    {
        let message = format!("{}: {} is not the absolute path of a program", section.place, quote(program.get_ref()));
        found.report(program.span(), message, "write command = [\"/usr/local/sbin/tell-us\"]; no shell reads it");
    }
    let webhook = section.text("webhook");
    if let Some(url) = &webhook
        && !is_plain_http(url.get_ref())
    {
        let message = format!("{}: {} is not an http address", section.place, quote(url.get_ref()));
        found.report(url.span(), message, WEBHOOK_HELP);
    }
    if command.is_empty() && webhook.is_none() {
        let message = format!("{} tells nobody", section.place);
        found.report(section.at.clone(), message, "add `command` or `webhook`, or remove the section");
    }
    let on = section.texts("on");
    for word in &on {
        if !Notify::WORDS.contains(word.get_ref()) {
            let message = format!("{} has unknown event {}", section.place, quote(word.get_ref()));
            found.report(word.span(), message, crate::words::suggest(word.get_ref(), "events", Notify::WORDS));
        }
    }
    let owned = |texts: &[Spanned<&str>]| texts.iter().map(|text| text.get_ref().to_string()).collect::<Vec<_>>();
    let on = if on.is_empty() { Notify::WORDS.map(String::from).to_vec() } else { owned(&on) };
    Notify { command: owned(&command), webhook: webhook.map(|url| url.get_ref().to_string()), on }
}

/// Whether it is an http URL that is plain: a host, optionally a port, and a path without blanks.
pub(super) fn is_plain_http(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let host_is_one = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    host_is_one && port.is_none_or(|port| port.parse::<u16>().is_ok()) && url.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_plain_http_to_one_host() {
        for good in ["http://127.0.0.1:9000/rack?x=1", "http://tell.example.org", "http://host/"] {
            assert!(is_plain_http(good), "{good}");
        }
        for bad in
            ["https://host/", "host", "http://", "http://:80/", "http://a b/", "http://host:99999/", "http://u:p@host/"]
        {
            assert!(!is_plain_http(bad), "{bad}");
        }
    }
}
