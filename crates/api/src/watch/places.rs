//! The replicas that one client follows: which, for which partitions, and how far.
//!
//! Invariant: each partition that is watched is followed at one replica, which has said that it follows it.
//! Refuses to know what the client is told.

use super::Filter;
use super::hub::{Joined, Ready, Views};
use super::id::Id;
use super::stream::Word;
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::router::Api;
use proto::watch::{Changed, Interest, Position, Watch, Watched};
use proto::{Request, Response};
use ring::{NodeId, PartitionId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use stdx::hash::Mixer;
use tokio::time::Instant;

/// How long replicas have to say that they can be followed.
const READY_WITHIN: Duration = Duration::from_secs(5);

/// Which replicas are followed, and how far.
pub(super) struct Places {
    pub(super) follows: Vec<Follow>,
    pub(super) views: Views,
    /// Names which replica is followed for which partition.
    pub(super) print: u32,
}

/// One replica that is followed.
pub(super) struct Follow {
    pub(super) joined: Joined,
    /// The partitions it is followed for.
    pub(super) partitions: BTreeSet<PartitionId>,
    pub(super) at: Position,
}

impl Follow {
    /// What the replica itself still has behind this place.
    pub(super) async fn ask(
        &self,
        api: &Api,
        is_wanted: impl Fn(&Changed) -> bool,
    ) -> Result<(Vec<Changed>, Position), &'static str> {
        let interest = self.joined.interest();
        let followed = api.hub.ask(self.joined.node(), vec![interest], Some(self.at)).await;
        let Some(followed) = followed else { return Err("the replica that was followed cannot be reached") };
        if followed.at.life != self.at.life {
            return Err("the replica that was followed has started again or let something go");
        }
        let since = followed.since.first().copied().unwrap_or(u64::MAX);
        if followed.oldest.max(since) > self.at.seq {
            return Err("more has changed meanwhile than the replica remembers");
        }
        Ok((followed.changes.into_iter().filter(|change| is_wanted(change)).collect(), followed.at))
    }
}

impl Places {
    /// Finds replicas and waits until they can be followed.
    pub(super) async fn seek(
        api: &Arc<Api>,
        bucket: &str,
        filter: &Filter,
        prefer: Vec<NodeId>,
        avoid: Option<NodeId>,
    ) -> Result<Places, Problem> {
        let places = places(api, bucket, filter, prefer, avoid).await?;
        let Some(bucket) = places.bucket else { return Err(silent()) };
        let print = print(&places.of);
        let until = Instant::now() + READY_WITHIN;
        let mut news = api.hub.news();
        let partition = |of: &[PartitionId]| filter.key.as_ref().and_then(|_| of.first().copied());
        let joined: Vec<(Joined, Vec<PartitionId>)> = places
            .of
            .into_iter()
            .map(|(node, of)| (api.hub.join(node, Interest { bucket, partition: partition(&of) }), of))
            .collect();
        let mut follows = Vec::new();
        for (joined, partitions) in joined {
            let Ready { at, since } = loop {
                if let Some(ready) = joined.ready() {
                    break ready;
                }
                if tokio::time::timeout_at(until, news.changed()).await.is_err() {
                    return Err(silent());
                }
            };
            if since == u64::MAX {
                return Err(silent());
            }
            follows.push(Follow { joined, partitions: partitions.into_iter().collect(), at });
        }
        Ok(Places { follows, views: places.views, print })
    }

    /// Goes on from an id, if every replica has followed what is wanted since then.
    pub(super) fn go_on(&mut self, id: &Id) -> Word {
        if id.print != self.print || id.of.len() != self.follows.len() {
            return Word::Gap("other replicas hold this now");
        }
        let mut from = Vec::new();
        for follow in &self.follows {
            let at = id.of.iter().find(|(node, _)| *node == follow.joined.node()).map(|(_, at)| *at);
            let ready = follow.joined.ready();
            // Another node may have followed it a little further than this one has.
            match (at, ready) {
                (Some(at), Some(ready)) if at.life == ready.at.life && ready.since <= at.seq => from.push(at),
                _ => return Word::Gap("the replica that was followed does not remember so far back"),
            }
        }
        self.follows.iter_mut().zip(from).for_each(|(follow, at)| follow.at = at);
        Word::Resumed
    }
}

/// Which replicas to follow.
pub(super) async fn places(
    api: &Api,
    bucket: &str,
    filter: &Filter,
    prefer: Vec<NodeId>,
    avoid: Option<NodeId>,
) -> Result<proto::watch::Places, Problem> {
    let watch = Watch::Places { bucket: Some(bucket.to_owned()), partition_key: filter.key.clone(), prefer, avoid };
    match api.database().call(Request::Watch(watch), None).await {
        Response::Watched(watched) => match *watched {
            Watched::Places(places) => Ok(places),
            Watched::Followed(_) => Err(silent()),
        },
        other => Err(refusal::unexpected(other)),
    }
}

pub(super) fn print(of: &[(NodeId, Vec<PartitionId>)]) -> u32 {
    let mut mixer = Mixer::new(0);
    for (node, partitions) in of {
        mixer.bytes(&node.0.to_be_bytes());
        mixer.number(partitions.len() as u64);
        partitions.iter().for_each(|partition| mixer.number(u64::from(partition.0)));
    }
    mixer.finish() as u32
}

/// Replicas of what is to be watched do not answer.
fn silent() -> Problem {
    let detail =
        "A replica of what is to be watched does not answer; see how the nodes are under /v1/cluster, and try again.";
    Problem::new(Kind::NoAnswer, detail).retry_after(1)
}
