//! The API tokens that hold now, where the interfaces look them up.
//!
//! Invariant: what is here is what the history says as far as it has arrived, and the one token of this node's settings besides;
//! while nobody needs a token, finding that out takes no lock.
//! Refuses to know how a secret is shown and compared.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use proto::{ApiToken, TokenId};

/// Tokens by number.
pub type TokenMap = Arc<BTreeMap<TokenId, ApiToken>>;

/// The tokens of a cluster, and the one of this node.
#[derive(Default, Debug)]
pub struct Tokens {
    guarded: AtomicBool,
    /// Grows with every change.
    version: AtomicU64,
    known: RwLock<Known>,
}

#[derive(Default, Debug)]
struct Known {
    /// The history has had a token.
    guarded: bool,
    all: TokenMap,
    own: Option<ApiToken>,
}

impl Tokens {
    /// True if clients need a token.
    pub fn is_guarded(&self) -> bool {
        self.guarded.load(Ordering::Acquire)
    }

    /// Another number after every change.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The token of a number.
    pub fn get(&self, id: TokenId) -> Option<ApiToken> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.own.as_ref().filter(|own| own.id == id).or_else(|| known.all.get(&id)).cloned()
    }

    /// Those of the history.
    pub fn all(&self) -> TokenMap {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner).all)
    }

    /// True if the settings of this node name a token.
    pub fn has_own(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).own.is_some()
    }

    /// The token of this node's settings from now on.
    pub fn set_own(&self, own: ApiToken) {
        self.change(|known| known.own = Some(own));
    }

    /// Those of the history from now on.
    pub(crate) fn set(&self, (guarded, all): (bool, TokenMap)) {
        self.change(|known| (known.guarded, known.all) = (guarded, all));
    }

    fn change(&self, how: impl FnOnce(&mut Known)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        how(&mut known);
        self.version.fetch_add(1, Ordering::AcqRel);
        self.guarded.store(known.guarded || known.own.is_some(), Ordering::Release);
    }

    /// For tests of those who look tokens up.
    #[doc(hidden)]
    pub fn pretend(&self, all: impl IntoIterator<Item = ApiToken>) {
        self.set((true, Arc::new(all.into_iter().map(|token| (token.id, token)).collect())));
    }
}

#[cfg(test)]
mod tests {
    use super::Tokens;
    use proto::{ApiToken, Digest, TokenId};
    use std::sync::Arc;

    #[test]
    fn a_token_of_the_settings_guards_and_the_history_does_not_take_it_away() {
        let token = |id| ApiToken {
            id: TokenId(id),
            name: "root".to_owned(),
            digest: Digest::default(),
            scopes: Vec::new(),
            rate: None,
            expires: None,
        };
        let tokens = Tokens::default();
        assert!(!tokens.is_guarded());
        tokens.set_own(token(1));
        assert!(tokens.is_guarded());
        let before = tokens.version();
        tokens.set((false, Arc::default()));
        assert!(tokens.is_guarded() && tokens.get(TokenId(1)).is_some() && tokens.version() != before);
        tokens.pretend([token(2)]);
        assert_eq!((tokens.all().len(), tokens.get(TokenId(2)).map(|token| token.id)), (1, Some(TokenId(2))));
        tokens.set((true, Arc::default()));
        assert!(tokens.is_guarded() && tokens.get(TokenId(2)).is_none());
    }
}
