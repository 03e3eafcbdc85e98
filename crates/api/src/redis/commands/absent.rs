//! Commands of Redis that are not here, and what to use instead.
//!
//! Invariant: to a program that tries one out it is unknown, in Redis's words and to COMMAND; the reason stands behind them.

use super::refused::{NO_BITS, NO_ORDER_OF_MEMBERS, NO_SORTED};
use crate::redis::table::{Command, Group, unknown_here};

const JOINS: &str =
    "is not served, because keys live on different nodes and are not joined there; use SMEMBERS and join in the client";
const BY_CHANCE: &str = "is not served, because fields and members are not picked by chance; use HSCAN or SSCAN";
const FIELD_ENDS: &str =
    "is not served, because a field has no end of its own; use EXPIRE for the whole hash, or a key for each";
const INSIDE: &str =
    "is not served, because values have no encoding here and their use is not counted; use TYPE, STRLEN, HLEN or SCARD";
const WAITS: &str = "is not served, because a write is answered when as many replicas have it as the bucket's write level says; use \
                     that level";
const DUMPS: &str = "is not served, because Redis's own format of values is not written here; use COPY, or `alianza export` and `alianza \
                     import`";
const SORTS: &str = "is not served, because values are not sorted here; read them and sort in the client";
const COMPARES: &str = "is not served, because values are not compared here; use GET and compare in the client";
const SAVES: &str = "is not served, because writes go to disk as they come; for a copy use `alianza backup`";
const SWAPS: &str = "is not served, because databases are buckets named in the settings; use redis-databases";
const WATCHES: &str = "is not served, because requests are not shown to others; use `GET /v1/buckets/{bucket}/changes`, or traces (--otlp)";
const MEASURES: &str =
    "is not served, because measures are told over HTTP; use `GET /metrics`, and the log for slow requests (--slow)";
const USERS: &str = "is not served, because users are API tokens with scopes; use `alianza token`";
const STREAMS: &str = "is not served, because there are no streams; use keys that are numbered by INCR";
const ESTIMATES: &str = "is not served, because members are not estimated here; use SADD and SCARD";

/// A sentence that goes on after the command's name.
macro_rules! all {
    ($group:expr, $why:expr, [$($name:literal),* $(,)?]) => {
        [$(unknown_here($name, $why).group($group)),*]
    };
}

pub(super) fn commands() -> Vec<Command> {
    let mut commands = Vec::new();
    commands.extend(all!(Group::Server, MEASURES, ["slowlog", "latency", "memory"]));
    commands.extend(all!(Group::Server, USERS, ["acl"]));
    commands.extend(all!(Group::Server, SAVES, ["save", "bgsave", "bgrewriteaof"]));
    commands.extend(all!(Group::Server, SWAPS, ["swapdb"]));
    commands.extend(all!(Group::Server, WATCHES, ["monitor"]));
    commands.extend(all!(Group::Keys, INSIDE, ["object"]));
    commands.extend(all!(Group::Keys, WAITS, ["wait", "waitaof"]));
    commands.extend(all!(Group::Keys, DUMPS, ["dump", "restore"]));
    commands.extend(all!(Group::Keys, SORTS, ["sort", "sort_ro"]));
    commands.extend(all!(Group::Strings, COMPARES, ["lcs"]));
    commands.extend(all!(Group::Strings, NO_BITS, ["bitfield_ro"]));
    commands.extend(all!(Group::Hashes, BY_CHANCE, ["hrandfield"]));
    commands.extend(all!(Group::Hashes, NO_ORDER_OF_MEMBERS, ["hgetdel"]));
    commands.extend(all!(
        Group::Hashes,
        FIELD_ENDS,
        [
            "hexpire",
            "hpexpire",
            "hexpireat",
            "hpexpireat",
            "hpersist",
            "httl",
            "hpttl",
            "hexpiretime",
            "hpexpiretime",
            "hgetex",
            "hsetex",
        ]
    ));
    commands.extend(all!(Group::Sets, BY_CHANCE, ["srandmember"]));
    commands.extend(all!(
        Group::Sets,
        JOINS,
        ["sinter", "sinterstore", "sintercard", "sunion", "sunionstore", "sdiff", "sdiffstore"]
    ));
    commands.extend(all!(Group::Sets, ESTIMATES, ["pfadd", "pfcount", "pfmerge"]));
    commands.extend(sorted());
    commands.extend(all!(
        Group::Streams,
        STREAMS,
        [
            "xadd",
            "xlen",
            "xrange",
            "xrevrange",
            "xread",
            "xdel",
            "xtrim",
            "xgroup",
            "xreadgroup",
            "xack",
            "xclaim",
            "xautoclaim",
            "xpending",
            "xinfo",
        ]
    ));
    commands
}

fn sorted() -> Vec<Command> {
    all!(
        Group::SortedSets,
        NO_SORTED,
        [
            "zrangestore",
            "zlexcount",
            "zrevrangebylex",
            "zremrangebylex",
            "zrandmember",
            "zmpop",
            "bzmpop",
            "zinter",
            "zintercard",
            "zunion",
            "zdiff",
            "zdiffstore",
            "geoadd",
            "geopos",
            "geodist",
            "geohash",
            "geosearch",
            "geosearchstore",
            "georadius",
            "georadiusbymember",
        ]
    )
    .into()
}
