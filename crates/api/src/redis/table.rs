//! The one list of commands: how they are called, which arguments are keys, who carries them out, and what differs from
//! Redis.
//!
//! Invariant: names are unique and in small letters; a subcommand is named `command|subcommand`. Whatever is answered about
//! commands (COMMAND, arity errors, `docs/redis.md`) comes from here.

use super::Redis;
use super::call::{Call, Later};
use super::commands;
use super::fault::Outcome;
use super::session::Session;
use bytes::Bytes;
use resp::Reply;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// A command.
pub(crate) struct Command {
    /// Its name.
    pub(crate) name: &'static str,
    /// How many arguments it takes, its name (and its subcommand's) counted; at least that many if negative.
    pub(crate) arity: i32,
    /// What must be known of it before it is carried out.
    pub(crate) flags: &'static [Flag],
    /// Which arguments are keys.
    pub(crate) keys: Keys,
    /// What it belongs to.
    pub(crate) group: Group,
    /// What it does, for people.
    pub(crate) summary: &'static str,
    /// How it differs from Redis.
    pub(crate) verdict: Verdict,
    /// Who carries it out.
    pub(crate) run: Run,
}

/// What must be known of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flag {
    /// It may change data.
    Write,
    /// It reads data.
    Read,
    /// It takes no longer for larger data.
    Fast,
    /// It is for operators.
    Admin,
    /// It is answered before the password was said.
    NoAuth,
    /// It touches any data, so that it waits for what was sent before it.
    Everything,
    /// It may hold or answer much, so that nothing else of its connection runs beside it.
    Large,
    /// Its first argument names a subcommand.
    Family,
    /// Clients try it out: it is refused in the words for a name that nobody knows, and COMMAND leaves it out.
    Unknown,
}

impl Flag {
    /// As COMMAND says it.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Flag::Write => Some("write"),
            Flag::Read => Some("readonly"),
            Flag::Fast => Some("fast"),
            Flag::Admin => Some("admin"),
            Flag::NoAuth => Some("no_auth"),
            Flag::Everything | Flag::Large | Flag::Family | Flag::Unknown => None,
        }
    }
}

/// Which arguments are keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Keys {
    /// The first; 0 if there are none.
    pub(crate) first: usize,
    /// The last; counted from the end if negative.
    pub(crate) last: i32,
    /// Every which one from the first.
    pub(crate) step: usize,
}

impl Keys {
    /// None.
    pub(crate) const NONE: Keys = Keys { first: 0, last: 0, step: 0 };
    /// The first argument.
    pub(crate) const ONE: Keys = Keys { first: 1, last: 1, step: 1 };
    /// All arguments.
    pub(crate) const ALL: Keys = Keys { first: 1, last: -1, step: 1 };
    /// Every other argument.
    pub(crate) const PAIRS: Keys = Keys { first: 1, last: -1, step: 2 };

    /// The keys of a request.
    pub(crate) fn of(self, request: &[Bytes]) -> impl Iterator<Item = &Bytes> {
        let last = match usize::try_from(self.last) {
            Ok(last) => last,
            Err(_) => request.len().saturating_sub(self.last.unsigned_abs() as usize),
        };
        let end = if self.first == 0 { 0 } else { (last + 1).min(request.len()) };
        request[..end].iter().skip(self.first).step_by(self.step.max(1))
    }
}

/// What a command belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Group {
    Connection,
    Server,
    Keys,
    Strings,
    Counters,
    Hashes,
    Sets,
    Lists,
    SortedSets,
    Streams,
    Transactions,
    Scripts,
    Messages,
}

impl Group {
    /// Its name for people, and as COMMAND DOCS says it.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Group::Connection => ("Connection", "connection"),
            Group::Server => ("Server", "server"),
            Group::Keys => ("Keys", "generic"),
            Group::Strings => ("Strings", "string"),
            Group::Counters => ("Counters", "string"),
            Group::Hashes => ("Hashes", "hash"),
            Group::Sets => ("Sets", "set"),
            Group::Lists => ("Lists", "list"),
            Group::SortedSets => ("Sorted sets", "sorted-set"),
            Group::Streams => ("Streams", "stream"),
            Group::Transactions => ("Transactions", "transactions"),
            Group::Scripts => ("Scripts", "scripting"),
            Group::Messages => ("Publish and subscribe", "pubsub"),
        }
    }
}

/// How a command differs from Redis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Clients notice no difference.
    Works,
    /// It works, with this difference.
    Differs(&'static str),
    /// It is refused in eventual buckets, and works in linearizable ones; the sentence says more.
    Ordered(&'static str),
    /// It is refused; `run` has the sentence.
    Refused,
}

/// Who carries a command out.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// At once, without asking the node.
    Now(fn(&mut Session, &Arc<Redis>, &[Bytes]) -> Outcome),
    /// By asking the node.
    Later(fn(Call) -> Later),
    /// From what this node has itself, if that is enough, else by asking the node.
    Soon(fn(&mut Session, &[Bytes]) -> Soon),
    /// Nobody, for this reason.
    Refused(&'static str),
}

/// What comes of looking at what this node has itself.
pub(crate) enum Soon {
    /// The answer.
    Reply(Reply),
    /// It takes more than that: this.
    Ask(fn(Call) -> Later),
}

/// A command that is answered at once.
pub(crate) const fn now(
    name: &'static str,
    arity: i32,
    summary: &'static str,
    run: fn(&mut Session, &Arc<Redis>, &[Bytes]) -> Outcome,
) -> Command {
    new(name, arity, summary, Run::Now(run))
}

/// A command that asks the node.
pub(crate) const fn later(name: &'static str, arity: i32, summary: &'static str, run: fn(Call) -> Later) -> Command {
    new(name, arity, summary, Run::Later(run))
}

/// A command that asks the node unless what this node has itself is enough.
pub(crate) const fn soon(
    name: &'static str,
    arity: i32,
    summary: &'static str,
    run: fn(&mut Session, &[Bytes]) -> Soon,
) -> Command {
    new(name, arity, summary, Run::Soon(run))
}

/// A command that is refused, and why: a sentence without its full stop that says what to use.
pub(crate) const fn refused(name: &'static str, why: &'static str) -> Command {
    let command = new(name, -1, "", Run::Refused(why));
    Command { verdict: Verdict::Refused, ..command }
}

/// A command that is refused as if nobody knew its name, and why, said behind that.
pub(crate) const fn unknown_here(name: &'static str, why: &'static str) -> Command {
    refused(name, why).flags(&[Flag::Unknown])
}

/// A command that only has subcommands.
pub(crate) const fn family(name: &'static str, summary: &'static str) -> Command {
    let command = new(name, -2, summary, Run::Refused("a subcommand is needed"));
    Command { flags: &[Flag::Family], ..command }
}

const fn new(name: &'static str, arity: i32, summary: &'static str, run: Run) -> Command {
    let (keys, group, verdict) = (Keys::NONE, Group::Connection, Verdict::Works);
    Command { name, arity, flags: &[], keys, group, summary, verdict, run }
}

impl Command {
    pub(crate) const fn flags(self, flags: &'static [Flag]) -> Command {
        Command { flags, ..self }
    }

    pub(crate) const fn keys(self, keys: Keys) -> Command {
        Command { keys, ..self }
    }

    pub(crate) const fn group(self, group: Group) -> Command {
        Command { group, ..self }
    }

    pub(crate) const fn differs(self, how: &'static str) -> Command {
        Command { verdict: Verdict::Differs(how), ..self }
    }

    pub(crate) const fn ordered(self, more: &'static str) -> Command {
        Command { verdict: Verdict::Ordered(more), ..self }
    }

    /// The refusal of a command, called by this name.
    pub(crate) fn refusal(&self, called: &[u8], why: &str) -> Reply {
        Reply::error(match self.has(Flag::Unknown) {
            true => format!("ERR unknown command '{}': it {why}", String::from_utf8_lossy(called)),
            false => format!("ERR {} {why}", self.name.to_ascii_uppercase()),
        })
    }

    pub(crate) fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// The command at a place of the list.
    pub(crate) fn at(place: usize) -> Option<&'static Command> {
        all().get(place)
    }

    /// Its place in the list.
    pub(crate) fn place(&'static self) -> usize {
        index().get(self.name.as_bytes()).copied().unwrap_or_default()
    }

    /// The command that it is a subcommand of, and its own name.
    pub(crate) fn parent(&self) -> Option<(&'static str, &'static str)> {
        self.name.split_once('|')
    }

    /// True if it takes so many arguments, its name counted.
    pub(crate) fn takes(&self, arguments: usize) -> bool {
        match usize::try_from(self.arity) {
            Ok(arity) => arguments == arity,
            Err(_) => arguments >= self.arity.unsigned_abs() as usize,
        }
    }
}

/// All commands, group by group.
pub(crate) fn all() -> &'static [Command] {
    static ALL: OnceLock<Vec<Command>> = OnceLock::new();
    ALL.get_or_init(commands::all)
}

fn index() -> &'static HashMap<&'static [u8], usize> {
    static INDEX: OnceLock<HashMap<&'static [u8], usize>> = OnceLock::new();
    INDEX.get_or_init(|| all().iter().enumerate().map(|(place, command)| (command.name.as_bytes(), place)).collect())
}

/// The command of a name, which may be of the form `command|subcommand`.
pub(crate) fn named(name: &[u8]) -> Option<&'static Command> {
    let mut small = [0; 32];
    let small = small.get_mut(..name.len())?;
    small.copy_from_slice(name);
    small.make_ascii_lowercase();
    index().get(&*small).and_then(|place| Command::at(*place))
}

/// The command of a request, if it is one and is called rightly.
pub(crate) fn find(request: &[Bytes]) -> Result<&'static Command, Reply> {
    let Some((name, arguments)) = request.split_first() else { return Err(unknown(b"", &[])) };
    let command = named(name).filter(|_| !name.contains(&b'|')).ok_or_else(|| unknown(name, arguments))?;
    let command = match (command.has(Flag::Family), arguments.first()) {
        (true, Some(second)) => {
            let whole = [command.name.as_bytes(), b"|", second].concat();
            named(&whole).ok_or_else(|| unknown_subcommand(command, second))?
        }
        _ => command,
    };
    if command.takes(request.len()) { Ok(command) } else { Err(wrong_arity(command)) }
}

/// Bytes of a name, or of all arguments together, that are repeated in an error.
const SHOWN: usize = 128;

fn unknown(name: &[u8], arguments: &[Bytes]) -> Reply {
    let mut shown = String::new();
    for argument in arguments {
        if shown.len() >= SHOWN {
            break;
        }
        let part = &argument[..argument.len().min(SHOWN - shown.len())];
        shown.push_str(&format!("'{}' ", String::from_utf8_lossy(part)));
    }
    let name = String::from_utf8_lossy(&name[..name.len().min(SHOWN)]);
    Reply::error(format!("ERR unknown command '{name}', with args beginning with: {shown}"))
}

fn unknown_subcommand(command: &Command, second: &[u8]) -> Reply {
    let second = String::from_utf8_lossy(&second[..second.len().min(SHOWN)]).into_owned();
    Reply::error(format!("ERR unknown subcommand '{second}'. Try {} HELP.", command.name.to_ascii_uppercase()))
}

fn wrong_arity(command: &Command) -> Reply {
    Reply::error(format!("ERR wrong number of arguments for '{}' command", command.name))
}
