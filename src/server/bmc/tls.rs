//! TLS to a BMC: its certificate is pinned, or signed by an authority that the site file names.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::power::Fault;
use crate::site::Trust;

/// What a certificate is checked by.
pub(super) fn config(trust: &Trust) -> Result<Arc<ClientConfig>, Fault> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Fault::new(format!("TLS cannot be used: {error}"), "report this"))?;
    Ok(Arc::new(match trust {
        Trust::Authority(path) => builder.with_root_certificates(authorities(path)?).with_no_client_auth(),
        Trust::Pinned(fingerprint) => {
            let pinned = Pinned { fingerprint: *fingerprint, provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned)).with_no_client_auth()
        }
    }))
}

fn authorities(path: &Path) -> Result<RootCertStore, Fault> {
    let unusable = |why: &dyn std::fmt::Display| {
        let text = format!("the certificate {} of a BMC cannot be used: {why}", path.display());
        Fault::new(text, "correct `ca` of the node, or let the user of the daemon read the file")
    };
    let mut roots = RootCertStore::empty();
    let all = CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))?;
    for certificate in all {
        roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() { Err(unusable(&"it holds no certificate")) } else { Ok(roots) }
}

/// Accepts one certificate, by its SHA-256. Names and dates do not matter: BMCs sign for themselves, for names that
/// nobody uses, and their clocks are wrong.
#[derive(Debug)]
struct Pinned {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown: [u8; 32] = Sha256::digest(end_entity).into();
        match bool::from(shown.ct_eq(&self.fingerprint)) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }

    // The fingerprint is public: only the signature proves that the BMC has the key of the certificate.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a handshake failed, for people.
pub(super) fn refused(error: &std::io::Error, trust: &Trust) -> Fault {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match (inner, trust) {
        (Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)), Trust::Pinned(_)) => {
            let help = "if somebody gave the BMC a new one, write its SHA-256 into `fingerprint`; if nobody did, another \
                        machine answers in its place";
            Fault::new("the BMC shows another certificate than the one that the site file names", help)
        }
        (Some(Error::InvalidCertificate(why)), _) => {
            let help =
                "correct `ca`, or the host of `redfish`; for a BMC that signs its own certificate use `fingerprint`";
            Fault::new(format!("the certificate of the BMC is not trusted: {why}"), help)
        }
        _ => {
            let help = "the BMC may know only TLS 1.0 or 1.1: update its firmware, or use `ipmi` for this node";
            Fault::new(format!("no TLS with the BMC: {error}"), help)
        }
    }
}
