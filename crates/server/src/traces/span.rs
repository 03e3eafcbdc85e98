//! A span: one node's part in a trace; and the caller that a trace came from (W3C Trace Context, level 1).
//!
//! Invariant: a header that is not exactly what the recommendation says is no caller at all.

use proto::{Request, TraceMark};
use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

tokio::task_local! {
    static CALLER: Caller;
}

/// Who asks, as the header `traceparent` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Its trace, and its part in it.
    pub mark: TraceMark,
    /// Whether it records the trace.
    pub is_sampled: bool,
}

impl Caller {
    /// Reads the header, such as `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`.
    pub fn parse(header: &str) -> Option<Caller> {
        let mut parts = header.trim().split('-');
        let mut hex = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            let is_hex = part.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
            if is_hex { u128::from_str_radix(part, 16).ok() } else { None }
        };
        let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        // Later versions may have more behind.
        let is_whole = version != 0 || parts.next().is_none();
        let is_valid = version != 0xff && trace != 0 && span != 0 && is_whole;
        let mark = TraceMark { trace, span: u64::try_from(span).ok()? };
        is_valid.then_some(Caller { mark, is_sampled: flags & 1 == 1 })
    }
}

/// Does something because `caller` asked for it.
pub async fn called_by<T>(caller: Caller, what: impl Future<Output = T>) -> T {
    CALLER.scope(caller, what).await
}

/// Who asked for what is being done now.
pub(crate) fn caller() -> Option<Caller> {
    CALLER.try_with(|caller| *caller).ok()
}

/// A part of a trace that is over.
#[derive(Clone, PartialEq, Debug)]
pub struct Span {
    /// The trace, and this part of it.
    pub mark: TraceMark,
    /// The part that caused this one.
    pub parent: Option<u64>,
    /// What was done.
    pub name: &'static str,
    /// When it began, since the Unix epoch.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// What it was about.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it was refused.
    pub failure: Option<&'static str>,
}

/// A part of a trace that goes on.
#[derive(Debug)]
pub(crate) struct Open {
    span: Span,
    since: Instant,
}

impl Open {
    pub(super) fn begin(
        mark: TraceMark,
        parent: Option<u64>,
        name: &'static str,
        attributes: Vec<(&'static str, String)>,
    ) -> Open {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let span = Span { mark, parent, name, began, took: Duration::ZERO, attributes, failure: None };
        Open { span, since: Instant::now() }
    }

    /// What caused what follows.
    pub(crate) fn mark(&self) -> TraceMark {
        self.span.mark
    }

    pub(super) fn end(self, failure: Option<&'static str>) -> Span {
        Span { took: self.since.elapsed(), failure, ..self.span }
    }
}

/// What a request is about, by the names of OpenTelemetry's conventions. Keys are left out: they may be anybody's secret.
pub(super) fn attributes(request: &Request) -> Vec<(&'static str, String)> {
    let bucket = match request {
        Request::Get(get) => &get.bucket,
        Request::Put(put) => &put.bucket,
        Request::Cas(cas) => &cas.bucket,
        Request::Amend(amending) => &amending.bucket,
        _ => return Vec::new(),
    };
    vec![("db.collection.name", bucket.clone())]
}

#[cfg(test)]
mod tests {
    use super::Caller;

    #[test]
    fn only_whole_headers_are_callers() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let read = |text: String| Caller::parse(&text);
        assert!(read(format!("00-{trace}-b7ad6b7169203331-01")).unwrap().is_sampled);
        assert!(!read(format!("00-{trace}-b7ad6b7169203331-00")).unwrap().is_sampled);
        assert!(read(format!("01-{trace}-b7ad6b7169203331-01-later")).is_some());
        for wrong in [
            format!("ff-{trace}-b7ad6b7169203331-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()),
            format!("00-{trace}-b7ad6b7169203331"),
            format!("00-{trace}-b7ad6b7169203331-01-more"),
            format!("00-+{}-b7ad6b7169203331-01", &trace[1..]),
            String::new(),
        ] {
            assert_eq!(read(wrong.clone()), None, "{wrong}");
        }
    }
}
