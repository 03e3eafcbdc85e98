//! Tells the cluster when this node has come back under another name or address than the history has.
//!
//! Invariant: it is tried until it is decided, refused for good, or the process ends.
//! Refuses to keep the node from serving meanwhile: peers that know the old address cannot reach it, but it can reach
//! them.

use liveness::Backoff;
use proto::{Admin, Refusal, Request, Response};
use ring::Member;
use stdx::{Prng, Span};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::audit::{By, Deed, Outcome};
use crate::handle::Handle;

const WAIT_BASE: Span = Span::millis(500);
const WAIT_MAX: Span = Span::secs(10);

/// Compares `member`, the node as the history has it, with how it was started, and tells the cluster if they differ.
/// A node that was started without a name keeps the one it has.
pub(crate) async fn when_changed(handle: Handle, member: Option<Member>, name: Option<String>) {
    let Some(member) = member else { return };
    let name = name.unwrap_or_else(|| member.name.clone());
    let uri = handle.uri().to_owned();
    if (&member.name, &member.uri) == (&name, &uri) {
        return;
    }
    info!("this node was {}[{}] and is now {name}[{uri}]; telling the cluster", member.name, member.uri);
    tokio::select! {
        () = tell(&handle, name, uri) => {}
        _ = handle.stopping() => {}
    }
}

async fn tell(handle: &Handle, name: String, uri: String) {
    let mut backoff = Backoff::new(WAIT_BASE, WAIT_MAX);
    let mut prng = Prng::keyed(handle.node_id().0 as u64, "readdress", &[]);
    loop {
        let request = Request::Admin(Admin::Readdress { name: name.clone(), uri: uri.clone() });
        match handle.call(request, None).await {
            Response::Changed { .. } => {
                info!("the cluster knows this node as {name}[{uri}]");
                if let Some(deed) = Deed::of(&Admin::Readdress { name, uri }) {
                    handle.audit().told(&By::LOCAL, deed, &Outcome::Done).await;
                }
                return;
            }
            Response::Refused(Refusal::ChangeRefused(why) | Refusal::Invalid(why)) => {
                return warn!("the cluster keeps this node's old name and address: {why}");
            }
            other => debug!("the cluster could not take this node's new address yet: {other:?}"),
        }
        sleep(backoff.next(&mut prng).into()).await;
    }
}
