//! A connection of a node that is not a member yet: it may ask to come in and how the cluster is, and nothing else.
//!
//! Invariant: a guest has one question under way, in a frame of bounded size, and an end if it says nothing for long.
//! Refuses to decide who may come in; that is the machine's.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use codec::GUEST_FRAME_BYTES_MAX;
use proto::{Admin, Message, OpId, Refusal, Request, Response};
use stdx::Span;
use tokio::time::timeout;

use crate::audit::{Audit, By, Deed, Doer, Outcome};
use crate::handle::Handle;
use crate::peer::connection::{Broken, Frames, write_frame};
use crate::tls::Stream;

/// How long a guest may think between two questions.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Why a guest had to go.
#[derive(Debug)]
pub(crate) enum Farewell {
    /// The connection ended.
    Broken(Broken),
    /// It said nothing for too long.
    Idle,
    /// It asked for what only members may.
    NotAllowed,
}

impl fmt::Display for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Farewell::Broken(broken) => broken.fmt(f),
            Farewell::Idle => f.write_str("it said nothing for too long"),
            Farewell::NotAllowed => f.write_str("it asked for what only members may"),
        }
    }
}

impl From<Broken> for Farewell {
    fn from(broken: Broken) -> Farewell {
        Farewell::Broken(broken)
    }
}

/// Answers a guest's questions until it goes or has to go.
pub(crate) async fn host(stream: Stream, buffer: BytesMut, from: SocketAddr, handle: &Handle) -> Farewell {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let mut frames = Frames::new(&mut reading, buffer, GUEST_FRAME_BYTES_MAX);
    loop {
        let messages = match timeout(IDLE_TIME, frames.next()).await {
            Ok(Ok(messages)) => messages,
            Ok(Err(broken)) => return broken.into(),
            Err(_) => return Farewell::Idle,
        };
        for message in messages {
            let Some((op, request, within)) = question(message) else { return Farewell::NotAllowed };
            let response = Box::new(ask(handle, from, request, within).await);
            if let Err(broken) = write_frame(&mut writing, &[Message::Forwarded { op, response }]).await {
                return broken.into();
            }
        }
    }
}

/// Asks the node, and has the audit log tell of what changes the cluster.
async fn ask(handle: &Handle, from: SocketAddr, request: Request, within: Span) -> Response {
    let deed = if let Request::Admin(admin) = &request { Deed::of(admin) } else { None };
    let Some(deed) = deed else { return handle.call(request, Some(within)).await };
    let by = By { doer: Doer::Newcomer, via: "peer", from: Some(from) };
    let begun = Audit::begin(handle.audit(), by, deed).await;
    let response = handle.call(request, Some(within)).await;
    let outcome = match &response {
        Response::Refused(Refusal::NoAnswer { .. } | Refusal::OutcomeUnknown) => {
            Outcome::Unknown("It was not decided in time.".to_owned())
        }
        Response::Refused(Refusal::ChangeRefused(why) | Refusal::Invalid(why) | Refusal::NotReady(why)) => {
            Outcome::Failed(why.clone())
        }
        Response::Refused(refusal) => Outcome::Failed(format!("{refusal:?}")),
        _ => Outcome::Done,
    };
    begun.end(outcome).await;
    response
}

/// What a guest may ask.
fn question(message: Message) -> Option<(OpId, Request, Span)> {
    match message {
        Message::Forward { op, request, within, .. } => {
            let allowed = matches!(&request, Request::Admin(admin) if is_for_newcomers(admin));
            allowed.then_some((op, request, within))
        }
        _ => None,
    }
}

fn is_for_newcomers(admin: &Admin) -> bool {
    match admin {
        Admin::Join(_) | Admin::Replace { .. } | Admin::Status => true,
        Admin::Apply { change, .. } => matches!(change.as_ref(), Admin::Replace { .. }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Farewell, host};
    use crate::event::Event;
    use crate::handle::tests::handle;
    use crate::peer::connection::{Frames, write_frame};
    use crate::peer::tests::pair;
    use bytes::BytesMut;
    use proto::{Admin, ItemKey, Message, OpId, Request, Response};
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use stdx::Span;

    const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

    fn forward(op: u64, request: Request) -> Message {
        Message::Forward { op: OpId(op), request, within: Span::secs(1), life: 0, round: 0, confirms: false }
    }

    #[tokio::test]
    async fn a_guest_may_look_but_not_touch() {
        let (mut guest, server) = pair().await;
        let (handle, mut queue) = handle();
        let hosting = tokio::spawn(async move { host(server.into(), BytesMut::new(), HERE, &handle).await });

        write_frame(&mut guest, &[forward(9, Request::Admin(Admin::Status))]).await.unwrap();
        let Some(Event::Client { reply, .. }) = queue.recv().await else { panic!("no question") };
        assert!(reply.send(Response::History(Vec::new())));
        let answer = Frames::new(&mut guest, BytesMut::new(), codec::FRAME_BYTES_MAX).next().await.unwrap();
        assert_eq!(answer, [Message::Forwarded { op: OpId(9), response: Box::new(Response::History(Vec::new())) }]);

        let get = proto::Get { bucket: "default".to_owned(), key: ItemKey::plain("key_1"), level: None };
        write_frame(&mut guest, &[forward(10, Request::Get(get))]).await.unwrap();
        assert!(matches!(hosting.await.unwrap(), Farewell::NotAllowed));
        assert!(queue.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_guest_may_not_stay_silent() {
        let (_guest, server) = pair().await;
        let (handle, _queue) = handle();
        tokio::time::pause();
        assert!(matches!(host(server.into(), BytesMut::new(), HERE, &handle).await, Farewell::Idle));
    }
}
