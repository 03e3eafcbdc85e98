//! Servers in one process, over real sockets and real directories: found, join, write, read, come back, leave.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use proto::{Admin, Durability, Get, ItemKey, Level, Put, Request, Response, Status, Value};
use server::{Ended, Kind, Running, ServerConfig, StartError, start};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

fn config(directory: &Path, seeds: &[&Running]) -> ServerConfig {
    ServerConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: directory.to_owned(),
        seeds: seeds.iter().map(|seed| seed.handle.uri().to_owned()).collect(),
        join_patience: Duration::from_secs(20),
        ..ServerConfig::default()
    }
}

async fn put(server: &Running, key: &str, value: &str) {
    let put = Put {
        bucket: "default".to_owned(),
        key: ItemKey::plain(key.to_owned()),
        value: Some(Value::plain(value.to_owned())),
        context: None,
        level: None,
        durability: Durability::Fsync,
        ttl: None,
    };
    let response = server.handle.call(Request::Put(put), None).await;
    assert!(matches!(response, Response::Written(_)), "{key}: {response:?}");
}

async fn get(server: &Running, key: &str) -> Vec<Vec<u8>> {
    let get = Get { bucket: "default".to_owned(), key: ItemKey::plain(key.to_owned()), level: None };
    match server.handle.call(Request::Get(get), None).await {
        Response::Found(found) => found
            .siblings
            .into_iter()
            .filter_map(|sibling| sibling.version.value)
            .map(|value| value.bytes.to_vec())
            .collect(),
        other => panic!("{key}: {other:?}"),
    }
}

async fn status(server: &Running) -> Status {
    match server.handle.call(Request::Admin(Admin::Status), None).await {
        Response::Status(status) => *status,
        other => panic!("{other:?}"),
    }
}

/// Waits until a server sees so many members and nothing moves.
async fn settled(server: &Running, members: usize) {
    let settling = async {
        loop {
            let status = status(server).await;
            if status.members.len() == members && status.stable == status.epoch {
                return;
            }
            // The machine has no event for "settled"; operators ask again, too.
            sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(PATIENCE, settling).await.is_err() {
        panic!("not settled: {:?}", status(server).await);
    }
}

/// Waits until one server knows where another one is.
async fn known_at(server: &Running, other: &Running) {
    let uri = other.handle.uri();
    let known = async {
        while !status(server).await.members.iter().any(|member| member.member.uri == uri) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, known).await.expect("the history gets the new address");
}

async fn ended(server: Running) -> Ended {
    timeout(PATIENCE, server.wait()).await.expect("the server ends")
}

#[tokio::test]
async fn three_servers_found_join_write_read_and_leave() {
    let homes = [(); 3].map(|()| TempDir::new().unwrap());
    let first = start(config(homes[0].path(), &[])).await.unwrap();
    put(&first, "key_0", "before anybody joined").await;
    let second = start(config(homes[1].path(), &[&first])).await.unwrap();
    let third = start(config(homes[2].path(), &[&first, &second])).await.unwrap();
    for server in [&first, &second, &third] {
        settled(server, 3).await;
    }
    for number in 1..=10 {
        put(&first, &format!("key_{number}"), "value").await;
    }
    for server in [&second, &third] {
        assert_eq!(get(server, "key_0").await, [b"before anybody joined"]);
        for number in 1..=10 {
            assert_eq!(get(server, &format!("key_{number}")).await, [b"value"]);
        }
    }
    let leave = Admin::Leave { node: third.handle.node_id() };
    let response = third.handle.call(Request::Admin(leave), None).await;
    assert!(matches!(response, Response::Changed { .. }), "{response:?}");
    assert_eq!(ended(third).await, Ended::Left);
    settled(&first, 2).await;
    for server in [&first, &second] {
        assert_eq!(get(server, "key_7").await, [b"value"]);
    }
    for server in [first, second] {
        server.handle.shutdown();
        assert_eq!(ended(server).await, Ended::Stopped);
    }
}

#[tokio::test]
async fn a_server_that_moved_is_found_again() {
    let homes = [(); 3].map(|()| TempDir::new().unwrap());
    let first = start(config(homes[0].path(), &[])).await.unwrap();
    let second = start(config(homes[1].path(), &[&first])).await.unwrap();
    let third = start(config(homes[2].path(), &[&first])).await.unwrap();
    settled(&first, 3).await;
    third.handle.shutdown();
    assert_eq!(ended(third).await, Ended::Stopped);
    let third = start(config(homes[2].path(), &[&first])).await.unwrap();
    for server in [&first, &second, &third] {
        known_at(server, &third).await;
    }
    put(&third, "key", "value").await;
    assert_eq!(get(&third, "key").await, [b"value"]);
    for server in [first, second, third] {
        server.handle.shutdown();
        ended(server).await;
    }
}

#[tokio::test]
async fn a_server_comes_back_with_its_data_and_tells_its_new_address() {
    let home = TempDir::new().unwrap();
    let server = start(config(home.path(), &[])).await.unwrap();
    let (node, uri) = (server.handle.node_id(), server.handle.uri().to_owned());
    put(&server, "key", "value").await;
    server.handle.shutdown();
    assert_eq!(ended(server).await, Ended::Stopped);

    let server = start(ServerConfig { name: Some("Larraine".to_owned()), ..config(home.path(), &[]) }).await.unwrap();
    assert_eq!(server.handle.node_id(), node);
    assert_eq!(get(&server, "key").await, [b"value"]);
    known_at(&server, &server).await;
    assert_eq!(status(&server).await.members[0].member.name, "Larraine");
    assert_ne!(uri, server.handle.uri());
    server.handle.shutdown();
    ended(server).await;
}

#[tokio::test]
async fn what_the_own_copy_answers_is_answered_at_once_until_the_end() {
    let home = TempDir::new().unwrap();
    let server = start(config(home.path(), &[])).await.unwrap();
    let read = |key: &str, level| {
        let get = Get { bucket: "default".to_owned(), key: ItemKey::plain(key.to_owned()), level };
        server.handle.read(&Request::Get(get))
    };
    put(&server, "key", "value").await;
    let Some(Response::Found(found)) = read("key", None) else { panic!("the one copy there is is not enough") };
    let value = found.siblings[0].version.value.as_ref().unwrap();
    assert_eq!((&value.bytes[..], found.answered), (&b"value"[..], 1));
    let absent = read("absent", Some(Level::One));
    assert!(matches!(&absent, Some(Response::Found(found)) if found.siblings.is_empty()), "{absent:?}");
    assert_eq!(read("key", Some(Level::Count(2))), None, "refused in words by whoever is called");
    assert_eq!(server.handle.read(&Request::Admin(Admin::Status)), None);
    let measured = server.handle.measures().operations();
    assert_eq!(
        measured.iter().filter(|measured| measured.kind == Kind::Get).map(|get| get.times.count).sum::<u64>(),
        2
    );
    let handle = server.handle.clone();
    handle.shutdown();
    ended(server).await;
    let get = Get { bucket: "default".to_owned(), key: ItemKey::plain("key"), level: None };
    assert_eq!(handle.read(&Request::Get(get)), None);
    // The handle that is still there keeps nobody from the data.
    let again = start(config(home.path(), &[])).await.unwrap();
    again.handle.shutdown();
    ended(again).await;
}

#[tokio::test]
async fn what_keeps_a_server_from_starting_is_said() {
    let homes = [(); 2].map(|()| TempDir::new().unwrap());
    let server = start(config(homes[0].path(), &[])).await.unwrap();
    let same_port = ServerConfig { listen: server.address, ..config(homes[1].path(), &[]) };
    let error = start(same_port).await.unwrap_err();
    assert!(matches!(error, StartError::PortInUse { addr } if addr == server.address), "{error}");
    let error = start(config(homes[0].path(), &[])).await.unwrap_err();
    assert!(error.to_string().contains("held by another process"), "{error}");
    let nobody = ServerConfig {
        seeds: vec!["http://127.0.0.1:9".to_owned()],
        join_patience: Duration::ZERO,
        ..config(homes[1].path(), &[])
    };
    let error = start(nobody).await.unwrap_err();
    assert!(matches!(&error, StartError::SeedsUnreachable { seeds, .. } if seeds.len() == 1), "{error}");
    server.handle.shutdown();
    ended(server).await;
}
