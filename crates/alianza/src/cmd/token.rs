//! `alianza token`: API tokens of a cluster, and the first one of a node.
//!
//! Invariant: the secret of a token goes to standard output or into a file of its owner, and nowhere else.

use super::cert::write_secret;
use super::cluster::text;
use crate::args::{Target, Token, TokenCommand, TokenCreate};
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use crate::table;
use serde_json::{Map, Value};

/// Makes, lists or revokes tokens.
pub(crate) fn run(args: &Token) -> Result<(), Failure> {
    match &args.command {
        TokenCommand::Create(create) => make(create),
        TokenCommand::List(target) => list(target),
        TokenCommand::Revoke { token, target } => revoke(token, target),
        TokenCommand::Bootstrap { file } => {
            let cannot = |error| Failure::error(format!("the system gave no random bytes: {error}"));
            let (token, ..) = api::draw_token().map_err(cannot)?;
            write_secret(file, &format!("{token}\n"))?;
            output::remark(&format!("wrote {}; give it to nodes as --admin-token-file", file.display()));
            Ok(())
        }
    }
}

fn make(create: &TokenCreate) -> Result<(), Failure> {
    let mut body = Map::new();
    body.insert("name".to_owned(), create.name.clone().into());
    body.insert("scopes".to_owned(), create.scopes.join(",").into());
    let mut add = |name: &str, value: Option<Value>| value.map(|value| body.insert(name.to_owned(), value));
    add("rate", create.rate.map(Value::from));
    add("burst", create.burst.map(Value::from));
    add("ttl", create.ttl.clone().map(Value::from));
    let answer = Client::to(&create.target)?.post("/v1/tokens", &Value::Object(body))?;
    if create.target.json {
        return output::print_json(&answer);
    }
    output::remark("keep it: it is not shown again");
    output::print(&format!("{}\n", text(&answer, "token")))
}

fn list(target: &Target) -> Result<(), Failure> {
    let answer = Client::to(target)?.get("/v1/tokens")?;
    if target.json {
        return output::print_json(&answer);
    }
    if answer["guarded"] == false {
        output::remark("there is no token, and nobody needs one");
    }
    let tokens = answer["tokens"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> = tokens.iter().map(row).collect();
    output::print(&table::lay_out(&["ID", "NAME", "SCOPES", "RATE", "EXPIRES"], &rows))
}

fn row(token: &Value) -> Vec<String> {
    let scopes: Vec<&str> = token["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let expires = token["expires"].as_u64().map_or_else(|| "never".to_owned(), api::utc::show);
    vec![text(token, "id"), text(token, "name"), scopes.join(","), text(token, "rate"), expires]
}

fn revoke(token: &str, target: &Target) -> Result<(), Failure> {
    let answer = Client::to(target)?.delete(&format!("/v1/tokens/{}", super::bucket::escaped(token)))?;
    if target.json {
        return output::print_json(&answer);
    }
    output::remark(&format!("token {} ({}) is revoked", text(&answer, "name"), text(&answer, "id")));
    Ok(())
}
