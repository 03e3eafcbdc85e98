//! Everything that can go wrong, as clients see it: a closed list of kinds, each with a stable type, a title and a
//! status, and the problem+json (RFC 9457) that carries one together with a sentence for the case at hand.
//!
//! Invariant: a kind's type and status never change once released; `detail` is one sentence that says what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:literal, $title:literal;)*) => {
        /// What went wrong, for programs to tell apart.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// Every kind, in the order of the list that clients can read.
            pub const ALL: &[Kind] = &[$(Kind::$name),*];

            /// The last part of its type: `/problems/…`.
            pub fn slug(self) -> &'static str {
                match self { $(Kind::$name => $slug,)* }
            }

            /// Its HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Kind::$name => $status,)* }
            }

            /// What it is called.
            pub fn title(self) -> &'static str {
                match self { $(Kind::$name => $title,)* }
            }
        }
    };
}

kinds! {
    /// The body is not JSON.
    InvalidJson = "invalid-json", 400, "The body is not valid JSON";
    /// The body holds bytes that are not UTF-8.
    NotUtf8 = "not-utf8", 400, "The body is not UTF-8 text";
    /// `type` is missing or not one of those there are.
    UnknownType = "unknown-type", 400, "There is no operation of this type";
    /// A field that the request cannot do without is not there.
    MissingField = "missing-field", 400, "A field is missing";
    /// A field that this request does not have.
    UnknownField = "unknown-field", 400, "A field does not belong here";
    /// A field whose value makes no sense.
    InvalidField = "invalid-field", 400, "A field has a wrong value";
    /// A context token that this cluster did not give for this item.
    InvalidContext = "invalid-context", 400, "The context is not one of this item";
    /// A scan cursor that this cluster did not give.
    InvalidCursor = "invalid-cursor", 400, "The cursor is not one of this scan";
    /// More replicas were asked for than there are.
    LevelImpossible = "level-impossible", 400, "The level cannot be met";
    /// The statement is not SQL that can be run here.
    Sql = "sql", 400, "The SQL statement cannot be run";
    /// The statement took too much time or memory.
    SqlLimit = "sql-limit", 400, "The SQL statement takes too much";
    /// The client has not said who it is, or not rightly.
    Unauthenticated = "unauthenticated", 401, "A token is needed";
    /// A page of another origin tried to reach the database through a browser.
    CrossSite = "cross-site", 403, "Requests from other web sites are refused";
    /// The client has said who it is, and may not do this.
    NotAllowed = "not-allowed", 403, "The token does not allow this";
    /// There is no such item.
    NotFound = "not-found", 404, "There is no such item";
    /// There is no such bucket.
    UnknownBucket = "unknown-bucket", 404, "There is no such bucket";
    /// There is no such token.
    UnknownToken = "unknown-token", 404, "There is no such token";
    /// There is no such node.
    UnknownNode = "unknown-node", 404, "There is no such node";
    /// There is nothing under this path.
    UnknownPath = "unknown-path", 404, "There is nothing under this path";
    /// The path exists, but not for this method.
    WrongMethod = "wrong-method", 405, "The method does not fit the path";
    /// The client stopped sending in the middle of its body.
    SlowBody = "slow-body", 408, "The body did not arrive in time";
    /// The item has as many siblings as it may have.
    TooManySiblings = "too-many-siblings", 409, "The item has too many siblings";
    /// The item has several values, and one was asked for.
    SeveralValues = "several-values", 409, "The item has several values";
    /// The membership change is impossible as things are.
    ChangeRefused = "change-refused", 409, "The change is not possible";
    /// The plan is not the one that would be carried out now.
    PlanChanged = "plan-changed", 409, "The plan has changed";
    /// A condition that an eventual bucket cannot keep.
    ConditionUnsupported = "condition-unsupported", 409, "The bucket cannot keep such a condition";
    /// The condition of a change does not hold.
    ConditionFailed = "condition-failed", 412, "The condition does not hold";
    /// Body, key or value are larger than allowed.
    TooLarge = "too-large", 413, "The request is too large";
    /// Too many requests are being worked on.
    TooManyRequests = "too-many-requests", 429, "Too many requests at once";
    /// Something that must not happen did.
    Internal = "internal", 500, "The node is at fault";
    /// The node's storage failed.
    StorageFailed = "storage-failed", 500, "The storage of the node failed";
    /// The bucket promises something that is not served yet.
    ModeUnsupported = "mode-unsupported", 501, "This is not served for buckets of this mode";
    /// Too few replicas answered.
    QuorumUnmet = "quorum-unmet", 503, "Too few replicas answered";
    /// It cannot be told any more whether an earlier attempt was carried out.
    OutcomeUnknown = "outcome-unknown", 503, "It is not known whether the change was made";
    /// The node in charge did not answer.
    NoAnswer = "no-answer", 503, "The node in charge did not answer";
    /// The node is not a member yet, or no longer.
    NotReady = "not-ready", 503, "The node is not ready";
    /// Too much work is waiting.
    Overloaded = "overloaded", 503, "The node has too much to do";
    /// Too few voters could be reached.
    NoMajority = "no-majority", 503, "Too few voters can be reached";
    /// The disk is full.
    DiskFull = "disk-full", 507, "The disk of the node is full";
}

/// One thing that went wrong.
#[derive(Clone, PartialEq, Debug)]
pub struct Problem {
    kind: Kind,
    detail: String,
    more: Map<String, Value>,
    retry_after_secs: Option<u32>,
}

impl Problem {
    /// A problem of `kind`; `detail` is one sentence that says what to do.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem { kind, detail: detail.into(), more: Map::new(), retry_after_secs: None }
    }

    /// Adds a member that programs may read.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Says when it makes sense to try again.
    #[must_use]
    pub fn retry_after(mut self, secs: u32) -> Problem {
        self.retry_after_secs = Some(secs);
        self
    }

    /// A member that was added.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.more.get(name)
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// As it stands in a body.
    pub(crate) fn to_json(&self) -> Value {
        let mut members = Map::new();
        members.insert("type".to_owned(), format!("/problems/{}", self.kind.slug()).into());
        members.insert("title".to_owned(), self.kind.title().into());
        members.insert("status".to_owned(), self.kind.status().into());
        members.insert("detail".to_owned(), self.detail.as_str().into());
        members.extend(self.more.clone());
        Value::Object(members)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.to_json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.kind == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Problem};

    #[test]
    fn slugs_are_distinct_and_statuses_are_errors() {
        for (at, kind) in Kind::ALL.iter().enumerate() {
            assert!((400..600).contains(&kind.status()), "{kind:?}");
            assert!(Kind::ALL[..at].iter().all(|other| other.slug() != kind.slug()), "{kind:?}");
        }
    }

    #[test]
    fn the_documentation_lists_all() {
        let page = include_str!("../../../docs/http-api.md");
        for kind in Kind::ALL {
            let row = format!("| `/problems/{}` | {} | {} |", kind.slug(), kind.status(), kind.title());
            assert!(page.contains(&row), "docs/http-api.md lacks: {row}");
        }
    }

    #[test]
    fn a_problem_carries_its_members() {
        let json = Problem::new(Kind::QuorumUnmet, "Try again.").with("needed", 2).to_json();
        assert_eq!(json["type"], "/problems/quorum-unmet");
        assert_eq!(json["status"], 503);
        assert_eq!(json["detail"], "Try again.");
        assert_eq!(json["needed"], 2);
    }
}
