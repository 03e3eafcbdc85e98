//! Asking a node, through the client crate, and turning what goes wrong into sentences and exit codes.
//!
//! A command names the node it wants to ask, and whoever types it sees what that node says: so it asks that one, once, and follows
//! no ring.
//!
//! Invariant: a problem of the node keeps its own sentence; its status decides the exit code.

use crate::args::{Access, Target};
use crate::exit::{Code, Failure};
use ::client::{Error, Node, Page, Problem, Why};
use serde_json::Value;
use std::future::Future;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How long to wait for an answer; longer than any request takes at a node.
const ANSWER: Duration = Duration::from_secs(120);

/// Asks one node. Not to be used by asynchronous code: it waits.
pub(crate) struct Client {
    node: Node,
    runtime: Runtime,
}

impl Client {
    /// A client of the node that was asked for.
    pub(crate) fn to(target: &Target) -> Result<Client, Failure> {
        Client::to_url(&target.url, &target.access, ANSWER)
    }

    /// A client of the node at `url` that waits so long for answers.
    pub(crate) fn to_url(url: &str, access: &Access, patience: Duration) -> Result<Client, Failure> {
        let node =
            Node::new(url, patience, authority(access)?, token(access)?).map_err(|error| failure(url, &error))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Failure::error(format!("cannot wait for answers: {error}; try again")))?;
        Ok(Client { node, runtime })
    }

    /// Reads what is under a path.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.wait(self.node.get(path))
    }

    /// Reads what is under a path that answers with something else than one JSON value.
    pub(crate) fn get_bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.wait(self.node.get_bytes(path)).map(Into::into)
    }

    /// Sends JSON to a path.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.wait(self.node.post(path, body))
    }

    /// Puts JSON under a path.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.wait(self.node.put(path, body))
    }

    /// Deletes what is under a path.
    pub(crate) fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.wait(self.node.delete(path))
    }

    /// Sends bytes to a path.
    pub(crate) fn post_bytes(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        self.wait(self.node.post_bytes(path, body.to_vec().into()))
    }

    /// Sends JSON to a path that answers with something else.
    pub(crate) fn post_for_bytes(&self, path: &str, body: &Value) -> Result<Page, Failure> {
        self.wait(self.node.post_for_bytes(path, body))
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
        self.runtime.block_on(answer).map_err(|error| failure(self.node.address().as_str(), &error))
    }
}

/// The certificate that the user names.
pub(crate) fn authority(access: &Access) -> Result<Option<Vec<u8>>, Failure> {
    let Some(file) = &access.ca else { return Ok(None) };
    let unusable = |why: String| Failure::usage(format!("cannot use {} as an authority: {why}", file.display()));
    let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    if !::client::is_authority(&pem) {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(Some(pem))
}

/// What the command fails with.
fn failure(url: &str, error: &Error) -> Failure {
    let unreachable = |what: &str| {
        Failure::unavailable(format!(
            "cannot reach {url}: {what}; start a node with `alianza dev`, or name a running one with --url"
        ))
    };
    match error {
        Error::Refused(problem) => refused(problem),
        Error::Usage(sentence) => Failure::usage(sentence.clone()),
        Error::Unreachable { why: Why::Tls(what), .. } => Failure::unavailable(format!(
            "cannot trust {url}: {what}; name the authority that its certificate comes from with --ca"
        )),
        Error::Unreachable { why, .. } => unreachable(&why.to_string()),
        Error::TimedOut { .. } => unreachable("it did not answer in time"),
        Error::Broken { why, .. } => unreachable(why),
        other => Failure::error(other.to_string()),
    }
}

/// The token to show, if there is one: that of the file, or that of the environment.
pub(crate) fn token(access: &Access) -> Result<Option<String>, Failure> {
    if let Some(file) = &access.token_file {
        let text = std::fs::read_to_string(file);
        let text =
            text.map_err(|error| Failure::usage(format!("cannot read a token from {}: {error}", file.display())))?;
        return Ok(Some(text.trim().to_owned()));
    }
    let of_environment = std::env::var("ALIANZA_TOKEN").ok().map(|token| token.trim().to_owned());
    Ok(of_environment.filter(|token| !token.is_empty()))
}

fn refused(problem: &Problem) -> Failure {
    let code = match problem.status {
        404 => Code::NotFound,
        409 | 412 => Code::Conflict,
        429 | 503 | 507 => Code::Unavailable,
        401 | 403 => Code::Denied,
        400..500 => Code::Usage,
        _ => Code::Error,
    };
    Failure::new(code, problem.detail.clone())
}

#[cfg(test)]
mod tests {
    use super::{Access, Client, refused};
    use crate::exit::Code;
    use ::client::Problem;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn statuses_become_exit_codes() {
        let code = |status| refused(&Problem::read(status, None, json!({ "detail": "No." })).unwrap()).code();
        let expected = [
            (400, Code::Usage),
            (401, Code::Denied),
            (403, Code::Denied),
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
        let to = |url: &str| {
            Client::to_url(url, &Access::default(), Duration::from_secs(1))
                .map(|client| client.node.address().to_string())
        };
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
