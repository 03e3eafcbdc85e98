//! Requests that took long, as lines of the log.
//!
//! Invariant: a request that is quick costs copies of two references and a short name, and takes no memory.

use crate::measures::{Kind, Level};
use proto::{ItemKey, Refusal, Request, Response, Scope};
use std::borrow::Cow;
use std::time::Duration;
use tracing::warn;

/// Bytes of a key that are shown.
const SHOWN: usize = 64;

/// Longest name of a bucket.
const NAME_MAX: usize = 64;

/// What is kept of a request, in case it is slow.
pub(super) struct Subject {
    bucket: Name,
    key: ItemKey,
}

/// A name of a bucket, kept without asking for memory, since nearly all of them are never shown. Longer ones name no bucket.
struct Name {
    bytes: [u8; NAME_MAX],
    len: usize,
}

impl Name {
    fn of(name: &str) -> Name {
        let (mut bytes, len) = ([0; NAME_MAX], name.len().min(NAME_MAX));
        bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
        Name { bytes, len }
    }

    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes[..self.len])
    }
}

impl Subject {
    /// Of a request about items; others have none.
    pub(super) fn of(request: &Request) -> Option<Subject> {
        let (bucket, key) = match request {
            Request::Get(get) => (&get.bucket, get.key.clone()),
            Request::Put(put) => (&put.bucket, put.key.clone()),
            Request::Cas(cas) => (&cas.bucket, cas.key.clone()),
            Request::Amend(amending) => (&amending.bucket, amending.key.clone()),
            Request::Restore(restore) => (&restore.bucket, restore.key.clone()),
            Request::Scan(scan) | Request::Dump(scan) => match &scan.scope {
                Scope::SortKeys { partition_key, .. } => (&scan.bucket, ItemKey::plain(partition_key.clone())),
                Scope::Partition { .. } => (&scan.bucket, ItemKey::plain("")),
            },
            Request::Explain(_) | Request::Admin(_) => return None,
        };
        Some(Subject { bucket: Name::of(bucket), key })
    }
}

/// Writes the line.
pub(super) fn record(subject: &Subject, (kind, level): (Kind, Level), took: Duration, response: &Response) {
    let (operation, level, bucket) = (kind.name(), level.name(), subject.bucket.text());
    let (key, sort) =
        (shown(&subject.key.partition_key), subject.key.sort_key.as_deref().map(shown).unwrap_or_default());
    let millis = took.as_secs_f64() * 1e3;
    let outcome = outcome(response);
    // As strings, for those are shown with their line ends escaped.
    let (bucket, key, sort, outcome) = (&*bucket, key.as_str(), sort.as_str(), &*outcome);
    warn!(operation, bucket, key, sort, level, millis, outcome, "a request took long");
}

fn outcome(response: &Response) -> Cow<'static, str> {
    match response {
        Response::Refused(Refusal::QuorumUnmet { needed, got, .. }) => {
            format!("{got} of {needed} replicas answered").into()
        }
        Response::Refused(refusal) => super::Reason::of(refusal).name().into(),
        Response::Found(found) => format!("{} replicas answered", found.answered).into(),
        Response::Written(written) => format!("{} replicas acknowledged", written.acknowledged).into(),
        _ => "done".into(),
    }
}

/// The beginning of a key, as text.
fn shown(key: &[u8]) -> String {
    let cut = key.get(..SHOWN).unwrap_or(key);
    let text = String::from_utf8_lossy(cut).into_owned();
    if cut.len() < key.len() { text + "…" } else { text }
}

#[cfg(test)]
mod tests {
    use super::{Name, shown};

    #[test]
    fn long_keys_are_cut() {
        assert_eq!(Name::of("carts").text(), "carts");
        assert_eq!(Name::of(&"x".repeat(65)).text().len(), 64);
        assert_eq!(shown(b"key"), "key");
        assert_eq!(shown(&[b'x'; 1_000]).chars().count(), 65);
        assert_eq!(shown(&[b'a', 0xff]), "a\u{fffd}");
    }
}
