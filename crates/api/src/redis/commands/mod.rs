//! The commands, by nouns. Each file has its part of the table and what carries its commands out.
//!
//! Invariant: an argument is looked at only where the table has made sure that it is there.

mod about;
mod absent;
mod clients;
mod connection;
mod counters;
mod expiry;
mod hashes;
mod keys;
mod refused;
mod scan;
mod server;
mod set;
mod sets;
mod strings;

use super::table::{Command, Group};

/// All of them.
pub(super) fn all() -> Vec<Command> {
    let of = |group: Group, commands: Vec<Command>| commands.into_iter().map(move |command| command.group(group));
    let mut all = Vec::new();
    all.extend(of(Group::Connection, connection::commands()));
    all.extend(of(Group::Connection, clients::commands()));
    all.extend(of(Group::Server, server::commands()));
    all.extend(of(Group::Server, about::commands()));
    all.extend(of(Group::Keys, keys::commands()));
    all.extend(of(Group::Keys, expiry::commands()));
    all.extend(of(Group::Keys, scan::commands()));
    all.extend(of(Group::Strings, set::commands()));
    all.extend(of(Group::Strings, strings::commands()));
    all.extend(of(Group::Counters, counters::commands()));
    all.extend(of(Group::Hashes, hashes::commands()));
    all.extend(of(Group::Sets, sets::commands()));
    all.extend(refused::commands());
    all.extend(absent::commands());
    all
}

/// A command's future from an async function.
macro_rules! run {
    ($function:path) => {
        |call| {
            Box::pin(async move {
                match $function(call).await {
                    Ok(reply) => reply,
                    Err(fault) => resp::Reply::from(fault),
                }
            })
        }
    };
}
pub(super) use run;
