//! The OpenRPC document of the methods.

use super::methods::{Act, METHODS, Method};
use crate::routes::document;
use serde_json::{Value, json};

/// The document.
pub(super) fn document() -> Value {
    let openapi = document::openapi();
    let schemas = &openapi["components"]["schemas"];
    json!({
        "openrpc": "1.3.2",
        "info": { "title": "alianza", "version": env!("CARGO_PKG_VERSION") },
        "methods": METHODS.iter().map(|method| describe(method, schemas)).collect::<Vec<_>>(),
        "components": { "schemas": schemas },
    })
}

fn describe(method: &Method, schemas: &Value) -> Value {
    let properties = match method.act {
        Act::Operate(_, schema) | Act::Body(schema) => schemas[schema]["properties"].clone(),
        Act::Query => method.positions.iter().map(|name| ((*name).to_owned(), json!({}))).collect(),
        Act::Discover => json!({}),
    };
    let mut params: Vec<Value> = method.positions.iter().map(|name| param(name, &properties[*name])).collect();
    for (name, schema) in properties.as_object().into_iter().flatten() {
        if name != "type" && !method.positions.contains(&name.as_str()) {
            params.push(param(name, schema));
        }
    }
    json!({
        "name": method.name,
        "summary": method.summary,
        "paramStructure": "either",
        "params": params,
        "result": { "name": "result", "schema": { "$ref": format!("#/components/schemas/{}", method.result) } },
    })
}

fn param(name: &str, schema: &Value) -> Value {
    json!({ "name": name, "required": false, "schema": schema })
}
