//! `alianza events`: the membership history, oldest first.

use super::cluster::text;
use crate::args::Target;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use crate::table;
use api::utc;
use serde_json::Value;

/// Prints the history.
pub(crate) fn run(target: &Target) -> Result<(), Failure> {
    let answer = Client::to(target)?.get("/events")?;
    if target.json {
        return output::print_json(&answer);
    }
    let events = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> = events.iter().map(row).collect();
    output::print(&table::lay_out(&["TIME (UTC)", "EVENT", "NAME", "URI", "TOKENS", "NODE"], &rows))
}

fn row(event: &Value) -> Vec<String> {
    let tokens = event["tokens"].as_array().map_or(0, Vec::len);
    vec![
        utc::show(event["timestamp"].as_u64().unwrap_or(0)),
        text(event, "type"),
        text(event, "name"),
        text(event, "uri"),
        tokens.to_string(),
        text(event, "nodeId"),
    ]
}
