//! `alianza leave`: a node leaves, its data moves to the others, and its process ends. The node that is asked leaves by
//! itself; another one leaves by a plan that is made and applied at once.

use super::cluster::{planned_and_applied, text};
use crate::args::Leave;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use serde_json::{Value, json};

/// Lets a node leave.
pub(crate) fn run(args: &Leave) -> Result<(), Failure> {
    let client = Client::to(&args.target)?;
    let answer = match &args.node {
        None => client.post("/shutdown", &json!({}))?,
        Some(node) => by_plan(&client, node)?,
    };
    if args.target.json {
        return output::print_json(&answer);
    }
    output::remark(&text(&answer, "detail"));
    Ok(())
}

fn by_plan(client: &Client, node: &str) -> Result<Value, Failure> {
    let mut answer = planned_and_applied(client, "leave", &json!({ "leave": node }))?;
    let name = text(&answer["leave"], "name");
    answer["detail"] = format!("{name} leaves: its data moves to the others, then its process ends.").into();
    Ok(answer)
}
