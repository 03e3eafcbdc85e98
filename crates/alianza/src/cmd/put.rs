//! `alianza put`: writes a value from the command line, a file, or standard input.

use super::request::Request;
use crate::args::Put;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::Read as _;

/// Writes an item.
pub(crate) fn run(args: &Put) -> Result<(), Failure> {
    let request = Request::new("PUT")
        .of(&args.item)
        .on(&args.condition)
        .writing(&args.writing)
        .with_some("ttl", args.ttl.as_deref());
    let request = match String::from_utf8(value(args)?) {
        Ok(text) => request.with("value", text),
        Err(error) => request.with("value_base64", STANDARD.encode(error.as_bytes())),
    };
    let answer = Client::to(&args.target)?.post("/", &request.json())?;
    done(&answer, args.target.json, "written")
}

/// Says what a write did: the answer for scripts, a remark for people.
pub(super) fn done(answer: &Value, as_json: bool, what: &str) -> Result<(), Failure> {
    if as_json {
        return output::print_json(answer);
    }
    if let Some(version) = answer["version"].as_u64() {
        output::remark(&format!("{what}; version {version}"));
        return Ok(());
    }
    let replicas = answer["acknowledged"].as_u64().unwrap_or(0);
    output::remark(&format!("{what}; {replicas} {} so", if replicas == 1 { "replica says" } else { "replicas say" }));
    Ok(())
}

fn value(args: &Put) -> Result<Vec<u8>, Failure> {
    if let Some(path) = &args.file {
        return std::fs::read(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}; give another file", path.display())));
    }
    match args.value.as_deref() {
        Some("-") | None => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map(|_| bytes).map_err(|error| Failure::error(format!("cannot read standard input: {error}")))
        }
        Some(text) => Ok(text.as_bytes().to_vec()),
    }
}
