//! `GET /v1/events`: the membership history as server-sent events, from any point on, and what arrives later as it arrives.
//!
//! Invariant: events come in the order of their epochs, each once and none left out, however often the client comes back with
//! the last id it saw, and to whichever node. At most a quarter of the connections are streams.

use crate::access::Asker;
use crate::fields::invalid;
use crate::history;
use crate::lines::{self, Lines};
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::refusal;
use crate::router::Api;
use axum::extract;
use axum::response::Response;
use proto::{Act, Admin, Event, Request};
use server::News;
use std::sync::Arc;
use std::time::Duration;

/// Between two signs of life while nothing happens; proxies close what is silent for long.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What the client is told about coming back.
const RETRY: &str = "retry: 2000\n\n";

/// Answers with a stream that ends with the node.
pub(crate) async fn events(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let mut query = Query::read(request.uri().query())?;
    let after = query.text("after")?;
    query.finish(&["after"])?;
    let header =
        request.headers().get("last-event-id").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    // What a browser adds when it comes back is newer than what the page once wrote into the URL.
    let after = match header.or(after) {
        None => 0,
        Some(text) => text.parse().map_err(|_| invalid("after", "must be the id of an event"))?,
    };
    let place = Arc::clone(&api.listeners).try_acquire_owned().map_err(|_| crowded())?;
    // Listening begins before reading, so that nothing falls between.
    let news = api.database().news();
    let history = read(&api).await?;
    let (lines, answer) = lines::answer("text/event-stream");
    tokio::spawn(async move {
        write(&api, lines, news, history, after).await;
        drop(place);
    });
    Ok(answer)
}

/// Streams last, and must leave connections to those who ask and go.
fn crowded() -> Problem {
    let detail =
        "Too many clients listen to this node's events; listen to another node, or ask for /v1/history now and then.";
    Problem::new(Kind::TooManyRequests, detail).retry_after(15)
}

async fn read(api: &Api) -> Result<Vec<Event>, Problem> {
    match api.database().call(Request::Admin(Admin::History), None).await {
        proto::Response::History(history) => Ok(history),
        other => Err(refusal::unexpected(other)),
    }
}

async fn write(api: &Api, mut lines: Lines, mut news: News, mut history: Vec<Event>, mut after: u64) {
    if !lines.send(RETRY.into()).await {
        return;
    }
    loop {
        let mut text = Vec::new();
        for event in history.iter().filter(|event| event.epoch.0 > after) {
            let (kind, data) = history::told_whole(event);
            text.extend(format!("id: {}\nevent: {kind}\ndata: {data}\n\n", event.epoch.0).as_bytes());
        }
        after = history.last().map_or(after, |event| after.max(event.epoch.0));
        // What waits for long should keep little.
        drop(history);
        if !lines.send(text).await {
            return;
        }
        loop {
            match tokio::time::timeout(HEARTBEAT, news.more()).await {
                Ok(true) => break,
                Ok(false) => return,
                // A token that ends gives no word of that.
                Err(_) => match api.demand(Act::Monitor, None) {
                    Ok(()) if lines.send(b":\n\n".to_vec()).await => {}
                    Ok(()) => return,
                    Err(problem) => return part(&mut lines, &problem).await,
                },
            }
        }
        history = match read(api).await {
            Ok(newer) => newer,
            Err(problem) if problem.kind() == Kind::NotAllowed => return part(&mut lines, &problem).await,
            // If the node cannot tell now, the client comes back, here or elsewhere.
            Err(_) => return,
        };
    }
}

/// The last word to a client that is told nothing more.
async fn part(lines: &mut Lines, why: &Problem) {
    lines.send(format!("event: end\ndata: {}\n\n", why.to_json()).into()).await;
}
