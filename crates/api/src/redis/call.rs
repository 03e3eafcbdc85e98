//! One command being carried out, and what commands are made of: reading and writing items of its database.
//!
//! Invariant: a Redis string is the plain item under its key, the same one that the other interfaces see. In an eventual
//! bucket nothing here decides by what it has read, except to write a version right above the one that it read, or above the
//! deletion ([`Call::amend`]), which never undoes a write that it has not seen. Only where nothing at all is known of a key
//! is there nothing to write above: what is written then ([`Call::change`]) is a write as any other.

use super::Redis;
use super::fault::{Fault, Outcome};
use super::places::Place;
pub(crate) use super::several::{read_all, reading, together};
use super::table::Command;
use super::time;
use crate::database::Database;
use bytes::Bytes;
use causal::{Actor, Dot, Stamp};
use proto::{
    Admin, Amending, Amendment, Cas, Current, Durability, Edit, Ends, Expect, Found, Get, ItemKey, Mode, Put, Record,
    Refusal, Request, Response, Restore, Tried, Unchanged, Value, Version, When,
};
use resp::Reply;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stdx::{Span, Wall};

/// A command that waits for the node.
pub(crate) type Later = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// How often a change on a condition is tried before the client is told to try itself.
const TRIES: usize = 100;

/// A command with what it needs.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) redis: Arc<Redis>,
    /// The node as the client may use it.
    pub(crate) database: Arc<dyn Database>,
    pub(crate) place: Arc<Place>,
    pub(crate) command: &'static Command,
    pub(crate) request: resp::Request,
}

/// A string as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Item {
    /// The bytes.
    pub(crate) value: Value,
    /// When it goes.
    pub(crate) expires: Option<Wall>,
    /// When it was written.
    stamp: Stamp,
    /// Its version, in linearizable buckets.
    pub(crate) version: u64,
}

/// What becomes of an item.
pub(crate) enum Become {
    /// This.
    Value(Bytes),
    /// Nothing: it is deleted.
    Gone,
    /// It stays.
    Same,
}

impl Call {
    /// The argument at a place, the command's name being at 0. The table has counted them.
    pub(crate) fn arg(&self, at: usize) -> &Bytes {
        &self.request[at]
    }

    /// The arguments from a place on.
    pub(crate) fn args(&self, from: usize) -> &[Bytes] {
        self.request.get(from..).unwrap_or_default()
    }

    /// The promise of the bucket.
    pub(crate) async fn mode(&self) -> Result<Mode, Fault> {
        self.place.mode(&*self.database).await
    }

    /// Refuses what needs one order for all, if there is none.
    pub(crate) async fn ordered(&self, what: &str) -> Result<(), Fault> {
        match self.mode().await? {
            Mode::Linearizable => Ok(()),
            Mode::Eventual => Err(Fault::needs_order(what, &self.place.bucket)),
        }
    }

    /// Refuses what linearizable buckets do not have.
    pub(crate) async fn eventual(&self, what: &str) -> Result<(), Fault> {
        match self.mode().await? {
            Mode::Eventual => Ok(()),
            Mode::Linearizable => Err(Fault::needs_eventual(what, &self.place.bucket)),
        }
    }

    pub(crate) async fn ask(&self, request: Request) -> Response {
        self.database.call(request, None).await
    }

    /// The string under a key.
    pub(crate) async fn read(&self, key: &Bytes) -> Result<Option<Item>, Fault> {
        Ok(self.look(key).await?.0)
    }

    /// The string under a key, and the newest stamp that was seen there: in eventual buckets also that of a deletion.
    async fn look(&self, key: &Bytes) -> Result<(Option<Item>, Option<Stamp>), Fault> {
        let get = Get { bucket: self.place.bucket.clone(), key: ItemKey::plain(key.clone()), level: None };
        match self.ask(Request::Get(get)).await {
            Response::Found(found) => {
                let seen = found.newest;
                self.place.sizes.note(bytes_of(&found));
                let item = newest(found).and_then(|version| {
                    let Version { stamp, expires, value } = version;
                    value.map(|value| Item { value, expires, stamp, version: 0 })
                });
                Ok((item, seen))
            }
            Response::Current(current) => {
                let item = item_of(current);
                self.place.sizes.note(item.as_ref().map_or(0, |item| item.value.bytes.len()));
                Ok((item, None))
            }
            other => Err(Fault::unexpected(other)),
        }
    }

    /// The string under a key; a key of another kind is refused.
    pub(crate) async fn read_string(&self, key: &Bytes) -> Result<Option<Item>, Fault> {
        let item = self.read(key).await?;
        if item.is_none() {
            self.no_collection(key).await?;
        }
        Ok(item)
    }

    /// Writes a string, or deletes it, whatever is there.
    pub(crate) async fn write(&self, key: &Bytes, value: Option<Bytes>, ttl: Option<Span>) -> Result<(), Fault> {
        self.write_value(key, value.map(Value::plain), ttl).await
    }

    /// The same, with the media type of the string.
    pub(crate) async fn write_value(&self, key: &Bytes, value: Option<Value>, ttl: Option<Span>) -> Result<(), Fault> {
        if ttl.is_some_and(|ttl| ttl.as_millis() == 0) {
            return Box::pin(self.write_value(key, None, None)).await;
        }
        let put = Put {
            bucket: self.place.bucket.clone(),
            key: ItemKey::plain(key.clone()),
            value,
            context: None,
            level: None,
            durability: self.durability().await?,
            ttl,
        };
        match self.ask(Request::Put(put)).await {
            Response::Written(_) | Response::Swapped(_) => Ok(()),
            other => Err(Fault::unexpected(other)),
        }
    }

    /// When a write of a whole string is acknowledged. Linearizable buckets refuse to do it from memory.
    async fn durability(&self) -> Result<Durability, Fault> {
        let wanted = self.redis.options.durability;
        if wanted == Durability::Memory && self.mode().await? == Mode::Linearizable {
            return Ok(Durability::Fsync);
        }
        Ok(wanted)
    }

    /// Writes a version right above what was seen in an eventual bucket. Whoever has written since wins.
    async fn amend(&self, key: &Bytes, seen: Stamp, value: Value, expires: Option<Wall>) -> Result<(), Fault> {
        let version = Version { stamp: seen.next(), expires, value: Some(value) };
        let restore = Restore {
            bucket: self.place.bucket.clone(),
            key: ItemKey::plain(key.clone()),
            record: Record::Latest { dot: self.new_dot(), version },
            level: None,
        };
        match self.ask(Request::Restore(restore)).await {
            Response::Written(_) => Ok(()),
            other => Err(Fault::unexpected(other)),
        }
    }

    /// Adds to a string, or changes when it goes, on top of what is there, so that nothing that others
    /// add or change is lost.
    pub(crate) async fn on_top(&self, key: &Bytes, amendment: Amendment) -> Result<Result<Bytes, Unchanged>, Fault> {
        let amending = Amending {
            bucket: self.place.bucket.clone(),
            key: ItemKey::plain(key.clone()),
            amendment,
            ends: None,
            level: None,
            durability: Durability::default(),
        };
        match self.ask(Request::Amend(amending)).await {
            Response::Amended(outcome) => Ok(Ok(outcome.value)),
            // The bucket is linearizable.
            Response::Swapped(current) => Ok(Ok(current.value.map(|value| value.bytes).unwrap_or_default())),
            Response::Refused(Refusal::Unchanged(why)) => Ok(Err(why)),
            other => Err(Fault::unexpected(other)),
        }
    }

    /// Gives a string another end. False if the condition does not hold, `None` if it is not there.
    pub(crate) async fn give_end(&self, key: &Bytes, expires: Option<Wall>, when: When) -> Result<Option<bool>, Fault> {
        match self.on_top(key, Amendment::End { expires, when }).await? {
            Ok(_) => Ok(Some(true)),
            Err(Unchanged::Absent) => Ok(None),
            Err(_) => Ok(Some(false)),
        }
    }

    /// Changes a string by what it is. In a linearizable bucket nobody comes in between; in an eventual one the change is
    /// made to what a quorum holds, and of two changes at once one may go. What was written since is not undone, unless nothing
    /// was known of the key, not even a deletion.
    pub(crate) async fn change(
        &self,
        key: &Bytes,
        mut wanted: impl FnMut(Option<&Item>) -> Result<(Become, Reply), Fault>,
    ) -> Outcome {
        if self.mode().await? == Mode::Linearizable {
            return self.change_in_order(key, Ends::Kept, wanted).await;
        }
        let (read, seen) = self.look(key).await?;
        if read.is_none() {
            self.no_collection(key).await?;
        }
        let (then, reply) = wanted(read.as_ref())?;
        match (then, &read) {
            (Become::Same, _) => {}
            (Become::Gone, _) => self.write(key, None, None).await?,
            (Become::Value(bytes), Some(item)) => {
                let value = Value { bytes, content_type: item.value.content_type.clone() };
                self.amend(key, item.stamp, value, item.expires).await?;
            }
            (Become::Value(bytes), None) => match seen {
                Some(seen) => self.amend(key, seen, Value::plain(bytes), self.end_of_new().await?).await?,
                None => self.write(key, Some(bytes), None).await?,
            },
        }
        Ok(reply)
    }

    /// When an item goes that is written now, if the bucket has a time to live of its own.
    async fn end_of_new(&self) -> Result<Option<Wall>, Fault> {
        let status = match self.ask(Request::Admin(Admin::Status)).await {
            Response::Status(status) => status,
            other => return Err(Fault::unexpected(other)),
        };
        let bucket = status.buckets.into_iter().find(|bucket| bucket.name == self.place.bucket);
        Ok(bucket.and_then(|bucket| bucket.ttl).map(|ttl| time::now().plus(ttl)))
    }

    /// The same in a linearizable bucket. A value that is put ends then.
    pub(crate) async fn change_in_order(
        &self,
        key: &Bytes,
        ends: Ends,
        mut wanted: impl FnMut(Option<&Item>) -> Result<(Become, Reply), Fault>,
    ) -> Outcome {
        for _ in 0..TRIES {
            let read = self.read(key).await?;
            let (then, reply) = wanted(read.as_ref())?;
            let edit = match then {
                Become::Same => return Ok(reply),
                Become::Gone => Edit::Delete,
                Become::Value(value) => {
                    let content_type = read.as_ref().and_then(|item| item.value.content_type.clone());
                    Edit::Put(Value { bytes: value, content_type })
                }
            };
            let expect = Expect::Version(read.map_or(0, |item| item.version));
            if self.swap(key, expect, edit, ends).await?.is_some() {
                return Ok(reply);
            }
        }
        Err(Fault::BUSY_KEY)
    }

    /// A change on a condition, in a linearizable bucket. `None` if the condition does not hold.
    pub(crate) async fn swap(
        &self,
        key: &Bytes,
        expect: Expect,
        edit: Edit,
        ends: Ends,
    ) -> Result<Option<Current>, Fault> {
        let key = ItemKey::plain(key.clone());
        let cas = Cas { bucket: self.place.bucket.clone(), key, expect, edit, ends, id: None, tried: Tried::No };
        match self.ask(Request::Cas(cas)).await {
            Response::Swapped(current) => Ok(Some(current)),
            Response::Refused(Refusal::ConditionFailed(_)) => Ok(None),
            other => Err(Fault::unexpected(other)),
        }
    }

    /// A dot that names one version and nothing else: its actor is made up for it alone, as for restored items.
    fn new_dot(&self) -> Dot {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let mut hash = stdx::hash::Mixer::new(time::micros());
        let node = self.redis.database.node_id().0;
        let secret = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
        for number in [MADE.fetch_add(1, Ordering::Relaxed), node as u64, (node >> 64) as u64, secret] {
            hash.number(number);
        }
        let high = hash.finish();
        hash.number(secret.rotate_left(17));
        let node = u128::from(high) << 64 | u128::from(hash.finish());
        Dot { actor: Actor { node, incarnation: 0 }, counter: 1 }
    }
}

/// Bytes of the values of all versions that were found.
pub(crate) fn bytes_of(found: &Found) -> usize {
    let values = found.siblings.iter().filter_map(|sibling| sibling.version.value.as_ref());
    values.map(|value| value.bytes.len()).sum()
}

/// The version that counts for a Redis client.
pub(crate) fn newest(found: Found) -> Option<Version> {
    found.siblings.into_iter().map(|sibling| sibling.version).max_by_key(|version| version.stamp)
}

fn item_of(current: Current) -> Option<Item> {
    let Current { version, value, expires, stamp } = current;
    value.map(|value| Item { value, expires, stamp: stamp.unwrap_or(Stamp::MIN), version })
}
