//! One request with fail-over: asked of one node after the other until one answers, as a careful client would.
//!
//! A write is asked again only if it certainly was not taken; a read always. What a node says of its own failing decides:
//! `mayHaveBeenApplied`.

use super::roster::Roster;
use crate::http;
use serde_json::Value;
use std::time::{Duration, Instant};
use stdx::Prng;
use ureq::Agent;

/// What a node may take for one request.
const NODE_TIME: Duration = Duration::from_secs(3);
/// A node that failed is passed over for this long.
const PENALTY: Duration = Duration::from_secs(1);
/// How long a request is asked again.
const PATIENCE: Duration = Duration::from_secs(12);

/// What came of a request.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// A node did it; its answer.
    Answered(u16, Value),
    /// Nobody did it.
    NotDone,
    /// Somebody may have done it.
    Unknown,
}

/// A verdict and how it came about.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What came of it.
    pub verdict: Verdict,
    /// The node that was asked last.
    pub node: usize,
    /// How often it was asked again.
    pub retries: u32,
    /// Why not, in the words of the last node.
    pub why: String,
}

/// What one node made of it.
enum Tried {
    Answered(u16, Value),
    /// Certainly not done, and no other node would do it.
    Refused(String),
    /// Certainly not done here.
    NotTaken(String),
    /// Perhaps done.
    Unclear(String),
}

/// Asks nodes.
#[derive(Debug)]
pub struct Asker {
    agent: Agent,
    roster: Roster,
    urls: Vec<String>,
    barred: Vec<Option<Instant>>,
    prng: Prng,
}

impl Asker {
    /// Asks the nodes at these addresses, beginning anywhere.
    pub fn new(urls: &[String], prng: Prng) -> Asker {
        Asker::on(Roster::from(urls), prng)
    }

    /// Asks the nodes of `roster`, also those that come later.
    pub fn on(roster: Roster, prng: Prng) -> Asker {
        Asker { agent: http::agent(NODE_TIME), roster, urls: Vec::new(), barred: Vec::new(), prng }
    }

    /// Asks until somebody answers. `again` says whether it may be done twice.
    pub fn ask(&mut self, body: &Value, again: bool) -> Answer {
        let begun = Instant::now();
        let mut retries = 0;
        loop {
            self.roster.extend(&mut self.urls);
            self.barred.resize(self.urls.len(), None);
            let node = self.choose();
            let last = match self.try_one(node, body) {
                Tried::Answered(status, value) => {
                    return Answer { verdict: Verdict::Answered(status, value), node, retries, why: String::new() };
                }
                Tried::Unclear(why) if !again => return Answer { verdict: Verdict::Unknown, node, retries, why },
                Tried::Refused(why) => return Answer { verdict: Verdict::NotDone, node, retries, why },
                Tried::NotTaken(why) | Tried::Unclear(why) => why,
            };
            self.barred[node] = Some(Instant::now() + PENALTY);
            if begun.elapsed() > PATIENCE {
                return Answer { verdict: Verdict::NotDone, node, retries, why: last };
            }
            retries += 1;
            if retries as usize >= self.urls.len() {
                std::thread::sleep(Duration::from_millis(20 + self.prng.below(60)));
            }
        }
    }

    /// Any node that has not failed lately, or else any.
    fn choose(&mut self) -> usize {
        let now = Instant::now();
        let is_free = |at: &usize| self.barred[*at].is_none_or(|until| until < now);
        let free: Vec<usize> = (0..self.urls.len()).filter(is_free).collect();
        match self.prng.pick(&free) {
            Some(node) => *node,
            None => self.prng.index(self.urls.len()).unwrap_or_default(),
        }
    }

    fn try_one(&self, node: usize, body: &Value) -> Tried {
        let result = self.agent.post(format!("{}/", self.urls[node])).send(body.to_string());
        let mut response = match result {
            Ok(response) => response,
            Err(error) => return failure(&error),
        };
        let status = response.status().as_u16();
        let text = match response.body_mut().with_config().limit(1 << 26).read_to_string() {
            Ok(text) => text,
            Err(error) => return Tried::Unclear(error.to_string()),
        };
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        match status {
            200..=299 => Tried::Answered(status, value),
            404 if value["type"] == "/problems/not-found" => Tried::Answered(status, value),
            _ if value["mayHaveBeenApplied"] == true => Tried::Unclear(text),
            400..=499 if status != 408 && status != 429 => Tried::Refused(text),
            // A failing store may have written something all the same.
            500 => Tried::Unclear(text),
            // Among them a full disk, which refuses before anything is written.
            _ => Tried::NotTaken(text),
        }
    }
}

fn failure(error: &ureq::Error) -> Tried {
    let text = error.to_string();
    match error {
        ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => Tried::NotTaken(text),
        ureq::Error::Timeout(ureq::Timeout::Connect) | ureq::Error::ConnectionFailed => Tried::NotTaken(text),
        _ => Tried::Unclear(text),
    }
}
