//! `alianza incr`: adds to a counter and prints what it is now.

use super::request::Request;
use super::value::Bytes;
use crate::args::Incr;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;

/// Adds to a counter.
pub(crate) fn run(args: &Incr) -> Result<(), Failure> {
    let request = Request::new("ADD").of(&args.item).with("by", args.by).named(&args.name);
    let answer = Client::to(&args.target)?.post("/", &request.json())?;
    if args.target.json {
        return output::print_json(&answer);
    }
    match Bytes::of(&answer, "value") {
        Some(value) => output::print_line(&value.in_one_line()),
        None => {
            output::remark("added; others have changed the counter since");
            Ok(())
        }
    }
}
