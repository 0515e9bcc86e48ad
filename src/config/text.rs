//! Checks of single values: what a host interface, a time zone, a key line or a hash may look like.
//!
//! Every value here ends up in a kickstart, a shell script, a boot script or a URL, so each may contain only a short
//! list of characters. Quoting is the renderer's job; this is the second line of defence.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use toml::Spanned;

use super::reader::Section;
use crate::site::{Container, Mac, Release};
use crate::words::quote;

/// Reads a string that must satisfy a rule; `help` explains the rule.
fn ruled<'a>(
    section: &Section<'a>,
    key: &str,
    what: &str,
    help: &str,
    rule: impl Fn(&str) -> bool,
) -> Option<Spanned<&'a str>> {
    let text = section.text(key)?;
    if rule(text.get_ref()) {
        return Some(text);
    }
    let message = format!("{}: {} is not {what}", section.place, quote(text.get_ref()));
    section.found.report(text.span(), message, help);
    None
}

fn only(text: &str, more: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
}

/// Reads a list of host names or addresses, such as time servers; every wrong one is reported.
pub(super) fn host_names(section: &Section<'_>, key: &str) -> Vec<String> {
    let fits = |text: &str| {
        let label = |label: &str| !label.is_empty() && !label.starts_with('-') && label.len() <= 63;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':');
        text.len() <= 253 && text.bytes().all(allowed) && text.split('.').all(label)
    };
    let mut names = Vec::new();
    for text in section.texts(key) {
        match fits(text.get_ref()) {
            true => names.push(text.get_ref().to_string()),
            false => {
                let message =
                    format!("`{key}` names {}, which is not a host name", crate::words::quote(text.get_ref()));
                section.found.report(text.span(), message, "write a name such as \"ntp.example.org\", or an address");
            }
        }
    }
    names
}

/// Reads the DNS forwarders, at most 3; every wrong address is reported.
pub(super) fn forwarders(section: &Section<'_>) -> Vec<Spanned<IpAddr>> {
    let texts = section.texts("dns_forwarders");
    if texts.len() > 3 {
        let message = format!("{} names {} DNS forwarders, but at most 3 are used", section.place, texts.len());
        section.found.report(texts[3].span(), message, "keep the three nearest ones");
    }
    let help = "write an address, such as \"10.0.0.53\"; names cannot be resolved by themselves";
    texts.into_iter().filter_map(|text| section.parse_text(text, "an IP address", help)).collect()
}

/// Reads the MAC of an Ethernet card. The addresses of InfiniBand are longer, and people copy them from `ip link` or
/// the label.
pub(super) fn mac(section: &Section<'_>) -> Option<Spanned<Mac>> {
    let text = section.text("mac")?;
    // `ibstat` writes 0x before a GUID.
    let written = text.get_ref().strip_prefix("0x").unwrap_or(text.get_ref());
    let bytes = written.split([':', '-']).count();
    let is_hexadecimal =
        only(written, ":-.") && written.bytes().filter(u8::is_ascii_alphabetic).all(|b| b.is_ascii_hexdigit());
    let digits = written.bytes().filter(u8::is_ascii_hexdigit).count();
    let kind = match (is_hexadecimal, bytes, digits) {
        (true, 20, _) | (true, _, 40) => "the hardware address of an InfiniBand port (20 bytes)",
        (true, 8, _) | (true, _, 16) => "an 8-byte identifier, such as the GUID of an InfiniBand port",
        _ => {
            return section.parse_text(
                text,
                "a MAC address",
                "write six hexadecimal bytes, such as \"52:54:00:a8:01:01\"",
            );
        }
    };
    let message = format!("{}: {} is {kind}, not a MAC", section.place, quote(text.get_ref()));
    let help = "write the six-byte MAC of an Ethernet card; rackstart does not boot or set up InfiniBand (IPoIB)";
    section.found.report(text.span(), message, help);
    None
}

/// Reads the kernel's name of a network interface.
pub(super) fn interface<'a>(section: &Section<'a>, key: &str) -> Option<Spanned<&'a str>> {
    let help = "write the kernel's name, such as `eth0`; `ip link` lists them";
    let rule = |text: &str| (1..=15).contains(&text.len()) && only(text, "._-") && !text.starts_with(['.', '-']);
    ruled(section, key, "an interface name", help, rule)
}

/// Reads the name that a card or a bond gets on a node. A dot would make it the name of a VLAN, and some names have
/// another meaning for the kernel, for its sysctls or for the software on a node.
pub(super) fn node_interface<'a>(section: &Section<'a>, key: &str) -> Option<Spanned<&'a str>> {
    const TAKEN: [&str; 4] = ["lo", "all", "default", "bonding_masters"];
    const MADE_LATER: [&str; 4] = ["br", "virbr", "vnet", "tap"];
    let name = interface(section, key)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_made_later = MADE_LATER.iter().any(|kind| name.get_ref().strip_prefix(kind).is_some_and(is_number));
    let objection = if name.get_ref().contains('.') {
        (
            "has a dot, which makes it the name of a VLAN",
            "write the VLAN under `vlans`: `{ id = 100, over = \"eth0\" }`",
        )
    } else if TAKEN.contains(name.get_ref()) || is_made_later {
        ("is already in use on a running system", "give it another name, such as `eth0` or `bond0`")
    } else {
        return Some(name);
    };
    let message = format!("{}: {} {}", section.place, quote(name.get_ref()), objection.0);
    section.found.report(name.span(), message, objection.1);
    None
}

/// Reads the name of a group of users on this machine.
pub(super) fn group_name<'a>(section: &Section<'a>, key: &str) -> Option<Spanned<&'a str>> {
    let help = "write the name of a group, such as `rackstart`; `getent group` lists them";
    let rule = |text: &str| (1..=32).contains(&text.len()) && only(text, "_-") && !text.starts_with('-');
    ruled(section, key, "the name of a group", help, rule)
}

/// Reads the domain of the nodes' names: labels of RFC 1123 in lower case. With the longest name of a node before it, a
/// name still has at most 253 letters.
pub(super) fn domain<'a>(section: &Section<'a>) -> Option<Spanned<&'a str>> {
    let help = "write lower-case letters, digits, inner hyphens and dots between them: \"rack1.example.org\"";
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && only(label, "-")
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.chars().any(|letter| letter.is_ascii_uppercase())
    };
    let rule = |text: &str| text.len() <= 180 && text.split('.').all(label);
    ruled(section, "domain", "a domain", help, rule)
}

/// Reads an absolute path.
pub(super) fn absolute_path<'a>(section: &Section<'a>, key: &str) -> Option<Spanned<&'a str>> {
    let text = section.text(key)?;
    if text.get_ref().contains("://") {
        let message = format!("{}: `{key}` {} is a URL", section.place, quote(text.get_ref()));
        let help = "rackstart serves what lies on this machine: mirror or mount it here, and write its path";
        section.found.report(text.span(), message, help);
        return None;
    }
    ruled(section, key, "an absolute path", "write the whole path, beginning with `/`", |text| text.starts_with('/'))
}

/// Reads the name of an install tree, which is a part of URLs.
pub(super) fn tree_name<'a>(section: &Section<'a>) -> Option<Spanned<&'a str>> {
    source_name(section, "a name for an install tree")
}

/// Reads the address that a tree or a repository is copied from.
pub(super) fn web_address<'a>(section: &Section<'a>) -> Option<Spanned<&'a str>> {
    let help = "write `https://HOST/PATH` of the folder that holds `.treeinfo` or `repodata`, without an account in it";
    ruled(section, "url", "the address of a web server", help, crate::mirror::is_address)
}

/// Reads the name of something that is served: a part of URLs, and of file names on the node.
pub(super) fn source_name<'a>(section: &Section<'a>, what: &str) -> Option<Spanned<&'a str>> {
    let help = "use lower-case letters, digits, dots, hyphens and underscores, beginning with a letter or digit";
    let rule = |text: &str| {
        (1..=64).contains(&text.len())
            && only(text, "._-")
            && !text.starts_with(['.', '-', '_'])
            && text.chars().all(|letter| !letter.is_ascii_uppercase())
    };
    ruled(section, "name", what, help, rule)
}

/// Reads the name of an image in its store, which is also a part of URLs and of lists that are split at blanks.
pub(super) fn image_name<'a>(section: &Section<'a>) -> Option<Spanned<&'a str>> {
    let help = "use letters, digits, dots, hyphens and underscores, beginning with a letter or digit";
    let rule = |text: &str| (1..=128).contains(&text.len()) && only(text, "._-") && !text.starts_with(['.', '-', '_']);
    ruled(section, "name", "a name for an image", help, rule)
}

/// Reads a container image as registries write it: registry, repository, and a tag or a digest.
pub(super) fn container_image<'a>(section: &Section<'a>) -> Option<Spanned<&'a str>> {
    let help = "write registry, repository and tag or digest: \"registry.example.com/web/el9:1\"";
    ruled(section, "image", "a container image", help, Container::is_image)
}

/// Reads the name of an account at a registry. A colon would end the name.
pub(super) fn registry_user<'a>(section: &Section<'a>) -> Option<Spanned<&'a str>> {
    let help = "write the account alone, such as \"robot\"; its password is a secret of the store";
    let rule = |text: &str| (1..=200).contains(&text.len()) && only(text, "._+|@$-");
    ruled(section, "user", "an account at a registry", help, rule)
}

/// Reads the name of an ostree state root or remote.
pub(super) fn ostree_name<'a>(section: &Section<'a>, key: &str) -> Option<Spanned<&'a str>> {
    let help = "use letters, digits, dots, hyphens and underscores, beginning with a letter or digit";
    let rule = |text: &str| (1..=64).contains(&text.len()) && only(text, "._-") && !text.starts_with(['.', '-', '_']);
    ruled(section, key, "a name for ostree", help, rule)
}

/// The release number of an install tree.
pub(super) fn release(section: &Section<'_>) -> Option<Spanned<Release>> {
    section.parse(
        "release",
        "a supported release",
        "write for example \"6.3\", \"6.10\", \"7\", \"8\", \"9\" or \"10\"",
    )
}

/// Reads an IPv4 network whose host bits are zero, with room for at least two hosts.
pub(super) fn subnet(section: &Section<'_>) -> Option<Spanned<Ipv4Net>> {
    let help = "write network and prefix length, such as \"192.168.0.0/24\"";
    let subnet: Spanned<Ipv4Net> = section.parse("subnet", "an IPv4 network", help)?;
    let net = *subnet.get_ref();
    if net != net.trunc() {
        let message = format!("{}: {} is a host, not a network", section.place, quote(&net.to_string()));
        section.found.report(subnet.span(), message, format!("write \"{}\"", net.trunc()));
        return None;
    }
    if !(8..=29).contains(&net.prefix_len()) {
        let message = format!("{}: a /{} cannot be a provisioning network", section.place, net.prefix_len());
        section.found.report(subnet.span(), message, "use a prefix length from 8 to 29");
        return None;
    }
    Some(subnet)
}

/// Reads the addresses of relay agents; each must be that of a single machine.
pub(super) fn relays(section: &Section<'_>) -> Vec<Spanned<Ipv4Addr>> {
    let help = "write the address that the relay agent puts into requests (giaddr), such as \"10.0.1.1\"";
    let texts = section.texts("relays").into_iter();
    let relays = texts.filter_map(|text| section.parse_text::<Ipv4Addr>(text, "an IPv4 address", help));
    let (usable, others): (Vec<_>, Vec<_>) = relays.partition(|relay: &Spanned<Ipv4Addr>| {
        let address = relay.get_ref();
        !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || address.is_broadcast())
    });
    for relay in others {
        let message = format!("{}: no relay agent can have the address {}", section.place, relay.get_ref());
        section.found.report(relay.span(), message, help);
    }
    usable
}

/// Reads two addresses with a hyphen between them, the first not above the second.
pub(super) fn address_range(section: &Section<'_>, key: &str) -> Option<Spanned<(Ipv4Addr, Ipv4Addr)>> {
    let text = section.text(key)?;
    let ends = text.get_ref().split_once('-');
    let ends = ends.and_then(|(first, last)| Some((first.trim().parse().ok()?, last.trim().parse().ok()?)));
    match ends {
        None => {
            let message = format!("{}: {} is not a range of addresses", section.place, quote(text.get_ref()));
            section.found.report(text.span(), message, "write \"192.168.0.200-192.168.0.220\"");
            None
        }
        Some((first, last)) if first > last => {
            let message = format!("{}: the range of `{key}` ends before it begins", section.place);
            section.found.report(text.span(), message, format!("write \"{last}-{first}\""));
            None
        }
        Some(ends) => Some(Spanned::new(text.span(), ends)),
    }
}

/// Reads a crypt(3) hash that EL6 understands. Messages mask it even when it is wrong, because it may be a bare
/// password.
pub(super) fn password_hash<'a>(section: &Section<'a>, key: &str) -> Option<&'a str> {
    let text = section.text(key)?;
    if is_crypt_hash(text.get_ref()) {
        return Some(text.into_inner());
    }
    let message = format!("{}: `{key}` is not a crypt(3) hash of SHA-256 ($5$) or SHA-512 ($6$)", section.place);
    section.found.report(text.span(), message, "make one with `openssl passwd -6`");
    None
}

fn is_crypt_hash(text: &str) -> bool {
    let (rest, digest_length) = match (text.strip_prefix("$5$"), text.strip_prefix("$6$")) {
        (Some(rest), _) => (rest, 43),
        (_, Some(rest)) => (rest, 86),
        _ => return false,
    };
    let rest = match rest.strip_prefix("rounds=").and_then(|rest| rest.split_once('$')) {
        Some((rounds, rest)) if rounds.parse::<u32>().is_ok_and(|n| (1000..=999_999_999).contains(&n)) => rest,
        Some(_) => return false,
        None => rest,
    };
    // crypt(3) uses at most 16 characters of salt; a longer salt makes a hash that no login ever matches.
    rest.split_once('$').is_some_and(|(salt, digest)| {
        (1..=16).contains(&salt.len()) && only(salt, "./") && digest.len() == digest_length && only(digest, "./")
    })
}

/// Reads lines of an `authorized_keys` file: type, base64, comment; no options in front.
pub(super) fn ssh_keys<'a>(section: &Section<'a>) -> Vec<&'a str> {
    let mut keys = Vec::new();
    for text in section.texts("ssh_keys") {
        if is_key_line(text.get_ref()) {
            keys.push(text.into_inner());
            continue;
        }
        if text.get_ref().contains("PRIVATE KEY") {
            section.found.secret(text.span());
        }
        let message = format!("{}: an entry of `ssh_keys` is not a public key line", section.place);
        section.found.report(text.span(), message, "copy the line of ~/.ssh/id_rsa.pub: `ssh-rsa AAAA... comment`");
    }
    keys
}

fn is_key_line(line: &str) -> bool {
    const TYPES: [&str; 7] = [
        "ssh-rsa",
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    ];
    let mut words = line.split(' ');
    let (kind, body) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    // The body begins with the length of the type's name, whose upper bytes are zero: `AAAA`.
    TYPES.contains(&kind) && body.len() >= 64 && body.starts_with("AAAA") && only(body.trim_end_matches('='), "+/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_crypt_are_known_and_passwords_are_not() {
        let digest = "x".repeat(86);
        assert!(is_crypt_hash(&format!("$6$saltsalt${digest}")));
        assert!(is_crypt_hash(&format!("$6$rounds=5000$saltsalt${digest}")));
        assert!(is_crypt_hash(&format!("$5$s${}", "x".repeat(43))));
        for bad in ["secret", "$1$salt$abc", "$6$salt$short", "$6$$", &format!("$6${}${digest}", "s".repeat(22))] {
            assert!(!is_crypt_hash(bad), "{bad}");
        }
    }

    #[test]
    fn key_lines_are_told_from_everything_else() {
        let body = format!("AAAAB3NzaC1yc2E{}", "A".repeat(80));
        assert!(is_key_line(&format!("ssh-rsa {body} me@home")));
        for bad in ["", "ssh-rsa", "ssh-rsa AAAA", &format!("rsa {body}"), "-----BEGIN OPENSSH PRIVATE KEY-----"] {
            assert!(!is_key_line(bad), "{bad}");
        }
    }
}
