//! How a node is switched on and off: its BMC, and who vouches for it. No password is here: it is a secret of the store.

use std::fmt;
use std::path::PathBuf;

/// The BMC of a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Power {
    /// Where it is, and what it speaks.
    pub bmc: Bmc,
    /// The account at the BMC.
    pub user: String,
    /// The name of the secret of the store that is the password of the account.
    pub secret: String,
}

/// A BMC by what it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bmc {
    /// Redfish over HTTPS (DMTF DSP0266).
    Redfish {
        /// Where it listens.
        at: Endpoint,
        /// How its certificate is checked.
        trust: Trust,
        /// Id, UUID or serial number of the node among the systems of the BMC; needed only when it has several.
        system: Option<String>,
    },
    /// IPMI 2.0 over UDP (RMCP+), through the program ipmitool.
    Ipmi(Endpoint),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A host name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// How the certificate of a BMC is checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Trust {
    /// It is signed by an authority in this file (PEM), for the host of the URL. Read when it is needed.
    Authority(PathBuf),
    /// It is the one certificate with this SHA-256, whatever its names and dates.
    Pinned([u8; 32]),
}

impl Power {
    /// The name of the secret where the site file names none.
    pub(crate) const SECRET: &str = "BMC_PASSWORD";
}

impl Endpoint {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`; none when it is none of them.
    pub(crate) fn read(text: &str, port: u16) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (host, after) = rest.split_once(']')?;
            let port = if after.is_empty() { port } else { after.strip_prefix(':')?.parse().ok()? };
            return host.parse::<std::net::Ipv6Addr>().ok().map(|_| Self { host: host.into(), port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (text, port),
        };
        let is_name = |label: &str| {
            let letters = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
            (1..=63).contains(&label.len()) && letters && !label.starts_with('-')
        };
        (host.len() <= 253 && host.split('.').all(is_name) && port > 0).then(|| Self { host: host.into(), port })
    }

    /// The host as it stands in a URL or a `Host` header.
    pub(crate) fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.bracketed(), self.port)
    }
}

impl fmt::Display for Bmc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redfish { at, .. } => write!(f, "Redfish at {at}"),
            Self::Ipmi(at) => write!(f, "IPMI at {at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_maybe_a_port() {
        let read = |text: &str| Endpoint::read(text, 443).map(|at| (at.to_string(), at.host));
        let is = |text: &str, shown: &str, host: &str| assert_eq!(read(text), Some((shown.into(), host.into())));
        is("10.0.0.11", "10.0.0.11:443", "10.0.0.11");
        is("bmc-1.example.org:8443", "bmc-1.example.org:8443", "bmc-1.example.org");
        is("[fe80::1]", "[fe80::1]:443", "fe80::1");
        is("[fe80::1]:1", "[fe80::1]:1", "fe80::1");
        for bad in ["", "-oProxy", "a b", "host:", "host:0", "host:99999", "u@host", "host/x", "fe80::1", "[x]", "a..b"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
