//! What a connection has agreed on with its client: version of the protocol, database, password.
//!
//! Invariant: nothing but AUTH, HELLO, QUIT and RESET is answered before the password was said, if there is one.

use super::Redis;
use super::call::Call;
use super::clients::Client;
use super::places::Place;
use super::table::{Command, Flag};
use bytes::Bytes;
use resp::{Limits, Request, Version};
use std::sync::Arc;

/// The state of a connection.
pub(crate) struct Session {
    /// Who it is.
    pub(crate) client: Arc<Client>,
    /// The version of the protocol.
    pub(crate) version: Version,
    /// The number of the database.
    pub(crate) database: u32,
    /// The database.
    pub(crate) place: Arc<Place>,
    authenticated: bool,
    /// The client has said that it is done, or was closed on.
    over: bool,
}

impl Session {
    /// A new connection's.
    pub(crate) fn new(redis: &Redis, client: Arc<Client>) -> Session {
        Session {
            client,
            version: Version::Two,
            database: 0,
            place: first(redis),
            authenticated: redis.options.password.is_none(),
            over: false,
        }
    }

    /// True if the password was said, or there is none.
    pub(crate) fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Bounds of its requests: narrow ones before the password was said.
    pub(crate) fn limits(&self, redis: &Redis) -> Limits {
        if self.authenticated { redis.options.limits() } else { Limits::STRANGER }
    }

    /// True if nothing more is read of it.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// True if a command may be carried out now.
    pub(crate) fn may(&self, command: &Command) -> bool {
        self.authenticated || command.has(Flag::NoAuth)
    }

    /// Takes a password; false if it is wrong, which undoes no earlier login. The time it takes tells nothing about the right
    /// one but its length.
    pub(crate) fn authenticate(&mut self, redis: &Redis, said: &[u8]) -> bool {
        let right = redis.options.password.as_deref().unwrap_or_default().as_bytes();
        let differing = right.iter().zip(said).fold(right.len() ^ said.len(), |sum, (a, b)| sum | usize::from(a ^ b));
        self.authenticated |= differing == 0;
        differing == 0
    }

    /// Nothing more is read; what was asked is still answered.
    pub(crate) fn end(&mut self) {
        self.over = true;
    }

    /// A web page made a browser send an HTTP request here: what it has smuggled in is not carried out.
    pub(crate) fn close_if_browser(&mut self, request: &[Bytes]) {
        let name = request.first().map_or(&[][..], |name| &name[..]);
        if name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:") {
            self.over = true;
        }
    }

    /// As it was at the beginning.
    pub(crate) fn reset(&mut self, redis: &Redis) {
        *self = Session::new(redis, Arc::clone(&self.client));
        let mut facts = self.client.facts();
        facts.name.clear();
        facts.database = 0;
        facts.protocol = 2;
    }

    /// What a command needs to be carried out.
    pub(crate) fn call(&self, redis: &Arc<Redis>, command: &'static Command, request: Request) -> Call {
        Call { redis: Arc::clone(redis), place: Arc::clone(&self.place), command, request }
    }
}

fn first(redis: &Redis) -> Arc<Place> {
    redis.places.get(0).expect("there is always a database 0")
}
