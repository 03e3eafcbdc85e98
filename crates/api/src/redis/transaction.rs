//! Transactions, which are not served: nothing of one is carried out.
//!
//! Invariant: from a refused MULTI until EXEC or DISCARD no command of the connection is carried out. Libraries send a transaction
//! in one piece and raise one error for all of it, so whoever sends it again would else have its first part made twice.

use super::table::Command;
use resp::Reply;

/// What a connection has sent of a transaction.
#[derive(Default)]
pub(crate) struct Transaction {
    /// Why MULTI was refused, if neither EXEC nor DISCARD has come since.
    refused: Option<&'static str>,
}

impl Transaction {
    /// A command was refused, for this reason: what follows MULTI belongs to it.
    pub(crate) fn refused(&mut self, command: &Command, why: &'static str) {
        if command.name == "multi" {
            self.refused = Some(why);
        }
    }

    /// What is answered to a command that is not carried out, because a refused MULTI came before it; `None` if it is carried
    /// out.
    pub(crate) fn answer(&mut self, command: &Command) -> Option<Reply> {
        let why = self.refused?;
        match command.name {
            // MULTI is refused anew; the others make an end of the connection's state.
            "multi" | "reset" | "quit" => None,
            "discard" => {
                self.refused = None;
                Some(Reply::OK)
            }
            "exec" => {
                self.refused = None;
                Some(Reply::error(format!("EXECABORT Transaction discarded because of: MULTI {why}")))
            }
            name => Some(Reply::error(format!(
                "ERR {} is not carried out, because the MULTI before it was refused; end that with EXEC, DISCARD or RESET",
                name.replace('|', " ").to_ascii_uppercase()
            ))),
        }
    }
}
