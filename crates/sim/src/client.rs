//! Clients: each asks one thing at a time, of a node it picks at random, thinks for a while, and asks the next.
//!
//! Invariant: every request ends exactly once, and no later than its deadline and a little more, as long as its node
//! runs. A client keeps the contexts that it was given, to write with fresh ones and with stale ones.

use crate::checker::counters::deed::counter_of;
use crate::checker::linearizable::may_be_done;
use crate::checker::visible::Evidence;
use crate::counting;
use crate::describe;
use crate::fault::HostId;
use crate::history::{Asker, Operation, Outcome, Seen};
use crate::host::{Host, Stage};
use crate::plan::Plan;
use crate::registers::REGISTERS;
use crate::workload::Chooser;
use crate::world::{Event, World};
use causal::Dot;
use node::NodeInput;
use node::proto::{ClientId, Expect, Refusal, Request, Response, Tried, Unchanged};
use ring::Grid;
use std::rc::Rc;
use stdx::{Prng, Span};

/// What a client's connection takes each way, at most.
const WAY_MAX_MICROS: u64 = 1_500;
/// How much later than its deadline a node may answer.
const SLACK: Span = Span::secs(1);

/// One client.
pub(crate) struct Client {
    pub(crate) chooser: Chooser,
    prng: Prng,
    /// Requests it still has to make in the last phase, all of which must succeed.
    pub(crate) to_prove: u32,
    is_busy: bool,
}

impl Client {
    /// All clients of a plan.
    pub(crate) fn all(plan: &Plan) -> Vec<Client> {
        let of = |number: usize| Client {
            chooser: Chooser::new(plan, number),
            prng: Prng::keyed(plan.seed, "client", &[number as u64]),
            to_prove: 0,
            is_busy: false,
        };
        (0..plan.workload.clients).map(of).collect()
    }
}

impl World {
    /// All clients begin.
    pub(crate) fn wake_clients(&mut self) {
        self.is_quiet_time = false;
        for client in 0..self.clients.len() {
            self.after(Span::millis(client as u64 + 1), Event::ClientTurn { client });
        }
        self.after(Span::millis(1), Event::DumperTurn);
        self.after(Span::millis(1), Event::KeeperTurn);
    }

    /// From now on every request must succeed; each client makes this many.
    pub(crate) fn prove(&mut self, requests: u32) {
        self.proving_since = Some(self.now);
        self.clients.iter_mut().for_each(|client| client.to_prove = requests);
        self.wake_clients();
    }

    /// Requests that have not ended.
    pub(crate) fn pending(&self) -> usize {
        self.history.iter().filter(|operation| operation.outcome == Outcome::Pending).count()
    }

    /// True if every client has made its last requests.
    pub(crate) fn is_proven(&self) -> bool {
        self.clients.iter().all(|client| client.to_prove == 0 && !client.is_busy)
    }

    /// A client asks the next thing.
    pub(crate) fn client_turn(&mut self, client: usize) {
        let proving = self.proving_since.is_some();
        let rests = self.is_quiet_time || (proving && self.clients[client].to_prove == 0);
        if rests || self.clients[client].is_busy {
            return;
        }
        // Clients know everybody who was ever in and has not been seen to leave.
        let known: Vec<HostId> = self
            .hosts
            .iter()
            .filter(|host| matches!(host.stage, Stage::Up | Stage::Down))
            .map(|host| host.id)
            .collect();
        let this = &mut self.clients[client];
        let Some(host) = this.prng.pick(&known).copied() else { return };
        if proving {
            this.to_prove -= 1;
        }
        this.is_busy = true;
        let within =
            if !proving && this.prng.below(4) == 0 { Some(Span::millis(this.prng.between(200, 5_000))) } else { None };
        let (request, seen) = this.chooser.next(self.history.len(), self.now);
        self.ask(Asker::Client(client), host, request, seen, within);
    }

    /// Sends a request to a host.
    pub(crate) fn ask(&mut self, asker: Asker, host: HostId, request: Request, seen: Seen, within: Option<Span>) {
        let number = self.history.len();
        let now = self.now;
        self.trace.event(now, host, "ask", number as u64);
        self.trace.line(now, host, || format!("is asked #{number}: {} within {within:?}", describe::request(&request)));
        self.sets.asked(number, &request);
        self.watch_item(number, &request);
        if let Request::Put(put) = &request
            && counting::kind(&put.key).is_none()
        {
            self.past.asked(number, put, &seen.context);
        }
        self.history.push(Operation {
            asker,
            host,
            life: 0,
            request,
            seen,
            within,
            started: now,
            ended: now,
            outcome: Outcome::Pending,
            replied: false,
            paused_before: Span::ZERO,
            after_restore: self.knows_of_restore(),
            is_left_behind: self.is_left_behind(host),
        });
        let way = self.way(number, 0);
        self.after(way, Event::Request { operation: number });
    }

    /// True if others use no view any more that this host still uses: they went on without it.
    fn is_left_behind(&self, host: HostId) -> bool {
        let stable = |host: &Host| Some(host.node.as_ref()?.machine().history().oldest().epoch);
        stable(&self.hosts[host.0]) < self.hosts.iter().filter_map(stable).max()
    }

    fn way(&self, operation: usize, back: u64) -> Span {
        Span(Prng::keyed(self.plan.seed, "way", &[operation as u64, back]).between(50, WAY_MAX_MICROS))
    }

    /// A request reaches its host.
    pub(crate) fn request_arrives(&mut self, number: usize) {
        let host = self.history[number].host;
        let (life, is_up, paused) = {
            let this = self.host(host);
            (this.life, this.is_up(), this.paused)
        };
        if !is_up {
            return self.after(Span::millis(1), Event::NoAnswer { operation: number, taken: false });
        }
        let operation = &mut self.history[number];
        operation.life = life;
        operation.paused_before = paused;
        let (request, within) = (operation.request.clone(), operation.within);
        let patience = within.unwrap_or(self.plan.config.request_time);
        self.after(late(patience), Event::Overdue { operation: number });
        self.feed(host, NodeInput::Client { client: ClientId(number as u64), request, within });
    }

    /// A node answers.
    pub(crate) fn reply(&mut self, host: HostId, client: ClientId, response: Response) {
        let now = self.now;
        let life = self.host(host).life;
        self.trace.event(now, host, "reply", client.0);
        self.trace.line(now, host, || format!("answers #{}: {}", client.0, describe::response(&response)));
        if self.reply_to_watcher(client, &response) {
            return;
        }
        let number = client.0 as usize;
        match self.history.get_mut(number) {
            Some(operation) if operation.host == host && operation.life == life && !operation.replied => {
                operation.replied = true;
                let way = self.way(number, 1);
                self.after(way, Event::Answer { operation: number, response: Box::new(response) });
            }
            _ => self
                .fail("one answer", format!("{host} answers request {number}, which it was not asked or has answered")),
        }
    }

    /// An answer reaches whoever asked.
    pub(crate) fn answer_arrives(&mut self, number: usize, response: Box<Response>) {
        self.conclude(number, Outcome::Answered(response));
    }

    /// Whoever asked learns that there will be no answer.
    pub(crate) fn no_answer(&mut self, number: usize, taken: bool) {
        self.conclude(number, if taken { Outcome::Lost } else { Outcome::NotTaken });
    }

    fn conclude(&mut self, number: usize, outcome: Outcome) {
        let now = self.now;
        let operation = &mut self.history[number];
        operation.ended = now;
        operation.outcome = outcome;
        let operation = operation.clone();
        self.judge_answer(number, &operation);
        self.judge_explanation(number, &operation);
        match operation.asker {
            Asker::Operator(task) => self.operator_hears(task, &operation.outcome),
            Asker::Client(client) => self.client_hears(client, number, &operation),
            Asker::Dumper => self.dumper_hears(&operation.outcome),
            Asker::Keeper => self.keeper_hears(&operation.request, &operation.outcome),
        }
    }

    /// Shows an answer to the checkers.
    fn judge_answer(&mut self, number: usize, operation: &Operation) {
        if counter_of(operation).is_some() {
            return;
        }
        let is_apart = operation.is_apart(&self.atlas);
        self.past.ended(number, operation, is_apart);
        let grid = Grid::new(self.plan.grid_bits).unwrap_or_default();
        let clocks_apart = self.plan.clocks_apart();
        let atlas = &self.atlas;
        let evidence = Evidence { history: &self.history, past: &self.past, dots: &self.dots, atlas, clocks_apart };
        // What is read of the linearizable bucket is judged when the run is over.
        let bucket = |name: &str| self.buckets.get(name).copied().filter(|_| name != REGISTERS);
        let read = match self.images.is_behind() {
            true => Ok(()),
            false => self.reads.ended(operation, &evidence, grid, bucket),
        };
        let reads_apart = operation.put().is_none() && is_apart;
        let owed = |write: &Operation| !reads_apart && !self.images.is_behind() && self.atlas.recoverable(write);
        let set = self.sets.ended(operation, owed);
        for (property, result) in [("reads", read), ("sets", set)] {
            if let Err(what) = result {
                self.fail(property, format!("request {number} at {}: {what}", operation.host));
            }
        }
    }

    fn client_hears(&mut self, client: usize, number: usize, operation: &Operation) {
        let kind = kind_of(operation);
        self.counts.requests[kind] += 1;
        if kind != 0 && self.proving_since.is_some_and(|since| operation.started >= since) && !is_fair(operation) {
            let what = format!(
                "request {number} ({}) at {} ended with {:?}",
                describe::request(&operation.request),
                operation.host,
                operation.outcome
            );
            self.fail("everything works after healing", what);
        }
        let think = self.plan.workload.think;
        let own = self.dots.all_of_write(operation);
        let this = &mut self.clients[client];
        this.is_busy = false;
        this.chooser.learn(operation, &own);
        let pause = Span(this.prng.below(think.0.max(2)));
        self.after(pause, Event::ClientTurn { client });
    }

    /// By now the node must have answered, unless it stood still.
    pub(crate) fn overdue(&mut self, number: usize) {
        let operation = &self.history[number];
        let host = operation.host;
        if operation.replied || !self.hosts[host.0].lives(operation.life) {
            return;
        }
        let stood_still = Span(self.hosts[host.0].paused.0 - operation.paused_before.0);
        if stood_still > Span::ZERO {
            let paused = self.hosts[host.0].paused;
            self.history[number].paused_before = paused;
            return self.after(Span(stood_still.0 + SLACK.0), Event::Overdue { operation: number });
        }
        let what = format!("{host} has not answered request {number} ({})", describe::request(&operation.request));
        self.fail("one answer", what);
    }
}

/// When a node must have answered, by clocks that run up to a fiftieth too slow.
fn late(patience: Span) -> Span {
    Span(patience.0 + patience.0 / 20 + SLACK.0)
}

/// Done, refused, or unknown.
fn kind_of(operation: &Operation) -> usize {
    match &operation.outcome {
        Outcome::Answered(response) => match response.as_ref() {
            Response::Refused(refusal) if may_be_done(refusal) => 2,
            Response::Refused(Refusal::ConditionFailed(_)) => 0,
            Response::Refused(_) => 1,
            _ => 0,
        },
        Outcome::NotTaken => 1,
        Outcome::Lost | Outcome::Pending => 2,
    }
}

/// A refusal that a client has deserved.
fn is_fair(operation: &Operation) -> bool {
    let Outcome::Answered(response) = &operation.outcome else { return false };
    match (&operation.request, response.as_ref()) {
        (_, Response::Refused(Refusal::TooManySiblings { .. })) => true,
        (_, Response::Refused(Refusal::Unchanged(Unchanged::Absent | Unchanged::Condition))) => true,
        // Asked for again, or handed to a second node when the connection to the first had broken: then only a version that has
        // gone by is refused for good.
        (Request::Cas(cas), Response::Refused(Refusal::OutcomeUnknown)) => {
            cas.tried != Tried::No || !matches!(cas.expect, Expect::Version(1..))
        }
        // Two lives of a node have introduced themselves, in whichever order the network likes: what was handed to one of
        // them is not handed to the other.
        (Request::Amend(_), Response::Refused(Refusal::NoAnswer { write: true })) => true,
        _ => false,
    }
}

/// What a client keeps of an answer: the context, and what it was shown with it.
pub(crate) fn seen_in(operation: &Operation, own: &[Dot]) -> Option<Seen> {
    let Outcome::Answered(response) = &operation.outcome else { return None };
    match response.as_ref() {
        Response::Found(found) => {
            let dots: Rc<[_]> = found.siblings.iter().map(|sibling| sibling.dot).collect();
            Some(Seen { context: found.context.clone(), dots })
        }
        Response::Written(written) => {
            // If the answer leaves the new dot out, the client does not know it.
            let own = own.iter().copied().filter(|dot| written.context.covers(dot));
            let dots: Rc<[_]> = operation.seen.dots.iter().copied().chain(own).collect();
            Some(Seen { context: written.context.clone(), dots })
        }
        _ => None,
    }
}
