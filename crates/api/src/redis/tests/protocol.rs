//! Connections: versions, passwords, order, ends, and what is not the protocol.

use super::{Client, store};
use crate::database::{Database, Waiting};
use crate::fake::Fake;
use crate::redis::RedisOptions;
use crate::{Options, Service};
use node::LocalItems;
use proto::{Refusal, Request, Response};
use ring::NodeId;
use server::{Counters, Gauges, Measures};
use std::sync::{Arc, Mutex};
use stdx::Span;
use tokio::sync::oneshot;

#[tokio::test]
async fn what_clients_send_on_connecting() {
    let mut client = Client::new(RedisOptions::default()).await;
    client
        .ask(
            "HELLO 3 SETNAME app",
            "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n\
             $4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n",
        )
        .await;
    client.ask("CLIENT SETINFO LIB-NAME redis-py", "+OK\r\n").await;
    client.ask("CLIENT SETINFO LIB-VER 5.3.1", "+OK\r\n").await;
    client
        .ask("CLIENT MAINT_NOTIFICATIONS ON", "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n")
        .await;
    client.ask("CLIENT GETNAME", "$3\r\napp\r\n").await;
    client.ask("client id", ":1\r\n").await;
    client.ask("GET none", "_\r\n").await;
    client.ask("HELLO 4", "-NOPROTO unsupported protocol version\r\n").await;
    client.ask("RESET", "+RESET\r\n").await;
    client.ask("GET none", "$-1\r\n").await;
}

#[tokio::test]
async fn errors_are_in_the_words_of_redis() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, reply) in [
        ("nosuch a b", "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' \r\n"),
        ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("CLIENT", "-ERR wrong number of arguments for 'client' command\r\n"),
        ("CLIENT ID 1", "-ERR wrong number of arguments for 'client|id' command\r\n"),
        ("client|id x", "-ERR unknown command 'client|id', with args beginning with: 'x' \r\n"),
        ("SET a b EX", "-ERR syntax error\r\n"),
        ("SET a b EX x", "-ERR value is not an integer or out of range\r\n"),
        ("SET a b EX 0", "-ERR invalid expire time in 'set' command\r\n"),
        ("SET a b NX XX", "-ERR syntax error\r\n"),
        ("SETEX a -1 b", "-ERR invalid expire time in 'setex' command\r\n"),
        ("SCAN x", "-ERR invalid cursor\r\n"),
        ("SELECT x", "-ERR value is not an integer or out of range\r\n"),
        ("AUTH x y", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
    ] {
        client.ask(line, reply).await;
    }
}

#[tokio::test]
async fn commands_tell_about_themselves() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, reply) in [
        (
            "COMMAND INFO get nosuch",
            "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@string\r\n+@read\r\n+@fast\r\n*0\r\n*1\r\n\
             *6\r\n$5\r\nflags\r\n*1\r\n+RO\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n\
             $5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n\
             $7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n$-1\r\n",
        ),
        ("COMMAND GETKEYS MSET a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ("COMMAND GETKEYS PING hello", "-ERR The command has no key arguments\r\n"),
        ("COMMAND GETKEYS nosuch a", "-ERR Invalid command specified\r\n"),
        ("COMMAND GETKEYS GET", "-ERR wrong number of arguments for 'command|getkeys' command\r\n"),
        ("COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command\r\n"),
        ("COMMAND LIST FILTERBY PATTERN mg*", "*1\r\n$4\r\nmget\r\n"),
        ("COMMAND DOCS echo", "*2\r\n$4\r\necho\r\n*8\r\n$7\r\nsummary\r\n$30\r\nAnswers with what it was given\r\n"),
    ] {
        client.ask(line, reply).await;
    }
}

#[tokio::test]
async fn tools_learn_what_they_ask_for() {
    let mut client = Client::new(RedisOptions { port: 7_000, ..RedisOptions::default() }).await;
    client.ask("CONFIG GET maxmemory save", "*4\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n$4\r\nsave\r\n$0\r\n\r\n").await;
    client.ask("CONFIG SET maxmemory 0", "+OK\r\n").await;
    client.ask("CONFIG SET maxmemory 1", "-ERR CONFIG SET failed (possibly related to argument 'maxmemory')").await;
    client.line().await;
    client.ask("MODULE LIST", "*0\r\n").await;
    client.ask("ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n").await;
    client.ask("CLIENT NO-EVICT ON", "+OK\r\n").await;
    client.ask("ECHO \"two words\"", "$9\r\ntwo words\r\n").await;
    client.ask("INFO persistence", "$58\r\n# Persistence\r\nloading:0\r\nasync_loading:0\r\naof_enabled:1\r\n").await;
    client.send(b"INFO\r\nQUIT\r\n").await;
    let info = client.rest().await;
    for field in
        ["redis_version:7.2.4", "tcp_port:7000", "connected_clients:1", "role:master", "maxmemory_policy:noeviction"]
    {
        assert!(info.contains(&format!("\r\n{field}\r\n")), "{field} is missing: {info}");
    }
}

#[tokio::test]
async fn nothing_is_done_before_the_password() {
    let options = RedisOptions { password: Some("sesame".to_owned()), ..RedisOptions::default() };
    let mut client = Client::new(options.clone()).await;
    client.ask("GET a", "-NOAUTH Authentication required.\r\n").await;
    client.ask("PING", "-NOAUTH Authentication required.\r\n").await;
    client.ask("AUTH sesam", "-WRONGPASS invalid username-password pair or user is disabled.\r\n").await;
    client.ask("AUTH sesame", "+OK\r\n").await;
    client.ask("PING", "+PONG\r\n").await;
    client.ask("AUTH sesam", "-WRONGPASS invalid username-password pair or user is disabled.\r\n").await;
    client.ask("PING", "+PONG\r\n").await;
    client.ask("RESET", "+RESET\r\n").await;
    client.ask("PING", "-NOAUTH Authentication required.\r\n").await;
    client.send(b"HELLO 2 AUTH default sesame\r\n").await;
    client.expect("*14\r\n$6\r\nserver").await;
    let mut stranger = Client::new(options).await;
    stranger.send(b"*1\r\n$20000\r\n").await;
    assert_eq!(stranger.rest().await, "-ERR Protocol error: unauthenticated bulk length\r\n");
    client.send(b"RESET\r\n*1\r\n$20000\r\n").await;
    assert!(client.rest().await.ends_with("+RESET\r\n-ERR Protocol error: unauthenticated bulk length\r\n"));
}

#[tokio::test]
async fn what_is_not_the_protocol_ends_the_connection_after_what_was_asked() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.send(b"PING\r\n*1\r\n!\r\nPING\r\n").await;
    assert_eq!(client.rest().await, "+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n");
}

#[tokio::test]
async fn a_browser_is_not_served() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n").await;
    let rest = client.rest().await;
    assert!(rest.starts_with("-ERR unknown command 'POST'") && !rest.contains("OK"), "{rest}");
}

#[tokio::test]
async fn quit_is_answered_and_then_the_connection_ends() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.send(b"SET a 1\r\nQUIT\r\nSET a 2\r\n").await;
    assert_eq!(client.rest().await, "+OK\r\n+OK\r\n");
}

#[tokio::test]
async fn what_is_asked_as_the_end_begins_is_answered() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.ask("PING", "+PONG\r\n").await;
    client.end();
    tokio::task::yield_now().await;
    client.ask("SET a 1", "+OK\r\n").await;
    assert_eq!(client.rest().await, "");
}

fn service(database: Arc<dyn Database>) -> Service {
    Service::new(database, Options::default())
}

#[tokio::test]
async fn one_client_too_many_is_told_so() {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let options = RedisOptions { connections_max: 1, ..RedisOptions::default() };
    let (_end, ending) = oneshot::channel::<()>();
    tokio::spawn(crate::redis::serve(socket, service(Arc::new(store())), options, async { drop(ending.await) }));
    let read = async |stream: &mut tokio::net::TcpStream| {
        let mut bytes = [0; 64];
        let count = tokio::io::AsyncReadExt::read(stream, &mut bytes).await.unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let mut first = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut first, b"PING\r\n").await.unwrap();
    assert_eq!(read(&mut first).await, "+PONG\r\n");
    let mut second = tokio::net::TcpStream::connect(address).await.unwrap();
    assert_eq!(read(&mut second).await, "-ERR max number of clients reached\r\n");
}

#[tokio::test]
async fn those_who_have_gone_leave_room_for_the_next() {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let options = RedisOptions { connections_max: 2, ..RedisOptions::default() };
    let database = Arc::new(store());
    let (_end, ending) = oneshot::channel::<()>();
    let service = service(Arc::<Fake>::clone(&database));
    tokio::spawn(crate::redis::serve(socket, service, options, async { drop(ending.await) }));
    let mut clients = [Client::to(address).await, Client::to(address).await];
    for client in &mut clients {
        client.ask("PING", "+PONG\r\n").await;
    }
    drop(clients);
    while database.measures().connections.redis.get() > 0 {
        tokio::task::yield_now().await;
    }
    let mut next = Client::to(address).await;
    next.ask("PING", "+PONG\r\n").await;
}

/// A node that answers when it is told to.
#[derive(Default)]
struct Slow {
    measures: Measures,
    counters: Counters,
    waiting: Mutex<Vec<(Request, oneshot::Sender<()>)>>,
}

impl Database for Arc<Slow> {
    fn call(&self, request: Request, _: Option<Span>) -> Waiting<'_, Response> {
        let (go, gone) = oneshot::channel();
        self.waiting.lock().unwrap().push((request, go));
        Box::pin(async move {
            let _ = gone.await;
            Response::Written(proto::Written { context: Default::default(), acknowledged: 1 })
        })
    }

    fn node_id(&self) -> NodeId {
        NodeId(1)
    }

    fn context_key(&self) -> [u8; 32] {
        [0; 32]
    }

    fn items(&self) -> Waiting<'_, Option<LocalItems>> {
        Box::pin(async { None })
    }

    fn gauges(&self) -> Waiting<'_, Option<Gauges>> {
        Box::pin(async { None })
    }

    fn measures(&self) -> &Measures {
        &self.measures
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn news(&self) -> server::News {
        server::news(0).1
    }

    fn shutdown(&self) {}
}

impl Slow {
    async fn until_waiting(&self, count: usize) -> Vec<String> {
        loop {
            let keys: Vec<String> = self.waiting.lock().unwrap().iter().map(|(request, _)| key(request)).collect();
            if keys.len() == count {
                return keys;
            }
            tokio::task::yield_now().await;
        }
    }

    fn answer(&self, at: usize) {
        self.waiting.lock().unwrap().remove(at).1.send(()).unwrap();
    }
}

fn key(request: &Request) -> String {
    match request {
        Request::Put(put) => String::from_utf8_lossy(&put.key.partition_key).into_owned(),
        Request::Admin(_) => "status".to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn above_the_budget_of_replies_one_is_begun_when_the_one_before_is_taken() {
    let slow = Arc::new(Slow::default());
    let options = RedisOptions { replies_bytes_max: 0, ..RedisOptions::default() };
    let mut client = Client::of(Arc::new(Arc::clone(&slow)), options).await;
    // In one piece, so that without the budget both are begun together.
    client.send(b"MSET a 1\r\nMSET b 2\r\n").await;
    for key in ["a", "b"] {
        while slow.waiting.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(slow.waiting.lock().unwrap().len(), 1, "another one was begun");
        assert_eq!(slow.until_waiting(1).await, [key]);
        slow.answer(0);
        client.expect("+OK\r\n").await;
    }
}

#[tokio::test]
async fn replies_keep_the_order_and_one_key_is_changed_by_one_at_a_time() {
    let slow = Arc::new(Slow::default());
    let mut client = Client::of(Arc::new(Arc::clone(&slow)), RedisOptions::default()).await;
    client.send(b"MSET a 1\r\nMSET b 2\r\nPING\r\nMSET a 3\r\nMSET c 4\r\n").await;
    assert_eq!(slow.until_waiting(2).await, ["a", "b"]);
    slow.answer(1);
    slow.answer(0);
    client.expect("+OK\r\n+OK\r\n+PONG\r\n").await;
    assert_eq!(slow.until_waiting(2).await, ["a", "c"]);
    slow.answer(0);
    slow.answer(0);
    client.expect("+OK\r\n+OK\r\n").await;
}

#[tokio::test]
async fn one_key_of_two_databases_that_are_one_bucket_is_changed_by_one_at_a_time() {
    let slow = Arc::new(Slow::default());
    let options = RedisOptions { databases: vec![(1, "default".to_owned())], ..RedisOptions::default() };
    let mut client = Client::of(Arc::new(Arc::clone(&slow)), options).await;
    client.send(b"MSET a 1\r\nSELECT 1\r\nMSET b 2\r\nMSET a 3\r\nMSET c 4\r\n").await;
    assert_eq!(slow.until_waiting(2).await, ["a", "b"]);
    slow.answer(0);
    client.expect("+OK\r\n+OK\r\n").await;
    assert_eq!(slow.until_waiting(3).await, ["b", "a", "c"]);
}

#[tokio::test]
async fn a_client_that_takes_no_replies_is_not_read_on_and_holds_nobody_up() {
    let database = Arc::new(store());
    let mut client = Client::of(Arc::<Fake>::clone(&database), RedisOptions::default()).await;
    let value = "x".repeat(1 << 20);
    client.ask(&format!("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n${}\r\n{value}", value.len()), "+OK\r\n").await;
    client.send("GET big\r\n".repeat(1_000).as_bytes()).await;
    let mut other = Client::of(Arc::<Fake>::clone(&database), RedisOptions::default()).await;
    for _ in 0..500 {
        other.ask("PING", "+PONG\r\n").await;
    }
    let asked = database.asked.lock().unwrap().len();
    // What fits into the buffers of the system, and a few of what was begun before their size was known.
    assert!((2..300).contains(&asked), "{asked} of 1,000 replies of 1 MiB were made");
    for _ in 0..1_000 {
        client.expect(&format!("${}\r\n{value}\r\n", value.len())).await;
    }
}

#[tokio::test]
async fn large_requests_of_all_clients_together_are_bounded() {
    let options = RedisOptions { requests_bytes_max: 3 << 20, ..RedisOptions::default() };
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (_end, ending) = oneshot::channel::<()>();
    tokio::spawn(crate::redis::serve(socket, service(Arc::new(store())), options, async { drop(ending.await) }));
    let begun = format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n", 5 << 19);
    let mut first = Client::to(address).await;
    first.send(begun.as_bytes()).await;
    first.send(&vec![b'x'; 2 << 20]).await;
    let mut second = Client::to(address).await;
    second.send(begun.as_bytes()).await;
    // Closed while it sends, perhaps; then there is nothing to read.
    let _ = second.try_send(&vec![b'x'; 3 << 20]).await;
    let rest = second.rest().await;
    assert!(rest.is_empty() || rest.starts_with("-ERR Too many bytes"), "{rest}");
    drop(second);
    first.send(&vec![b'x'; 1 << 19]).await;
    first.ask("", "+OK\r\n").await;
    // Now there is room again.
    let mut third = Client::to(address).await;
    third.send(begun.as_bytes()).await;
    third.send(&vec![b'x'; 5 << 19]).await;
    third.ask("", "+OK\r\n").await;
    third.ask("SET b 1", "+OK\r\n").await;
}

#[tokio::test]
async fn large_requests_count_until_they_are_answered() {
    let slow = Arc::new(Slow::default());
    let options = RedisOptions { requests_bytes_max: 16 << 20, ..RedisOptions::default() };
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (_end, ending) = oneshot::channel::<()>();
    tokio::spawn(crate::redis::serve(socket, service(Arc::new(Arc::clone(&slow))), options, async {
        drop(ending.await)
    }));
    let mset = |key: &str, megabytes: usize| {
        let len = megabytes << 20;
        format!("*3\r\n$4\r\nMSET\r\n$1\r\n{key}\r\n${len}\r\n{}\r\n", "x".repeat(len))
    };
    let mut first = Client::to(address).await;
    first.send(mset("a", 9).as_bytes()).await;
    slow.until_waiting(1).await;
    // It is whole and not answered: there is no room for as much again, from whomever.
    let mut second = Client::to(address).await;
    let _ = second.try_send(mset("b", 9).as_bytes()).await;
    let rest = second.rest().await;
    assert!(rest.is_empty() || rest.starts_with("-ERR Too many bytes"), "{rest}");
    slow.answer(0);
    first.expect("+OK\r\n").await;
    let mut third = Client::to(address).await;
    third.send(mset("c", 9).as_bytes()).await;
    assert_eq!(slow.until_waiting(1).await, ["c"]);
    // Nothing more of the same client is begun beside as much.
    third.send(mset("d", 1).as_bytes()).await;
    third.send(b"MSET e 1\r\n").await;
    first.send(b"MSET f 1\r\n").await;
    assert_eq!(slow.until_waiting(2).await, ["c", "f"]);
    slow.answer(0);
    third.expect("+OK\r\n").await;
    assert_eq!(slow.until_waiting(3).await, ["f", "d", "e"]);
}

#[tokio::test]
async fn refusals_have_codes_that_clients_know() {
    for (refusal, code) in [
        (Refusal::OutOfReach { needed: 3, reachable: 2 }, "-NOREPLICAS Only 2 of the 3 replicas needed can be reached"),
        (Refusal::QuorumUnmet { needed: 2, got: 1, write: true }, "-NOREPLICAS Only 1 of the 2"),
        (Refusal::NotReady("this node is ending; ask another one".to_owned()), "-LOADING This node is ending"),
        (Refusal::Overloaded, "-TRYAGAIN Too many requests"),
        (Refusal::DiskFull, "-MISCONF The disk of this node is full"),
        (Refusal::Invalid("the value has 9 bytes; at most 8 are taken".to_owned()), "-ERR The value has 9 bytes"),
    ] {
        let mut client = Client::of(Arc::new(Fake::refusing(refusal)), RedisOptions::default()).await;
        client.ask("GET a", code).await;
    }
}
