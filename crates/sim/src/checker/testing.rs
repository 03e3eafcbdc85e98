//! Small histories for the tests of checkers: a past that is put together request by request.

use super::dots::{Dots, Item};
use super::past::{Named, Past};
use super::visible::{Evidence, Shown};
use crate::atlas::Atlas;
use crate::fault::HostId;
use crate::history::{Asker, Operation, Outcome, Reach, Seen};
use crate::time::Time;
use causal::{Actor, Context, Dot, DvvSet, Stamp};
use node::proto::{
    BucketId, Durability, Found, Get, ItemKey, Level, Put, Record, Request, Response, Rule, Sibling, Value, Version,
    Written,
};
use stdx::Span;

pub(crate) const BUCKET: BucketId = BucketId(1);

pub(crate) fn dot(counter: u64) -> Dot {
    Dot { actor: Actor { node: 1, incarnation: 1 }, counter }
}

pub(crate) fn context(counter: u64) -> Context {
    [(dot(1).actor, counter)].into_iter().filter(|(_, counter)| *counter > 0).collect()
}

pub(crate) fn version(stamp: u64, value: Option<&'static str>) -> Version {
    Version { stamp: Stamp::new(stamp, 0), expires: None, value: value.map(Value::plain) }
}

pub(crate) fn operation(request: Request, seen: Seen, started: u64, ended: u64, response: Response) -> Operation {
    Operation {
        asker: Asker::Client(0),
        host: HostId(0),
        life: 1,
        request,
        seen,
        within: None,
        started: Time(started),
        ended: Time(ended),
        outcome: Outcome::Answered(Box::new(response)),
        replied: true,
        paused_before: Span::ZERO,
        after_restore: false,
        is_left_behind: false,
    }
}

/// Everything that happened, to be judged.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) history: Vec<Operation>,
    pub(crate) past: Past,
    pub(crate) dots: Dots,
    pub(crate) atlas: Atlas,
}

impl Story {
    pub(crate) fn named() -> Named {
        ("siblings".to_owned(), ItemKey::plain("k"))
    }

    pub(crate) fn item() -> Item {
        (BUCKET, ItemKey::plain("k"))
    }

    /// An acknowledged write of dot `counter`, at `counter` times ten, whose client had seen everything up to `seen`.
    pub(crate) fn wrote(&mut self, counter: u64, value: Option<&'static str>, seen: u64, level: Level) -> &mut Story {
        self.wrote_version(counter, version(counter, value), None, seen, level)
    }

    pub(crate) fn wrote_version(
        &mut self,
        counter: u64,
        version: Version,
        ttl: Option<Span>,
        seen: u64,
        level: Level,
    ) -> &mut Story {
        let (bucket, key) = Story::named();
        let put = Put {
            bucket,
            key: key.clone(),
            value: version.value.clone(),
            context: Some(context(seen)),
            level: Some(level),
            durability: Durability::Fsync,
            ttl,
        };
        let seen = Seen { context: context(seen), dots: (1..=seen).map(dot).collect() };
        self.past.asked(self.history.len(), &put, &seen.context);
        let mut set = DvvSet::new();
        set.update(&Context::default(), dot(counter), version);
        let record = Record::Siblings(set);
        self.dots.see(Time(counter * 10), BUCKET, &key, &record).expect("dots of a story are new");
        let written = Written { context: context(counter), acknowledged: 2 };
        let write = operation(Request::Put(put), seen, counter * 10, counter * 10, Response::Written(written));
        self.past.ended(self.history.len(), &write, false);
        self.history.push(write);
        self
    }

    pub(crate) fn evidence(&self) -> Evidence<'_> {
        let (atlas, clocks_apart) = (&self.atlas, Span::millis(1));
        Evidence { history: &self.history, past: &self.past, dots: &self.dots, atlas, clocks_apart }
    }

    /// What a read at `at` shows: these dots, with a context up to `seen`.
    pub(crate) fn read(&self, rule: Rule, reach: Reach, at: u64, dots: &[u64], seen: u64) -> Result<(), String> {
        let siblings: Vec<Sibling> = dots
            .iter()
            .map(|counter| Sibling {
                dot: dot(*counter),
                version: self.dots.fact(&dot(*counter)).expect("known").version.clone(),
            })
            .collect();
        let shown = Shown {
            named: &Story::named(),
            item: &Story::item(),
            keeps_siblings: rule == Rule::Siblings,
            reach,
            started: Time(at),
            ended: Time(at),
            siblings: &siblings,
            context: Some(&context(seen)),
        };
        self.evidence().check(&shown)
    }

    /// A read of the item that showed these dots.
    pub(crate) fn get(&self, at: u64, level: Level, dots: &[u64], seen: u64) -> Operation {
        let (bucket, key) = Story::named();
        let sibling = |counter: &u64| Sibling {
            dot: dot(*counter),
            version: self.dots.fact(&dot(*counter)).expect("known").version.clone(),
        };
        let found =
            Found { siblings: dots.iter().map(sibling).collect(), context: context(seen), newest: None, answered: 2 };
        let get = Get { bucket, key, level: Some(level) };
        operation(Request::Get(get), Seen::default(), at, at, Response::Found(found))
    }
}
