//! JSON-RPC: the examples of its specification, and our methods.

use super::methods::METHODS;
use super::protocol::{self, CALLS_MAX, Fault, METHOD_NOT_FOUND};
use super::request::{Asked, Params};
use crate::fake::{self, Fake};
use crate::tests::ask;
use axum::http::Method;
use bytes::Bytes;
use proto::{Refusal, Request, Response, Written};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The methods that the specification's examples suppose.
async fn example(name: String, params: Params) -> Result<Vec<u8>, Fault> {
    let number = |value: &Json| value.as_i64().unwrap();
    let result = match (name.as_str(), serde_json::from_slice(&params.0).unwrap()) {
        ("subtract", Json::Array(of)) => json!(number(&of[0]) - number(&of[1])),
        ("subtract", Json::Object(of)) => json!(number(&of["minuend"]) - number(&of["subtrahend"])),
        ("sum", Json::Array(of)) => json!(of.iter().map(number).sum::<i64>()),
        ("get_data", _) => json!(["hello", 5]),
        ("update" | "notify_hello" | "notify_sum", _) => json!(null),
        _ => return Err(Fault::new(METHOD_NOT_FOUND, "Method not found")),
    };
    Ok(result.to_string().into())
}

async fn answered(body: &str) -> Option<Json> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let answer = protocol::answer(&body, 1 << 20, |name, params| Box::pin(example(name, params))).await;
    answer.map(|answer| serde_json::from_slice(&answer).unwrap())
}

fn failed(id: Json, code: i64) -> Json {
    json!({ "jsonrpc": "2.0", "error": { "code": code }, "id": id })
}

/// Our messages say more than those of the specification.
fn without_messages(answer: Option<Json>) -> Option<Json> {
    fn strip(answer: &mut Json) {
        match answer {
            Json::Array(all) => all.iter_mut().for_each(strip),
            other => {
                if let Some(error) = other.get_mut("error").and_then(Json::as_object_mut) {
                    assert!(error.remove("message").is_some_and(|message| message.is_string()));
                }
            }
        }
    }
    let mut answer = answer?;
    strip(&mut answer);
    Some(answer)
}

#[tokio::test]
async fn the_examples_of_the_specification() {
    let ok = |id: Json, result: Json| Some(json!({ "jsonrpc": "2.0", "result": result, "id": id }));
    for (body, expected) in [
        (r#"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#, ok(json!(1), json!(19))),
        (r#"{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}"#, ok(json!(2), json!(-19))),
        (
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}"#,
            ok(json!(3), json!(19)),
        ),
        (
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}"#,
            ok(json!(4), json!(19)),
        ),
        (r#"{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}"#, None),
        (r#"{"jsonrpc": "2.0", "method": "foobar"}"#, None),
        (r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#, Some(failed(json!("1"), -32_601))),
        (r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#, Some(failed(json!(null), -32_700))),
        (r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#, Some(failed(json!(null), -32_600))),
        (
            r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method"]"#,
            Some(failed(json!(null), -32_700)),
        ),
        ("[]", Some(failed(json!(null), -32_600))),
        ("[1]", Some(json!([failed(json!(null), -32_600)]))),
        (
            "[1,2,3]",
            Some(json!([failed(json!(null), -32_600), failed(json!(null), -32_600), failed(json!(null), -32_600)])),
        ),
        (
            r#"[
                {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
                {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
                {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
                {"foo": "boo"},
                {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
                {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
            ]"#,
            Some(json!([
                { "jsonrpc": "2.0", "result": 7, "id": "1" },
                { "jsonrpc": "2.0", "result": 19, "id": "2" },
                failed(json!(null), -32_600),
                failed(json!("5"), -32_601),
                { "jsonrpc": "2.0", "result": ["hello", 5], "id": "9" },
            ])),
        ),
        (
            r#"[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]}, {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]"#,
            None,
        ),
    ] {
        assert_eq!(without_messages(answered(body).await), expected, "{body}");
    }
}

#[tokio::test]
async fn batches_are_bounded_and_ids_are_plain() {
    let many = format!("[{}1]", "1,".repeat(CALLS_MAX));
    assert_eq!(without_messages(answered(&many).await), Some(failed(json!(null), -32_600)));
    let id = r#"{"jsonrpc": "2.0", "method": "get_data", "id": {}}"#;
    assert_eq!(without_messages(answered(id).await), Some(failed(json!(null), -32_600)));
    let null = r#"{"jsonrpc": "2.0", "method": "get_data", "id": null}"#;
    assert!(answered(null).await.is_some());
    let twice = r#"{"jsonrpc": "2.0", "method": "get_data", "id": 1, "id": 2}"#;
    assert_eq!(without_messages(answered(twice).await), Some(failed(json!(null), -32_600)));
    let broken_behind = format!("[{}1,", "1,".repeat(CALLS_MAX));
    assert_eq!(without_messages(answered(&broken_behind).await), Some(failed(json!(null), -32_700)));
}

#[test]
fn of_a_body_only_places_are_kept_and_so_many() {
    let calls = |count: usize| format!("[{}[{{\"\":[0,0]}}]]", "0,".repeat(count - 1));
    let most = calls(CALLS_MAX);
    assert!(
        matches!(Asked::read(&most), Ok(Asked::Batch(all)) if all.len() == CALLS_MAX && all[999] == "[{\"\":[0,0]}]")
    );
    assert!(matches!(Asked::read(&calls(CALLS_MAX + 1)), Ok(Asked::TooMany)));
    let params = |count: usize| Params(format!("[{}0]", "0,".repeat(count - 1)).into());
    assert_eq!(params(64).listed().unwrap().unwrap().len(), 64);
    assert_eq!(params(65).listed(), Some(None));
}

#[tokio::test]
async fn answers_are_bounded_and_what_is_behind_is_not_carried_out() {
    let body = Bytes::from_static(
        br#"[{"jsonrpc":"2.0","method":"big","id":1},{"jsonrpc":"2.0","method":"big","id":"b"},
            {"jsonrpc":"2.0","method":"big","id":3},{"jsonrpc":"2.0","method":"big"}]"#,
    );
    let carried_out = Arc::new(AtomicU64::new(0));
    let answer = protocol::answer(&body, 150, |_, _| {
        carried_out.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(format!("{:?}", "x".repeat(100)).into()) })
    });
    let answer: Json = serde_json::from_slice(&answer.await.unwrap()).unwrap();
    assert_eq!((&answer[0]["id"], &answer[1]["id"], &answer[2]["id"]), (&json!(1), &json!("b"), &json!(3)));
    assert!(answer[0]["result"].is_string() && answer[1]["result"].is_string());
    assert_eq!((&answer[2]["error"]["code"], &answer[2]["error"]["data"]["status"]), (&json!(-32_013), &json!(413)));
    assert_eq!(answer.as_array().unwrap().len(), 3);
    // The first two and the notification.
    assert_eq!(carried_out.load(Ordering::SeqCst), 3);
}

fn node() -> Arc<Fake> {
    Arc::new(Fake::new(|request| match request {
        Request::Put(_) => Response::Written(Written { context: Default::default(), acknowledged: 2 }),
        Request::Get(_) => Response::Refused(Refusal::QuorumUnmet { needed: 2, got: 1, write: false }),
        Request::Admin(proto::Admin::RepairStatus { .. }) => Response::Repair(Box::default()),
        Request::Scan(_) => Response::Page(proto::Page { items: Vec::new(), next: None }),
        Request::Admin(proto::Admin::History) => Response::History(Vec::new()),
        _ => Response::Status(Box::new(fake::status(&["Ted"]))),
    }))
}

async fn rpc(body: Json) -> Json {
    ask(&node(), Method::POST, "/rpc", body.to_string()).await.json()
}

#[tokio::test]
async fn items_are_written_by_name_and_by_position() {
    for params in [json!({ "key": "9", "value": "nine", "ttl": "30s" }), json!(["9", "nine", "default"])] {
        let answer = rpc(json!({ "jsonrpc": "2.0", "method": "item.put", "params": params, "id": 7 })).await;
        assert_eq!(answer, json!({ "jsonrpc": "2.0", "result": { "key": "9", "acknowledged": 2 }, "id": 7 }));
    }
    let notified =
        ask(&node(), Method::POST, "/rpc", r#"{"jsonrpc":"2.0","method":"item.put","params":["9","x"]}"#).await;
    assert_eq!((notified.status.as_u16(), notified.body.len()), (204, 0));
}

#[tokio::test]
async fn errors_carry_the_problem() {
    let code = async |method: &str, params: Json| {
        let answer = rpc(json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 })).await;
        (answer["error"]["code"].as_i64(), answer["error"]["data"]["type"].as_str().map(str::to_owned))
    };
    assert_eq!(code("item.get", json!(["9"])).await, (Some(-32_053), Some("/problems/quorum-unmet".to_owned())));
    assert_eq!(code("item.get", json!({})).await, (Some(-32_602), Some("/problems/missing-field".to_owned())));
    assert_eq!(code("item.get", json!(["9", "nowhere"])).await.0, Some(-32_004));
    assert_eq!(code("item.get", json!([1, 2, 3, 4])).await, (Some(-32_602), None));
    assert_eq!(code("node.stats", json!(["Nobody"])).await.0, Some(-32_004));
    assert_eq!(code("node.stats", json!({ "nide": "Ted" })).await.0, Some(-32_602));
    for no_partition in [json!(99), json!(1.5), json!("-5"), json!("1x2"), json!(-1), json!("0000000001x")] {
        assert_eq!(code("repair.status", json!([no_partition])).await.0, Some(-32_602), "{no_partition}");
    }
    let twice = r#"{"jsonrpc":"2.0","method":"item.get","params":{"key":"a","key":"b"},"id":1}"#;
    assert_eq!(ask(&node(), Method::POST, "/rpc", twice).await.json()["error"]["code"], -32_602);
    assert_eq!(code("item.pop", json!([])).await.0, Some(-32_601));
}

#[tokio::test]
async fn every_method_is_carried_out_and_described() {
    let document = rpc(json!({ "jsonrpc": "2.0", "method": "rpc.discover", "id": 1 })).await;
    let described: Vec<&str> = document["result"]["methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| method["name"].as_str().unwrap())
        .collect();
    assert_eq!(described, METHODS.iter().map(|method| method.name).collect::<Vec<_>>());
    for method in METHODS {
        let params = if method.name == "repair.status" { json!([3]) } else { json!({}) };
        let answer = rpc(json!({ "jsonrpc": "2.0", "method": method.name, "params": params, "id": 1 })).await;
        // A scripted node has no audit log; `access::tests` reads one.
        assert!(answer["error"]["code"] != -32_603 || method.name == "audit.read", "{answer}");
        assert_ne!(answer["error"]["code"], -32_601, "{answer}");
    }
    let put = &document["result"]["methods"][1];
    assert_eq!((put["params"][0]["name"].as_str(), put["params"][1]["name"].as_str()), (Some("key"), Some("value")));
}
