//! Asking a node over HTTP, and turning what goes wrong into sentences and exit codes.
//!
//! Invariant: a problem of the node keeps its own sentence; its status decides the exit code.

use crate::args::{Access, Target};
use crate::exit::{Code, Failure};
use serde_json::Value;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// How long to try to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// How long to wait for an answer; longer than any request takes at a node.
const ANSWER: Duration = Duration::from_secs(120);
/// Largest answer.
const ANSWER_BYTES_MAX: u64 = 2 << 30;

/// Asks one node.
pub(crate) struct Client {
    agent: Agent,
    url: String,
}

/// An answer that is not JSON.
pub(crate) struct Page {
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// Where the next one begins, if there is more.
    pub(crate) cursor: Option<String>,
}

/// A refusal by the node.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Its status.
    pub(crate) status: u16,
    /// Its problem, as JSON.
    pub(crate) problem: Value,
}

impl Client {
    /// A client of the node that was asked for.
    pub(crate) fn to(target: &Target) -> Result<Client, Failure> {
        Client::to_url(&target.url, &target.access, ANSWER)
    }

    /// A client of the node at `url` that waits so long for answers.
    pub(crate) fn to_url(url: &str, access: &Access, patience: Duration) -> Result<Client, Failure> {
        let url = url.trim_end_matches('/');
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::usage(format!(
                "{url} is not an address of a node; give one like http://127.0.0.1:8080"
            )));
        }
        let config = Agent::config_builder()
            .tls_config(trust(access)?)
            .http_status_as_error(false)
            .proxy(None)
            .timeout_connect(Some(CONNECT.min(patience)))
            .timeout_global(Some(patience))
            .build();
        Ok(Client { agent: config.into(), url })
    }

    /// Reads what is under a path.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.agent.get(format!("{}{path}", self.url)).call();
        self.read(answer).and_then(|answer| answer.map_err(|refused| refused.failure()))
    }

    /// Sends JSON to a path.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.try_post(path, body).and_then(|answer| answer.map_err(|refused| refused.failure()))
    }

    /// Sends JSON to a path, for whoever wants to look at a refusal.
    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Result<Result<Value, Refused>, Failure> {
        let request = self.agent.post(format!("{}{path}", self.url)).content_type("application/json");
        self.read(request.send(body.to_string()))
    }

    /// Puts JSON under a path.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.agent.put(format!("{}{path}", self.url)).content_type("application/json");
        let answer = self.read(request.send(body.to_string()))?;
        answer.map_err(|refused| refused.failure())
    }

    /// Sends bytes to a path.
    pub(crate) fn post_bytes(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        let request = self.agent.post(format!("{}{path}", self.url)).content_type("application/octet-stream");
        self.read(request.send(body)).and_then(|answer| answer.map_err(|refused| refused.failure()))
    }

    /// Sends JSON to a path that answers with something else.
    pub(crate) fn post_for_bytes(&self, path: &str, body: &Value) -> Result<Page, Failure> {
        let request = self.agent.post(format!("{}{path}", self.url)).content_type("application/json");
        let mut answer = request.send(body.to_string()).map_err(|error| self.unreachable(&error))?;
        if answer.status().as_u16() != 200 {
            let other = self.read(Ok(answer))?.map_err(|refused| refused.failure())?;
            return Err(Failure::error(format!("{} gave an answer that does not fit: {other}", self.url)));
        }
        let cursor = answer.headers().get("alianza-cursor").and_then(|cursor| cursor.to_str().ok()).map(str::to_owned);
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        body.map(|body| Page { body, cursor }).map_err(|error| self.unreachable(&error))
    }

    fn read(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Result<Value, Refused>, Failure> {
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        match (status, serde_json::from_slice::<Value>(&body)) {
            (200..300, Ok(json)) => Ok(Ok(json)),
            (400..600, Ok(problem)) if problem["detail"].is_string() => Ok(Err(Refused { status, problem })),
            _ => Err(Failure::error(format!(
                "{} answered with status {status} and something that no node says; check the address",
                self.url
            ))),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let url = &self.url;
        let what = match error {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                "nothing listens there".to_owned()
            }
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::HostNotFound => "there is no such host".to_owned(),
            ureq::Error::Timeout(_) => "it did not answer in time".to_owned(),
            ureq::Error::BadUri(_) => {
                return Failure::usage(format!(
                    "{url} is not an address of a node; give one like http://127.0.0.1:8080"
                ));
            }
            other => other.to_string(),
        };
        if what.contains("certificate") {
            return Failure::unavailable(format!(
                "cannot trust {url}: {what}; name the authority that its certificate comes from with --ca"
            ));
        }
        Failure::unavailable(format!(
            "cannot reach {url}: {what}; start a node with `alianza dev`, or name a running one with --url"
        ))
    }
}

/// Whom to trust: the authority that was named, and nobody else.
fn trust(access: &Access) -> Result<TlsConfig, Failure> {
    let mut authorities = Vec::new();
    if let Some(file) = &access.ca {
        let unusable = |why: String| Failure::usage(format!("cannot use {} as an authority: {why}", file.display()));
        let text = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
        for item in parse_pem(&text) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| unusable(error.to_string()))? {
                authorities.push(certificate);
            }
        }
        if authorities.is_empty() {
            return Err(unusable("there is no certificate in it".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&authorities));
    Ok(config.unversioned_rustls_crypto_provider(provider).build())
}

impl Refused {
    /// The failure that it is.
    pub(crate) fn failure(&self) -> Failure {
        let code = match self.status {
            404 => Code::NotFound,
            409 | 412 => Code::Conflict,
            429 | 503 | 507 => Code::Unavailable,
            400..500 => Code::Usage,
            _ => Code::Error,
        };
        Failure::new(code, self.problem["detail"].as_str().unwrap_or("the node refused"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Client, Refused};
    use crate::exit::Code;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn statuses_become_exit_codes() {
        let code = |status| Refused { status, problem: json!({ "detail": "No." }) }.failure().code();
        let expected = [
            (400, Code::Usage),
            (404, Code::NotFound),
            (409, Code::Conflict),
            (412, Code::Conflict),
            (413, Code::Usage),
            (429, Code::Unavailable),
            (500, Code::Error),
            (501, Code::Error),
            (503, Code::Unavailable),
            (507, Code::Unavailable),
        ];
        for (status, expected) in expected {
            assert_eq!(code(status), expected, "{status}");
        }
    }

    #[test]
    fn addresses_are_completed_or_refused() {
        let to = |url: &str| Client::to_url(url, &Access::default(), Duration::from_secs(1)).map(|client| client.url);
        assert_eq!(to("127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(to("https://a/").unwrap(), "https://a");
        assert_eq!(to("ftp://a").unwrap_err().code(), Code::Usage);
    }

    #[test]
    fn nobody_there_is_unavailable() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = Client::to_url(&free.to_string(), &Access::default(), Duration::from_secs(1)).unwrap();
        let failure = client.get("/livez").unwrap_err();
        assert_eq!(failure.code(), Code::Unavailable);
        assert!(failure.to_string().contains("nothing listens there"), "{failure}");
    }
}
