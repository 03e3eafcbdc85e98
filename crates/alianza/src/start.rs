//! `alianza start`: one node, from its settings to its end.
//!
//! Invariant: a signal stops the process without leaving the cluster; requests under way are answered first.

use crate::args::Start;
use crate::exit::{Code, Failure};
use crate::settings::{self, Settings};
use crate::signals::Signals;
use crate::spans::Exporter;
use crate::{logs, output, reload};
use api::RedisOptions;
use server::{By, Deed, Ended, Handle, Outcome, Running, StartError};
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing::info;

/// Threads for SQL and for resolving names; nothing else blocks.
const BLOCKING_THREADS: usize = 8;

/// How long the last spans may take to their collector.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Runs a node until it ends.
pub(crate) fn run(args: Start) -> Result<(), Failure> {
    let merged = settings::gather(args.config.as_deref(), args.flags)?;
    let settings = Settings::read(&merged)?;
    if args.print_config {
        return output::print(&settings::show(&merged, args.json));
    }
    logs::start(&settings.log, settings.log_format)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(|error| Failure::error(format!("cannot start: {error}")))?;
    let result = runtime.block_on(serve(settings, args.while_stdin));
    // A statement of SQL may still be running and must not hold the process up.
    runtime.shutdown_background();
    result
}

async fn serve(mut settings: Settings, while_stdin: bool) -> Result<(), Failure> {
    let mut end = End { signals: Signals::listen()?, stdin: while_stdin.then(stdin_closed).transpose()? };
    let token_file = settings.admin_token_file.take();
    settings.server.own_token = token_file.as_deref().map(reload::token).transpose()?;
    let redis = match settings.redis {
        Some((address, options)) => Some((listen_for_redis(address).await?, options)),
        None => None,
    };
    let started = tokio::select! {
        started = server::start(settings.server) => started.map_err(|error| not_started(&error))?,
        () = end.wanted() => return Ok(()),
    };
    let Running { handle, http, spans, .. } = started;
    let exporting = match (settings.otlp, spans) {
        (Some(url), Some(spans)) => {
            Some(tokio::spawn(Exporter::new(&url, settings.otlp_ca.as_deref(), &handle)?.run(spans, handle.clone())))
        }
        _ => None,
    };
    let service = api::Service::new(Arc::new(handle.clone()), settings.http);
    let reloading = tokio::spawn(reload::whenever_changed(&handle, token_file)?);
    let serving = tokio::spawn(api::serve(http, service.clone()));
    let serving_redis =
        redis.map(|(socket, options)| tokio::spawn(serve_redis(socket, service, options, handle.clone())));
    let ended = tokio::select! {
        ended = handle.ended() => ended,
        () = end.wanted() => {
            info!("stopping; the node stays a member");
            let stop = Deed::new("process.stop", serde_json::json!({}));
            handle.audit().told(&By::LOCAL, stop, &Outcome::Done).await;
            handle.shutdown();
            tokio::select! {
                ended = handle.ended() => ended,
                () = end.wanted() => return Err(Failure::error("stopped at once, because a second signal asked for it")),
            }
        }
    };
    reloading.abort();
    // Answers that are being written are the last thing a client hears of this process.
    let _ = serving.await;
    if let Some(serving) = serving_redis {
        let _ = serving.await;
    }
    if let Some(exporting) = exporting {
        // A collector that does not answer does not hold the process up.
        let _ = tokio::time::timeout(LAST_SPANS, exporting).await;
    }
    match ended {
        Ended::Left => info!("the node has left the cluster and handed its data over"),
        Ended::Stopped => info!("stopped"),
        Ended::Ejected(why) => return Err(Failure::new(Code::Conflict, why)),
        Ended::Failed(why) => return Err(Failure::error(format!("the node stopped serving: {why}"))),
    }
    Ok(())
}

async fn listen_for_redis(address: SocketAddr) -> Result<TcpListener, Failure> {
    let socket = api::redis::bind(address).await;
    socket.map_err(|error| {
        Failure::error(format!("cannot serve Redis clients on {address}: {error}; give another --redis"))
    })
}

async fn serve_redis(socket: TcpListener, service: api::Service, mut options: RedisOptions, handle: Handle) {
    if let Ok(address) = socket.local_addr() {
        options.port = address.port();
        info!("Redis clients are served on {address}");
    }
    api::redis::serve(socket, service, options, async move { drop(handle.stopping().await) }).await;
}

/// What may ask the process to end.
struct End {
    signals: Signals,
    stdin: Option<oneshot::Receiver<()>>,
}

impl End {
    async fn wanted(&mut self) {
        let Some(stdin) = &mut self.stdin else { return self.signals.next().await };
        tokio::select! {
            () = self.signals.next() => {}
            _ = stdin => self.stdin = None,
        }
    }
}

/// Tells when standard input ends.
fn stdin_closed() -> Result<oneshot::Receiver<()>, Failure> {
    let (closed, when_closed) = oneshot::channel();
    let watch = move || {
        let mut ignored = [0; 64];
        while std::io::stdin().read(&mut ignored).is_ok_and(|bytes| bytes > 0) {}
        // The process may have ended for another reason by now.
        let _ = closed.send(());
    };
    let thread = std::thread::Builder::new().name("stdin".to_owned()).spawn(watch);
    thread.map(|_| when_closed).map_err(|error| Failure::error(format!("cannot start a thread: {error}")))
}

fn not_started(error: &StartError) -> Failure {
    let code = match error {
        StartError::Config(_) | StartError::Insecure { .. } | StartError::NoToken { .. } | StartError::Tls(_) => {
            Code::Usage
        }
        StartError::SeedsUnreachable { .. } => Code::Unavailable,
        StartError::JoinRefused { .. } => Code::Conflict,
        _ => Code::Error,
    };
    Failure::new(code, error.to_string())
}
