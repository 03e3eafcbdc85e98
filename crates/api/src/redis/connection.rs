//! One client's connection: reads requests, starts them, writes replies in order.
//!
//! Invariant: what is held for a client is bounded: no more is read while requests wait to be started or replies wait to be
//! taken, and a large request counts in what all clients hold from its first bytes until it is answered, as do replies that wait. While
//! these are too many, nothing more is begun for who has not taken its own. A client that takes nothing for a minute is closed. Replies that are ready together are sent together.

use super::Redis;
use super::clients::Client;
use super::fault::Fault;
use super::footprint::Footprint;
use super::held::Held;
use super::room::READ_BYTES;
use super::session::Session;
use super::table::{self, Command, Run, Soon};
use super::window::Window;
use bytes::{Buf as _, Bytes, BytesMut};
use resp::{Parser, ProtocolError, Reply, Request};
use std::borrow::Cow;
use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::time::{Sleep, sleep};

/// Most room made for a read, when a large argument is coming.
const READ_BYTES_MAX: usize = 1 << 20;
/// Replies waiting to be sent; above, nothing new is started.
const OUTPUT_BYTES_MAX: usize = 256 << 10;
/// How long a client may take nothing of what waits for it.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);

/// Longest name of a command that is remembered.
const NAME_BYTES: usize = 16;

/// Rounds of requests, of at most a window each, before others have their turn.
const ROUNDS: usize = 8;

/// A request, with what was found out about it.
struct Asked {
    command: &'static Command,
    request: Request,
    /// None if it need not be known, because nothing is under way that it could conflict with.
    footprint: Option<Footprint>,
    held: Held,
}

/// A name as a client has said it. Longer ones are not remembered.
#[derive(PartialEq, Eq)]
struct Name([u8; NAME_BYTES], usize);

impl Name {
    fn of(request: &[Bytes]) -> Option<Name> {
        let name = request.first()?;
        let mut bytes = [0; NAME_BYTES];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Some(Name(bytes, name.len()))
    }
}

/// A connection.
pub(crate) struct Connection {
    stream: server::Stream,
    redis: Arc<Redis>,
    session: Session,
    parser: Parser,
    input: BytesMut,
    output: BytesMut,
    window: Window,
    /// A request that must wait for others of this connection.
    parked: Option<Asked>,
    /// The last command, under the name by which it was called: clients repeat themselves.
    last: Option<(Name, &'static Command)>,
    /// The parser needs more bytes.
    hungry: bool,
    /// Nothing more is read; it ends when everything is answered and sent.
    closing: bool,
    /// Stands for what was read and is no whole request yet.
    held: Held,
    /// Stands for replies that wait to be sent.
    unsent: Held,
    /// Something was written that TLS may hold back until it is flushed.
    unflushed: bool,
    /// Runs while the client takes nothing.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    /// A new client.
    pub(crate) fn new(stream: server::Stream, from: SocketAddr, redis: Arc<Redis>) -> Connection {
        let client = redis.clients.enter(from, stream.local_addr().ok());
        let session = Session::new(&redis, client);
        let (held, unsent) = (Held::new(&redis.held), Held::new(&redis.unsent));
        let limits = session.limits(&redis);
        Connection {
            stream,
            redis,
            session,
            parser: Parser::new(limits),
            input: BytesMut::new(),
            output: BytesMut::new(),
            window: Window::default(),
            parked: None,
            last: None,
            hungry: true,
            closing: false,
            held,
            unsent,
            unflushed: false,
            stuck: None,
        }
    }

    /// Reads nothing more, and ends when everything is answered.
    pub(crate) fn finish(&mut self) {
        self.closing = true;
    }

    /// Serves until the client goes, or is done with.
    pub(crate) async fn run(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS {
            let mut moved = self.start();
            moved |= self.window.poll(context, &mut self.output);
            self.count_unsent();
            if moved && !self.hungry && self.may_begin() {
                // More has been read and can be started; its replies go out with these.
                continue;
            }
            moved |= self.poll_write(context)?;
            self.count_unsent();
            if self.is_done() {
                return Poll::Ready(Ok(()));
            }
            moved |= self.poll_read(context)?;
            if !moved {
                return Poll::Pending;
            }
        }
        // A client whose requests are all answered at once must not hold up the others.
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn count_unsent(&mut self) {
        let bytes = self.output.len() + self.window.bytes();
        if bytes != self.unsent.bytes() {
            self.unsent.set(bytes, usize::MAX);
        }
    }

    /// True if another request may be started. When replies of all clients are too many, whoever has not taken his own waits
    /// for himself only: he goes on when he has.
    fn may_begin(&self) -> bool {
        let holds = !self.window.is_empty() || !self.output.is_empty();
        let too_much = || self.redis.unsent.load(Ordering::Relaxed) >= self.redis.options.replies_bytes_max;
        self.window.has_room() && self.output.len() < OUTPUT_BYTES_MAX && !(holds && too_much())
    }

    fn is_done(&self) -> bool {
        let finished = self.closing && self.parked.is_none() && (self.hungry || self.session.is_over());
        finished && self.window.is_empty() && self.output.is_empty() && !self.unflushed
    }

    /// Starts what has been read, as far as it may run now. True if something was started.
    fn start(&mut self) -> bool {
        let mut started = false;
        while self.may_begin() && !self.session.is_over() {
            if let Some(parked) = self.parked.take() {
                if !self.carry_out(parked) {
                    return started;
                }
                started = true;
                continue;
            }
            let before = self.input.len();
            let request = match self.parser.next(&mut self.input) {
                Ok(Some(request)) => request,
                Ok(None) => {
                    self.hungry = true;
                    return started;
                }
                Err(error) => {
                    self.give_up(&error);
                    return true;
                }
            };
            self.hungry = false;
            let held = Held::of_request(&self.redis.held, before - self.input.len());
            if self.held.bytes() > 0 {
                // It is whole, and counts by itself.
                self.held.set(self.input.len(), usize::MAX);
            }
            if !self.begin(request, held) {
                return started;
            }
            started = true;
        }
        started
    }

    /// Starts one request. False if it must wait.
    fn begin(&mut self, request: Request, held: Held) -> bool {
        let version = self.session.version;
        let command = match self.command(&request) {
            Ok(command) => command,
            Err(reply) => {
                self.session.close_if_browser(&request);
                self.window.ready(reply, version, None);
                return true;
            }
        };
        if !self.session.may(command) {
            self.window.ready(Fault::NO_AUTH.into(), version, None);
            return true;
        }
        if let Some(fault) = self.session.forbids(command) {
            self.window.ready(fault.into(), version, None);
            return true;
        }
        if let Some(reply) = self.session.transaction.answer(command) {
            self.window.ready(reply, version, None);
            return true;
        }
        let footprint = (!self.window.is_quiet()).then(|| self.footprint(command, &request));
        self.carry_out(Asked { command, request, footprint, held })
    }

    /// The command of a request.
    fn command(&mut self, request: &[Bytes]) -> Result<&'static Command, Reply> {
        let name = Name::of(request);
        match (&self.last, &name) {
            (Some((last, command)), Some(name)) if last == name && command.takes(request.len()) => return Ok(command),
            _ => {}
        }
        let command = table::find(request)?;
        self.session.client.used(command);
        // What is called by two words is told apart by the second.
        self.last = name.filter(|_| command.parent().is_none()).map(|name| (name, command));
        Ok(command)
    }

    fn footprint(&self, command: &Command, request: &[Bytes]) -> Footprint {
        Footprint::of(command, request, &self.session.place.bucket)
    }

    /// Carries out a request that is well formed. False if it must wait.
    fn carry_out(&mut self, asked: Asked) -> bool {
        if asked.footprint.as_ref().is_some_and(|footprint| self.window.conflicts(footprint)) {
            self.parked = Some(asked);
            return false;
        }
        let Asked { command, request, footprint, held } = asked;
        let version = self.session.version;
        self.redis.commands.fetch_add(1, Ordering::Relaxed);
        match command.run {
            Run::Now(run) => {
                let was = self.session.is_authenticated();
                let reply = run(&mut self.session, &self.redis, &request).unwrap_or_else(Reply::from);
                if self.session.is_authenticated() != was {
                    self.parser.limit(self.session.limits(&self.redis));
                }
                // HELLO is answered in the version that it asks for.
                self.window.ready(reply, self.session.version, Some(held));
            }
            Run::Soon(look) => match look(&mut self.session, &request) {
                Soon::Reply(reply) => self.window.ready(reply, version, Some(held)),
                Soon::Ask(run) => {
                    let footprint = footprint.unwrap_or_else(|| self.footprint(command, &request));
                    let call = self.session.call(&self.redis, command, request);
                    self.window.wait(run(call), footprint, version, held);
                }
            },
            Run::Later(run) => {
                let footprint = footprint.unwrap_or_else(|| self.footprint(command, &request));
                let call = self.session.call(&self.redis, command, request);
                self.window.wait(run(call), footprint, version, held);
            }
            Run::Refused(why) => {
                self.session.transaction.refused(command, why);
                let reply = command.refusal(&request[0], why);
                self.window.ready(reply, version, None);
            }
        }
        true
    }

    /// The client does not speak the protocol.
    fn give_up(&mut self, error: &ProtocolError) {
        self.refuse(format!("ERR {error}"));
    }

    /// The client is told why nothing more is read.
    fn refuse(&mut self, why: impl Into<Cow<'static, str>>) {
        self.window.ready(Reply::error(why), self.session.version, None);
        self.input = BytesMut::new();
        self.held.set(0, usize::MAX);
        self.parked = None;
        self.session.end();
        self.closing = true;
        self.hungry = true;
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        let mut moved = false;
        while !self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.output)? {
                Poll::Ready(count) => {
                    self.output.advance(count);
                    self.unflushed = self.stream.is_tls();
                    self.stuck = None;
                    moved = true;
                }
                Poll::Pending => return self.poll_stuck(context).map(|()| moved),
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(context)? {
                Poll::Ready(()) => (self.unflushed, self.stuck) = (false, None),
                Poll::Pending => return self.poll_stuck(context).map(|()| moved),
            }
        }
        Ok(moved)
    }

    /// A client that says nothing holds no room for what it may say, and none for replies that are sent.
    fn rest(&mut self) {
        if self.input.is_empty() && self.window.is_empty() {
            self.redis.room.give_back(std::mem::take(&mut self.input));
        }
        if self.output.is_empty() && self.output.capacity() > READ_BYTES {
            self.output = BytesMut::new();
        }
    }

    fn poll_stuck(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(WRITE_PATIENCE)));
        match stuck.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no replies")),
            Poll::Pending => Ok(()),
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        if self.session.is_over() {
            self.closing = true;
        }
        let mut moved = false;
        while self.hungry && !self.closing && self.output.len() < OUTPUT_BYTES_MAX {
            if self.input.capacity() == 0 {
                self.input = self.redis.room.lend();
            }
            let room = self.parser.missing(&self.input).clamp(READ_BYTES, READ_BYTES_MAX);
            if self.input.capacity() - self.input.len() < room.min(READ_BYTES / 4) || room > READ_BYTES {
                self.input.reserve(room);
            }
            match pin!(self.stream.read_buf(&mut self.input)).poll(context)? {
                Poll::Ready(0) => {
                    self.closing = true;
                    return Ok(true);
                }
                Poll::Ready(_) => {
                    moved = true;
                    self.hungry = self.parser.missing(&self.input) > 0;
                    if !self.held.set(self.input.len(), self.redis.options.requests_bytes_max) {
                        self.refuse(
                            "ERR Too many bytes of large requests are being sent to this node; try again later.",
                        );
                    }
                }
                Poll::Pending => {
                    self.rest();
                    return Ok(moved);
                }
            }
        }
        Ok(moved)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let client: &Client = &self.session.client;
        self.redis.clients.leave(client.id);
    }
}
