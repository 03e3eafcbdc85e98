//! What the node says of itself and its commands, and options that are said twice.

use super::Client;
use crate::redis::RedisOptions;

#[tokio::test]
async fn families_of_commands_say_what_they_can_do() {
    for family in ["CLIENT", "CONFIG", "COMMAND"] {
        let mut client = Client::new(RedisOptions::default()).await;
        client.send(format!("{family} HELP\r\n").as_bytes()).await;
        let lines = client.texts().await;
        assert_eq!(lines[0], format!("{family} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
        assert_eq!(lines[lines.len() - 2..], ["HELP".to_owned(), format!("    What {family} can do.")]);
    }
}

#[tokio::test]
async fn commands_are_described_by_the_names_of_redis() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.ask("COMMAND INFO nosuch", "*1\r\n$-1\r\n").await;
    client.send(b"COMMAND INFO incr\r\n").await;
    client.expect("*1\r\n*10\r\n$4\r\nincr\r\n:2\r\n").await;
    client.expect("*3\r\n+write\r\n+fast\r\n+denyoom\r\n:1\r\n:1\r\n:1\r\n").await;
    client.expect("*3\r\n+@string\r\n+@write\r\n+@fast\r\n").await;
    let mut client = Client::new(RedisOptions::default()).await;
    client.ask("COMMAND LIST FILTERBY ACLCAT transaction", "*5\r\n$5\r\nmulti\r\n").await;
    let mut client = Client::new(RedisOptions::default()).await;
    client.ask("COMMAND LIST FILTERBY ACLCAT admin", "*0\r\n").await;
}

#[tokio::test]
async fn that_there_is_no_password_is_told_and_never_what_it_is() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.ask("CONFIG GET requirepass", "*2\r\n$11\r\nrequirepass\r\n$0\r\n\r\n").await;
    let options = RedisOptions { password: Some("secret".to_owned()), ..RedisOptions::default() };
    let mut client = Client::new(options).await;
    client.ask("AUTH secret", "+OK\r\n").await;
    client.ask("CONFIG GET requirepass", "*0\r\n").await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_the_process_has_used_is_told() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.send(b"INFO cpu memory\r\nQUIT\r\n").await;
    let info = client.rest().await;
    let field = |name: &str| -> f64 {
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {info}")).parse().unwrap()
    };
    assert!(field("used_memory_peak") > 0.0 && field("used_cpu_user") >= 0.0 && field("used_cpu_sys") >= 0.0);
}

#[tokio::test]
async fn options_may_be_said_twice_as_in_redis() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, reply) in [
        ("SET a 1", "+OK\r\n"),
        ("GETEX a EX 10 EX 20", "$1\r\n1\r\n"),
        ("TTL a", ":20\r\n"),
        ("GETEX a EX 10 PX 20", "-ERR syntax error\r\n"),
        ("GETEX a EX 10 PERSIST", "-ERR syntax error\r\n"),
        ("GETEX a EX", "-ERR syntax error\r\n"),
        ("GETEX a PERSIST PERSIST", "$1\r\n1\r\n"),
        ("TTL a", ":-1\r\n"),
        ("COPY a b REPLACE REPLACE", ":1\r\n"),
        ("COPY a b REPLACE DB 0", ":1\r\n"),
        ("COPY a b REPLACE DB 9", "-ERR DB index is out of range\r\n"),
        ("COPY a b REPLACE DB", "-ERR syntax error\r\n"),
    ] {
        client.ask(line, reply).await;
    }
    let databases = vec![(1, "locks".to_owned()), (2, "default".to_owned())];
    let mut client = Client::new(RedisOptions { databases, ..RedisOptions::default() }).await;
    client.ask("SET a 1", "+OK\r\n").await;
    client.ask("COPY a b REPLACE DB 2", ":1\r\n").await;
    client.ask("COPY a b REPLACE DB 1", "-ERR COPY stays in its database; ").await;
}
