//! The `[tang]` section: which servers open encrypted disks.

use std::ops::Range;

use toml::de::DeTable;

use super::notify::is_plain_http;
use super::reader::{Collector, Section};
use crate::site::{Node, Tang, TangServer};
use crate::words::quote;

/// The keys of the section.
pub(super) const KEYS: [&str; 2] = ["servers", "threshold"];

const EXAMPLE: &str = "`servers = [{ url = \"http://tang1.lan\", thumbprint = \"...\" }]`";
const THUMBPRINT_HELP: &str =
    "write what `tang-show-keys` prints on the server: 43 letters, digits, `-` and `_`, or 27";

/// The section as written.
pub(super) struct TangKeys {
    pub at: Range<usize>,
    /// None when one of its values is wrong.
    pub tang: Option<Tang>,
}

impl TangKeys {
    /// Reads the section.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let tables = section.tables("servers", EXAMPLE);
        let count = tables.len();
        let mut servers: Vec<TangServer> = Vec::new();
        for (at, table) in tables {
            let Some(server) = read_server(section.found, at.clone(), table) else { continue };
            if servers.iter().any(|known| known.url == server.url) {
                let message = format!("{} names {} twice", section.place, quote(&server.url));
                section.found.report(at, message, "keep one of the two");
                continue;
            }
            servers.push(server);
        }
        if count == 0 && !section.is_misspelt("servers") {
            let message = format!("{} names no server", section.place);
            section.found.report(section.at.clone(), message, format!("add {EXAMPLE}, or remove the section"));
        }
        let most = u64::try_from(count.max(1)).unwrap_or(1);
        let threshold = match section.has("threshold") {
            true => section.number("threshold", 1..=most).and_then(|number| usize::try_from(*number.get_ref()).ok()),
            false => Some(1),
        };
        let is_whole = count > 0 && servers.len() == count;
        let tang = threshold.filter(|_| is_whole).map(|threshold| Tang { servers, threshold });
        Self { at: section.at.clone(), tang }
    }

    /// Reports a section that opens nothing: no node has an encrypted group.
    pub(super) fn check_use<'a>(&self, mut nodes: impl Iterator<Item = &'a Node>, found: &Collector) {
        if nodes.all(|node| !node.layout.is_encrypted()) {
            let message = "`[tang]` opens nothing: no node has an encrypted volume group";
            found.report(self.at.clone(), message, "set `encrypted = true` on a volume group, or remove the section");
        }
    }
}

fn read_server(found: &Collector, at: Range<usize>, table: &DeTable<'_>) -> Option<TangServer> {
    let section = Section::open("a server of `[tang]`".into(), at, table, &["url", "thumbprint"], found);
    section.need("url", "url = \"http://tang1.lan\"");
    if !section.has("thumbprint") && !section.is_misspelt("thumbprint") {
        // Without it clevis would trust whoever answers first.
        let message = format!("{} has no `thumbprint`, so anybody could answer in its place", section.place);
        found.report(section.at.clone(), message, THUMBPRINT_HELP);
    }
    let (url, thumbprint) = (section.text("url"), section.text("thumbprint"));
    let url = url.filter(|url| {
        let is_one = is_url(url.get_ref());
        if !is_one {
            let message = format!("{}: {} is not the address of a server", section.place, quote(url.get_ref()));
            found.report(
                url.span(),
                message,
                "write \"http://HOST\" or \"http://HOST:PORT\", without a slash at the end",
            );
        }
        is_one
    });
    let thumbprint = thumbprint.filter(|text| {
        let is_one = Tang::is_thumbprint(text.get_ref());
        if !is_one {
            let message = format!("{}: {} is not a thumbprint", section.place, quote(text.get_ref()));
            found.report(text.span(), message, THUMBPRINT_HELP);
        }
        is_one
    });
    Some(TangServer { url: url?.into_inner().into(), thumbprint: thumbprint?.into_inner().into() })
}

/// Whether clevis can append its paths, and the URL reads back unchanged from what clevis prints.
fn is_url(url: &str) -> bool {
    let only = url.chars().all(|c| c.is_ascii_alphanumeric() || ":/.-_".contains(c));
    is_plain_http(url) && only && !url.ends_with('/')
}

/// Reports the first node whose disks Tang cannot open.
pub(super) fn check(keys: Option<&TangKeys>, node: &Node, found: &Collector) {
    let Some(keys) = keys.filter(|keys| node.layout.is_encrypted() && !found.has_at(&keys.at)) else { return };
    let (why, help) = if !Tang::is_of(node.release) {
        (
            format!("release {} has no clevis that rackstart was tested with", node.release),
            "give the node a release from 8.3 on, encrypt nothing on it, or remove the section",
        )
    } else if node.container.is_some() {
        (
            "the initramfs of a container is made by its builder".to_string(),
            "encrypt nothing on nodes in image mode, or remove the section",
        )
    } else {
        return;
    };
    found.report(keys.at.clone(), format!("`[tang]` cannot open the disks of node `{}`: {why}", node.name), help);
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    const THUMBPRINT: &str = "hXPjIt6drhveIPNCklUXPsIxTR_TRSRThicdyVxRmXw";

    /// The plain example with an encrypted layout of its own.
    fn site(release: &str, tang: &str) -> String {
        let layout = "[layout.own]\npartitions = [\n  { efi_system = true, size = 600 },\n  { mount = \"/boot\", \
                      file_system = \"ext4\", size = 1024 },\n  { volume_group = \"vg\", at_least = 9000 },\n]\n\
                      [[layout.own.volume_group]]\nname = \"vg\"\nencrypted = true\nlogical_volumes = [\n  \
                      { name = \"root\", at_least = 8000, file_system = \"ext4\", mount = \"/\" },\n]\n";
        let text = crate::config::EXAMPLE_PLAIN
            .replace("release = \"9\" ", &format!("release = \"{release}\" "))
            .replace("name = \"srv1\"", "name = \"srv1\"\nlayout = \"own\"");
        format!("{text}\n{layout}\n{tang}")
    }

    fn server(url: &str, thumbprint: &str) -> String {
        format!("{{ url = \"{url}\", thumbprint = \"{thumbprint}\" }}")
    }

    fn refused(text: &str) -> String {
        parse(text, "f").map(|_| String::new()).unwrap_or_else(|problems| problems.to_string())
    }

    #[test]
    fn every_encrypted_node_has_the_servers_and_no_other_one() {
        let (one, two) = (server("http://tang1.lan", THUMBPRINT), server("http://10.0.0.2:7500", &THUMBPRINT[..27]));
        let text = site("9", &format!("[tang]\nservers = [{one}, {two}]\nthreshold = 2\n"));
        let parsed = parse(&text, "f").unwrap_or_else(|problems| panic!("{problems}"));
        let tang = parsed.node_by_name("srv1").unwrap().tang.as_ref().unwrap();
        assert_eq!((tang.who().as_str(), tang.threshold), ("2 of http://tang1.lan, http://10.0.0.2:7500", 2));
        let others = parsed.nodes.iter().filter(|node| node.name.as_str() != "srv1");
        assert!(others.clone().count() > 0 && others.clone().all(|node| node.tang.is_none()));
    }

    #[test]
    fn mistakes_are_refused_in_one_sentence() {
        let of = |servers: &str, more: &str| site("9", &format!("[tang]\nservers = [{servers}]\n{more}"));
        let good = server("http://tang1.lan", THUMBPRINT);
        assert_eq!(refused(&of(&good, "")), "");
        for (text, sentence) in [
            (of("", ""), "`[tang]` names no server"),
            (of("{ url = \"http://tang1.lan\" }", ""), "no `thumbprint`, so anybody could answer in its place"),
            (of(&server("http://tang1.lan", &THUMBPRINT[1..]), ""), "is not a thumbprint"),
            (of(&server("http://tang1.lan/", THUMBPRINT), ""), "is not the address of a server"),
            (of(&server("https://tang1.lan", THUMBPRINT), ""), "is not the address of a server"),
            (of(&server("http://tang1'.lan", THUMBPRINT), ""), "is not the address of a server"),
            (of(&format!("{good}, {good}"), ""), "names `http://tang1.lan` twice"),
            (of(&good, "threshold = 2\n"), "`threshold`"),
            (of(&good, "treshold = 1\n"), "unknown key `treshold`"),
            (of(&good, "").replace("encrypted = true\n", ""), "opens nothing: no node has an encrypted volume group"),
            (
                site("7", &format!("[tang]\nservers = [{good}]\n")),
                "release 7 has no clevis that rackstart was tested with",
            ),
            (
                site("8.2", &format!("[tang]\nservers = [{good}]\n")),
                "release 8.2 has no clevis that rackstart was tested with",
            ),
        ] {
            let said = refused(&text);
            assert!(said.contains(sentence), "{sentence}: {said}");
            assert_eq!(said.matches("error").count(), 1, "{said}");
        }
    }
}
