//! Certificates, and the token of this node, that change while it runs: read again on SIGHUP, and soon after a file has changed.
//!
//! Invariant: files that cannot be used are told of once, and what was loaded before stays in use.

use crate::exit::Failure;
use crate::signals;
use serde_json::json;
use server::proto::ApiToken;
use server::{Audit, By, Deed, Handle, Outcome, Tls, Tokens};
use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tracing::{info, warn};

/// Between two looks at whether the files have changed. Whoever renews certificates can send SIGHUP to not wait.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// What the token of this node's settings is called.
const TOKEN_NAME: &str = "admin-token-file";

/// Reads the files again whenever they have changed, or a signal asks for it. The signal ends no node, also where there are
/// no files.
pub(crate) fn whenever_changed(
    handle: &Handle,
    token_file: Option<PathBuf>,
) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let (tls, audit) = (handle.tls().cloned(), Arc::clone(handle.audit()));
    let mut signal = signals::reload()?;
    let mut own = token_file.map(|file| Own { seen: changed_at(&file), file, tokens: Arc::clone(handle.tokens()) });
    Ok(async move {
        loop {
            let asked = tokio::select! {
                _ = signal.recv() => true,
                () = tokio::time::sleep(LOOK_AGAIN) => false,
            };
            if let Some(outcome) = tls.as_ref().and_then(|tls| again(tls, asked)) {
                audit.told(&By::LOCAL, Deed::new("tls.reload", json!({})), &outcome).await;
            }
            if let Some(own) = &mut own {
                own.again(asked, &audit).await;
            }
        }
    })
}

fn again(tls: &Tls, asked: bool) -> Option<Outcome> {
    if !asked && !tls.has_changed() {
        return None;
    }
    match tls.reload() {
        Ok(()) => {
            info!("certificates were read again; new connections use them");
            Some(Outcome::Done)
        }
        Err(error) => {
            warn!("the old certificates stay in use: {error}");
            Some(Outcome::Failed(error.to_string()))
        }
    }
}

/// The token of this node.
struct Own {
    file: PathBuf,
    seen: Option<SystemTime>,
    tokens: Arc<Tokens>,
}

impl Own {
    async fn again(&mut self, asked: bool, audit: &Audit) {
        let now = changed_at(&self.file);
        if !asked && now == self.seen {
            return;
        }
        self.seen = now;
        let (about, outcome) = match token(&self.file) {
            Ok(token) => {
                let about = json!({ "id": token.id.to_string() });
                self.tokens.set_own(token);
                info!("the token of this node was read again");
                (about, Outcome::Done)
            }
            Err(failure) => {
                warn!("the old token of this node stays in use: {failure}");
                (json!({}), Outcome::Failed(failure.to_string()))
            }
        };
        audit.told(&By::LOCAL, Deed::new("token-file.reload", about), &outcome).await;
    }
}

fn changed_at(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).ok()?.modified().ok()
}

/// The token in a file.
pub(crate) fn token(file: &Path) -> Result<ApiToken, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read a token from {shown}: {error}")))?;
    let mode = std::fs::metadata(file).map_or(0, |facts| facts.permissions().mode());
    if mode & 0o022 != 0 {
        return Err(Failure::usage(format!(
            "{shown} can be written by others than its owner, and who writes it may do everything at this node; take that right \
             away (chmod go-w {shown})"
        )));
    }
    if mode & 0o007 != 0 {
        warn!("{shown} can be read by everybody on this machine; take that right away (chmod 600)");
    }
    api::read_token(&text, TOKEN_NAME)
        .ok_or_else(|| Failure::usage(format!("{shown} has no token in it; make one with `alianza token bootstrap`")))
}
