//! Amended versions under every order of merging: laws, and nothing that was added is lost or counted twice.

use causal::{Actor, Context, Dot, Stamp};
use proto::{Amend, Amendment, Decimal, Record, Rule, Unchanged, Update, Value, Version, When};
use stdx::{Prng, Wall};

/// Replicas of one slot; each is an actor.
struct Replicas {
    held: Vec<Option<Record>>,
    lives: Vec<u64>,
    dots: u64,
    wall: Wall,
    /// Every state that any of them was ever in.
    states: Vec<Record>,
}

impl Replicas {
    fn new(count: usize) -> Replicas {
        Replicas { held: vec![None; count], lives: vec![1; count], dots: 0, wall: Wall(1_000), states: Vec::new() }
    }

    fn dot(&mut self, at: usize) -> Dot {
        self.dots += 1;
        Dot { actor: Actor { node: at as u128, incarnation: self.lives[at] }, counter: self.dots }
    }

    fn holds(&mut self, at: usize, record: Record) {
        self.states.push(record.clone());
        self.held[at] = Some(record);
    }

    fn amend(&mut self, at: usize, seen: Option<usize>, amendment: Amendment) -> Result<(), Unchanged> {
        let seen = seen.and_then(|from| self.held[from].clone());
        let stamp = Stamp::new(self.wall.0, 0);
        let amend =
            Amend { amendment, dot: self.dot(at), stamp, wall: self.wall, seen, first_end: None, element: false };
        let record = amend.apply(self.held[at].clone())?;
        self.holds(at, record);
        Ok(())
    }

    fn add(&mut self, at: usize, seen: Option<usize>, by: i64) -> Result<(), Unchanged> {
        self.amend(at, seen, Amendment::Add { by: Decimal::whole(by), whole: true })
    }

    fn put(&mut self, at: usize, value: Option<&str>, expires: Option<Wall>) {
        let value = value.map(|value| Value::plain(value.to_owned()));
        let version = Version { stamp: Stamp::new(self.wall.0, 0), expires, value };
        let update = Update { dot: self.dot(at), context: Context::default(), version };
        let record = Record::updated(self.held[at].clone(), Rule::LastWriterWins, update);
        self.holds(at, record);
    }

    fn merge(&mut self, to: usize, from: usize) {
        let merged = Record::merged(self.held[to].clone(), self.held[from].as_ref());
        merged.into_iter().for_each(|record| self.holds(to, record));
    }

    fn all(&self) -> Option<Record> {
        self.held.iter().fold(None, |merged, held| Record::merged(merged, held.as_ref()))
    }
}

fn shown(record: Option<&Record>, wall: Wall) -> Option<String> {
    let visible = record?.visible(wall);
    let value = visible.first()?.1.value.clone()?;
    Some(String::from_utf8_lossy(&value.bytes).into_owned())
}

/// Anything, in any order. Returns what was added.
fn churn(prng: &mut Prng, replicas: &mut Replicas, steps: usize, resets: bool) -> i64 {
    let count = replicas.held.len() as u64;
    let mut sum = 0;
    for _ in 0..steps {
        replicas.wall.0 += prng.below(3);
        let (at, other) = (prng.below(count) as usize, prng.below(count) as usize);
        match prng.below(if resets { 12 } else { 7 }) {
            0..4 => {
                let by = prng.between(0, 9) as i64 - 3;
                let seen = (prng.below(2) == 0).then_some(other);
                if replicas.add(at, seen, by).is_ok() {
                    sum += by;
                }
            }
            // It starts again: another actor, on the same disk.
            4 => replicas.lives[at] += 1,
            5..7 => replicas.merge(at, other),
            7 => replicas.put(at, Some("100"), None),
            8 => replicas.put(at, Some("7"), Some(Wall(replicas.wall.0 + 5))),
            9 => replicas.put(at, None, None),
            10 => replicas.put(at, Some("text"), None),
            _ => {
                let expires = (prng.below(3) > 0).then(|| Wall(replicas.wall.0 + prng.below(8)));
                let _ = replicas.amend(at, Some(other), Amendment::End { expires, when: When::There });
            }
        }
    }
    sum
}

#[test]
fn merging_is_idempotent_commutative_and_associative() {
    for seed in 0..300 {
        let mut prng = Prng::keyed(seed, "laws", &[]);
        let mut replicas = Replicas::new(3);
        churn(&mut prng, &mut replicas, 30, true);
        let merge = |one: &Record, other: &Record| Record::merged(Some(one.clone()), Some(other)).expect("something");
        for _ in 0..60 {
            let pick = |prng: &mut Prng| prng.pick(&replicas.states).expect("some state").clone();
            let (a, b, c) = (pick(&mut prng), pick(&mut prng), pick(&mut prng));
            assert_eq!(merge(&a, &a), a, "seed {seed}");
            assert_eq!(merge(&a, &b), merge(&b, &a), "seed {seed}");
            assert_eq!(merge(&merge(&a, &b), &c), merge(&a, &merge(&b, &c)), "seed {seed}");
            assert!(merge(&a, &b).covers(&a) && merge(&a, &b).covers(&b), "seed {seed}");
        }
    }
}

#[test]
fn what_was_added_is_there_once_whatever_is_merged_how_often() {
    for seed in 0..300 {
        let mut prng = Prng::keyed(seed, "sums", &[]);
        let mut replicas = Replicas::new(4);
        let sum = churn(&mut prng, &mut replicas, 60, false);
        let all = replicas.all();
        assert_eq!(shown(all.as_ref(), replicas.wall), all.as_ref().map(|_| sum.to_string()), "seed {seed}");
        // Old states that come late change nothing.
        let mut states = replicas.states.clone();
        prng.shuffle(&mut states);
        let late = states.iter().fold(all.clone(), |merged, state| Record::merged(merged, Some(state)));
        assert_eq!(late, all, "seed {seed}");
    }
}

#[test]
fn what_was_added_after_a_write_was_seen_stays_and_what_had_not_seen_it_goes_under() {
    let mut replicas = Replicas::new(3);
    replicas.put(0, Some("0"), None);
    replicas.add(0, None, 5).unwrap();
    replicas.wall.0 += 1;
    replicas.put(1, Some("10"), None);
    replicas.add(0, None, 1).unwrap();
    replicas.add(2, Some(1), 3).unwrap();
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall).as_deref(), Some("13"));
    replicas.put(2, None, None);
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall), None);
    replicas.add(0, Some(2), 2).unwrap();
    replicas.add(1, Some(2), 2).unwrap();
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall).as_deref(), Some("4"));
}

#[test]
fn after_its_end_everybody_counts_from_nothing_on_the_same_base() {
    let mut replicas = Replicas::new(3);
    replicas.add(0, None, 5).unwrap();
    let end = Some(Wall(replicas.wall.0 + 10));
    replicas.amend(0, None, Amendment::End { expires: end, when: When::Endless }).unwrap();
    let endless = Amendment::End { expires: None, when: When::Endless };
    assert_eq!(replicas.amend(0, None, endless), Err(Unchanged::Condition));
    (1..3).for_each(|at| replicas.merge(at, 0));
    replicas.wall.0 += 10;
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall), None);
    let there = Amendment::End { expires: None, when: When::There };
    assert_eq!(replicas.amend(1, None, there), Err(Unchanged::Absent));
    let old = replicas.held[0].clone();
    (0..3).for_each(|at| replicas.add(at, None, 1).unwrap());
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall).as_deref(), Some("3"));
    let late = Record::merged(replicas.all(), old.as_ref());
    assert_eq!(shown(late.as_ref(), replicas.wall).as_deref(), Some("3"), "what has ended stays ended");
}

#[test]
fn an_end_takes_everything_away_that_was_added_before_it_came_also_by_a_clock_ahead() {
    let mut replicas = Replicas::new(2);
    replicas.add(0, None, 1).unwrap();
    let end = Some(Wall(replicas.wall.0 + 10));
    replicas.amend(0, None, Amendment::End { expires: end, when: When::There }).unwrap();
    replicas.merge(1, 0);
    let (dot, wall) = (replicas.dot(1), replicas.wall);
    let (amendment, stamp) = (Amendment::Add { by: Decimal::whole(1), whole: true }, Stamp::new(wall.0 + 1_000, 0));
    let amend = Amend { amendment, dot, stamp, wall, seen: None, first_end: None, element: false };
    let added = amend.apply(replicas.held[1].clone()).unwrap();
    replicas.holds(1, added);
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall).as_deref(), Some("2"));
    replicas.wall.0 += 10;
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall), None);
    replicas.add(0, Some(1), 1).unwrap();
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall).as_deref(), Some("1"), "the next limit begins anew");
}

#[test]
fn what_begins_after_a_deletion_does_not_end_when_that_would_have() {
    let mut replicas = Replicas::new(2);
    replicas.put(0, Some("5"), None);
    replicas.merge(1, 0);
    replicas.put(0, None, None);
    replicas.wall.0 += 5;
    let end = Some(Wall(replicas.wall.0 + 50));
    replicas.amend(1, None, Amendment::End { expires: end, when: When::There }).unwrap();
    replicas.merge(0, 1);
    assert_eq!(shown(replicas.held[0].as_ref(), replicas.wall), None, "a deletion does not come back by a new end");
    replicas.add(0, None, 1).unwrap();
    replicas.wall.0 += 100;
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall).as_deref(), Some("1"));
}

#[test]
fn a_new_end_replaces_no_increment_and_a_write_clears_it() {
    let mut replicas = Replicas::new(2);
    replicas.put(0, Some("1"), Some(Wall(replicas.wall.0 + 5)));
    replicas.merge(1, 0);
    replicas.add(1, None, 1).unwrap();
    replicas.amend(0, None, Amendment::End { expires: None, when: When::Ending }).unwrap();
    replicas.wall.0 += 100;
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall).as_deref(), Some("2"), "it was to stay");
    let end = Some(Wall(replicas.wall.0 + 1));
    replicas.amend(0, Some(1), Amendment::End { expires: end, when: When::There }).unwrap();
    replicas.put(0, Some("text"), None);
    replicas.wall.0 += 100;
    assert_eq!(shown(replicas.all().as_ref(), replicas.wall).as_deref(), Some("text"));
    assert_eq!(replicas.add(1, Some(0), 1), Err(Unchanged::NotANumber));
}

#[test]
fn what_was_let_go_by_some_and_comes_back_hurts_no_new_count() {
    for ends_by_change in [false, true] {
        let mut replicas = Replicas::new(2);
        let end = Some(Wall(replicas.wall.0 + 10));
        if ends_by_change {
            replicas.add(0, None, 5).unwrap();
            replicas.amend(0, None, Amendment::End { expires: end, when: When::There }).unwrap();
        } else {
            replicas.put(0, Some("5"), end);
        }
        replicas.merge(1, 0);
        replicas.wall.0 += 20;
        // One lets go, after both have agreed; stamps are above what was collected from then on.
        while let Some((left, collected)) = replicas.held[0].as_ref().and_then(|held| held.spent(replicas.wall, 0)) {
            assert!(collected <= Stamp::new(replicas.wall.0, 0));
            if left.is_some() {
                // Nobody lets go of a deletion before everybody holds it.
                replicas.held[1].clone_from(&left);
            }
            replicas.held[0] = left;
        }
        assert_eq!(replicas.held[0], None);
        replicas.add(0, None, 1).unwrap();
        let end = Some(Wall(replicas.wall.0 + 50));
        replicas.amend(0, None, Amendment::End { expires: end, when: When::There }).unwrap();
        replicas.merge(0, 1);
        assert_eq!(shown(replicas.held[0].as_ref(), replicas.wall).as_deref(), Some("1"), "{ends_by_change}");
        replicas.wall.0 += 60;
        assert_eq!(shown(replicas.held[0].as_ref(), replicas.wall), None, "its own end counts");
    }
}

#[test]
fn refusals_change_nothing() {
    let mut replicas = Replicas::new(1);
    replicas.put(0, Some("9223372036854775807"), None);
    assert_eq!(replicas.add(0, None, 1), Err(Unchanged::OutOfRange));
    replicas.put(0, Some("1.5"), None);
    assert_eq!(replicas.add(0, None, 1), Err(Unchanged::NotANumber));
    let half = Amendment::Add { by: Decimal::from_f64(0.5).unwrap(), whole: false };
    replicas.amend(0, None, half).unwrap();
    assert_eq!(shown(replicas.held[0].as_ref(), replicas.wall).as_deref(), Some("2"));
    replicas.add(0, None, 1).unwrap();
    assert_eq!(shown(replicas.held[0].as_ref(), replicas.wall).as_deref(), Some("3"));
    replicas.dots = 0;
    assert_eq!(replicas.add(0, None, 1), Err(Unchanged::Known), "a copy of this replica is at work");
}
