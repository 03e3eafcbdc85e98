//! A lock that one holder at a time has, in a linearizable bucket: taken by a write that wants nobody there, given back by a
//! deletion that wants one's own name there.
//!
//! Start three nodes with `alianza dev`, then: `cargo run -p client --example lock`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use client::{Bucket, BucketChange, Client, Error, Reason, Rule, Writing as _};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let node = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let client = Client::connect([node])?;
    client.set_bucket("locks", &BucketChange::default().rule(Rule::Linearizable)).await?;
    let locks = client.bucket("locks");

    println!("ana takes it: {}", take(&locks, "door", "ana").await?);
    println!("bo takes it:  {}", take(&locks, "door", "bo").await?);
    locks.delete("door").if_value("ana").await?;
    println!("after ana gave it back, bo takes it: {}", take(&locks, "door", "bo").await?);
    locks.delete("door").if_value("bo").await?;
    Ok(())
}

async fn take(locks: &Bucket, name: &'static str, holder: &'static str) -> Result<bool, Error> {
    match locks.put(name, holder).if_absent().await {
        Ok(_) => Ok(true),
        Err(error) if error.reason() == Some(Reason::ConditionFailed) => Ok(false),
        Err(error) => Err(error),
    }
}
