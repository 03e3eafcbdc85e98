//! One run: a cluster, clients on it, faults one after the other, and the end at which everything is read back and judged.
//!
//! Invariant: a run ends with all faults lifted before anything is judged; each fault that was done is on the list of acts.

use crate::fleet::{Fleet, PATIENCE, Setup};
use crate::load::{Load, Plan, Recorder, Roster, SIBLINGS};
use crate::report::Report;
use crate::verdict;
use serde_json::json;
use sim::Time;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stdx::{Prng, Span};

/// A fault that was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Act {
    /// Which kind, for the counts.
    pub kind: &'static str,
    /// To whom.
    pub detail: String,
    /// A quorum of every item's replicas stayed reachable for clients.
    pub quorum_stays: bool,
    /// How many processes, links or nodes it hit.
    pub hits: u32,
    /// When it began.
    pub begun: Time,
    /// When it had fully struck: what was asked before was under way.
    pub struck: Time,
    /// When it was lifted: processes started again, links healed.
    pub lifted: Time,
    /// When all nodes took requests again.
    pub ready: Option<Time>,
    /// When the cluster was at rest again.
    pub rest: Option<Time>,
}

/// A run under way.
#[derive(Debug)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// The nodes.
    pub fleet: Fleet,
    /// The history.
    pub recorder: Arc<Recorder>,
    /// What was done so far.
    pub acts: Vec<Act>,
    /// Chooses victims and times.
    pub prng: Prng,
    /// Further figures for the report.
    pub figures: serde_json::Map<String, serde_json::Value>,
    /// Registers are judged with this allowance for clocks; not at all if there is none.
    pub slack: Option<Span>,
    plan: Plan,
    load: Option<Load>,
    roster: Roster,
    started: Instant,
}

impl Session {
    /// Starts nodes and clients.
    pub fn start(name: &str, setup: Setup, plan: Plan) -> Result<Session, String> {
        let mut session = Session::prepare(name, setup, plan)?;
        session.begin_load()?;
        Ok(session)
    }

    /// Starts nodes, and not yet clients.
    pub fn prepare(name: &str, setup: Setup, plan: Plan) -> Result<Session, String> {
        println!("{name}: starting {} nodes, seed {}", setup.nodes, setup.seed);
        let prng = Prng::keyed(setup.seed, name, &[]);
        let fleet = Fleet::start(setup)?;
        fleet.bucket(SIBLINGS, &json!({ "rule": "siblings" }))?;
        let recorder = Arc::new(Recorder::new(&fleet.file("history.ndjson"))?);
        let mut session = Session {
            name: name.to_owned(),
            fleet,
            recorder,
            acts: Vec::new(),
            prng,
            figures: serde_json::Map::new(),
            slack: Some(Span::millis(3)),
            plan,
            load: None,
            roster: Roster::default(),
            started: Instant::now(),
        };
        session.fleet.wait_rest(PATIENCE)?;
        Ok(session)
    }

    /// Lets the clients loose.
    pub fn begin_load(&mut self) -> Result<(), String> {
        self.tell_clients();
        self.load = Some(Load::start(&self.plan, &self.roster, &self.recorder)?);
        Ok(())
    }

    /// Lets the clients know of all nodes that there are by now.
    pub fn tell_clients(&self) {
        self.roster.set(self.fleet.client_urls());
    }

    /// How long the run has been going on.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Lets the clients work for a while. The error is that somebody wants the run to end.
    pub fn let_run(&self, duration: Duration) -> Result<(), String> {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            if crate::stop::wanted() {
                return Err("stopped by a signal".to_owned());
            }
            std::thread::sleep(Duration::from_millis(20).min(end.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    /// Lets the clients work until so many more requests are done; an error if that takes too long.
    pub fn wait_for_requests(&self, more: usize) -> Result<(), String> {
        let (target, end) = (self.recorder.done() + more, Instant::now() + PATIENCE);
        while self.recorder.done() < target {
            if Instant::now() > end {
                return Err(format!("fewer than {more} requests were done in {PATIENCE:?}"));
            }
            self.let_run(Duration::from_millis(20))?;
        }
        Ok(())
    }

    /// Between two moments, in milliseconds.
    pub fn some_millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.prng.between(low, high))
    }

    /// Notes a fault that begins now.
    pub fn begin_act(&mut self, kind: &'static str, detail: String, hits: u32, quorum_stays: bool) {
        let now = self.recorder.now();
        println!("{} {now}: {kind} {detail}", self.name);
        self.acts.push(Act {
            kind,
            detail,
            quorum_stays,
            hits,
            begun: now,
            struck: now,
            lifted: now,
            ready: None,
            rest: None,
        });
    }

    /// The last fault has fully struck now.
    pub fn act_has_struck(&mut self) {
        let now = self.recorder.now();
        if let Some(act) = self.acts.last_mut() {
            act.struck = now;
        }
    }

    /// The last fault is lifted now.
    pub fn lift_act(&mut self) {
        let now = self.recorder.now();
        if let Some(act) = self.acts.last_mut() {
            act.lifted = now;
        }
    }

    /// All nodes take requests again since now.
    pub fn act_is_ready(&mut self) {
        let now = self.recorder.now();
        if let Some(act) = self.acts.last_mut() {
            act.ready = Some(now);
        }
    }

    /// Waits for the cluster to come to rest after the last fault.
    pub fn wait_rest(&mut self) -> Result<(), String> {
        self.fleet.wait_rest(PATIENCE)?;
        let now = self.recorder.now();
        if let Some(act) = self.acts.last_mut() {
            act.rest = Some(now);
        }
        Ok(())
    }

    /// Ends the run: lifts all faults, reads everything back, judges. `went` is how the faults went.
    pub fn finish(mut self, went: Result<(), String>) -> Report {
        let mut problems: Vec<String> = went.err().into_iter().collect();
        let mut keep = |result: Result<(), String>| problems.extend(result.err());
        keep(self.fleet.heal());
        let down: Vec<usize> = self.fleet.nodes.iter().filter(|n| self.is_to_come_back(n)).map(|n| n.number).collect();
        keep(self.fleet.launch_all(&down));
        if let Some(load) = self.load.take() {
            keep(self.let_run(Duration::from_secs(1)));
            keep(load.stop());
        }
        keep(self.fleet.wait_rest(PATIENCE).map(|_| ()));
        keep(verdict::read_everything(&self.fleet, &self.recorder));
        let verdict = verdict::judge(&self.recorder, self.slack);
        let links = self.fleet.proxy.as_ref().map(|proxy| proxy.links().counts.all());
        let report = Report::new(&self, verdict, problems, links);
        self.fleet.keep = !report.passed();
        report
    }

    fn is_to_come_back(&self, node: &crate::node::Node) -> bool {
        node.state == crate::node::State::Down && !node.gone
    }
}
