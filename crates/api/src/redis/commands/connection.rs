//! Commands about the connection itself.

use crate::redis::Redis;
use crate::redis::arguments::{integer, is};
use crate::redis::fault::{Fault, Outcome};
use crate::redis::session::Session;
use crate::redis::table::{Command, Flag, now};
use bytes::Bytes;
use resp::{Reply, Version};
use std::sync::Arc;

pub(super) fn commands() -> Vec<Command> {
    const OPEN: &[Flag] = &[Flag::Fast, Flag::NoAuth];
    vec![
        now("hello", -1, "Chooses the version of the protocol, and logs in", hello).flags(OPEN),
        now("auth", -2, "Says the password", auth).flags(OPEN).differs(
            "The password is an API token, or the one in the settings; the user is `default` or the token's name.",
        ),
        now("ping", -1, "Answers", ping).flags(&[Flag::Fast]),
        now("echo", 2, "Answers with what it was given", echo).flags(&[Flag::Fast]),
        now("select", 2, "Chooses a database", select)
            .flags(&[Flag::Fast])
            .differs("A database is a bucket: 0 is `default`, others are named in the settings (`redis-databases`)."),
        now("quit", -1, "Closes the connection", quit).flags(OPEN),
        now("reset", 1, "Makes the connection what it was at its beginning", reset).flags(OPEN),
    ]
}

fn hello(session: &mut Session, redis: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let version = match request.get(1).map(|version| resp::integer(version)) {
        None => session.version,
        Some(Some(2)) => Version::Two,
        Some(Some(3)) => Version::Three,
        Some(Some(_)) => return Err(Fault::new("NOPROTO unsupported protocol version")),
        Some(None) => return Err(Fault::new("ERR Protocol version is not an integer or out of range")),
    };
    let (mut login, mut name) = (None, None);
    let mut options = request.get(2..).unwrap_or_default();
    while let Some((option, rest)) = options.split_first() {
        options = match rest {
            [user, password, rest @ ..] if is(option, "AUTH") => {
                login = Some((user, password));
                rest
            }
            [given, rest @ ..] if is(option, "SETNAME") => {
                name = Some(checked_name(given)?);
                rest
            }
            _ => {
                let option = String::from_utf8_lossy(option);
                return Err(Fault::new(format!("ERR Syntax error in HELLO option '{option}'")));
            }
        };
    }
    if let Some((user, password)) = login {
        log_in(session, redis, user, password)?;
    }
    if !session.is_authenticated() {
        return Err(Fault::new(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
             <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    session.version = version;
    let protocol = if version == Version::Three { 3 } else { 2 };
    let mut facts = session.client.facts();
    facts.protocol = protocol;
    facts.name = name.unwrap_or_else(|| std::mem::take(&mut facts.name));
    drop(facts);
    let pair = |name: &'static str, reply: Reply| (Reply::word(name), reply);
    Ok(Reply::Map(vec![
        pair("server", Reply::word("redis")),
        pair("version", Reply::word(super::server::REDIS_VERSION)),
        pair("proto", Reply::Integer(i64::from(protocol))),
        pair("id", Reply::Integer(session.client.id as i64)),
        pair("mode", Reply::word("standalone")),
        pair("role", Reply::word("master")),
        pair("modules", Reply::Array(Vec::new())),
    ]))
}

/// A name of a connection: printable, without spaces, so that it fits into the list of clients.
pub(super) fn checked_name(name: &[u8]) -> Result<String, Fault> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(String::from_utf8_lossy(name).into_owned());
    }
    Err(Fault::new("ERR Client names cannot contain spaces, newlines or special characters."))
}

fn log_in(session: &mut Session, redis: &Redis, user: &[u8], password: &[u8]) -> Result<(), Fault> {
    if redis.options.password.is_none() && redis.gate.is_open() && user == b"default" {
        // As in Redis, where the user `default` without a password takes any.
        return Ok(());
    }
    if session.authenticate(redis, user, password) {
        return Ok(());
    }
    Err(Fault::new("WRONGPASS invalid username-password pair or user is disabled."))
}

fn auth(session: &mut Session, redis: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    match request {
        [_, _] if redis.options.password.is_none() && redis.gate.is_open() => Err(Fault::new(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        )),
        [_, password] => log_in(session, redis, b"default", password).map(|()| Reply::OK),
        [_, user, password] => log_in(session, redis, user, password).map(|()| Reply::OK),
        _ => Err(Fault::SYNTAX),
    }
}

fn ping(_: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    match request {
        [_] => Ok(Reply::Status("PONG")),
        [_, word] => Ok(Reply::Bulk(word.clone())),
        _ => Err(Fault::new("ERR wrong number of arguments for 'ping' command")),
    }
}

fn echo(_: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    Ok(Reply::Bulk(request[1].clone()))
}

fn select(session: &mut Session, redis: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let number = integer(&request[1])?;
    let place = u32::try_from(number).ok().and_then(|number| redis.places.get(number).map(|place| (number, place)));
    let Some((number, place)) = place else {
        return Err(Fault::new(
            "ERR DB index is out of range: no bucket is named for it; name one with the setting redis-databases",
        ));
    };
    session.database = number;
    session.place = place;
    session.client.facts().database = number;
    Ok(Reply::OK)
}

fn quit(session: &mut Session, _: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    session.end();
    Ok(Reply::OK)
}

fn reset(session: &mut Session, redis: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    session.reset(redis);
    Ok(Reply::Status("RESET"))
}
