//! A bearer token: `rackstart_ID_SECRET`. The id finds its row and may be shown; the secret has 256 bits and is shown
//! once.

use std::fmt;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};

use crate::hex::hex;

const PREFIX: &str = "rackstart_";
const ID: usize = 8;
const SECRET: usize = 64;

/// A complete token. `Debug` shows only its id.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Makes a token from bytes of the operating system's random source.
    pub(crate) fn from_random(id: [u8; 4], secret: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}_{}", hex(&id), hex(&secret)))
    }

    /// Parses a caller's token; accepts only what [`Token::from_random`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        (id.len() == ID && secret.len() == SECRET && digits(id) && digits(secret)).then(|| Self(text.into()))
    }

    /// The public id.
    pub(crate) fn id(&self) -> &str {
        &self.0[PREFIX.len()..PREFIX.len() + ID]
    }

    /// The complete text. Call it only to show it once to its creator, and to hash it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The hash that is stored. Takes about 20 ms and 19 MiB on purpose.
    pub(crate) fn hash(&self) -> Result<String, Error> {
        Ok(Argon2::default().hash_password(self.0.as_bytes())?.to_string())
    }

    /// Whether this is the token that was hashed. As slow as [`Token::hash`].
    pub(crate) fn is_of(&self, hash: &str) -> bool {
        PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(self.0.as_bytes(), &hash).is_ok())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_…", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_read_as_it_was_written_and_its_secret_is_in_no_debug_text_and_no_hash() {
        let token = Token::from_random([0xab; 4], [7; 32]);
        assert_eq!((Token::parse(token.reveal()), token.id()), (Some(token.clone()), "abababab"));
        assert_eq!(format!("{token:?}"), "rackstart_abababab_…");
        let hash = token.hash().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !hash.contains("0707"), "{hash}");
        assert!(token.is_of(&hash) && !Token::from_random([0xab; 4], [8; 32]).is_of(&hash));
        assert!(!token.is_of("") && !token.is_of("$argon2id$nonsense"));
    }

    #[test]
    fn anything_else_is_no_token() {
        let token = Token::from_random([1; 4], [2; 32]).reveal().to_string();
        for text in
            ["", "rackstart_", &token[1..], &token[..token.len() - 1], &token.to_uppercase(), &format!("{token}0")]
        {
            assert_eq!(Token::parse(text), None, "{text}");
        }
        assert_eq!(Token::parse(&token.replacen("01", "é", 1)), None, "no letter is cut in two");
    }
}
