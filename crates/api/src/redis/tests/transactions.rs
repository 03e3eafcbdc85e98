//! Transactions are refused whole, also if they are sent in one piece.

use super::Client;
use crate::redis::RedisOptions;

const REFUSED: &str = "MULTI is not served, because keys live on different nodes and no order holds for several of them; send the \
                       commands in a pipeline without it (redis-py: transaction=False)\r\n";

fn not_carried_out(name: &str) -> String {
    format!(
        "-ERR {name} is not carried out, because the MULTI before it was refused; end that with EXEC, DISCARD or RESET\r\n"
    )
}

#[tokio::test]
async fn nothing_of_a_refused_transaction_is_carried_out() {
    let mut client = Client::new(RedisOptions::default()).await;
    client.send(b"MULTI\r\nINCR x\r\nnosuch\r\nCLIENT SETNAME me\r\nEXEC\r\nINCR x\r\nCLIENT GETNAME\r\n").await;
    client.expect(&format!("-ERR {REFUSED}")).await;
    client.expect(&not_carried_out("INCR")).await;
    client.expect("-ERR unknown command 'nosuch', with args beginning with: \r\n").await;
    client.expect(&not_carried_out("CLIENT SETNAME")).await;
    client.expect(&format!("-EXECABORT Transaction discarded because of: {REFUSED}")).await;
    client.expect(":1\r\n$-1\r\n").await;
}

#[tokio::test]
async fn a_refused_transaction_can_be_ended_without_exec() {
    let mut client = Client::new(RedisOptions::default()).await;
    for (end, reply) in [("DISCARD", "+OK\r\n"), ("RESET", "+RESET\r\n")] {
        // Twice, as by two users of one connection.
        client.ask("MULTI", &format!("-ERR {REFUSED}")).await;
        client.ask("MULTI", &format!("-ERR {REFUSED}")).await;
        client.ask("GET x", &not_carried_out("GET")).await;
        client.ask(end, reply).await;
        client.ask("GET x", "$-1\r\n").await;
    }
    client.send(b"MULTI\r\nSET x 1\r\nQUIT\r\n").await;
    assert_eq!(client.rest().await, format!("-ERR {REFUSED}{}+OK\r\n", not_carried_out("SET")));
}

#[tokio::test]
async fn exec_and_discard_are_refused_where_there_was_no_multi() {
    let mut client = Client::new(RedisOptions::default()).await;
    for name in ["EXEC", "DISCARD"] {
        client.ask(name, &format!("-ERR {}", REFUSED.replace("MULTI", name))).await;
    }
    client.ask("INCR x", ":1\r\n").await;
}
