//! Keeps a copy of some items up to date by watching them.
//!
//! Start three nodes with `alianza dev`, then: `cargo run -p client --example watch`, and in another terminal write some:
//! `alianza put user:1 Ana`. It ends after `user:end` was written.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use client::{Bucket, Client, Error, Item, Key, Told};
use std::collections::BTreeMap;

const PREFIX: &str = "user:";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let node = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let users = Client::connect([node])?.bucket("default");
    let mut copy = BTreeMap::new();
    let mut watch = users.watch().prefix(PREFIX);
    while let Some(told) = watch.next().await? {
        match told {
            Told::Ready => copy = all(&users).await?,
            Told::Gap(why) => {
                println!("something may be missing: {why}");
                copy = all(&users).await?;
            }
            Told::Change(change) => {
                let item = users.get(change.key.clone()).await?;
                println!(
                    "{:?}: {:?}",
                    change.key.partition,
                    item.values.iter().map(|value| &value.bytes).collect::<Vec<_>>()
                );
                let is_last = change.key.partition == format!("{PREFIX}end");
                copy.insert(change.key, item);
                if is_last {
                    break;
                }
            }
        }
        println!("{} users", copy.values().filter(|item| !item.values.is_empty()).count());
    }
    Ok(())
}

/// What there is now.
async fn all(users: &Bucket) -> Result<BTreeMap<Key, Item>, Error> {
    let (mut scan, mut found) = (users.scan(), BTreeMap::new());
    while let Some(item) = scan.next().await? {
        if item.key.partition.starts_with(PREFIX.as_bytes()) {
            found.insert(item.key.clone(), item);
        }
    }
    Ok(found)
}
