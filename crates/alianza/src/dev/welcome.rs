//! What `alianza dev` says when the cluster is up: addresses, and lines to copy and paste.

use super::child::Child;
use crate::exit::Failure;
use crate::output;
use crate::table;
use serde_json::{Value, json};
use std::path::Path;

/// Says it, for people or for a script.
pub(super) fn print(nodes: &[Child], place: &Path, temporary: bool, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::print_json(&in_json(nodes, place));
    }
    output::print(&in_words(nodes, place, temporary))
}

fn in_json(nodes: &[Child], place: &Path) -> Value {
    let node = |node: &Child| {
        json!({
            "name": node.name,
            "url": node.url(),
            "redis": node.redis(),
            "console": format!("{}/console", node.url()),
            "pid": node.pid(),
            "dataDir": node.place(),
            "log": node.log(),
            "ca": node.ca(),
        })
    };
    json!({ "dataDir": place, "nodes": nodes.iter().map(node).collect::<Vec<_>>() })
}

fn in_words(nodes: &[Child], place: &Path, temporary: bool) -> String {
    let row = |node: &Child| vec![node.name.clone(), node.url(), node.redis(), format!("{}/console", node.url())];
    let rows: Vec<Vec<String>> = nodes.iter().map(row).collect();
    let first = nodes.first().map(Child::url).unwrap_or_default();
    let last = nodes.last().map(Child::url).unwrap_or_default();
    let ca = nodes.first().and_then(Child::ca).map(|ca| ca.display().to_string());
    let (curl, option) = match &ca {
        Some(ca) => (format!("curl --cacert {ca}"), format!(" --ca {ca}")),
        None => ("curl".to_owned(), String::new()),
    };
    let data = match temporary {
        true => "and goes when this ends",
        false => "and stays for the next time",
    };
    format!(
        "The cluster is ready.\n\n{}\nWrite through one node, read through another:\n\n{}\n\
         Data is in {}, {data}. Ctrl-C stops all nodes.\n",
        table::lay_out(&["NODE", "ADDRESS", "REDIS", "CONSOLE"], &rows),
        first_steps(&curl, &option, &first, &last),
        place.display()
    )
}

/// What to try first, a command a line.
fn first_steps(curl: &str, option: &str, first: &str, last: &str) -> String {
    let put = format!(r#"{curl} -d '{{"type":"PUT","key":"key_1","value":"one"}}' {first}/"#);
    let get = format!(r#"{curl} -d '{{"type":"GET","key":"key_1"}}' {last}/"#);
    let ring = format!("alianza ring --url {first}{option}");
    [put, get, ring].map(|command| format!("  {command}\n")).concat()
}

#[cfg(test)]
mod tests {
    use super::first_steps;

    #[test]
    fn the_first_steps_are_commands_that_can_be_pasted() {
        let steps = first_steps("curl --cacert ca.pem", " --ca ca.pem", "https://a:1", "https://c:3");
        let expected = [
            r#"  curl --cacert ca.pem -d '{"type":"PUT","key":"key_1","value":"one"}' https://a:1/"#,
            r#"  curl --cacert ca.pem -d '{"type":"GET","key":"key_1"}' https://c:3/"#,
            "  alianza ring --url https://a:1 --ca ca.pem",
        ];
        assert_eq!(steps.lines().collect::<Vec<_>>(), expected);
    }
}
