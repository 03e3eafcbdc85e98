//! Certificates that change while the node runs: read again on SIGHUP, and soon after a file has changed.
//!
//! Invariant: files that cannot be used are told of once, and what was loaded before stays in use.

use crate::exit::Failure;
use crate::signals;
use server::Tls;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// Between two looks at whether the files have changed. Whoever renews certificates can send SIGHUP to not wait.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Reads the files again whenever they have changed, or a signal asks for it.
pub(crate) fn whenever_changed(tls: Arc<Tls>) -> Result<impl Future<Output = ()>, Failure> {
    let mut signal = signals::reload()?;
    Ok(async move {
        loop {
            let asked = tokio::select! {
                _ = signal.recv() => true,
                () = tokio::time::sleep(LOOK_AGAIN) => false,
            };
            if asked || tls.has_changed() {
                match tls.reload() {
                    Ok(()) => info!("certificates were read again; new connections use them"),
                    Err(error) => warn!("the old certificates stay in use: {error}"),
                }
            }
        }
    })
}
