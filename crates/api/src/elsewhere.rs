//! Asking another member over HTTP what it says of itself, for whoever reaches only this node.
//!
//! Invariant: only members are asked, only with a GET of a path of ours, once; time and size of the answer are bounded.

use crate::access;
use crate::database::Database;
use crate::json;
use crate::problem::{Kind, Problem};
use axum::body::Body;
use axum::http::{Request, StatusCode, Uri, header};
use axum::response::Response;
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proto::MemberStatus;
use server::Address;
use std::time::Duration;

/// A member that needs longer is not worth waiting for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longer answers are not passed on.
const BYTES_MAX: usize = 4 << 20;

/// What a member answers to a GET of `path`, passed on as it is.
pub(crate) async fn get(
    database: &dyn Database,
    member: &MemberStatus,
    path: &'static str,
) -> Result<Response, Problem> {
    let name = &member.member.name;
    let failed = |why: String| {
        let detail = format!("Node \"{name}\" does not answer ({why}); see how it is under /v1/cluster.");
        Problem::new(Kind::NoAnswer, detail).retry_after(1)
    };
    let asked = tokio::time::timeout(PATIENCE, ask(database, &member.member.uri, path)).await;
    let (status, body) =
        asked.map_err(|_| failed("it took too long".to_owned()))?.map_err(|why| failed(why.to_string()))?;
    if status != StatusCode::OK {
        return Err(failed(format!("it answered {status}")));
    }
    Ok(json::answer(status, body))
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn ask(database: &dyn Database, uri: &str, path: &'static str) -> Result<(StatusCode, Vec<u8>), Failure> {
    let address: Address = uri.parse()?;
    let uri: Uri = uri.parse()?;
    let authority = uri.authority().ok_or("its address makes no sense")?;
    let stream = database.connect(&address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(header::HOST, authority.as_str());
    let request = request
        .header(header::AUTHORIZATION, access::peer_authorization(&database.context_key()))
        .body(Body::empty())?;
    let exchange = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), BYTES_MAX).collect().await?.to_bytes();
        Ok((status, body.to_vec()))
    };
    // The connection works only while it is polled, and ends when the exchange is over; what went wrong there is seen here.
    let (answer, _) = tokio::join!(exchange, connection);
    answer
}
