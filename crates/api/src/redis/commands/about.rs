//! COMMAND: what this node says about its own commands, from the table.

use crate::redis::Redis;
use crate::redis::fault::{Fault, Outcome};
use crate::redis::pattern;
use crate::redis::session::Session;
use crate::redis::table::{self, Command, Flag, Keys, Run, Verdict, now};
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
        now("command|getkeys", -3, "Which arguments of a request are keys", get_keys),
    ]
}

/// Commands that are not subcommands.
fn top() -> impl Iterator<Item = &'static Command> {
    table::all().iter().filter(|command| command.parent().is_none())
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
        names => Ok(Reply::Array(names.iter().map(|n| table::named(n).map_or(Reply::NullArray, describe)).collect())),
    }
}

/// A command in the shape of COMMAND INFO.
fn describe(command: &'static Command) -> Reply {
    let mut flags: Vec<Reply> = command.flags.iter().filter_map(|flag| flag.word()).map(Reply::Status).collect();
    if matches!(command.run, Run::Now(_)) {
        flags.push(Reply::Status("loading"));
        flags.push(Reply::Status("stale"));
    }
    let Keys { first, last, step } = command.keys;
    let (_, category) = command.group.names();
    let specs = if first == 0 { Vec::new() } else { vec![key_spec(command)] };
    Reply::Array(vec![
        Reply::word(command.name),
        Reply::Integer(i64::from(command.arity)),
        Reply::Set(flags),
        Reply::Integer(first as i64),
        Reply::Integer(i64::from(last)),
        Reply::Integer(step as i64),
        Reply::Set(vec![Reply::text(format!("@{category}"))]),
        Reply::Set(Vec::new()),
        Reply::Array(specs),
        Reply::Array(children(command).map(describe).collect()),
    ])
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
        names => Ok(Reply::Map(names.iter().filter_map(|name| table::named(name)).map(of).collect())),
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
                let of = top().filter(|command| command.group.names().1.as_bytes().eq_ignore_ascii_case(filter));
                Ok(Reply::Array(of.map(|command| Reply::word(command.name)).collect()))
            }
            _ => Err(Fault::SYNTAX),
        },
        _ => Err(Fault::SYNTAX),
    }
}

fn get_keys(_: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let asked = &request[2..];
    let command = table::find(asked).map_err(|_| match table::named(&asked[0]) {
        None => Fault::new("ERR Invalid command specified"),
        Some(_) => Fault::new("ERR Invalid number of arguments specified for command"),
    })?;
    let keys: Vec<Reply> = command.keys.of(asked).cloned().map(Reply::Bulk).collect();
    if keys.is_empty() {
        return Err(Fault::new("ERR The command has no key arguments"));
    }
    Ok(Reply::Array(keys))
}
