//! What a connection has agreed on with its client: version of the protocol, database, who it is.
//!
//! Invariant: nothing but AUTH, HELLO, QUIT and RESET is answered before a password or token was said, if one is needed; a
//! token that is revoked is none from then on.

use super::Redis;
use super::call::{self, Call};
use super::clients::Client;
use super::fault::Fault;
use super::places::Place;
use super::table::{Command, Flag};
use super::transaction::Transaction;
use crate::access::{Guarded, Whence, Who, audited, same};
use crate::database::Database;
use crate::fields::excerpt;
use bytes::Bytes;
use proto::{Act, Get, ItemKey, Response};
use resp::{Limits, Request, Version};
use serde_json::json;
use server::Deed;
use std::net::SocketAddr;
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
    /// What was sent of a transaction.
    pub(crate) transaction: Transaction,
    /// The settings name a password.
    has_password: bool,
    /// The node as the client may use it, once it has said who it is.
    guarded: Arc<Guarded>,
    /// The last read of this node's own copy, to be asked again about another key: a bucket's name need not be copied each time.
    get: proto::Request,
    /// The client has said that it is done, or was closed on.
    over: bool,
}

impl Session {
    /// A new connection's.
    pub(crate) fn new(redis: &Redis, client: Arc<Client>) -> Session {
        Session {
            version: Version::Two,
            database: 0,
            place: first(redis),
            transaction: Transaction::default(),
            has_password: redis.options.password.is_some(),
            guarded: Arc::new(guarded(redis, Who::Anyone, client.from)),
            get: proto::Request::Get(Get { bucket: String::new(), key: ItemKey::plain(Bytes::new()), level: None }),
            over: false,
            client,
        }
    }

    /// True if what had to be said was said, or nothing has to.
    pub(crate) fn is_authenticated(&self) -> bool {
        let gate = &self.guarded.gate;
        match &self.guarded.who {
            Who::Token(identity) => gate.is_open() || gate.still_knows(identity),
            Who::Password | Who::Peer => true,
            Who::Anyone => !self.has_password && gate.is_open(),
        }
    }

    /// Bounds of its requests: narrow ones before the password was said.
    pub(crate) fn limits(&self, redis: &Redis) -> Limits {
        if self.is_authenticated() { redis.options.limits() } else { Limits::STRANGER }
    }

    /// True if nothing more is read of it.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// True if a command may be carried out now.
    pub(crate) fn may(&self, command: &Command) -> bool {
        command.has(Flag::NoAuth) || self.is_authenticated()
    }

    /// Why a command is not carried out although its client has said who it is; `None` if it may be.
    pub(crate) fn forbids(&self, command: &Command) -> Option<Fault> {
        if self.guarded.gate.is_open() || command.has(Flag::NoAuth) {
            return None;
        }
        let bucket = Some(self.place.bucket.as_str());
        let needs =
            [(Flag::Admin, Act::Admin, None), (Flag::Write, Act::Write, bucket), (Flag::Read, Act::Read, bucket)];
        let (_, act, bucket) = needs.into_iter().find(|(flag, ..)| command.has(*flag))?;
        let refused = self.guarded.has_scope(act, bucket).is_err();
        if refused && act == Act::Admin {
            let deed = Deed::new("administration", json!({ "command": command.name }));
            audited::turned_away(&*self.guarded, deed, "The token does not allow it.");
        }
        refused.then(|| Fault::no_permission(self.user(), command.name))
    }

    /// What the client is called: by its token, if it has said one.
    fn user(&self) -> &str {
        match &self.guarded.who {
            Who::Token(identity) => identity.name(),
            _ => "default",
        }
    }

    /// Takes a token as the password of its own name or of `default`, or the password of `default`; false if it is wrong,
    /// which undoes no earlier login.
    pub(crate) fn authenticate(&mut self, redis: &Redis, user: &[u8], said: &[u8]) -> bool {
        let who = match (redis.gate.by_text(said), &redis.options.password) {
            (Some(identity), _) if user == b"default" || user == identity.name().as_bytes() => Who::Token(identity),
            (None, Some(right)) if user == b"default" && same(right.as_bytes(), said) => Who::Password,
            _ => {
                let deed = Deed::new("login", json!({ "user": excerpt(user) }));
                audited::turned_away(&*self.guarded, deed, "The password or token is wrong, revoked or over.");
                return false;
            }
        };
        self.guarded = Arc::new(guarded(redis, who, self.client.from));
        true
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

    /// The string under a key, if this node's own copy is enough to know: `Some(None)` if there is none.
    pub(crate) fn glance(&mut self, key: &Bytes) -> Option<Option<Bytes>> {
        if let proto::Request::Get(get) = &mut self.get {
            if get.bucket != self.place.bucket {
                get.bucket.clone_from(&self.place.bucket);
            }
            get.key = ItemKey::plain(key.clone());
        }
        let response = self.guarded.read(&self.get);
        if let proto::Request::Get(get) = &mut self.get {
            // It holds on to the memory of its whole request.
            get.key = ItemKey::plain(Bytes::new());
        }
        match response? {
            Response::Found(found) => {
                Some(call::newest(found).and_then(|version| version.value).map(|value| value.bytes))
            }
            _ => None,
        }
    }

    /// What a command needs to be carried out.
    pub(crate) fn call(&self, redis: &Arc<Redis>, command: &'static Command, request: Request) -> Call {
        let database: Arc<dyn Database> = Arc::<Guarded>::clone(&self.guarded);
        Call { redis: Arc::clone(redis), database, place: Arc::clone(&self.place), command, request }
    }
}

fn guarded(redis: &Redis, who: Who, from: SocketAddr) -> Guarded {
    let whence = Whence { via: "redis", from: Some(from) };
    Guarded { writers_read: true, ..Guarded::new(&redis.database, &redis.gate, who, whence) }
}

fn first(redis: &Redis) -> Arc<Place> {
    redis.places.get(0).expect("there is always a database 0")
}
