//! What each request to the node needs, and which ways into the HTTP interface need nothing.
//!
//! Invariant: a request that is not named here does not compile.

use axum::http::Method;
use proto::watch::Watch;
use proto::{Act, Admin, Request};

/// What a request needs: an act, in a bucket, or, without one, everywhere.
pub(super) fn of(request: &Request) -> (Act, Option<&str>) {
    match request {
        Request::Get(get) => (Act::Read, Some(&get.bucket)),
        Request::Scan(scan) => (Act::Read, Some(&scan.bucket)),
        Request::Explain(explain) => (Act::Read, Some(&explain.bucket)),
        Request::Put(put) => (Act::Write, Some(&put.bucket)),
        Request::Cas(cas) => (Act::Write, Some(&cas.bucket)),
        Request::Amend(amend) => (Act::Write, Some(&amend.bucket)),
        // Backups have deletions and everything that goes with items.
        Request::Dump(dump) => (Act::Admin, Some(&dump.bucket)),
        Request::Restore(restore) => (Act::Admin, Some(&restore.bucket)),
        Request::Watch(Watch::Places { bucket, .. }) => match bucket {
            Some(bucket) => (Act::Read, Some(bucket)),
            None => (Act::Monitor, None),
        },
        Request::Watch(Watch::Follow { .. }) => (Act::Read, None),
        Request::Admin(admin) => of_admin(admin),
    }
}

fn of_admin(admin: &Admin) -> (Act, Option<&str>) {
    match admin {
        Admin::Status | Admin::History | Admin::RepairStatus { .. } => (Act::Monitor, None),
        Admin::SetBucket(bucket) => (Act::Admin, Some(&bucket.name)),
        Admin::Join(_)
        | Admin::Leave { .. }
        | Admin::Remove { .. }
        | Admin::RepairRun
        | Admin::Replace { .. }
        | Admin::Reweigh { .. }
        | Admin::Abort
        | Admin::Plan(_)
        | Admin::Apply { .. }
        | Admin::Grant(_)
        | Admin::Revoke { .. }
        | Admin::Restored { .. }
        | Admin::Readdress { .. } => (Act::Admin, None),
    }
}

/// True if nothing needs to be shown: whether the node answers, what its interface is, and the console, which asks for a token.
pub(crate) fn nothing(method: &Method, path: &str) -> bool {
    let reading = matches!(*method, Method::GET | Method::HEAD);
    let open = matches!(path, "/" | "/livez" | "/readyz" | "/console" | "/problems" | "/v1/openapi.json");
    let below = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| !rest.contains('/'));
    let login = *method == Method::POST && matches!(path, "/console/login" | "/console/logout");
    login || (reading && (open || below("/console/") || below("/problems/")))
}
