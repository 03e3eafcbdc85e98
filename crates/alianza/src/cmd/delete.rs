//! `alianza delete`: deletes an item. That there was none is no error, as with a put.

use super::put;
use super::request::Request;
use crate::args::Delete;
use crate::client::Client;
use crate::exit::Failure;

/// Deletes an item.
pub(crate) fn run(args: &Delete) -> Result<(), Failure> {
    let request = Request::new("DELETE").of(&args.item).on(&args.condition).writing(&args.writing);
    let answer = Client::to(&args.target)?.post("/", &request.json())?;
    put::done(&answer, args.target.json, "deleted")
}
