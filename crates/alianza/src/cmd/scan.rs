//! `alianza scan`: prints items page by page, one per line: key, sort key if any, and value, with tabs between them; with
//! `--json`, one JSON object per line.

use super::request::Request;
use super::value::Bytes;
use crate::args::Scan;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use serde_json::Value;

/// Items of one page.
const PAGE: u64 = 1_000;

/// Prints items until there are no more, or enough.
pub(crate) fn run(args: &Scan) -> Result<(), Failure> {
    let client = Client::to(&args.target)?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut cursor = None;
    while left > 0 {
        let page = client.post("/", &request(args, left.min(PAGE), cursor.as_deref()))?;
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        output::print(&items.iter().map(|item| line(item, args.target.json)).collect::<String>())?;
        left = left.saturating_sub(items.len() as u64);
        cursor = page["cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

fn request(args: &Scan, limit: u64, cursor: Option<&str>) -> Value {
    // A cursor stands further along than where the scan was to begin.
    let after = args.after.as_deref().filter(|_| cursor.is_none());
    Request::new("SCAN")
        .at(&args.place)
        .with_some("key", args.key.as_deref())
        .with_some("from", args.from.as_deref())
        .with_some("to", args.to.as_deref())
        .with_some("after", after)
        .with_some("cursor", cursor)
        .with("limit", limit)
        .json()
}

fn line(item: &Value, as_json: bool) -> String {
    if as_json {
        return format!("{item}\n");
    }
    let name: Vec<String> =
        ["key", "sort"].iter().filter_map(|n| Bytes::of(item, n)).map(|b| b.in_one_line()).collect();
    let values = match item["values"].as_array() {
        Some(values) => values.clone(),
        None => vec![item.clone()],
    };
    let line = |value: &Value| {
        let value = Bytes::of(value, "value").map(|bytes| bytes.in_one_line()).unwrap_or_default();
        format!("{}\t{value}\n", name.join("\t"))
    };
    values.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::line;
    use serde_json::json;

    #[test]
    fn an_item_is_a_line_per_value() {
        assert_eq!(line(&json!({ "key": "k", "value": "a\nb" }), false), "k\ta\u{fffd}b\n");
        assert_eq!(line(&json!({ "key": "k", "sort": "s", "value_base64": "/w==" }), false), "k\ts\tbase64:/w==\n");
        let siblings = json!({ "key": "k", "values": [{ "value": "a" }, { "value": "b" }] });
        assert_eq!(line(&siblings, false), "k\ta\nk\tb\n");
        assert_eq!(line(&json!({ "key": "k" }), true), "{\"key\":\"k\"}\n");
    }
}
