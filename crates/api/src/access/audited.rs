//! What goes into the audit log of the requests that come through a [`Guarded`], and how handlers tell of what is more than one request.
//!
//! Invariant: a request that changes the cluster is in the log before it reaches the node, whichever way it came; one for which
//! administrators' rights were missing is there, too.

use super::Guarded;
use super::need;
use crate::database::Database;
use crate::refusal;
use proto::{Act, Refusal, Request, Response};
use serde_json::json;
use server::{Begun, Deed, Outcome};

/// What a request does to the cluster; items are not told of one by one.
pub(super) fn deed(request: &Request) -> Option<Deed> {
    match request {
        Request::Admin(admin) => Deed::of(admin),
        Request::Get(_)
        | Request::Put(_)
        | Request::Cas(_)
        | Request::Amend(_)
        | Request::Scan(_)
        | Request::Dump(_)
        | Request::Restore(_)
        | Request::Explain(_)
        | Request::Watch(_) => None,
    }
}

/// Tells that something begins. When this returns it may be begun.
pub(crate) async fn begin(database: &dyn Database, deed: Deed) -> Option<Begun> {
    let audit = database.audit()?;
    Some(audit.begin(database.by(), deed).await)
}

/// Tells what came of it. When this returns it may be answered.
pub(crate) async fn end(begun: Option<Begun>, response: &Response) {
    let Some(begun) = begun else { return };
    let outcome = match response {
        Response::Refused(refusal) => {
            let problem = refusal::problem(refusal.clone());
            let why = problem.detail().to_owned();
            let may_have_been_applied = problem.member("mayHaveBeenApplied") == Some(&true.into());
            if may_have_been_applied { Outcome::Unknown(why) } else { Outcome::Failed(why) }
        }
        _ => Outcome::Done,
    };
    begun.end(outcome).await;
}

/// Tells of one request of many that are one deed, like an import. When this returns it may be begun.
pub(crate) async fn part(database: &dyn Database, deed: Deed) {
    if let Some(audit) = database.audit() {
        audit.part(&database.by(), deed).await;
    }
}

/// Tells of something that was done at once.
pub(crate) async fn done(database: &dyn Database, deed: Deed) {
    if let Some(audit) = database.audit() {
        audit.told(&database.by(), deed, &Outcome::Done).await;
    }
}

/// Tells that a request was refused, if it takes administrators' rights.
pub(super) fn refused(guarded: &Guarded, request: &Request, refusal: &Refusal) {
    let (act, bucket) = need::of(request);
    if act != Act::Admin || !matches!(refusal, Refusal::NotAllowed(_)) {
        return;
    }
    let deed = deed(request).unwrap_or_else(|| Deed::new("backup-or-restore", json!({ "bucket": bucket })));
    turned_away(guarded, deed, refusal::problem(refusal.clone()).detail());
}

/// Tells that somebody was turned away.
pub(crate) fn turned_away(database: &dyn Database, deed: Deed, why: &str) {
    if let Some(audit) = database.audit() {
        audit.refused(&database.by(), deed, why);
    }
}
