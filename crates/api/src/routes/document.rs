//! The OpenAPI 3.1 document of the table.
//!
//! Invariant: every schema that is named is there, and every schema that is there is named.

use super::schemas::{PARAMETERS, Place, schemas};
use super::{Content, ROUTES, Route};
use crate::item::ITEM_JSON;
use crate::problem::Kind;
use serde_json::{Map, Value, json};

/// The document.
pub(crate) fn openapi() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route);
        if route.method == "get" && route.answer.1 == Content::Item {
            let mut head = operation(route);
            head["operationId"] = format!("head{}", route.id.trim_start_matches("get")).into();
            head["summary"] = "The headers of what a GET answers".into();
            head["responses"]["200"] = json!({ "description": "As a GET, without the body" });
            path["head"] = head;
        }
    }
    let mut schemas = schemas();
    let kinds: Vec<String> = Kind::ALL.iter().map(|kind| format!("/problems/{}", kind.slug())).collect();
    schemas["Problem"]["properties"]["type"]["enum"] = kinds.into();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "alianza",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A masterless distributed key-value database. Any node answers any request. docs/http-api.md explains what is only named here.",
            "license": { "name": "Apache-2.0 OR MIT" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Problem": {
                "description": "What went wrong",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            } },
        },
    })
}

fn operation(route: &Route) -> Value {
    let (status, answer) = route.answer;
    let mut responses = Map::new();
    responses.insert(status.to_string(), described(answer));
    if answer == Content::Item {
        responses.insert("304".to_owned(), json!({ "description": "The client has it already" }));
    }
    if route.method == "put" && route.id == "setBucket" {
        responses.insert("201".to_owned(), described(answer));
    }
    if route.id == "rpc" {
        responses.insert("204".to_owned(), json!({ "description": "All calls were notifications" }));
    }
    if route.id == "shutdown" {
        responses.insert("200".to_owned(), described(answer));
    }
    responses.insert("default".to_owned(), json!({ "$ref": "#/components/responses/Problem" }));
    let mut operation = json!({ "operationId": route.id, "summary": route.summary });
    if !route.parameters.is_empty() {
        operation["parameters"] = route.parameters.iter().map(|name| parameter(name)).collect();
    }
    if let Some(content) = content(route.body) {
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation["responses"] = responses.into();
    operation
}

/// A name with a question mark is a parameter of the query, though there is one of the path under the same name.
fn parameter(name: &str) -> Value {
    let found = PARAMETERS.iter().find(|parameter| parameter.name == name);
    let parameter = found.unwrap_or_else(|| panic!("no parameter is called {name}"));
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    json!({
        "name": name.trim_end_matches('?'),
        "in": place,
        "required": parameter.place == Place::Path,
        "description": parameter.about,
        "schema": (parameter.schema)(),
    })
}

fn described(answer: Content) -> Value {
    let mut described = json!({ "description": "It went well" });
    if let Some(content) = content(answer) {
        described["content"] = content;
    }
    described
}

fn content(content: Content) -> Option<Value> {
    let schema = |name: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
    match content {
        Content::Nothing => None,
        Content::Json(name) => Some(json!({ "application/json": schema(name) })),
        // OpenAPI 3.1 has no words for a body of lines; each line is of the schema.
        Content::Lines(name) => Some(json!({ "application/x-ndjson": {
            "schema": { "type": "string", "description": format!("Lines of JSON, each of the schema {name}") } } })),
        Content::Bytes => Some(json!({ "application/octet-stream": {} })),
        Content::Item => Some(json!({ "*/*": {}, ITEM_JSON: schema("Outcome"), "multipart/mixed": {} })),
        Content::Text(kind) => Some(json!({ kind: { "schema": { "type": "string" } } })),
    }
}
