//! Verifies tokens. A token is verified once with argon2 and then recognised by a keyed hash in memory, so that a
//! request costs microseconds; revocation and expiry are checked on every request.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::people::People;
use super::role::Role;
use super::token::Token;
use crate::audit::{Actor, Order};
use crate::clock::unix_now;
use crate::server::lock::lock;
use crate::server::net::log_limit::LogLimit;
use crate::server::random;
use crate::store::{ChangeError, Store, StoredToken, TokenChange};

const DAY: u64 = 24 * 60 * 60;
/// Verifications of one token that one peer may cause per minute; also the limit for attempts with ids that do not
/// exist.
const ATTEMPTS: u32 = 5;
/// Verifications of one token that all peers together may cause per second: each one costs about 20 ms of CPU time.
const PROOFS_PER_SECOND: u32 = 5;
/// Attempts of all peers per second with ids that do not exist. Each costs only a line of the log, and does not count
/// against existing tokens.
const INVENTED_PER_SECOND: u32 = 10;
/// Sessions that one token may begin per minute: each is kept, in memory too, until it ends.
const SIGN_INS: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// The holder of a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The token's id.
    pub id: String,
    /// The token's name.
    pub name: String,
    /// The token's role.
    pub role: Role,
}

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthError {
    /// No valid token exists at all.
    NotSetUp,
    /// The token does not exist, is wrong, expired or revoked; the caller is not told which.
    Refused,
    /// Too many failures lately.
    TooMany,
}

/// Why a token was not made or revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The name is not acceptable; names are for people and for the audit log.
    #[error("`{0}` is not a name for a token: use 1 to 40 letters, digits, dots, hyphens and underscores")]
    Name(String),
    /// A valid token already has this name.
    #[error("a valid token is called `{0}`; revoke it first, or choose another name")]
    Taken(String),
    /// No valid token has this name.
    #[error("no valid token is called `{0}`; `rackstart token list` shows all tokens")]
    Missing(String),
    /// Hashing failed.
    #[error("the token could not be hashed: {0}")]
    Hash(String),
    /// The store refused the change.
    #[error(transparent)]
    Store(#[from] ChangeError),
}

/// All tokens, in memory as in the store.
pub struct Keeper {
    pub(super) store: Store,
    /// The people who are signed in to the pages.
    pub(super) people: People,
    /// The key of the hashes in memory; drawn anew at each start of the daemon.
    key: [u8; 32],
    tokens: Mutex<HashMap<String, Known>>,
    invented: Mutex<LogLimit<IpAddr>>,
    audits: Mutex<LogLimit<IpAddr>>,
    /// One argon2 computation at a time: each takes 19 MiB.
    hashing: Semaphore,
}

struct Known {
    stored: StoredToken,
    role: Role,
    /// The keyed hash of the token, once it was verified.
    proved: Option<[u8; 32]>,
    /// The limit of this token's own verifications: guesses at other tokens, or at ids that do not exist, cannot block
    /// it.
    proofs: LogLimit<IpAddr>,
    /// The limit of the sessions that it begins.
    sign_ins: LogLimit<()>,
}

/// What is known about a presented token.
enum Seen {
    /// It was verified before.
    Proved(Holder),
    /// It has this hash and must still be verified.
    Unproved(String),
}

impl Known {
    fn new(stored: StoredToken, role: Role) -> Self {
        let proofs = LogLimit::new(ATTEMPTS, MINUTE, PROOFS_PER_SECOND);
        Self { stored, role, proved: None, proofs, sign_ins: LogLimit::new(SIGN_INS, MINUTE, SIGN_INS) }
    }

    fn holder(&self) -> Holder {
        Holder { id: self.stored.id.clone(), name: self.stored.name.clone(), role: self.role }
    }

    fn is_valid(&self, now: u64) -> bool {
        self.stored.revoked.is_none() && self.stored.expires.is_none_or(|end| now < end)
    }
}

impl Keeper {
    /// Loads the tokens of the store.
    pub async fn open(store: Store) -> Result<Arc<Self>, ChangeError> {
        let known = |stored: StoredToken| {
            let role = stored.role.parse().ok()?; // a role of another version may do nothing
            Some((stored.id.clone(), Known::new(stored, role)))
        };
        let tokens = store.tokens().await?.into_iter().filter_map(known).collect();
        Ok(Arc::new(Self {
            people: People::open(&store).await?,
            store,
            key: random::bytes(),
            tokens: Mutex::new(tokens),
            invented: Mutex::new(LogLimit::new(ATTEMPTS, MINUTE, INVENTED_PER_SECOND)),
            audits: Mutex::new(LogLimit::new(2, MINUTE, 1)),
            hashing: Semaphore::new(1),
        }))
    }

    /// Finds the holder of the presented token.
    pub(crate) async fn holder(&self, shown: Option<&str>, peer: IpAddr) -> Result<Holder, AuthError> {
        let now = unix_now();
        let Some(token) = shown.and_then(Token::parse) else {
            let refused = if self.is_set_up(now) { AuthError::Refused } else { AuthError::NotSetUp };
            // A missing or malformed token is not a guess and does not count as an attempt.
            if shown.is_some() {
                self.audit_failure(peer, None, "not a rackstart token").await;
            }
            return Err(refused);
        };
        let digest = self.digest(&token);
        match self.look(&token, &digest, now) {
            Some(Seen::Proved(holder)) => Ok(holder),
            Some(Seen::Unproved(_)) => {
                let id = token.id().to_string();
                let proof = self.prove(token, digest, peer, now).await;
                if proof == Err(AuthError::Refused) {
                    self.audit_failure(peer, Some(&id), "the id of a token with a wrong secret").await;
                }
                proof
            }
            None => {
                if lock(&self.invented).ask(peer, Instant::now()).is_none() {
                    return Err(AuthError::TooMany);
                }
                self.audit_failure(peer, None, "an unknown, expired or revoked token").await;
                Err(if self.is_set_up(now) { AuthError::Refused } else { AuthError::NotSetUp })
            }
        }
    }

    /// Verifies a token; one verification runs at a time.
    async fn prove(&self, token: Token, digest: [u8; 32], peer: IpAddr, now: u64) -> Result<Holder, AuthError> {
        let Ok(_turn) = self.hashing.acquire().await else { return Err(AuthError::Refused) };
        // It may have been verified while this one waited: many requests at once after a restart need only one
        // verification.
        let hash = match self.look(&token, &digest, now).ok_or(AuthError::Refused)? {
            Seen::Proved(holder) => return Ok(holder),
            Seen::Unproved(hash) => hash,
        };
        let id = token.id().to_string();
        if !self.may_prove(&id, peer) {
            return Err(AuthError::TooMany);
        }
        if !tokio::task::spawn_blocking(move || token.is_of(&hash)).await.unwrap_or(false) {
            return Err(AuthError::Refused);
        }
        // It may have been revoked while argon2 ran.
        let mut tokens = lock(&self.tokens);
        let known = tokens.get_mut(&id).filter(|known| known.is_valid(now)).ok_or(AuthError::Refused)?;
        known.proved = Some(digest);
        Ok(known.holder())
    }

    fn may_prove(&self, id: &str, peer: IpAddr) -> bool {
        let mut tokens = lock(&self.tokens);
        tokens.get_mut(id).is_some_and(|known| known.proofs.ask(peer, Instant::now()).is_some())
    }

    /// Whether the holder may begin one more session now.
    pub(super) fn may_sign_in(&self, holder: &Holder) -> bool {
        let mut tokens = lock(&self.tokens);
        tokens.get_mut(&holder.id).is_some_and(|known| known.sign_ins.ask((), Instant::now()).is_some())
    }

    /// What is known about a valid token with this id.
    fn look(&self, token: &Token, digest: &[u8; 32], now: u64) -> Option<Seen> {
        let tokens = lock(&self.tokens);
        let known = tokens.get(token.id()).filter(|known| known.is_valid(now))?;
        let is_proved = known.proved.as_ref().is_some_and(|proved| proved.ct_eq(digest).into());
        Some(if is_proved { Seen::Proved(known.holder()) } else { Seen::Unproved(known.stored.hash.clone()) })
    }

    /// Whether the holder's token is still valid.
    pub(crate) fn is_still(&self, holder: &Holder) -> bool {
        self.is_valid(&holder.id)
    }

    /// Whether the token with this id is valid.
    pub(super) fn is_valid(&self, id: &str) -> bool {
        lock(&self.tokens).get(id).is_some_and(|known| known.is_valid(unix_now()))
    }

    /// Records a failed attempt in the log and the audit log, a few lines per minute at most.
    async fn audit_failure(&self, peer: IpAddr, id: Option<&str>, why: &str) {
        let Some(held_back) = lock(&self.audits).ask(peer, Instant::now()) else { return };
        let id = id.unwrap_or("unknown");
        tracing::warn!(%peer, token = id, held_back, "rejected API request: {why}");
        let actor = Actor { how: "nobody".into(), from: peer.to_string() };
        let detail = format!("{why}; {held_back} more since the last line");
        if let Err(error) = self.store.audit(&actor, "api-login-failed", id, &detail).await {
            tracing::error!(%error, "a failed attempt could not be audited");
        }
    }

    fn digest(&self, token: &Token) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(token.reveal().as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Whether any valid token exists.
    pub(crate) fn is_set_up(&self, now: u64) -> bool {
        lock(&self.tokens).values().any(|known| known.is_valid(now))
    }

    /// Makes a token. Its text is returned here and never again.
    pub async fn create(&self, name: &str, role: Role, days: Option<u64>, actor: &Actor) -> Result<Token, TokenError> {
        let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if name.is_empty() || name.len() > 40 || !name.bytes().all(letter) {
            return Err(TokenError::Name(name.escape_debug().to_string()));
        }
        let token = Token::from_random(random::bytes(), random::bytes());
        let hash = {
            let _turn = self.hashing.acquire().await;
            let token = token.clone();
            let hashed = tokio::task::spawn_blocking(move || token.hash()).await;
            hashed.map_err(|error| TokenError::Hash(error.to_string()))?
        };
        let now = unix_now();
        let stored = StoredToken {
            id: token.id().into(),
            name: name.into(),
            role: role.to_string(),
            hash: hash.map_err(|error| TokenError::Hash(error.to_string()))?,
            created: now,
            expires: days.map(|days| now.saturating_add(days.saturating_mul(DAY))),
            revoked: None,
        };
        let validity = days.map_or_else(|| "without end".into(), |days| format!("for {days} days"));
        let order = Order::new(actor, "create-token", name).detail(format!("{role}, id {}, {validity}", token.id()));
        self.end_expired(name, now, actor).await?;
        if !self.store.change_token(TokenChange::Create(stored.clone()), order).await? {
            return Err(TokenError::Taken(name.into()));
        }
        lock(&self.tokens).insert(stored.id.clone(), Known::new(stored, role));
        Ok(token)
    }

    /// Ends expired tokens of this name, so that the name is free again.
    async fn end_expired(&self, name: &str, now: u64, actor: &Actor) -> Result<(), TokenError> {
        let expired =
            |known: &Known| known.stored.name == name && known.stored.revoked.is_none() && !known.is_valid(now);
        if lock(&self.tokens).values().any(expired) {
            self.revoke(name, actor).await?;
        }
        Ok(())
    }

    /// Revokes a token. It is refused from this call's return on.
    pub(crate) async fn revoke(&self, name: &str, actor: &Actor) -> Result<(), TokenError> {
        let at = unix_now();
        // The token is revoked in memory first, so that it is refused already while the store writes.
        for known in lock(&self.tokens).values_mut().filter(|known| known.stored.name == name) {
            known.stored.revoked.get_or_insert(at);
            known.proved = None;
        }
        let order = Order::new(actor, "revoke-token", name);
        if self.store.change_token(TokenChange::Revoke { name: name.into(), at }, order).await? {
            Ok(())
        } else {
            Err(TokenError::Missing(name.escape_debug().to_string()))
        }
    }

    /// All tokens, oldest first, including expired and revoked ones.
    pub(crate) fn list(&self) -> Vec<StoredToken> {
        let mut list: Vec<StoredToken> = lock(&self.tokens).values().map(|known| known.stored.clone()).collect();
        list.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        list
    }
}
