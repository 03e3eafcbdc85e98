//! `alianza cluster`: status, and changes that are planned, looked at, and applied.

use crate::args::{Cluster, ClusterCommand, Target};
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use crate::table;
use serde_json::{Value, json};

/// Shows the cluster, or plans or applies a change.
pub(crate) fn run(args: &Cluster) -> Result<(), Failure> {
    match &args.command {
        ClusterCommand::Status(target) => show(target, Client::to(target)?.get("/v1/cluster")?, status),
        ClusterCommand::Plan { leave, target } => {
            let plan = Client::to(target)?.post("/v1/cluster/plan", &json!({ "leave": leave }))?;
            show(target, plan, describe_plan)
        }
        ClusterCommand::Apply { plan, leave, target } => {
            let body = json!({ "plan": plan, "leave": leave });
            show(target, Client::to(target)?.post("/v1/cluster/apply", &body)?, applied)
        }
    }
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

fn movement(cluster: &Value) -> String {
    let number = |name: &str| cluster[name].as_u64().unwrap_or(0);
    let hints = match number("hints") {
        0 => String::new(),
        hints => format!("{hints} hints are kept here for other nodes\n"),
    };
    let moving = match (number("moving"), number("epoch") == number("stable")) {
        (0, true) => "no data is moving\n".to_owned(),
        (0, false) => "data is moving; this node has sent its part\n".to_owned(),
        (moving, _) => format!("data is moving; {moving} partitions are still to be sent from here\n"),
    };
    moving + &hints
}

fn describe_plan(plan: &Value) -> String {
    let node = text(&plan["leave"], "name");
    let bytes = plan["bytes"].as_u64().unwrap_or(0);
    let rows: Vec<Vec<String>> =
        elements(plan, "gains").iter().map(|gain| vec![text(gain, "name"), text(gain, "copies")]).collect();
    let mut lines = format!(
        "If {node} leaves, the replicas of {} partitions change, and about {} move.\n\n",
        text(plan, "partitions"),
        human_bytes(bytes)
    );
    lines += &table::lay_out(&["NODE", "GAINS"], &rows);
    if plan["atRisk"].as_u64().unwrap_or(0) > 0 {
        lines += &format!(
            "\nat risk: {} partitions will have fewer copies than their buckets ask for\n",
            text(plan, "atRisk")
        );
    }
    lines + &format!("\nTo do it:  alianza cluster apply {} --leave {node}\n", text(plan, "plan"))
}

fn applied(answer: &Value) -> String {
    let node = text(&answer["leaving"], "name");
    format!(
        "{node} leaves as of epoch {}; `alianza cluster status` shows what is left to move\n",
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
            "cluster": "c", "epoch": 4, "stable": 3, "partitions": 4096, "moving": 7, "hints": 0,
            "voters": ["Ted"], "blocked": ["Ana does not answer"],
            "members": [{ "name": "Ted", "self": true, "state": "active", "condition": "up", "seed": true, "tokens": 16,
                "copies": 4096, "zone": null, "uri": "http://127.0.0.1:8080" }],
        }));
        assert!(text.contains("Ted *  active  up         yes       16    4096        http://127.0.0.1:8080"), "{text}");
        assert!(text.contains("7 partitions are still to be sent") && text.contains("blocked: Ana"), "{text}");
    }

    #[test]
    fn a_plan_says_how_to_do_it() {
        let text = describe_plan(&json!({
            "plan": "ab12", "leave": { "name": "Ana" }, "partitions": 12, "bytes": 3_000_000, "atRisk": 2,
            "gains": [{ "name": "Ted", "copies": 12 }],
        }));
        assert!(text.contains("about 2.9 MiB move") && text.contains("at risk: 2 partitions"), "{text}");
        assert!(text.contains("alianza cluster apply ab12 --leave Ana"), "{text}");
    }

    #[test]
    fn bytes_are_shown_in_fitting_units() {
        assert_eq!([human_bytes(0), human_bytes(1_023), human_bytes(1_024)], ["0 B", "1023 B", "1.0 KiB"]);
    }
}
