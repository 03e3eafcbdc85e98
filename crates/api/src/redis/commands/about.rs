//! COMMAND: what this node says about its own commands, from the table.

use crate::redis::Redis;
use crate::redis::fault::{Fault, Outcome};
use crate::redis::pattern;
use crate::redis::session::Session;
use crate::redis::table::{self, Command, Flag, Group, Keys, Run, Verdict, now};
use bytes::Bytes;
use resp::Reply;
use std::sync::Arc;

pub(super) fn commands() -> Vec<Command> {
    vec![
        now("command", -1, "All commands", everything).flags(&[Flag::Family]),
        now("command|count", 2, "How many commands there are", count),
        now("command|info", -2, "Some commands", info),
        now("command|docs", -2, "What commands do, for people", docs),
        now("command|list", -2, "The names of all commands", list),
        now("command|getkeys", -4, "Which arguments of a request are keys", get_keys),
        now("command|help", 2, "What COMMAND can do", help),
    ]
}

/// Commands that are not subcommands, without those that a client must find unknown.
fn top() -> impl Iterator<Item = &'static Command> {
    table::all().iter().filter(|command| command.parent().is_none() && !command.has(Flag::Unknown))
}

fn named(name: &[u8]) -> Option<&'static Command> {
    table::named(name).filter(|command| !command.has(Flag::Unknown))
}

fn children(command: &Command) -> impl Iterator<Item = &'static Command> {
    let name = command.name;
    table::all().iter().filter(move |child| child.parent().is_some_and(|(parent, _)| parent == name))
}

fn everything(_: &mut Session, _: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    Ok(Reply::Array(top().map(describe).collect()))
}

fn count(_: &mut Session, _: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    Ok(Reply::Integer(top().count() as i64))
}

fn info(_: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    match &request[2..] {
        [] => Ok(Reply::Array(top().map(describe).collect())),
        names => Ok(Reply::Array(names.iter().map(|n| named(n).map_or(Reply::Null, describe)).collect())),
    }
}

/// The subcommands of what was asked, and what each does.
pub(super) fn help(_: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let Some(command) = table::named(&request[0]) else { return Err(Fault::SYNTAX) };
    let name = command.name.to_ascii_uppercase();
    let mut lines = vec![format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    for child in children(command) {
        let own = child.parent().map_or(child.name, |(_, own)| own);
        lines.push(own.to_ascii_uppercase());
        lines.push(format!("    {}.", child.summary));
    }
    Ok(Reply::texts(lines))
}

/// A command in the shape of COMMAND INFO.
fn describe(command: &'static Command) -> Reply {
    let mut flags: Vec<Reply> = command.flags.iter().filter_map(|flag| flag.word()).map(Reply::Status).collect();
    if grows(command) {
        flags.push(Reply::Status("denyoom"));
    }
    if matches!(command.run, Run::Now(_)) {
        flags.push(Reply::Status("loading"));
        flags.push(Reply::Status("stale"));
    }
    let Keys { first, last, step } = command.keys;
    let specs = if first == 0 { Vec::new() } else { vec![key_spec(command)] };
    Reply::Array(vec![
        Reply::word(command.name),
        Reply::Integer(i64::from(command.arity)),
        Reply::Set(flags),
        Reply::Integer(first as i64),
        Reply::Integer(i64::from(last)),
        Reply::Integer(step as i64),
        Reply::Set(categories(command).into_iter().map(Reply::Status).collect()),
        Reply::Set(Vec::new()),
        Reply::Array(specs),
        Reply::Array(children(command).map(describe).collect()),
    ])
}

/// What Redis's access lists sort a command under.
fn categories(command: &Command) -> Vec<&'static str> {
    let group = match command.group {
        Group::Connection => Some("@connection"),
        Group::Server => None,
        Group::Keys => Some("@keyspace"),
        Group::Strings | Group::Counters => Some("@string"),
        Group::Hashes => Some("@hash"),
        Group::Sets => Some("@set"),
        Group::Lists => Some("@list"),
        Group::SortedSets => Some("@sortedset"),
        Group::Transactions => Some("@transaction"),
        Group::Scripts => Some("@scripting"),
        Group::Streams => Some("@stream"),
        Group::Messages => Some("@pubsub"),
    };
    let dangerous =
        command.has(Flag::Admin) || matches!(command.name, "keys" | "flushdb" | "flushall" | "info" | "role");
    let of = [
        (command.has(Flag::Read), "@read"),
        (command.has(Flag::Write), "@write"),
        (command.has(Flag::Admin), "@admin"),
        (dangerous, "@dangerous"),
        (command.has(Flag::Fast), "@fast"),
        (!command.has(Flag::Fast), "@slow"),
    ];
    group.into_iter().chain(of.into_iter().filter(|(is_so, _)| *is_so).map(|(_, name)| name)).collect()
}

/// True if the data may be larger after it.
fn grows(command: &Command) -> bool {
    const NEVER: [&str; 14] = [
        "del",
        "unlink",
        "delex",
        "getdel",
        "getex",
        "hdel",
        "srem",
        "flushdb",
        "flushall",
        "persist",
        "expire",
        "pexpire",
        "expireat",
        "pexpireat",
    ];
    command.has(Flag::Write) && !NEVER.contains(&command.name)
}

fn key_spec(command: &Command) -> Reply {
    let Keys { first, last, step } = command.keys;
    let pair = |name: &'static str, reply: Reply| (Reply::word(name), reply);
    // Redis counts the last key from the first one here.
    let last = if last < 0 { i64::from(last) } else { i64::from(last) - first as i64 };
    let search = vec![
        pair("type", Reply::word("index")),
        pair("spec", Reply::Map(vec![pair("index", Reply::Integer(first as i64))])),
    ];
    let range = vec![
        pair("lastkey", Reply::Integer(last)),
        pair("keystep", Reply::Integer(step as i64)),
        pair("limit", Reply::Integer(0)),
    ];
    let find = vec![pair("type", Reply::word("range")), pair("spec", Reply::Map(range))];
    let access = if command.has(Flag::Write) { "RW" } else { "RO" };
    Reply::Map(vec![
        pair("flags", Reply::Set(vec![Reply::Status(access)])),
        pair("begin_search", Reply::Map(search)),
        pair("find_keys", Reply::Map(find)),
    ])
}

fn docs(_: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let of = |command: &'static Command| (Reply::word(command.name), documented(command));
    match &request[2..] {
        [] => Ok(Reply::Map(top().map(of).collect())),
        names => Ok(Reply::Map(names.iter().filter_map(|name| named(name)).map(of).collect())),
    }
}

fn documented(command: &'static Command) -> Reply {
    let pair = |name: &'static str, reply: Reply| (Reply::word(name), reply);
    let summary = match command.verdict {
        Verdict::Works => command.summary.to_owned(),
        Verdict::Differs(how) => format!("{}. {how}", command.summary),
        Verdict::Ordered(more) => format!("{}; only in linearizable buckets. {more}", command.summary),
        Verdict::Refused => match command.run {
            Run::Refused(why) => format!("Refused: {why}"),
            _ => "Refused".to_owned(),
        },
    };
    let mut pairs = vec![
        pair("summary", Reply::text(summary)),
        pair("since", Reply::word("1.0.0")),
        pair("group", Reply::word(command.group.names().1)),
        pair("arity", Reply::Integer(i64::from(command.arity))),
    ];
    let children: Vec<(Reply, Reply)> =
        children(command).map(|child| (Reply::word(child.name), documented(child))).collect();
    if !children.is_empty() {
        pairs.push(pair("subcommands", Reply::Map(children)));
    }
    Reply::Map(pairs)
}

fn list(_: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let names = top().map(|command| command.name);
    match &request[2..] {
        [] => Ok(Reply::Array(names.map(Reply::word).collect())),
        [by, kind, filter] if by.eq_ignore_ascii_case(b"FILTERBY") => match kind.to_ascii_lowercase().as_slice() {
            b"pattern" => {
                let fits = names.filter(|name| pattern::matches(filter, name.as_bytes()));
                Ok(Reply::Array(fits.map(Reply::word).collect()))
            }
            b"module" => Ok(Reply::Array(Vec::new())),
            b"aclcat" => {
                let fits = |category: &&str| category.as_bytes()[1..].eq_ignore_ascii_case(filter);
                let of = top().filter(|command| categories(command).iter().any(fits));
                Ok(Reply::Array(of.map(|command| Reply::word(command.name)).collect()))
            }
            _ => Err(Fault::SYNTAX),
        },
        _ => Err(Fault::SYNTAX),
    }
}

fn get_keys(_: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let asked = &request[2..];
    named(&asked[0]).ok_or(Fault::new("ERR Invalid command specified"))?;
    let command =
        table::find(asked).map_err(|_| Fault::new("ERR Invalid number of arguments specified for command"))?;
    let keys: Vec<Reply> = command.keys.of(asked).cloned().map(Reply::Bulk).collect();
    if keys.is_empty() {
        return Err(Fault::new("ERR The command has no key arguments"));
    }
    Ok(Reply::Array(keys))
}
