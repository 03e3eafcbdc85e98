//! `alianza cluster`: status, and changes that are planned, looked at, and applied.

use crate::args::{Change, Cluster, ClusterCommand, Target, Which};
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::output;
use crate::table;
use serde_json::{Value, json};

/// Shows the cluster, or plans or applies a change.
pub(crate) fn run(args: &Cluster) -> Result<(), Failure> {
    match &args.command {
        ClusterCommand::Status(target) => show(target, Client::to(target)?.get("/v1/cluster")?, status),
        ClusterCommand::Plan { change, target } => {
            let plan = Client::to(target)?.post("/v1/cluster/plan", &fields(change))?;
            show(target, plan, describe_plan)
        }
        ClusterCommand::Apply { plan, change, target } => {
            let mut body = fields(change);
            body["plan"] = plan.as_str().into();
            show(target, Client::to(target)?.post("/v1/cluster/apply", &body)?, applied)
        }
        ClusterCommand::Remove { node, target } => {
            let answer = planned_and_applied(&Client::to(target)?, "remove", &json!({ "remove": node }))?;
            show(target, answer, applied)
        }
        ClusterCommand::Weight { node, weight, target } => {
            let body = json!({ "reweigh": node, "weight": weight });
            show(target, planned_and_applied(&Client::to(target)?, "reweigh", &body)?, applied)
        }
        ClusterCommand::Abort(target) => {
            let answer = Client::to(target)?.post("/v1/cluster/abort", &json!({}))?;
            show(target, answer, |answer| format!("taken back as of epoch {}\n", text(answer, "epoch")))
        }
    }
}

/// A change as the fields of a request.
fn fields(change: &Change) -> Value {
    let Which { leave, remove, replace, reweigh, bucket } = &change.which;
    let mut body = json!({});
    let texts = [("leave", leave), ("remove", remove), ("replace", replace), ("reweigh", reweigh), ("bucket", bucket)];
    for (name, text) in texts {
        if let Some(text) = text {
            body[name] = text.as_str().into();
        }
    }
    for (name, number) in [("weight", change.weight), ("n", change.n.map(u32::from))] {
        if let Some(number) = number {
            body[name] = number.into();
        }
    }
    body
}

/// Makes a plan for a change and applies it at once, unless it puts data at risk: that somebody must have seen.
pub(super) fn planned_and_applied(client: &Client, kind: &str, change: &Value) -> Result<Value, Failure> {
    let plan = client.post("/v1/cluster/plan", change)?;
    if kind == "remove" && plan["atRisk"].as_u64().unwrap_or(0) > 0 {
        let shown = describe_plan(&plan);
        return Err(Failure::new(Code::Conflict, format!("this may lose data, so look at it first.\n{shown}")));
    }
    let mut body = change.clone();
    body["plan"] = plan["plan"].clone();
    // The name may belong to another node by now.
    if !plan[kind]["nodeId"].is_null() {
        body[kind] = plan[kind]["nodeId"].clone();
    }
    client.post("/v1/cluster/apply", &body)
}

fn show(target: &Target, answer: Value, as_text: impl Fn(&Value) -> String) -> Result<(), Failure> {
    if target.json { output::print_json(&answer) } else { output::print(&as_text(&answer)) }
}

/// A member of an answer as text; nothing if it is not there.
pub(super) fn text(object: &Value, name: &str) -> String {
    match &object[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The elements of a list in an answer; none if it is not there.
pub(super) fn elements(object: &Value, name: &str) -> Vec<Value> {
    object[name].as_array().cloned().unwrap_or_default()
}

fn status(cluster: &Value) -> String {
    let head = ["NAME", "STATE", "CONDITION", "SEED", "TOKENS", "COPIES", "ZONE", "URI"];
    let rows: Vec<Vec<String>> = elements(cluster, "members").iter().map(member).collect();
    let mut lines = table::lay_out(&head, &rows);
    let voters: Vec<String> = elements(cluster, "voters").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    lines += &format!(
        "\ncluster {}, epoch {} (stable {}), {} partitions, voters {}\n",
        text(cluster, "cluster"),
        text(cluster, "epoch"),
        text(cluster, "stable"),
        text(cluster, "partitions"),
        voters.join(", ")
    );
    lines += &movement(cluster);
    for step in elements(cluster, "steps") {
        lines += &format!("{}\n", step.as_str().unwrap_or_default());
    }
    for reason in elements(cluster, "blocked") {
        lines += &format!("blocked: {}\n", reason.as_str().unwrap_or_default());
    }
    lines
}

fn member(member: &Value) -> Vec<String> {
    let own = if member["self"] == true { " *" } else { "" };
    let seed = if member["seed"] == true { "yes" } else { "" };
    vec![
        format!("{}{own}", text(member, "name")),
        text(member, "state"),
        text(member, "condition"),
        seed.to_owned(),
        text(member, "tokens"),
        text(member, "copies"),
        text(member, "zone"),
        text(member, "uri"),
    ]
}

fn hints_for(hints: &Value) -> String {
    let least = if hints["more"] == true { "at least " } else { "" };
    let full = if hints["full"] == true { "; no more are taken, anti-entropy will bring the rest" } else { "" };
    format!("{least}{} writes are kept here for {}{full}\n", text(hints, "waiting"), text(hints, "name"))
}

fn movement(cluster: &Value) -> String {
    let number = |name: &str| cluster[name].as_u64().unwrap_or(0);
    let hints: String = elements(cluster, "hints").iter().map(hints_for).collect();
    let moving = match (number("moving"), number("epoch") == number("stable")) {
        (0, true) => "no data is moving\n".to_owned(),
        (0, false) => "data is moving; this node has sent its part\n".to_owned(),
        (moving, _) => format!(
            "data is moving; {moving} partitions are still to be sent from here, about {} in {} s or more\n",
            human_bytes(number("bytesLeft")),
            number("secondsLeft")
        ),
    };
    moving + &hints
}

fn describe_plan(plan: &Value) -> String {
    let bytes = plan["bytes"].as_u64().unwrap_or(0);
    let rows: Vec<Vec<String>> =
        elements(plan, "gains").iter().map(|gain| vec![text(gain, "name"), text(gain, "copies")]).collect();
    let mut lines = format!(
        "If {}, the replicas of {} partitions change, and about {} move, in {} s or more.\n\n",
        what(plan),
        text(plan, "partitions"),
        human_bytes(bytes),
        plan["seconds"].as_u64().unwrap_or(0)
    );
    lines += &table::lay_out(&["NODE", "GAINS"], &rows);
    lines += &dangers(plan);
    lines + &format!("\nTo do it:  {}\n", command(plan))
}

/// The change of a plan, as the beginning of a sentence.
fn what(plan: &Value) -> String {
    let kind = text(plan, "change");
    let name = text(&plan[kind.as_str()], "name");
    match kind.as_str() {
        "leave" => format!("{name} leaves"),
        "remove" => format!("{name} is removed as dead"),
        "replace" => format!("a new node replaces {name}"),
        "reweigh" => format!("{name} gets weight {}", text(plan, "weight")),
        _ => format!("bucket {name} has {} copies", text(&plan["bucket"], "n")),
    }
}

/// How to carry out a plan.
fn command(plan: &Value) -> String {
    let (id, kind) = (text(plan, "plan"), text(plan, "change"));
    let name = text(&plan[kind.as_str()], "name");
    let risky = plan["atRisk"].as_u64().unwrap_or(0) > 0;
    match kind.as_str() {
        "replace" if risky => format!("alianza start --replace {name} --replace-plan {id} --seeds URL"),
        "replace" => format!("alianza start --replace {name} --seeds URL"),
        "reweigh" => format!("alianza cluster apply {id} --reweigh {name} --weight {}", text(plan, "weight")),
        "bucket" => format!("alianza cluster apply {id} --bucket {name} --n {}", text(&plan["bucket"], "n")),
        _ => format!("alianza cluster apply {id} --{kind} {name}"),
    }
}

/// What a plan puts in danger, a line each.
fn dangers(plan: &Value) -> String {
    let number = |name: &str| plan[name].as_u64().unwrap_or(0);
    let mut lines = String::new();
    for (name, danger) in [
        ("lost", "LOST: of {} partitions nobody is left who holds them"),
        ("atRisk", "at risk: of {} partitions too few replicas are left that answer; newest writes may be lost"),
        ("single", "on one node: of {} partitions a single replica is left that answers"),
        ("tooFewCopies", "{} partitions will have fewer copies than their buckets ask for"),
    ] {
        if number(name) > 0 {
            lines += &format!("\n{}", danger.replace("{}", &number(name).to_string()));
        }
    }
    if lines.is_empty() { lines } else { lines + "\n" }
}

fn applied(answer: &Value) -> String {
    format!(
        "{} as of epoch {}; `alianza cluster status` shows what is left to move\n",
        what(answer),
        text(answer, "epoch")
    )
}

/// A number of bytes for people.
pub(super) fn human_bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = units.iter().enumerate().rev().find(|(power, _)| bytes >> (10 * power) > 0);
    match unit {
        None | Some((0, _)) => format!("{bytes} B"),
        Some((power, name)) => format!("{:.1} {name}", bytes as f64 / (1_u64 << (10 * power)) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::{describe_plan, human_bytes, status};
    use serde_json::json;

    #[test]
    fn a_status_lists_members_and_what_blocks() {
        let text = status(&json!({
            "cluster": "c", "epoch": 4, "stable": 3, "partitions": 4096, "moving": 7, "hints": [{ "name": "Bo", "waiting": 3, "more": true, "full": false }],
            "voters": ["Ted"], "blocked": ["Ana does not answer"],
            "members": [{ "name": "Ted", "self": true, "state": "active", "condition": "up", "seed": true, "tokens": 16,
                "copies": 4096, "zone": null, "uri": "http://127.0.0.1:8080" }],
        }));
        assert!(text.contains("Ted *  active  up         yes       16    4096        http://127.0.0.1:8080"), "{text}");
        assert!(text.contains("at least 3 writes are kept here for Bo\n"), "{text}");
        assert!(text.contains("7 partitions are still to be sent") && text.contains("blocked: Ana"), "{text}");
    }

    #[test]
    fn a_plan_says_how_to_do_it() {
        let text = describe_plan(&json!({
            "plan": "ab12", "change": "leave", "leave": { "name": "Ana" }, "partitions": 12, "bytes": 3_000_000,
            "atRisk": 2, "gains": [{ "name": "Ted", "copies": 12 }],
        }));
        assert!(text.contains("about 2.9 MiB move") && text.contains("at risk: of 2 partitions"), "{text}");
        assert!(text.contains("alianza cluster apply ab12 --leave Ana"), "{text}");
    }

    #[test]
    fn bytes_are_shown_in_fitting_units() {
        assert_eq!([human_bytes(0), human_bytes(1_023), human_bytes(1_024)], ["0 B", "1023 B", "1.0 KiB"]);
    }
}
