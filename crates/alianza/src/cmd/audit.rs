//! `alianza audit`: the audit log of one node or of all, and whether each line follows the one before.
//!
//! Invariant: a log whose chain is broken is told of and makes the command fail, after what there is was shown.

use super::bucket::escaped;
use super::cluster::text;
use crate::args::{Audit, Target};
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::output;
use crate::table;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Shows the log.
pub(crate) fn run(args: &Audit) -> Result<(), Failure> {
    let path = match &args.since {
        Some(since) => format!("/v1/audit?since={}", escaped(since)),
        None => "/v1/audit".to_owned(),
    };
    let mut entries = Vec::new();
    let mut faults = Vec::new();
    for Asked { name, target } in asked(args)? {
        let log =
            Client::to(&target).and_then(|client| client.get_bytes(&path)).and_then(|text| Log::read(&name, &text));
        match log {
            Ok(log) => {
                faults.extend(log.faults);
                entries.extend(log.entries);
            }
            // The others still have something to say.
            Err(failure) if args.node.as_deref() == Some("all") => faults.push(format!("{name}: {failure}")),
            Err(failure) => return Err(failure),
        }
    }
    entries.sort_by_key(|entry| (entry.json["at"].as_u64(), entry.node.clone(), entry.json["seq"].as_u64()));
    if args.target.json {
        entries.iter().try_for_each(|entry| output::print_line(&entry.line))?;
    } else {
        let rows: Vec<Vec<String>> = entries.iter().map(Entry::row).collect();
        let head = ["TIME (UTC)", "NODE", "SEQ", "WHO", "FROM", "WHAT", "STATE", "ABOUT"];
        output::print(&table::lay_out(&head, &rows))?;
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::new(Code::Error, faults.join("; "))) }
}

/// A node to ask.
struct Asked {
    name: String,
    target: Target,
}

/// Which nodes to ask. Each has its own log, so each is asked itself.
fn asked(args: &Audit) -> Result<Vec<Asked>, Failure> {
    let cluster = Client::to(&args.target)?.get("/v1/cluster")?;
    let members = cluster["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_wanted = |member: &Value| match args.node.as_deref() {
        None => member["self"] == true,
        Some("all") => true,
        Some(node) => member["name"] == node || member["nodeId"] == node,
    };
    let ask = |member: &Value| {
        let mut target = args.target.clone();
        if member["self"] != true {
            target.url = text(member, "uri");
        }
        Asked { name: text(member, "name"), target }
    };
    let asked: Vec<Asked> = members.iter().filter(|member| is_wanted(member)).map(ask).collect();
    match (&args.node, asked.is_empty()) {
        (Some(node), true) => Err(Failure::new(
            Code::NotFound,
            format!("there is no node \"{node}\" in the cluster; see `alianza cluster status`"),
        )),
        // It is no member yet, or no longer.
        (None, true) => Ok(vec![Asked { name: text(&cluster, "name"), target: args.target.clone() }]),
        _ => Ok(asked),
    }
}

/// What one node told.
struct Log {
    entries: Vec<Entry>,
    faults: Vec<String>,
}

/// One line.
struct Entry {
    node: String,
    line: String,
    json: Value,
}

impl Log {
    /// Takes the lines apart and follows their chain.
    fn read(node: &str, bytes: &[u8]) -> Result<Log, Failure> {
        let (mut entries, mut faults, mut is_whole) = (Vec::new(), Vec::new(), false);
        let mut before: Option<(u64, String)> = None;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let json: Value = serde_json::from_slice(line)
                .map_err(|_| Failure::error(format!("{node} told something that is no line of an audit log")))?;
            let Some(seq) = json["seq"].as_u64() else {
                is_whole |= json["end"] == true;
                if json["damaged"] == true {
                    let behind = before.take().map_or(0, |(seq, _)| seq);
                    faults.push(format!("a line of the audit log of {node}, behind number {behind}, is damaged"));
                }
                continue;
            };
            let hash: String = Sha256::digest(line).iter().map(|byte| format!("{byte:02x}")).collect();
            if let Some((last, expected)) = before
                && (seq != last + 1 || json["prev"] != expected.as_str())
            {
                faults.push(format!(
                    "line {seq} of the audit log of {node} does not follow line {last}: something was changed or taken out there"
                ));
            }
            before = Some((seq, hash));
            entries.push(Entry { node: node.to_owned(), line: String::from_utf8_lossy(line).into_owned(), json });
        }
        if !is_whole {
            faults.push(format!("{node} did not tell its audit log to the end; ask again"));
        }
        Ok(Log { entries, faults })
    }
}

impl Entry {
    fn row(&self) -> Vec<String> {
        let Entry { node, json, .. } = self;
        let by = &json["by"];
        let who = by["name"].as_str().or_else(|| by["who"].as_str()).unwrap_or_default();
        let about = ["about", "why", "of", "more"].into_iter().filter(|name| !json[*name].is_null());
        let about: Vec<String> = about.map(|name| told(name, &json[name])).collect();
        vec![
            text(json, "time").trim_end_matches('Z').replace('T', " "),
            node.clone(),
            text(json, "seq"),
            format!("{who} ({})", text(by, "via")),
            text(by, "from"),
            text(json, "what"),
            text(json, "state"),
            about.join(" "),
        ]
    }
}

fn told(name: &str, value: &Value) -> String {
    match (name, value) {
        ("about", Value::Object(about)) => {
            let is_told = |value: &&Value| !value.is_null();
            let pairs = about.iter().filter(|(_, value)| is_told(value));
            pairs.map(|(name, value)| format!("{name}={}", bare(value))).collect::<Vec<_>>().join(" ")
        }
        (_, value) => format!("{name}={}", bare(value)),
    }
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Log;
    use sha2::{Digest as _, Sha256};

    fn log(lines: &[&str]) -> String {
        let mut prev = "0".repeat(64);
        let mut text = String::new();
        for (seq, what) in (1..).zip(lines) {
            let line = format!(r#"{{"seq":{seq},"at":{seq},"what":"{what}","prev":"{prev}"}}"#);
            prev = Sha256::digest(&line).iter().map(|byte| format!("{byte:02x}")).collect();
            text += &format!("{line}\n");
        }
        text + "{\"end\":true}\n"
    }

    #[test]
    fn a_chain_that_was_changed_anywhere_is_told() {
        let whole = log(&["a", "b", "c"]);
        let faults = |text: &str| Log::read("Ted", text.as_bytes()).unwrap().faults;
        assert!(faults(&whole).is_empty());
        assert!(faults(&whole.replace("\"b\"", "\"x\""))[0].contains("line 3"));
        let without = whole.lines().filter(|line| !line.contains("\"b\"")).map(|line| format!("{line}\n"));
        assert!(faults(&without.collect::<String>())[0].contains("line 3"));
        assert!(faults(whole.trim_end_matches("{\"end\":true}\n"))[0].contains("to the end"));
        assert!(faults("{\"damaged\":true}\n{\"end\":true}\n")[0].contains("damaged"));
    }
}
