//! `GET /v1/ring`: who owns what, as runs of partitions for pictures of the ring, and with tokens and buckets for clients that
//! send requests straight to replicas.
//!
//! Invariant: the runs cover every partition once, in order. Nodes that are leaving have given up their tokens and are
//! not shown.

use crate::access::Asker;
use crate::bucket_names;
use crate::buckets;
use crate::cluster;
use crate::json;
use crate::problem::Problem;
use axum::response::Response;
use proto::{BucketId, Status};
use ring::{Grid, Member, NodeId, Ring};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Describes the ring of the newest epoch this node knows.
pub(crate) async fn view(Asker(api): Asker) -> Result<Response, Problem> {
    let status = bucket_names::status(api.database()).await?;
    let ring = ring_of(&status).ok_or_else(|| cluster::nothing_of("ring that makes sense"))?;
    Ok(json::ok(&ring_json(&status, &ring)))
}

fn ring_of(status: &Status) -> Option<Ring> {
    let grid = status.partitions.is_power_of_two().then(|| Grid::new(status.partitions.trailing_zeros() as u8))??;
    let mut active = status.members.iter().filter(|member| !member.leaving);
    active.try_fold(Ring::empty(grid), |ring, member| ring.with(member.member.clone()).ok())
}

fn ring_json(status: &Status, ring: &Ring) -> Value {
    let n = status.buckets.iter().find(|bucket| bucket.id == BucketId::DEFAULT).map_or(1, |bucket| bucket.n);
    let primaries = ring.shares(1);
    let copies = ring.shares(usize::from(n));
    let share = |shares: &BTreeMap<NodeId, u32>, node: NodeId| shares.get(&node).copied().unwrap_or(0);
    let member = |member: &Member| {
        json!({
            "nodeId": member.id.to_string(),
            "name": member.name,
            "uri": member.uri,
            "zone": member.zone,
            "weight": member.weight,
            "primaries": share(&primaries, member.id),
            "copies": share(&copies, member.id),
            "tokens": member.tokens.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    json!({
        "epoch": status.epoch.0,
        "partitions": status.partitions,
        "n": n,
        "buckets": status.buckets.iter().map(buckets::bucket_json).collect::<Vec<_>>(),
        "members": ring.members().map(member).collect::<Vec<_>>(),
        "runs": runs(ring),
    })
}

/// Neighbouring partitions of one owner as `[owner, count]`; the owner is a position in `members`.
fn runs(ring: &Ring) -> Vec<(usize, u32)> {
    let place: BTreeMap<NodeId, usize> = ring.members().enumerate().map(|(at, member)| (member.id, at)).collect();
    let mut runs: Vec<(usize, u32)> = Vec::new();
    for partition in ring.grid().partitions() {
        let Some(owner) = ring.owner(partition).and_then(|owner| place.get(&owner).copied()) else { continue };
        match runs.last_mut() {
            Some((last, count)) if *last == owner => *count += 1,
            _ => runs.push((owner, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::{ring_json, ring_of};
    use crate::fake;

    #[test]
    fn runs_cover_the_ring() {
        let status = fake::status(&["Ted", "Ana"]);
        let json = ring_json(&status, &ring_of(&status).unwrap());
        let runs = json["runs"].as_array().unwrap();
        let covered: u64 = runs.iter().map(|run| run[1].as_u64().unwrap()).sum();
        assert_eq!(covered, u64::from(status.partitions));
        assert!(runs.windows(2).all(|pair| pair[0][0] != pair[1][0]));
        let primaries: u64 = json["members"].as_array().unwrap().iter().map(|m| m["primaries"].as_u64().unwrap()).sum();
        assert_eq!(primaries, u64::from(status.partitions));
        assert_eq!(json["buckets"][0]["n"], 3);
    }
}
