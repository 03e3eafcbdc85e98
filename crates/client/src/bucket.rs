//! A bucket: where items are read and written.

use crate::client::Client;
use crate::error::Error;
use crate::item::{Item, Key, Value};
use crate::map::Rule;
use crate::request::{Add, Delete, Get, Put, Request, Sum, Writing as _, Written};
use crate::scan::Scan;
use crate::session::Session;
use crate::update::{self, Edit};
use crate::watch::Watch;
use bytes::Bytes;

/// A bucket of a cluster. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
}

impl Bucket {
    pub(crate) fn new(client: Client, name: String) -> Bucket {
        Bucket { client, name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// How it treats writes that do not know of each other; none if the client has not heard of the bucket.
    pub async fn rule(&self) -> Result<Option<Rule>, Error> {
        let map = self.client.map().await?;
        Ok(map.and_then(|map| map.bucket(&self.name)).map(|bucket| bucket.rule))
    }

    /// Reads an item. That there is none is an item without values, for it may have a context.
    pub fn get(&self, key: impl Into<Key>) -> Request<'_, Get> {
        Request::get(self, key.into())
    }

    /// Reads the bytes of an item; [`Error::SeveralValues`] if there are several values.
    pub async fn value(&self, key: impl Into<Key>) -> Result<Option<Bytes>, Error> {
        let item = self.get(key).await?;
        Ok(item.value()?.map(|value| value.bytes.clone()))
    }

    /// Writes an item.
    pub fn put(&self, key: impl Into<Key>, value: impl Into<Value>) -> Request<'_, Put> {
        Request::put(self, key.into(), value.into())
    }

    /// Deletes an item. That there was none is no error.
    pub fn delete(&self, key: impl Into<Key>) -> Request<'_, Delete> {
        Request::delete(self, key.into())
    }

    /// Adds to an item that is a whole number; 0 if it is not there.
    pub fn add(&self, key: impl Into<Key>, by: i64) -> Request<'_, Add> {
        Request::add(self, key.into(), by)
    }

    /// Reads an item, changes it and writes it back so that nobody's change is lost: in a linearizable bucket again and again until
    /// nobody was quicker; in one that keeps siblings once, superseding what was read. Several values are first made into one
    /// by `merge`. In a bucket where the last writer wins that cannot be promised, and is refused.
    ///
    /// `change` may be called several times, and what it returns last counts.
    pub async fn update(
        &self,
        key: impl Into<Key>,
        merge: impl FnMut(Vec<Value>) -> Value,
        change: impl FnMut(Option<Value>) -> Edit,
    ) -> Result<Written, Error> {
        update::run(self, key.into(), merge, change).await
    }

    /// Makes one value of several, if there are several, and writes it back. Gives the item as it is then.
    pub async fn settle(&self, key: impl Into<Key>, merge: impl FnOnce(Vec<Value>) -> Value) -> Result<Item, Error> {
        let mut item = self.get(key).await?;
        if item.values.len() > 1 {
            let merged = merge(std::mem::take(&mut item.values));
            let written = self.put(item.key.clone(), merged.clone()).context(item.context).await?;
            item.values = vec![merged];
            item.context = written.context;
        }
        Ok(item)
    }

    /// Reads all items, in the order of the ring.
    pub fn scan(&self) -> Scan {
        Scan::of(self.clone(), None)
    }

    /// Reads the items of one partition key, in the order of their sort keys.
    pub fn range(&self, partition: impl Into<Bytes>) -> Scan {
        Scan::of(self.clone(), Some(partition.into()))
    }

    /// Hears of every change of the bucket's items, until it is dropped.
    pub fn watch(&self) -> Watch {
        Watch::of(self.clone())
    }

    /// Reads and writes that remember what was seen, so that each write supersedes what the reads before it saw.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }
}

impl Bucket {
    /// Adds and says what the number is now, if that is known.
    pub async fn count(&self, key: impl Into<Key>, by: i64) -> Result<Option<i64>, Error> {
        let Sum { value, .. } = self.add(key, by).await?;
        Ok(value)
    }
}
