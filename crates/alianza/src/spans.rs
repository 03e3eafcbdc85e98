//! Spans on their way to a collector of traces: OTLP over HTTP, in its JSON form (OpenTelemetry Protocol 1.x, `/v1/traces`).
//!
//! JSON and not protobuf, because every collector takes both and this is a page of code instead of three crates.
//!
//! Invariant: no request waits for a collector. One that does not answer loses spans, and that is said once in a while.

use crate::exit::Failure;
use ::client::{Error, Node};
use serde_json::{Value, json};
use server::{Handle, Span};
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

/// Spans in one request.
const BATCH_MAX: usize = 512;
/// How long spans wait for others.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a collector is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it is waited for when the process ends.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// Time between two lines of the log about a collector that fails.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// Sends spans to a collector.
pub(crate) struct Exporter {
    collector: Node,
    resource: Value,
    complained: Option<Instant>,
}

impl Exporter {
    /// To the collector at `url`, of the spans of a node.
    pub(crate) fn new(url: &str, ca: Option<&Path>, handle: &Handle) -> Result<Exporter, Failure> {
        let wrong = |error: &dyn Display| Failure::usage(format!("otlp: {error}"));
        if url.starts_with("https:") && ca.is_none() {
            return Err(wrong(
                &"a collector is trusted over https by its authority only; name its certificate with --otlp-ca",
            ));
        }
        let unreadable = |file: &Path, error| Failure::usage(format!("cannot read {}: {error}", file.display()));
        let pem = ca.map(|file| std::fs::read(file).map_err(|error| unreadable(file, error))).transpose()?;
        let collector = Node::new(url, PATIENCE, pem, None).map_err(|error| wrong(&error))?;
        let resource = json!({ "attributes": [
            attribute("service.name", "alianza"),
            attribute("service.version", env!("CARGO_PKG_VERSION")),
            attribute("service.instance.id", &handle.node_id().to_string()),
            attribute("alianza.node.name", handle.name()),
        ] });
        Ok(Exporter { collector, resource, complained: None })
    }

    /// Sends what comes until there is no more, or the node has ended.
    pub(crate) async fn run(mut self, mut spans: Receiver<Span>, handle: Handle) {
        let mut batch = Vec::new();
        loop {
            let count = tokio::select! {
                count = spans.recv_many(&mut batch, BATCH_MAX) => count,
                _ = handle.ended() => 0,
            };
            if count == 0 {
                break;
            }
            if batch.len() < BATCH_MAX {
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    _ = handle.ended() => {}
                }
                while batch.len() < BATCH_MAX
                    && let Ok(span) = spans.try_recv()
                {
                    batch.push(span);
                }
            }
            self.send(&batch, &handle).await;
            batch.clear();
        }
        while let Ok(span) = spans.try_recv() {
            batch.push(span);
        }
        if !batch.is_empty() {
            // Whoever ends the process waits for it.
            let _ = timeout(LAST_PATIENCE, self.send(&batch, &handle)).await;
        }
    }

    async fn send(&mut self, batch: &[Span], handle: &Handle) {
        match self.collector.post_for_bytes("/v1/traces", &body(&self.resource, batch)).await {
            Ok(_) => debug!("sent {} spans", batch.len()),
            Err(error) => {
                if let Some(traces) = handle.traces() {
                    traces.lost(batch.len());
                }
                self.complain(batch.len(), &error);
            }
        }
    }

    fn complain(&mut self, lost: usize, error: &Error) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAINT_PAUSE) {
            self.complained = Some(Instant::now());
            warn!("{lost} spans were lost, and more may be for a minute: {error}");
        }
    }
}

fn body(resource: &Value, batch: &[Span]) -> Value {
    let scope = json!({ "name": "alianza", "version": env!("CARGO_PKG_VERSION") });
    let spans: Vec<Value> = batch.iter().map(span).collect();
    json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "scope": scope, "spans": spans }] }] })
}

fn span(span: &Span) -> Value {
    const SERVER: u8 = 2;
    const ERROR: u8 = 2;
    let mut attributes = vec![attribute("db.system.name", "alianza"), attribute("db.operation.name", span.name)];
    attributes.extend(span.attributes.iter().map(|(name, value)| attribute(name, value)));
    attributes.extend(span.failure.map(|why| attribute("error.type", why)));
    let mut json = json!({
        "traceId": format!("{:032x}", span.mark.trace),
        "spanId": format!("{:016x}", span.mark.span),
        "name": span.name,
        "kind": SERVER,
        "startTimeUnixNano": span.began.as_nanos().to_string(),
        "endTimeUnixNano": (span.began + span.took).as_nanos().to_string(),
        "attributes": attributes,
        "status": span.failure.map_or_else(|| json!({}), |why| json!({ "code": ERROR, "message": why })),
    });
    if let Some(parent) = span.parent {
        json["parentSpanId"] = format!("{parent:016x}").into();
    }
    json
}

fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

#[cfg(test)]
mod tests {
    use super::span;
    use server::Span;
    use server::proto::TraceMark;
    use std::time::Duration;

    #[test]
    fn a_span_is_written_as_collectors_read_it() {
        let mark = TraceMark { trace: 0xab, span: 0xcd };
        let whole = Span {
            mark,
            parent: Some(1),
            name: "put",
            began: Duration::from_secs(1_700_000_000),
            took: Duration::from_micros(1_500),
            attributes: vec![("db.collection.name", "carts".to_owned())],
            failure: Some("quorum-unmet"),
        };
        let json = span(&whole);
        assert_eq!(json["traceId"], "000000000000000000000000000000ab");
        assert_eq!(
            (json["spanId"].as_str(), json["parentSpanId"].as_str()),
            (Some("00000000000000cd"), Some("0000000000000001"))
        );
        assert_eq!(json["startTimeUnixNano"], "1700000000000000000");
        assert_eq!(json["endTimeUnixNano"], "1700000000001500000");
        assert_eq!((json["status"]["code"].as_u64(), json["kind"].as_u64()), (Some(2), Some(2)));
        assert_eq!(json["attributes"][2]["value"]["stringValue"], "carts");
        assert!(span(&Span { parent: None, ..whole })["parentSpanId"].is_null());
    }
}
