//! Fields that are counted with, under every order of merging, against a model that knows every increment by itself.

use causal::{Actor, Dot, Stamp};
use proto::{Amend, Amendment, Decimal, Record, Rule, Unchanged, Update, Version, When, element};
use std::collections::{BTreeMap, BTreeSet};
use stdx::{Prng, Wall};

/// What a replica has seen: increments and values by number, and which of them were taken away.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Model {
    added: BTreeMap<u64, i64>,
    written: BTreeMap<u64, i64>,
    gone: BTreeSet<u64>,
}

impl Model {
    fn merge(&mut self, other: &Model) {
        self.added.extend(&other.added);
        self.written.extend(&other.written);
        self.gone.extend(&other.gone);
    }

    fn take_all(&mut self) {
        self.gone.extend(self.added.keys().chain(self.written.keys()));
    }

    /// What a reader sees.
    fn shown(&self) -> Option<i64> {
        let left = |what: &BTreeMap<u64, i64>| -> Vec<i64> {
            what.iter().filter(|(number, _)| !self.gone.contains(number)).map(|(_, value)| *value).collect()
        };
        let (added, written) = (left(&self.added), left(&self.written));
        if added.is_empty() && written.is_empty() {
            return None;
        }
        Some(written.last().copied().unwrap_or(0) + added.iter().sum::<i64>())
    }
}

/// Replicas of one slot; each is an actor.
struct Replicas {
    held: Vec<(Option<Record>, Model)>,
    lives: Vec<u64>,
    number: u64,
    wall: Wall,
    /// When what begins or is put ends.
    first_end: Option<Wall>,
    states: Vec<Record>,
}

impl Replicas {
    fn new() -> Replicas {
        let held = vec![(None, Model::default()); 3];
        Replicas { held, lives: vec![1; 3], number: 0, wall: Wall(1_000), first_end: None, states: Vec::new() }
    }

    /// A new dot, whose number is also the stamp: the order of values is that of their numbers.
    fn dot(&mut self, at: usize) -> (Dot, Stamp) {
        self.number += 1;
        let actor = Actor { node: at as u128, incarnation: self.lives[at] };
        (Dot { actor, counter: self.number }, Stamp::new(self.number, 0))
    }

    fn amend(&mut self, at: usize, from: usize, amendment: Amendment) -> Result<(), Unchanged> {
        let (seen, model) = self.held[from].clone();
        let (dot, stamp) = self.dot(at);
        let first_end = self.first_end;
        let amend = Amend { amendment: amendment.clone(), dot, stamp, wall: self.wall, seen, first_end, element: true };
        let record = amend.apply(self.held[at].0.clone())?;
        self.states.push(record.clone());
        self.held[at].0 = Some(record);
        let own = &mut self.held[at].1;
        own.merge(&model);
        match amendment {
            Amendment::Add { by, .. } => drop(own.added.insert(dot.counter, by.as_i64().expect("it applies"))),
            Amendment::Put(value) => {
                own.take_all();
                let number = value.map(|value| String::from_utf8_lossy(&value.bytes[1..]).parse().expect("it applies"));
                own.written.extend(number.map(|number: i64| (dot.counter, number)));
            }
            Amendment::End { .. } => {}
        }
        Ok(())
    }

    fn add(&mut self, at: usize, from: usize, by: i64) -> Result<(), Unchanged> {
        self.amend(at, from, Amendment::Add { by: Decimal::whole(by), whole: true })
    }

    fn merge(&mut self, to: usize, from: usize) {
        let (record, model) = self.held[from].clone();
        self.held[to].0 = Record::merged(self.held[to].0.take(), record.as_ref());
        self.held[to].1.merge(&model);
        self.states.extend(self.held[to].0.clone());
    }

    fn shown(&self, at: usize) -> Option<i64> {
        let record = self.held[at].0.as_ref()?;
        let versions = record.visible(self.wall);
        let shown = element::shown(versions.iter().map(|(dot, version)| (*dot, version.as_ref())))?;
        Some(String::from_utf8_lossy(&shown).parse().expect("it applies"))
    }
}

fn put(number: i64) -> Amendment {
    Amendment::Put(Some(element::plain(number.to_string().as_bytes())))
}

fn churn(prng: &mut Prng, replicas: &mut Replicas, steps: usize) {
    for _ in 0..steps {
        let (at, other) = (prng.below(3) as usize, prng.below(3) as usize);
        match prng.below(12) {
            0..6 => replicas.add(at, other, prng.between(0, 9) as i64 - 3).expect("it applies"),
            // It starts again: another actor, on the same disk.
            6 => replicas.lives[at] += 1,
            7..10 => replicas.merge(at, other),
            10 => replicas.amend(at, other, put(prng.between(0, 9) as i64 * 100)).expect("it applies"),
            _ => replicas.amend(at, other, Amendment::Put(None)).expect("it applies"),
        }
        assert_eq!(replicas.shown(at), replicas.held[at].1.shown(), "{:?}", replicas.held[at]);
    }
}

#[test]
fn a_removal_or_a_value_takes_away_what_it_has_seen_and_nothing_else() {
    for seed in 0..600 {
        let mut prng = Prng::keyed(seed, "counted", &[]);
        let mut replicas = Replicas::new();
        churn(&mut prng, &mut replicas, 40);
        for (to, from) in [(0, 1), (0, 2), (1, 0), (2, 0)] {
            replicas.merge(to, from);
        }
        for at in 0..3 {
            assert_eq!(replicas.shown(at), replicas.held[at].1.shown(), "seed {seed}");
            assert_eq!(replicas.held[at], replicas.held[0], "seed {seed}");
        }
    }
}

#[test]
fn merging_is_idempotent_commutative_and_associative() {
    for seed in 0..100 {
        let mut prng = Prng::keyed(seed, "laws", &[]);
        let mut replicas = Replicas::new();
        churn(&mut prng, &mut replicas, 30);
        let merge = |one: &Record, other: &Record| Record::merged(Some(one.clone()), Some(other)).expect("something");
        for _ in 0..60 {
            let mut pick = || prng.pick(&replicas.states).expect("some state").clone();
            let (a, b, c) = (pick(), pick(), pick());
            assert_eq!(merge(&a, &a), a, "seed {seed}");
            assert_eq!(merge(&a, &b), merge(&b, &a), "seed {seed}");
            assert_eq!(merge(&merge(&a, &b), &c), merge(&a, &merge(&b, &c)), "seed {seed}");
            assert!(merge(&a, &b).covers(&a), "seed {seed}");
        }
    }
}

/// The case that sums per node alone get wrong: what a removal has seen must not come back with the next increment.
#[test]
fn an_increment_beside_a_removal_counts_alone() {
    let mut replicas = Replicas::new();
    replicas.add(0, 0, 5_000).expect("it applies");
    replicas.merge(1, 0);
    replicas.amend(1, 1, Amendment::Put(None)).expect("it applies");
    replicas.add(0, 0, 1).expect("it applies");
    assert_eq!((replicas.shown(0), replicas.shown(1)), (Some(5_001), None));
    replicas.merge(0, 1);
    assert_eq!(replicas.shown(0), Some(1));
    replicas.merge(1, 0);
    replicas.amend(1, 1, put(10)).expect("it applies");
    replicas.add(0, 0, 2).expect("it applies");
    replicas.merge(0, 1);
    assert_eq!(replicas.shown(0), Some(12));
}

#[test]
fn a_plain_write_beside_counting_takes_away_no_increment() {
    let mut replicas = Replicas::new();
    replicas.add(0, 0, 3).expect("it applies");
    let (dot, stamp) = replicas.dot(1);
    let version = Version { stamp, expires: None, value: Some(element::plain(b"40")) };
    let update = Update { dot, context: Default::default(), version };
    replicas.held[1].0 = Some(Record::updated(None, Rule::Siblings, update));
    replicas.merge(0, 1);
    assert_eq!(replicas.shown(0), Some(43));
    assert_eq!(replicas.add(0, 0, i64::MAX), Err(Unchanged::OutOfRange));
    let text = Amendment::Put(Some(element::plain(b"word")));
    let (dot, stamp) = replicas.dot(0);
    let held = replicas.held[0].0.clone();
    let amend = Amend { amendment: text, dot, stamp, wall: Wall(1), seen: None, first_end: None, element: true };
    replicas.held[0].0 = Some(amend.apply(held).expect("it applies"));
    assert_eq!(replicas.add(0, 0, 1), Err(Unchanged::NotANumber));
}

#[test]
fn what_ends_is_taken_away_and_begins_anew_and_is_collected_in_two_steps() {
    let mut replicas = Replicas::new();
    replicas.add(0, 0, 5).expect("it applies");
    let end = |expires: u64| Amendment::End { expires: Some(Wall(expires)), when: When::There };
    replicas.amend(1, 0, end(1_100)).expect("it applies");
    replicas.merge(0, 1);
    assert_eq!(replicas.shown(0), Some(5));
    replicas.wall = Wall(1_100);
    assert_eq!((replicas.shown(0), replicas.shown(1)), (None, None));
    assert_eq!(replicas.amend(0, 0, end(2_000)), Err(Unchanged::Absent));
    let ended = replicas.held[1].0.clone().expect("it applies");
    let Some((Some(taken), _)) = ended.spent(replicas.wall, 8) else { panic!("it is taken away first") };
    let Some((None, stamp)) = taken.spent(replicas.wall, 8) else { panic!("then nothing is left") };
    assert!(stamp >= Stamp::new(1_100, 0));
    replicas.add(0, 0, 2).expect("it applies");
    assert_eq!(replicas.shown(0), Some(2), "the new one has no end");
    assert_eq!(replicas.held[0].0.as_ref().expect("it applies").spent(Wall(5_000), 8), None);
    // What was collected here comes back from one that has not let go.
    replicas.held[2].0 = None;
    replicas.held[2].1 = Model::default();
    replicas.add(2, 2, 7).expect("it applies");
    for state in [ended, taken] {
        let merged = Record::merged(replicas.held[2].0.clone(), Some(&state));
        let merged = Record::merged(merged, replicas.held[0].0.as_ref()).expect("it applies");
        let versions = merged.visible(replicas.wall);
        let shown = element::shown(versions.iter().map(|(dot, version)| (*dot, version.as_ref())));
        assert_eq!(shown, Some("9".into()));
    }
}

/// An end belongs to the increments that it was given to: those that come after a new value are not under it.
#[test]
fn increments_on_a_value_that_was_written_after_an_end_stay() {
    let mut replicas = Replicas::new();
    replicas.add(0, 0, 5).expect("it applies");
    let end = Amendment::End { expires: Some(Wall(1_100)), when: When::There };
    replicas.amend(0, 0, end).expect("it applies");
    for wall in [1_050, 1_200] {
        let mut replicas = Replicas { held: replicas.held.clone(), wall: Wall(wall), ..Replicas::new() };
        replicas.number = 100;
        replicas.amend(0, 0, put(5)).expect("it applies");
        replicas.add(1, 0, 1).expect("it applies");
        replicas.add(1, 1, 1).expect("it applies");
        replicas.merge(0, 1);
        replicas.wall = Wall(2_000);
        assert_eq!((replicas.shown(0), replicas.shown(1)), (Some(7), Some(7)), "at {wall}");
    }
}

#[test]
fn increments_on_a_value_end_with_it() {
    let mut replicas = Replicas::new();
    replicas.first_end = Some(Wall(1_100));
    replicas.amend(0, 0, put(5)).expect("it applies");
    replicas.first_end = None;
    replicas.add(1, 0, 1).expect("it applies");
    replicas.merge(0, 1);
    let ends = |replicas: &Replicas| -> Vec<Option<Wall>> {
        let record = replicas.held[0].0.as_ref().expect("it applies");
        record.visible(replicas.wall).iter().map(|(_, version)| version.expires).collect()
    };
    assert_eq!(ends(&replicas), [Some(Wall(1_100)); 2]);
    replicas.wall = Wall(1_100);
    assert_eq!(replicas.shown(0), None);
}
