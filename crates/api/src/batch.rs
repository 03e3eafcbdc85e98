//! `POST /v1/batch`: operations as lines of JSON, and as many lines in answer, in their order.
//!
//! Invariant: each line is what `POST /` would take, and its answer what that would give, with the status beside it. Operations
//! on one item are carried out in the order of their lines; others at the same time. Nothing ties them together: each
//! succeeds or fails by itself. Answers that wait for their turn or for the client are those of one run at most, few of them large.

use crate::access::Asker;
use crate::items;
use crate::lines::{self, Lines};
use crate::operation::{Action, Operation};
use crate::problem::{Kind, Problem};
use crate::router::Api;
use axum::extract;
use axum::response::Response;
use bytes::Bytes;
use proto::ItemKey;
use std::collections::BTreeSet;
use std::iter::Peekable;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Operations carried out at the same time.
const AT_ONCE: usize = 64;
/// Those among them that read: their answers may be as large as the largest value, and wait for those of the lines before.
const READS_AT_ONCE: usize = 8;
/// Lines that one batch may have.
const LINES_MAX: usize = 10_000;

/// Answers with a stream.
pub(crate) async fn batch(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let lines: Vec<Bytes> = body
        .bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .take(LINES_MAX + 1)
        .map(|line| body.bytes.slice_ref(line))
        .collect();
    if lines.len() > LINES_MAX {
        let detail = format!("The batch has more than {LINES_MAX} lines, the most it may have; cut it into several.");
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
/// The JSON of what became of an operation.
type Outcome = Result<Vec<u8>, Problem>;

async fn work(api: &Arc<Api>, lines: Vec<Bytes>, mut out: Lines) {
    let options = api.options.clone();
    let mut left = lines.into_iter().map(move |line: Bytes| Operation::read(&line, &options)).peekable();
    while left.peek().is_some() {
        let mut tasks = JoinSet::new();
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
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
        let mut told = 0;
        while let Some(done) = tasks.join_next().await {
            if let Ok((place, outcome)) = done {
                outcomes[place] = Some(outcome);
            }
            while let Some(outcome) = outcomes.get_mut(told).and_then(Option::take) {
                told += 1;
                if !out.send(line(Some(outcome))).await {
                    return;
                }
            }
        }
        for outcome in outcomes.drain(told..) {
            if !out.send(line(outcome)).await {
                return;
            }
        }
    }
}

/// The next operations that may be carried out at the same time.
fn run(left: &mut Peekable<impl Iterator<Item = Parsed>>) -> Vec<Parsed> {
    let (mut taken, mut busy, mut reads) = (Vec::new(), BTreeSet::new(), 0);
    while taken.len() < AT_ONCE && reads < READS_AT_ONCE {
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
        reads += usize::from(matches!(left.peek(), Some(Ok(Operation { action: Action::Get(_), .. }))));
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

fn line(outcome: Option<Outcome>) -> Vec<u8> {
    let (status, body) = match outcome {
        Some(Ok(body)) => (200, body),
        Some(Err(problem)) => (problem.kind().status(), problem.to_json().to_string().into()),
        None => {
            let detail = "The operation was broken off and may have been applied; look at the log of this node.";
            let problem = Problem::new(Kind::Internal, detail).with("mayHaveBeenApplied", true);
            (problem.kind().status(), problem.to_json().to_string().into())
        }
    };
    let mut out = format!("{{\"status\":{status},\"body\":").into_bytes();
    out.extend(body);
    out.extend(b"}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, READS_AT_ONCE, run};
    use crate::Options;
    use crate::operation::Operation;

    /// How many lines of `lines` are carried out at the same time.
    fn at_once(lines: impl Iterator<Item = String>) -> usize {
        let options = Options::default();
        run(&mut lines.map(|line| Operation::read(&line.into(), &options)).peekable()).len()
    }

    #[test]
    fn few_reads_are_carried_out_at_once_and_many_writes() {
        let write = |key: usize| format!(r#"{{"type":"PUT","key":"{key}","value":"1"}}"#);
        let read = |key: usize| format!(r#"{{"type":"GET","key":"{key}"}}"#);
        assert_eq!(at_once((0..100).map(write)), AT_ONCE);
        assert_eq!(at_once((0..100).map(read)), READS_AT_ONCE);
        assert_eq!(at_once((0..100).map(|key| if key % 2 == 0 { write(key) } else { read(key) })), 2 * READS_AT_ONCE);
        assert_eq!(at_once((0..100).map(|key| write(key % 5))), 5);
        assert_eq!(at_once([write(0), r#"{"type":"SCAN"}"#.to_owned()].into_iter()), 1);
    }
}
