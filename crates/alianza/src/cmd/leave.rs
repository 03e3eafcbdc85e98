//! `alianza leave`: a node leaves, its data moves to the others, and its process ends. The node that is asked leaves by
//! itself; another one leaves by a plan that is made and applied at once.

use super::cluster::text;
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
    let plan = client.post("/v1/cluster/plan", &json!({ "leave": node }))?;
    let id = text(&plan["leave"], "nodeId");
    let mut answer = client.post("/v1/cluster/apply", &json!({ "plan": plan["plan"], "leave": id }))?;
    let name = text(&plan["leave"], "name");
    answer["detail"] = format!("{name} leaves: its data moves to the others, then its process ends.").into();
    Ok(answer)
}
