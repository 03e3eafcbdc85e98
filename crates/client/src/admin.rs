//! The cluster itself: how its members are, and the settings of its buckets.
//!
//! Invariant: what a later version says besides is kept, in `json`.

use crate::client::{Call, Client};
use crate::error::Error;
use crate::map::Rule;
use crate::node;
use crate::nodes::About;
use crate::request::{Level, unfit};
use crate::retry::Idempotence;
use crate::transport::Ask;
use hyper::Method;
use liveness::Backoff;
use serde_json::{Map, Value as Json};
use std::time::Duration;
use stdx::{Prng, Span};
use tokio::time::{Instant, sleep};

/// Times that the ring is asked for after a bucket was set; gossip takes a second or two.
const HEARING_TRIES: usize = 30;

/// What the node that was asked knows of the cluster.
#[derive(Clone, PartialEq, Debug)]
pub struct Status {
    /// The newest event of the membership history.
    pub epoch: u64,
    /// Every change up to this one is done; if it is less than `epoch`, something moves.
    pub stable: u64,
    /// The members.
    pub members: Vec<Member>,
    /// Why a change does not go on, in words; empty if it does.
    pub blocked: Vec<String>,
    /// All that was said.
    pub json: Json,
}

/// A member, as the node that was asked sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub uri: String,
    /// `active` or `leaving`.
    pub state: String,
    /// `up`, `suspect`, `down`, or other words.
    pub condition: String,
}

/// Settings of a bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BucketSettings {
    /// Its name.
    pub name: String,
    /// Copies of each item.
    pub n: u8,
    /// How it treats writes that do not know of each other.
    pub rule: Rule,
    /// Replicas that must answer a read, as `quorum` or a number.
    pub r: String,
    /// Replicas that must acknowledge a write.
    pub w: String,
    /// How long values live, as `7d`, if they end.
    pub ttl: Option<String>,
}

/// What of a bucket is to be set; what is not stays as it is, or as a new bucket has it.
#[derive(Clone, Default, Debug)]
pub struct BucketChange(Map<String, Json>);

impl BucketChange {
    /// Copies of each item.
    #[must_use]
    pub fn copies(self, n: u8) -> BucketChange {
        self.with("n", n)
    }

    /// Replicas that must answer a read.
    #[must_use]
    pub fn read_level(self, level: Level) -> BucketChange {
        self.with("r", level.to_string())
    }

    /// Replicas that must acknowledge a write.
    #[must_use]
    pub fn write_level(self, level: Level) -> BucketChange {
        self.with("w", level.to_string())
    }

    /// How it treats writes that do not know of each other; fixed when it is made.
    #[must_use]
    pub fn rule(self, rule: Rule) -> BucketChange {
        match rule {
            Rule::Linearizable => self.with("mode", "linearizable"),
            Rule::Siblings => self.with("rule", "siblings"),
            Rule::LastWriterWins => self.with("rule", "lww"),
        }
    }

    /// How long values live that do not say.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> BucketChange {
        self.with("ttl", ttl.as_secs_f64())
    }

    fn with(mut self, name: &str, value: impl Into<Json>) -> BucketChange {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

impl Client {
    /// How the members are and what moves.
    pub async fn status(&self) -> Result<Status, Error> {
        let json = self.admin(&|| Ask::get("/v1/cluster")).await?;
        read_status(json).ok_or_else(unfit)
    }

    /// All buckets.
    pub async fn buckets(&self) -> Result<Vec<BucketSettings>, Error> {
        let json = self.admin(&|| Ask::get("/v1/buckets")).await?;
        let buckets = json["buckets"].as_array().and_then(|buckets| buckets.iter().map(read_bucket).collect());
        buckets.ok_or_else(unfit)
    }

    /// Makes a bucket, or changes its settings, and says how they are now. This client knows the bucket then.
    pub async fn set_bucket(&self, name: &str, change: &BucketChange) -> Result<BucketSettings, Error> {
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Err(Error::Usage(format!(
                "{name:?} cannot name a bucket; use 1 to 64 of a-z, 0-9, '-', '_' and '.'"
            )));
        }
        let (path, body) = (format!("/v1/buckets/{name}"), Json::Object(change.0.clone()).to_string());
        let json = self.admin(&|| Ask::json(Method::PUT, path.clone(), body.clone())).await?;
        let settings = read_bucket(&json).ok_or_else(unfit)?;
        self.hear_of(&settings).await?;
        Ok(settings)
    }

    /// Asks for the ring until it has the bucket: the node that is asked may not have heard of it yet.
    async fn hear_of(&self, settings: &BucketSettings) -> Result<(), Error> {
        let (mut backoff, mut prng) = (Backoff::new(Span::millis(10), Span::millis(500)), Prng::new(self.chance()));
        for _ in 0..HEARING_TRIES {
            self.learn(Some(Instant::now())).await?;
            match self.map().await? {
                Some(map) if map.bucket(&settings.name).is_none_or(|bucket| bucket.n != usize::from(settings.n)) => {
                    sleep(Duration::from(backoff.next(&mut prng))).await;
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Settings replace what was there, so all of this may be asked for twice.
    async fn admin(&self, ask: &(dyn Fn() -> Ask + Sync)) -> Result<Json, Error> {
        let ask = |_| ask();
        let (about, idempotence) = (About::default(), Idempotence::Safe);
        self.carry_out(&Call { about, idempotence, patience: None, ask: &ask, read: node::read_whole }).await
    }
}

fn read_status(json: Json) -> Option<Status> {
    let member = |member: &Json| {
        let text = |name: &str| member[name].as_str().map(str::to_owned);
        Some(Member { name: text("name")?, uri: text("uri")?, state: text("state")?, condition: text("condition")? })
    };
    let blocked = json["blocked"].as_array().map(Vec::as_slice).unwrap_or_default();
    Some(Status {
        epoch: json["epoch"].as_u64()?,
        stable: json["stable"].as_u64()?,
        members: json["members"].as_array()?.iter().map(member).collect::<Option<_>>()?,
        blocked: blocked.iter().filter_map(|reason| reason.as_str().map(str::to_owned)).collect(),
        json,
    })
}

fn read_bucket(json: &Json) -> Option<BucketSettings> {
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let rule = match (json["mode"].as_str()?, json["rule"].as_str()?) {
        ("linearizable", _) => Rule::Linearizable,
        (_, "siblings") => Rule::Siblings,
        _ => Rule::LastWriterWins,
    };
    let n = u8::try_from(json["n"].as_u64()?).ok()?;
    Some(BucketSettings { name: text("name")?, n, rule, r: text("r")?, w: text("w")?, ttl: text("ttl") })
}
