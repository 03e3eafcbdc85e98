//! Commands of Redis that are not here: clients that try them out learn so, and people what to use.

use super::Client;
use crate::redis::RedisOptions;

#[tokio::test]
async fn what_is_not_here_is_unknown_and_what_to_use_is_said() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (line, use_instead) in [
        ("SINTER a b", "SMEMBERS"),
        ("SUNIONSTORE a b", "SMEMBERS"),
        ("SRANDMEMBER a", "SSCAN"),
        ("HRANDFIELD a", "HSCAN"),
        ("HEXPIRE a 1 FIELDS 1 f", "EXPIRE for the whole hash"),
        ("OBJECT ENCODING a", "TYPE"),
        ("MEMORY USAGE a", "GET /metrics"),
        ("SLOWLOG GET", "--slow"),
        ("latency latest", "GET /metrics"),
        ("WAIT 1 0", "write level"),
        ("DUMP a", "COPY"),
        ("SORT a", "sort in the client"),
        ("LCS a b", "GET"),
        ("BGSAVE", "alianza backup"),
        ("SWAPDB 0 1", "redis-databases"),
        ("MONITOR", "changes"),
        ("XADD a * b c", "INCR"),
        ("PFADD a b", "SCARD"),
        ("GEOADD a 1 1 b", "sort keys over HTTP"),
        ("ZRANGESTORE a b 0 1", "sort keys over HTTP"),
    ] {
        client.send(format!("{line}\r\n").as_bytes()).await;
        let error = client.line().await;
        let name = line.split(' ').next().unwrap();
        let begin = format!("-ERR unknown command '{name}': it is not served, because ");
        assert!(error.starts_with(&begin) && error.contains(use_instead), "{line}: {error}");
    }
    client.ask("CLUSTER INFO", "-ERR This instance has cluster support disabled\r\n").await;
}

#[tokio::test]
async fn who_asks_whether_it_is_here_is_told_no() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.ask("COMMAND INFO sinter acl", "*2\r\n$-1\r\n$-1\r\n").await;
    client.ask("COMMAND DOCS sinter", "*0\r\n").await;
    client.ask("COMMAND LIST FILTERBY PATTERN sinter*", "*0\r\n").await;
    client.ask("COMMAND GETKEYS SINTER a b", "-ERR Invalid command specified\r\n").await;
}
