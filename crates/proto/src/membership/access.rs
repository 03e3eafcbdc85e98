//! Making and revoking API tokens.
//!
//! Invariant: nobody locks everybody out: the first token may make others, and so does one that is left.

use super::changes::refused;
use crate::access::{ApiToken, Right, TOKENS_MAX, TokenId};
use crate::event::Change;
use crate::history::View;
use crate::request::Refusal;

/// The event that makes a token; `None` if it is there.
pub(super) fn grant(view: &View, wanted: &ApiToken) -> Result<Option<Change>, Refusal> {
    if let Some(fault) = wanted.fault() {
        return refused(fault);
    }
    match view.tokens.get(&wanted.id) {
        Some(old) if old == wanted => return Ok(None),
        Some(old) => return refused(format!("token {} is there already, as {}; draw another", old.id, old.name)),
        None => {}
    }
    if let Some(other) = view.tokens.values().find(|other| other.name == wanted.name) {
        return refused(format!(
            "token {} is called {} already; choose another name, or revoke it first",
            other.id, other.name
        ));
    }
    if view.tokens.len() >= TOKENS_MAX {
        return refused(format!("there are {TOKENS_MAX} tokens, and no more are kept; revoke some that nobody uses"));
    }
    if view.tokens.is_empty() && !wanted.is_lasting_admin() {
        return refused(format!(
            "from the first token on, everybody needs one, so it must have the scope {} and no end, or nobody could make another",
            Right::ALL
        ));
    }
    Ok(Some(Change::Grant(wanted.clone())))
}

/// The event that revokes a token.
pub(super) fn revoke(view: &View, id: TokenId) -> Result<Option<Change>, Refusal> {
    let Some(token) = view.tokens.get(&id) else {
        return refused(format!("there is no token {id}; list those there are"));
    };
    let another = view.tokens.values().any(|other| other.id != id && other.is_lasting_admin());
    if token.is_lasting_admin() && !another {
        return refused(format!(
            "{} is the last token with the scope {} and no end, and nobody could make another; make that one first",
            token.name,
            Right::ALL
        ));
    }
    Ok(Some(Change::Revoke { token: id }))
}

#[cfg(test)]
mod tests {
    use super::{grant, revoke};
    use crate::access::{ApiToken, Right, TokenId};
    use crate::event::{Change, Event, Genesis};
    use crate::history::History;
    use crate::ids::{Digest, Epoch};
    use crate::request::Refusal;
    use ring::Grid;
    use stdx::Wall;

    fn history() -> History {
        let genesis = Genesis { cluster: 7, grid: Grid::new(4).unwrap(), n: 3, context_key: [0; 32] };
        let change = Change::Create(genesis);
        let first = Event { epoch: Epoch(1), previous: Digest::default(), at: Wall(0), nonce: 0, change };
        History::fold(vec![first]).unwrap()
    }

    fn token(id: u64, name: &str, scope: &str) -> ApiToken {
        let scopes = vec![Right::parse(scope).unwrap()];
        ApiToken { id: TokenId(id), name: name.to_owned(), digest: Digest([1; 32]), scopes, rate: None, expires: None }
    }

    fn apply(history: &mut History, change: Change) {
        let (epoch, previous) = (history.epoch().next(), history.head());
        history.append(Event { epoch, previous, at: Wall(0), nonce: 0, change }).unwrap();
    }

    fn sentence(refused: Result<Option<Change>, Refusal>) -> String {
        match refused {
            Err(Refusal::ChangeRefused(sentence)) => sentence,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nobody_locks_everybody_out() {
        let mut history = history();
        assert!(!history.current().guarded);
        assert!(sentence(grant(history.current(), &token(1, "app", "read"))).contains("first token"));
        let ending = ApiToken { expires: Some(Wall(9)), ..token(1, "root", "admin") };
        assert!(sentence(grant(history.current(), &ending)).contains("no end"));
        for token in [token(1, "root", "admin"), token(2, "app", "read:carts")] {
            let change = grant(history.current(), &token).unwrap().unwrap();
            apply(&mut history, change);
        }
        assert!(sentence(revoke(history.current(), TokenId(1))).contains("last token"));
        let second = grant(history.current(), &token(3, "root-2", "admin")).unwrap().unwrap();
        apply(&mut history, second);
        let gone = revoke(history.current(), TokenId(1)).unwrap().unwrap();
        apply(&mut history, gone);
        let left: Vec<_> = history.current().tokens.keys().map(|id| id.0).collect();
        assert_eq!((left, history.current().guarded), (vec![2, 3], true));
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_twice_is_once() {
        let mut history = history();
        let root = token(1, "root", "admin");
        let change = grant(history.current(), &root).unwrap().unwrap();
        apply(&mut history, change);
        assert_eq!(grant(history.current(), &root), Ok(None));
        assert!(sentence(grant(history.current(), &token(1, "other", "read"))).contains("already"));
        assert!(sentence(grant(history.current(), &token(2, "root", "read"))).contains("already"));
        assert!(sentence(grant(history.current(), &token(2, "a b", "read"))).contains("name"));
        assert!(
            sentence(grant(history.current(), &ApiToken { scopes: Vec::new(), ..token(2, "b", "read") }))
                .contains("scopes")
        );
        assert!(sentence(revoke(history.current(), TokenId(9))).contains("no token"));
    }
}
