//! Somebody with a token.

use super::limiter::Limiter;
use crate::redis::time::now;
use proto::{Act, ApiToken};
use std::sync::atomic::{AtomicU64, Ordering};
use stdx::Span;

/// A token in use, and how fast it is used.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) token: ApiToken,
    limiter: Option<Limiter>,
    /// The version of the tokens of which this was one last.
    seen: AtomicU64,
}

impl Identity {
    pub(crate) fn new(token: ApiToken, version: u64) -> Identity {
        let limiter = token.rate.map(Limiter::new);
        Identity { token, limiter, seen: AtomicU64::new(version) }
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        &self.token.name
    }

    /// True if it was a token at this version of the tokens.
    pub(crate) fn was_seen_at(&self, version: u64) -> bool {
        self.seen.load(Ordering::Relaxed) == version
    }

    pub(crate) fn see(&self, version: u64) {
        self.seen.store(version, Ordering::Relaxed);
    }

    /// True if its time is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.token.expires.is_some_and(|at| at <= now())
    }

    /// Whether it allows `act` in `bucket`, or, without one, everywhere.
    pub(crate) fn allows(&self, act: Act, bucket: Option<&str>) -> bool {
        self.token.allows(act, bucket)
    }

    /// Takes one operation of its rate, or says when there is one.
    pub(crate) fn take(&self) -> Result<(), Span> {
        self.limiter.as_ref().map_or(Ok(()), Limiter::take)
    }
}
