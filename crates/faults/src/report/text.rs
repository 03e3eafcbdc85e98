//! A report for people.

use super::{Report, Spread};

/// Lines of evidence shown of each kind.
const LINES_MAX: usize = 10;

pub(super) fn of(report: &Report) -> String {
    let [ok, fail, unknown] = report.requests;
    let outage = &report.outage;
    let verdict = &report.verdict;
    let mut lines = vec![
        format!("{}: {}", report.name, if report.passed() { "passed" } else { "FAILED" }),
        format!(
            "  requests: {ok} ok, {fail} failed, {unknown} unknown in {:.0} s ({:.0} ok/s)",
            report.seconds,
            ok as f64 / report.seconds.max(0.001)
        ),
    ];
    let fault = |(kind, (acts, hits)): (&&str, &(u32, u32))| format!("{kind} {acts} ({hits} hit)");
    lines.push(format!("  faults: {}", report.faults.iter().map(fault).collect::<Vec<_>>().join(", ")));
    if let Some(links) = &report.links {
        let done: Vec<String> = links.iter().filter(|(_, n)| **n > 0).map(|(what, n)| format!("{what} {n}")).collect();
        lines.push(format!("  links: {}", done.join(", ")));
    }
    lines.push(format!(
        "  clients: {} failed in flight, {} failed beyond those, {} asked again elsewhere, longest gap {:.0} ms",
        outage.in_flight, outage.beyond, outage.retried, outage.longest_gap
    ));
    lines.push(format!("  waiting: quiet {}; during faults {}", spread(&outage.quiet), spread(&outage.during)));
    lines.push(format!("  after faults: ready {}; at rest {}", spread(&outage.ready), spread(&outage.rest)));
    for (name, value) in &report.figures {
        lines.push(format!("  {name}: {value}"));
    }
    lines.push(format!(
        "  judged: {} items, {} requests, {} acknowledged writes: {} lost, {} resurrected, {} wrong values, {} registers out of order, {} undecided",
        verdict.items,
        verdict.requests,
        verdict.acknowledged,
        verdict.lost.len(),
        verdict.resurrected.len(),
        verdict.wrong.len(),
        verdict.disordered.len(),
        verdict.undecided
    ));
    lines.extend(report.problems.iter().map(|problem| format!("  problem: {problem}")));
    lines.extend(verdict.all().take(LINES_MAX).map(|what| format!("  {what}")));
    lines.extend(outage.beyond_lines.iter().take(LINES_MAX).map(|what| format!("  beyond: {what}")));
    if !report.passed() {
        lines.push(format!("  kept: {}", report.kept.display()));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn spread(spread: &Spread) -> String {
    format!("p50 {:.1} p99 {:.1} max {:.1} ms of {}", spread.p50, spread.p99, spread.max, spread.count)
}
