//! CLIENT: who is connected, and what each says of itself.

use super::connection::checked_name;
use crate::redis::Redis;
use crate::redis::arguments::{integer, is};
use crate::redis::clients::Client;
use crate::redis::fault::{Fault, Outcome};
use crate::redis::session::Session;
use crate::redis::table::{Command, Flag, family, now};
use bytes::Bytes;
use resp::Reply;
use std::sync::Arc;

pub(super) fn commands() -> Vec<Command> {
    vec![
        family("client", "Is about clients"),
        now("client|id", 2, "The number of this connection", id),
        now("client|info", 2, "This connection, as in CLIENT LIST", info),
        now("client|list", -2, "All connections to this node", list)
            .flags(&[Flag::Admin])
            .differs("Lists the connections of this node; file descriptors, idle times and buffer sizes are not told."),
        now("client|getname", 2, "The name of this connection", get_name),
        now("client|setname", 3, "Names this connection", set_name),
        now("client|setinfo", 4, "Says which library is used", set_info),
        now("client|no-evict", 3, "Asks not to be put out when memory is short", switch)
            .differs("Nobody is put out for memory; it is taken and does nothing."),
        now("client|no-touch", 3, "Asks not to count as use of keys", switch)
            .differs("Use of keys is not counted; it is taken and does nothing."),
        now("client|help", 2, "What CLIENT can do", super::about::help),
    ]
}

fn id(session: &mut Session, _: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    Ok(Reply::Integer(session.client.id as i64))
}

fn info(session: &mut Session, _: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    Ok(Reply::Verbatim(session.client.line() + "\n"))
}

fn list(_: &mut Session, redis: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let clients = redis.clients.all();
    let wanted: Box<dyn Fn(&Client) -> bool> = match &request[2..] {
        [] => Box::new(|_| true),
        [word, kind] if is(word, "TYPE") => match kind.to_ascii_lowercase().as_slice() {
            b"normal" => Box::new(|_| true),
            b"master" | b"replica" | b"slave" | b"pubsub" => Box::new(|_| false),
            _ => return Err(Fault::new(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(kind)))),
        },
        [word, ids @ ..] if is(word, "ID") && !ids.is_empty() => {
            let ids: Vec<i64> = ids
                .iter()
                .map(|id| integer(id))
                .collect::<Result<_, _>>()
                .map_err(|_| Fault::new("ERR Invalid client ID"))?;
            Box::new(move |client| ids.contains(&(client.id as i64)))
        }
        _ => return Err(Fault::SYNTAX),
    };
    Ok(Reply::Verbatim(clients.iter().filter(|client| wanted(client)).map(|client| client.line() + "\n").collect()))
}

fn get_name(session: &mut Session, _: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    let name = session.client.facts().name.clone();
    Ok(if name.is_empty() { Reply::Null } else { Reply::text(name) })
}

fn set_name(session: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    session.client.facts().name = checked_name(&request[2])?;
    Ok(Reply::OK)
}

fn set_info(session: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let (option, value) = (&request[2], &request[3]);
    let what = String::from_utf8_lossy(option).to_ascii_lowercase();
    let value = checked_name(value)
        .map_err(|_| Fault::new(format!("ERR {what} cannot contain spaces, newlines or special characters.")))?;
    let mut facts = session.client.facts();
    match what.as_str() {
        "lib-name" => facts.library = value,
        "lib-ver" => facts.library_version = value,
        _ => return Err(Fault::new(format!("ERR Unrecognized option '{}'", String::from_utf8_lossy(option)))),
    }
    Ok(Reply::OK)
}

fn switch(_: &mut Session, _: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let known = is(&request[2], "ON") || is(&request[2], "OFF");
    if known { Ok(Reply::OK) } else { Err(Fault::SYNTAX) }
}
