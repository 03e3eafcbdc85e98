//! The loop: one thread, many connections. It waits for sockets and for the moment of the next operation.
//!
//! Invariant: an operation that was begun ends as answered or as failed before a phase ends. A write that failed may have
//! taken effect, and nothing is concluded from it.

use super::connection::{Connection, Step, Waiting};
use super::plan::Plan;
use super::tally::Tally;
use super::timer::{Timer, processor_seconds};
use crate::exit::Failure;
use mio::{Events, Poll, Token};
use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};
use stdx::Prng;
use workload::wire::{Answer, Heard, SCANNED};
use workload::{Act, Ledger, Pace, Source, Task};

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 << 10;
/// How long the first connections are tried.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is tried again; the loop stands still meanwhile.
const RECONNECT: Duration = Duration::from_millis(250);
/// Nanoseconds between two looks at what takes too long.
const CHORES_EVERY: u64 = 100_000_000;
/// The timer's place among the sockets.
const TIMER: Token = Token(usize::MAX - 1);
/// Bytes of the filler beyond the largest value: where in it a value begins is chosen.
const FILLER_MORE: usize = 4096;

/// A stretch of work.
pub(super) struct Phase {
    pub(super) source: Source,
    /// Requests under way on each connection.
    pub(super) depth: usize,
    /// Nanoseconds after which nothing begins.
    pub(super) end: Option<u64>,
    /// Operations after which nothing begins.
    pub(super) operations: Option<u64>,
    /// When operations begin, if not when others are answered.
    pub(super) pace: Option<Pace>,
}

impl Phase {
    /// Until there is nothing more to do.
    pub(super) fn new(source: Source, depth: usize) -> Phase {
        Phase { source, depth, end: None, operations: None, pace: None }
    }
}

/// Connections, and what is known of the keys.
pub(super) struct Driver<'p> {
    plan: &'p Plan,
    poll: Poll,
    timer: Timer,
    connections: Vec<Connection>,
    ledger: Option<Ledger>,
    prng: Prng,
    filler: Vec<u8>,
}

impl<'p> Driver<'p> {
    /// Opens all connections.
    pub(super) fn connect(plan: &'p Plan) -> Result<Driver<'p>, Failure> {
        let failure = |error: io::Error| Failure::error(format!("cannot wait for sockets: {error}"));
        let poll = Poll::new().map_err(failure)?;
        let timer = Timer::new(poll.registry(), TIMER).map_err(failure)?;
        let mut prng = Prng::keyed(plan.seed, "values", &[]);
        let text = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
        let filler = (0..plan.sizes.high + FILLER_MORE).map(|_| text[prng.below(64) as usize]).collect();
        let mut connections = Vec::with_capacity(plan.connections);
        for at in 0..plan.connections {
            let address = at % plan.addresses.len();
            let mut connection = Connection::new(at, address);
            let opened = connection.open(&plan.addresses[address], plan.tls.as_ref(), CONNECT, poll.registry());
            opened.map_err(|error| unreachable(plan, address, &error))?;
            greet(plan, &mut connection);
            connections.push(connection);
        }
        let ledger = plan.verify.then(|| Ledger::new(plan.run, plan.keys));
        Ok(Driver { plan, poll, timer, connections, ledger, prng, filler })
    }

    /// Keys with acknowledged writes.
    pub(super) fn written(&self) -> Vec<u64> {
        self.ledger.as_ref().map_or_else(Vec::new, |ledger| ledger.written().collect())
    }

    /// Does a stretch of work.
    pub(super) fn run(&mut self, phase: Phase) -> Result<Tally, Failure> {
        let tally = Tally { service: phase.pace.is_some().then(Default::default), ..Tally::default() };
        let used = processor_seconds();
        let (issued, outstanding, released, heard) = (0, 0, 0, 0);
        let begun = Instant::now();
        let mut run = Run { driver: self, phase, tally, begun, issued, outstanding, released, heard, over: false };
        run.go().map_err(|error| Failure::error(format!("cannot wait for sockets: {error}")))?;
        let due = run.phase.pace.zip(run.phase.end).map_or(0, |(pace, end)| pace.due(end.saturating_sub(1)));
        let due = due.min(run.phase.operations.unwrap_or(u64::MAX));
        run.tally.unsent = due.saturating_sub(run.issued);
        run.tally.elapsed = begun.elapsed().as_secs_f64();
        run.tally.processor = processor_seconds() - used;
        Ok(run.tally)
    }
}

fn greet(plan: &Plan, connection: &mut Connection) {
    for _ in 0..plan.shape.greet(&plan.greeting, connection.number(), &mut connection.out) {
        connection.expect_greeting();
    }
}

fn unreachable(plan: &Plan, address: usize, error: &io::Error) -> Failure {
    let what = match error.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        _ => error.to_string(),
    };
    Failure::unavailable(format!(
        "cannot reach {}: {what}; start a cluster with `alianza dev`, or name the addresses of a running one",
        plan.addresses[address]
    ))
}

/// A phase under way. Times are nanoseconds since its begin.
struct Run<'d, 'p> {
    driver: &'d mut Driver<'p>,
    phase: Phase,
    tally: Tally,
    begun: Instant,
    /// Operations begun.
    issued: u64,
    /// Operations begun and not ended.
    outstanding: u64,
    /// Operations whose moment has come.
    released: u64,
    /// When something was answered last.
    heard: u64,
    /// Nothing begins any more.
    over: bool,
}

impl Run<'_, '_> {
    fn now(&self) -> u64 {
        self.begun.elapsed().as_nanos() as u64
    }

    fn go(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut chores = CHORES_EVERY;
        for at in 0..self.driver.connections.len() {
            self.driver.connections[at].next = at as u64;
            self.refill(at);
        }
        loop {
            let now = self.now();
            self.release(now);
            if now >= chores {
                self.chores(now);
                chores = now + CHORES_EVERY;
            }
            self.over |= self.phase.end.is_some_and(|end| now >= end);
            if self.over && self.outstanding == 0 {
                return Ok(());
            }
            self.wait(&mut events, chores.min(self.phase.end.filter(|_| !self.over).unwrap_or(u64::MAX)))?;
            for event in &events {
                if event.token() != TIMER {
                    self.serve(event.token().0, &mut buffer);
                }
            }
        }
    }

    /// Waits for a socket, the next operation's moment, or `until`.
    fn wait(&mut self, events: &mut Events, until: u64) -> io::Result<()> {
        let now = self.now();
        let mut longest = Duration::from_nanos(until.saturating_sub(now)).max(Duration::from_millis(1));
        if let Some(pace) = self.phase.pace.filter(|_| !self.over) {
            match pace.moment(self.released).saturating_sub(now) {
                0 => longest = Duration::ZERO,
                after if after >= CHORES_EVERY => {}
                after => longest = self.driver.timer.set(Duration::from_nanos(after))?.unwrap_or(longest),
            }
        }
        match self.driver.poll.poll(events, Some(longest)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }

    /// Lets connections know that operations are due.
    fn release(&mut self, now: u64) {
        let Some(pace) = self.phase.pace else { return };
        let count = self.driver.connections.len() as u64;
        while !self.over && pace.moment(self.released) <= now {
            let at = (self.released % count) as usize;
            self.released += 1;
            self.refill(at);
        }
    }

    /// Begins what may begin on a connection, and sends it.
    fn refill(&mut self, at: usize) {
        let now = self.now();
        while self.driver.connections[at].is_open() && self.driver.connections[at].waiting.len() < self.phase.depth {
            let mut intended = now;
            if let Some(pace) = self.phase.pace {
                intended = pace.moment(self.driver.connections[at].next);
                if intended > now {
                    break;
                }
            }
            self.over |= self.phase.end.is_some_and(|end| now >= end)
                || self.phase.operations.is_some_and(|operations| self.issued >= operations);
            if self.over {
                break;
            }
            let Some(task) = self.phase.source.next(at) else {
                self.over = true;
                break;
            };
            self.driver.connections[at].next += self.driver.connections.len() as u64;
            self.issued += 1;
            self.outstanding += 1;
            self.begin(at, task, intended, now);
        }
        if let Err(error) = self.driver.connections[at].flush() {
            self.lose(at, &error.to_string());
        }
    }

    fn begin(&mut self, at: usize, Task { act, number }: Task, intended: u64, sent: u64) {
        let shape = self.driver.plan.shape;
        let connection = &mut self.driver.connections[at];
        let (mut step, mut acknowledged) = (Step::Read, 0);
        match act {
            Act::Read | Act::Modify => {
                acknowledged = self.driver.ledger.as_ref().map_or(0, |ledger| ledger.acknowledged(number));
                let turn = connection.turn();
                shape.read(number, turn, &mut connection.out);
            }
            Act::Scan => {
                step = Step::Scan;
                shape.scan(number, 1 + self.driver.prng.below(SCANNED), &mut connection.out);
            }
            Act::Update | Act::Insert => step = self.driver.write(at, number),
        }
        let waiting = Waiting { step, act, number, acknowledged, intended, sent };
        self.driver.connections[at].waiting.push_back(waiting);
    }

    /// Takes what has come on a connection, and goes on with it.
    fn serve(&mut self, at: usize, buffer: &mut [u8]) {
        loop {
            match self.driver.connections[at].read(buffer) {
                Ok(Some(count)) => {
                    if let Err(error) = self.take(at, &buffer[..count]) {
                        return self.lose(at, &error);
                    }
                    // Less than there was room for: nothing more is there, and more will be another event.
                    if count < buffer.len() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return self.lose(at, "the server closed the connection");
                }
                Err(error) => return self.lose(at, &error.to_string()),
            }
        }
        self.refill(at);
    }

    /// Reads the answers in what has come.
    fn take(&mut self, at: usize, bytes: &[u8]) -> Result<(), String> {
        let mut input = std::mem::take(&mut self.driver.connections[at].input);
        let (now, shape) = (self.now(), self.driver.plan.shape);
        if !input.is_empty() {
            input.extend_from_slice(bytes);
        }
        let whole = if input.is_empty() { bytes } else { &input };
        let mut used = 0;
        let mut reply = Vec::new();
        while used < whole.len() {
            let heard = shape.hear(&whole[used..], &mut reply).map_err(|broken| broken.to_string())?;
            let Some((length, heard)) = heard else { break };
            used += length;
            if let Heard::Answer(answer) = heard {
                self.answered(at, answer, now)?;
            }
        }
        if input.is_empty() {
            input.extend_from_slice(&bytes[used..]);
        } else {
            input.drain(..used);
        }
        let connection = &mut self.driver.connections[at];
        connection.out.extend_from_slice(&reply);
        connection.input = input;
        Ok(())
    }

    fn answered(&mut self, at: usize, answer: Answer<'_>, now: u64) -> Result<(), String> {
        let waiting = self.driver.connections[at].waiting.pop_front().ok_or("an answer that nobody asked for")?;
        let Waiting { step, act, number, acknowledged, intended, sent } = waiting;
        match (step, answer) {
            (Step::Greeting, Answer::Refused(words)) => return Err(words.to_owned()),
            (Step::Greeting, _) => return Ok(()),
            (_, Answer::Refused(words)) => {
                self.failed(waiting, words);
                return Ok(());
            }
            (Step::Write(_), Answer::Number(copies)) if copies < i64::from(self.driver.plan.shape.wait) => {
                self.failed(waiting, "too few replicas have it");
                return Ok(());
            }
            (Step::Read, Answer::Value(_) | Answer::Missing | Answer::Done | Answer::Number(_)) => {
                let value = if let Answer::Value(value) = answer { Some(value) } else { None };
                self.tally.missing += u64::from(value.is_none());
                if let Some(ledger) = &self.driver.ledger {
                    self.tally.judged(number, ledger.judge(number, acknowledged, value));
                }
                if act == Act::Modify {
                    let step = self.driver.write(at, number);
                    let second = Waiting { step, ..waiting };
                    self.driver.connections[at].waiting.push_back(second);
                    return Ok(());
                }
            }
            (Step::Write(sequence), Answer::Done | Answer::Value(_) | Answer::Number(_)) => {
                if let Some(ledger) = &mut self.driver.ledger {
                    ledger.acknowledge(number, sequence);
                }
                if act == Act::Insert {
                    self.phase.source.inserted(number);
                }
            }
            (Step::Scan, _) => {}
            (Step::Write(_), Answer::Missing) => {
                self.failed(waiting, "an answer to another kind of request");
                return Ok(());
            }
        }
        self.heard = now;
        self.outstanding -= 1;
        self.tally.answered(act, now, intended, sent);
        Ok(())
    }

    fn failed(&mut self, waiting: Waiting, error: &str) {
        self.outstanding -= 1;
        self.tally.failed_with(waiting.act, error);
        if let (Step::Write(sequence), Some(ledger)) = (waiting.step, &mut self.driver.ledger) {
            ledger.doubt(waiting.number, sequence);
        }
    }

    /// A connection is broken: all that was under way on it has failed.
    fn lose(&mut self, at: usize, error: &str) {
        let connection = &mut self.driver.connections[at];
        connection.close();
        connection.address = (connection.address + 1) % self.driver.plan.addresses.len();
        connection.retry = self.begun.elapsed().as_nanos() as u64 + CHORES_EVERY;
        let waiting = std::mem::take(&mut connection.waiting);
        let operations = waiting.into_iter().filter(|waiting| waiting.step != Step::Greeting);
        let operations: Vec<Waiting> = operations.collect();
        if operations.is_empty() {
            self.tally.error(error);
        }
        operations.into_iter().for_each(|waiting| self.failed(waiting, error));
    }

    /// Gives up on what takes too long, and connects again.
    fn chores(&mut self, now: u64) {
        let patience = self.driver.plan.patience;
        for at in 0..self.driver.connections.len() {
            let connection = &self.driver.connections[at];
            if connection.is_open() {
                let oldest = connection.waiting.front().filter(|waiting| waiting.step != Step::Greeting);
                if oldest.is_some_and(|oldest| now.saturating_sub(oldest.sent) > patience) {
                    self.lose(at, "no answer in time");
                }
            } else if now >= connection.retry && !self.over {
                self.reopen(at, now);
            }
        }
        // Nobody answers any more, so nothing would ever end this.
        self.over |= self.outstanding == 0 && now.saturating_sub(self.heard) > patience && self.phase.pace.is_none();
    }

    fn reopen(&mut self, at: usize, now: u64) {
        let plan = self.driver.plan;
        let connection = &mut self.driver.connections[at];
        let address = &plan.addresses[connection.address];
        match connection.open(address, plan.tls.as_ref(), RECONNECT, self.driver.poll.registry()) {
            Ok(()) => {
                greet(plan, connection);
                self.refill(at);
            }
            Err(error) => {
                self.tally.error(&format!("cannot connect to {address}: {error}"));
                connection.address = (connection.address + 1) % plan.addresses.len();
                connection.retry = now + CHORES_EVERY;
            }
        }
    }
}

impl Driver<'_> {
    /// Appends a write of a key.
    fn write(&mut self, at: usize, number: u64) -> Step {
        let (size, from) = (self.plan.sizes.next(&mut self.prng), self.prng.below(FILLER_MORE as u64) as usize);
        let connection = &mut self.connections[at];
        let turn = connection.turn();
        let (value, step) = match &mut self.ledger {
            None => (Cow::Borrowed(&self.filler[from..from + size]), Step::Write(0)),
            Some(ledger) => {
                let stamp = ledger.begin(number);
                let mut value = Vec::with_capacity(size);
                stamp.write(&self.filler[from..from + size - workload::stamp::BYTES], &mut value);
                (Cow::Owned(value), Step::Write(stamp.sequence))
            }
        };
        for _ in 0..self.plan.shape.write(number, &value, turn, &mut connection.out) {
            connection.expect_greeting();
        }
        step
    }
}
