//! Reading numbers, options and times out of arguments, refused in Redis's words.

use super::fault::Fault;
use super::time;
use bytes::Bytes;
use stdx::{Span, Wall};

/// Latest time that is taken: far beyond what stamps and clocks hold, and far from overflow.
const MILLIS_MAX: i64 = 1 << 47;

/// A whole number.
pub(crate) fn integer(argument: &[u8]) -> Result<i64, Fault> {
    resp::integer(argument).ok_or(Fault::NOT_INTEGER)
}

/// True if the argument is this word, in any case.
pub(crate) fn is(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// In which unit, and from when, a time is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Millis,
    /// Seconds since the Unix epoch.
    AtSeconds,
    /// Milliseconds since the Unix epoch.
    AtMillis,
}

impl Unit {
    /// The unit of an option of SET and GETEX.
    pub(crate) fn of_option(option: &[u8]) -> Option<Unit> {
        let options =
            [("EX", Unit::Seconds), ("PX", Unit::Millis), ("EXAT", Unit::AtSeconds), ("PXAT", Unit::AtMillis)];
        options.into_iter().find(|(word, _)| is(option, word)).map(|(_, unit)| unit)
    }

    /// The point in time that a number of these is. `command` is for the error.
    pub(crate) fn at(self, number: i64, command: &str) -> Result<Wall, Fault> {
        let invalid = || Fault::new(format!("ERR invalid expire time in '{command}' command"));
        let millis = match self {
            Unit::Seconds | Unit::AtSeconds => number.checked_mul(1_000).ok_or_else(invalid)?,
            Unit::Millis | Unit::AtMillis => number,
        };
        let since = match self {
            Unit::Seconds | Unit::Millis => time::now().0 as i64,
            Unit::AtSeconds | Unit::AtMillis => 0,
        };
        let at = millis.checked_add(since).filter(|at| *at <= MILLIS_MAX).ok_or_else(invalid)?;
        Ok(Wall(at.max(0) as u64))
    }
}

/// When a value goes, read from an option: it must lie ahead.
pub(crate) fn expiry(unit: Unit, argument: Option<&Bytes>, command: &str) -> Result<Wall, Fault> {
    let number = integer(argument.ok_or(Fault::SYNTAX)?)?;
    if number <= 0 {
        return Err(Fault::new(format!("ERR invalid expire time in '{command}' command")));
    }
    unit.at(number, command)
}

/// The time to live that ends then.
pub(crate) fn ttl(expires: Option<Wall>) -> Option<Span> {
    expires.map(time::until)
}
