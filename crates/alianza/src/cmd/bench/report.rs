//! What is printed at the end, for people and as JSON. Times in JSON are seconds.

use super::plan::Plan;
use super::tally::{Kind, Tally};
use crate::table;
use serde_json::{Value, json};
use std::fmt::Write as _;
use workload::wire::Protocol;
use workload::{Act, Choice, Latencies};

/// Quantiles that are told, and their names.
const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// For people.
pub(super) fn text(plan: &Plan, tally: &Tally) -> String {
    let mut text = format!(
        "{}; {} over {} keys of {} B, values of {} B\n{} at {}, {}, {}; {:.1} s\n\n",
        plan.mix,
        choice(plan),
        thousands(plan.keys),
        plan.shape.key_bytes,
        sizes(plan),
        protocol(plan),
        counted(plan.addresses.len(), "address", "addresses"),
        counted(plan.connections, "connection", "connections"),
        plan.rate.map_or_else(|| format!("depth {}", plan.depth), |rate| format!("{rate} operations due per second")),
        tally.elapsed
    );
    let kinds = Act::ALL.into_iter().zip(&tally.kinds).filter(|(_, kind)| kind.latencies.count() + kind.failed > 0);
    let mut rows: Vec<Vec<String>> = kinds.map(|(act, kind)| row(act.word(), kind, tally.elapsed)).collect();
    if rows.len() > 1 {
        rows.push(row("all", &Kind { latencies: tally.latencies(), failed: tally.failed() }, tally.elapsed));
    }
    text += &table::lay_out(&["OPERATION", "ANSWERED", "PER SECOND", "P50", "P99", "P99.9", "MAX", "FAILED"], &rows);
    text.push('\n');
    remarks(tally, &mut text);
    text
}

fn row(word: &str, kind: &Kind, elapsed: f64) -> Vec<String> {
    let latencies = &kind.latencies;
    let times = [latencies.quantile(0.5), latencies.quantile(0.99), latencies.quantile(0.999), latencies.max()];
    let mut row =
        vec![word.to_owned(), thousands(latencies.count()), thousands(per_second(latencies.count(), elapsed))];
    row.extend(times.map(duration));
    row.push(thousands(kind.failed));
    row
}

fn remarks(tally: &Tally, text: &mut String) {
    let mut say = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    if let Some(service) = &tally.service {
        let (half, most) = (duration(service.quantile(0.5)), duration(service.quantile(0.999)));
        say(format!("latencies are from when operations were due; from when they were sent: p50 {half}, p99.9 {most}"));
    }
    if tally.unsent > 0 {
        say(format!("{} operations were due and could not be sent before the end", thousands(tally.unsent)));
    }
    if tally.missing > 0 {
        say(format!("{} reads found no such key", thousands(tally.missing)));
    }
    for (error, count) in &tally.errors {
        say(format!("{} × {error}", thousands(*count)));
    }
    if tally.judged > 0 {
        say(format!(
            "verified {} reads: {} lost, {} older than acknowledged, {} of other keys, {} damaged; {} keys not read again",
            thousands(tally.judged),
            thousands(tally.lost),
            thousands(tally.stale),
            thousands(tally.foreign),
            thousands(tally.damaged),
            thousands(tally.unread)
        ));
    }
    tally.examples.iter().for_each(|example| say(format!("  {example}")));
    say(format!("this tool itself used {:.1} µs of processor time per operation", own_cost(tally) * 1e6));
}

/// For scripts.
pub(super) fn json(plan: &Plan, tally: &Tally) -> Value {
    let kind = |(act, kind): (Act, &Kind)| {
        json!({
            "operation": act.word(),
            "answered": kind.latencies.count(),
            "failed": kind.failed,
            "perSecond": kind.latencies.count() as f64 / tally.elapsed,
            "latency": latencies(&kind.latencies),
        })
    };
    let kinds = Act::ALL.into_iter().zip(&tally.kinds).filter(|(_, kind)| kind.latencies.count() + kind.failed > 0);
    let verified = plan.verify.then(|| {
        json!({
            "reads": tally.judged, "lost": tally.lost, "stale": tally.stale, "foreign": tally.foreign,
            "damaged": tally.damaged, "unread": tally.unread, "examples": tally.examples,
        })
    });
    json!({
        "protocol": protocol(plan),
        "addresses": plan.addresses.len(),
        "connections": plan.connections,
        "pipeline": plan.depth,
        "rate": plan.rate,
        "mix": plan.mix.to_string(),
        "choice": choice(plan),
        "keys": plan.keys,
        "keyBytes": plan.shape.key_bytes,
        "valueBytes": [plan.sizes.low, plan.sizes.high],
        "seconds": tally.elapsed,
        "answered": tally.succeeded(),
        "failed": tally.failed(),
        "perSecond": tally.succeeded() as f64 / tally.elapsed,
        "latency": latencies(&tally.latencies()),
        "latencyFromSending": tally.service.as_ref().map(latencies),
        "operations": kinds.map(kind).collect::<Vec<_>>(),
        "unsent": tally.unsent,
        "missing": tally.missing,
        "errors": tally.errors,
        "verified": verified,
        "toolProcessorPerOperation": own_cost(tally),
        "timeline": tally.seconds.iter().map(|s| json!([s.operations, seconds(s.longest)])).collect::<Vec<_>>(),
    })
}

fn latencies(latencies: &Latencies) -> Value {
    let quantiles = QUANTILES.map(|(name, share)| (name.to_owned(), json!(seconds(latencies.quantile(share)))));
    let more = [("max", seconds(latencies.max())), ("mean", latencies.mean() / 1e9)];
    quantiles.into_iter().chain(more.map(|(name, value)| (name.to_owned(), json!(value)))).collect()
}

fn own_cost(tally: &Tally) -> f64 {
    tally.processor / (tally.succeeded() + tally.failed()).max(1) as f64
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn per_second(count: u64, elapsed: f64) -> u64 {
    (count as f64 / elapsed.max(1e-9)).round() as u64
}

fn protocol(plan: &Plan) -> &'static str {
    match plan.shape.protocol {
        Protocol::Redis => "redis",
        Protocol::Http => "http",
        Protocol::V1 => "v1",
        Protocol::Nats => "nats",
        Protocol::Livez => "http-livez",
        Protocol::Etcd { serializable: false } => "etcd",
        Protocol::Etcd { serializable: true } => "etcd-serializable",
        Protocol::K2v(_) => "k2v",
    }
}

fn choice(plan: &Plan) -> &'static str {
    match plan.choice {
        Choice::Uniform => "uniform",
        Choice::Zipfian => "zipfian",
        Choice::Latest => "latest",
    }
}

fn sizes(plan: &Plan) -> String {
    let (low, high) = (plan.sizes.low, plan.sizes.high);
    if low == high { low.to_string() } else { format!("{low} to {high}") }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// As `12,345`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits and a unit.
fn duration(nanoseconds: u64) -> String {
    match nanoseconds {
        0 => "-".to_owned(),
        1..1_000_000 => format!("{:.0} µs", nanoseconds as f64 / 1e3),
        1_000_000..10_000_000 => format!("{:.2} ms", nanoseconds as f64 / 1e6),
        10_000_000..1_000_000_000 => format!("{:.0} ms", nanoseconds as f64 / 1e6),
        _ => format!("{:.2} s", nanoseconds as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, thousands};

    #[test]
    fn numbers_are_written_for_people() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
        for (time, text) in [(0, "-"), (61_400, "61 µs"), (1_234_000, "1.23 ms"), (43_000_000, "43 ms")] {
            assert_eq!(duration(time), text);
        }
    }
}
