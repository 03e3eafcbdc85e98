//! Connections to a scripted node: what clients send and see, byte by byte.

mod documents;
mod protocol;
mod strings;

use crate::database::Database;
use crate::fake::Fake;
use crate::redis::{self, RedisOptions};
use causal::{Actor, Dot, Stamp};
use proto::{Found, ItemKey, Record, Refusal, Request, Response, Sibling, Value, Version, Written};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// A client of a node that stores plain items in memory, in a bucket `default`.
pub(super) struct Client {
    stream: TcpStream,
    _end: oneshot::Sender<()>,
}

impl Client {
    /// Connects to a node of its own.
    pub(super) async fn new(options: RedisOptions) -> Client {
        Client::of(Arc::new(store()), options).await
    }

    /// Connects to this node.
    pub(super) async fn of(database: Arc<dyn Database>, options: RedisOptions) -> Client {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (end, ending) = oneshot::channel::<()>();
        let ending = async { drop(ending.await) };
        tokio::spawn(redis::serve(socket, database, options, ending));
        Client { stream: TcpStream::connect(address).await.unwrap(), _end: end }
    }

    /// Sends bytes as they are.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Reads until this has come, and checks that it is this.
    pub(super) async fn expect(&mut self, expected: &str) {
        let mut bytes = vec![0; expected.len()];
        let read = self.stream.read_exact(&mut bytes).await;
        let got = String::from_utf8_lossy(&bytes);
        assert!(read.is_ok() && got == expected, "expected {expected:?}, got {got:?}");
    }

    /// A command, words parted by spaces, and its whole reply.
    pub(super) async fn ask(&mut self, line: &str, reply: &str) {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.expect(reply).await;
    }

    /// Reads to the end of the connection.
    pub(super) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A connection that is reset has ended, too.
        let _ = self.stream.read_to_end(&mut rest).await;
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// A node that keeps plain items as a last-writer-wins bucket does, with a counter for a clock.
pub(super) fn store() -> Fake {
    let items: Mutex<(u64, BTreeMap<ItemKey, Version>)> = Mutex::new((0, BTreeMap::new()));
    Fake::new(move |request| {
        let (clock, items) = &mut *items.lock().unwrap();
        *clock += 10;
        let stamp = Stamp::from_u64(*clock);
        let written = Response::Written(Written { context: Default::default(), acknowledged: 2 });
        match request {
            Request::Get(get) => {
                let version = items.get(&get.key).filter(|version| version.visible(redis::time::now()).is_some());
                let dot = Dot { actor: Actor { node: 1, incarnation: 1 }, counter: 1 };
                let siblings = version.map(|version| Sibling { dot, version: version.clone() }).into_iter().collect();
                Response::Found(Found { siblings, context: Default::default(), newest: None, answered: 2 })
            }
            Request::Put(put) => {
                let expires = put.ttl.map(|ttl| redis::time::now().plus(ttl));
                items.insert(put.key.clone(), Version { stamp, expires, value: put.value.clone() });
                written
            }
            Request::Restore(restore) => {
                let Record::Latest { version, .. } = &restore.record else { panic!("{restore:?}") };
                if items.get(&restore.key).is_none_or(|held| held.stamp < version.stamp) {
                    items.insert(restore.key.clone(), version.clone());
                }
                written
            }
            Request::Scan(scan) => {
                let proto::Scope::Partition { partition, after } = &scan.scope else { panic!("{scan:?}") };
                page(items, *partition, after.as_ref(), scan.limit as usize)
            }
            Request::Admin(_) => Response::Status(Box::new(crate::fake::status(&["Ted"]))),
            _ => Response::Refused(Refusal::Overloaded),
        }
    })
}

/// A page of a partition out of 16, as in the fake status.
fn page(
    items: &BTreeMap<ItemKey, Version>,
    partition: ring::PartitionId,
    after: Option<&ItemKey>,
    limit: usize,
) -> Response {
    let grid = ring::Grid::new(4).unwrap();
    let place = |key: &ItemKey| (ring::Token::of(&key.partition_key), key.clone());
    let here = |key: &&ItemKey| grid.partition_of(&ring::Token::of(&key.partition_key)) == partition;
    let mut keys: Vec<&ItemKey> = items.keys().filter(here).collect();
    keys.sort_by_key(|key| place(key));
    keys.retain(|key| after.is_none_or(|after| place(key) > place(after)));
    let next = (keys.len() > limit).then(|| keys[limit - 1].clone());
    keys.truncate(limit);
    let dot = Dot { actor: Actor { node: 1, incarnation: 1 }, counter: 1 };
    let live = |key: &&ItemKey| items[*key].value.is_some();
    let item = |key: &ItemKey| (key.clone(), vec![Sibling { dot, version: items[key].clone() }]);
    Response::Page(proto::Page { items: keys.into_iter().filter(live).map(item).collect(), next })
}

/// A value that another client writes meanwhile.
pub(super) fn put(key: &str, value: &str) -> Request {
    Request::Put(proto::Put {
        bucket: "default".to_owned(),
        key: ItemKey::plain(key.to_owned()),
        value: Some(Value::plain(value.to_owned())),
        context: None,
        level: None,
        durability: Default::default(),
        ttl: None,
    })
}
