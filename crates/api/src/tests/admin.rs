//! History, status, ring, changes of the cluster, buckets, health, and the console's files.

use super::{ask, send};
use crate::fake::{self, Fake};
use axum::body::Body;
use axum::http::{Method, Request as HttpRequest};
use proto::tree::Tree;
use proto::{
    Admin, Bucket, BucketId, Change, Digest, Epoch, Event, Genesis, Level, Plan, Refusal, RepairStatus, Request,
    Response, Risk, Rule, TreeStatus,
};
use ring::{Grid, NodeId, PartitionId};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stdx::{Span, Wall};

fn event(epoch: u64, change: Change) -> Event {
    Event { epoch: Epoch(epoch), previous: Digest::default(), at: Wall(1_000 + epoch), nonce: 0, change }
}

fn history() -> Vec<Event> {
    let members = fake::status(&["Ted", "Ana"]).members;
    let genesis = Genesis { cluster: 1, grid: Grid::default(), n: 3, context_key: [0; 32] };
    vec![
        event(1, Change::Create(genesis)),
        event(2, Change::Add { member: members[0].member.clone(), seed: true }),
        event(3, Change::Add { member: members[1].member.clone(), seed: false }),
        event(4, Change::Readdress { node: NodeId(2), name: "Ana".into(), uri: "http://other:1".into() }),
        event(5, Change::Remove { member: members[1].member.clone() }),
    ]
}

fn cluster(names: &'static [&'static str]) -> Arc<Fake> {
    Arc::new(Fake::new(move |request| match request {
        Request::Admin(Admin::History) => Response::History(history()),
        Request::Admin(Admin::Plan(_)) => Response::Plan(Plan {
            id: Digest([0xab; 32]),
            epoch: Epoch(3),
            node: None,
            gains: vec![(NodeId(1), 8), (NodeId(0), 1)],
            partitions: 8,
            bytes: 1_024,
            seconds: 7,
            risk: Risk { at_risk: 1, lost: 2, single: 3, thin: 4 },
        }),
        Request::Admin(Admin::Apply { plan, .. }) => match plan {
            Digest([0xab, ..]) => changed(history()),
            _ => Response::Refused(Refusal::PlanChanged),
        },
        Request::Admin(Admin::Leave { .. } | Admin::Abort) => changed(history()),
        Request::Admin(Admin::SetBucket(bucket)) => changed(vec![event(6, Change::Bucket(bucket.clone()))]),
        _ => Response::Status(Box::new(fake::status(names))),
    }))
}

fn changed(history: Vec<Event>) -> Response {
    Response::Changed { history, node: None, progress: Vec::new() }
}

#[tokio::test]
async fn events_are_those_of_the_reference() {
    let json = ask(&cluster(&["Ted"]), Method::GET, "/events", "").await.json();
    let events = json.as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ADD", "ADD", "REMOVE"]);
    let expected = json!({
        "timestamp": 1_002, "type": "ADD", "nodeId": "00000000-0000-0000-0000-000000000001", "name": "Ted",
        "uri": "http://127.0.0.1:8080", "tokens": [{ "value": "1000000000000000000000000000000000000000" }],
    });
    assert_eq!(events[0], expected);
    assert_eq!(events[2]["uri"], "http://127.0.0.1:8081");
}

#[tokio::test]
async fn a_node_among_others_leaves() {
    let fake = cluster(&["Ted", "Ana"]);
    let reply = ask(&fake, Method::POST, "/shutdown", "").await;
    assert_eq!(reply.status, 202);
    assert_eq!(reply.json()["leaving"], true);
    assert!(!fake.stopped.load(Ordering::SeqCst));
    let leave = Request::Admin(Admin::Leave { node: NodeId(1) });
    assert!(fake.asked.lock().unwrap().iter().any(|(request, _)| *request == leave));
}

#[tokio::test]
async fn the_last_node_only_stops() {
    let fake = cluster(&["Ted"]);
    let reply = ask(&fake, Method::POST, "/shutdown", "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["leaving"], false);
    assert!(reply.json()["detail"].as_str().unwrap().contains("keeps the data"));
    assert!(fake.stopped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_node_that_may_not_leave_says_why() {
    let fake = Arc::new(Fake::new(|request| match request {
        Request::Admin(Admin::Status) => Response::Status(Box::new(fake::status(&["Ted", "Ana"]))),
        _ => Response::Refused(Refusal::NoMajority { voters: 3, reached: 1 }),
    }));
    let reply = ask(&fake, Method::POST, "/shutdown", "").await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (503, "no-majority"));
    assert!(!fake.stopped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn status_and_ring_are_shown() {
    let fake = cluster(&["Ted", "Ana"]);
    let status = ask(&fake, Method::GET, "/v1/cluster", "").await.json();
    assert_eq!(status["name"], "Ted");
    assert_eq!(status["members"][1]["name"], "Ana");
    assert_eq!(status["members"][1]["condition"], "up");
    assert_eq!(status["buckets"][0]["name"], "default");
    assert_eq!(status["voters"], json!(["Ted"]));
    let ring = ask(&fake, Method::GET, "/v1/ring", "").await.json();
    assert_eq!(ring["partitions"], 16);
    assert_eq!(ring["members"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn repair_says_what_differs_from_whom() {
    let tree = Tree { partition: PartitionId(7), bucket: BucketId::DEFAULT };
    let fake = Arc::new(Fake::new(move |request| match request {
        Request::Admin(Admin::Status) => Response::Status(Box::new(fake::status(&["Ted", "Ana"]))),
        Request::Admin(Admin::RepairStatus { partition: None } | Admin::RepairRun) => {
            let one = TreeStatus {
                tree,
                identical_at: Some(Wall(5)),
                differing: vec![(NodeId(2), Wall(9))],
                not_compared: Vec::new(),
            };
            let status = RepairStatus {
                trees: 16,
                identical: 15,
                differing: 1,
                oldest: Some(Wall(5)),
                ..RepairStatus::default()
            };
            Response::Repair(Box::new(RepairStatus { listed: vec![one], ..status }))
        }
        _ => Response::Repair(Box::default()),
    }));
    let expected = json!({ "partition": 7, "bucket": "default", "identicalSince": 5, "notCompared": [],
        "differing": [{ "nodeId": "00000000-0000-0000-0000-000000000002", "name": "Ana", "since": 9 }] });
    for method in [Method::GET, Method::POST] {
        let json = ask(&fake, method, "/v1/repair", "").await.json();
        assert_eq!((&json["trees"], &json["identical"], &json["name"]), (&16.into(), &15.into(), &"Ted".into()));
        assert_eq!(json["listed"][0], expected);
    }
    assert_eq!(ask(&fake, Method::GET, "/v1/repair?partition=7", "").await.json()["trees"], 0);
    let reply = ask(&fake, Method::GET, "/v1/repair?partition=16", "").await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "invalid-field"));
}

#[tokio::test]
async fn a_change_is_planned_by_name_and_applied_by_plan() {
    let fake = cluster(&["Ted", "Ana"]);
    let plan = ask(&fake, Method::POST, "/v1/cluster/plan", r#"{"leave":"ana"}"#).await.json();
    assert_eq!(plan["leave"]["name"], "Ana");
    assert_eq!(
        plan["gains"],
        json!([
            { "nodeId": "00000000-0000-0000-0000-000000000001", "name": "Ted", "copies": 8 },
            { "nodeId": "00000000-0000-0000-0000-000000000000", "name": "the new node", "copies": 1 },
        ])
    );
    let numbers = ["bytes", "seconds", "atRisk", "lost", "single", "tooFewCopies"].map(|name| plan[name].as_u64());
    assert_eq!(numbers, [1_024, 7, 1, 2, 3, 4].map(Some));
    let apply = json!({ "leave": "Ana", "plan": plan["plan"] }).to_string();
    let reply = ask(&fake, Method::POST, "/v1/cluster/apply", apply).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["leave"]["name"]), (202, &"Ana".into()));

    let other = json!({ "leave": "Ana", "plan": "00".repeat(32) }).to_string();
    let reply = ask(&fake, Method::POST, "/v1/cluster/apply", other).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (409, "plan-changed"));
    let reply = ask(&fake, Method::POST, "/v1/cluster/plan", r#"{"leave":"Bob"}"#).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "unknown-node"));
    assert!(reply.json()["detail"].as_str().unwrap().contains("Ted, Ana"));
    assert_eq!(ask(&fake, Method::POST, "/v1/cluster/apply", r#"{"leave":"Ana"}"#).await.problem(), "missing-field");
}

#[tokio::test]
async fn every_change_can_be_planned_and_only_one_at_a_time() {
    let fake = cluster(&["Ted", "Ana"]);
    for (body, kind, change) in [
        (r#"{"remove":"Ana"}"#, "remove", Admin::Remove { node: NodeId(2) }),
        (r#"{"reweigh":"Ana","weight":50}"#, "reweigh", Admin::Reweigh { node: NodeId(2), weight: 50 }),
        (r#"{"bucket":"default","n":2}"#, "bucket", Admin::SetBucket(Bucket::default_bucket(2))),
    ] {
        // The bucket has its levels from before.
        let reply = ask(&fake, Method::POST, "/v1/cluster/plan", body).await.json();
        assert_eq!(reply["change"], kind, "{reply}");
        let wanted = Request::Admin(Admin::Plan(Box::new(change)));
        assert_eq!(fake.asked.lock().unwrap().last().unwrap().0, wanted);
    }
    let plan = ask(&fake, Method::POST, "/v1/cluster/plan", r#"{"replace":"ana"}"#).await.json();
    assert_eq!(plan["replace"]["name"], "Ana");
    for (body, problem) in [
        (r#"{"leave":"Ana","remove":"Ted"}"#, "invalid-field"),
        (r#"{"reweigh":"Ana"}"#, "missing-field"),
        (r#"{"bucket":"default"}"#, "missing-field"),
        (r#"{"weight":50}"#, "missing-field"),
        (r#"{"leave":"Ana","weight":50}"#, "unknown-field"),
    ] {
        assert_eq!(ask(&fake, Method::POST, "/v1/cluster/plan", body).await.problem(), problem, "{body}");
    }
    assert_eq!(ask(&fake, Method::POST, "/v1/cluster/abort", "").await.status, 202);
}

#[tokio::test]
async fn buckets_are_made_and_changed() {
    let fake = cluster(&["Ted"]);
    let body = r#"{"n":2,"r":"one","w":2,"rule":"siblings","ttl":"1h"}"#;
    let reply = ask(&fake, Method::PUT, "/v1/buckets/cart", body).await;
    assert_eq!(reply.status, 201);
    let expected = json!({
        "id": 0, "name": "cart", "n": 2, "r": "one", "w": "2", "mode": "eventual", "rule": "siblings", "ttl": "1h"
    });
    assert_eq!(reply.json(), expected);
    let reply = ask(&fake, Method::PUT, "/v1/buckets/default", r#"{"w":"all"}"#).await;
    assert_eq!(reply.status, 200);
    assert_eq!(ask(&fake, Method::GET, "/v1/buckets/default", "").await.json()["name"], "default");
    assert_eq!(ask(&fake, Method::GET, "/v1/buckets/carts", "").await.problem(), "unknown-bucket");
    assert_eq!(ask(&fake, Method::GET, "/v1/buckets/%FF", "").await.problem(), "unknown-path");
    ask(&fake, Method::PUT, "/v1/buckets/default", r#"{"w":"all"}"#).await;
    let asked = fake.asked.lock().unwrap();
    let Some((Request::Admin(Admin::SetBucket(bucket)), _)) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(*bucket, Bucket { w: Level::All, rule: Rule::LastWriterWins, ..Bucket::default_bucket(3) });
}

#[tokio::test]
async fn wrong_bucket_settings_are_refused() {
    let fake = cluster(&["Ted"]);
    assert_eq!(ask(&fake, Method::PUT, "/v1/buckets/Cart", "{}").await.problem(), "invalid-field");
    for body in [r#"{"n":0}"#, r#"{"r":"most"}"#, r#"{"rule":"first"}"#, r#"{"ttl":"soon"}"#, r#"{"mode":"x"}"#] {
        assert_eq!(ask(&fake, Method::PUT, "/v1/buckets/cart", body).await.problem(), "invalid-field", "{body}");
    }
    assert_eq!(ask(&fake, Method::PUT, "/v1/buckets/cart", r#"{"color":"x"}"#).await.problem(), "unknown-field");
}

#[tokio::test]
async fn health_checks_tell_ready_from_alive() {
    let fake = cluster(&["Ted", "Ana"]);
    assert_eq!(ask(&fake, Method::GET, "/livez", "").await.status, 200);
    let ready = ask(&fake, Method::GET, "/readyz", "").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["name"]), (200, &"Ted".into()));
    assert_eq!(fake.asked.lock().unwrap().last().unwrap().1, Some(Span::secs(1)));
    assert_eq!(ask(&fake, Method::GET, "/healthz", "").await.json()["status"], "ok");

    let leaving = Arc::new(Fake::new(|_| {
        let mut status = fake::status(&["Ted", "Ana"]);
        status.members[0].leaving = true;
        Response::Status(Box::new(status))
    }));
    let reply = ask(&leaving, Method::GET, "/readyz", "").await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (503, "not-ready"));
    assert_eq!(ask(&leaving, Method::GET, "/livez", "").await.status, 200);
}

#[tokio::test]
async fn browsers_get_the_console_and_programs_a_directory() {
    let fake = cluster(&["Ted"]);
    let browser = HttpRequest::get("/").header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let page = send(&fake, browser.body(Body::empty()).unwrap()).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(ask(&fake, Method::GET, "/console", "").await.body, page.body);
    let directory = ask(&fake, Method::GET, "/", "").await.json();
    assert_eq!(directory["console"], "/console");
    assert_eq!(
        ask(&fake, Method::GET, "/console/app.js", "").await.headers["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert_eq!(ask(&fake, Method::GET, "/console/nope.js", "").await.problem(), "unknown-path");
}
