//! Commands that clients know and that are refused, each with a sentence that says why and what to use.

use crate::redis::table::{Command, Group, refused};

const ATOMIC: &str = "is not served, because keys live on different nodes and no order holds for several of them; send the \
                      commands in a pipeline without it (redis-py: transaction=False)";
const SCRIPT: &str = "is not served, because a script needs one order for all it touches; use a linearizable bucket with SET NX, \
                      XX and GET, and INCR";
const TWO_KEYS: &str = "is not served, because two keys live on different nodes and cannot be changed at once: others would see both, or, \
                        if it broke off, for ever; use COPY and then DEL, or SETNX for each key";
pub(super) const NO_ORDER_OF_MEMBERS: &str = "is not served, because it needs one order for all, which hashes and sets do not have; use HSET, \
                                   SADD, SREM and SSCAN";
const NO_LISTS: &str = "is not served, because there are no lists yet; use a set, or keys that are numbered by INCR";
pub(super) const NO_SORTED: &str =
    "is not served, because there are no sorted sets yet; use items with sort keys over HTTP";
const NO_MESSAGES: &str = "is not served, because messages are not passed on yet; poll a key";
pub(super) const NO_BITS: &str =
    "is not served, because bits of a value are not addressed yet; use SETRANGE and GETRANGE";

/// A sentence that begins with the command's name.
macro_rules! all {
    ($group:expr, $why:expr, [$($name:literal),* $(,)?]) => {
        [$(refused($name, $why).group($group)),*]
    };
}

pub(super) fn commands() -> Vec<Command> {
    let mut commands = Vec::new();
    commands.extend(all!(Group::Keys, TWO_KEYS, ["rename", "renamenx", "move", "msetnx"]));
    commands.extend(all!(Group::Transactions, ATOMIC, ["multi", "exec", "discard", "watch", "unwatch"]));
    commands.extend(all!(
        Group::Scripts,
        SCRIPT,
        ["eval", "evalsha", "eval_ro", "evalsha_ro", "script", "function", "fcall", "fcall_ro"]
    ));
    commands.extend(all!(Group::Hashes, NO_ORDER_OF_MEMBERS, ["hsetnx"]));
    commands.extend(all!(Group::Sets, NO_ORDER_OF_MEMBERS, ["spop", "smove"]));
    commands.extend(all!(
        Group::Lists,
        NO_LISTS,
        [
            "lpush",
            "rpush",
            "lpushx",
            "rpushx",
            "lpop",
            "rpop",
            "llen",
            "lrange",
            "lindex",
            "lset",
            "linsert",
            "lrem",
            "ltrim",
            "lpos",
            "lmove",
            "rpoplpush",
            "blpop",
            "brpop",
            "blmove",
            "brpoplpush",
            "lmpop",
            "blmpop",
        ]
    ));
    commands.extend(all!(
        Group::SortedSets,
        NO_SORTED,
        [
            "zadd",
            "zrem",
            "zscore",
            "zmscore",
            "zcard",
            "zcount",
            "zincrby",
            "zrange",
            "zrevrange",
            "zrangebyscore",
            "zrevrangebyscore",
            "zrangebylex",
            "zrank",
            "zrevrank",
            "zpopmin",
            "zpopmax",
            "bzpopmin",
            "bzpopmax",
            "zremrangebyscore",
            "zremrangebyrank",
            "zscan",
            "zunionstore",
            "zinterstore",
        ]
    ));
    commands.extend(all!(Group::Strings, NO_BITS, ["setbit", "getbit", "bitcount", "bitop", "bitpos", "bitfield"]));
    commands.extend(all!(
        Group::Messages,
        NO_MESSAGES,
        ["subscribe", "unsubscribe", "psubscribe", "punsubscribe", "publish", "pubsub", "ssubscribe", "spublish"]
    ));
    commands
}
