//! One client: what it asks next, what it learned, and what it records.

use super::ask::{Asker, Verdict};
use super::items::{Item, Items, Kind};
use super::record::{Recorded, Recorder};
use super::{Plan, Roster, value};
use serde_json::{Value, json};
use sim::Time;
use sim::outside::{Action, Entry, Outcome};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stdx::Prng;

/// Contexts that a client remembers.
const REMEMBERED_MAX: usize = 12;
/// How long a node may take.
const TIMEOUT: &str = "2s";

/// Numbers of clients, which are never used again.
static IDENTITIES: AtomicU64 = AtomicU64::new(0);

pub(super) struct Client {
    identity: u64,
    plan: Plan,
    asker: Asker,
    items: Arc<Items>,
    recorder: Arc<Recorder>,
    prng: Prng,
    writes: u64,
    /// By item of a sibling bucket: a context and the values it was given with.
    contexts: BTreeMap<Item, (String, Vec<String>)>,
}

impl Client {
    pub(super) fn new(
        number: usize,
        plan: &Plan,
        roster: &Roster,
        items: Arc<Items>,
        recorder: Arc<Recorder>,
    ) -> Client {
        let prng = |what: &str| Prng::keyed(plan.seed, what, &[number as u64]);
        Client {
            identity: IDENTITIES.fetch_add(1, Ordering::Relaxed),
            plan: plan.clone(),
            asker: Asker::on(roster.clone(), prng("nodes")),
            items,
            recorder,
            prng: prng("requests"),
            writes: 0,
            contexts: BTreeMap::new(),
        }
    }

    /// Asks one thing.
    pub(super) fn turn(&mut self) {
        let item = self.items.next(&mut self.prng);
        let draw = self.prng.below(100);
        match item.kind {
            Kind::Preloaded => self.read(item),
            Kind::Entry => self.write(item),
            Kind::Register if draw < 45 => self.write(item),
            Kind::Register if draw < 55 => self.delete(item),
            Kind::Set if draw < 45 => self.write(item),
            Kind::Set if draw < 52 => self.delete(item),
            Kind::Register | Kind::Set => self.read(item),
        }
    }

    fn read(&mut self, item: Item) {
        let body = request("GET", &item);
        let begun = self.recorder.now();
        let answer = self.asker.ask(&body, true);
        let outcome = match &answer.verdict {
            Verdict::Answered(_, found) => Outcome::Found(self.found(&item, found)),
            _ => Outcome::NotDone,
        };
        self.record(item, Action::Read, begun, outcome, answer);
    }

    fn write(&mut self, item: Item) {
        self.writes += 1;
        let unique = format!("v{}c{}", self.writes, self.identity);
        let mut body = request("PUT", &item);
        body["value"] = Value::String(value::make(&item.key, &unique, self.plan.value_bytes));
        let shown = self.give_context(&item, &mut body);
        self.change(item, body, Action::Write { value: unique, shown });
    }

    fn delete(&mut self, item: Item) {
        let mut body = request("DELETE", &item);
        let shown = self.give_context(&item, &mut body);
        // A deletion that has seen nothing deletes nothing.
        if item.kind == Kind::Set && shown.is_empty() {
            return self.read(item);
        }
        self.change(item, body, Action::Delete { shown });
    }

    fn change(&mut self, item: Item, body: Value, action: Action) {
        let begun = self.recorder.now();
        let answer = self.asker.ask(&body, false);
        let outcome = match answer.verdict {
            Verdict::Answered(..) => Outcome::Done,
            Verdict::NotDone => Outcome::NotDone,
            Verdict::Unknown => Outcome::Unknown,
        };
        let is_unknown = outcome == Outcome::Unknown;
        self.record(item, action, begun, outcome, answer);
        if is_unknown {
            self.identity = IDENTITIES.fetch_add(1, Ordering::Relaxed);
            (self.writes, self.contexts) = (0, BTreeMap::new());
        }
    }

    /// Mostly gives the context that the client has of a set, which it then forgets as often as not: so that contexts
    /// are fresh, stale, and missing.
    fn give_context(&mut self, item: &Item, body: &mut Value) -> Vec<String> {
        if item.kind != Kind::Set || self.prng.below(4) == 0 {
            return Vec::new();
        }
        let Some((context, shown)) = self.contexts.get(item).cloned() else { return Vec::new() };
        if self.prng.below(3) > 0 {
            self.contexts.remove(item);
        }
        body["context"] = Value::String(context);
        shown
    }

    /// The values in an answer, checked; remembers its context.
    fn found(&mut self, item: &Item, answer: &Value) -> Vec<String> {
        let many = answer["values"].as_array().cloned();
        let texts: Vec<Value> = match many {
            Some(values) => values.iter().map(|value| value["value"].clone()).collect(),
            None => vec![answer["value"].clone()],
        };
        let texts = texts.iter().filter(|text| !text.is_null());
        let found: Vec<String> = texts.filter_map(|text| self.checked(item, text)).collect();
        if let Some(context) = answer["context"].as_str().filter(|_| item.kind == Kind::Set) {
            if self.contexts.len() >= REMEMBERED_MAX {
                self.contexts.pop_first();
            }
            self.contexts.insert(item.clone(), (context.to_owned(), found.clone()));
        }
        found
    }

    fn checked(&self, item: &Item, text: &Value) -> Option<String> {
        let unique = text.as_str().and_then(|text| value::check(&item.key, text));
        if unique.is_none() {
            self.recorder.wrong_value(format!("{} holds {text}, which was not made for it", item.key));
        }
        unique.map(str::to_owned)
    }

    fn record(&self, item: Item, action: Action, begun: Time, outcome: Outcome, answer: super::Answer) {
        let entry =
            Entry { client: self.identity, node: answer.node, action, begun, ended: self.recorder.now(), outcome };
        self.recorder.record(Recorded { item, entry, retries: answer.retries, why: answer.why });
    }
}

/// A request for an item at a quorum.
fn request(kind: &str, item: &Item) -> Value {
    json!({ "type": kind, "key": item.key, "bucket": item.bucket(), "level": "quorum", "timeout": TIMEOUT })
}
