//! `/v1/repair`: how equal the replicas are of what this node holds, and comparing everything now.
//!
//! Invariant: an answer is one node's word about the trees it holds; nothing is said of partitions that only others hold.

use crate::access::Asker;
use crate::bucket_names;
use crate::fields::invalid;
use crate::json;
use crate::node_name;
use crate::problem::Problem;
use crate::refusal;
use crate::router::Api;
use axum::extract;
use axum::response::Response;
use proto::{Admin, RepairStatus, Request, Status, TreeStatus};
use ring::{NodeId, PartitionId};
use serde_json::{Value, json};
use stdx::Wall;

/// `GET /v1/repair`, `GET /v1/repair?partition=N`.
pub(crate) async fn status(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let status = bucket_names::status(api.database()).await?;
    let partition = request.uri().query().map(|query| partition_of(query, status.partitions)).transpose()?;
    ask(&api, &status, Admin::RepairStatus { partition }).await
}

/// `POST /v1/repair`.
pub(crate) async fn run(Asker(api): Asker) -> Result<Response, Problem> {
    let status = bucket_names::status(api.database()).await?;
    ask(&api, &status, Admin::RepairRun).await
}

async fn ask(api: &Api, status: &Status, admin: Admin) -> Result<Response, Problem> {
    match api.database().call(Request::Admin(admin), None).await {
        proto::Response::Repair(repair) => Ok(json::ok(&repair_json(&repair, status))),
        other => Err(refusal::unexpected(other)),
    }
}

fn partition_of(query: &str, partitions: u32) -> Result<PartitionId, Problem> {
    let number = query.strip_prefix("partition=").and_then(|number| number.parse::<u16>().ok());
    number
        .filter(|number| u32::from(*number) < partitions)
        .map(PartitionId)
        .ok_or_else(|| invalid("partition", format!("must be a number from 0 to {}", partitions.saturating_sub(1))))
}

fn repair_json(repair: &RepairStatus, status: &Status) -> Value {
    json!({
        "nodeId": status.node.to_string(),
        "name": node_name::of(status, status.node),
        "trees": repair.trees,
        "identical": repair.identical,
        "differing": repair.differing,
        "identicalSince": repair.oldest.map(millis),
        "building": repair.building,
        "comparing": repair.comparing,
        "leftInPass": repair.left_in_pass,
        "repairing": repair.repairing,
        "damaged": repair.damaged,
        "spent": repair.spent,
        "collected": repair.collected,
        "notCollectedBecause": repair.uncollected,
        "listed": repair.listed.iter().map(|tree| tree_json(tree, status)).collect::<Vec<_>>(),
    })
}

fn tree_json(tree: &TreeStatus, status: &Status) -> Value {
    let bucket = status.buckets.iter().find(|bucket| bucket.id == tree.tree.bucket);
    let differing = |(node, since): &(NodeId, Wall)| json!({ "nodeId": node.to_string(), "name": node_name::of(status, *node), "since": millis(*since) });
    let name = |node: &NodeId| json!({ "nodeId": node.to_string(), "name": node_name::of(status, *node) });
    json!({
        "partition": tree.tree.partition.0,
        "bucket": bucket.map_or_else(|| tree.tree.bucket.0.to_string(), |bucket| bucket.name.clone()),
        "identicalSince": tree.identical_at.map(millis),
        "differing": tree.differing.iter().map(differing).collect::<Vec<_>>(),
        "notCompared": tree.not_compared.iter().map(name).collect::<Vec<_>>(),
    })
}

fn millis(at: Wall) -> u64 {
    at.0
}

#[cfg(test)]
mod tests {
    use super::partition_of;
    use ring::PartitionId;

    #[test]
    fn a_partition_is_a_number_of_the_grid() {
        assert_eq!(partition_of("partition=15", 16).ok(), Some(PartitionId(15)));
        for query in ["", "partition=", "partition=16", "partition=-1", "partition=99999", "part=1"] {
            assert!(partition_of(query, 16).is_err(), "{query}");
        }
    }
}
