//! Hashes and sets: reading and changing the elements of a key.
//!
//! Invariant: a change of one element touches no other. A removal names what it has seen, so that an addition beside it
//! stays. Whether a key is a string, a hash or a set follows from what is there: of several, the string counts, then the
//! hash.

use super::call::{Call, bytes_of, together};
use super::element::{self, Element, Kind};
use super::fault::Fault;
use super::time;
use bytes::Bytes;
use causal::Context;
use proto::{
    Amending, Amendment, Durability, Get, ItemKey, Mode, Page, Put, Refusal, Request, Response, Scan, Scope, Sibling,
    Unchanged, Value, When,
};
use stdx::Wall;

/// Items of one page.
const PAGE: u32 = 1_000;
/// Bytes of one collection that are held for one command.
const BYTES_MAX: usize = 256 << 20;

/// What is under a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Nature {
    /// Its kind.
    pub(crate) kind: Kind,
    /// When it goes, as far as the first item tells.
    pub(crate) expires: Option<Wall>,
}

impl Call {
    /// What is under a key, if anything is.
    pub(crate) async fn nature(&self, key: &Bytes) -> Result<Option<Nature>, Fault> {
        self.first(key, None, Bytes::from_static(element::END)).await
    }

    /// What is under a key besides a string, if anything is.
    pub(crate) async fn nature_but_string(&self, key: &Bytes) -> Result<Option<Nature>, Fault> {
        let (from, _) = Kind::Hash.from(0);
        self.first(key, Some(from), Bytes::from_static(element::END)).await
    }

    async fn first(&self, key: &Bytes, from: Option<Bytes>, to: Bytes) -> Result<Option<Nature>, Fault> {
        let mut after = None;
        loop {
            // A few, because the first ones may be deleted.
            let Page { items, next } = self.page(key, from.clone(), to.clone(), after, 4).await?;
            for (item, siblings) in items {
                let expires = siblings.iter().map(|sibling| sibling.version.expires).max_by_key(|end| end.is_none());
                if let (Some(kind), Some(expires)) = (Kind::of(&item), expires) {
                    return Ok(Some(Nature { kind, expires }));
                }
            }
            match next {
                Some(_) => after = next,
                None => return Ok(None),
            }
        }
    }

    /// What a key without a string is, if anything.
    pub(crate) async fn other_kind(&self, key: &Bytes) -> Result<Option<Kind>, Fault> {
        match self.mode().await? {
            Mode::Linearizable => Ok(None),
            Mode::Eventual => Ok(self.nature_but_string(key).await?.map(|nature| nature.kind)),
        }
    }

    /// Refuses a key that is of another kind. Gives when it goes, if it is there.
    pub(crate) async fn of_kind(&self, key: &Bytes, kind: Kind) -> Result<Option<Nature>, Fault> {
        self.eventual("a hash or set").await?;
        match self.nature(key).await? {
            Some(nature) if nature.kind != kind => Err(Fault::WRONG_TYPE),
            nature => Ok(nature),
        }
    }

    /// Refuses a key under which there is no string but something else. Costs a read, so it is for keys without a string.
    pub(crate) async fn no_collection(&self, key: &Bytes) -> Result<(), Fault> {
        if self.other_kind(key).await?.is_some() { Err(Fault::WRONG_TYPE) } else { Ok(()) }
    }

    /// One element, and what was seen of it, tombstones and all.
    pub(crate) async fn element(&self, item: &ItemKey) -> Result<(Option<Element>, Context), Fault> {
        Kind::check(item)?;
        let get = Get { bucket: self.place.bucket.clone(), key: item.clone(), level: None };
        match self.ask(Request::Get(get)).await {
            Response::Found(found) => {
                self.place.sizes.note(bytes_of(&found));
                Ok((Element::read(item, &found.siblings), found.context))
            }
            other => Err(Fault::unexpected(other)),
        }
    }

    /// Writes an element, or removes it, in the place of what was seen.
    pub(crate) async fn write_element(
        &self,
        item: ItemKey,
        value: Option<Value>,
        seen: Context,
        expires: Option<Wall>,
    ) -> Result<(), Fault> {
        if value.as_ref().is_some_and(|value| value.bytes.len() > self.redis.options.value_bytes_max) {
            return Err(Fault::TOO_LONG);
        }
        let ttl = expires.filter(|_| value.is_some()).map(time::until);
        let value = value.filter(|_| ttl.is_none_or(|ttl| ttl.as_millis() > 0));
        let ttl = ttl.filter(|_| value.is_some());
        let put = Put {
            bucket: self.place.bucket.clone(),
            key: item,
            value,
            context: Some(seen),
            level: None,
            durability: Durability::default(),
            ttl,
        };
        match self.ask(Request::Put(put)).await {
            Response::Written(_) => Ok(()),
            other => Err(Fault::unexpected(other)),
        }
    }

    /// Takes away what was seen of an element; what is added or written at the same time stays.
    pub(crate) async fn remove_element(&self, item: ItemKey, counted: bool, seen: Context) -> Result<(), Fault> {
        if counted {
            self.amend_element(item, Amendment::Put(None), None).await?.ok();
            return Ok(());
        }
        self.write_element(item, None, seen, None).await
    }

    /// Changes an element on top of what a quorum holds, so that nothing is lost that others add. If it was not there, or is put
    /// anew, it gets this end. Gives what it is then.
    pub(crate) async fn amend_element(
        &self,
        key: ItemKey,
        amendment: Amendment,
        ends: Option<Wall>,
    ) -> Result<Result<Bytes, Unchanged>, Fault> {
        Kind::check(&key)?;
        let (bucket, durability) = (self.place.bucket.clone(), Durability::default());
        let amending = Amending { bucket, key, amendment, ends, level: None, durability };
        match self.ask(Request::Amend(amending)).await {
            Response::Amended(outcome) => Ok(Ok(outcome.value)),
            Response::Refused(Refusal::Unchanged(why)) => Ok(Err(why)),
            other => Err(Fault::unexpected(other)),
        }
    }

    /// All elements of one kind, in order; empty if there is no such key. Refuses a key of another kind.
    pub(crate) async fn elements(&self, key: &Bytes, kind: Kind) -> Result<Vec<Element>, Fault> {
        if self.of_kind(key, kind).await?.is_none() {
            return Ok(Vec::new());
        }
        let (mut elements, mut from, mut bytes) = (Vec::new(), Some(0), 0);
        while let Some(hash) = from {
            let (some, next) = self.some_elements(key, kind, hash, PAGE as usize).await?;
            bytes += some.iter().map(|element| element.name.len() + element.value.len()).sum::<usize>();
            if bytes > BYTES_MAX {
                return Err(Fault::new(
                    "ERR There is too much under this key for one reply; go through it with a scan.",
                ));
            }
            elements.extend(some);
            from = next;
        }
        Ok(elements)
    }

    /// Elements from a hash on, at least `count` of them unless there are not as many, and where to go on.
    pub(crate) async fn some_elements(
        &self,
        key: &Bytes,
        kind: Kind,
        hash: u64,
        count: usize,
    ) -> Result<(Vec<Element>, Option<u64>), Fault> {
        let (from, to) = kind.from(hash);
        let (mut elements, mut after): (Vec<Element>, _) = (Vec::new(), None);
        let limit = PAGE.min(count as u32 + 1);
        loop {
            let Page { items, next } = self.page(key, Some(from.clone()), to.clone(), after, limit).await?;
            for element in items.iter().filter_map(|(item, siblings)| Element::read(item, siblings)) {
                // Elements of one hash are not parted.
                if elements.len() >= count && elements.last().is_some_and(|last| last.hash < element.hash) {
                    return Ok((elements, Some(element.hash)));
                }
                elements.push(element);
            }
            match next {
                Some(_) => after = next,
                None => return Ok((elements, None)),
            }
        }
    }

    async fn page(
        &self,
        key: &Bytes,
        from: Option<Bytes>,
        to: Bytes,
        after: Option<ItemKey>,
        limit: u32,
    ) -> Result<Page, Fault> {
        let scope = Scope::SortKeys { partition_key: key.clone(), from, to: Some(to), after };
        let scan = Scan { bucket: self.place.bucket.clone(), scope, limit, level: None };
        match self.ask(Request::Scan(scan)).await {
            Response::Page(page) => Ok(page),
            other => Err(Fault::unexpected(other)),
        }
    }

    /// Does something to every element under a key, of both kinds, as they are come by: `None` removes it, otherwise it is
    /// written again with this end. True if there was any.
    pub(crate) async fn all_elements(&self, key: &Bytes, then: Option<Option<Wall>>) -> Result<bool, Fault> {
        let (from, _) = Kind::Hash.from(0);
        let (mut after, mut any) = (None, false);
        loop {
            let to = Bytes::from_static(element::END);
            let Page { items, next } = self.page(key, Some(from.clone()), to, after, PAGE).await?;
            let writes: Vec<_> =
                items.into_iter().filter_map(|(item, siblings)| self.rewrite(item, &siblings, then)).collect();
            any |= !writes.is_empty();
            together(writes).await?;
            match next {
                Some(_) => after = next,
                None => return Ok(any),
            }
        }
    }

    fn rewrite(
        &self,
        item: ItemKey,
        siblings: &[Sibling],
        then: Option<Option<Wall>>,
    ) -> Option<impl Future<Output = Result<(), Fault>> + Send + use<>> {
        let element = Element::read(&item, siblings)?;
        let call = self.clone();
        Some(async move {
            let Some(expires) = then else { return call.remove_element(item, element.counted, element.seen).await };
            if element.counted {
                let end = Amendment::End { expires, when: When::There };
                call.amend_element(item.clone(), end, None).await?.ok();
            }
            match element.again() {
                Some(again) => call.write_element(item, Some(again), element.seen, expires).await,
                None => Ok(()),
            }
        })
    }
}
