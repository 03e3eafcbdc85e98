//! Asking a node something about itself, over its client interface.

use serde_json::Value;
use std::time::Duration;
use ureq::Agent;

/// A client that keeps connections and gives up after `patience`.
pub fn agent(patience: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_idle_connections_per_host(64)
        .timeout_connect(Some(Duration::from_secs(1).min(patience)))
        .timeout_global(Some(patience))
        .build()
        .into()
}

/// Status and JSON of a page; nothing if there was no answer.
pub fn get(agent: &Agent, url: &str) -> Option<(u16, Value)> {
    read(agent.get(url).call())
}

/// Status and JSON of the answer to a POST.
pub fn post(agent: &Agent, url: &str, body: &Value) -> Option<(u16, Value)> {
    read(agent.post(url).send(body.to_string()))
}

/// Status and JSON of the answer to a PUT.
pub fn put(agent: &Agent, url: &str, body: &Value) -> Option<(u16, Value)> {
    read(agent.put(url).send(body.to_string()))
}

fn read(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<(u16, Value)> {
    let mut response = result.ok()?;
    let status = response.status().as_u16();
    let text = response.body_mut().with_config().limit(1 << 30).read_to_string().ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}
