//! The end of a run: everything is read back through every node, and the whole history is judged.

use crate::fleet::Fleet;
use crate::load::record::{Recorded, Recorder};
use crate::load::{Asker, Item, Kind, Verdict as Asked, value};
use serde_json::{Value, json};
use sim::outside::{self, Action, Entry, Outcome, Register};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use stdx::{Prng, Span};

/// Threads that read back.
const READERS: usize = 8;
/// The name of whoever reads back, among the clients.
const READER: u64 = 1 << 40;

/// What was found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Verdict {
    /// Items judged.
    pub items: usize,
    /// Requests judged.
    pub requests: usize,
    /// Acknowledged writes among them.
    pub acknowledged: usize,
    /// Acknowledged writes that are gone, or that a later read did not see.
    pub lost: Vec<String>,
    /// Values that came back after they were superseded.
    pub resurrected: Vec<String>,
    /// Values that nobody wrote, or with a wrong checksum.
    pub wrong: Vec<String>,
    /// Registers for which no order of the requests explains the answers.
    pub disordered: Vec<String>,
    /// Registers whose judgement was given up.
    pub undecided: usize,
}

impl Verdict {
    /// Nothing is wrong.
    pub fn is_clean(&self) -> bool {
        [&self.lost, &self.resurrected, &self.wrong, &self.disordered].iter().all(|list| list.is_empty())
    }

    /// All that is wrong.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        [&self.lost, &self.resurrected, &self.wrong, &self.disordered].into_iter().flatten()
    }
}

/// Reads every item back: busy ones through every node, entries through one of them each.
pub fn read_everything(fleet: &Fleet, recorder: &Arc<Recorder>) -> Result<(), String> {
    let (all, _) = recorder.all()?;
    let items: BTreeSet<&Item> = all.iter().map(|r| &r.item).filter(|item| item.kind != Kind::Preloaded).collect();
    let nodes: Vec<(usize, String)> =
        fleet.running().into_iter().map(|number| (number, fleet.nodes[number].url())).collect();
    let mut todo: Vec<(&Item, usize)> = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        match item.kind {
            Kind::Entry => todo.push((item, at % nodes.len())),
            _ => todo.extend((0..nodes.len()).map(|node| (item, node))),
        }
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for reader in 0..READERS {
            let (next, failed, todo, nodes) = (&next, &failed, &todo, &nodes);
            scope.spawn(move || {
                let asker =
                    |(_, url): &(usize, String)| Asker::new(std::slice::from_ref(url), Prng::new(reader as u64));
                let mut askers: Vec<Asker> = nodes.iter().map(asker).collect();
                while let Some((item, node)) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let client = READER + reader as u64;
                    if !read_back(item, nodes[*node].0, client, &mut askers[*node], recorder) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    match failed.into_inner() {
        0 => Ok(()),
        count => Err(format!("{count} of {} last reads had no answer", todo.len())),
    }
}

fn read_back(item: &Item, node: usize, client: u64, asker: &mut Asker, recorder: &Recorder) -> bool {
    let body = json!({ "type": "GET", "key": item.key, "bucket": item.bucket(), "level": "quorum" });
    let begun = recorder.now();
    let answer = asker.ask(&body, true);
    let (outcome, is_answered) = match &answer.verdict {
        Asked::Answered(_, found) => (Outcome::Found(values(item, found, recorder)), true),
        _ => (Outcome::NotDone, false),
    };
    let entry = Entry { client, node, action: Action::Read, begun, ended: recorder.now(), outcome };
    recorder.record(Recorded { item: item.clone(), entry, retries: answer.retries, why: answer.why });
    is_answered
}

/// The unique parts of all values in an answer.
pub(crate) fn values(item: &Item, answer: &Value, recorder: &Recorder) -> Vec<String> {
    let texts: Vec<&Value> = match answer["values"].as_array() {
        Some(values) => values.iter().map(|value| &value["value"]).collect(),
        None => vec![&answer["value"]],
    };
    let mut unique = Vec::new();
    for text in texts.into_iter().filter(|text| !text.is_null()) {
        match text.as_str().and_then(|text| value::check(&item.key, text)) {
            Some(value) => unique.push(value.to_owned()),
            None => recorder.wrong_value(format!("{} holds {text}, which was not made for it", item.key)),
        }
    }
    unique
}

/// Judges the history. Without `slack` clocks were apart, and the order of writes to registers says nothing.
pub fn judge(recorder: &Recorder, slack: Option<Span>) -> Verdict {
    let mut verdict = Verdict::default();
    let all = match recorder.all() {
        Ok((all, wrong)) => {
            verdict.wrong = wrong;
            all
        }
        Err(error) => {
            verdict.wrong.push(error);
            return verdict;
        }
    };
    let mut items: BTreeMap<Item, Vec<Entry>> = BTreeMap::new();
    for recorded in all {
        items.entry(recorded.item).or_default().push(recorded.entry);
    }
    for (item, mut entries) in items.into_iter().filter(|(item, _)| item.kind != Kind::Preloaded) {
        entries.sort_by_key(|entry| entry.begun);
        verdict.items += 1;
        verdict.requests += entries.len();
        verdict.acknowledged += entries.iter().filter(|entry| entry.outcome == Outcome::Done).count();
        let of = |what: Vec<String>| what.into_iter().map(|what| format!("{}: {what}", item.key)).collect::<Vec<_>>();
        verdict.wrong.extend(of(outside::out_of_thin_air(&entries)));
        match item.kind {
            Kind::Set => {
                let (back, lost) =
                    of(outside::siblings(&entries)).into_iter().partition(|what| what.contains("resurrected:"));
                verdict.lost.extend::<Vec<_>>(lost);
                verdict.resurrected.extend::<Vec<_>>(back);
            }
            Kind::Entry => judge_register(&item, &entries, Span::ZERO, &mut verdict),
            _ => {
                if let Some(slack) = slack {
                    judge_register(&item, &entries, slack, &mut verdict);
                }
            }
        }
    }
    verdict
}

fn judge_register(item: &Item, entries: &[Entry], slack: Span, verdict: &mut Verdict) {
    match outside::register(entries, slack) {
        Register::Fits => {}
        Register::TooHard => verdict.undecided += 1,
        // An entry has one write: if its reads cannot be explained, it is gone.
        Register::Broken(what) if item.kind == Kind::Entry => verdict.lost.push(format!("{}: {what}", item.key)),
        Register::Broken(what) => verdict.disordered.push(format!("{}: {what}", item.key)),
    }
}
