//! A TCP proxy in front of every node: peers and clients reach a node only through it, and it misbehaves as told.
//!
//! One listener for each node is enough for one link for each pair of nodes: a peer says who it is in its first bytes, and
//! whoever does not is a client. Bytes from A to B obey the rule of (A, B), whoever has opened the connection.
//!
//! Invariant: with no rule set, bytes arrive as they were sent. Refuses to know why a link is bad.

mod hello;
mod links;
mod pump;
mod rule;

pub use links::{Counts, End, Links};
pub use rule::Rule;

use crate::node;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The proxies of all nodes, on a thread of their own.
#[derive(Debug)]
pub struct Proxy {
    links: Arc<Links>,
    runtime: tokio::runtime::Handle,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts without any node. `seed` makes the choices of bad links.
    pub fn start(seed: u64) -> Result<Proxy, String> {
        let text = |error: std::io::Error| format!("cannot start the proxy: {error}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
        let handle = runtime.handle().clone();
        let (stop, mut stopped) = watch::channel(false);
        let serve = move || {
            // An error means that whoever could say stop is gone.
            let _ = runtime.block_on(stopped.wait_for(|stop| *stop));
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(serve).map_err(text)?;
        Ok(Proxy { links: Links::new(seed), runtime: handle, stop, thread: Some(thread) })
    }

    /// The rules and the connections.
    pub fn links(&self) -> &Arc<Links> {
        &self.links
    }

    /// Listens for the node `number`, which itself listens on `port`. Returns the port to advertise.
    pub fn add(&self, number: usize, port: u16) -> Result<u16, String> {
        let text = |error: std::io::Error| format!("the proxy cannot listen: {error}");
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(text)?;
        listener.set_nonblocking(true).map_err(text)?;
        let own = listener.local_addr().map_err(text)?.port();
        let links = Arc::clone(&self.links);
        self.runtime.spawn(async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => accept_all(listener, number, port, links).await,
                Err(error) => eprintln!("faults: the proxy of node {number} does not listen: {error}"),
            }
        });
        Ok(own)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept_all(listener: TcpListener, number: usize, port: u16, links: Arc<Links>) {
    loop {
        // Out of file handles, say: it passes, or the run fails by itself.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        tokio::spawn(serve(stream, number, port, Arc::clone(&links)));
    }
}

async fn serve(mut caller: TcpStream, number: usize, port: u16, links: Arc<Links>) {
    let Some((name, first)) = hello::caller(&mut caller).await else { return };
    let from = name.and_then(|name| node::number(&name)).map_or(End::Clients, End::Node);
    let to = End::Node(number);
    links.passable((from, to)).await;
    let Ok(called) = TcpStream::connect(("127.0.0.1", port)).await else {
        // As if nobody listened.
        let _ = caller.set_zero_linger();
        return;
    };
    let _ = (caller.set_nodelay(true), called.set_nodelay(true));
    let connection = links.open(from, to);
    let (up, down) = ((from, to), (to, from));
    let (caller_reads, caller_writes) = caller.split();
    let mut called = called;
    let (called_reads, called_writes) = called.split();
    let is_reset = tokio::select! {
        () = both(
            pump::pump(first, caller_reads, called_writes, &links, up),
            pump::pump(bytes::BytesMut::new(), called_reads, caller_writes, &links, down),
        ) => false,
        () = connection.when_reset() => true,
    };
    if is_reset {
        let _ = (caller.set_zero_linger(), called.set_zero_linger());
    }
}

/// Until both directions have ended in peace, or one of them broke.
async fn both(up: impl Future<Output = std::io::Result<()>>, down: impl Future<Output = std::io::Result<()>>) {
    let _ = tokio::try_join!(up, down);
}
