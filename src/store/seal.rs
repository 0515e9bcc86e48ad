//! The seal on stored secrets: XChaCha20-Poly1305 with a key that Argon2id derives from the operator's key or
//! passphrase.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The name of the row in `meta` that says how the secrets are sealed.
pub(super) const ROW: &str = "seal";
const NONCE: usize = 24;
/// The text that the right key opens.
const PROOF: &[u8] = b"rackstart secrets";

/// The parameters of a store's seal. They are not secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SealRecord {
    /// Protects against precomputed tables of keys.
    salt: [u8; 16],
    /// The parameters of Argon2id, KiB of memory and passes, so that later versions can demand more for new stores.
    memory: u32,
    passes: u32,
    /// [`PROOF`], sealed. It distinguishes a wrong key from a damaged store.
    proof: Vec<u8>,
}

/// A derived key, ready for use.
#[derive(Clone)]
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
}

/// A sealed text could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shut;

impl Seal {
    /// Seals a store for the first time.
    pub(crate) fn first(key: &[u8]) -> Result<(Self, SealRecord), Shut> {
        let mut record = SealRecord { salt: random(), memory: 19 * 1024, passes: 2, proof: Vec::new() };
        let seal = Self::derive(key, &record)?;
        record.proof = seal.close(ROW, PROOF)?;
        Ok((seal, record))
    }

    /// Derives the key of a sealed store, or fails if it is not the store's key.
    pub(crate) fn again(key: &[u8], record: &SealRecord) -> Result<Self, Shut> {
        let seal = Self::derive(key, record)?;
        match seal.open(ROW, &record.proof)?.as_slice() == PROOF {
            true => Ok(seal),
            false => Err(Shut),
        }
    }

    fn derive(key: &[u8], record: &SealRecord) -> Result<Self, Shut> {
        let params = argon2::Params::new(record.memory, record.passes, 1, Some(32)).map_err(|_| Shut)?;
        let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let mut bytes = Zeroizing::new([0; 32]);
        argon.hash_password_into(key, &record.salt, bytes.as_mut_slice()).map_err(|_| Shut)?;
        Ok(Self { cipher: XChaCha20Poly1305::new(&Key::from(*bytes)) })
    }

    /// Seals a text together with its name, so that nobody can give one secret the value of another.
    pub(crate) fn close(&self, name: &str, text: &[u8]) -> Result<Vec<u8>, Shut> {
        let nonce: [u8; NONCE] = random();
        let payload = Payload { msg: text, aad: name.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Shut)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens a text that was sealed under this name.
    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Shut> {
        let (nonce, msg) = sealed.split_at_checked(NONCE).ok_or(Shut)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| Shut)?;
        let payload = Payload { msg, aad: name.as_bytes() };
        self.cipher.decrypt(&XNonce::from(nonce), payload).map(Zeroizing::new).map_err(|_| Shut)
    }
}

/// Returns bytes of the operating system's random source.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness no secret is secret, so there is no way to continue.
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_opens_and_only_under_the_right_name() {
        let (seal, record) = Seal::first(b"correct horse battery").unwrap();
        let sealed = seal.close("A", b"hidden").unwrap();
        let again = Seal::again(b"correct horse battery", &record).unwrap();
        assert_eq!(again.open("A", &sealed).unwrap().as_slice(), b"hidden");
        assert!(again.open("B", &sealed).is_err(), "moved to another name");
        assert!(Seal::again(b"wrong horse battery!!", &record).is_err());
        for index in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[index] ^= 1;
            assert!(again.open("A", &flipped).is_err(), "byte {index}");
        }
        assert!(again.open("A", &sealed[..10]).is_err());
        assert_ne!(seal.close("A", b"hidden").unwrap(), sealed, "never the same twice");
    }
}
