//! `alianza bucket`: the buckets and their settings.

use super::cluster::text;
use crate::args::{Bucket, BucketCommand, BucketSet, Target};
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use crate::table;
use serde_json::{Map, Value};

/// Lists buckets, or makes or changes one.
pub(crate) fn run(args: &Bucket) -> Result<(), Failure> {
    match &args.command {
        BucketCommand::List(target) => list(target),
        BucketCommand::Set(set) => change(set),
    }
}

fn list(target: &Target) -> Result<(), Failure> {
    let answer = Client::to(target)?.get("/v1/buckets")?;
    if target.json {
        return output::print_json(&answer);
    }
    let buckets = answer["buckets"].as_array().map(Vec::as_slice).unwrap_or_default();
    output::print(&lay_out(buckets))
}

fn lay_out(buckets: &[Value]) -> String {
    let fields = ["name", "n", "r", "w", "mode", "rule", "ttl"];
    let head = ["NAME", "N", "R", "W", "MODE", "RULE", "TTL"];
    let rows: Vec<Vec<String>> =
        buckets.iter().map(|bucket| fields.map(|field| text(bucket, field)).to_vec()).collect();
    table::lay_out(&head, &rows)
}

fn change(set: &BucketSet) -> Result<(), Failure> {
    let mut body = Map::new();
    let mut add = |name: &str, value: Option<Value>| value.map(|value| body.insert(name.to_owned(), value));
    add("n", set.n.map(Value::from));
    add("r", set.r.clone().map(Value::from));
    add("w", set.w.clone().map(Value::from));
    add("mode", set.mode.clone().map(Value::from));
    add("rule", set.rule.clone().map(Value::from));
    add("ttl", set.ttl.clone().map(|ttl| if ttl == "none" { Value::Null } else { ttl.into() }));
    let path = format!("/v1/buckets/{}", escaped(&set.name));
    let answer = Client::to(&set.target)?.put(&path, &Value::Object(body))?;
    if set.target.json { output::print_json(&answer) } else { output::print(&lay_out(&[answer])) }
}

/// A name as a part of a path.
pub(super) fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_are_escaped_in_paths() {
        assert_eq!(escaped("carts_2.0"), "carts_2.0");
        assert_eq!(escaped("a/b ñ"), "a%2Fb%20%C3%B1");
    }
}
