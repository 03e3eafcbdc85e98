//! Sessions of the console: whoever has shown a token there once is known by a cookie for a while.
//!
//! Invariant: the cookie is another secret than the token, good at this node only, and worth nothing when the token is not; sessions
//! are bounded in number and in time, and a restart ends them all.

use proto::TokenId;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a session lasts, however much it is used.
pub(crate) const LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// How long one lasts that is not used.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// Sessions at once; the one unused for the longest time makes room.
const SESSIONS_MAX: usize = 1_000;

/// The sessions of this node, by the hash of their secret.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

struct Session {
    token: TokenId,
    begun: Instant,
    used: Instant,
}

impl Sessions {
    /// Begins a session of somebody with this token, and gives its secret.
    pub(crate) fn begin(&self, token: TokenId) -> io::Result<String> {
        let secret: [u8; 32] = server::random_bytes()?;
        let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let now = Instant::now();
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.lasts(now));
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.used).map(|(key, _)| *key)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(key(secret.as_bytes()), Session { token, begun: now, used: now });
        Ok(secret)
    }

    /// Whose session this is, if it lasts.
    pub(crate) fn find(&self, secret: &[u8]) -> Option<TokenId> {
        let now = Instant::now();
        let mut sessions = self.lock();
        let session = sessions.get_mut(&key(secret)).filter(|session| session.lasts(now))?;
        session.used = now;
        Some(session.token)
    }

    /// Ends a session.
    pub(crate) fn end(&self, secret: &[u8]) {
        self.lock().remove(&key(secret));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn lasts(&self, now: Instant) -> bool {
        now.duration_since(self.begun) < LIFE && now.duration_since(self.used) < IDLE
    }
}

/// Looking a hash up tells nothing of the secret by the time it takes.
fn key(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use super::{IDLE, LIFE, SESSIONS_MAX, Sessions};
    use proto::TokenId;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn sessions_end_by_themselves_and_on_request() {
        let sessions = Sessions::default();
        let (used, unused) = (sessions.begin(TokenId(1)).unwrap(), sessions.begin(TokenId(2)).unwrap());
        assert_ne!(used, unused);
        tokio::time::advance(IDLE - Duration::from_secs(1)).await;
        assert_eq!(sessions.find(used.as_bytes()), Some(TokenId(1)));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(sessions.find(unused.as_bytes()), None);
        for _ in 0..LIFE.as_secs() / IDLE.as_secs() {
            sessions.find(used.as_bytes());
            tokio::time::advance(IDLE - Duration::from_secs(1)).await;
        }
        assert_eq!(sessions.find(used.as_bytes()), None, "also one that is used");
        let ended = sessions.begin(TokenId(3)).unwrap();
        sessions.end(ended.as_bytes());
        assert_eq!(sessions.find(ended.as_bytes()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_a_bound() {
        let sessions = Sessions::default();
        let first = sessions.begin(TokenId(1)).unwrap();
        for _ in 0..SESSIONS_MAX {
            tokio::time::advance(Duration::from_millis(1)).await;
            sessions.begin(TokenId(2)).unwrap();
        }
        assert_eq!(sessions.find(first.as_bytes()), None);
        assert_eq!(sessions.lock().len(), SESSIONS_MAX);
    }
}
