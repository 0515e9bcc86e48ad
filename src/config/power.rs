//! Reads `power` of a node: its BMC, the account there, and how its certificate is checked. The password is a secret of
//! the store and has no place in the file.

use std::ops::Range;

use toml::Spanned;

use super::container::{CERTIFICATE, KeyUse};
use super::reader::Section;
use super::secrets::is_variable;
use super::site_file::SiteFile;
use super::text;
use crate::site::{Bmc, Endpoint, Power, Trust};
use crate::words::quote;

const KEYS: [&str; 7] = ["redfish", "ipmi", "user", "secret", "ca", "fingerprint", "system"];
const EXAMPLE: &str = "power = { redfish = \"https://10.0.0.11\", user = \"rackstart\", fingerprint = \"…\" }";
const HTTPS_PORT: u16 = 443;
/// The port of RMCP (IPMI 2.0, section 13.1.1).
const RMCP_PORT: u16 = 623;
/// The longest user name of IPMI (section 22.28), in bytes; Redfish has no limit that matters.
const LONGEST_USER: usize = 64;

/// `power` of one node as written.
pub(super) struct PowerKeys {
    /// None when one of its values is wrong.
    pub power: Option<Power>,
    /// The file of authorities, and where it is named.
    ca: Option<(std::path::PathBuf, Range<usize>)>,
}

/// Reads the key; none when there is none.
pub(super) fn read(node: &Section<'_>) -> Option<PowerKeys> {
    let (at, table) = node.table("power", EXAMPLE)?;
    let section = Section::open(format!("`power` of {}", node.place), at, table, &KEYS, node.found);
    section.need("user", "user = \"rackstart\"");
    let ca = text::absolute_path(&section, "ca");
    let (user, secret, bmc) = (read_user(&section), read_secret(&section), read_bmc(&section, ca.as_ref()));
    let power = || Some(Power { bmc: bmc?, user: user?, secret: secret? });
    Some(PowerKeys { power: power(), ca: ca.map(|path| (path.get_ref().into(), path.span())) })
}

fn read_user(section: &Section<'_>) -> Option<String> {
    let user = section.text("user")?;
    // A colon ends the name in basic authentication (RFC 7617, section 2).
    let fits = |b: u8| b.is_ascii_graphic() && b != b':';
    let is_plain = !user.get_ref().starts_with('-') && user.get_ref().bytes().all(fits);
    if (1..=LONGEST_USER).contains(&user.get_ref().len()) && is_plain {
        return Some(user.get_ref().to_string());
    }
    let message = format!("{}: {} is not the name of an account", section.place, quote(user.get_ref()));
    section.found.report(user.span(), message, "write it as the BMC knows it, without blanks and colons");
    None
}

fn read_secret(section: &Section<'_>) -> Option<String> {
    let Some(name) = section.text("secret") else {
        return (!section.has("secret")).then(|| Power::SECRET.into());
    };
    if is_variable(name.get_ref()) && name.get_ref().starts_with("BMC_") {
        return Some(name.get_ref().to_string());
    }
    // Somebody may have written the password itself.
    section.found.secret(name.span());
    let message = format!("{}: `secret` is not the name of a BMC's password", section.place);
    let help = "write a name such as \"BMC_RACK3\"; `rackstart secrets set BMC_RACK3` stores the password";
    section.found.report(name.span(), message, help);
    None
}

fn read_bmc(section: &Section<'_>, ca: Option<&Spanned<&str>>) -> Option<Bmc> {
    let (redfish, ipmi) = (section.text("redfish"), section.text("ipmi"));
    match (section.has("redfish"), section.has("ipmi")) {
        (true, false) => {
            let trust = read_trust(section, ca);
            let system = section.text("system").map(|text| text.get_ref().to_string());
            Some(Bmc::Redfish { at: read_url(section, redfish?)?, trust: trust?, system })
        }
        (false, true) => {
            for key in ["ca", "fingerprint", "system"].into_iter().filter(|key| section.has(key)) {
                let message = format!("{} has `{key}`, which IPMI does not know", section.place);
                section.found.report(section.at.clone(), message, "remove it");
            }
            let written = ipmi?;
            let at = Endpoint::read(written.get_ref(), RMCP_PORT);
            if at.is_none() {
                let message = format!("{}: {} is not a host", section.place, quote(written.get_ref()));
                section.found.report(written.span(), message, "write the address of the BMC, such as \"10.0.0.12\"");
            }
            Some(Bmc::Ipmi(at?))
        }
        (both, _) => {
            let message = match both {
                true => format!("{} has both `redfish` and `ipmi`", section.place),
                false => format!("{} does not say where the BMC is", section.place),
            };
            section.found.report(section.at.clone(), message, format!("write {EXAMPLE}, or `ipmi = \"10.0.0.12\"`"));
            None
        }
    }
}

fn read_url(section: &Section<'_>, url: Spanned<&str>) -> Option<Endpoint> {
    let text = *url.get_ref();
    let rest = text.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let at = rest.and_then(|rest| Endpoint::read(rest, HTTPS_PORT));
    if at.is_none() {
        // An account in the URL may come with its password.
        if text.contains('@') {
            section.found.secret(url.span());
            let message = format!("{}: `redfish` is not an address alone", section.place);
            section.found.report(url.span(), message, "write \"https://10.0.0.11\"; the account is the key `user`");
            return None;
        }
        let message = format!("{}: {} is not the address of a BMC", section.place, quote(text));
        let help = match text.starts_with("http://") {
            true => "write https: over plain HTTP the password would be sent in the clear",
            false => "write \"https://10.0.0.11\", with a port if it is not 443 and without a path",
        };
        section.found.report(url.span(), message, help);
    }
    at
}

/// The certificate is pinned, or an authority signed it.
fn read_trust(section: &Section<'_>, ca: Option<&Spanned<&str>>) -> Option<Trust> {
    let pin = section.text("fingerprint");
    match (section.has("ca"), section.has("fingerprint")) {
        (true, false) => ca.map(|path| Trust::Authority(path.get_ref().into())),
        (false, true) => {
            let pin = pin?;
            let bytes = fingerprint(pin.get_ref());
            if bytes.is_none() {
                let message = format!("{}: {} is not a SHA-256 of a certificate", section.place, quote(pin.get_ref()));
                let help = "`openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint -sha256` \
                            prints it; compare it with the one that the BMC shows";
                section.found.report(pin.span(), message, help);
            }
            bytes.map(Trust::Pinned)
        }
        (both, _) => {
            let message = match both {
                true => format!("{} has both `ca` and `fingerprint`", section.place),
                false => format!("{} does not say how the certificate of the BMC is checked", section.place),
            };
            let help =
                "write `fingerprint = \"…\"`, the SHA-256 of its certificate, or `ca = \"/etc/rackstart/bmc-ca.pem\"`";
            section.found.report(section.at.clone(), message, help);
            None
        }
    }
}

/// Reads 32 bytes in hexadecimal, as openssl prints them or without colons.
fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text).replace(':', "");
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

/// The files of authorities that nodes name, each once.
pub(super) fn key_uses(file: &SiteFile<'_>) -> Vec<KeyUse> {
    let mut uses: Vec<KeyUse> = Vec::new();
    for (path, at) in file.nodes.iter().filter_map(|node| node.power.as_ref()?.ca.clone()) {
        if !uses.iter().any(|known| known.path == path) {
            let owner = format!("the certificate {} of a BMC", path.display());
            let help = "name a text file in PEM with the certificate of the authority that signed that of the BMC";
            uses.push(KeyUse { path, at, owner, begins: CERTIFICATE, help });
        }
    }
    uses
}

#[cfg(test)]
mod tests {
    use crate::config::{EXAMPLE, parse};
    use crate::site::{Bmc, Power, Site};

    const PIN: &str = "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff";

    fn parsed(power: &str) -> Result<Site, String> {
        let text = EXAMPLE.replacen("[[node]]", &format!("[[node]]\npower = {{ {power} }}"), 1);
        parse(&text, "f").map_err(|problems| problems.to_string())
    }

    fn power(keys: &str) -> Power {
        let site = parsed(keys).unwrap_or_else(|problems| panic!("{problems}"));
        site.nodes.iter().find_map(|node| node.power.clone()).unwrap()
    }

    #[test]
    fn a_bmc_is_read_as_it_is_written() {
        let pinned = |url: &str| power(&format!("redfish = \"{url}\", user = \"root\", fingerprint = \"{PIN}\""));
        for (url, told) in [
            ("https://10.0.0.11", "Redfish at 10.0.0.11"),
            ("https://10.0.0.11/", "Redfish at 10.0.0.11"),
            ("https://bmc.example:8443", "Redfish at bmc.example:8443"),
            ("https://[fd00::1]", "Redfish at [fd00::1]"),
        ] {
            assert!(pinned(url).bmc.to_string().starts_with(told), "{url}: {}", pinned(url).bmc);
        }
        let plain = PIN.replace(':', "");
        let other =
            power(&format!("redfish = \"https://10.0.0.11\", user = \"root\", fingerprint = \"sha256:{plain}\""));
        assert_eq!(other, pinned("https://10.0.0.11"), "both ways of writing a fingerprint");
        assert_eq!(other.secret, Power::SECRET);
        let ipmi = power("ipmi = \"10.0.0.12\", user = \"ADMIN\", secret = \"BMC_RACK3\"");
        assert!(matches!(&ipmi.bmc, Bmc::Ipmi(at) if at.port == 623) && ipmi.secret == "BMC_RACK3");
        assert!(power("redfish = \"https://10.0.0.11\", user = \"root\", ca = \"/etc/ca.pem\"").bmc != other.bmc);
    }

    #[test]
    fn each_mistake_is_told_once_with_its_place_and_no_password_is_repeated() {
        let redfish = "redfish = \"https://10.0.0.11\", user = \"root\"";
        let cases = [
            ("user = \"root\"", "does not say where the BMC is"),
            ("ipmi = \"10.0.0.12\"", "user"),
            (&format!("{redfish}, fingerprint = \"{PIN}\", ipmi = \"10.0.0.12\""), "has both `redfish` and `ipmi`"),
            (redfish, "does not say how the certificate of the BMC is checked"),
            (&format!("{redfish}, fingerprint = \"{PIN}\", ca = \"/etc/ca.pem\""), "has both `ca` and `fingerprint`"),
            (&format!("{redfish}, fingerprint = \"{}\"", &PIN[3..]), "is not a SHA-256 of a certificate"),
            (&format!("{redfish}, fingerprint = \"{}\"", PIN.replace('a', "g")), "is not a SHA-256"),
            ("ipmi = \"10.0.0.12\", user = \"a\", ca = \"/etc/ca.pem\"", "has `ca`, which IPMI does not know"),
            ("ipmi = \"10.0.0.12\", user = \"a\", system = \"1\"", "has `system`, which IPMI does not know"),
            ("ipmi = \"10.0.0.12:port\", user = \"a\"", "is not a host"),
            ("ipmi = \"10.0.0.12\", user = \"a b\"", "is not the name of an account"),
            ("ipmi = \"10.0.0.12\", user = \"-v\"", "is not the name of an account"),
            ("ipmi = \"10.0.0.12\", user = \"a:b\"", "is not the name of an account"),
            ("ipmi = \"10.0.0.12\", user = \"a\", secret = \"hunter2hunter2\"", "is not the name of a BMC's password"),
            ("ipmi = \"10.0.0.12\", user = \"a\", secret = \"MYSQL_ROOT\"", "is not the name of a BMC's password"),
            ("redfish = \"http://10.0.0.11\", user = \"root\", ca = \"/c\"", "is not the address of a BMC"),
            ("redfish = \"https://10.0.0.11/redfish/v1\", user = \"root\", ca = \"/c\"", "is not the address of a BMC"),
            (
                "redfish = \"https://root:hunter2hunter2@10.0.0.11\", user = \"root\", ca = \"/c\"",
                "is not an address alone",
            ),
        ];
        for (keys, words) in cases {
            let told = parsed(keys).expect_err(keys);
            assert!(told.contains(words), "{keys}: {told}");
            assert_eq!(told.matches("error: ").count(), 1, "{keys}: {told}");
            assert!(!told.contains("hunter2"), "{keys}: {told}");
        }
    }
}
