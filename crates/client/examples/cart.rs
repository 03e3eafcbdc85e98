//! Shopping carts that lose nothing: several people fill one cart at the same time, in a bucket that keeps siblings.
//!
//! Start three nodes with `alianza dev`, then: `cargo run -p client --example cart`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use client::{BucketChange, Client, Edit, Error, Rule, Value};
use std::collections::BTreeSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let node = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let client = Client::connect([node])?;
    client.set_bucket("carts", &BucketChange::default().rule(Rule::Siblings)).await?;
    let carts = client.bucket("carts");

    let add = |what: &'static str| {
        let carts = carts.clone();
        tokio::spawn(async move { carts.update("ana", union, |cart| with(cart, what)).await })
    };
    let people = ["apples", "bread", "cheese"].map(add);
    for person in people {
        person.await.map_err(|error| Error::Usage(error.to_string()))??;
    }

    let cart = carts.settle("ana", union).await?;
    let lines = cart.value()?.map(lines).unwrap_or_default();
    println!("the cart holds: {}", lines.into_iter().collect::<Vec<_>>().join(", "));
    Ok(())
}

/// The cart with one more thing in it.
fn with(cart: Option<Value>, what: &str) -> Edit {
    let mut all = cart.as_ref().map(lines).unwrap_or_default();
    all.insert(what.to_owned());
    Edit::Put(value(all))
}

/// What to do with carts that were filled at the same time: nothing is left out.
fn union(carts: Vec<Value>) -> Value {
    value(carts.iter().flat_map(lines).collect())
}

fn lines(cart: &Value) -> BTreeSet<String> {
    String::from_utf8_lossy(&cart.bytes).lines().map(str::to_owned).collect()
}

fn value(lines: BTreeSet<String>) -> Value {
    Value::plain(lines.into_iter().collect::<Vec<_>>().join("\n"))
}
