//! What came of a run, as JSON for programs and as text for people.
//!
//! Invariant: a report that passed says of every kind of fault how often it was done, and none is zero.

mod outage;
mod text;

pub use outage::{Outage, Spread};

use crate::load::record::{self, Recorded};
use crate::session::{Act, Session};
use crate::verdict::Verdict;
use serde_json::{Map, Value, json};
use sim::outside::Outcome;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Unknown outcomes above this share make a run worth little.
const UNKNOWN_PERCENT_MAX: f64 = 5.0;

/// The report of one run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which scenario.
    pub name: String,
    /// Seconds from the first request to the last.
    pub seconds: f64,
    /// Requests that were done, not done, and of unknown outcome.
    pub requests: [usize; 3],
    /// By kind of fault: how often it was done, and how many processes or links it hit.
    pub faults: BTreeMap<&'static str, (u32, u32)>,
    /// What the proxy did.
    pub links: Option<BTreeMap<&'static str, u64>>,
    /// What clients noticed.
    pub outage: Outage,
    /// The judgement of the history.
    pub verdict: Verdict,
    /// Why the run does not count, if it does not.
    pub problems: Vec<String>,
    /// Further figures.
    pub figures: Map<String, Value>,
    /// Where logs and data are, if they were kept.
    pub kept: PathBuf,
    /// By second of the run: done, not done, unknown.
    pub by_second: Vec<[u32; 3]>,
}

impl Report {
    pub(crate) fn new(
        session: &Session,
        verdict: Verdict,
        mut problems: Vec<String>,
        links: Option<BTreeMap<&'static str, u64>>,
    ) -> Report {
        let all = session.recorder.all().map(|(all, _)| all).unwrap_or_default();
        let requests = count(&all);
        let total: usize = requests.iter().sum();
        let unknown = requests[2] as f64 * 100.0 / total.max(1) as f64;
        if unknown > UNKNOWN_PERCENT_MAX {
            problems
                .push(format!("{unknown:.1} % of the requests have an unknown outcome, which is too many to judge by"));
        }
        let faults = faults(&session.acts);
        if faults.is_empty() && !session.figures.contains_key("no faults") {
            problems.push("no fault was done".to_owned());
        }
        if requests[0] == 0 {
            problems.push("no request was done".to_owned());
        }
        Report {
            name: session.name.clone(),
            seconds: all.iter().map(|r| r.entry.ended.0).max().unwrap_or(0) as f64 / 1e6,
            requests,
            faults,
            links,
            outage: Outage::measure(&all, &session.acts),
            verdict,
            problems,
            figures: session.figures.clone(),
            kept: session.fleet.directory.clone(),
            by_second: by_second(&all),
        }
    }

    /// The run counts, and nothing is wrong.
    pub fn passed(&self) -> bool {
        self.problems.is_empty() && self.verdict.is_clean()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let faults: Map<String, Value> =
            self.faults.iter().map(|(kind, (acts, hits))| ((*kind).to_owned(), json!([acts, hits]))).collect();
        let verdict = &self.verdict;
        json!({
            "scenario": self.name,
            "passed": self.passed(),
            "seconds": self.seconds,
            "requests": { "ok": self.requests[0], "fail": self.requests[1], "unknown": self.requests[2] },
            "faults (acts, hits)": faults,
            "links": self.links,
            "outage": self.outage.json(),
            "verdict": {
                "items": verdict.items, "requests": verdict.requests, "acknowledged": verdict.acknowledged,
                "lost": verdict.lost, "resurrected": verdict.resurrected, "wrong": verdict.wrong,
                "disordered": verdict.disordered, "undecided": verdict.undecided,
            },
            "problems": self.problems,
            "figures": self.figures,
            "by second (ok, fail, unknown)": self.by_second,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        text::of(self)
    }

    /// Writes both next to each other as `<name>.json` and `<name>.txt`.
    pub fn write(&self, directory: &Path) -> Result<(), String> {
        let text = |error: std::io::Error| format!("cannot write to {}: {error}", directory.display());
        std::fs::create_dir_all(directory).map_err(text)?;
        std::fs::write(directory.join(format!("{}.json", self.name)), format!("{}\n", self.json())).map_err(text)?;
        std::fs::write(directory.join(format!("{}.txt", self.name)), self.text()).map_err(text)
    }
}

fn class(recorded: &Recorded) -> usize {
    match recorded.entry.outcome {
        _ if record::is_ok(&recorded.entry) => 0,
        Outcome::Unknown => 2,
        _ => 1,
    }
}

fn count(all: &[Recorded]) -> [usize; 3] {
    let mut counts = [0; 3];
    all.iter().for_each(|recorded| counts[class(recorded)] += 1);
    counts
}

fn faults(acts: &[Act]) -> BTreeMap<&'static str, (u32, u32)> {
    let mut faults: BTreeMap<&'static str, (u32, u32)> = BTreeMap::new();
    for act in acts {
        let (count, hits) = faults.entry(act.kind).or_default();
        (*count, *hits) = (*count + 1, *hits + act.hits);
    }
    faults
}

fn by_second(all: &[Recorded]) -> Vec<[u32; 3]> {
    let mut seconds = Vec::new();
    for recorded in all {
        let second = (recorded.entry.ended.0 / 1_000_000) as usize;
        if seconds.len() <= second {
            seconds.resize(second + 1, [0; 3]);
        }
        seconds[second][class(recorded)] += 1;
    }
    seconds
}
