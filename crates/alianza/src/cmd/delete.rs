//! `alianza delete`: deletes an item. That there was none is no error, as with a put.
//!
//! Where versions stand side by side, only those go that the deletion has seen; so whoever gives no context deletes what is
//! there now.

use super::put;
use super::request::Request;
use crate::args::Delete;
use crate::client::Client;
use crate::exit::Failure;

/// Deletes an item.
pub(crate) fn run(args: &Delete) -> Result<(), Failure> {
    let client = Client::to(&args.target)?;
    let mut writing = args.writing.clone();
    if writing.context.is_none() && args.condition.is_none() {
        let found = client.post("/", &Request::new("GET").of(&args.item).json());
        // A node that cannot read may still write; and where there is nothing, nothing has to be seen.
        writing.context = found.ok().and_then(|found| found["context"].as_str().map(str::to_owned));
    }
    let request = Request::new("DELETE").of(&args.item).on(&args.condition).writing(&writing);
    let answer = client.post("/", &request.json())?;
    put::done(&answer, args.target.json, "deleted")
}
