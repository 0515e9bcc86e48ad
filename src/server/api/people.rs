//! People at the pages: they sign in with a one-time link of `rackstart open`, or with a token, and have a session until
//! they sign out. Its secret is in a cookie alone; the store has its hash.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::keeper::{Holder, Keeper};
use super::role::Role;
use crate::audit::{Actor, Order};
use crate::clock::unix_now;
use crate::hex::hex;
use crate::server::lock::lock;
use crate::server::random;
use crate::store::{ChangeError, Store, StoredSession, TokenChange};

/// How long a session lasts, in seconds: a working day with its evening.
pub(super) const SESSION: u64 = 12 * 60 * 60;
/// How long a link can be used.
pub(super) const LINK: Duration = Duration::from_secs(5 * 60);
/// Most links at a time; the oldest one is dropped for a new one.
const LINKS: usize = 16;

/// A person who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visitor {
    /// The hash of the session's secret.
    pub id: String,
    /// The person, as the audit log names it.
    pub who: String,
    /// What the person may do.
    pub role: Role,
    /// What every form of this session carries.
    pub csrf: String,
    /// Where the request came from.
    pub from: IpAddr,
}

impl Visitor {
    /// The person as it appears in the audit log.
    pub(super) fn actor(&self) -> Actor {
        Actor { how: self.who.clone(), from: format!("{}, at a page", self.from) }
    }

    /// Whether a form carries the token of this session.
    pub(super) fn has_sent(&self, csrf: &str) -> bool {
        csrf.as_bytes().ct_eq(self.csrf.as_bytes()).into()
    }
}

/// Whom a link signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub who: String,
    pub role: Role,
    ends: Instant,
}

/// All sessions, in memory as in the store, and the links, which are in memory only.
pub(super) struct People {
    sessions: Mutex<HashMap<String, StoredSession>>,
    links: Mutex<HashMap<String, Link>>,
}

impl People {
    /// Loads the sessions of the store.
    pub(super) async fn open(store: &Store) -> Result<Self, ChangeError> {
        let sessions = store.sessions().await?.into_iter().map(|session| (session.id.clone(), session)).collect();
        Ok(Self { sessions: Mutex::new(sessions), links: Mutex::default() })
    }
}

impl Keeper {
    /// Makes a link that signs in once, and returns its secret.
    pub(super) fn make_link(&self, who: &Actor, role: Role) -> String {
        let secret = hex(&random::bytes::<16>());
        let mut links = lock(&self.people.links);
        links.retain(|_, link| Instant::now() < link.ends);
        if links.len() >= LINKS
            && let Some(oldest) = links.iter().min_by_key(|(_, link)| link.ends).map(|(id, _)| id.clone())
        {
            links.remove(&oldest);
        }
        links.insert(digest(&secret), Link { who: who.how.clone(), role, ends: Instant::now() + LINK });
        secret
    }

    /// Whom a link would sign in; looking does not use it up, because programs fetch links to preview them.
    pub(super) fn look_at_link(&self, secret: &str) -> Option<Link> {
        lock(&self.people.links).get(&digest(secret)).filter(|link| Instant::now() < link.ends).cloned()
    }

    /// Uses up a link, if that signs somebody in. Returns the secret of the new session.
    pub(super) async fn follow_link(&self, secret: &str, from: IpAddr) -> Result<Option<String>, ChangeError> {
        let link = lock(&self.people.links).remove(&digest(secret)).filter(|link| Instant::now() < link.ends);
        let Some(link) = link else { return Ok(None) };
        let begun = self.begin(link.who.clone(), link.role, None, from).await;
        if begun.is_err() {
            // On a full disk nobody was signed in, and the link works once there is room.
            lock(&self.people.links).insert(digest(secret), link);
        }
        begun.map(Some)
    }

    /// Begins a session for the holder of a token. Returns its secret.
    pub(super) async fn sign_in(&self, holder: &Holder, from: IpAddr) -> Result<String, ChangeError> {
        let who = Actor::token(&holder.name, from).how;
        self.begin(who, holder.role, Some(holder.id.clone()), from).await
    }

    async fn begin(&self, who: String, role: Role, token: Option<String>, from: IpAddr) -> Result<String, ChangeError> {
        let (secret, now) = (hex(&random::bytes::<32>()), unix_now());
        let (id, expires) = (digest(&secret), now + SESSION);
        let session = StoredSession { id, who: who.clone(), role: role.to_string(), token, created: now, expires };
        let order = Order::new(&Actor { how: who, from: from.to_string() }, "sign-in", "the pages");
        let order = order.detail(format!("{role}, for {} h at most", SESSION / 3600));
        self.store.change_token(TokenChange::BeginSession(session.clone()), order).await?;
        let mut sessions = lock(&self.people.sessions);
        sessions.retain(|_, session| now < session.expires);
        sessions.insert(session.id.clone(), session);
        Ok(secret)
    }

    /// The person whose session has this secret.
    pub(super) fn visitor(&self, secret: &str, from: IpAddr) -> Option<Visitor> {
        let id = digest(secret);
        let session = lock(&self.people.sessions).get(&id).cloned().filter(|session| self.is_open(session))?;
        let csrf = digest(&format!("the token of every form\n{secret}"));
        Some(Visitor { id, who: session.who, role: session.role.parse().ok()?, csrf, from })
    }

    /// Whether a session is still open.
    pub(super) fn is_signed_in(&self, id: &str) -> bool {
        let session = lock(&self.people.sessions).get(id).cloned();
        session.is_some_and(|session| self.is_open(&session))
    }

    fn is_open(&self, session: &StoredSession) -> bool {
        unix_now() < session.expires && session.token.as_ref().is_none_or(|token| self.is_valid(token))
    }

    /// Ends a session. It is refused from this call on, unless the store cannot forget it: then it would be back after
    /// the next start, so it stays, and the person is told to try again.
    pub(super) async fn sign_out(&self, visitor: &Visitor) -> Result<(), ChangeError> {
        self.end(&visitor.id, Order::new(&visitor.actor(), "sign-out", "the pages")).await
    }

    /// The sessions that are open, the newest last.
    pub(super) fn sessions(&self) -> Vec<StoredSession> {
        let mut open: Vec<_> = lock(&self.people.sessions).values().cloned().collect();
        open.retain(|session| self.is_open(session));
        open.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        open
    }

    /// Ends somebody's session, as [`Self::sign_out`] does.
    pub(super) async fn end_session(&self, session: &StoredSession, who: &Actor) -> Result<(), ChangeError> {
        let order = Order::new(who, "session-end", "the pages").detail(format!("{}, {}", session.who, session.role));
        self.end(&session.id, order).await
    }

    async fn end(&self, id: &str, order: Order) -> Result<(), ChangeError> {
        let session = lock(&self.people.sessions).remove(id);
        let ended = self.store.change_token(TokenChange::EndSession { id: id.into() }, order).await;
        if let (Err(_), Some(session)) = (&ended, session) {
            lock(&self.people.sessions).insert(id.into(), session);
        }
        ended.map(drop)
    }
}

fn digest(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}
