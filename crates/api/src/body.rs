//! Reading request bodies whole, within bounds of size, time, and memory held by all of them together.
//!
//! Invariant: the bytes of bodies being read or worked on never exceed `bodies_bytes_max` by more than the small ones and the
//! short ones of strangers, which are not counted.

use crate::Options;
use crate::problem::{Kind, Problem};
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bodies up to this size are not counted.
const SMALL: usize = 64 << 10;
/// Memory is counted in pieces of this size.
const PIECE: usize = 64 << 10;
/// How long to read on after a request was refused.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// The memory that bodies may take.
pub(crate) struct Bodies {
    pieces: Arc<Semaphore>,
}

/// A body, and the memory it takes until it is dropped.
pub(crate) struct Whole {
    /// The bytes.
    pub(crate) bytes: Bytes,
    _held: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    /// Memory as the options say.
    pub(crate) fn new(options: &Options) -> Bodies {
        Bodies { pieces: Arc::new(Semaphore::new(options.bodies_bytes_max / PIECE)) }
    }

    /// Reads the body of a request to its end.
    pub(crate) async fn read(&self, request: Request, options: &Options) -> Result<Whole, Problem> {
        let waits = request.headers().contains_key(header::EXPECT);
        let mut body = request.into_body();
        let announced = body.size_hint().lower();
        if announced > options.body_bytes_max() as u64 {
            // A client that waits for our consent has not sent its body yet, and now never will.
            if !waits {
                drain(&mut body, options).await;
            }
            return Err(too_large(options.body_bytes_max()));
        }
        let whole = self.collect(&mut body, announced as usize, options).await;
        if whole.as_ref().is_err_and(|problem| problem.kind() != Kind::SlowBody) {
            drain(&mut body, options).await;
        }
        whole
    }

    async fn collect(&self, body: &mut Body, announced: usize, options: &Options) -> Result<Whole, Problem> {
        let bytes_max = options.body_bytes_max();
        let mut held = self.hold(None, announced)?;
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(data) = next(body, options).await? {
            let bytes = first.len() + all.len() + data.len();
            if bytes > bytes_max {
                return Err(too_large(bytes_max));
            }
            held = self.hold(held, bytes)?;
            if first.is_empty() && all.is_empty() {
                first = data;
                continue;
            }
            if all.is_empty() {
                all.reserve(bytes.max(announced));
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
        let bytes = if all.is_empty() { first } else { all.freeze() };
        Ok(Whole { bytes, _held: held })
    }

    /// Holds memory for `bytes` in all.
    fn hold(&self, held: Option<OwnedSemaphorePermit>, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        let (have, need) = (held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits), bytes.div_ceil(PIECE));
        if bytes <= SMALL || need <= have {
            return Ok(held);
        }
        let more = Arc::clone(&self.pieces).try_acquire_many_owned((need - have) as u32).map_err(|_| crowded())?;
        let Some(mut all) = held else { return Ok(Some(more)) };
        all.merge(more);
        Ok(Some(all))
    }
}

/// Reads a short body of somebody who may be a stranger: at most `bytes_max` bytes within `patience`. Nothing of it is counted, and what
/// is too long is not read to its end: a stranger takes no memory and no time of those who are known.
pub(crate) async fn read_short(request: Request, bytes_max: usize, patience: Duration) -> Result<Bytes, Problem> {
    let body = Limited::new(request.into_body(), bytes_max);
    match tokio::time::timeout(patience, body.collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("The body has more than {bytes_max} bytes, the most that is read here.");
            Err(Problem::new(Kind::TooLarge, detail).with("max", bytes_max))
        }
        Ok(Err(_)) | Err(_) => Err(slow()),
    }
}

/// Reads on and forgets, because most clients send all of a body before they look for an answer, and would otherwise see
/// a broken connection instead of it.
async fn drain(body: &mut Body, options: &Options) {
    let (bytes_max, mut bytes) = (4 * options.body_bytes_max(), 0);
    let forget = async {
        while let Ok(Some(data)) = next(body, options).await {
            bytes += data.len();
            if bytes > bytes_max {
                break;
            }
        }
    };
    // If that is not the end of it, the client must make do with the broken connection.
    let _ = tokio::time::timeout(DRAIN_PATIENCE, forget).await;
}

/// The next bytes of a body; none at its end.
async fn next(body: &mut Body, options: &Options) -> Result<Option<Bytes>, Problem> {
    // What is known to be over needs no further look, and no timer for it.
    while !body.is_end_stream() {
        let mut framing = body.frame();
        // What came with the head of the request is there, and needs no clock.
        let at_once = poll_fn(|context| Poll::Ready(Pin::new(&mut framing).poll(context))).await;
        let frame = match at_once {
            Poll::Ready(frame) => frame,
            Poll::Pending => tokio::time::timeout(options.body_patience.into(), framing).await.map_err(|_| slow())?,
        };
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(slow()),
            // Trailers are no part of the body.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Ok(Some(data)),
                Err(_) => {}
            },
        }
    }
    Ok(None)
}

fn too_large(bytes_max: usize) -> Problem {
    let detail =
        format!("The body has more than {bytes_max} bytes, the most this node takes; cut it into several requests.");
    Problem::new(Kind::TooLarge, detail).with("max", bytes_max)
}

fn crowded() -> Problem {
    let detail = "Too many large requests are being read at once; try again in a moment, or ask another node.";
    Problem::new(Kind::TooManyRequests, detail).retry_after(1)
}

fn slow() -> Problem {
    Problem::new(Kind::SlowBody, "The rest of the body did not arrive; send the request again.")
}
