//! What a node says when it refuses: a problem+json (RFC 9457), and what of it programs go by.
//!
//! Invariant: a type that this version does not know is still a problem, with its sentence; it is never tried again.

use serde_json::Value;
use std::fmt;
use stdx::Span;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $slug:literal,)*) => {
        /// The type of a problem; `docs/http-api.md` lists them.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $name,)*
            /// Another one: `slug` of the problem names it.
            Other,
        }

        impl Reason {
            /// The types that this version knows.
            pub const SLUGS: &[&str] = &[$($slug),*];

            fn of(slug: &str) -> Reason {
                match slug { $($slug => Reason::$name,)* _ => Reason::Other }
            }
        }
    };
}

reasons! {
    /// There is no such item.
    NotFound = "not-found",
    /// There is no such bucket.
    UnknownBucket = "unknown-bucket",
    /// The condition of a change does not hold.
    ConditionFailed = "condition-failed",
    /// The bucket cannot keep such a condition.
    ConditionUnsupported = "condition-unsupported",
    /// The context is not one of this item.
    InvalidContext = "invalid-context",
    /// A field has a value that makes no sense.
    InvalidField = "invalid-field",
    /// The item has as many siblings as it may have.
    TooManySiblings = "too-many-siblings",
    /// Body, key or value are too large.
    TooLarge = "too-large",
    /// Too few replicas answered.
    QuorumUnmet = "quorum-unmet",
    /// It cannot be told any more whether the change was made.
    OutcomeUnknown = "outcome-unknown",
    /// The node in charge did not answer.
    NoAnswer = "no-answer",
    /// The node is starting, leaving or ending.
    NotReady = "not-ready",
    /// The node has too much to do.
    Overloaded = "overloaded",
    /// Too many requests at once.
    TooManyRequests = "too-many-requests",
    /// The body did not arrive in time.
    SlowBody = "slow-body",
    /// Too few voters can be reached.
    NoMajority = "no-majority",
    /// The node's disk is full.
    DiskFull = "disk-full",
    /// The node's storage failed.
    StorageFailed = "storage-failed",
    /// A token is needed, or this one is not known.
    Unauthenticated = "unauthenticated",
    /// The token does not allow this.
    NotAllowed = "not-allowed",
}

/// A refusal by a node.
#[derive(Clone, PartialEq, Debug)]
pub struct Problem {
    /// What it is about.
    pub reason: Reason,
    /// The last part of its type, as in `/problems/quorum-unmet`.
    pub slug: String,
    /// Its HTTP status.
    pub status: u16,
    /// One sentence for people.
    pub detail: String,
    /// Whether what was asked for may have been done all the same, or may be later.
    pub may_have_been_applied: bool,
    /// When it makes sense to ask again.
    pub retry_after: Option<Span>,
    /// All of it, with the members that only this type has.
    pub body: Value,
}

impl Problem {
    /// Reads the body of an answer; `None` if no node says such a thing. `retry_after` is in seconds.
    pub fn read(status: u16, retry_after: Option<u64>, body: Value) -> Option<Problem> {
        let detail = body["detail"].as_str()?.to_owned();
        let slug = body["type"].as_str().and_then(|kind| kind.rsplit('/').next()).unwrap_or_default().to_owned();
        Some(Problem {
            reason: Reason::of(&slug),
            slug,
            status,
            detail,
            may_have_been_applied: body["mayHaveBeenApplied"].as_bool().unwrap_or(false),
            retry_after: retry_after.map(Span::secs),
            body,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, Reason};
    use serde_json::json;
    use stdx::Span;

    #[test]
    fn what_programs_go_by_is_read() {
        let body = json!({ "type": "/problems/quorum-unmet", "detail": "Too few.", "mayHaveBeenApplied": true });
        let problem = Problem::read(503, Some(1), body).unwrap();
        assert_eq!((problem.reason, problem.slug.as_str()), (Reason::QuorumUnmet, "quorum-unmet"));
        assert!(problem.may_have_been_applied);
        assert_eq!(problem.retry_after, Some(Span::secs(1)));
        assert_eq!(problem.to_string(), "Too few.");
    }

    #[test]
    fn types_of_later_versions_are_problems_too() {
        let problem = Problem::read(418, None, json!({ "type": "/problems/teapot", "detail": "No." })).unwrap();
        assert_eq!((problem.reason, problem.slug.as_str()), (Reason::Other, "teapot"));
        assert_eq!(Problem::read(502, None, json!({ "error": "bad gateway" })), None);
    }
}
