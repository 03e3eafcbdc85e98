//! Writes many items in a batch and reads them back as a stream, stopping in the middle and going on from the cursor.
//!
//! Start three nodes with `alianza dev`, then: `cargo run -p client --example scan`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use client::policy::{LeastConnections, TokenAware};
use client::{Client, Error, Key};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let node = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let client = Client::builder([node])
        .policy(TokenAware::over(LeastConnections::default()))
        .patience(Duration::from_secs(5))
        .build()?;
    let logs = client.bucket("default");

    let mut batch = client.batch();
    for at in 0..100 {
        batch.push(logs.put(Key::sorted("log", format!("{at:03}")), format!("line {at}")));
    }
    let failed = batch.run().await?.into_iter().filter(Result::is_err).count();
    println!("written, {failed} failed");

    let mut scan = logs.range("log").from("010").to("090").page(20);
    for _ in 0..30 {
        scan.next().await?;
    }
    let cursor = scan.cursor().map(str::to_owned);
    println!("stopped; the page began at {cursor:?}");
    let mut rest = logs.range("log").from("010").to("090").page(20);
    if let Some(cursor) = cursor {
        rest = rest.resume(cursor);
    }
    let mut count = 0;
    while rest.next().await?.is_some() {
        count += 1;
    }
    println!("{count} items from there on");
    Ok(())
}
