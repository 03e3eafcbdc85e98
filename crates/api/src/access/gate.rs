//! From what a client shows to who it is.
//!
//! Invariant: a token that was revoked, or whose time is over, is nobody's from then on, on connections and in sessions that stand, too.

use super::Identity;
use super::guarded::Who;
use super::peer;
use super::secret::Shown;
use super::sessions::Sessions;
use crate::database::Database;
use crate::problem::{Kind, Problem};
use axum::http::{HeaderMap, Method, header};
use proto::TokenId;
use ring::NodeId;
use server::Tokens;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Knows whom to let in.
pub(crate) struct Gate {
    tokens: Arc<Tokens>,
    context_key: [u8; 32],
    /// Tokens in use, for their rates.
    known: Mutex<HashMap<TokenId, Arc<Identity>>>,
    /// Logins at the console.
    pub(crate) sessions: Sessions,
    node: NodeId,
}

impl Gate {
    pub(crate) fn new(database: &dyn Database) -> Gate {
        Gate {
            tokens: database.tokens(),
            context_key: database.context_key(),
            known: Mutex::default(),
            sessions: Sessions::default(),
            node: database.node_id(),
        }
    }

    /// True if nobody needs a token.
    pub(crate) fn is_open(&self) -> bool {
        !self.tokens.is_guarded()
    }

    /// Whose token this is; `None` if it is none that holds.
    pub(crate) fn by_text(&self, text: &[u8]) -> Option<Arc<Identity>> {
        let shown = Shown::parse(text)?;
        let identity = self.by_id(shown.id)?;
        shown.is(&identity.token).then_some(identity)
    }

    /// The token of a number, if it holds.
    pub(crate) fn by_id(&self, id: TokenId) -> Option<Arc<Identity>> {
        let version = self.tokens.version();
        let mut known = self.known();
        if let Some(identity) = known.get(&id).filter(|identity| identity.was_seen_at(version)) {
            return (!identity.has_ended()).then(|| Arc::clone(identity));
        }
        known.retain(|id, identity| self.tokens.get(*id).is_some_and(|token| token == identity.token));
        let token = self.tokens.get(id)?;
        let identity = known.entry(id).or_insert_with(|| Arc::new(Identity::new(token, version)));
        identity.see(version);
        (!identity.has_ended()).then(|| Arc::clone(identity))
    }

    /// True if somebody who was let in still is.
    pub(crate) fn still_knows(&self, identity: &Arc<Identity>) -> bool {
        if identity.was_seen_at(self.tokens.version()) {
            return !identity.has_ended();
        }
        self.by_id(identity.token.id).is_some_and(|now| Arc::ptr_eq(&now, identity))
    }

    /// Who sent a request with these headers; `None` if it says nothing of that.
    pub(crate) fn identify(&self, method: &Method, headers: &HeaderMap) -> Result<Option<Who>, Problem> {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return self.by_cookie(method, headers) };
        let value = value.as_bytes();
        if peer::is_node(value, &self.context_key) {
            return Ok(Some(Who::Peer));
        }
        let (scheme, text) = value.split_at_checked(7).unwrap_or((b"", b""));
        let identity = scheme.eq_ignore_ascii_case(b"bearer ").then(|| self.by_text(text)).flatten();
        identity.map(Who::Token).map(Some).ok_or_else(wrong)
    }

    /// Whose session the cookie names. Changes are made for pages of this node only: what a browser says of the page is there
    /// and was looked at (`guard`).
    fn by_cookie(&self, method: &Method, headers: &HeaderMap) -> Result<Option<Who>, Problem> {
        let Some(secret) = session_cookie(headers, self.node) else { return Ok(None) };
        let Some(identity) = self.sessions.find(secret).and_then(|token| self.by_id(token)) else { return Ok(None) };
        let harmless = matches!(*method, Method::GET | Method::HEAD);
        let told = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
        if !harmless && !told {
            let detail =
                "A change with the cookie of a session must come from the console's page; show a token instead.";
            return Err(Problem::new(Kind::CrossSite, detail));
        }
        Ok(Some(Who::Token(identity)))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TokenId, Arc<Identity>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the cookie of a session is called. Browsers send the cookies of a host to all of its ports, and several nodes may be there.
pub(crate) fn cookie_name(node: NodeId) -> String {
    format!("alianza-session-{:08x}", (node.0 >> 96) as u32)
}

/// The secret of a session.
pub(crate) fn session_cookie(headers: &HeaderMap, node: NodeId) -> Option<&[u8]> {
    let name = cookie_name(node);
    let pairs = headers.get_all(header::COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let secrets = pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    secrets.into_iter().find(|secret| !secret.is_empty())
}

/// Nothing was shown.
pub(crate) fn missing() -> Problem {
    Problem::new(
        Kind::Unauthenticated,
        "This cluster serves those who show a token; send one as \"Authorization: Bearer …\", or log in at /console.",
    )
}

/// Something was shown that is no token that holds.
pub(crate) fn wrong() -> Problem {
    let detail = "The token is unknown, revoked or over; ask whoever runs the cluster for another.";
    Problem::new(Kind::Unauthenticated, detail)
}
