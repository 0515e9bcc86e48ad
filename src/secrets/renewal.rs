//! How a running node gets a newer payload although everybody on its network may know its token, because the token is
//! in the URL of every report. The first payload holds a key that is never sent in the clear again; later payloads are
//! sealed with it. The token alone reveals nothing readable, and only rackstart can make a payload that the node
//! accepts.
//!
//! The node needs only what EL6 has: SHA-256 and `openssl enc`. `templates/firstboot/lib/renewal.sh` is the other end.

use std::fmt;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::SecretValue;
use crate::hex::hex;

/// The name under which the store keeps the secret from which the keys of all nodes are derived. No blueprint declares
/// it, so no node gets it and no rotation changes it.
pub(crate) const SITE_SECRET: &str = "RACKSTART_RENEWAL_KEY";
/// Hexadecimal digits of a nonce.
const NONCE: usize = 32;
/// What `openssl enc` writes before the salt.
const SALTED: &[u8; 8] = b"Salted__";

/// The key of one boot, as 64 hexadecimal digits.
pub(crate) struct RenewalKey(Zeroizing<String>);

impl fmt::Debug for RenewalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(super::MASK)
    }
}

/// One request for a newer payload, as a node sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// The digest of the payload that is wanted.
    pub digest: String,
    /// Made for this request alone, so that an earlier answer cannot be replayed.
    pub nonce: String,
}

impl Question {
    /// Accepts a digest of 64 and a nonce of 32 hexadecimal digits.
    pub(crate) fn new(digest: &str, nonce: &str) -> Option<Self> {
        let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
        (is_hex(digest, 64) && is_hex(nonce, NONCE)).then(|| Self { digest: digest.into(), nonce: nonce.into() })
    }
}

impl RenewalKey {
    /// Derives the key of the boot with this token.
    pub(crate) fn of(site: &SecretValue, token: &str) -> Self {
        Self(Zeroizing::new(keyed(site.reveal().as_bytes(), "renewal", &[token.as_bytes()])))
    }

    /// The key as the node gets it, in its first payload and in every later one.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The proof that a node adds to its request.
    pub(crate) fn proof(&self, question: &Question) -> String {
        self.word("fetch", question)
    }

    /// Whether the request comes from somebody who has the key.
    pub(crate) fn proves(&self, question: &Question, proof: &str) -> bool {
        let expected = self.proof(question);
        subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), proof.as_bytes()).into()
    }

    /// The answer: 64 digits that prove where it comes from, a line break, and the payload as `openssl enc -aes-256-cbc
    /// -md sha256` writes it.
    pub(crate) fn seal(&self, question: &Question, payload: &[u8], salt: [u8; 8]) -> Vec<u8> {
        let pass = Zeroizing::new(self.word("seal", question));
        // How that program derives key and initialisation vector from a passphrase; this passphrase needs no
        // stretching.
        let once = |before: &[u8]| Sha256::new().chain_update(before).chain_update(pass.as_bytes()).chain_update(salt);
        let key = Zeroizing::new(<[u8; 32]>::from(once(&[]).finalize()));
        let iv = once(key.as_slice()).finalize();
        let mut sealed = [SALTED.as_slice(), &salt].concat();
        let cipher =
            cbc::Encryptor::<Aes256>::new_from_slices(key.as_slice(), &iv[..16]).expect("both have the right length");
        sealed.extend(cipher.encrypt_padded_vec::<Pkcs7>(payload));
        let sent = format!("sent {} {}\n", question.digest, question.nonce);
        let mut answer = keyed(self.0.as_bytes(), &sent, &[&sealed]).into_bytes();
        answer.push(b'\n');
        answer.extend(sealed);
        answer
    }

    fn word(&self, verb: &str, question: &Question) -> String {
        keyed(self.0.as_bytes(), &format!("{verb} {} {}", question.digest, question.nonce), &[])
    }
}

/// HMAC-SHA256 of all parts, as hexadecimal digits.
fn keyed(key: &[u8], text: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text.as_bytes());
    parts.iter().for_each(|part| mac.update(part));
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The node's end, with the program that a node has.
    impl RenewalKey {
        /// The payload, if this is the answer to this request.
        pub(crate) fn open(&self, question: &Question, answer: &[u8]) -> Option<Vec<u8>> {
            use std::io::Write;
            use std::process::{Command, Stdio};
            let (mac, sealed) = (&answer[..64], &answer[65..]);
            let sent = format!("sent {} {}\n", question.digest, question.nonce);
            if keyed(self.0.as_bytes(), &sent, &[sealed]).as_bytes() != mac {
                return None;
            }
            let mut openssl = Command::new("openssl");
            openssl.args(["enc", "-d", "-aes-256-cbc", "-md", "sha256", "-pass"]);
            openssl.arg(format!("pass:{}", self.word("seal", question)));
            openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = openssl.spawn().expect("this test needs the program openssl");
            let (mut pipe, sealed) = (child.stdin.take().unwrap(), sealed.to_vec());
            let writer = std::thread::spawn(move || pipe.write_all(&sealed));
            let output = child.wait_with_output().unwrap();
            writer.join().unwrap().unwrap();
            output.status.success().then_some(output.stdout)
        }
    }

    fn key() -> RenewalKey {
        RenewalKey::of(&SecretValue::new("the secret of the site".into()).unwrap(), "5f0c")
    }

    fn question() -> Question {
        Question::new(&"a".repeat(64), &"1".repeat(32)).unwrap()
    }

    #[test]
    fn each_boot_has_a_key_of_its_own_that_does_not_show_itself() {
        let site = SecretValue::new("the secret of the site".into()).unwrap();
        let other = RenewalKey::of(&site, "5f0d");
        assert_ne!(key().reveal(), other.reveal());
        assert_eq!((key().reveal().len(), format!("{:?}", key())), (64, "***".to_string()));
    }

    #[test]
    fn who_has_the_key_is_known_and_for_one_question_only() {
        let proof = key().proof(&question());
        assert!(key().proves(&question(), &proof));
        let another = Question::new(&"a".repeat(64), &"2".repeat(32)).unwrap();
        assert!(
            !key().proves(&another, &proof)
                && !key().proves(&question(), &proof[..63])
                && !key().proves(&question(), "")
        );
        for (digest, nonce) in [("", ""), ("a", "1"), (&"g".repeat(64), &"1".repeat(32)), (&"a".repeat(64), "x")] {
            assert_eq!(Question::new(digest, nonce), None);
        }
    }

    #[test]
    fn the_openssl_program_opens_it() {
        let payload = b"a payload of more than one block, with \0 in it".repeat(9);
        let answer = key().seal(&question(), &payload, [7; 8]);
        assert!(!answer.windows(9).any(|window| window == b"a payload"));
        assert_eq!(key().open(&question(), &answer), Some(payload));
        let another = Question::new(&"a".repeat(64), &"2".repeat(32)).unwrap();
        assert_eq!(key().open(&another, &answer), None, "an answer of before");
    }
}
