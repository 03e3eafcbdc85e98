//! The table of routes.

use super::Content::{Bytes, Item, Json, Lines, Nothing, Text};
use super::Route;
use crate::{
    audit, batch, buckets, cluster, console, event_stream, events, explain, health, history, item, items, leave,
    listing, metrics, repair, ring_view, rpc, sql, stats, tokens, transfer, watch, welcome,
};

/// A route; the method is named once for the router and the document.
macro_rules! route {
    ($method:ident $path:literal $id:literal $summary:literal $handler:path, $parameters:expr, $body:expr, $answer:expr) => {
        Route {
            method: stringify!($method),
            path: $path,
            id: $id,
            summary: $summary,
            parameters: $parameters,
            body: $body,
            answer: $answer,
            add: |methods| methods.$method($handler),
        }
    };
}

/// All of them.
pub(crate) static ROUTES: &[Route] = &[
    route!(post "/" "operate" "Carry out one operation on items" items::operate, &[], Json("Operation"), (200, Json("Outcome"))),
    route!(get "/" "welcome" "A directory of this interface; a page for browsers" welcome::welcome, &[], Nothing, (200, Json("Object"))),
    route!(get "/events" "referenceEvents" "The history of members as the reference shows it" events::events, &[], Nothing, (200, Json("List"))),
    route!(post "/shutdown" "shutdown" "This node leaves the cluster; the last node stops" leave::shutdown, &[], Nothing, (202, Json("Object"))),
    route!(get "/v1/buckets/{bucket}/items/{key}" "getItem" "Read an item" item::get, &["bucket", "key", "level", "timeout", "If-Match", "If-None-Match", "Accept", "alianza-level", "alianza-timeout"], Nothing, (200, Item)),
    route!(put "/v1/buckets/{bucket}/items/{key}" "putItem" "Write an item: the body is its value" item::put, &["bucket", "key", "level", "durability", "ttl", "timeout", "context", "ifVersion", "ifValue", "id", "again", "If-Match", "If-None-Match", "alianza-level", "alianza-timeout", "alianza-durability", "alianza-id", "alianza-again", "alianza-ttl"], Bytes, (200, Json("Outcome"))),
    route!(delete "/v1/buckets/{bucket}/items/{key}" "deleteItem" "Delete an item" item::delete, &["bucket", "key", "level", "durability", "timeout", "context", "ifVersion", "ifValue", "id", "again", "If-Match", "If-None-Match", "alianza-level", "alianza-timeout", "alianza-durability", "alianza-id", "alianza-again"], Nothing, (200, Json("Outcome"))),
    route!(get "/v1/buckets/{bucket}/items/{key}/{sort}" "getItemSorted" "Read an item" item::get, &["bucket", "key", "sort", "level", "timeout", "If-Match", "If-None-Match", "Accept", "alianza-level", "alianza-timeout"], Nothing, (200, Item)),
    route!(put "/v1/buckets/{bucket}/items/{key}/{sort}" "putItemSorted" "Write an item: the body is its value" item::put, &["bucket", "key", "sort", "level", "durability", "ttl", "timeout", "context", "ifVersion", "ifValue", "id", "again", "If-Match", "If-None-Match", "alianza-level", "alianza-timeout", "alianza-durability", "alianza-id", "alianza-again", "alianza-ttl"], Bytes, (200, Json("Outcome"))),
    route!(delete "/v1/buckets/{bucket}/items/{key}/{sort}" "deleteItemSorted" "Delete an item" item::delete, &["bucket", "key", "sort", "level", "durability", "timeout", "context", "ifVersion", "ifValue", "id", "again", "If-Match", "If-None-Match", "alianza-level", "alianza-timeout", "alianza-durability", "alianza-id", "alianza-again"], Nothing, (200, Json("Outcome"))),
    route!(get "/v1/buckets/{bucket}/item" "getItemByQuery" "Read an item" item::get, &["bucket", "key?", "key_base64?", "sort?", "sort_base64?", "level", "timeout", "If-Match", "If-None-Match", "Accept", "alianza-level", "alianza-timeout"], Nothing, (200, Item)),
    route!(put "/v1/buckets/{bucket}/item" "putItemByQuery" "Write an item: the body is its value" item::put, &["bucket", "key?", "key_base64?", "sort?", "sort_base64?", "level", "durability", "ttl", "timeout", "context", "ifVersion", "ifValue", "id", "again", "If-Match", "If-None-Match", "alianza-level", "alianza-timeout", "alianza-durability", "alianza-id", "alianza-again", "alianza-ttl"], Bytes, (200, Json("Outcome"))),
    route!(delete "/v1/buckets/{bucket}/item" "deleteItemByQuery" "Delete an item" item::delete, &["bucket", "key?", "key_base64?", "sort?", "sort_base64?", "level", "durability", "timeout", "context", "ifVersion", "ifValue", "id", "again", "If-Match", "If-None-Match", "alianza-level", "alianza-timeout", "alianza-durability", "alianza-id", "alianza-again"], Nothing, (200, Json("Outcome"))),
    route!(get "/v1/buckets/{bucket}/items" "listItems" "Items of a bucket, or of one key, as a stream" listing::list, &["bucket", "limit", "cursor", "level", "timeout", "key?", "key_base64?", "from", "to", "after", "alianza-level", "alianza-timeout"], Nothing, (200, Lines("ListLine"))),
    route!(get "/v1/buckets/{bucket}/changes" "watchChanges" "Word of changes as server-sent events" watch::changes, &["bucket", "key?", "key_base64?", "sort?", "sort_base64?", "prefix", "prefix_base64", "from?", "Last-Event-ID?"], Nothing, (200, Text("text/event-stream"))),
    route!(post "/v1/batch" "batch" "Carry out many operations" batch::batch, &[], Lines("Operation"), (200, Lines("BatchLine"))),
    route!(post "/rpc" "rpc" "JSON-RPC 2.0; the method rpc.discover describes it" rpc::call, &[], Json("Rpc"), (200, Json("RpcAnswer"))),
    route!(get "/v1/buckets" "listBuckets" "Buckets and their settings" buckets::list, &[], Nothing, (200, Json("Buckets"))),
    route!(get "/v1/buckets/{bucket}" "getBucket" "Settings of a bucket" buckets::get, &["bucket"], Nothing, (200, Json("Bucket"))),
    route!(put "/v1/buckets/{bucket}" "setBucket" "Make a bucket or change its settings" buckets::set, &["bucket"], Json("BucketSettings"), (200, Json("Bucket"))),
    route!(get "/v1/tokens" "listTokens" "API tokens, without their secrets" tokens::list, &[], Nothing, (200, Json("Tokens"))),
    route!(post "/v1/tokens" "createToken" "Make an API token; its secret is shown once. From the first on, everybody needs one" tokens::create, &[], Json("TokenWanted"), (201, Json("Token"))),
    route!(delete "/v1/tokens/{token}" "revokeToken" "Make a token worthless, by its number or its name" tokens::revoke, &["token"], Nothing, (200, Json("Token"))),
    route!(get "/v1/audit" "audit" "Who did what to the cluster through this node, as a stream" audit::list, &["since", "cursor"], Nothing, (200, Lines("AuditLine"))),
    route!(get "/v1/cluster" "clusterStatus" "Members, how they look from here, what is moving" cluster::status, &[], Nothing, (200, Json("Object"))),
    route!(post "/v1/cluster/plan" "planChange" "What a change would move and put at risk, without doing it" cluster::plan, &[], Json("Change"), (200, Json("Object"))),
    route!(post "/v1/cluster/apply" "applyChange" "Do what a plan showed" cluster::apply, &[], Json("PlannedChange"), (202, Json("Object"))),
    route!(post "/v1/cluster/abort" "abortChange" "Take the newest change back" cluster::abort, &[], Nothing, (202, Json("Object"))),
    route!(get "/v1/ring" "ring" "Who owns what" ring_view::view, &[], Nothing, (200, Json("Object"))),
    route!(get "/v1/repair" "repairStatus" "How equal the replicas are of what this node holds" repair::status, &["partition"], Nothing, (200, Json("Object"))),
    route!(post "/v1/repair" "repairRun" "Compare all replicas now" repair::run, &[], Nothing, (200, Json("Object"))),
    route!(get "/v1/explain" "explain" "Everything that is known of one key" explain::by_query, &["key?", "sort?", "bucket?"], Nothing, (200, Json("Object"))),
    route!(post "/v1/explain" "explainKey" "The same, for keys that do not fit a URL" explain::by_body, &[], Json("ExplainKey"), (200, Json("Object"))),
    route!(get "/v1/events" "events" "The membership history as server-sent events, and what arrives as it arrives" event_stream::events, &["after?", "Last-Event-ID"], Nothing, (200, Text("text/event-stream"))),
    route!(get "/v1/history" "history" "Every event of the membership history" history::list, &[], Nothing, (200, Json("Object"))),
    route!(get "/v1/stats" "stats" "What a node has done and how it stands, in numbers" stats::stats, &["node"], Nothing, (200, Json("Stats"))),
    route!(get "/metrics" "metrics" "The same and more for Prometheus" metrics::metrics, &[], Nothing, (200, Text("application/openmetrics-text; version=1.0.0; charset=utf-8"))),
    route!(post "/v1/export" "exportPage" "A page of the items of a bucket as lines" transfer::export, &[], Json("PageOf"), (200, Lines("Object"))),
    route!(post "/v1/import" "importLines" "Take items in" transfer::import, &[], Lines("Object"), (200, Json("Object"))),
    route!(post "/v1/backup/page" "backupPage" "A page of records for a backup" transfer::page, &[], Json("BackupPage"), (200, Bytes)),
    route!(post "/v1/restore" "beginRestore" "Put into the history that a backup is being restored" transfer::begin, &[], Json("BeginRestore"), (201, Json("Object"))),
    route!(post "/v1/restore/items" "restoreItems" "Records of a backup coming back" transfer::items, &["restore", "bucket?", "act"], Bytes, (200, Json("Object"))),
    route!(get "/v1/openapi.json" "openapi" "This document" super::openapi, &[], Nothing, (200, Json("Object"))),
    route!(get "/console" "console" "The console" console::page, &[], Nothing, (200, Text("text/html; charset=utf-8"))),
    route!(get "/console/{file}" "consoleFile" "A file of the console" console::file, &["file"], Nothing, (200, Bytes)),
    route!(get "/console/session" "consoleSession" "Who the console is used by" console::login::session, &[], Nothing, (200, Json("Object"))),
    route!(post "/console/login" "consoleLogin" "Show a token once; a cookie is known for a while" console::login::login, &[], Json("Login"), (200, Json("Object"))),
    route!(post "/console/logout" "consoleLogout" "End a session" console::login::logout, &[], Nothing, (200, Json("Object"))),
    route!(post "/console/sql" "sql" "SQL over the items of this node" sql::query, &[], Json("Sql"), (200, Json("Rows"))),
    route!(get "/problems" "problems" "Every kind of error" welcome::problems, &[], Nothing, (200, Json("Object"))),
    route!(get "/problems/{slug}" "problem" "One kind of error" welcome::problem, &["slug"], Nothing, (200, Json("Object"))),
    route!(get "/healthz" "health" "How this node is, in words" health::health, &[], Nothing, (200, Json("Object"))),
    route!(get "/livez" "live" "Whether the process answers" health::live, &[], Nothing, (200, Json("Object"))),
    route!(get "/readyz" "ready" "Whether it makes sense to send requests here" health::ready, &[], Nothing, (200, Json("Object"))),
];
