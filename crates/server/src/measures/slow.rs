//! Requests that took long, as lines of the log.
//!
//! Invariant: a request that is quick costs copies of two references and a short name, and takes no memory.

use crate::measures::{Kind, Level};
use proto::{ItemKey, Refusal, Request, Response, Scope};
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
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
            Request::Explain(_) | Request::Admin(_) | Request::Watch(_) => return None,
        };
        Some(Subject { bucket: Name::of(bucket), key })
    }
}

/// Lines that are written in one second. When the node has too much to do, every request is slow.
const LINES_MAX: u64 = 10;

/// How many lines may still be written: the second, and in its lower half how many requests were slow in it.
#[derive(Default, Debug)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    /// Whether a line may be written in this second; and how many were left out of the last one that had any, if it is the first.
    fn admits(&self, second: u64) -> Option<u64> {
        let (second, mut left_out, mut count) = (second & 0xffff_ffff, 0, 1);
        let next = |before: u64| {
            let is_same = before >> 32 == second;
            count = if is_same { (before & 0xffff_ffff) + 1 } else { 1 };
            left_out = if is_same { 0 } else { (before & 0xffff_ffff).saturating_sub(LINES_MAX) };
            Some(second << 32 | count.min(0xffff_ffff))
        };
        // It is never refused.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        (count <= LINES_MAX).then_some(left_out)
    }
}

/// Writes the line, if there are not too many in this second after the start.
pub(super) fn record(
    (pace, second): (&Pace, u64),
    subject: &Subject,
    (kind, level): (Kind, Level),
    took: Duration,
    response: &Response,
) {
    let Some(left_out) = pace.admits(second) else { return };
    let (operation, level, bucket) = (kind.name(), level.name(), subject.bucket.text());
    let (key, sort) =
        (shown(&subject.key.partition_key), subject.key.sort_key.as_deref().map(shown).unwrap_or_default());
    let millis = took.as_secs_f64() * 1e3;
    let outcome = outcome(response);
    // As strings, for those are shown with their line ends escaped.
    let (bucket, key, sort, outcome) = (&*bucket, key.as_str(), sort.as_str(), &*outcome);
    warn!(operation, bucket, key, sort, level, millis, outcome, "a request took long");
    if left_out > 0 {
        warn!(left_out, "more requests took long than were logged");
    }
}

fn outcome(response: &Response) -> Cow<'static, str> {
    match response {
        Response::Refused(Refusal::QuorumUnmet { needed, got, .. }) => {
            format!("{got} of {needed} replicas answered").into()
        }
        Response::Refused(Refusal::OutOfReach { needed, reachable }) => {
            format!("{reachable} of {needed} replicas can be reached").into()
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
    use super::{LINES_MAX, Name, Pace, shown};

    #[test]
    fn lines_are_bounded_in_each_second_and_the_rest_is_counted() {
        let pace = Pace::default();
        for second in [0, 1] {
            assert!((0..LINES_MAX).all(|_| pace.admits(second) == Some(0)));
        }
        assert!((0..5).all(|_| pace.admits(1).is_none()));
        assert_eq!((pace.admits(9), pace.admits(9)), (Some(5), Some(0)));
    }

    #[test]
    fn long_keys_are_cut() {
        assert_eq!(Name::of("carts").text(), "carts");
        assert_eq!(Name::of(&"x".repeat(65)).text().len(), 64);
        assert_eq!(shown(b"key"), "key");
        assert_eq!(shown(&[b'x'; 1_000]).chars().count(), 65);
        assert_eq!(shown(&[b'a', 0xff]), "a\u{fffd}");
    }
}
