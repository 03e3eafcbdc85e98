//! `alianza health`: one node's word on whether it makes sense to send requests to it, for containers and scripts.
//!
//! Invariant: the exit code is 0 if and only if the node said yes.

use super::cluster::text;
use crate::args::Health;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use std::time::Duration;

/// Whoever asks this asks again soon; a node that needs longer is not well.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the node.
pub(crate) fn run(args: &Health) -> Result<(), Failure> {
    let client = Client::to_url(&args.target.url, &args.target.access, PATIENCE)?;
    let answer = client.get(if args.live { "/livez" } else { "/readyz" })?;
    if args.target.json {
        return output::print_json(&answer);
    }
    if args.live {
        return output::print("live\n");
    }
    let (name, members) = (text(&answer, "name"), &answer["members"]);
    output::print(&format!("{name} is ready; epoch {}, members of the cluster: {members}\n", answer["epoch"]))
}
