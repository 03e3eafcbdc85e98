//! Connections to a scripted node: what clients send and see, byte by byte.

mod about;
mod absent;
mod collections;
mod documents;
mod ordered;
mod protocol;
mod strings;
mod transactions;

use crate::database::Database;
use crate::fake::Fake;
use crate::redis::{self, RedisOptions};
use crate::{Options, Service};
use causal::{Actor, Context, Dot, Stamp};

use proto::{
    Amend, Amendment, Decimal, Found, ItemKey, Record, Refusal, Request, Response, Rule, Scope, Sibling, Unchanged,
    Update, Value, Version, When, Written,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// A client of a node that stores plain items in memory, in a bucket `default`.
pub(crate) struct Client {
    stream: TcpStream,
    end: Option<oneshot::Sender<()>>,
}

impl Client {
    /// Connects to a node of its own.
    pub(super) async fn new(options: RedisOptions) -> Client {
        Client::of(Arc::new(store()), options).await
    }

    /// Connects to this node.
    pub(crate) async fn of(database: Arc<dyn Database>, options: RedisOptions) -> Client {
        Client::beside(Service::new(database, Options::default()), options).await
    }

    /// Connects to the node that answers HTTP requests with this.
    pub(crate) async fn beside(service: Service, options: RedisOptions) -> Client {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (end, ending) = oneshot::channel::<()>();
        let ending = async { drop(ending.await) };
        tokio::spawn(redis::serve(socket, service, options, ending));
        Client { stream: TcpStream::connect(address).await.unwrap(), end: Some(end) }
    }

    /// Connects to a server that runs.
    pub(super) async fn to(address: std::net::SocketAddr) -> Client {
        Client { stream: TcpStream::connect(address).await.unwrap(), end: None }
    }

    /// Lets the node of its own end.
    pub(super) fn end(&mut self) {
        drop(self.end.take());
    }

    /// Sends bytes to a server that may close the connection meanwhile.
    pub(super) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends bytes as they are.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Reads until this has come, and checks that it is this.
    pub(super) async fn expect(&mut self, expected: &str) {
        let mut bytes = vec![0; expected.len()];
        let reading = self.stream.read_exact(&mut bytes);
        let read = tokio::time::timeout(std::time::Duration::from_secs(10), reading).await.expect("a reply in time");
        let got = String::from_utf8_lossy(&bytes);
        assert!(read.is_ok() && got == expected, "expected {expected:?}, got {got:?}");
    }

    /// A command, words parted by spaces, and its whole reply.
    pub(crate) async fn ask(&mut self, line: &str, reply: &str) {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.expect(reply).await;
    }

    /// Reads one line, without its end.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.stream.read_u8().await.unwrap());
        }
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Reads an array of bulk strings.
    pub(super) async fn texts(&mut self) -> Vec<String> {
        let count: usize = self.line().await[1..].parse().unwrap();
        let mut texts = Vec::new();
        for _ in 0..count {
            assert!(self.line().await.starts_with('$'));
            texts.push(self.line().await);
        }
        texts
    }

    /// The cursor and the texts of a scan.
    pub(super) async fn scan(&mut self, line: &str) -> (String, Vec<String>) {
        self.send(format!("{line}\r\n").as_bytes()).await;
        assert_eq!(self.line().await, "*2");
        self.line().await;
        (self.line().await, self.texts().await)
    }

    /// Reads to the end of the connection.
    pub(super) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A connection that is reset has ended, too.
        let _ = self.stream.read_to_end(&mut rest).await;
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// A node that keeps plain items as a last-writer-wins bucket does and elements with siblings, with a counter for a clock.
pub(crate) fn store() -> Fake {
    let items: Mutex<(u64, Items, Elements)> = Mutex::new((0, Items::new(), Elements::new()));
    Fake::new(move |request| {
        let (clock, items, elements) = &mut *items.lock().unwrap();
        *clock += 10;
        let dot = Dot { actor: Actor { node: 1, incarnation: 1 }, counter: *clock };
        let written = Response::Written(Written { context: Default::default(), acknowledged: 2 });
        match request {
            Request::Get(get) if get.key.is_element() => {
                let context = elements.get(&get.key).map(Record::context).unwrap_or_default();
                Response::Found(Found { siblings: visible(items.get(&get.key)), context, newest: None, answered: 2 })
            }
            Request::Put(put) if put.key.is_element() => {
                let expires = put.ttl.map(|ttl| redis::time::now().plus(ttl));
                let version = Version { stamp: Stamp::from_u64(*clock), expires, value: put.value.clone() };
                let update = Update { dot, context: put.context.clone().unwrap_or_default(), version };
                hold(items, elements, &put.key, |held| Ok(Record::updated(held, Rule::Siblings, update))).unwrap();
                written
            }
            Request::Amend(amending) if amending.key.is_element() => {
                let wall = redis::time::now();
                let (amendment, first_end) = (amending.amendment.clone(), amending.ends);
                let stamp = Stamp::from_u64(*clock);
                let amend = Amend { amendment, dot, stamp, wall, seen: None, first_end, element: true };
                match hold(items, elements, &amending.key, |held| amend.apply(held)) {
                    Ok(value) => Response::Amended(proto::Outcome { value, expires: None, acknowledged: 2 }),
                    Err(why) => Response::Refused(Refusal::Unchanged(why)),
                }
            }
            Request::Get(get) => {
                let siblings = visible(items.get(&get.key));
                let mut context = Context::new();
                items.get(&get.key).into_iter().flatten().for_each(|sibling| context.include(sibling.dot));
                let newest = items.get(&get.key).into_iter().flatten().map(|sibling| sibling.version.stamp).max();
                Response::Found(Found { siblings, context, newest, answered: 2 })
            }
            Request::Put(put) => {
                let expires = put.ttl.map(|ttl| redis::time::now().plus(ttl));
                let version = Version { stamp: Stamp::from_u64(*clock), expires, value: put.value.clone() };
                let siblings = items.entry(put.key.clone()).or_default();
                siblings.clear();
                siblings.push(Sibling { dot, version });
                written
            }
            Request::Restore(restore) => {
                let Record::Latest { version, dot } = &restore.record else { panic!("{restore:?}") };
                let siblings = items.entry(restore.key.clone()).or_default();
                if siblings.iter().all(|held| held.version.stamp < version.stamp) {
                    *siblings = vec![Sibling { dot: *dot, version: version.clone() }];
                }
                written
            }
            Request::Amend(amending) => {
                amend(items.entry(amending.key.clone()).or_default(), dot, amending.amendment.clone())
            }
            Request::Scan(scan) => page(items, &scan.scope, scan.limit as usize),
            Request::Admin(_) => Response::Status(Box::new(crate::fake::status(&["Ted"]))),
            _ => Response::Refused(Refusal::Overloaded),
        }
    })
}

/// What is there of an element, and what readers see of it.
fn hold(
    items: &mut Items,
    elements: &mut Elements,
    key: &ItemKey,
    change: impl FnOnce(Option<Record>) -> Result<Record, Unchanged>,
) -> Result<bytes::Bytes, Unchanged> {
    let wall = redis::time::now();
    let record = change(elements.get(key).cloned())?;
    let sibling = |(dot, version): (Dot, std::borrow::Cow<'_, Version>)| Sibling { dot, version: version.into_owned() };
    let siblings: Vec<Sibling> = record.visible(wall).into_iter().map(sibling).collect();
    let shown = proto::element::shown(siblings.iter().map(|sibling| (sibling.dot, &sibling.version)));
    items.insert(key.clone(), siblings);
    elements.insert(key.clone(), record);
    Ok(shown.unwrap_or_default())
}

type Elements = BTreeMap<ItemKey, Record>;

/// Changes the only version of an item on top of what is there.
fn amend(siblings: &mut Vec<Sibling>, dot: Dot, amendment: Amendment) -> Response {
    let there = visible(Some(siblings)).pop().map(|sibling| sibling.version);
    let refused = |why| Response::Refused(Refusal::Unchanged(why));
    let stamp = Stamp::from_u64(dot.counter);
    let version = match amendment {
        Amendment::Add { by, .. } => {
            let text =
                there.as_ref().and_then(|version| version.value.as_ref()).map_or(&b"0"[..], |value| &value.bytes);
            let Some(sum) = Decimal::parse(text).and_then(|number| number.plus(by)) else {
                return refused(Unchanged::NotANumber);
            };
            let expires = there.and_then(|version| version.expires);
            Version { stamp, expires, value: Some(Value::plain(sum.to_string())) }
        }
        Amendment::End { expires, when } => {
            let Some(there) = there else { return refused(Unchanged::Absent) };
            let holds = match when {
                When::There => true,
                When::Endless => there.expires.is_none(),
                When::Ending => there.expires.is_some(),
                When::Later => there.expires.is_some_and(|present| expires > Some(present)),
                When::Earlier => there.expires.is_none_or(|present| expires < Some(present)),
            };
            if !holds {
                return refused(Unchanged::Condition);
            }
            Version { stamp, expires, ..there }
        }
        Amendment::Put(_) => panic!("strings are not put on top of what is there"),
    };
    let value = version.value.clone().map(|value| value.bytes).unwrap_or_default();
    let expires = version.expires;
    *siblings = vec![Sibling { dot, version }];
    Response::Amended(proto::Outcome { value, expires, acknowledged: 2 })
}

type Items = BTreeMap<ItemKey, Vec<Sibling>>;

fn visible(siblings: Option<&Vec<Sibling>>) -> Vec<Sibling> {
    let live = |sibling: &&Sibling| sibling.version.visible(redis::time::now()).is_some();
    siblings.into_iter().flatten().filter(live).cloned().collect()
}

/// A page of a partition out of 16, as in the fake status, or of the sort keys of one key.
fn page(items: &Items, scope: &Scope, limit: usize) -> Response {
    let grid = ring::Grid::new(4).unwrap();
    let place = |key: &ItemKey| (ring::Token::of(&key.partition_key), key.clone());
    let (here, after): (Box<dyn Fn(&ItemKey) -> bool>, _) = match scope {
        Scope::Partition { partition, after } => {
            (Box::new(move |key| grid.partition_of(&ring::Token::of(&key.partition_key)) == *partition), after)
        }
        Scope::SortKeys { partition_key, from, to, after } => (
            Box::new(move |key| {
                let above = from.as_ref().is_none_or(|from| key.sort_key.as_ref().is_some_and(|sort| sort >= from));
                let below = to.as_ref().is_none_or(|to| key.sort_key.as_ref().is_none_or(|sort| sort < to));
                key.partition_key == partition_key && above && below
            }),
            after,
        ),
    };
    let mut keys: Vec<&ItemKey> = items.keys().filter(|key| here(key)).collect();
    keys.sort_by_key(|key| place(key));
    keys.retain(|key| after.as_ref().is_none_or(|after| place(key) > place(after)));
    let next = (keys.len() > limit).then(|| keys[limit - 1].clone());
    keys.truncate(limit);
    let items = keys.into_iter().map(|key| (key.clone(), visible(items.get(key))));
    Response::Page(proto::Page { items: items.filter(|(_, siblings)| !siblings.is_empty()).collect(), next })
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
