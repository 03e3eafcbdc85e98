//! `POST /v1/batch`: operations as lines of JSON, and as many lines in answer, in their order.
//!
//! Invariant: each line is what `POST /` would take, and its answer what that would give, with the status beside it. Operations
//! on one item are carried out in the order of their lines; others at the same time. Nothing ties them together: each
//! succeeds or fails by itself.

use crate::items;
use crate::lines::{self, Lines};
use crate::operation::{Action, Operation};
use crate::problem::{Kind, Problem};
use crate::router::Api;
use axum::extract::{self, State};
use axum::response::Response;
use bytes::Bytes;
use proto::ItemKey;
use std::collections::BTreeSet;
use std::iter::Peekable;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Operations carried out at the same time.
const AT_ONCE: usize = 64;
/// Lines that one batch may have.
const LINES_MAX: usize = 10_000;

/// Answers with a stream.
pub(crate) async fn batch(State(api): State<Arc<Api>>, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let lines: Vec<Bytes> = body
        .bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(|line| body.bytes.slice_ref(line))
        .collect();
    if lines.len() > LINES_MAX {
        let detail = format!("The batch has {} lines and may have {LINES_MAX}; cut it into several.", lines.len());
        return Err(Problem::new(Kind::TooLarge, detail).with("max", LINES_MAX));
    }
    let (out, answer) = lines::answer(lines::NDJSON);
    tokio::spawn(async move {
        work(&api, lines, out).await;
        drop(body);
    });
    Ok(answer)
}

type Parsed = Result<Operation, Problem>;

async fn work(api: &Arc<Api>, lines: Vec<Bytes>, mut out: Lines) {
    let options = api.options.clone();
    let mut left = lines.into_iter().map(move |line: Bytes| Operation::read(&line, &options)).peekable();
    while left.peek().is_some() {
        let mut tasks = JoinSet::new();
        let mut outcomes = Vec::new();
        for parsed in run(&mut left) {
            let place = outcomes.len();
            outcomes.push(None);
            let api = Arc::clone(api);
            tasks.spawn(async move {
                let outcome = match parsed {
                    Ok(operation) => items::perform(&api, &operation).await,
                    Err(problem) => Err(problem),
                };
                (place, outcome)
            });
        }
        while let Some(done) = tasks.join_next().await {
            if let Ok((place, outcome)) = done {
                outcomes[place] = Some(outcome);
            }
        }
        let mut text = Vec::new();
        outcomes.into_iter().for_each(|outcome| write(&mut text, outcome));
        if !out.send(text).await {
            return;
        }
    }
}

/// The next operations that may be carried out at the same time.
fn run(left: &mut Peekable<impl Iterator<Item = Parsed>>) -> Vec<Parsed> {
    let (mut taken, mut busy) = (Vec::new(), BTreeSet::new());
    while taken.len() < AT_ONCE {
        let is_alone = match left.peek() {
            None => break,
            Some(Err(_)) => false,
            Some(Ok(operation)) => match key(&operation.action) {
                Some(key) if !busy.insert((operation.bucket.clone(), key.clone())) => break,
                Some(_) => false,
                // It may read what any other writes.
                None if !taken.is_empty() => break,
                None => true,
            },
        };
        taken.extend(left.next());
        if is_alone {
            break;
        }
    }
    taken
}

/// The item that an operation is about; none for a scan.
fn key(action: &Action) -> Option<&ItemKey> {
    match action {
        Action::Get(key) | Action::Add(key, _) => Some(key),
        Action::Put(write) => Some(&write.key),
        Action::Change(change) => Some(&change.key),
        Action::Scan(_) => None,
    }
}

fn write(out: &mut Vec<u8>, outcome: Option<Result<Vec<u8>, Problem>>) {
    let (status, body) = match outcome {
        Some(Ok(body)) => (200, body),
        Some(Err(problem)) => (problem.kind().status(), problem.to_json().to_string().into()),
        None => {
            let detail = "The operation was broken off and may have been applied; look at the log of this node.";
            let problem = Problem::new(Kind::Internal, detail).with("mayHaveBeenApplied", true);
            (problem.kind().status(), problem.to_json().to_string().into())
        }
    };
    out.extend(format!("{{\"status\":{status},\"body\":").as_bytes());
    out.extend(body);
    out.extend(b"}\n");
}
