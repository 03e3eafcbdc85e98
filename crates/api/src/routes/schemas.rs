//! Parameters and schemas that routes name.

use serde_json::{Value, json};

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In the path; it must be there.
    Path,
    /// Behind the question mark.
    Query,
    /// In a header.
    Header,
}

/// One parameter.
pub(super) struct Parameter {
    /// Its name; with a question mark behind it if another one of this name stands in a path.
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) about: &'static str,
    pub(super) schema: fn() -> Value,
}

const fn parameter(place: Place, name: &'static str, about: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter { name, place, about, schema }
}

const LEVEL: &str =
    "Replicas that must answer: any, one, quorum, all or a number; what the bucket says if it is not given";
const DURABILITY: &str = "A replica acknowledges when it is on disk (fsync) or when it can be read (memory)";
const TTL: &str = "How long the value lives, like 30s or a number of seconds";
const TIMEOUT: &str = "How long to wait, like 2s or a number of seconds";
const ID: &str = "The name of this change, to ask for it again; linearizable buckets only";
const AGAIN: &str = "The name of a change that was asked for before; linearizable buckets only";

/// All of them.
pub(super) static PARAMETERS: &[Parameter] = {
    use Place::{Header, Path, Query};
    &[
        parameter(Path, "bucket", "The bucket", bucket_name),
        parameter(Path, "key", "The partition key, percent-encoded; a slash is %2F", some_text),
        parameter(Path, "sort", "The sort key, percent-encoded", some_text),
        parameter(Path, "file", "The name of a file", some_text),
        parameter(Path, "token", "The number or the name of a token", some_text),
        parameter(Path, "slug", "The last part of the type of a problem", some_text),
        parameter(Query, "bucket?", "The bucket; default if it is not given", bucket_name),
        parameter(Query, "key?", "The partition key", text),
        parameter(Query, "key_base64?", "The partition key in base64", base64),
        parameter(Query, "sort?", "The sort key", text),
        parameter(Query, "sort_base64?", "The sort key in base64", base64),
        parameter(Query, "from", "First sort key, inclusive; with key only", text),
        parameter(Query, "to", "End of the sort keys, exclusive; with key only", text),
        parameter(Query, "after", "Continue behind this sort key; with key only", text),
        parameter(Query, "prefix", "Only keys that begin like this; without key", text),
        parameter(Query, "prefix_base64", "The same in base64", base64),
        parameter(Query, "from?", "The id of the last event that was seen, to go on behind it", text),
        parameter(Query, "limit", "Most items in all", at_least_one),
        parameter(Query, "cursor", "A cursor of an earlier answer, to go on behind it", text),
        parameter(Query, "since", "Only what is not older than that, like 24h", span),
        parameter(Query, "level", LEVEL, level),
        parameter(Query, "durability", DURABILITY, durability),
        parameter(Query, "ttl", TTL, span),
        parameter(Query, "timeout", TIMEOUT, span),
        parameter(
            Query,
            "context",
            "What was read before and is superseded by this write; where siblings are kept",
            text,
        ),
        parameter(
            Query,
            "ifVersion",
            "Only if the item has this version; 0: only if there is none. Linearizable buckets only",
            whole,
        ),
        parameter(Query, "ifValue", "Only if the item has this value. Linearizable buckets only", text),
        parameter(Query, "id", ID, change_id),
        parameter(Query, "again", AGAIN, change_id),
        parameter(Query, "after?", "The id of the last event that was seen", whole),
        parameter(Query, "partition", "One partition, tree by tree", whole),
        parameter(Query, "node", "Name or id of another member, who is asked through this one", text),
        parameter(Query, "restore", "The event of the history that began the restoring", whole),
        parameter(Query, "act", "write: merge the records in; check: compare them with what is there", act),
        parameter(Header, "alianza-level", LEVEL, level),
        parameter(Header, "alianza-durability", DURABILITY, durability),
        parameter(Header, "alianza-ttl", TTL, span),
        parameter(Header, "alianza-timeout", TIMEOUT, span),
        parameter(Header, "alianza-id", ID, change_id),
        parameter(Header, "alianza-again", AGAIN, change_id),
        parameter(Header, "If-Match", "ETag of an earlier answer; what it does depends on the bucket", tags),
        parameter(Header, "If-None-Match", "ETags, or * in a request that writes", tags),
        parameter(Header, "Last-Event-ID?", "The id of the last event that was seen, as browsers send it", text),
        parameter(Header, "Last-Event-ID", "The same, as browsers send it when they come back", whole),
        parameter(
            Header,
            "Accept",
            "multipart/mixed for several values, application/vnd.alianza.item+json for JSON whatever there is",
            text,
        ),
    ]
};

fn text() -> Value {
    json!({ "type": "string" })
}

fn some_text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn base64() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]*$" })
}

fn bucket_name() -> Value {
    json!({ "type": "string", "pattern": "^[a-z0-9._-]{1,64}$" })
}

fn whole() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn at_least_one() -> Value {
    json!({ "type": "integer", "minimum": 1 })
}

fn level() -> Value {
    json!({ "anyOf": [{ "enum": ["any", "one", "quorum", "all"] }, { "type": "integer", "minimum": 1, "maximum": 255 }] })
}

fn durability() -> Value {
    json!({ "enum": ["fsync", "memory"] })
}

fn span() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{1,5}(ms|s|m)$" })
}

fn change_id() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
}

fn act() -> Value {
    json!({ "enum": ["write", "check"] })
}

fn tags() -> Value {
    json!({ "type": "string", "pattern": "^(\\*|\"[A-Za-z0-9._-]{1,99}\")$" })
}

/// An object of these properties and no others.
fn closed(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

/// An object of which these properties are described; there may be others.
fn open(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

/// All schemas.
pub(super) fn schemas() -> Value {
    let mut all = json!({
        "Object": { "type": "object" },
        "List": { "type": "array" },
        "Span": { "anyOf": [span(), { "type": "number", "exclusiveMinimum": 0 }] },
        "Problem": open(&["type", "title", "status", "detail"], json!({
            "type": { "type": "string", "description": "Stable, for programs" },
            "title": text(),
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "One sentence for people" },
            "mayHaveBeenApplied": { "type": "boolean", "description": "The write may be there all the same, or appear later" },
        })),
        "Operation": { "oneOf": [of("Get"), of("Put"), of("Delete"), of("Add"), of("Scan")] },
        "Value": open(&[], json!({ "value": text(), "value_base64": text(), "contentType": text(), "expires": whole() })),
        "Outcome": open(&[], json!({
            "key": text(), "key_base64": text(), "sort": text(), "sort_base64": text(),
            "value": text(), "value_base64": text(), "contentType": text(), "expires": whole(),
            "values": list(of("Value")),
            "context": text(),
            "version": whole(),
            "acknowledged": whole(),
            "items": list(of("Object")),
            "cursor": text(),
        })),
        "ListLine": open(&[], json!({
            "key": text(), "sort": text(), "value": text(), "values": list(of("Value")),
            "cursor": text(), "end": { "type": "boolean" }, "problem": of("Problem"),
        })),
        "AuditLine": open(&[], json!({
            "seq": whole(), "at": whole(), "time": text(), "node": text(), "what": text(),
            "state": { "enum": ["begun", "done", "failed", "unknown", "refused", "part"] },
            "by": of("Object"), "about": of("Object"), "why": text(),
            "of": { "type": ["integer", "null"] }, "more": whole(), "late": { "type": "boolean" }, "prev": text(),
            "cursor": text(), "end": { "type": "boolean" }, "problem": of("Problem"),
        })),
        "BatchLine": open(&["status", "body"], json!({ "status": { "type": "integer" }, "body": of("Object") })),
        "Buckets": open(&["buckets"], json!({ "buckets": list(of("Bucket")) })),
        "Bucket": open(&["id", "name", "n", "r", "w", "mode", "rule"], json!({
            "id": whole(), "name": bucket_name(), "n": whole(), "r": text(), "w": text(),
            "mode": { "enum": ["eventual", "linearizable"] }, "rule": { "enum": ["lww", "siblings"] },
            "ttl": { "type": ["string", "null"] },
        })),
        "BucketSettings": closed(&[], json!({
            "n": { "type": "integer", "minimum": 1, "maximum": 255 }, "r": level(), "w": level(),
            "mode": { "enum": ["eventual", "linearizable"] }, "rule": { "enum": ["lww", "siblings"] },
            "ttl": { "anyOf": [of("Span"), { "type": "null" }] },
        })),
        "Login": closed(&["token"], json!({ "token": text() })),
        "Tokens": open(&["guarded", "tokens"], json!({ "guarded": { "type": "boolean" }, "tokens": list(of("Token")) })),
        "Token": open(&["id", "name", "scopes"], json!({
            "id": { "type": "string", "pattern": "^[0-9a-f]{16}$" }, "name": text(), "scopes": list(text()),
            "token": { "type": "string", "description": "What to show; only in the answer that makes it" },
        })),
        "TokenWanted": closed(&["name", "scopes"], json!({
            "name": { "type": "string", "pattern": "^[A-Za-z0-9_.@-]{1,64}$" },
            "scopes": { "type": "string", "description": "Like read,write:carts,admin, or monitor" },
            "rate": { "type": "integer", "minimum": 1, "description": "Operations per second at each node" },
            "burst": { "type": "integer", "minimum": 1, "description": "Operations at once after a rest" },
            "ttl": of("Span"),
        })),
        "Rpc": { "description": "One call of JSON-RPC 2.0, or a list of up to 1,000" },
        "RpcAnswer": { "description": "One answer of JSON-RPC 2.0, or a list; 204 if all calls were notifications" },
        "ExplainKey": closed(&[], json!({
            "key": text(), "key_base64": text(), "sort": text(), "sort_base64": text(), "bucket": bucket_name(), "timeout": of("Span"),
        })),
        "PageOf": closed(&[], json!({ "bucket": bucket_name(), "cursor": text() })),
        "BackupPage": closed(&["buckets"], json!({ "buckets": text(), "cursor": text() })),
        "BeginRestore": closed(&["backup", "name", "buckets", "mode"], json!({
            "backup": { "type": "string", "pattern": "^[0-9a-f]{64}$" }, "name": text(), "buckets": text(),
            "mode": { "enum": ["only-missing", "overwrite"] },
        })),
        "Sql": closed(&["sql"], json!({ "sql": text(), "scope": { "enum": ["node", "cluster"] } })),
        "Rows": open(&["columns", "rows"], json!({ "columns": list(text()), "rows": list(json!({ "type": "array" })) })),
        "Stats": open(&["node", "uptime", "operations"], json!({
            "node": text(), "uptime": { "type": "number" },
            "operations": list(open(&["operation", "level", "count", "errors", "buckets"], json!({
                "operation": text(), "level": text(), "count": whole(), "errors": whole(),
                "buckets": list(json!({ "type": "array", "items": { "type": "number" } })),
            }))),
        })),
    });
    operations(&mut all);
    changes(&mut all);
    all
}

/// The operations of `POST /`, by the fields that `crate::operation` takes.
fn operations(all: &mut Value) {
    let key = json!({ "key": text(), "key_base64": text(), "sort": text(), "sort_base64": text() });
    let common = json!({ "bucket": bucket_name(), "level": level(), "timeout": of("Span") });
    let named = json!({ "ifVersion": whole(), "id": change_id(), "again": change_id() });
    let writing = json!({ "context": text(), "durability": durability(), "ifValue": text(), "ifValue_base64": text(), "w": level() });
    let value = json!({ "value": text(), "value_base64": text(), "contentType": text(), "ttl": of("Span") });
    let range = json!({
        "key": text(), "key_base64": text(), "from": text(), "from_base64": text(), "to": text(), "to_base64": text(),
        "after": text(), "after_base64": text(), "cursor": text(), "r": level(),
        "limit": { "type": "integer", "minimum": 1, "maximum": 10_000 },
    });
    for (name, word, parts) in [
        ("Get", "GET", vec![&key, &common]),
        ("Put", "PUT", vec![&key, &common, &named, &writing, &value]),
        ("Delete", "DELETE", vec![&key, &common, &named, &writing]),
        ("Add", "ADD", vec![&key, &common, &named]),
        ("Scan", "SCAN", vec![&common, &range]),
    ] {
        let mut properties = json!({ "type": { "const": word } });
        for (field, schema) in parts.into_iter().filter_map(Value::as_object).flatten() {
            properties[field] = schema.clone();
        }
        if name == "Get" {
            properties["r"] = level();
        }
        if name == "Add" {
            properties["by"] = json!({ "type": "integer" });
            properties["w"] = level();
        }
        all[name] = closed(&["type"], properties);
    }
}

/// Changes of the cluster.
fn changes(all: &mut Value) {
    let properties = json!({
        "leave": text(), "remove": text(), "replace": text(), "reweigh": text(),
        "weight": { "type": "integer", "minimum": 1 }, "bucket": bucket_name(), "n": { "type": "integer", "minimum": 1, "maximum": 255 },
    });
    let mut planned = properties.clone();
    planned["plan"] = json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    all["Change"] = closed(&[], properties);
    all["PlannedChange"] = closed(&["plan"], planned);
}
