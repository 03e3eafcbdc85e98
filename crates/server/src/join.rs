//! How an empty node comes into a cluster: it asks one seed after the other to take it in.
//!
//! Invariant: the node's id stays the same through all tries, so a try whose answer was lost is not a second node.
//! Refuses to decide where the node's tokens are; the seed does.

use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use codec::{FRAME_BYTES_MAX, Role};
use liveness::Backoff;
use proto::{Admin, Event, Join, Message, OpId, Progress, Pulse, Refusal, Request, Response};
use ring::NodeId;
use stdx::{Prng, Span};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::address::Address;
use crate::error::StartError;
use crate::peer::connection::{Broken, Frames, write_frame};
use crate::peer::handshake::{self, HANDSHAKE_TIME, HandshakeError};
use crate::tls::{Tls, dial_peer};

/// How long one seed may take to decide.
const DECISION_TIME: Span = Span::secs(10);

const WAIT_BASE: Span = Span::millis(250);
const WAIT_MAX: Span = Span::secs(5);

/// What the answer of a seed brought.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) node: NodeId,
    pub(crate) history: Vec<Event>,
    pub(crate) progress: Vec<(NodeId, Progress)>,
}

/// Why one seed did not take the node in.
#[derive(Debug)]
enum AskError {
    /// It could not be asked.
    Handshake(HandshakeError),
    /// The connection broke before it answered.
    Broken(Broken),
    /// It did not answer in time.
    TooSlow,
    /// It can not do it now.
    NotNow(Refusal),
    /// It will not do it.
    Never(String),
    /// Its answer has nothing to do with the question.
    Nonsense,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Handshake(error) => error.fmt(f),
            AskError::Broken(broken) => write!(f, "the connection broke: {broken}"),
            AskError::TooSlow => f.write_str("it did not answer in time"),
            AskError::NotNow(Refusal::NoMajority { voters, reached }) => {
                write!(f, "it reached {reached} of {voters} nodes that decide on members, which is no majority")
            }
            AskError::NotNow(Refusal::NotReady(why)) | AskError::Never(why) => f.write_str(why),
            AskError::NotNow(Refusal::Overloaded) => f.write_str("it is overloaded"),
            AskError::NotNow(refusal) => write!(f, "it could not decide: {refusal:?}"),
            AskError::Nonsense => f.write_str("its answer makes no sense; check that it runs the same version"),
        }
    }
}

impl From<HandshakeError> for AskError {
    fn from(error: HandshakeError) -> AskError {
        AskError::Handshake(error)
    }
}

impl From<Broken> for AskError {
    fn from(broken: Broken) -> AskError {
        AskError::Broken(broken)
    }
}

/// Asks the seeds in turn until one takes the node in, for about as long as `patience`.
pub(crate) async fn join(
    seeds: &[Address],
    tls: Option<&Tls>,
    entrance: &Admin,
    patience: Duration,
    prng: &mut Prng,
) -> Result<Joined, StartError> {
    let end = Instant::now() + patience;
    let mut backoff = Backoff::new(WAIT_BASE, WAIT_MAX);
    let mut last = String::from("none was tried");
    let join = newcomer(entrance);
    loop {
        for seed in seeds {
            info!("asking {seed} to take this node in as {}", join.name);
            match ask(seed, tls, entrance).await {
                Ok(joined) => return Ok(joined),
                Err(AskError::Never(why)) => return Err(StartError::JoinRefused { seed: seed.clone(), why }),
                Err(error) => {
                    warn!("{seed} did not take this node in: {error}");
                    last = format!("{seed}: {error}");
                }
            }
        }
        let wait: Duration = backoff.next(prng).into();
        if Instant::now() + wait >= end {
            return Err(StartError::SeedsUnreachable { seeds: seeds.to_vec(), last });
        }
        sleep(wait).await;
    }
}

/// The newcomer in a wish to come in.
fn newcomer(entrance: &Admin) -> &Join {
    match entrance {
        Admin::Join(join) | Admin::Replace { join, .. } => join,
        Admin::Apply { change, .. } => newcomer(change),
        other => unreachable!("no newcomer asks for {other:?}"),
    }
}

async fn ask(seed: &Address, tls: Option<&Tls>, entrance: &Admin) -> Result<Joined, AskError> {
    let join = newcomer(entrance);
    let hello = handshake::hello(join.node, None, Role::Guest, &join.name, Pulse::default());
    let mut stream = dial_peer(tls, seed).await.map_err(HandshakeError::Tls)?;
    let mut buffer = BytesMut::new();
    let greeting = handshake::greet(&mut stream, &mut buffer, &hello);
    timeout(HANDSHAKE_TIME, greeting).await.map_err(|_| HandshakeError::TooSlow)??;
    let request = Request::Admin(entrance.clone());
    write_frame(
        &mut stream,
        &[Message::Forward { op: OpId(1), request, within: DECISION_TIME, life: 0, round: 0, confirms: false }],
    )
    .await?;
    let mut frames = Frames::new(&mut stream, buffer, FRAME_BYTES_MAX);
    // The seed answers within the time it was given; a little more is for the way.
    let patience = Duration::from(DECISION_TIME) + HANDSHAKE_TIME;
    let messages = timeout(patience, frames.next()).await.map_err(|_| AskError::TooSlow)??;
    match messages.into_iter().next() {
        Some(Message::Forwarded { response, .. }) => read(*response, join.node),
        _ => Err(AskError::Nonsense),
    }
}

fn read(response: Response, node: NodeId) -> Result<Joined, AskError> {
    match response {
        Response::Changed { history, node: Some(changed), progress } if changed == node => {
            Ok(Joined { node, history, progress })
        }
        Response::Refused(Refusal::ChangeRefused(why) | Refusal::Invalid(why)) => Err(AskError::Never(why)),
        Response::Refused(Refusal::PlanChanged) => {
            Err(AskError::Never("the cluster has changed since the plan was made; look at a new plan".to_owned()))
        }
        Response::Refused(refusal) => Err(AskError::NotNow(refusal)),
        _ => Err(AskError::Nonsense),
    }
}
