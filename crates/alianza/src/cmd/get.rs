//! `alianza get`: prints the value. Several siblings are printed one per line, and are a conflict.

use super::request::Request;
use super::value::Bytes;
use crate::args::Get;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::output;
use serde_json::Value;

/// Reads an item.
pub(crate) fn run(args: &Get) -> Result<(), Failure> {
    let answer = Client::to(&args.target)?.post("/", &Request::new("GET").of(&args.item).json())?;
    let several = answer["values"].as_array().map_or(0, Vec::len) > 1;
    if args.target.json {
        output::print_json(&answer)?;
    } else {
        print(&answer, args.raw)?;
        if let Some(version) = answer["version"].as_u64().filter(|_| !args.raw) {
            output::remark(&format!("version {version}"));
        }
    }
    if !several {
        return Ok(());
    }
    let context = answer["context"].as_str().unwrap_or_default();
    Err(Failure::new(
        Code::Conflict,
        format!("several values stand side by side; settle them by a put of one value with --context {context}"),
    ))
}

fn print(answer: &Value, raw: bool) -> Result<(), Failure> {
    let single = std::slice::from_ref(answer);
    let values = match answer["values"].as_array() {
        Some(values) if values.len() > 1 => values.as_slice(),
        _ => single,
    };
    for value in values.iter().filter_map(|value| Bytes::of(value, "value")) {
        match value {
            Bytes::Text(text) if !raw => output::print_line(&text)?,
            // The end of a line would be one more byte of what may go into a file.
            bytes => output::print_bytes(bytes.as_bytes())?,
        }
    }
    Ok(())
}
