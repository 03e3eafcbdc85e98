//! One connection: bytes out, bytes in, and what is waited for on it, in order.

use super::plan::Trust;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::ClientConnection;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use workload::Act;
use workload::wire::Turn;

/// What an answer is to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Password or database, or a write that counts only when another answer has come. If it is refused, the connection is
    /// of no use.
    Greeting,
    /// A read.
    Read,
    /// A read of a range.
    Scan,
    /// A write; its sequence number where writes are counted, else 0.
    Write(u32),
}

/// A request under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) step: Step,
    pub(super) act: Act,
    pub(super) number: u64,
    /// The last acknowledged write of the key when a read began.
    pub(super) acknowledged: u32,
    /// When it was to begin, in nanoseconds of the phase.
    pub(super) intended: u64,
    /// When it was sent.
    pub(super) sent: u64,
}

/// A connection, open or not.
pub(super) struct Connection {
    token: Token,
    stream: Option<TcpStream>,
    tls: Option<Box<ClientConnection>>,
    /// The other end has closed, and what came before was taken.
    ended: bool,
    /// Which of the addresses.
    pub(super) address: usize,
    /// To be sent, from `gone` on.
    pub(super) out: Vec<u8>,
    gone: usize,
    /// Read, but no whole answer yet.
    pub(super) input: Vec<u8>,
    pub(super) waiting: VecDeque<Waiting>,
    /// The number of the next operation that is to begin here, at a given rate.
    pub(super) next: u64,
    /// When to connect again.
    pub(super) retry: u64,
    /// Requests made since it was opened.
    turns: u32,
}

impl Connection {
    /// A connection that is not open.
    pub(super) fn new(at: usize, address: usize) -> Connection {
        Connection {
            token: Token(at),
            stream: None,
            tls: None,
            ended: false,
            address,
            out: Vec::new(),
            gone: 0,
            input: Vec::new(),
            waiting: VecDeque::new(),
            next: 0,
            retry: 0,
            turns: 0,
        }
    }

    /// Connects; blocks for at most `patience`.
    pub(super) fn open(
        &mut self,
        to: &SocketAddr,
        tls: Option<&Trust>,
        patience: Duration,
        registry: &Registry,
    ) -> io::Result<()> {
        let stream = std::net::TcpStream::connect_timeout(to, patience)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE)?;
        self.stream = Some(stream);
        self.ended = false;
        self.tls = match tls {
            None => None,
            Some(Trust { config, hosts }) => {
                let name = hosts[self.address].clone();
                let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                // What is under way is bounded by the depth.
                tls.set_buffer_limit(None);
                Some(Box::new(tls))
            }
        };
        self.turns = 0;
        Ok(())
    }

    /// Closes it; what was waited for stays.
    pub(super) fn close(&mut self) {
        self.stream = None;
        self.out.clear();
        self.input.clear();
        self.gone = 0;
    }

    /// Something was sent whose answer only must not be a refusal.
    pub(super) fn expect_greeting(&mut self) {
        let (step, act) = (Step::Greeting, Act::Read);
        self.waiting.push_back(Waiting { step, act, number: 0, acknowledged: 0, intended: 0, sent: 0 });
    }

    /// Its number.
    pub(super) fn number(&self) -> u32 {
        self.token.0 as u32
    }

    /// Which request comes next.
    pub(super) fn turn(&mut self) -> Turn {
        let request = self.turns;
        self.turns = self.turns.wrapping_add(1);
        Turn { connection: self.number(), request }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Sends what can be sent now.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        if let Some(tls) = &mut self.tls {
            if self.ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            tls.writer().write_all(&self.out)?;
            self.out.clear();
            return send_records(tls, stream);
        }
        while self.gone < self.out.len() {
            match stream.write(&self.out[self.gone..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.gone += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.gone = 0;
        Ok(())
    }

    /// Reads into the buffer; `None` if nothing is there now, an error at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        if let Some(tls) = &mut self.tls {
            return read_records(tls, stream, &mut self.ended, buffer);
        }
        loop {
            match stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Sends what TLS has to send, as far as it can be sent now.
fn send_records(tls: &mut ClientConnection, stream: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(stream) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills the buffer; less than it holds only if nothing more is there now. Sockets tell once that something is there.
fn read_records(
    tls: &mut ClientConnection,
    stream: &mut TcpStream,
    ended: &mut bool,
    buffer: &mut [u8],
) -> io::Result<Option<usize>> {
    let mut count = 0;
    loop {
        match tls.reader().read(&mut buffer[count..]) {
            Ok(0) => *ended = true,
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if count == buffer.len() {
            return Ok(Some(count));
        }
        if !*ended {
            match tls.read_tls(stream) {
                Ok(0) => *ended = true,
                Ok(_) => {
                    let state = tls.process_new_packets();
                    // If it fails, the other end is told why.
                    send_records(tls, stream)?;
                    state.map_err(io::Error::other)?;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
        return match (count, *ended) {
            (0, true) => Err(ErrorKind::UnexpectedEof.into()),
            (0, false) => Ok(None),
            (count, _) => Ok(Some(count)),
        };
    }
}
