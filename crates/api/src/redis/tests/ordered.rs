//! Strings in a linearizable bucket, at a node that keeps them in memory.

use super::Client;
use crate::fake::{Fake, status};
use crate::redis::RedisOptions;
use proto::{Bucket, Current, Edit, Expect, ItemKey, Mode, Refusal, Request, Response, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A node whose bucket `default` is linearizable.
fn ordered() -> Fake {
    let bucket = Bucket { mode: Mode::Linearizable, ..Bucket::default_bucket(3) };
    let items: Mutex<BTreeMap<ItemKey, (u64, Value)>> = Mutex::default();
    Fake::new(move |request| {
        let mut items = items.lock().unwrap();
        let current =
            |(version, value): (u64, Value)| Current { version, value: Some(value), expires: None, stamp: None };
        let nothing = Current { version: 0, value: None, expires: None, stamp: None };
        let held =
            |items: &BTreeMap<ItemKey, (u64, Value)>, key: &ItemKey| items.get(key).map_or(0, |(version, _)| *version);
        let (key, value) = match request {
            Request::Admin(_) => {
                let mut status = status(&["Ted"]);
                status.buckets = vec![bucket.clone()];
                return Response::Status(Box::new(status));
            }
            Request::Get(get) => return Response::Current(items.get(&get.key).cloned().map_or(nothing, current)),
            Request::Cas(cas) => match (&cas.expect, &cas.edit) {
                (Expect::Any, Edit::Put(value)) => (&cas.key, value.clone()),
                (Expect::Version(seen), Edit::Put(value)) if *seen == held(&items, &cas.key) => {
                    (&cas.key, value.clone())
                }
                other => panic!("{other:?}"),
            },
            _ => return Response::Refused(Refusal::Overloaded),
        };
        let version = held(&items, key) + 1;
        items.insert(key.clone(), (version, value.clone()));
        Response::Swapped(current((version, value)))
    })
}

#[tokio::test]
async fn numbers_are_added_to_exactly() {
    let mut client = Client::of(Arc::new(ordered()), RedisOptions::default()).await;
    for (line, reply) in [
        ("SET n 9007199254740993", "+OK\r\n"),
        ("INCRBYFLOAT n 0", "$16\r\n9007199254740993\r\n"),
        ("GET n", "$16\r\n9007199254740993\r\n"),
        ("SET n 0.1", "+OK\r\n"),
        ("INCRBYFLOAT n 0.2", "$3\r\n0.3\r\n"),
        ("INCRBYFLOAT new -3.0e3", "$5\r\n-3000\r\n"),
        ("SET n word", "+OK\r\n"),
        ("INCRBYFLOAT n 1", "-ERR value is not a valid float\r\n"),
        ("INCRBYFLOAT n x", "-ERR value is not a valid float\r\n"),
        ("SET n 1e21", "+OK\r\n"),
        ("INCRBYFLOAT n 1", "-ERR increment would leave the range of numbers\r\n"),
        ("GET n", "$4\r\n1e21\r\n"),
    ] {
        client.ask(line, reply).await;
    }
}
