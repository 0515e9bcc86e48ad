//! One web server, asked for files: HTTPS by the certificates of this machine, or by those of `--ca`.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::Failure;
use crate::mirror;

/// Where distributions keep the certificates of the authorities that they trust: Debian, then EL.
const AUTHORITIES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
/// How long a server may take to be reached, or say nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// A web server with the address of a tree or a repository on it.
pub(super) struct Web {
    agent: ureq::Agent,
    /// The address of the tree.
    pub url: String,
}

/// What a server sends of a file.
pub(super) struct Answer {
    /// Its bytes, from `from` on.
    pub body: ureq::BodyReader<'static>,
    /// The offset at which they begin: the wanted one, or 0 when the server always sends all of it.
    pub from: u64,
    /// How many bytes come, where the server says so.
    pub length: Option<u64>,
}

/// Why a server gave no file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// It has none at that address.
    #[error("the server has no such file")]
    Missing,
    /// Its copy is shorter than the part that is here.
    #[error("the server's file is shorter than the part of it that is here")]
    Shorter,
    /// It may be asked again.
    #[error("{0}")]
    Passing(String),
    /// Nobody who is trusted says that it is this server.
    #[error("its certificate is not trusted: {0}")]
    Untrusted(String),
    /// Asking again would not help.
    #[error("{0}")]
    Lasting(String),
}

impl Web {
    /// Prepares for one tree or repository. Nothing is asked yet.
    pub(super) fn new(url: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        let roots = if url.starts_with("https://") { authorities(ca)? } else { Vec::new() };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("rackstart/", env!("CARGO_PKG_VERSION")))
            // A list of packages is kept as it is, compressed or not.
            .accept_encoding("identity")
            .http_status_as_error(false)
            // What is asked for over HTTPS never comes over HTTP.
            .https_only(url.starts_with("https://"))
            .timeout_connect(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .timeout_recv_response(Some(2 * PATIENCE))
            .build();
        Ok(Self { agent: config.new_agent(), url: url.trim_end_matches('/').to_string() })
    }

    /// Asks for a file, from that byte on.
    pub(super) fn get(&self, path: &str, from: u64) -> Result<Answer, Refused> {
        let mut request = self.agent.get(mirror::address(&self.url, path));
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let answer = request.call().map_err(|error| refused(&error))?;
        let status = answer.status().as_u16();
        let begins = |text: &str| text.starts_with(&format!("bytes {from}-"));
        let is_part = status == 206
            && answer.headers().get("content-range").and_then(|range| range.to_str().ok()).is_some_and(begins);
        let from = match status {
            200 => 0,
            206 if is_part => from,
            404 | 410 => return Err(Refused::Missing),
            416 => return Err(Refused::Shorter),
            206 | 408 | 429 | 500..=599 => return Err(Refused::Passing(format!("the server answers {status}"))),
            _ => return Err(Refused::Lasting(format!("the server answers {status}"))),
        };
        let body = answer.into_body();
        let length = body.content_length();
        Ok(Answer { body: body.into_reader(), from, length })
    }

    /// A whole file of at most `most` bytes, for lists.
    pub(super) fn text(&self, path: &str, most: u64) -> Result<Vec<u8>, Refused> {
        let answer = self.get(path, 0)?;
        let mut bytes = Vec::new();
        let broken = |error: io::Error| Refused::Passing(error.to_string());
        answer.body.take(most + 1).read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() as u64 > most {
            return Err(Refused::Lasting(format!("it has more than {most} bytes")));
        }
        if answer.length.is_some_and(|length| length != bytes.len() as u64) {
            return Err(Refused::Passing("the connection ended in the middle".into()));
        }
        Ok(bytes)
    }
}

fn refused(error: &ureq::Error) -> Refused {
    match error {
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(tokio_rustls::rustls::Error::InvalidCertificate(why)) => Refused::Untrusted(why.to_string()),
            _ => Refused::Passing(error.to_string()),
        },
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => {
            Refused::Passing(error.to_string())
        }
        ureq::Error::RequireHttpsOnly(url) => Refused::Lasting(format!("it sends us on to {url}, which is not HTTPS")),
        _ => Refused::Lasting(error.to_string()),
    }
}

/// The certificates of the authorities that are trusted.
fn authorities(ca: Option<&Path>) -> Result<Vec<Certificate<'static>>, Failure> {
    let usual = || AUTHORITIES.iter().map(Path::new).find(|path| path.exists());
    let path = ca.or_else(usual).ok_or_else(|| {
        Failure::fixable("this machine has no certificates of authorities, so HTTPS cannot be used")
            .hint("install the package ca-certificates, or name a file of certificates with `--ca`")
    })?;
    let unusable = |why: &dyn std::fmt::Display| {
        Failure::fixable(format!("the certificates in {} cannot be used: {why}", path.display()))
            .hint("name a file of certificates in PEM with `--ca`")
    };
    let pem = fs::read(path).map_err(|error| unusable(&error))?;
    let only = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    };
    let all: Result<Vec<_>, ureq::Error> = parse_pem(&pem).filter_map(only).collect();
    let all = all.map_err(|error| unusable(&error))?;
    if all.is_empty() { Err(unusable(&"it holds none")) } else { Ok(all) }
}
